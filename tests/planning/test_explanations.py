"""Why places are in a plan or not, in the hand-worked town; locked, banned, edited and solved again."""

import json

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from core.errors import DomainError
from core.models import Job
from core.services import jobs
from planning.choices import VersionState
from planning.models import CostRate, PlanExplanation, PlanVersion
from planning.selectors import explanations as reading
from planning.services import explanations, plan_edits
from planning.services.explanation_words import broken_words, reason_words
from tests.planning.test_plans import suggested


def done(version):
    jobs.perform(version.job.ref)
    version.job.refresh_from_db()
    assert version.job.state == "done", version.job.error
    version.refresh_from_db()
    return version


def explained(version):
    job = explanations.start(user=None, version=version)
    if job is not None:
        jobs.perform(job.ref)
        job.refresh_from_db()
        assert job.state == "done", job.error
    return reading.told_to(version, user=None)


@pytest.fixture
def version(priced, compute):
    """Stock B (8,000), renew C (20,000) and extend A (40,000) serve 20 + 15 + 20 more; D and the yard stay out."""
    return suggested(priced, compute(priced), 70_000)


def test_a_chosen_place_says_what_is_lost_without_it_and_who_has_no_other(version):
    told = explained(version)
    by_name = {told.names[order].name_en: row for order, row in told.chosen.items()}
    run = version.baseline_runs.get().ref
    assert {name: row["lost"] for name, row in by_name.items()} == {
        "Place 1": 20,
        "Place 2": 20,
        "Place 3": 15,
    }
    assert {name: row["only_need"][run] for name, row in by_name.items()} == {
        "Place 1": 0,
        "Place 2": 20,
        "Place 3": 15,
    }
    assert by_name["Place 3"]["value_without"] == 40 and told.facts["value"] == 55
    # 28,000 are spent without Place 1, so 42,000 are left: neither the yard (100,000) nor D (50,000) fits
    assert by_name["Place 1"]["next"] is None
    assert told.facts["no_swap_helps"] and told.facts["complete"]


def test_a_rejected_place_says_why(version):
    told = explained(version)
    said = {row["name_en"]: row for row in told.rejected}
    assert (said["Old yard"]["reason"], said["Place 4"]["reason"]) == ("dear", "covered")
    assert "100,000" not in reason_words(said["Place 4"], told.names)
    assert "whole budget" in reason_words(said["Old yard"], told.names)


def test_an_explanation_is_asked_for_with_the_plan_and_is_safe_to_run_twice(
    priced,
    compute,
    django_capture_on_commit_callbacks,
):
    with django_capture_on_commit_callbacks(execute=True):
        version = suggested(priced, compute(priced), 70_000)
    job = Job.objects.get(kind=explanations.EXPLAIN)
    jobs.perform(job.ref)
    first = PlanExplanation.objects.get(version=version)
    assert explanations.start(user=None, version=version) is None
    from planning.services.explaining import explain

    explain(job, None)
    assert PlanExplanation.objects.get(version=version).pk == first.pk
    assert explanations.explained(version)


def test_only_a_computed_version_is_explained(version):
    PlanVersion.objects.filter(pk=version.pk).update(state=VersionState.FAILED)
    version.refresh_from_db()
    with pytest.raises(DomainError) as refused:
        explanations.start(user=None, version=version)
    assert refused.value.code == "version-not-ready"


def test_a_frozen_version_can_be_explained(version):
    from planning.services.plan_freeze import freeze_version

    freeze_version(user=None, version=version)
    version.refresh_from_db()
    assert explained(version).chosen


def test_a_planner_of_one_district_sees_only_what_lies_there(version, person, priced):
    explained(version)
    mine = reading.told_to(version, user=person("east", "planner", priced.right))
    assert {mine.names[order].name_en for order in mine.chosen} == {"Place 2", "Place 3"}
    assert {row["name_en"] for row in mine.rejected} == {"Place 4"} and not mine.whole
    assert "value" not in mine.facts
    outside = reading.told_to(version, user=person("chen", ""))
    assert not outside.chosen and not outside.rejected


