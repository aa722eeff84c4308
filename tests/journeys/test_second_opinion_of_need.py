"""A scenario that says everything a scenario can say of need, worked out a second time in plain SQL: drawn ground, a
population layer of its own, a share who seek shelter, phases, a multiplier, standards of a district and for a group."""

from io import StringIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.core.management import call_command

from core.models import Area, City
from facilities.models import ServiceType
from planning.bridge.demand import demand_of
from planning.models import PopulationLayer, Scenario, Standard, StandardProfile
from planning.services import runs
from tests.journeys.second_opinion import cumulative, rows

pytestmark = pytest.mark.django_db

SHELTER, BEDS = "short_fixed_shelter", "medical_point"
AFFECTED, DISPLACED, SEEKING, STAYING, TIMES = 0.8, 0.35, 0.6, 0.55, 1.25


def row(profile: StandardProfile, service: str, ratio: float, **more: Any) -> Standard:
    return Standard.objects.create(
        profile=profile, service=ServiceType.objects.get(code=service), ratio=ratio, ratio_text="一", ratio_text_en="one",
        ratio_source="worked example", ratio_certainty="D", reach_limit=1500, reach_unit="m", mode="walk",
        reach_source="worked example", reach_certainty="D", conversion_limit_hours=72, reason="worked example", **more,
    )  # fmt: skip


@pytest.fixture
def asked(tmp_path: Any, settings: Any) -> SimpleNamespace:
    """A made-up city of 60,000 with a scenario on a triangle over its middle."""
    settings.STORAGES = settings.STORAGES | {
        "artefacts": settings.STORAGES["artefacts"]
        | {"OPTIONS": {"location": str(tmp_path / "artefacts"), "base_url": None}}
    }
    call_command("make_city", str(tmp_path / "pack"), people=60_000, seed=11, stdout=StringIO())
    call_command("load_city", str(tmp_path / "pack"), stdout=StringIO())
    city = City.objects.get()
    west, south, east, north = city.bounds.extent
    ground = Polygon(
        [(west, south), (east, (south + north) / 2), ((west + east) / 2, north), (west, south)], srid=4326
    )
    used = PopulationLayer.objects.get(city=city, time_of_day="night", current=True)
    other = PopulationLayer.objects.create(
        city=city, code="other", name="other", time_of_day="night", current=False, people=0, cells=used.cells,
        groups={"age_60_up": 1.0}, barrier_free=None,
    )  # fmt: skip
    rows(
        "insert into planning_cellpopulation (layer_id, cell_id, people, age_60_up) select %s, cell_id, people * 1.07,"
        " people * 0.21 from planning_cellpopulation where layer_id = %s returning 1", other.pk, used.pk,
    )  # fmt: skip
    whole = StandardProfile.objects.create(code="whole", name="全市", name_en="Whole city", family="whole")
    row(whole, SHELTER, 1.0, driver="sheltered", phase="h0_24")
    row(whole, SHELTER, 1.9, driver="sheltered", phase="d4_15")
    row(whole, BEDS, 0.02, driver="affected", group="age_60_up")
    district = Area.objects.filter(city=city, level=2).order_by("code").first()
    own = StandardProfile.objects.create(
        code="own", name="区", name_en="District", family="own", parent=whole, area=district, level="district"
    )
    row(own, SHELTER, 3.0, driver="sheltered", phase="d4_15")
    StandardProfile.objects.filter(pk__in=[whole.pk, own.pk]).update(status="published")
    scenario = Scenario.objects.create(
        city=city, ref="S-90009", name="全", hazard="flood", extent="drawn", drawn=MultiPolygon(ground, srid=4326),
        affected_share=AFFECTED, displaced_share=DISPLACED, seeking_share=SEEKING, times_of_day=["night"],
        population_layers={"night": "other"}, duration_hours=240, stay_shares={"d4_15": STAYING},
        multipliers={BEDS: TIMES}, rate_source="worked example",
    )  # fmt: skip
    scenario.services.set(ServiceType.objects.filter(code__in=[SHELTER, BEDS]))
    whole.refresh_from_db()
    made, _job = runs.start_runs(user=None, city=city, scenario=scenario, profile=whole)
    return SimpleNamespace(city=city, run=made[0], district=district, other=other, ground=ground)


