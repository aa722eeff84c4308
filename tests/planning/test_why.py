"""Why this number: the sum, the roles in reach with what stops them, and what would help, each scored alone."""

import pytest

from planning.models import CostRate
from planning.services.why import why_number


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