def test_lists_of_rejected_places_are_filtered_and_ordered(version):
    rows = explained(version).rejected
    wanted = reading.Wanted
    assert [row["name_en"] for row in reading.listed(rows, wanted(kind=["build"]))] == ["Old yard"]
    assert [row["name_en"] for row in reading.listed(rows, wanted(area=["T2"]))] == ["Place 4"]
    assert [row["name_en"] for row in reading.listed(rows, wanted(search="old YARD"))] == ["Old yard"]
    assert [row["name_en"] for row in reading.listed(rows, wanted(ordering="-cost_fen"))] == [
        "Old yard",
        "Place 4",
    ]
    assert reading.listed(rows, wanted(reason=["late"])) == []
    assert reading.counted(rows, "reason") == {"dear": 1, "covered": 1}


def test_banning_a_place_solves_the_question_without_it(version):
    key = version.interventions.get(kind="stock").key
    new = done(plan_edits.resolve_version(user=None, version=version, banned=[key]))
    assert new.question["banned"] == [key] and new.parent == version and new.number == 2
    assert "stock" not in {row.kind for row in new.interventions.all()} and new.value == pytest.approx(35)
    assert new.status == "optimal"
    told = explained(new)
    row = next(row for row in told.rejected if row["key"] == key)
    assert row["reason"] == "banned" and row["gain"] == 20
    free = done(plan_edits.resolve_version(user=None, version=new, free=[key]))
    assert "banned" not in free.question and free.value == pytest.approx(55)


def test_locking_a_place_keeps_it_in_the_plan(version):
    convert = next(row for row in plan_edits.open_options(version=version) if row["kind"] == "convert")
    new = done(plan_edits.resolve_version(user=None, version=version, must=[convert["key"]]))
    assert convert["key"] in new.facts["keys"] and new.question["must"] == [convert["key"]]
    # 50,000 for D leave 20,000: B for 8,000; renewing C as well would cost 8,000 too much
    assert new.value == pytest.approx(35) and new.cost_fen == 58_000


def test_the_same_place_cannot_be_locked_and_banned(version):
    key = version.facts["keys"][0]
    with pytest.raises(DomainError) as refused:
        plan_edits.resolve_version(user=None, version=version, must=[key], banned=[key])
    assert refused.value.code == "locked-and-banned" and key in str(refused.value.message)
    with pytest.raises(DomainError):
        plan_edits.resolve_version(user=None, version=version, must=["build:o999999"])


def test_an_edit_within_the_limits_keeps_the_bound_and_one_that_breaks_them_says_which(priced, compute):
    version = suggested(priced, compute(priced), 70_000, question={"number": {"most": 2}})
    assert len(version.facts["keys"]) == 2
    stock = version.interventions.get(kind="stock")
    less = done(plan_edits.edit_version(user=None, version=version, remove=[stock.order]))
    assert (
        less.bound == version.bound and less.status == "within" and less.gap > 0 and not less.facts["breaks"]
    )
    third = next(
        row for row in plan_edits.open_options(version=version) if row["kind"] in ("upgrade", "extend")
    )
    more = done(plan_edits.edit_version(user=None, version=version, add=[third["key"]]))
    assert more.bound is None and more.value == pytest.approx(55)
    (row,) = more.facts["breaks"]
    assert row == {"name": "number", "now": 3, "most": 2, "least": None}
    assert "at most 2" in broken_words(row)


def test_an_edit_keeps_the_prices_of_the_version_it_was_made_from(version):
    CostRate.objects.filter(kind="extend").update(fixed_fen=900_000)
    stock = version.interventions.get(kind="stock")
    new = done(plan_edits.edit_version(user=None, version=version, remove=[stock.order]))
    assert new.cost_fen == 60_000
    assert explained(new).rejected


def test_an_edit_asked_for_twice_is_one_version_and_one_without_change_is_refused(version):
    first = plan_edits.edit_version(user=None, version=version, remove=[1])
    assert plan_edits.edit_version(user=None, version=version, remove=[1]).pk == first.pk
    with pytest.raises(DomainError) as refused:
        plan_edits.edit_version(user=None, version=version)
    assert refused.value.code == "nothing-changed"


def test_who_may_only_look_cannot_edit_or_solve_again(version, person):
    for name, role in (("wang", "reviewer"), ("zhao", "approver")):
        user = person(name, role)
        with pytest.raises(DomainError) as refused:
            plan_edits.edit_version(user=user, version=version, remove=[1])
        assert refused.value.status == 403
        with pytest.raises(DomainError) as refused:
            plan_edits.resolve_version(user=user, version=version, banned=[version.facts["keys"][0]])
        assert refused.value.status == 403


