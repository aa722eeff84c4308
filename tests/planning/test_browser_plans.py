"""The page of a plan in a real browser: rows and pins light each other, cards open, changes are collected."""

import re

import pytest
from playwright.sync_api import expect

from core.services import jobs
from planning.models import PlanVersion
from planning.services import explanations
from tests.planning.test_plans import suggested


@pytest.fixture
def version(transactional_db, priced, compute):
    found = suggested(priced, compute(priced), 70_000)
    job = explanations.start(user=None, version=found)
    jobs.perform(job.ref)
    return found


def show(page, address):
    page.goto(address)
    if page.locator("#map-config").count():
        page.wait_for_selector("body[data-ready]", timeout=30_000)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_plan_card_and_list_are_accessible_and_fit_a_phone(version, person, open_page, axe, language):
    lin = person("lin", "planner")
    wide = open_page(user=lin, language=language)
    narrow = open_page(user=lin, language=language, width=400, height=860)
    for address in (
        f"/plans/{version.plan.ref}/",
        f"/plans/{version.plan.ref}/?version=1&order=2",
        f"/plans/{version.plan.ref}/rejected/",
    ):
        show(wide, address)
        assert axe(wide) == [], address
        show(narrow, address)
        assert narrow.evaluate("document.documentElement.scrollWidth") <= 400, address
    assert wide.problems == [] and wide.outside_calls == []


def test_a_row_lights_its_pin_and_a_pin_its_row(version, person, open_page):
    page = open_page(user=person("lin", "planner"))
    show(page, f"/plans/{version.plan.ref}/")
    first, second = page.locator("[data-order='1']"), page.locator("[data-order='2']")
    first.hover()
    expect(first).to_have_attribute("aria-current", "true")
    page.locator("[data-order='2'] [data-card]").focus()
    expect(second).to_have_attribute("aria-current", "true")
    one = version.interventions.get(order=1)
    # a click on the row centres the map on its place, so the pin lies in the middle then
    first.locator(".num").first.click()
    expect(page.locator("#card h3")).to_contain_text(one.name_en)
    page.locator("#card [data-card-close]").click()
    expect(page.locator("#card")).to_be_hidden()
    page.wait_for_timeout(900)
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
    expect(first).to_have_attribute("aria-current", "true")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#card h3")).to_contain_text(one.name_en)
    assert "order=1" in page.url and page.problems == []


def test_the_card_opens_and_closes_by_keyboard(version, person, open_page):
    page = open_page(user=person("lin", "planner"))
    show(page, f"/plans/{version.plan.ref}/")
    link = page.locator("[data-order='3'] [data-card]")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#card-head")).to_be_focused()
    expect(page.locator("[data-order='3']")).to_have_attribute("aria-current", "true")
    page.keyboard.press("Escape")
    expect(page.locator("#card")).to_be_hidden()
    expect(link).to_be_focused()


def test_ban_lock_and_solve_again_from_card_and_list(version, person, open_page):
    page = open_page(user=person("lin", "planner"))
    show(page, f"/plans/{version.plan.ref}/")
    page.locator("[data-order='1'] [data-card]").click()
    page.locator("#card").get_by_role("button", name="Ban").click()
    expect(page.locator("#basket")).to_contain_text("ban")
    expect(page.locator("#mark-1")).to_have_text("to ban")
    expect(page.locator("#card").get_by_role("button", name="Ban")).to_have_attribute("aria-pressed", "true")
    page.locator(".run-tabs").get_by_text("Not chosen").click()
    row = page.locator("tbody tr", has_text="Place 4")
    row.get_by_role("button", name="Lock").click()
    expect(row.get_by_role("button", name="Lock")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#basket")).to_contain_text("Place 4")
    page.get_by_role("button", name="Re-solve with these").click()
    page.wait_for_url(re.compile("version=2"))
    new = PlanVersion.objects.get(plan=version.plan, number=2)
    assert new.question["banned"] == [version.facts["keys"][0]] and len(new.question["must"]) == 1
    assert page.problems == []
