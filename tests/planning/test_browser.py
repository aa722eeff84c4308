"""The map, the gaps and the plan in a real browser: drawn, linked, accessible, in both languages and narrow."""

import re

import pytest
from playwright.sync_api import expect

from core.models import Job
from core.services import jobs
from planning.models import CostRate
from planning.services import plans
from planning.services.analyses import start_analysis
from tests.planning.streets import add_streets
from tests.planning.town import SERVICE


@pytest.fixture
def ran(transactional_db, town, compute):
    town.night, town.day = compute(town, ["night", "day"])
    return town


@pytest.fixture
def plan(ran):
    CostRate.objects.create(
        service=ran.service,
        kind="stock",
        fixed_fen=5_000,
        per_unit_fen=100,
        hours=24,
        source="worked example",
    )
    version = plans.suggest_plan(
        user=None,
        city=ran.city,
        runs=[ran.night],
        budget_fen=9_000,
        name="首个方案",
        name_en="First plan",
        time_limit_seconds=5,
    )
    jobs.perform(version.job.ref)
    return version.plan


def show(page, address):
    page.goto(address)
    if page.locator("#map-config").count():
        page.wait_for_selector("body[data-ready]", timeout=30_000)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_shape_is_drawn_and_accessible(plan, ran, person, open_page, axe, language):
    page = open_page(user=person("lin", "planner"), language=language)
    for address in (
        "/",
        "/map/",
        "/gaps/",
        f"/gaps/T1/{SERVICE}/",
        f"/plans/{plan.ref}/",
        "/plans/new/",
        "/help/standards/",
    ):
        show(page, address)
        assert axe(page) == [], address
    assert page.problems == [] and page.outside_calls == []


