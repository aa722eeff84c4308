"""The planning pages: what they say, whom they say it to, and that they say it in both languages."""

import json
import re

import pytest
from django.test import Client
from django.utils import timezone

from core.models import City, Job, User
from core.services import jobs
from planning.models import CostRate, Plan, Run, Scenario
from planning.services import plans
from tests.planning.town import SERVICE, publish

LANGUAGES = ("en", "zh-hans")


@pytest.fixture
def browse(person):
    """`browse("lin", "planner")`: a signed-in client."""

    def sign_in(name="lin", role="planner", area=None, language="en"):
        client = Client(headers={"accept-language": language})
        client.force_login(person(name, role, area))
        return client

    return sign_in


@pytest.fixture
def ran(town, compute):
    town.night, town.day = compute(town, ["night", "day"])
    publish(town.profile)
    return town


@pytest.fixture
def planned(ran):
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
    version.refresh_from_db()
    ran.version = version
    return ran


def config_of(page):
    return json.loads(
        re.search(r'<script id="map-config" type="application/json">(.*?)</script>', page, re.S).group(1)
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_planning_page_opens_in_both_languages(planned, browse, language):
    client = browse(language=language)
    plan = Plan.objects.get().ref
    for address in (
        "/", "/map/", "/map/?tab=facilities", f"/map/?run={planned.day.ref}&show=coverage", "/gaps/", f"/gaps/T1/{SERVICE}/",
        "/scenarios/", "/scenarios/S-90001/", "/scenarios/new/", "/standards/", "/standards/worked/", "/help/standards/",
        "/help/glossary/", "/help/methods/", "/runs/", f"/runs/{planned.night.ref}/", "/plans/", f"/plans/{plan}/",
        f"/plans/{plan}/suggest/", "/plans/new/", "/jobs/", f"/jobs/{Job.objects.first().ref}/",
    ):  # fmt: skip
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert f'<html lang="{language}"' in answer.content.decode(), address


def test_pages_say_what_to_do_before_anything_was_run(town, browse):
    client = browse()
    for address in ("/", "/map/", "/gaps/", "/runs/", "/plans/", "/plans/new/"):
        assert client.get(address).status_code == 200, address
    assert "Nothing has been run" in client.get("/map/").content.decode()


def test_the_sentence_above_the_map_says_how_many_fall_short_and_where_most(ran, browse):
    page = browse().get(f"/map/?run={ran.night.ref}").content.decode()
    assert "All 2 districts fall short by night: 55 places are not ready within 500 m." in page
    assert "Worst: East, 35." in page


def test_the_table_under_the_map_holds_every_value_and_its_total(ran, browse):
    page = browse().get(f"/map/?run={ran.night.ref}")
    rows = {
        row.area.code: (row.need, row.served, row.late, row.no_room, row.out_of_reach)
        for row in page.context["rows"]
    }
    assert rows == {"T1": (80, 60, 0, 20, 0), "T2": (35, 0, 20, 0, 15)}
    totals = page.context["totals"]
    assert (totals.need, totals.served, totals.late, totals.no_room, totals.out_of_reach) == (
        115,
        60,
        20,
        20,
        15,
    )


def test_day_and_night_of_the_same_settings_are_one_switch(ran, browse):
    page = browse().get(f"/map/?run={ran.night.ref}").content.decode()
    assert f'data-go-run="{ran.day.ref}"' in page and f'data-go-run="{ran.night.ref}"' in page


def test_running_the_settings_of_the_map_answers_with_progress_and_again_with_the_stored_run(
    ran, browse, django_capture_on_commit_callbacks
):
    client = browse()
    settings = {
        "scenario": "S-90001", "profile": "worked", "service": SERVICE, "reach": "1000", "time_of_day": "night", "assignment": "nearest",
    }  # fmt: skip
    answer = client.post("/map/run/", settings, headers={"hx-request": "true"}).content.decode()
    job = Job.objects.order_by("-id").first()
    assert f"/jobs/{job.ref}/progress/" in answer
    jobs.perform(job.ref)
    run = Run.objects.filter(reach_overrides={SERVICE: 1000.0}, time_of_day="night").get()
    over = client.get(
        f"/jobs/{job.ref}/progress/?then=/map/?run={run.ref}", headers={"hx-request": "true"}
    ).content.decode()
    assert f'data-done="/map/?run={run.ref}"' in over
    again = client.post("/map/run/", settings, headers={"hx-request": "true"}).content.decode()
    assert f'data-done="/map/?run={run.ref}&amp;service={SERVICE}"' in again


def test_a_run_that_lacks_a_rate_is_refused_in_words_on_the_map(ran, browse):
    Scenario.objects.update(displaced_share=None)
    settings = {
        "scenario": "S-90001",
        "profile": "worked",
        "service": SERVICE,
        "time_of_day": "night",
        "assignment": "nearest",
    }
    answer = (
        browse(language="zh-hans")
        .post("/map/run/", settings, headers={"hx-request": "true"})
        .content.decode()
    )
    assert "notice bad" in answer and "errorlist" in answer


def test_a_viewer_may_look_but_not_run_or_plan(ran, browse):
    client = browse("chen", "viewer")
    assert 'data-may-run="no"' in client.get("/map/").content.decode()
    settings = {"scenario": "S-90001", "profile": "worked", "time_of_day": "night", "assignment": "best"}
    assert client.post("/map/run/", settings).status_code == 403
    assert client.get("/plans/new/").status_code == 403
    assert client.get("/scenarios/new/").status_code == 403


def test_a_person_of_one_district_sees_nothing_of_the_other(planned, browse):
    client = browse("west", "planner", planned.left)
    page = client.get(f"/map/?run={planned.night.ref}")
    assert [row.area.code for row in page.context["rows"]] == ["T1"]
    assert (page.context["totals"].need, page.context["totals"].gap) == (80, 20)
    config = config_of(page.content.decode())
    assert [label["code"] for label in config["labels"]] == ["T1"]
    assert all(one["cells"] is None for one in config["legends"]["gap"]["classes"])
    facilities = client.get(f"/map/?run={planned.night.ref}&tab=facilities").context["page"]
    assert [row.facility.name_en for row in facilities] == ["Place 1"]
    for address in ("/", "/gaps/", f"/runs/{planned.night.ref}/", f"/plans/{Plan.objects.get().ref}/"):
        assert "East" not in client.get(address).content.decode(), address
        assert "Place 2" not in client.get(address).content.decode(), address
    assert client.get(f"/gaps/T2/{SERVICE}/").status_code == 404
    assert client.get(f"/map/card/?run={planned.night.ref}&service={SERVICE}&area=T2").status_code == 404
    assert client.get(f"/map/card/?run={planned.night.ref}&service={SERVICE}&area=T1").status_code == 200


def test_a_person_without_a_role_sees_no_run_and_no_plan(planned, browse):
    client = browse("stranger", "")
    for address in ("/map/", "/gaps/"):
        assert client.get(address).status_code in (200, 403), address
        assert planned.night.ref not in client.get(address).content.decode(), address
    assert client.get(f"/runs/{planned.night.ref}/").status_code == 404
    assert client.get(f"/plans/{Plan.objects.get().ref}/").status_code == 404


def test_why_this_number_shows_the_sum_and_what_stops_each_place(ran, browse):
    page = browse().get(f"/gaps/T1/{SERVICE}/?run={ran.night.ref}").content.decode()
    assert "Why 20 places are missing in West" in page
    assert "What binds: room, not distance" in page and "Place 1" in page and ">full<" in page


def test_the_gaps_list_narrows_by_cause_and_sorts_by_the_column_asked_for(ran, browse):
    client = browse()
    late = client.get(f"/gaps/?run={ran.night.ref}&cause=late").context["page"]
    assert [row.area.code for row in late] == ["T2"]
    by_need = client.get(f"/gaps/?run={ran.night.ref}&ordering=-need").context["page"]
    assert [row.area.code for row in by_need] == ["T1", "T2"]
    assert client.get("/gaps/?ordering=;drop&page=zzz&level=x").status_code == 200


def test_a_plan_shows_its_cost_its_bound_and_its_pins(planned, browse):
    page = browse().get(f"/plans/{planned.version.plan.ref}/").content.decode()
    config = config_of(page)
    assert [(pin["order"], pin["added"], pin["name"]) for pin in config["pins"]] == [(1, False, "Place 2")]
    after = Run.objects.get(plan_version=planned.version)
    assert f"compare={after.ref}" in config["tiles"]["cells"]
    assert planned.version.status == "optimal" and "proved optimal" in page


def test_a_draft_is_frozen_from_its_page_and_then_offers_no_freezing(planned, browse):
    client = browse()
    address = f"/plans/{planned.version.plan.ref}/"
    assert client.post(f"{address}freeze/", {"number": 1}).status_code == 302
    planned.version.refresh_from_db()
    assert planned.version.state == "frozen"
    assert "Freeze version" not in client.get(address).content.decode()


def test_a_budget_is_typed_in_the_unit_of_the_language(ran, browse):
    form = {
        "name": "P",
        "budget": "2",
        "runs": [ran.night.ref],
        "services": [SERVICE],
        "time_limit_seconds": "5",
    }
    browse("a", "planner", language="en").post("/plans/new/", form)
    browse("b", "planner", language="zh-hans").post("/plans/new/", form)
    budgets = [plan.versions.get().budget_fen for plan in Plan.objects.order_by("id")]
    assert budgets == [200_000_000, 2_000_000]


def test_a_scenario_written_on_the_page_keeps_an_empty_rate_open(ran, browse):
    form = {
        "name": "洪水", "name_en": "Flood", "hazard": "flood", "extent": "everywhere", "affected_percent": "30", "displaced_percent": "",
        "services": [str(ran.service.pk)], "times_of_day": ["night"], "rate_certainty": "D",
    }  # fmt: skip
    answer = browse().post("/scenarios/new/", form)
    assert answer.status_code == 302
    scenario = Scenario.objects.get(name="洪水")
    assert scenario.affected_share == pytest.approx(0.3) and scenario.displaced_share is None
    wrong = browse("other", "planner").post("/scenarios/new/", {**form, "extent": "areas"})
    assert wrong.status_code == 422 and "Choose at least one area" in wrong.content.decode()


def test_the_record_of_a_facility_says_what_the_newest_run_took(ran, browse):
    result = (
        ran.day.facility_results.filter(facility__isnull=False, reason="counts").order_by("-served").first()
    )
    page = browse().get(f"/facilities/{result.facility.ref}/")
    stat = next(stat for stat in page.context["stats"] if ran.day.ref in str(stat["label"]))
    assert stat["value"] == f"{result.served + result.late:,}"
    assert str(result.capacity) in stat["unit"]
    assert page.context["config"]["ring"]["metres"] == ran.day.standards_frozen[0]["reach_limit"]


def test_an_address_that_names_a_run_shows_its_city(ran, browse):
    other = City.objects.create(code="other", name="他城", loaded_at=timezone.now())
    client = browse()
    client.force_login(User.objects.create(username="root", is_superuser=True))
    assert client.get("/gaps/?city=other").context["city"] == other
    answer = client.get(f"/gaps/?run={ran.night.ref}")
    assert answer.status_code == 302 and "city=town" in answer["Location"]
    assert client.get(answer["Location"]).context["run"] == ran.night


def test_a_plan_that_is_not_proved_never_reads_as_the_optimum(planned, browse):
    type(planned.version).objects.filter(pk=planned.version.pk).update(status="within", gap=0.00001)
    page = browse().get(f"/plans/{planned.version.plan.ref}/").content.decode()
    assert "proved optimal" not in page and "within 0.1" in page
