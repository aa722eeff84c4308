"""Lin plans: from the first page to a frozen plan, through a real worker, without leaving the browser."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from planning.models import Plan, Run, Scenario
from tests.planning.town import SERVICE


def states_of(run: Run) -> tuple[int, int]:
    row = run.totals[0]
    return row["need"], row["served"] + row["late"] + row["no_room"] + row["out_of_reach"]


def test_lin_runs_a_scenario_asks_why_and_freezes_a_plan(
    town: Any, at_work: Any, person: Any, open_page: Any, axe: Any, show: Any
) -> None:
    page = open_page(user=person("lin", "planner"))
    show(page, "/")
    expect(page.get_by_text("Nothing has been run for this city yet.")).to_be_visible()
    page.get_by_role("link", name="Open the map").click()

    # the first run, with the standard's own reach
    page.wait_for_selector("body[data-ready]")
    page.locator("#run").click()
    expect(page.locator("#reading h1")).to_contain_text("places", timeout=60_000)
    first = Run.objects.filter(time_of_day="night").latest("id")
    assert states_of(first) == (115, 115) and first.totals[0]["served"] == 60

    # another reach: stale until Run, then a new run at the same place in the address
    page.locator("#dock").get_by_text("1,000 m").click()
    expect(page.locator("#main")).to_have_class(re.compile("is-stale"))
    page.locator("#run").click()
    expect(page.locator("#reading h1")).to_contain_text("within 1,000 m", timeout=60_000)
    expect(page.locator("#main")).not_to_have_class(re.compile("is-stale"))
    shown = Run.objects.get(ref=re.search(r"run=([\w-]+)", page.url)[1])
    assert shown.reach_overrides == {SERVICE: 1000.0} and states_of(shown)[0] == states_of(shown)[1]
    page.go_back()
    expect(page.locator("#reading h1")).to_contain_text("within 500 m")

    # day and night are one switch for sentence, table and address
    page.locator("#time-switch").get_by_text("Night").click()
    expect(page.locator("#reading h1")).to_contain_text("by night")
    assert axe(page) == []

    # why this number
    page.locator("#twin tbody tr[data-area=T1] a").click()
    page.wait_for_url(f"**/gaps/T1/{SERVICE}/**")
    page.wait_for_load_state("networkidle")
    expect(page.locator("h1")).to_contain_text("West")
    assert axe(page) == []

    # what, how much, where, under a budget
    page.goto("/plans/new/")
    page.get_by_label("Name of the plan").fill("First plan")
    page.get_by_label(re.compile("^Budget")).fill("0.01")
    page.get_by_role("button", name="Suggest sites").click()
    page.wait_for_url("**/plans/P-**")
    expect(page.locator(".changes .ch[data-order]").first).to_be_visible(timeout=60_000)
    page.wait_for_selector("body[data-ready]")
    plan = Plan.objects.get()
    version = plan.versions.get()
    listed = page.locator(".changes .ch[data-order]").count()
    assert listed == version.interventions.count() > 0
    assert sum(one.cost_fen for one in version.interventions.all()) == version.cost_fen <= version.budget_fen
    assert axe(page) == []
    page.get_by_role("button", name="Freeze version 1").click()
    expect(page.get_by_text("Version 1, frozen").first).to_be_visible()
    expect(page.get_by_role("button", name="Freeze version 1")).to_have_count(0)

    # the same page in the other language
    page.get_by_role("button", name="简体中文").click()
    page.wait_for_selector("html[lang=zh-hans]")
    assert f"/plans/{plan.ref}/" in page.url
    expect(page.get_by_text("变更清单").first).to_be_visible()
    assert page.problems == [] and page.outside_calls == []


def test_lin_adds_a_scenario_and_a_missing_rate_is_named_on_the_map(
    town: Any, at_work: Any, person: Any, open_page: Any, show: Any
) -> None:
    page = open_page(user=person("lin", "planner"))
    show(page, "/scenarios/")
    page.get_by_role("link", name="Add a scenario").first.click()
    page.get_by_label("Name", exact=True).fill("台风")
    page.locator("#id_name_en").fill("Typhoon")
    page.locator("#id_hazard").select_option(index=1)
    page.locator("#id_affected_percent").fill("")
    page.locator("#id_displaced_percent").fill("20")
    page.locator("[name=services]").first.check()
    for box in page.locator("[name=times_of_day]").all():
        box.check()
    page.locator("#id_rate_source").fill("Typhoon plan of the province")
    page.locator("#id_rate_certainty").select_option("D")
    page.get_by_role("button", name="Add the scenario").click()
    page.wait_for_url("**/scenarios/S-**", timeout=5_000)
    typhoon = Scenario.objects.get(name_en="Typhoon")
    show(page, f"/map/?scenario={typhoon.ref}")
    page.locator("#run").click()
    expect(page.locator("#running-box [role=alert]")).to_contain_text("Refused")
    assert not Run.objects.filter(scenario=typhoon, state="done").exists()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_map_can_be_used_with_the_keyboard_alone(
    town: Any, person: Any, open_page: Any, show: Any, language: str
) -> None:
    page = open_page(user=person("lin", "planner"), language=language)
    show(page, "/map/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    reached = set()
    for _step in range(60):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => { const one = document.activeElement, style = getComputedStyle(one);
              const label = one.closest('label')?.querySelector('span');
              const ring = label ? getComputedStyle(label) : style;
              return [one.id || one.name || one.tagName,
                style.outlineStyle !== 'none' || ring.outlineStyle !== 'none' || style.boxShadow !== 'none' || ring.boxShadow !== 'none']; }"""
        )
        reached.add(found[0])
        assert found[1] or found[0] == "BODY", f"no visible focus on {found[0]}"
    assert {"scenario", "profile", "reach", "assignment", "zoom-in"} <= reached