def test_no_page_scrolls_sideways_on_a_phone(plan, ran, person, open_page):
    page = open_page(user=person("lin", "planner"), width=400, height=860)
    for address in (
        "/",
        "/map/",
        "/gaps/",
        f"/gaps/T1/{SERVICE}/",
        f"/plans/{plan.ref}/",
        f"/runs/{ran.night.ref}/",
        "/standards/worked/",
    ):
        show(page, address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, address


def test_the_time_switch_moves_sentence_table_and_address_together(ran, person, open_page):
    page = open_page(user=person("lin", "planner"))
    show(page, f"/map/?run={ran.night.ref}")
    expect(page.locator("#reading h1")).to_contain_text("55 places")
    page.locator("#time-switch").get_by_text("Day").click()
    page.wait_for_url(f"**run={ran.day.ref}**")
    expect(page.locator("#twin tfoot")).to_contain_text("65")
    page.go_back()
    expect(page.locator("#reading h1")).to_contain_text("by night")


def test_a_row_picks_its_area_and_the_card_says_the_four_states(ran, person, open_page):
    page = open_page(user=person("lin", "planner"))
    show(page, f"/map/?run={ran.night.ref}")
    page.locator("tr[data-area=T1] td.num").first.click()
    page.wait_for_url("**area=T1**")
    expect(page.locator("#card h3")).to_contain_text("West")
    expect(page.locator("#card")).to_contain_text("80")
    expect(page.locator("tr[data-area=T1]")).to_have_attribute("aria-selected", "true")


def test_changed_settings_grey_the_map_until_run_and_then_show_the_new_run(ran, person, open_page):
    page = open_page(user=person("lin", "planner"))
    show(page, f"/map/?run={ran.night.ref}&show=coverage")
    expect(page.locator("#run")).to_be_disabled()
    page.locator("#dock").get_by_text("1,000 m").click()
    expect(page.locator("#main")).to_have_class("stage is-stale")
    expect(page.locator("#run-note")).to_contain_text("1,000 m")
    page.locator("#run").click()
    expect(page.locator("#running-box .prog")).to_be_visible()
    jobs.perform(Job.objects.order_by("-id").first().ref)
    expect(page.locator("#main")).to_have_class("stage", timeout=15_000)
    expect(page.locator("#reading h1")).to_contain_text("within 1,000 m")
    assert "show=coverage" in page.url and f"run={ran.night.ref}" not in page.url
    assert page.problems == []


def test_the_language_switch_keeps_run_service_and_what_is_shown(ran, person, open_page):
    page = open_page(user=person("lin", "planner"))
    show(page, f"/map/?run={ran.night.ref}")
    page.locator(".on.tl").get_by_text("Coverage").click()
    page.wait_for_url("**show=coverage**")
    page.get_by_role("button", name="简体中文").click()
    page.wait_for_selector("html[lang=zh-hans] body[data-ready]")
    assert f"run={ran.night.ref}" in page.url and "show=coverage" in page.url
    assert page.locator("input[name=show][value=coverage]").is_checked()


@pytest.fixture
def over_hours(ran):
    for kind in ("hours", "loss", "backup", "access", "equity"):
        _analysis, job = start_analysis(user=None, run=ran.night, kind=kind)
        jobs.perform(job.ref)
    return ran


def test_the_slider_moves_colours_sentence_table_and_address_without_loading_a_page(
    over_hours, person, open_page
):
    page = open_page(user=person("lin", "planner"))
    show(page, f"/map/?run={over_hours.night.ref}")
    page.locator("#show-switch").get_by_text("After activation").click()
    page.wait_for_url("**show=hour**")
    expect(page.locator("#reading h1")).to_contain_text("1 h after activation 0 of 115 places are served")
    page.evaluate("window.stays = true")
    slider = page.locator("#hour-slider")
    slider.focus()
    slider.press("End")
    expect(page.locator("#reading h1")).to_contain_text(
        "72 h after activation 60 of 115 places are served, 52.2"
    )
    page.wait_for_url("**hour=72**")
    expect(slider).to_have_attribute("aria-valuetext", "72 h after activation, 52\u00a0% of the need served")
    expect(page.locator(".hour-table tfoot [data-now]")).to_contain_text("60")
    expect(page.locator("#legend-title")).to_have_text("Coverage after 72 h, share of need")
    slider.press("ArrowLeft")
    slider.press("ArrowLeft")
    expect(page.locator("#reading h1")).to_contain_text("6 h after activation 0 of")
    page.locator("#hours").get_by_text("24 h").click()
    expect(slider).to_have_value("3")
    assert page.evaluate("window.stays") is True and "hour=24" in page.url
    page.locator("#show-switch").get_by_text("Gap", exact=True).click()
    expect(page.locator("#reading h1")).to_contain_text("fall short")
    assert "hour=" not in page.url and page.problems == [] and page.outside_calls == []


def test_an_address_with_an_hour_opens_on_that_hour(over_hours, person, open_page):
    page = open_page(user=person("lin", "planner"))
    show(page, f"/map/?run={over_hours.night.ref}&show=hour&hour=24")
    expect(page.locator("#hour-slider")).to_have_value("3")
    expect(page.locator("#reading h1")).to_contain_text("24 h after activation 60 of 115")
    assert page.locator("input[name=show][value=hour]").is_checked()
    assert page.problems == []


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_of_analyses_are_drawn_accessible_and_fit_a_phone(
    over_hours, person, open_page, axe, language
):
    lin, ref = person("lin", "planner"), over_hours.night.ref
    addresses = [f"/runs/{ref}/analyses/{kind}/" for kind in ("hours", "loss", "backup", "access", "equity")]
    addresses += [
        f"/runs/{ref}/facilities/{over_hours.places[0].ref}/{SERVICE}/",
        f"/map/?run={ref}&show=hour&hour=24",
        f"/map/?run={ref}&show=backup",
        f"/map/?run={ref}&show=access",
    ]
    wide, narrow = (
        open_page(user=lin, language=language),
        open_page(user=lin, language=language, width=400, height=860),
    )
    for address in addresses:
        show(wide, address)
        assert axe(wide) == [], address
        show(narrow, address)
        assert narrow.evaluate("document.documentElement.scrollWidth") <= 400, address
    for kind in ("hours", "lorenz"):
        wide.goto(addresses[0 if kind == "hours" else 4])
        expect(wide.locator(f"[data-{kind}] svg path.strong")).to_have_count(1)
    assert wide.problems == [] and wide.outside_calls == []


def test_a_line_is_drawn_by_clicks_and_closes_the_street_it_crosses(
    transactional_db, town, person, open_page, axe
):
    add_streets(town)
    page = open_page(user=person("lin", "planner"))
    show(page, f"/scenarios/{town.scenario.ref}/roads/")
    page.get_by_label("Streets along a drawing").check()
    page.get_by_role("button", name="Line", exact=True).click()
    box = page.locator("#map canvas").bounding_box()
    for part in (0.35, 0.65):
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * part)
    field = page.locator("#id_geometry")
    expect(field).to_have_value(re.compile(r'"LineString"'))
    assert axe(page) == []
    page.get_by_role("button", name="Add the rule").click()
    expect(page.get_by_role("cell", name="within 20 m of a drawing")).to_be_visible()
    expect(page.get_by_text(re.compile("km are closed"))).to_be_visible()
    town.scenario.refresh_from_db()
    (rule,) = town.scenario.road_rules
    assert rule["geometry"]["type"] == "LineString" and len(rule["geometry"]["coordinates"]) == 2
    assert "On today's roads 0.0 km" not in page.content()
    assert page.problems == [] and page.outside_calls == []
