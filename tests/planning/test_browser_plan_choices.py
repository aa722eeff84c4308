"""Years and money, trade-offs and losses of a plan in a real browser: drawn, accessible, by keyboard, fitting a phone."""

import pytest
from playwright.sync_api import expect

from core.services import jobs
from planning.services import fronts, plan_losses, plan_years
from tests.planning.test_plan_years import FUNDS, YEARS
from tests.planning.test_plans import suggested


@pytest.fixture
def version(transactional_db, priced, compute):
    """A plan with years and money, trade-offs and losses."""
    found = suggested(priced, compute(priced), 70_000)
    jobs.perform(plan_years.phase_again(user=None, version=found, years=YEARS, funds=FUNDS).ref)
    jobs.perform(fronts.start_front(user=None, version=found, time_limit_seconds=5).job.ref)
    for job in plan_losses.start_losses(user=None, version=found):
        jobs.perform(job.ref)
    return found


def show(page, address):
    page.goto(address)
    if page.locator("#map").count():
        page.wait_for_selector("body[data-ready]", timeout=30_000)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_three_pages_are_accessible_and_fit_a_phone(version, person, open_page, axe, language):
    lin, base = person("lin", "planner"), f"/plans/{version.plan.ref}/"
    wide = open_page(user=lin, language=language)
    narrow = open_page(user=lin, language=language, width=400, height=860)
    for address in (base + "years/", base + "trade-offs/", base + "losses/"):
        show(wide, address)
        assert axe(wide) == [], address
        show(narrow, address)
        assert narrow.evaluate("document.documentElement.scrollWidth") <= 400, address
    assert wide.problems == [] and wide.outside_calls == []


def test_years_are_drawn_by_source_with_the_curve(version, person, open_page):
    page = open_page(user=person("lin", "planner"))
    show(page, f"/plans/{version.plan.ref}/years/")
    expect(page.locator("[data-stack] rect")).to_have_count(2)  # local in 2027, the bond in 2028
    expect(page.locator("[data-stack] line.limit")).to_have_count(2)
    expect(page.locator("[data-steps] path")).to_have_count(2)


def test_a_point_is_chosen_by_mouse_and_keyboard_compared_and_made_a_version(version, person, open_page):
    page = open_page(user=person("lin", "planner"))
    show(page, f"/plans/{version.plan.ref}/trade-offs/?point=1")
    dots = page.locator("#front-chart .dot")
    count = dots.count()
    assert count >= 4 and page.locator("#front-table tbody tr").count() == count
    expect(page.locator("#front-title")).to_contain_text("Plan 1:")
    page.locator("#front-chart [data-dot='1']").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#front-title")).to_contain_text("Plan 2:")
    expect(page.locator("#front-chart [data-dot='2']")).to_be_focused()
    assert "point=2" in page.url
    page.locator("#front-with").select_option("1")
    expect(page.locator("[data-two]").first).to_be_visible()
    page.locator("#front-places").evaluate("list => list.closest('details').open = true")
    expect(page.locator("#front-places li").first).to_contain_text("in ")
    page.locator(f"[data-choose='{count}']").click()
    expect(page.locator(f"#front-table tr[data-point='{count}']")).to_have_attribute("aria-selected", "true")
    page.locator("[data-choose='1']").click()
    page.locator("#front-make").click()
    page.wait_for_url("**/?version=2")


def test_a_critical_place_lights_on_the_map_and_the_map_tells_both_sides(version, person, open_page):
    page = open_page(user=person("lin", "planner"))
    show(page, f"/plans/{version.plan.ref}/losses/")
    row = page.locator("#loss-table tr[data-place='1']")
    row.hover()
    expect(row).to_have_attribute("aria-selected", "true")
    page.get_by_label("Today").check()
    expect(page.get_by_label("Today")).to_be_checked()
    assert page.problems == []
