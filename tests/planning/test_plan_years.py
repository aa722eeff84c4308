"""Years and money of a plan in the hand-worked town: exact to the fen, a frozen version stays, rights hold.

The plan stocks B (8,000 fen, 20 served), renews C (20,000, 15 served) and extends A (40,000, 20 served), each after 3 months.
"""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from core.errors import DomainError
from core.models import AuditEntry
from core.services import jobs
from planning.models import InterventionMoney
from planning.selectors.plan_money import plan_money
from planning.services import phasing, plan_edits, plan_years
from planning.services.plan_freeze import freeze_version
from tests.planning.test_plans import suggested

YEARS = [{"year": 2027, "budget_fen": 30_000}, {"year": 2028, "budget_fen": 40_000}]
FUNDS = {"local": {"limit_fen": 30_000}, "special_bond": {"kinds": ["extend"]}}


@pytest.fixture
def version(priced, compute):
    return suggested(priced, compute(priced), 70_000)


def phased(version: Any, user: Any = None, years: Any = YEARS, **more: Any) -> Any:
    job = plan_years.phase_again(user=user, version=version, years=years, **more)
    jobs.perform(job.ref)
    job.refresh_from_db()
    version.refresh_from_db()
    return job


def years_of(version: Any) -> dict[str, Any]:
    return dict(version.interventions.values_list("kind", "year"))


def test_each_intervention_gets_its_year_and_the_curve_is_known(version):
    assert phased(version).state == "done"
    assert years_of(version) == {"stock": 2027, "upgrade": 2027, "extend": 2028}
    told = version.facts["phasing"]
    # 35 from the fourth month of 2027, 55 from the fourth of 2028, up to the end of 2028 and three months.
    assert told["area"] == pytest.approx(35 + 55) and told["status"] == "optimal", told
    assert told["curve_years"] == [2027, 2028, 2029] and told["curve"] == pytest.approx([35, 55, 55])
    assert told["steps"] == [[3, pytest.approx(35)], [15, pytest.approx(55)]]
    assert told["spent_fen"] == [28_000, 40_000] and told["left"] == []
    run = version.baseline_runs.get().ref
    assert [row[run]["short_fixed_shelter"] for row in told["units"]] == [35, 55, 55]
    assert AuditEntry.objects.filter(act="plan.phase").count() == 1


def test_what_a_year_leaves_over_is_lost_where_it_may_not_be_carried(version):
    phased(
        version,
        years=[{"year": 2027, "budget_fen": 39_999}, {"year": 2029, "budget_fen": 39_999}],
        carry_over=False,
    )
    assert years_of(version) == {"stock": 2027, "upgrade": 2027, "extend": None}
    order = version.interventions.get(kind="extend").order
    assert version.facts["phasing"]["left"] == [[order, "too-dear"]]
    phased(version, years=[{"year": 2027, "budget_fen": 39_999}, {"year": 2029, "budget_fen": 39_999}])
    assert years_of(version) == {"stock": 2027, "upgrade": 2027, "extend": 2029}


def test_money_adds_up_to_the_cost_of_each_intervention_to_the_fen(version):
    phased(version, funds=FUNDS)
    paid = {
        (one.intervention.kind, one.year, one.source): one.amount_fen
        for one in InterventionMoney.objects.select_related("intervention")
    }
    assert paid == {
        ("stock", 2027, "local"): 8_000, ("upgrade", 2027, "local"): 20_000, ("extend", 2028, "special_bond"): 40_000,
    }  # fmt: skip
    money = plan_money(version, user=None)
    assert [row.spent_fen for row in money.years] == [28_000, 40_000] and money.total_fen == 68_000
    assert [row.left_fen for row in money.years] == [2_000, 2_000]
    assert all(row.paid_fen == row.intervention.cost_fen for row in money.rows)
    phased(version, funds=FUNDS)
    assert InterventionMoney.objects.count() == 3  # done twice, written once


def test_sources_that_fall_short_are_told_with_the_fen_that_is_missing(version):
    phased(version, funds={"local": {"limit_fen": 20_000}, "special_bond": {"kinds": ["extend"]}})
    assert not InterventionMoney.objects.exists()
    assert version.facts["phasing"]["funds"]["short"] == [[["local"], 8_000]]
    assert years_of(version)["stock"] == 2027


