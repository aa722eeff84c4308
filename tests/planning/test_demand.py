"""What a need is made of: the chain in people, need by phase, need by group; worked by hand, by plain loops and by SQL."""

import json
import math

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from core.models import Area
from engine.need import need_units, part_units
from planning.models import (
    AreaGroupResult,
    AreaRange,
    AreaResult,
    CellPopulation,
    PopulationLayer,
    Scenario,
    Standard,
    StandardProfile,
)
from planning.services.demand import Asked, DemandRows, areas_seen, demand_of_run
from tests.planning.town import NIGHT, SERVICE, standard

EVERY = Asked(parts=frozenset({"whole", "phase", "group"}))
# By night, of c1 100, c2 60, c3 40 and c4 30 people.
YOUNG, OLD, OLDER, FREE = (
    [15.0, 9.0, 6.0, 3.0],
    [20.0, 13.0, 9.0, 12.0],
    [14.0, 9.0, 5.0, 10.0],
    [4.0, 2.0, 1.0, 9.0],
)


@pytest.fixture
def told(town):
    """The night layer tells children, the old, those over 65 and those who need barrier-free places."""
    layer = town.layers["night"]
    for cell, young, old, older, free in zip(town.cells, YOUNG, OLD, OLDER, FREE, strict=True):
        CellPopulation.objects.filter(layer=layer, cell=cell).update(
            age_0_14=young, age_60_up=old, age_65_up=older, barrier_free=free
        )
    groups = {"age_0_14": sum(YOUNG), "age_60_up": sum(OLD), "age_65_up": sum(OLDER)}
    PopulationLayer.objects.filter(pk=layer.pk).update(groups=groups, barrier_free=sum(FREE))
    return town


def needs(run, part="whole", **more):
    """{(area, phase or group): need}"""
    rows = DemandRows(run, areas_seen(run, None), Asked(parts=frozenset({part}), **more))
    return {(row.area.code, row.phase or row.group): row.need for row in rows}


def test_the_chain_goes_from_people_to_those_who_seek_shelter_in_real_people(town, compute):
    Scenario.objects.update(affected_share=0.5, displaced_share=0.4, seeking_share=0.25, extent="areas")
    town.scenario.areas.add(town.left)
    town.scenario.refresh_from_db()
    rows = {row.area.code: row for row in DemandRows(compute(town)[0], Area.objects.order_by("path"))}
    links = ("people", "inside", "affected", "displaced", "seeking")
    assert [getattr(rows["T1"], name) for name in links] == pytest.approx([160, 160, 80, 32, 8])
    assert [getattr(rows["T"], name) for name in links] == pytest.approx([230, 160, 80, 32, 8])
    assert [getattr(rows["T2"], name) for name in links] == [70, 0, 0, 0, 0]
    assert {code: row.need for code, row in rows.items()} == {"T": 32, "T1": 32, "T2": 0}


def test_a_rate_that_nobody_asks_for_and_nobody_gives_is_unknown_not_zero(town, compute):
    rows = {row.area.code: row for row in DemandRows(compute(town)[0], Area.objects.order_by("path"))}
    assert rows["T"].displaced == 115 and rows["T"].seeking is None


def test_each_phase_has_its_need_and_the_one_that_asks_for_most_is_the_runs(town, compute):
    """The worked example of docs/algorithms/need.md: 115 leave home; 1 a person in the first day, then 2 for the 60 % who
    stay (1.2 a person), then 3 for the 20 % who stay (0.6 a person)."""
    Standard.objects.filter(profile=town.profile).update(phase="h0_24")
    standard(town.profile, town.service, phase="d1_3", ratio=2)
    standard(town.profile, town.service, phase="d4_15", ratio=3)
    Scenario.objects.update(stay_shares={"d1_3": 0.6, "d4_15": 0.2}, duration_hours=360)
    town.scenario.refresh_from_db()
    run = compute(town)[0]
    found = needs(run, "phase")
    assert {phase: found["T", phase] for phase in ("h0_24", "d1_3", "d4_15")} == {
        "h0_24": 115, "d1_3": 138, "d4_15": 69,
    }  # fmt: skip
    assert run.totals[0]["need"] == 138 and needs(run)["T", ""] == 138
    governing = [row for row in DemandRows(run, areas_seen(run, None), EVERY) if row.governs]
    assert {row.phase for row in governing} == {"d1_3"} and governing[0].ratio == pytest.approx(1.2)


