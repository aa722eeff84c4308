"""Why this number: the sum, the roles in reach with what stops them, and what would help, each scored alone."""

import pytest

from planning.models import CostRate
from planning.services.why import why_number


@pytest.fixture
def priced(town):
    for kind, fixed, unit, share in (("extend", 10_000, 1_000, 0.5), ("stock", 5_000, 100, None), ("upgrade", 20_000, 0, None)):
        CostRate.objects.create(service=town.service, kind=kind, fixed_fen=fixed, per_unit_fen=unit, max_share=share, hours=24, source="worked example")
    return town


def test_the_sum_of_a_district_is_people_times_share_times_ratio(priced, compute, person):
    run = compute(priced)[0]
    why = why_number(run=run, service=priced.service, area=priced.left, user=person("lin", "planner"))
    assert (why.people, why.affected_share, why.displaced_share, why.ratio) == (160, 1, 0.5, 1)
    assert why.people * why.share * why.ratio == pytest.approx(80)
    assert why.binds == "room" and why.limit == 500


def test_roles_in_reach_say_why_they_cannot_take_more(priced, compute, person):
    run = compute(priced)[0]
    lin = person("lin", "planner")
    west = why_number(run=run, service=priced.service, area=priced.left, user=lin)
    assert [(row.facility.source_id, row.taken, row.reason) for row in west.rows] == [("t1", 60, "full")]
    east = why_number(run=run, service=priced.service, area=priced.right, user=lin)
    reasons = {row.facility.source_id: (row.counts, row.reason) for row in east.rows}
    assert reasons == {"t2": (True, "opens too late"), "t3": (False, "agreement lapsed")}


def test_what_would_help_is_scored_alone_by_the_same_engine(priced, compute, person):
    run = compute(priced)[0]
    lin = person("lin", "planner")
    west = {row.key.partition(":")[0]: row.units for row in why_number(run=run, service=priced.service, area=priced.left, user=lin).options}
    assert west == {"extend": 20, "build": 20}
    east = {row.key.partition(":")[0]: row.units for row in why_number(run=run, service=priced.service, area=priced.right, user=lin).options}
    assert east == {"stock": 20, "upgrade": 15}


def test_the_other_time_of_day_stands_beside(priced, compute, person):
    night, _day = compute(priced, ["night", "day"])
    why = why_number(run=night, service=priced.service, area=priced.root, user=person("lin", "planner"))
    assert [(row.label, row.gap) for row in why.others] == [("By day", 5)]