def test_without_years_the_sources_still_tell_who_pays_in_all(version):
    version.question = {"funds": FUNDS | {"local": {"limit_fen": 28_000}}}
    years, money, facts = phasing.phase(version, [], _as_candidates(version))
    assert years == [None] * 3 and money == [[]] * 3
    assert sorted(map(sorted, (part.items() for part in facts["phasing"]["funds"]["paid"]))) == [
        [("local", 8_000)], [("local", 20_000)], [("special_bond", 40_000)],
    ]  # fmt: skip
    version.question = {}
    assert phasing.phase(version, [], _as_candidates(version))[2] == {}


def _as_candidates(version):
    from planning.bridge.options import Candidate

    return [
        Candidate(f"x:{one.order}", one.kind, one.service.code, 0, 0, one.units, one.cost_fen, 0.0, one.lead_months, one.order)
        for one in version.interventions.order_by("order")
    ]  # fmt: skip


def test_a_frozen_version_is_never_phased(version):
    freeze_version(user=None, version=version)
    version.refresh_from_db()
    with pytest.raises(DomainError) as refused:
        plan_years.phase_again(user=None, version=version, years=YEARS)
    assert refused.value.code == "version-frozen"


def test_a_version_frozen_while_it_waits_stays_as_it_is(version):
    job = plan_years.phase_again(user=None, version=version, years=YEARS)
    freeze_version(user=None, version=version)
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert job.state == "failed" and set(years_of(version).values()) == {None}


def test_two_who_phase_at_once_get_one_job_or_a_refusal(version):
    first = plan_years.phase_again(user=None, version=version, years=YEARS)
    assert plan_years.phase_again(user=None, version=version, years=YEARS) == first
    with pytest.raises(DomainError) as refused:
        plan_years.phase_again(user=None, version=version, years=YEARS[:1])
    assert refused.value.code == "phasing-underway"


def test_every_problem_of_the_budgets_is_told_at_once(version):
    with pytest.raises(DomainError) as refused:
        plan_years.phase_again(
            user=None,
            version=version,
            years=[{"year": 1, "budget_fen": -1}],
            funds={"gold": {}, "local": {"limit_fen": -3}},
        )
    assert refused.value.code == "bad-question" and len(refused.value.problems) >= 4


# --- API, command, page -----------------------------------------------------------------------------------------------


