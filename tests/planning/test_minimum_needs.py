"""What sheltered people need, worked out by hand as in docs/algorithms/minimum-needs.md."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DomainError
from planning.models import StandardProfile
from planning.services.minimum_needs import _whole_people, minimum_needs, sheltered_people
from planning.services.reference import load_reference


@pytest.fixture
def shipped(db):
    load_reference()
    return {one.code: one for one in StandardProfile.objects.all()}


def by_code(found):
    return {one.code: one for one in found}


def told(need, side):
    return [
        (line.period.first, line.period.last, getattr(line, side) and round(getattr(line, side).quantity, 6))
        for line in need.lines
    ]


def test_the_worked_example(shipped):
    """1,010 people for 20 days; see the page of the method."""
    found = by_code(
        minimum_needs(people=1010, days=20, profile=shipped["cn-default"], other=shipped["sphere-2018"])
    )
    assert told(found["water"], "own") == [(1, 20, 1010 * 15 * 20)]
    assert found["water"].lines[0].own.daily == 15_150
    assert told(found["toilets"], "own") == [(1, 3, 21), (4, 20, 51)]
    assert (found["toilets"].own, found["toilets"].differs) == (51, False)
    assert told(found["space"], "own") == [(1, 1, 505), (2, 3, 1010), (4, 15, 2020), (16, 20, 3030)]
    assert told(found["space"], "other") == [(1, 1, 3535), (2, 3, 3535), (4, 15, 3535), (16, 20, 3535)]
    assert found["space"].lines[2].share == 0.75 and (found["space"].own, found["space"].other) == (
        3030,
        3535,
    )
    assert found["soap"].own == pytest.approx(1010 * 250 * 20 / 30)
    assert told(found["management"], "other") == [(1, 20, None)] and found["management"].differs


def test_a_short_stay_has_only_the_phases_that_begin_in_it(shipped):
    found = by_code(minimum_needs(people=100, days=3, profile=shipped["cn-default"]))
    assert told(found["space"], "own") == [(1, 1, 50), (2, 3, 100)]
    assert told(found["toilets"], "own") == [(1, 3, 2)] and found["water"].other is None


def test_a_profile_takes_needs_from_above(shipped):
    own = by_code(minimum_needs(people=10, days=1, profile=shipped["chengdu-study"]))
    assert set(own) == set(by_code(minimum_needs(people=10, days=1, profile=shipped["cn-default"])))


@pytest.mark.parametrize(("people", "days"), [(0, 1), (-5, 1), (10**9, 1), (10, 0), (10, 4000)])
def test_impossible_questions_are_refused(shipped, people, days):
    with pytest.raises(DomainError):
        minimum_needs(people=people, days=days, profile=shipped["cn-default"])


@settings(max_examples=12)
@given(people=st.integers(1, 5000), days=st.integers(1, 400), more=st.integers(0, 5000))
@pytest.mark.django_db
def test_periods_cover_the_stay_and_more_people_never_need_less(people, days, more):
    load_reference()
    profile = StandardProfile.objects.get(code="cn-default")
    few, many = (minimum_needs(people=count, days=days, profile=profile) for count in (people, people + more))
    for one, other in zip(few, many, strict=True):
        assert sum(line.period.days for line in one.lines) == days
        assert [line.period.first for line in one.lines[1:]] == [
            line.period.last + 1 for line in one.lines[:-1]
        ]
        assert other.own >= one.own > 0


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=12))
def test_people_of_districts_add_up(values):
    total = round(sum(values))
    found = _whole_people(values, total)
    assert sum(found) in (total, sum(int(value) for value in values))
    assert all(abs(one - value) <= 1 for one, value in zip(found, values, strict=True))


# --- the people of a run -----------------------------------------------------------------------------


def test_people_of_a_run_are_those_who_seek_shelter_by_district(town, compute, person):
    """Night 230 people, half displaced; 0.4 of them seek shelter: West 80 x 0.4 = 32, East 35 x 0.4 = 14."""
    town.scenario.seeking_share = 0.4
    town.scenario.save()
    found = sheltered_people(run=compute(town)[0], user=None)
    assert (found.stage, found.people) == ("seeking", 46)
    assert [(one.area.code, one.people) for one in found.areas] == [("T1", 32), ("T2", 14)]
    chen = sheltered_people(run=compute(town)[0], user=person("chen", "viewer", town.left))
    assert (chen.people, [one.area.code for one in chen.areas]) == (32, ["T1"])


def test_without_a_share_that_seeks_shelter_the_displaced_count_and_that_is_said(town, compute):
    found = sheltered_people(run=compute(town)[0], user=None)
    assert (found.stage, found.people) == ("displaced", 115)


def test_people_served_by_a_service_may_be_asked_for(town, compute):
    """60 of West's 80 places are served in time, none of East's."""
    found = sheltered_people(run=compute(town)[0], user=None, stage="served", service=town.service)
    assert (found.people, [one.people for one in found.areas]) == (60, [60, 0])


def test_the_command_and_the_api_answer_alike(town, compute, person):
    from rest_framework.test import APIClient

    load_reference()
    run, lin = compute(town)[0], APIClient()
    lin.force_authenticate(person("lin", "planner"))
    for whom in ({"people": 500}, {"run": run.ref}):
        out = StringIO()
        told = [word for name, value in whom.items() for word in (f"--{name}", str(value))]
        call_command(
            "minimum_needs",
            *told,
            "--days",
            "7",
            "--profile",
            "cn-default",
            "--with",
            "sphere-2018",
            "--json",
            stdout=out,
        )
        said = lin.get(
            "/api/v1/minimum-needs/calculate/",
            {"profile": "cn-default", "with": "sphere-2018", "days": 7, **whom},
        )
        assert json.loads(out.getvalue()) == said.json(), whom
    assert said.json()["areas"] == [{"area": "T1", "people": 80}, {"area": "T2", "people": 35}]
    out = StringIO()
    call_command("minimum_needs", "--people", "500", "--profile", "sphere-2018", stdout=out)
    assert "Toilets" in out.getvalue()
    for bad in ({"people": "x"}, {"people": 0}, {}, {"people": 5, "days": "-1"}):
        assert lin.get("/api/v1/minimum-needs/calculate/", {"profile": "cn-default", **bad}).status_code in (
            400,
            422,
        ), bad
