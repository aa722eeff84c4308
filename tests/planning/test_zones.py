"""Hazard zones: the highest severity wins, places inside supply nothing, and every missing rate is named."""

import pytest
from django.contrib.gis.geos import MultiPolygon

from planning.choices import RunState
from planning.models import FacilityResult, HazardLayer, HazardZone
from tests.planning.town import box


@pytest.fixture
def flooded(town):
    """The deep zone covers c2 and the yard, the shallow one c1 and c2 with A between them; c3 and c4 stay dry."""
    layer = HazardLayer.objects.create(city=town.city, code="flood100", name="洪水", hazard="flood")
    for klass, severity, ground in (
        ("shallow", 1, box(-60, -60, 460, 60)),
        ("deep", 2, box(340, -60, 470, 60)),
    ):
        HazardZone.objects.create(
            layer=layer, klass=klass, severity=severity, geometry=MultiPolygon(ground, srid=4326)
        )
    scenario = town.scenario
    scenario.extent, scenario.hazard_layer, scenario.hazard = "zones", layer, "flood"
    scenario.affected_share = scenario.displaced_share = None
    scenario.zone_rates = {
        "shallow": {"affected": 1, "displaced": 0.1},
        "deep": {"affected": 1, "displaced": 0.5},
    }
    scenario.save()
    return town


def test_the_highest_severity_wins_where_zones_overlap(flooded, compute):
    run = compute(flooded)[0]
    assert run.totals[0]["need"] == round(100 * 0.1 + 60 * 0.5)
    assert {row.cell.code: row.need for row in run.cell_results.select_related("cell")} == {
        "c1": 10,
        "c2": 30,
    }


def test_places_inside_the_zone_supply_nothing_and_say_so(flooded, compute):
    run = compute(flooded)[0]
    reasons = {
        row.facility.source_id: row.reason
        for row in FacilityResult.objects.filter(run=run).select_related("facility")
    }
    assert reasons["t1"] == "inside_hazard" and reasons["t2"] == "counts"
    assert run.totals[0]["served"] == 0
    flooded.scenario.close_inside_zone = False
    flooded.scenario.save()
    assert compute(flooded)[0].totals[0]["served"] == 40


def test_every_missing_rate_of_every_class_is_named_at_once(flooded, compute):
    flooded.scenario.zone_rates = {"shallow": {"affected": 1}}
    flooded.scenario.save()
    run = compute(flooded)[0]
    assert run.state == RunState.REFUSED
    assert {(problem["code"], problem["what"]) for problem in run.refusal} == {
        ("no_displaced_share_in_zone", "shallow"), ("no_displaced_share_in_zone", "deep"), ("no_affected_share_in_zone", "deep")
    }  # fmt: skip


def test_a_role_for_other_hazards_does_not_count(town, compute):
    town.roles[0].hazards = ["flood"]
    town.roles[0].save()
    run = compute(town)[0]
    assert FacilityResult.objects.get(run=run, facility=town.places[0]).reason == "wrong_hazard"
    assert run.totals[0]["served"] == 0


def test_a_closed_facility_supplies_nothing(town, compute):
    town.scenario.closed_facilities.add(town.places[0])
    run = compute(town)[0]
    assert FacilityResult.objects.get(run=run, facility=town.places[0]).reason == "closed"


def test_of_two_exclusive_roles_only_the_first_in_rank_counts(town, compute):
    from facilities.models import Capability, ServiceType
    from tests.planning.town import standard

    lodging = ServiceType.objects.create(
        code="isolation_lodging",
        name="隔离",
        name_en="Isolation",
        domain="lodging",
        unit="rooms",
        unit_name="间",
    )
    standard(town.profile, lodging, driver="residents", ratio=0.1, reach_limit=5000)
    Capability.objects.create(
        facility=town.places[0],
        service=lodging,
        status="active",
        capacity=10,
        conversion_hours_declared=1,
        rank=2,
    )
    town.scenario.services.add(lodging)
    run = compute(town)[0]
    rows = {
        row.service.code: row
        for row in FacilityResult.objects.filter(run=run, facility=town.places[0]).select_related("service")
    }
    assert rows["short_fixed_shelter"].reason == "counts" and rows["isolation_lodging"].reason == "other_role"
    need = {row["service"]: row["need"] for row in run.totals}
    assert need == {"short_fixed_shelter": 115, "isolation_lodging": 23}