def api_of(user: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_the_api_phases_and_tells_the_money(version, person):
    lin, address = api_of(person("lin", "planner")), f"/api/v1/plans/{version.plan.ref}/versions/1/money/"
    assert lin.get(address).json()["phasing"] is None
    answer = lin.post(address + "phase/", {"years": YEARS, "funds": FUNDS}, format="json")
    assert answer.status_code == 202 and answer["Location"].startswith("/api/v1/jobs/")
    jobs.perform(answer.json()["job"]["ref"])
    said = lin.get(address).json()
    assert [row["cost_fen"] for row in said["years"]] == [28_000, 40_000]
    assert said["years"][1]["by_source_fen"] == {"special_bond": 40_000}
    assert (
        said["phasing"]["area"] == pytest.approx(90)
        and said["phasing"]["greedy_area"] <= said["phasing"]["area"] + 1e-9
    )
    assert {row["kind"]: row["counts_from"] for row in said["interventions"]}["extend"] == "2028-04"
    bad = lin.post(address + "phase/", {"years": [{"year": 2027}]}, format="json")
    assert bad.status_code in (400, 422)
    wrong = lin.post(address + "phase/", {"years": YEARS, "funds": {"gold": {}}}, format="json")
    assert wrong.status_code == 422 and wrong.json()["code"] == "bad-question"


def test_who_may_not_plan_may_not_phase_and_strangers_see_nothing(version, person):
    address = f"/api/v1/plans/{version.plan.ref}/versions/1/money/"
    wang = api_of(person("wang", "reviewer"))
    assert wang.get(address).status_code == 200
    assert wang.post(address + "phase/", {"years": YEARS}, format="json").status_code == 403
    assert api_of(person("chen", "")).get(address).status_code == 404


def test_a_planner_of_one_district_sees_only_its_rows_and_no_sums_of_the_city(version, person, priced):
    phased(version, funds=FUNDS)
    said = (
        api_of(person("east", "planner", priced.right))
        .get(f"/api/v1/plans/{version.plan.ref}/versions/1/money/")
        .json()
    )
    assert {row["kind"] for row in said["interventions"]} == {"stock", "upgrade"}
    assert said["phasing"] is None and "short" not in said and said["whole_city"] is False
    assert [(row["cost_fen"], row["budget_fen"]) for row in said["years"]] == [(28_000, None), (0, None)]


def test_the_command_phases_and_prints_the_same_document(version):
    out = StringIO()
    call_command(
        "plan_phase", version.plan.ref, "--year", "2027=300", "--year", "2028=400", "--fund", "local=300",
        "--fund", "special_bond:extend", "--inline", "--json", stdout=out, stderr=StringIO(),
    )  # fmt: skip
    said = json.loads(out.getvalue())
    assert [row["cost_fen"] for row in said["years"]] == [28_000, 40_000]
    assert {row["source"]: row["given_fen"] for row in said["sources"]} == {
        "special_bond": 40_000,
        "local": 28_000,
    }
    for wrong in (
        ["--year", "x"],
        ["--year", "2027=1", "--fund", "local=x"],
        ["--fund", "local"],
        ["--number", "9"],
    ):
        with pytest.raises(CommandError):
            call_command("plan_phase", version.plan.ref, *wrong, stdout=StringIO())


def test_the_page_takes_budgets_and_says_what_is_wrong_without_losing_anything(version, person):
    client = Client()
    client.force_login(person("lin", "planner"))
    address = f"/plans/{version.plan.ref}/years/"
    assert b"no years yet" in client.get(address).content
    half = client.post(
        address + "phase/", {"version": 1, "year_0": "2027", "year_1": "2028", "budget_1": "0.0004"}
    )
    assert (
        half.status_code == 422
        and b"Give 2027 a budget" in half.content
        and b'value="0.0004"' in half.content
    )
    good = {
        "version": 1,
        "year_0": "2027",
        "budget_0": "0.0003",
        "year_1": "2028",
        "budget_1": "0.0004",
        "carry_over": "on",
        "use_local": "on",
    }
    sent = client.post(address + "phase/", good)
    assert sent.status_code == 302
    jobs.perform(plan_years.phasing_job(version).ref)
    page = client.get(address).content.decode()
    assert "All 3 interventions are begun by 2028" in page and "Local budget" in page
    freeze_version(user=None, version=version)
    refused = client.post(address + "phase/", good)
    assert refused.status_code == 409 and b"never changes" in refused.content


@pytest.mark.parametrize(("role", "status"), [("reviewer", 403), ("", 404)])
def test_the_page_refuses_whom_it_must(version, person, role, status):
    client = Client()
    client.force_login(person("wang", role))
    answer = client.post(
        f"/plans/{version.plan.ref}/years/phase/", {"version": 1, "year_0": "2027", "budget_0": "1"}
    )
    assert answer.status_code in (status, 403)


def test_a_question_with_years_and_sources_is_phased_with_its_plan(priced, compute):
    version = suggested(priced, compute(priced), None, question={"years": YEARS, "funds": FUNDS})
    assert version.budget_fen == 70_000 and years_of(version) == {
        "stock": 2027,
        "upgrade": 2027,
        "extend": 2028,
    }
    assert sum(InterventionMoney.objects.values_list("amount_fen", flat=True)) == version.cost_fen == 68_000
    assert version.facts["phasing"]["funds"]["given_fen"] == [40_000, 28_000]


def test_a_version_edited_by_hand_is_phased_by_the_question_it_came_from(priced, compute):
    version = suggested(priced, compute(priced), None, question={"years": YEARS})
    gone = version.interventions.get(kind="stock").order
    edited = plan_edits.edit_version(user=None, version=version, remove=[gone])
    jobs.perform(edited.job.ref)
    edited.refresh_from_db()
    assert years_of(edited) == {"upgrade": 2027, "extend": 2028} and edited.facts["phasing"]["left"] == []
