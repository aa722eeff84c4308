"""Tiles of an analysis: all hours in one tile, in wide views and near by, and only to those who may see them."""

import pytest
from django.test import Client

from core.services import jobs
from planning.services.analyses import start_analysis
from tests.planning.test_tiles import NEAR, SERVICE, WIDE, cells, grouped, total

__all__ = ["grouped"]


@pytest.fixture
def done(grouped, compute):
    """`done("hours")`: (run, analysis) of the town by night."""
    run = compute(grouped)[0]

    def act(kind, **params):
        analysis, job = start_analysis(user=None, run=run, kind=kind, params=params)
        jobs.perform(job.ref)
        return run, analysis

    return act


@pytest.mark.parametrize("z", [NEAR, WIDE, 12, 3])
def test_one_tile_carries_what_is_served_at_every_hour(grouped, done, person, z):
    run, analysis = done("hours", hours=[24, 100])
    features = cells(
        person("lin", "planner"), z, grouped, run=run.ref, service=SERVICE, analysis=analysis.ref
    )
    assert [total(features, name) for name in ("need", "served_0", "served_1", "served_2")] == [
        115,
        0,
        60,
        80,
    ]
    assert total(features, "served") == 60 and total(features, "people") == 230


@pytest.mark.parametrize("z", [NEAR, WIDE])
def test_a_person_of_one_district_gets_only_its_numbers(grouped, done, person, z):
    run, analysis = done("hours", hours=[24, 100])
    wu = person("wu", "viewer", grouped.right)
    features = cells(wu, z, grouped, run=run.ref, service=SERVICE, analysis=analysis.ref)
    assert [total(features, name) for name in ("need", "served_1", "served_2")] == [35, 0, 20]


@pytest.mark.parametrize("z", [NEAR, WIDE])
def test_backup_and_accessibility_can_be_summed_so_that_a_hexagon_shows_their_mean(grouped, done, person, z):
    lin = person("lin", "planner")
    run, backup = done("backup")
    features = cells(lin, z, grouped, run=run.ref, service=SERVICE, analysis=backup.ref)
    assert total(features, "backup") == 80  # one place in reach of each of 80
    run, access = done("access", method="2sfca")
    features = cells(lin, z, grouped, run=run.ref, service=SERVICE, analysis=access.ref)
    assert total(features, "access") == 100 * (0.75 * 80 + 1.5 * 20)


def test_an_analysis_of_another_run_or_kind_without_numbers_is_refused_or_adds_none(grouped, done, person):
    lin, client = person("lin", "planner"), Client()
    client.force_login(lin)
    run, equity = done("equity")
    address = "/tiles/cells/3/6/3.pbf"
    asked = {"run": run.ref, "service": SERVICE}
    assert client.get(address, {**asked, "analysis": "AN-0000-0000"}).status_code == 404
    assert client.get(address, {**asked, "analysis": equity.ref}).status_code in (200, 204)