def test_groups_are_whole_and_add_up_to_the_need_in_every_area(told, compute):
    run = compute(told)[0]
    found = needs(run, "group")
    # T: half of 33 children is 16.5, of 54 old people 27, of 38 over 65 19, of 16 who need barrier-free places 8
    assert {group: need for (area, group), need in found.items() if area == "T"} == {
        "age_0_14": 17, "age_15_59": 71, "age_60_up": 27, "age_65_up": 19, "barrier_free": 8,
    }  # fmt: skip
    for area in ("T", "T1", "T2"):
        ages = sum(found[area, group] for group in ("age_0_14", "age_15_59", "age_60_up"))
        assert ages == AreaResult.objects.get(run=run, area__code=area).need
        assert found[area, "age_65_up"] <= found[area, "age_60_up"]
        kept = AreaGroupResult.objects.get(run=run, area__code=area, group="barrier_free")
        assert found[area, "barrier_free"] == kept.need


def test_a_layer_without_groups_has_none_to_tell(town, compute):
    assert needs(compute(town)[0], "group") == {}


def test_a_standard_for_the_old_needs_nothing_for_others(told, compute):
    Standard.objects.filter(profile=told.profile).update(group="age_60_up")
    found = needs(compute(told)[0], "group")
    assert {group: need for (area, group), need in found.items() if area == "T"} == {
        "age_60_up": 27, "age_65_up": 19,
    }  # fmt: skip


def test_districts_add_up_to_the_city_and_every_row_equals_the_runs(told, compute):
    for run in compute(told, ["night", "day"]):
        demand = demand_of_run(run)
        place = {pk: n for n, pk in enumerate(demand.area_id.tolist())}
        whole = next(n for n, part in enumerate(demand.parts) if part.part == "whole")
        for row in AreaResult.objects.filter(run=run):
            assert demand.need[whole, place[row.area_id]] == row.need
            assert demand.chain[whole, 0, place[row.area_id]] == pytest.approx(row.people)
        at = [place[told.left.pk], place[told.right.pk]]
        assert (demand.need[:, at].sum(axis=1) == demand.need[:, place[told.root.pk]]).all()


def test_a_districts_own_ratio_holds_in_its_phase_and_its_source_is_told(town, compute):
    from planning.services.demand import own_ratio

    Standard.objects.filter(profile=town.profile).update(phase="h0_24")
    standard(town.profile, town.service, phase="d4_15", ratio=0.5)
    StandardProfile.objects.filter(pk=town.profile.pk).update(status="published")
    east = StandardProfile.objects.create(
        code="east", name="东区", name_en="East", level="district", parent=town.profile, area=town.right
    )
    own = {"reason": "half of them stay with family", "ratio_source": "district survey"}
    standard(east, town.service, phase="h0_24", ratio=2.0, **own)
    standard(east, town.service, phase="d4_15", ratio=0.25, **own)
    StandardProfile.objects.filter(pk=east.pk).update(status="published")
    run = compute(town)[0]
    found = needs(run, "phase")
    # West 80 and East 35 leave home: 80 + 2 x 35 in the first day, half of 80 and a quarter of 35 later
    assert (found["T1", "h0_24"], found["T2", "h0_24"], found["T", "h0_24"]) == (80, 70, 150)
    assert (found["T1", "d4_15"], found["T2", "d4_15"], found["T", "d4_15"]) == (40, 9, 49)
    assert own_ratio(run.standards_frozen[0], "T/T2/")["ratio_source"] == "district survey"
    assert own_ratio(run.standards_frozen[0], "T/T1/") is None


def test_a_ratio_that_the_scenario_sets_is_the_rule_that_is_told(town, compute):
    Scenario.objects.update(ratio_overrides={SERVICE: 3.0}, rate_source="field survey", rate_certainty="B")
    town.scenario.refresh_from_db()
    row = next(iter(DemandRows(compute(town)[0], areas_seen(compute(town)[0], None))))
    assert (row.need, row.ratio) == (345, 3.0)
    assert (row.rule.profile, row.rule.source, row.rule.certainty) == (
        "",
        "field survey",
        "B",
    ) and row.own is None


def by_hand(counts, parts, share, ratio):
    """A second way: plain loops over cells with Python's own fractions of a unit, one rounding after another."""
    need, exact, given = [], 0.0, 0
    for people in counts:
        exact += people * share * ratio
        upto = math.floor(exact + 0.5 + 1e-9)
        need.append(upto - given)
        given = upto
    taken = []
    for part, room in parts:
        exact, passed, kept, units = 0.0, 0, 0, []
        for people, most in zip(part, room(need, taken), strict=True):
            exact += people * share * ratio
            wanted = math.floor(exact + 0.5 + 1e-9)
            here = min(most, wanted - kept)
            kept += here
            passed = wanted - kept
            units.append(here)
        assert passed >= 0
        taken.append(units)
    return need, taken