def test_the_value_of_an_explained_plan_is_the_versions_own(version, priced, compute):
    told = explained(version)
    assert told.facts["value"] == pytest.approx(version.value)
    assert sum(row["lost"] for row in told.chosen.values()) <= version.value + 1e-9


# --- API and commands --------------------------------------------------------------------------------


@pytest.fixture
def lin(person):
    client = APIClient()
    client.force_authenticate(person("lin", "planner"))
    return client


def test_the_api_tells_reasons_with_filters_and_pages(version, lin):
    address = f"/api/v1/plans/{version.plan.ref}/versions/1/explanation/"
    assert lin.get(address).json()["state"] == "none"
    assert lin.get(address + "rejected/").status_code == 409
    answer = lin.post(address)
    assert answer.status_code == 202 and answer["Location"].startswith("/api/v1/jobs/")
    assert lin.get(address).json()["state"] == "computing"
    jobs.perform(answer.json()["job"]["ref"])
    said = lin.get(address).json()
    assert said["state"] == "ready" and [row["order"] for row in said["chosen"]] == [1, 2, 3]
    assert said["rejected"] == {"count": 2, "by_reason": {"dear": 1, "covered": 1}}
    assert lin.post(address).status_code == 200
    page = lin.get(address + "rejected/?ordering=-cost_fen&page_size=1").json()
    assert page["count"] == 2 and page["results"][0]["name_en"] == "Old yard" and page["next"]
    assert "budget" in page["results"][0]["words"]
    assert lin.get(address + "rejected/?reason=covered&search=place").json()["count"] == 1
    assert lin.get(address + "rejected/?ordering=wrong").status_code in (400, 422)


def test_the_api_solves_again_and_refuses_whom_it_must(version, lin, person):
    address = f"/api/v1/plans/{version.plan.ref}/versions/1/"
    key = version.facts["keys"][0]
    answer = lin.post(address + "resolve/", {"banned": [key]}, format="json")
    assert answer.status_code == 202 and answer.json()["version"] == 2
    assert PlanVersion.objects.get(plan=version.plan, number=2).question == {"banned": [key]}
    again = lin.post(address + "resolve/", {"banned": [key]}, format="json")
    assert again.json()["version"] == 2
    refused = lin.post(address + "resolve/", {"banned": [key], "must": [key]}, format="json")
    assert refused.status_code == 422 and refused.json()["code"] == "locked-and-banned"
    other = APIClient()
    other.force_authenticate(person("wang", "reviewer"))
    assert other.post(address + "resolve/", {"banned": [key]}, format="json").status_code == 403
    other.force_authenticate(person("chen", ""))
    assert other.get(address + "explanation/").status_code == 404


def test_the_api_of_a_district_planner_has_no_sums_of_the_city(version, person, priced):
    explained(version)
    client = APIClient()
    client.force_authenticate(person("east", "planner", priced.right))
    said = client.get(f"/api/v1/plans/{version.plan.ref}/versions/1/explanation/").json()
    assert len(said["chosen"]) == 2 and said["rejected"]["count"] == 1 and "value" not in said["facts"]


def test_commands_explain_edit_and_solve_again(version, capsys):
    call_command("plan_explain", version.plan.ref, "--inline", "--json")
    said = json.loads(capsys.readouterr().out)
    assert said["state"] == "ready" and said["rejected"]["matching"] == 2
    call_command("plan_explain", version.plan.ref)
    assert "Place 1" in capsys.readouterr().out
    call_command("plan_edit", version.plan.ref, "--version", "1", "--remove", "1", "--inline", "--json")
    said = json.loads(capsys.readouterr().out)
    assert said["version"] == 2 and len(said["interventions"]) == 2 and said["breaks"] == []
    call_command(
        "plan_edit",
        version.plan.ref,
        "--version",
        "1",
        "--resolve",
        "--ban",
        version.facts["keys"][0],
        "--inline",
        "--json",
    )
    assert json.loads(capsys.readouterr().out)["version"] == 3
    with pytest.raises(CommandError):
        call_command("plan_edit", version.plan.ref, "--lock", "x")
    with pytest.raises(CommandError):
        call_command("plan_explain", "P-none")


def test_every_reason_of_the_engine_has_words():
    from engine.siting.rules import REASONS
    from planning.services.explanation_words import REASON_LABELS

    assert reading.REASONS == REASONS and set(REASON_LABELS) == set(REASONS)
