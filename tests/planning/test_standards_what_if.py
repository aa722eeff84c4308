"""What a draft would change is known before it is adopted; numbers by hand on the town."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from core.errors import DomainError, InvalidInput
from core.services import jobs
from planning.models import Run, StandardProfile
from planning.selectors import gaps
from planning.services import standard_rows, standards
from planning.services.standards_what_if import (
    outdated,
    pairs_of,
    start_what_if,
    stored_pairs,
    what_if_areas,
    what_if_totals,
)
from planning.services.why import why_number
from tests.planning.town import publish


@pytest.fixture
def nation(town):
    StandardProfile.objects.filter(pk=town.profile.pk).update(family="worked")
    town.profile.standards.update(conversion_source="worked example", conversion_certainty="D")
    publish(town.profile)
    return town.profile


@pytest.fixture
def draft(town, nation):
    """The town's next standards: 1.5 places for each person displaced."""
    made = standards.next_version(user=None, profile=nation)
    standard_rows.change_standard(user=None, row=made.standards.get(), revision=None, changes={"ratio": 1.5})
    return made


def ask(town, profile, **more):
    found = start_what_if(
        user=None, city=town.city, profile=profile, scenarios=[town.scenario], times_of_day=["night"], detour_factor=1.0, **more
    )  # fmt: skip
    for job in found.jobs:
        jobs.perform(job.ref)
    for pair in found.pairs:
        pair.before.refresh_from_db()
        pair.after.refresh_from_db()
    return found


def test_a_draft_of_the_default_shows_its_change_of_need_and_gap_by_district(
    town, nation, draft, django_capture_on_commit_callbacks
):
    """Displaced by night: 50 + 30 + 20 + 15 = 115. At 1.5 places: 75 + 45 + 30 + 22.5, along the cells 173 or 172.
    A has 60 places and B 30 (late): West 120 needs, 60 served; East 30 late of 30 at c3, the rest out of reach."""
    pair = ask(town, draft).pairs[0]
    rows = {
        row.area.code: (row.before.need, row.after.need, row.before.gap, row.after.gap)
        for row in what_if_areas(pair, user=None, level=2)
    }
    assert rows["T1"] == (80, 120, 20, 60)
    before_need, after_need, before_gap, after_gap = rows["T2"]
    assert (before_need, before_gap) == (35, 35) and after_need in (52, 53) and after_gap == after_need
    total = what_if_totals(pair, user=None)[0]
    assert (total.before.need, total.after.need - 120 - after_need) == (115, 0)
    assert total.gap_change == (60 - 20) + (after_gap - 35)


def test_a_district_s_draft_is_looked_at_as_if_it_were_in_force_there(
    town, nation, django_capture_on_commit_callbacks
):
    west = standards.draft_profile(
        user=None,
        name="西",
        code="west",
        level="district",
        parent=nation,
        area=town.left,
        reason="old houses",
    )
    standard_rows.add_standard(
        user=None, profile=west, service=town.service, values={"ratio": 2.0, "reason": "old"}
    )
    pair = ask(town, west).pairs[0]
    rows = {
        row.area.code: (row.before.need, row.after.need) for row in what_if_areas(pair, user=None, level=2)
    }
    assert rows == {"T1": (80, 160), "T2": (35, 35)}
    assert pair.before.profile == nation and pair.after.profile == west


def test_a_draft_changed_after_its_run_gives_a_new_run(town, draft, django_capture_on_commit_callbacks):
    first = ask(town, draft).pairs[0]
    assert ask(town, draft).pairs[0].after == first.after and not outdated(first)
    standard_rows.change_standard(user=None, row=draft.standards.get(), revision=None, changes={"ratio": 2.0})
    first.after.profile.refresh_from_db()
    assert outdated(first)
    second = ask(town, draft).pairs[0]
    assert second.after != first.after and second.before == first.before
    assert second.after.totals[0]["need"] == 230
    assert [pair.after for pair in stored_pairs(profile=draft, city=town.city)] == [second.after]
    assert pairs_of([first.after], second.before.profile)[0].before == first.before


def test_pages_go_on_opening_on_what_is_in_force(
    town, nation, draft, person, django_capture_on_commit_callbacks
):
    """The run of a draft is the newest, but it speaks for nobody yet."""
    pair = ask(town, draft).pairs[0]
    lin = person("lin", "planner")
    assert gaps.main_run(user=lin, city=town.city) == pair.before
    assert gaps.latest_of_each(user=lin, city=town.city) == [pair.before]
    assert gaps.run_in_view(user=lin, city=town.city, ref=pair.after.ref) == pair.after


def test_a_draft_whose_phases_disagree_is_not_tried(town, nation):
    city = standards.draft_profile(user=None, name="市", code="c", parent=nation, reason="local")
    standard_rows.add_standard(
        user=None, profile=city, service=town.service,
        values={
            "phase": "d15_plus", "driver": "affected", "ratio": 0.5, "ratio_source": "x", "ratio_certainty": "D", "reach_limit": 500.0,
            "reach_unit": "m", "mode": "walk", "reach_source": "x", "reach_certainty": "D", "reason": "later",
        },
    )  # fmt: skip
    with pytest.raises(InvalidInput):
        ask(town, city)
    with pytest.raises(DomainError):
        ask(town, nation, against=nation)


def test_the_command_answers_with_pairs_areas_and_changes(town, draft, django_capture_on_commit_callbacks):
    out = StringIO()
    call_command(
        "standards_what_if",
        draft.code,
        "--scenario",
        town.scenario.ref,
        "--time",
        "night",
        "--json",
        stdout=out,
    )
    answer = json.loads(out.getvalue())
    assert (answer["profile"], answer["against"], answer["jobs"]) == ("worked-2", "worked", [])
    pair = answer["pairs"][0]
    assert pair["state"] == "done"
    assert {row["area"]: row["need_change"] for row in pair["areas"]}["T1"] == 40
    out = StringIO()
    call_command(
        "standards_what_if", draft.code, "--scenario", town.scenario.ref, "--time", "night", stdout=out
    )
    assert "T1" in out.getvalue()


# --- why: whose ratio --------------------------------------------------------------------------------


def test_why_names_a_district_s_own_ratio_and_the_sum_still_holds(town, nation, compute):
    west = standards.draft_profile(
        user=None,
        name="西",
        code="west",
        level="district",
        parent=nation,
        area=town.left,
        reason="old houses",
    )
    standard_rows.add_standard(
        user=None, profile=west, service=town.service, values={"ratio": 2.0, "reason": "old"}
    )
    standards.publish_profile(user=None, profile=west)
    run = compute(town)[0]
    inside = why_number(run=run, area=town.left, service=town.service)
    assert (inside.people * inside.share * inside.ratio, inside.ratio) == (160, 2.0)
    assert [
        (row["profile"], row["area"], row["ratio"], row["whole"], row["reason"]) for row in inside.local
    ] == [("west", "T1", 2.0, True, "old")]
    outside = why_number(run=run, area=town.right, service=town.service)
    assert (outside.ratio, outside.local) == (1.0, [])
    city = why_number(run=run, area=town.root, service=town.service)
    assert city.people * city.share * city.ratio == pytest.approx(195)
    assert [row["whole"] for row in city.local] == [False]
    assert Run.objects.get(pk=run.pk).standards_frozen[0]["local"][0]["reason"] == "old"