def test_plain_loops_find_the_same_groups(told, compute):
    run = compute(told)[0]
    whole = lambda need, taken: need  # noqa: E731
    left = lambda need, taken: [n - old for n, old in zip(need, taken[0], strict=True)]  # noqa: E731
    within = lambda need, taken: taken[0]  # noqa: E731
    need, (old, young, older, free) = by_hand(
        NIGHT, [(OLD, whole), (YOUNG, left), (OLDER, within), (FREE, whole)], 0.5, 1.0
    )
    found = needs(run, "group")
    for group, units in (
        ("age_60_up", old),
        ("age_0_14", young),
        ("age_65_up", older),
        ("barrier_free", free),
    ):
        assert (found["T1", group], found["T2", group]) == (sum(units[:2]), sum(units[2:])), group
    assert found["T", "age_15_59"] == sum(need) - sum(old) - sum(young)


def test_sql_finds_the_same_people_and_need(told, compute):
    run = compute(told)[0]
    with connection.cursor() as cursor:
        cursor.execute(
            """with chain as (
                 select a.code, c.number, p.people, sum(p.people * 0.5) over (order by c.number) upto
                 from planning_cellpopulation p join planning_demandcell c on c.id = p.cell_id
                 join planning_populationlayer l on l.id = p.layer_id join core_area a on a.id = c.area_id
                 where l.code = 'night'),
               units as (
                 select code, people, floor(upto + 0.5) - coalesce(floor(lag(upto) over (order by number) + 0.5), 0) need
                 from chain)
               select code, sum(people), sum(need) from units group by code order by code"""
        )
        told_by_sql = {code: (people, int(need)) for code, people, need in cursor.fetchall()}
    rows = {row.area.code: (row.displaced * 2, row.need) for row in DemandRows(run, areas_seen(run, None))}
    assert told_by_sql == {code: rows[code] for code in ("T1", "T2")}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 60), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0, 1)),
        min_size=1,
        max_size=40,
    ),
    st.floats(0.001, 3),
    st.floats(0, 1),
)
def test_any_city_has_groups_that_add_up(cells, ratio, share):
    people = np.array([one[0] for one in cells])
    young, old = people * [one[1] for one in cells], people * [one[2] for one in cells]
    older = old * [one[3] for one in cells]
    need = need_units(people, share, ratio)
    of_old = part_units(old, share, ratio, need)
    of_young = part_units(young, share, ratio, need - of_old)
    of_older = part_units(older, share, ratio, of_old)
    rest = need - of_old - of_young
    assert (rest >= 0).all() and (of_young >= 0).all() and (of_older <= of_old).all()
    assert (of_old + of_young + rest == need).all()


def test_numbers_are_worked_out_once_and_kept(told, compute, monkeypatch):
    from planning.services import demand

    run = compute(told)[0]
    first = demand.demand_of_run(run)
    demand._open.cache_clear()
    monkeypatch.setattr(demand, "demand_of", lambda *_all: pytest.fail("worked out twice"))
    again = demand.demand_of_run(run)
    assert again.parts == first.parts and (again.need == first.need).all()


def test_the_range_stands_beside_the_need_where_one_was_asked_for(told, compute):
    run = compute(told)[0]
    assert all(row.need_p10 is None for row in DemandRows(run, areas_seen(run, None)))
    ranged(run, told)
    rows = list(DemandRows(run, areas_seen(run, None), EVERY))
    whole = [row for row in rows if row.part == "whole"]
    assert {row.area.code: (row.need_p10, row.need_p50, row.need_p90) for row in whole} == {
        "T": (90, 115, 150), "T1": (60, 80, 110), "T2": (25, 35, 45),
    }  # fmt: skip
    # a range is known of the whole need; of a group nobody has drawn one
    assert all(row.need_p10 is None for row in rows if row.part == "group")


def ranged(run, town):
    """A finished range analysis of the run."""
    from planning.models import Analysis

    analysis = Analysis.objects.create(
        run=run, ref="AN-9", kind="range", state="done", params_sha256="r", engine_version="1"
    )
    for area, low, mid, high in (
        (town.root, 90, 115, 150),
        (town.left, 60, 80, 110),
        (town.right, 25, 35, 45),
    ):
        gap = AreaResult.objects.get(run=run, area=area).gap
        AreaRange.objects.create(
            analysis=analysis, service=town.service, area=area, need=mid, need_p10=low, need_p50=mid, need_p90=high,
            gap=gap, gap_p10=gap - 5, gap_p50=gap, gap_p90=gap + 7,
        )  # fmt: skip
    return analysis


def test_the_command_tells_every_part_of_every_district(told, compute, capsys):
    run = compute(told)[0]
    call_command("demand", run.ref, "--json")
    said = json.loads(capsys.readouterr().out)
    assert said["run"] == run.ref
    assert {(row["code"], row["part"], row["group"]): row["need"] for row in said["rows"] if row["part"] == "whole"} == {
        ("T1", "whole", ""): 80, ("T2", "whole", ""): 35,
    }  # fmt: skip
    assert {row["service"] for row in said["rows"]} == {SERVICE}
    call_command("demand", run.ref, "--level", "1", "--part", "group")
    assert "age_60_up" in capsys.readouterr().out
