"""Asking in a real browser, with a real worker: sections, places, the search as it runs, keeping the best, no plan."""

import pytest
from playwright.sync_api import expect

from core.services import jobs
from planning.choices import VersionState
from planning.models import PlanVersion
from planning.services import plans
from tests.planning.town import publish


@pytest.fixture
def ran(transactional_db, priced, compute):
    priced.night, priced.day = compute(priced, ["night", "day"])
    publish(priced.profile)
    return priced


def _unfold(page):
    page.evaluate("document.querySelectorAll('details.fold').forEach(one => { one.open = true; })")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_question_is_accessible_folded_and_unfolded(ran, person, open_page, axe, language):
    page = open_page(user=person("lin", "planner"), language=language)
    page.goto("/plans/new/")
    assert axe(page) == []
    _unfold(page)
    page.locator("#seek-places").press_sequentially("4")
    expect(page.locator("#found-places li").first).to_be_visible()
    assert axe(page) == [] and page.problems == [] and page.outside_calls == []


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_nothing_scrolls_sideways_on_a_phone(ran, person, open_page, language):
    none = plans.suggest_plan(
        user=None, city=ran.city, runs=[ran.night, ran.day], budget_fen=20_000, name="一个名字很长的方案用来看看它是否放得下",
        question={"target": 0.9},
    )  # fmt: skip
    jobs.perform(none.job.ref)
    waits = plans.suggest_plan(user=None, city=ran.city, runs=[ran.night], budget_fen=21_000, name="P")
    PlanVersion.objects.filter(pk=waits.pk).update(trail=[[1, 2.0, 90.0], [2, 40.0, 60.0], [9, 50.0, 55.0]])
    page = open_page(user=person("lin", "planner"), language=language, width=400, height=860)
    for address in (
        "/plans/new/",
        f"/plans/{none.plan.ref}/",
        f"/plans/{none.plan.ref}/question/",
        f"/plans/{waits.plan.ref}/",
    ):
        page.goto(address)
        _unfold(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, address


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_without_a_plan_are_accessible(ran, person, open_page, axe, language):
    none = plans.suggest_plan(
        user=None, city=ran.city, runs=[ran.night], budget_fen=20_000, name="P", question={"target": 0.9}
    )
    jobs.perform(none.job.ref)
    waits = plans.suggest_plan(user=None, city=ran.city, runs=[ran.night], budget_fen=21_000, name="P")
    PlanVersion.objects.filter(pk=waits.pk).update(trail=[[1, 2.0, 90.0], [2, 40.0, 60.0]])
    page = open_page(user=person("lin", "planner"), language=language)
    for address in (
        f"/plans/{none.plan.ref}/",
        f"/plans/{none.plan.ref}/question/",
        f"/plans/{waits.plan.ref}/",
    ):
        page.goto(address)
        assert axe(page) == [], address
    assert page.problems == []


def test_a_place_is_named_a_limit_gives_way_and_a_plan_comes(ran, person, open_page, start_worker, tmp_path):
    start_worker(VAR_DIR=str(tmp_path))
    page = open_page(user=person("lin", "planner"))
    page.goto("/plans/new/")
    page.get_by_label("Name of the plan").fill("Must")
    page.get_by_label("Budget ¥ M").fill("0.0001")
    page.get_by_text("Places that must or must not be chosen").click()
    page.locator("#seek-places").press_sequentially("Place 4")
    page.locator("#found-places select").first.select_option("must")
    expect(page.locator("#chosen-places li")).to_have_count(1)
    page.locator("#seek-places").fill("")
    page.get_by_role("button", name="Suggest sites").click()
    expect(page.get_by_role("heading", name="No plan keeps all these limits")).to_be_visible(timeout=60_000)
    first = PlanVersion.objects.get()
    assert first.question["must"] == [f"convert:c{ran.roles[3].pk}"]
    page.get_by_role("button", name="Ask again with this changed: Budget").click()
    expect(page.locator(".changes .ch[data-order]").first).to_be_visible(timeout=60_000)
    second = PlanVersion.objects.get(number=2)
    assert second.state == VersionState.DRAFT and second.interventions.filter(kind="convert").exists()
    assert page.problems == []


def test_the_best_so_far_is_kept_by_a_click(ran, person, open_page, start_worker, tmp_path):
    version = plans.suggest_plan(user=None, city=ran.city, runs=[ran.night], budget_fen=70_000, name="P")
    page = open_page(user=person("lin", "planner"))
    page.goto(f"/plans/{version.plan.ref}/")
    page.get_by_role("button", name="Keep the best so far").click()
    expect(page.get_by_text("Keeping the best so far…")).to_be_visible()
    start_worker(VAR_DIR=str(tmp_path))
    expect(page.locator(".changes .ch[data-order]").first).to_be_visible(timeout=90_000)
    version.refresh_from_db()
    assert version.finish_requested and version.state == VersionState.DRAFT


def test_a_killed_worker_costs_no_plan_and_makes_none_twice(ran, start_worker, tmp_path):
    """The first worker dies with the job in its hands; the next takes it up, and the version is written once."""
    import time

    version = plans.suggest_plan(
        user=None, city=ran.city, runs=[ran.night, ran.day], budget_fen=70_000, name="P", question={"number": {"most": 4}}
    )  # fmt: skip
    first = start_worker(VAR_DIR=str(tmp_path), JOB_LOST_AFTER_SECONDS="3", JOB_HEARTBEAT_SECONDS="1")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        version.job.refresh_from_db()
        if version.job.state != "queued":
            break
        time.sleep(0.02)
    first.kill()
    start_worker(VAR_DIR=str(tmp_path), JOB_LOST_AFTER_SECONDS="3", JOB_HEARTBEAT_SECONDS="1")
    while time.monotonic() < deadline + 60:
        version.refresh_from_db()
        if version.state != VersionState.COMPUTING:
            break
        time.sleep(0.3)
    assert version.state == VersionState.DRAFT, (version.facts, version.job.state)
    assert version.runs.count() == 2
    orders = list(version.interventions.values_list("order", flat=True))
    assert orders == list(range(1, len(orders) + 1))
