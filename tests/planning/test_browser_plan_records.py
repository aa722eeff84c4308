"""By area, side by side, comments, files and record of a plan in a real browser: accessible in both languages, by keyboard,
on a narrow screen."""

from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect

from planning.models import PlanComment
from planning.services.plan_comments import add_comment
from planning.services.plan_freeze import freeze_version
from tests.planning.versions import two_versions


@pytest.fixture
def plan(transactional_db: None, priced: SimpleNamespace, compute: Any) -> SimpleNamespace:
    priced.a, priced.b = two_versions(priced, compute(priced))
    priced.ref = priced.a.plan.ref
    return priced


def addresses(plan: SimpleNamespace) -> list[str]:
    url = f"/plans/{plan.ref}"
    return [
        f"{url}/areas/?version=1",
        f"{url}/compare/?version=1",
        f"{url}/compare/?version=1&with={plan.ref}:2",
        f"{url}/comments/?version=1",
        f"{url}/files/?version=1",
    ]


def show(page: Any, address: str) -> None:
    page.goto(address)
    if page.locator("#map-config").count():
        page.wait_for_selector("body[data-ready]", timeout=30_000)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_is_accessible_and_asks_nobody_outside(
    plan: SimpleNamespace, person: Any, open_page: Any, axe: Any, language: str
) -> None:
    lin = person("lin", "planner")
    add_comment(user=lin, version=plan.a, text="Why here?", order=1)
    freeze_version(user=lin, version=plan.a)
    page = open_page(user=lin, language=language)
    for address in addresses(plan):
        show(page, address)
        assert axe(page) == [], address
    assert page.problems == [] and page.outside_calls == []


def test_no_page_scrolls_sideways_on_a_narrow_screen(
    plan: SimpleNamespace, person: Any, open_page: Any
) -> None:
    lin = person("lin", "planner")
    add_comment(user=lin, version=plan.a, text="x" * 300)
    page = open_page(user=lin, width=400, height=800)
    for address in addresses(plan):
        show(page, address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, address


def test_streets_and_districts_fold_by_keyboard(plan: SimpleNamespace, person: Any, open_page: Any) -> None:
    from core.models import Area
    from planning.models import AreaResult

    street = Area.objects.create(
        city=plan.city, code="T11", name="街", name_en="First Street", level=3, parent=plan.left, path=plan.left.path + "T11/",
        geometry=plan.left.geometry, label_point=plan.left.label_point,
    )  # fmt: skip
    for row in AreaResult.objects.filter(area=plan.left):
        row.pk, row.area = None, street
        row.save()
    page = open_page(user=person("lin", "planner"))
    show(page, addresses(plan)[0])
    inside = page.get_by_text("First Street")
    expect(inside).to_be_hidden()
    button = page.get_by_role("button", name="West")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(inside).to_be_visible()
    page.get_by_role("button", name="Hide streets").click()
    expect(inside).to_be_hidden()


def test_a_comment_pressed_twice_is_said_once_and_then_answered(
    plan: SimpleNamespace, person: Any, open_page: Any
) -> None:
    page = open_page(user=person("wang", "reviewer"))
    show(page, addresses(plan)[3])
    page.get_by_label("Comment", exact=True).fill("Is this near the river?")
    page.get_by_label("About").select_option("1")
    page.get_by_role("button", name="Say it").dblclick()
    page.wait_for_load_state()
    expect(page.locator(".talk .words")).to_have_count(1)
    assert PlanComment.objects.count() == 1
    expect(page.locator(".run-tabs [aria-current]")).to_contain_text("1")
    page.get_by_role("button", name="Mark as answered").click()
    expect(page.locator(".talk .tag")).to_have_text("answered")
    assert page.problems == []


def test_pins_tell_whose_they_are_and_the_filter_keeps_the_pair(
    plan: SimpleNamespace, person: Any, open_page: Any
) -> None:
    page = open_page(user=person("lin", "planner"))
    show(page, addresses(plan)[2])
    page.get_by_role("link", name="Only in A 1").click()
    expect(page.locator(".steps tbody tr")).to_have_count(1)
    expect(page.locator(".steps")).to_contain_text("only in A")
    assert f"with={plan.ref}%3A2" in page.url or f"with={plan.ref}:2" in page.url
    page.get_by_role("link", name="Swap A and B").click()
    expect(page.locator("h1")).to_contain_text("more than A")
    assert page.problems == []
