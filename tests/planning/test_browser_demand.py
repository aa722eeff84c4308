"""The demand page and the ranges beside numbers in a real browser: accessible, in both languages, on a phone and at 400 %."""

import re

import pytest

from planning.models import Standard
from tests.planning.test_demand import ranged, told  # noqa: F401
from tests.planning.town import SERVICE, publish, standard


@pytest.fixture
def run(transactional_db, told, compute):  # noqa: F811
    Standard.objects.filter(profile=told.profile).update(phase="h0_24")
    standard(told.profile, told.service, phase="d4_15", ratio=0.5)
    publish(told.profile)
    told.run, told.day = compute(told, ["night", "day"])
    ranged(told.run, told)
    return told


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_need_and_its_ranges_are_drawn_accessible_and_fit_a_phone(run, person, open_page, axe, language):
    ref = run.run.ref
    addresses = (
        f"/runs/{ref}/demand/",
        f"/runs/{ref}/demand/?level=1&level=2&part=whole&part=phase&part=group&ordering=-need",
        f"/runs/{ref}/",
        f"/gaps/?run={ref}",
        f"/gaps/T1/{SERVICE}/?run={ref}",
        f"/map/?run={ref}",
    )
    wide = open_page(user=person("lin", "planner"), language=language)
    for address in addresses:
        wide.goto(address)
        assert wide.locator(".range").first.is_visible(), address
        assert axe(wide) == [], address
    # 320 points are 1280 at 400 %
    wide.set_viewport_size({"width": 320, "height": 640})
    for address in addresses[:5]:
        wide.goto(address)
        sideways = wide.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert sideways <= 0, address


def test_a_table_with_ranges_is_still_sorted_by_its_numbers(run, person, open_page):
    page = open_page(user=person("lin", "planner"), language="en")
    page.goto(f"/runs/{run.run.ref}/")
    names = page.locator("table.close tbody tr td:first-child")
    assert names.all_inner_texts() == ["East", "West"]
    page.locator("table.close button.sort", has_text=re.compile("^Need$")).click()
    assert names.all_inner_texts() == ["West", "East"]