def test_need_of_a_scenario_that_says_everything_is_found_again_in_sql(asked):
    assert asked.run.refusal == []
    situation = runs.situation_of(asked.run)
    listed = rows(
        "select p.people, p.age_60_up, st_intersects(st_geomfromtext(%s, 4326), c.point), coalesce(a.path like %s, false)"
        " from planning_demandcell c join planning_cellpopulation p on p.cell_id = c.id and p.layer_id = %s"
        " left join core_area a on a.id = c.area_id where c.city_id = %s order by c.number",
        asked.ground.wkt, asked.district.path + "%", asked.other.pk, asked.city.pk,
    )  # fmt: skip
    people, old = np.array([[r[0], r[1]] for r in listed]).T
    inside, local = np.array([[r[2], r[3]] for r in listed], dtype=bool).T
    assert 0 < inside.sum() < len(inside) and (inside & local).any() and (inside & ~local).any()
    # days 4 to 15 ask for 1.9 x 0.55 places a person, the first day for 1.0: the later phase governs
    ratio = np.where(local, 3.0, 1.9) * STAYING
    exact = {
        SHELTER: people * inside * AFFECTED * DISPLACED * SEEKING * ratio,
        BEDS: old * inside * AFFECTED * 0.02 * TIMES,
    }
    for k, standard in enumerate(situation.standards):
        need = situation.world.demand.need[k]
        wanted = exact[standard["service"]]
        assert abs(int(need.sum()) - wanted.sum()) <= 0.5 + 1e-6
        assert (np.abs(need - wanted) < 1).all()
        assert need.tolist() == cumulative(wanted).tolist()


def test_what_that_need_is_made_of_is_found_again_by_district(asked):
    """The chain by plain sums in SQL; phases and the old in loops over cells, added up by district."""
    run = asked.run
    found = demand_of(runs.frozen_of(run), run.scenario_frozen, run.standards_frozen, run.time_of_day)
    part = {(p.service, p.part, p.phase, p.group): n for n, p in enumerate(found.parts)}
    listed = rows(
        "select p.people, p.age_60_up, st_intersects(st_geomfromtext(%s, 4326), c.point), coalesce(d.id, 0), coalesce(d.id = %s, false)"
        " from planning_demandcell c join planning_cellpopulation p on p.cell_id = c.id and p.layer_id = %s"
        " left join core_area a on a.id = c.area_id left join core_area d on d.level = 2 and a.path like d.path || '%%'"
        " where c.city_id = %s order by c.number",
        asked.ground.wkt, asked.district.pk, asked.other.pk, asked.city.pk,
    )  # fmt: skip
    people, old = np.array([[r[0], r[1]] for r in listed]).T
    inside, local = np.array([[r[2], r[4]] for r in listed], dtype=bool).T
    district = np.array([r[3] for r in listed])
    rates = (1, AFFECTED, AFFECTED * DISPLACED, AFFECTED * DISPLACED * SEEKING)
    links = np.stack([people, *(people * inside * rate for rate in rates)])
    seeking = links[-1]
    later = cumulative(seeking * np.where(local, 3.0, 1.9) * STAYING)
    first = cumulative(seeking)
    aged, exact, kept = [], 0.0, 0
    for n, share in enumerate(
        old * inside * AFFECTED * DISPLACED * SEEKING * np.where(local, 3.0, 1.9) * STAYING
    ):
        exact += share
        here = min(int(later[n]), int(np.floor(exact + 0.5 + 1e-9)) - kept)
        kept += here
        aged.append(here)
    for pk in [int(one) for one in np.unique(district) if one]:
        at, mine = found.area_id.tolist().index(pk), district == pk
        assert found.chain[part[SHELTER, "whole", "", ""], :, at] == pytest.approx(links[:, mine].sum(axis=1))
        assert found.need[part[SHELTER, "whole", "", ""], at] == later[mine].sum()
        assert found.need[part[SHELTER, "phase", "d4_15", ""], at] == later[mine].sum()
        assert found.need[part[SHELTER, "phase", "h0_24", ""], at] == first[mine].sum()
        assert found.need[part[SHELTER, "group", "", "age_60_up"], at] == np.array(aged)[mine].sum()
        assert found.need[part[SHELTER, "group", "", "age_0_59"], at] == (later - aged)[mine].sum()
        # beds count the old alone: all of their need is the old's
        assert (
            found.need[part[BEDS, "group", "", "age_60_up"], at]
            == found.need[part[BEDS, "whole", "", ""], at]
        )


def test_whom_a_place_on_drawn_ground_could_have_served_it_does_not(asked):
    situation = runs.situation_of(asked.run)
    shut = rows(
        "select f.id from facilities_facility f where f.city_id = %s and st_intersects(st_geomfromtext(%s, 4326), f.point)",
        asked.city.pk, asked.ground.wkt,
    )  # fmt: skip
    frozen = situation.frozen
    sites = np.flatnonzero(np.asarray(frozen["site_kind"]) == 0)
    found = {int(np.asarray(frozen["site_id"])[j]) for j in sites if situation.shares.site_inside[j]}
    assert found >= {pk for (pk,) in shut if pk in set(np.asarray(frozen["site_id"])[sites].tolist())}
    usable = situation.world.supply.role_usable
    assert not usable[situation.shares.site_inside[situation.world.supply.role_site]].any()
