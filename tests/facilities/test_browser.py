"""The registry in a real browser: nothing serious for axe, nothing broken, both languages, narrow screens."""

from typing import Any

import pytest


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_list_record_and_forms_are_accessible_and_whole(
    transactional_db: None, open_page: Any, axe: Any, person: Any, facility: Any, language: str
) -> None:
    gym = facility("gym", area_m2=4_000, name="青羊体育馆")
    facility("hotel", rooms=80, lon=104.15)
    sun = person("sun", "steward")
    page = open_page(user=sun, language=language)
    for address in (
        "/facilities/",
        "/facilities/?use=gym",
        f"/facilities/{gym.ref}/",
        f"/facilities/{gym.ref}/edit/",
        "/facilities/import/",
    ):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert axe(page) == [], address
    assert page.problems == [] and page.outside_calls == []


def test_ticking_a_filter_filters_and_its_pill_takes_it_away(
    transactional_db: None, open_page: Any, person: Any, facility: Any
) -> None:
    facility("gym", area_m2=4_000)
    facility("hotel", rooms=80)
    page = open_page(user=person("sun", "steward"))
    page.goto("/facilities/")
    page.get_by_role("checkbox", name="Hotel").check()
    page.wait_for_url("**use=hotel**")
    assert page.locator("tbody tr").count() == 1
    page.locator(".pill", has_text="Hotel").click()
    page.wait_for_function("document.querySelectorAll('tbody tr').length === 2")


def test_no_page_scrolls_sideways_on_a_phone(
    transactional_db: None, open_page: Any, person: Any, facility: Any
) -> None:
    gym = facility("gym", area_m2=4_000)
    page = open_page(user=person("sun", "steward"), width=400)
    for address in ("/facilities/", f"/facilities/{gym.ref}/", f"/facilities/{gym.ref}/edit/"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, address
