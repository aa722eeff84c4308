"""Why this number: the sum, the roles in reach with what stops them, and what would help, each scored alone."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from facilities.models import Capability
from planning.models import CostRate
from planning.services.why import why_number
from planning.services.why_facility import why_facility


@pytest.fixture
def priced(town):
    for kind, fixed, unit, share in (
        ("extend", 10_000, 1_000, 0.5),
        ("stock", 5_000, 100, None),
        ("upgrade", 20_000, 0, None),
    ):
        CostRate.objects.create(
            service=town.service,
            kind=kind,
            fixed_fen=fixed,
            per_unit_fen=unit,
            max_share=share,
            hours=24,
            source="worked example",
        )
    return town


def test_the_sum_of_a_district_is_people_times_share_times_ratio(priced, compute):
    run = compute(priced)[0]
    why = why_number(run=run, service=priced.service, area=priced.left)
    assert (why.people, why.affected, why.displaced, why.ratio) == (160, 1, 0.5, 1)
    assert why.people * why.share * why.ratio == pytest.approx(80)
    assert why.binds == "room" and why.limit == 500


def test_roles_in_reach_say_why_they_cannot_take_more(priced, compute):
    run = compute(priced)[0]
    a, b, c, _d = priced.places
    west = why_number(run=run, service=priced.service, area=priced.left)
    assert [(row.facility_id, row.taken, row.reason) for row in west.roles] == [(a.pk, 60, "full")]
    east = why_number(run=run, service=priced.service, area=priced.right)
    assert {row.facility_id: (row.counts, row.reason) for row in east.roles} == {
        b.pk: (True, "late"),
        c.pk: (False, "lapsed_agreement"),
    }


def test_what_would_help_is_scored_alone_by_the_same_engine(priced, compute):
    run = compute(priced)[0]
    west = why_number(run=run, service=priced.service, area=priced.left).helps
    assert {row.kind: (row.here, row.everywhere) for row in west} == {"extend": (20, 20), "build": (20, 20)}
    east = why_number(run=run, service=priced.service, area=priced.right).helps
    assert {row.kind: row.here for row in east} == {"stock": 20, "upgrade": 15}


def test_a_run_of_a_plan_can_be_explained_too(priced, compute):
    from core.services import jobs
    from planning.models import Run
    from planning.services import plans

    version = plans.suggest_plan(
        user=None,
        city=priced.city,
        runs=compute(priced),
        budget_fen=70_000,
        name="方案",
        time_limit_seconds=5,
    )
    jobs.perform(version.job.ref)
    why = why_number(run=Run.objects.get(plan_version=version), service=priced.service, area=priced.root)
    assert why.binds == "none" and why.helps == []
    assert sorted(row.capacity for row in why.roles) == [30, 40, 90]


def test_one_cell_is_explained_like_an_area(priced, compute):
    run = compute(priced)[0]
    why = why_number(run=run, service=priced.service, area=priced.left, cell=priced.cells[1])
    assert (why.people, why.binds) == (60, "room")
    assert [(row.facility_id, row.taken_here) for row in why.roles] == [(priced.places[0].pk, 10)]


def test_a_facility_says_whom_it_reaches_what_it_took_and_what_stops_it(priced, compute):
    run = compute(priced)[0]
    full = why_facility(run=run, facility=priced.places[0], service=priced.service)
    assert (full.capacity, full.supply, full.served, full.late, full.binds) == (60, 60, 60, 0, "full")
    assert (full.cells_in_reach, full.need_in_reach, full.taken_by_others, full.left_over) == (2, 80, 0, 20)
    assert [(one.area_id, one.units) for one in full.areas] == [(priced.left.pk, 60)]
    assert full.areas[0].mean_cost == pytest.approx((50 * 100 + 10 * 300) / 60, abs=0.5)
    assert full.farthest == pytest.approx(300, abs=0.5) and full.lost_if_fails is None
    late = why_facility(run=run, facility=priced.places[1], service=priced.service)
    assert (late.binds, late.late, late.hours) == ("late", 20, 100)
    assert (
        why_facility(run=run, facility=priced.places[2], service=priced.service).binds == "lapsed_agreement"
    )


def test_places_left_over_say_that_everybody_in_reach_is_placed(priced, compute):
    Capability.objects.filter(facility=priced.places[0]).update(capacity=100)
    run = compute(priced)[0]
    roomy = why_facility(run=run, facility=priced.places[0], service=priced.service)
    assert (roomy.binds, roomy.taken, roomy.left_over) == ("everybody_placed", 80, 0)


def test_the_command_and_the_api_explain_areas_cells_and_facilities_alike(priced, compute, person):
    run = compute(priced)[0]
    lin = APIClient()
    lin.force_authenticate(person("lin", "planner"))
    for name, value in (("area", "T1"), ("cell", "c2"), ("facility", priced.places[0].ref)):
        said = lin.get(f"/api/v1/runs/{run.ref}/why/", {name: value, "service": priced.service.code}).json()
        out = StringIO()
        call_command("why", run.ref, priced.service.code, f"--{name}", value, "--json", stdout=out)
        assert json.loads(out.getvalue()) == said, name
        out = StringIO()
        call_command("why", run.ref, priced.service.code, f"--{name}", value, stdout=out)
        assert run.ref in out.getvalue()
    cell = lin.get(f"/api/v1/runs/{run.ref}/why/", {"cell": "c2", "service": priced.service.code}).json()
    assert (cell["need"], cell["served"], cell["no_room"]) == (30, 10, 20)


def test_nobody_asks_about_cells_and_facilities_of_other_districts(priced, compute, person):
    run, wang = compute(priced)[0], APIClient()
    wang.force_authenticate(person("wang", "viewer", priced.left))
    for name, value in (("area", "T2"), ("cell", "c3"), ("facility", priced.places[1].ref)):
        answer = wang.get(f"/api/v1/runs/{run.ref}/why/", {name: value, "service": priced.service.code})
        assert answer.status_code == 404, name
