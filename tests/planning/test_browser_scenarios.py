"""The composer of scenarios in a real browser: draw, see who is inside, save, run."""

from typing import Any

import pytest
from playwright.sync_api import expect

from planning.models import Run, Scenario
from planning.services import scenarios
from tests.planning.test_scenarios import flood, ground, told


def show(page: Any, address: str) -> None:
    page.goto(address)
    if page.locator("#map-config").count():
        page.wait_for_selector("body[data-ready]", timeout=30_000)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_ground_is_drawn_people_appear_and_the_scenario_is_saved_and_run(
    transactional_db: None, town: Any, person: Any, open_page: Any, axe: Any, language: str
) -> None:
    page = open_page(user=person("lin", "planner"), language=language)
    show(page, "/scenarios/new/")
    inside = page.locator("#inside")
    expect(inside).to_contain_text("230")
    page.locator("#id_name").fill("暴雨")
    page.locator("#id_name_en").fill("Storm")
    page.locator("#id_hazard").select_option("flood")
    page.locator("#id_extent").select_option("drawn")
    page.locator("[data-draw=Polygon]").click()
    box = page.locator("#map canvas").bounding_box()
    for across, down in ((0.02, 0.3), (0.98, 0.3), (0.98, 0.7), (0.02, 0.7)):
        page.mouse.click(box["x"] + box["width"] * across, box["y"] + box["height"] * down)
    expect(inside).to_contain_text("230")
    page.locator("[data-draw=clear]").click()
    expect(inside).not_to_contain_text("230")
    # What can be clicked can be typed.
    page.locator("#id_drawn").fill(str(ground(-60, 460)).replace("'", '"'))
    page.locator("#id_affected_percent").fill("50")
    page.locator("#id_displaced_percent").fill("25")
    page.locator("[name=services]").first.check()
    page.locator("#id_rate_source").fill("survey")
    expect(inside.locator("tbody").first).to_contain_text("160")
    expect(inside).to_contain_text("80")
    assert axe(page) == []
    page.locator("#compose button.main").click()
    page.wait_for_url("**/scenarios/S-**", timeout=10_000)
    made = Scenario.objects.get(name_en="Storm")
    assert made.drawn is not None and made.displaced_share == 0.25
    page.wait_for_selector("body[data-ready]", timeout=30_000)
    expect(page.locator(".chain").nth(1)).to_contain_text("160")
    assert axe(page) == []
    page.locator(f"form[action$='/{made.ref}/run/'] button").click()
    page.wait_for_url("**/jobs/**", timeout=10_000)
    assert Run.objects.filter(scenario=made).exists()
    assert page.problems == [] and page.outside_calls == []


def test_another_layer_brings_its_classes_and_keeps_what_was_typed(
    transactional_db: None, town: Any, person: Any, open_page: Any
) -> None:
    flood(town)
    page = open_page(user=person("lin", "planner"))
    show(page, "/scenarios/new/")
    page.locator("#id_affected_percent").fill("33")
    page.locator("#id_hazard_layer").select_option("flood")
    page.locator("#id_extent").select_option("zones")
    deep = page.get_by_label("deep Leave home, likely")
    expect(deep).to_be_visible()
    expect(page.locator("#id_affected_percent")).to_have_value("33")
    expect(page.locator("#inside")).to_contain_text("160")
    deep.fill("60")
    page.locator("#id_rate_source").fill("survey")
    assert page.problems == []


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_of_scenarios_are_accessible_and_fit_a_phone(
    transactional_db: None, town: Any, person: Any, open_page: Any, axe: Any, language: str
) -> None:
    layer = flood(town)
    made = scenarios.create_told(
        user=None, city=town.city, told=told(extent="zones", hazard_layer=layer.code)
    )
    scenarios.update_told(user=None, scenario=made, version=1, told={"notes": "x"})
    lin = person("lin", "planner")
    wide, narrow = open_page(user=lin, language=language), open_page(user=lin, language=language, width=400, height=860)  # fmt: skip
    for address in ("", "new/?template=flood", "new/?template=earthquake_damage", f"{made.ref}/", f"{made.ref}/edit/", f"{made.ref}/versions/"):  # fmt: skip
        show(wide, f"/scenarios/{address}")
        assert axe(wide) == [], address
        show(narrow, f"/scenarios/{address}")
        assert narrow.evaluate("document.documentElement.scrollWidth") <= 400, address
    assert wide.problems == [] and wide.outside_calls == []
