"""The question of a plan on pages, API and command: one question, its errors at their fields, and who may ask it."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from core.services import jobs
from planning.choices import VersionState
from planning.models import PlanVersion
from planning.services import plans
from tests.planning.town import SERVICE


@pytest.fixture
def browse(person):
    def sign_in(name="lin", role="planner", area=None, language="en"):
        client = Client(headers={"accept-language": language})
        client.force_login(person(name, role, area))
        return client

    return sign_in


@pytest.fixture
def program(person):
    def make(*who):
        client = APIClient()
        client.force_authenticate(person(*who))
        return client

    return make


@pytest.fixture
def ran(priced, compute):
    priced.night, priced.day = compute(priced, ["night", "day"])
    return priced


def done(version):
    jobs.perform(version.job.ref)
    version.refresh_from_db()
    return version


def asked(ran, question=None, budget=70_000, **more):
    return done(
        plans.suggest_plan(
            user=None,
            city=ran.city,
            runs=[ran.night],
            budget_fen=budget,
            name="方案",
            name_en="Plan",
            question=question or {},
            time_limit_seconds=10,
            **more,
        )
    )


FULL = {
    "name": "P", "aim": "cheapest", "rule": "tail", "tail": "50", "budget": "", "target": "80", "area_target": "", "area_level": "2",
    "services": [SERVICE], "target-T1": "70", "fewest-T2": "1", "greatest-T1": "4", "land-T1": "5000", "least": "1", "most": "6",
    "kinds": ["convert", "extend", "stock"], "retire": "on", "least-stock": "1", "most-convert": "2", "apart-convert": "50",
    "fund-local": "on", "limit-local": "3", "pays-local": ["convert", "extend", "stock"], "fund-central": "on",
    "year-0": "2028", "money-0": "1", "year-1": "2027", "money-1": "2.5", "carry_over": "on", "running_limit": "9", "running_years": "5",
    "peacetime_weight": "0.5", "sizes": "on", "time_limit_seconds": "5", "seed": "7",
}  # fmt: skip


def test_every_field_arrives_in_the_question_and_is_shown_again(ran, browse):
    lin = browse()
    convert = f"convert:c{ran.roles[3].pk}"
    body = FULL | {
        "runs": [ran.night.ref, ran.day.ref],
        f"weight-{ran.day.ref}": "0.25",
        f"place:{convert}": "must",
    }
    answer = lin.post("/plans/new/", body)
    assert answer.status_code == 302, answer.context and answer.context["form"].errors
    version = PlanVersion.objects.get()
    expected = {
        "target": 0.8, "area_target": {"T1": 0.7}, "tail": 0.5, "run_weights": {ran.day.ref: 0.25},
        "number": {"least": 1, "most": 6}, "number_by_kind": {"convert": {"most": 2}, "stock": {"least": 1}},
        "number_by_area": {"T1": {"most": 4}, "T2": {"least": 1}},
        "funds": {"central": {"limit_fen": None}, "local": {"limit_fen": 300_000_000, "kinds": ["convert", "extend", "stock"]}},
        "years": [{"year": 2027, "budget_fen": 250_000_000}, {"year": 2028, "budget_fen": 100_000_000}],
        "must": [convert], "spacing_m": {"convert": 50.0}, "land_m2_by_area": {"T1": 5000},
        "running_limit_fen_year": 900_000_000, "running_years": 5, "peacetime_weight": 0.5, "sizes": True, "retire": True,
    }  # fmt: skip
    assert version.question == expected
    assert (version.aim, version.rule, version.seed, version.time_limit_seconds) == ("cheapest", "tail", 7, 5)
    assert (
        sorted(version.facts["kinds"]) == ["convert", "extend", "stock"] and version.budget_fen == 350_000_000
    )
    # what was asked is shown again, and asked unchanged it is the same question
    page = lin.get(f"/plans/{version.plan.ref}/suggest/?from=1")
    form = page.context["form"]
    again = {name: form[name].value() for name in form.fields}
    again = {name: value for name, value in again.items() if value not in (None, False)} | {
        "from": "1",
        f"place:{convert}": "must",
    }
    again = {name: "on" if value is True else value for name, value in again.items()}
    assert lin.post(f"/plans/{version.plan.ref}/suggest/", again).status_code == 302
    assert version.plan.versions.order_by("number").last().question == expected


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"budget": "-1"}, "budget"), ({"budget": "", "aim": "most"}, "budget"), ({"target": "0", "budget": "1"}, "target"),
        ({"aim": "cheapest", "target": ""}, "target"), ({"least": "5", "most": "1", "budget": "1"}, "most"),
        ({"year-0": "2027", "money-0": ""}, "money-0"), ({"money-2": "5"}, "year-2"), ({"limit-local": "5", "budget": "1"}, "fund-local"),
        ({"tail": "0", "budget": "1"}, "tail"), ({"runs": []}, "runs"), ({"name": " "}, "name"), ({"time_limit_seconds": "9999"}, "time_limit_seconds"),
        ({"year-0": "2027", "money-0": "1", "year-1": "2027", "money-1": "1"}, "year-1"), ({"apart-build": "-3", "budget": "1"}, "apart-build"),
    ],
)  # fmt: skip
def test_every_error_stands_at_its_field_and_nothing_is_lost(ran, browse, change, field, language):
    body = {
        "name": "P",
        "budget": "1",
        "runs": [ran.night.ref],
        "services": [SERVICE],
        "time_limit_seconds": "5",
        "seed": "77",
    }
    answer = browse(language=language).post("/plans/new/", body | change)
    assert answer.status_code == 422 and field in answer.context["form"].errors, answer.context["form"].errors
    assert not PlanVersion.objects.exists()
    page = answer.content.decode()
    assert 'value="77"' in page and page.count("errorlist") >= 1


def test_two_clicks_and_two_people_ask_one_question(ran, browse):
    body = {
        "name": "P",
        "budget": "0.0007",
        "runs": [ran.night.ref],
        "services": [SERVICE],
        "time_limit_seconds": "5",
    }
    first = browse("lin").post("/plans/new/", body)
    assert browse("wu").post("/plans/new/", body).url == first.url
    assert PlanVersion.objects.count() == 1


def test_places_are_found_named_and_kept_while_searching(ran, browse):
    lin = browse()
    found = lin.get("/plans/places/", {"search": "place 4"}).content.decode()
    key = f"convert:c{ran.roles[3].pk}"
    assert f'name="place:{key}"' in found and "Place 4" in found
    # without scripts the same button searches, and what was typed stays
    page = lin.post(
        "/plans/new/", {"find": "1", "search": "yard", "name": "Half", "budget": "x", f"place:{key}": "ban"}
    )
    text = page.content.decode()
    assert page.status_code == 200 and "Old yard" in text and 'value="Half"' in text and "Place 4" in text
    assert "must not be done" in text and not PlanVersion.objects.exists()
    locked = lin.get("/plans/new/", {"must": key}).content.decode()
    assert "Place 4" in locked


def test_where_no_plan_exists_the_page_says_what_would_have_to_give_way(ran, browse):
    version = asked(ran, {"target": 95 / 115}, 20_000)
    assert version.state == VersionState.NO_PLAN
    lin = browse()
    text = lin.get(f"/plans/{version.plan.ref}/").content.decode()
    assert "No plan keeps all these limits" in text and "¥200 → ¥280: ¥80 more" in text
    position = [one["name"] for one in version.facts["relaxations"]].index("budget")
    answer = lin.post(f"/plans/{version.plan.ref}/versions/1/relax/", {"relaxation": position})
    assert answer.status_code == 302
    second = done(version.plan.versions.get(number=2))
    assert second.state == VersionState.DRAFT and second.budget_fen == 28_000
    wang = browse("wang", "viewer", ran.left)
    seen = wang.get(f"/plans/{version.plan.ref}/?version=1").content.decode()
    assert "¥200 → ¥280" not in seen and "Ask again with this" not in seen


def test_the_computing_page_shows_value_bound_and_the_two_ends(ran, browse):
    version = plans.suggest_plan(user=None, city=ran.city, runs=[ran.night], budget_fen=70_000, name="P")
    PlanVersion.objects.filter(pk=version.pk).update(
        trail=[[0.5, None, 90.0], [1.0, 40.0, 80.0], [2.0, 50.0, 62.5]]
    )
    lin, live = browse(), f"/plans/{version.plan.ref}/versions/1/live/"
    text = lin.get(f"/plans/{version.plan.ref}/").content.decode()
    assert "Keep the best so far" in text and "20.00" in text and 'class="bound"' in text
    wang = browse("wang", "viewer", ran.left)
    part = wang.get(live).content.decode()
    assert "Keep the best so far" not in part and "62.5" not in part and "20.00" not in part
    assert wang.post(f"/plans/{version.plan.ref}/versions/1/finish/").status_code == 403
    assert lin.post(f"/plans/{version.plan.ref}/versions/1/finish/").status_code == 302
    version.refresh_from_db()
    assert version.finish_requested and "Keeping the best so far" in lin.get(live).content.decode()
    done(version)
    assert version.state == VersionState.DRAFT
    assert "data-done" in lin.get(live).content.decode()


def test_a_search_can_be_stopped_without_a_plan_by_who_asked(ran, browse):
    lin = browse()
    body = {
        "name": "P",
        "budget": "0.0007",
        "runs": [ran.night.ref],
        "services": [SERVICE],
        "time_limit_seconds": "5",
    }
    lin.post("/plans/new/", body)
    version = PlanVersion.objects.get()
    assert browse("zhou").post(f"/plans/{version.plan.ref}/versions/1/stop/").status_code == 403
    assert lin.post(f"/plans/{version.plan.ref}/versions/1/stop/").status_code == 302
    version.refresh_from_db()
    assert version.state == VersionState.FAILED and version.job.state == "cancelled"
    assert "could not be computed" in browse("wu").get(f"/plans/{version.plan.ref}/").content.decode()


def test_the_question_is_told_in_words_and_by_run(ran, browse):
    version = done(
        plans.suggest_plan(
            user=None,
            city=ran.city,
            runs=[ran.night, ran.day],
            budget_fen=28_000,
            name="P",
            rule="worst",
            question={
                "price_of_robustness": True,
                "number_by_area": {"T1": {"most": 2}},
                "banned": [f"convert:c{ran.roles[3].pk}"],
            },
        )
    )
    text = browse().get(f"/plans/{version.plan.ref}/question/").content.decode()
    assert (
        "Worst scenario" in text
        and "West: at most 2" in text
        and "Place 4" in text
        and "Price of robustness" in text
    )
    assert version.baseline_runs.first().ref in text
    hidden = browse("wang", "viewer", ran.left).get(f"/plans/{version.plan.ref}/question/").content.decode()
    assert "Worth in each run" not in hidden and "Place 4" not in hidden and "1 more outside" in hidden


@pytest.mark.parametrize("address", ["/plans/new/", "/plans/places/?search=a"])
def test_only_who_may_plan_asks(ran, browse, address):
    assert browse("wang", "reviewer").get(address).status_code == 403
    assert browse("chen", "").get(address).status_code in (403, 404, 200)
    assert "Place" not in browse("chen2", "").get(address).content.decode()


# --- API --------------------------------------------------------------------------------------------


def test_the_api_takes_the_whole_question_and_answers_every_problem(ran, program):
    lin = program("lin", "planner")
    body = {
        "city": "town",
        "name": "P",
        "runs": [ran.night.ref],
        "aim": "cheapest",
        "question": {"target": 7, "colour": 1},
    }
    refused = lin.post("/api/v1/plans/", body, format="json")
    assert refused.status_code == 422 and refused.json()["code"] == "bad-question"
    assert {one["column"] for one in refused.json()["problems"]} == {"target", "colour"}
    body["question"] = {"target": 95 / 115}
    accepted = lin.post("/api/v1/plans/", body, format="json")
    assert accepted.status_code == 202
    version = done(PlanVersion.objects.get())
    told = lin.get(f"/api/v1/plans/{version.plan.ref}/versions/1/").json()
    assert (
        told["aim"] == "cheapest" and told["question"] == {"target": 95 / 115} and told["aim_value"] == 28_000
    )
    assert told["trail"] and told["by_run"]["runs"][0]["ref"] == ran.night.ref and told["status"] == "optimal"
    assert lin.post("/api/v1/plans/", body, format="json").status_code == 200
    rows = lin.get(f"/api/v1/plans/{version.plan.ref}/versions/1/interventions/").json()["results"]
    assert all(row["key"] for row in rows)
    hidden = program("wang", "viewer", ran.left).get(f"/api/v1/plans/{version.plan.ref}/versions/1/").json()
    assert hidden["trail"] is None and hidden["aim_value"] is None and hidden["by_run"] is None


def test_plans_are_found_by_aim_rule_and_state(ran, program):
    asked(ran)
    asked(ran, {"target": 95 / 115}, None, aim="cheapest")
    asked(ran, {"target": 95 / 115}, 20_000)
    lin = program("lin", "planner")
    count = lambda **query: lin.get("/api/v1/plans/", query).json()["count"]  # noqa: E731
    assert (count(), count(aim="cheapest"), count(state="no_plan"), count(rule="worst")) == (3, 1, 1, 0)
    ref = PlanVersion.objects.get(aim="cheapest").plan.ref
    assert lin.get(f"/api/v1/plans/{ref}/versions/", {"aim": "most"}).json()["count"] == 0


def test_finish_relax_and_places_over_the_api_obey_rights(ran, program):
    computing = plans.suggest_plan(user=None, city=ran.city, runs=[ran.night], budget_fen=70_000, name="P")
    none = asked(ran, {"target": 95 / 115}, 20_000)
    finish = f"/api/v1/plans/{computing.plan.ref}/versions/1/finish/"
    relax = f"/api/v1/plans/{none.plan.ref}/versions/1/relax/"
    wang, chen, lin = program("wang", "reviewer"), program("chen", ""), program("lin", "planner")
    assert [one.post(finish).status_code for one in (wang, chen, lin)] == [403, 404, 200]
    assert wang.post(relax, {"relaxation": 0}, format="json").status_code == 403
    assert lin.post(relax, {"relaxation": 55}, format="json").status_code == 422
    assert lin.post(relax, {"relaxation": 0}, format="json").status_code == 202
    assert wang.get("/api/v1/plan-options/", {"city": "town", "search": "Place"}).status_code == 403
    rows = lin.get("/api/v1/plan-options/", {"city": "town", "search": "Place"}).json()["options"]
    assert {row["key"].partition(":")[0] for row in rows} >= {"convert", "extend"}
    assert lin.get("/api/v1/plan-options/", {"city": "town"}).status_code == 400


# --- command ----------------------------------------------------------------------------------------


def site(ran, *words):
    out, err = StringIO(), StringIO()
    call_command(
        "site",
        "--city",
        "town",
        "--runs",
        ran.night.ref,
        "--inline",
        "--seconds",
        "10",
        *words,
        stdout=out,
        stderr=err,
    )
    return out.getvalue()


def test_the_command_knows_every_option(ran, tmp_path):
    document = tmp_path / "question.json"
    document.write_text(json.dumps({"number": {"most": 9}, "tail": 0.4}))
    said = site(
        ran, "--json", "--question", str(document), "--year", "2027=400yuan", "--year", "2028=3e2", "--fund", "local=700:stock,upgrade,extend",
        "--most-of", "stock=3", "--least-in", "T2=1", "--ban", f"convert:c{ran.roles[3].pk}", "--spacing", "extend=100",
        "--run-weight", f"{ran.night.ref}=2", "--running-yuan", "100", "--peacetime-weight", "0.1", "--sizes", "--rule", "worst",
    )  # fmt: skip
    answer = json.loads(said)
    assert answer["question"] == {
        "tail": 0.4, "run_weights": {ran.night.ref: 2.0}, "number": {"most": 9}, "number_by_kind": {"stock": {"most": 3}},
        "number_by_area": {"T2": {"least": 1}}, "funds": {"local": {"limit_fen": 70_000, "kinds": ["extend", "stock", "upgrade"]}},
        "years": [{"year": 2027, "budget_fen": 40_000}, {"year": 2028, "budget_fen": 30_000}], "banned": [f"convert:c{ran.roles[3].pk}"],
        "spacing_m": {"extend": 100.0}, "running_limit_fen_year": 10_000, "peacetime_weight": 0.1, "sizes": True,
    }  # fmt: skip
    assert answer["budget_fen"] == 70_000 and answer["rule"] == "worst" and answer["state"] == "draft"


def test_the_command_tells_what_stands_in_the_way(ran):
    said = site(ran, "--budget-yuan", "200", "--target", str(95 / 115))
    assert "no plan exists" in said and "budget" in said and "28,000" in said


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--budget-yuan", "1", "--target", "7"], "target"), (["--year", "soon=1"], "YEAR=YUAN"), (["--weight", "x"], "NAME=VALUE"),
        (["--budget-yuan", "1", "--question", "/nowhere.json"], "--question"), (["--budget-yuan", "1", "--plan", "P-0"], "no plan"),
        ([], "budget"),
    ],
)  # fmt: skip
def test_the_command_refuses_in_words(ran, words, part):
    with pytest.raises(CommandError) as refused:
        site(ran, *words)
    assert part in str(refused.value)
