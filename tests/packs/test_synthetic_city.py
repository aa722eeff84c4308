"""The made-up city: same seed, same bytes; believable; loads like any other."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import shapely
from django.db.models import Count, Sum

from core.errors import DomainError
from core.models import Area, City, PackLayer
from engine.synthetic import build_city
from engine.synthetic.names import ordinal
from facilities.models import Agreement, Capability, Facility
from inventory.models import AssetOption
from planning.models import CellPopulation, DemandCell, HazardLayer, RoadNetwork, Scenario
from planning.services.city_packs import load_city
from planning.services.synthetic_city import make_city


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def polygons(rings: list[list[np.ndarray]]) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([(polygon[0], polygon[1:]) for polygon in rings])


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_city(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("two", 7), ("three", 8)):
        make_city(folder=tmp_path / name, people=200_000, seed=seed)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    changed = [
        name for name, value in digest(tmp_path / "three").items() if value != digest(tmp_path / "one")[name]
    ]
    assert len(changed) == len(digest(tmp_path / "one"))


@pytest.mark.parametrize("seed", [1, 7, 23])
def test_areas_nest_without_gap_or_overlap_and_hold_every_cell(seed: int) -> None:
    city = build_city(1_000_000, seed)
    whole = polygons(city.areas.city)
    for level in (city.areas.districts, city.areas.streets):
        shapes = [polygons(rings) for rings in level]
        assert all(shape.is_valid for shape in shapes)
        assert sum(shape.area for shape in shapes) == pytest.approx(whole.area, rel=1e-9)
        assert shapely.union_all(shapes).area == pytest.approx(whole.area, rel=1e-9)
    assert shapely.contains_xy(whole, city.people.x_m, city.people.y_m).all()


@pytest.mark.parametrize("seed", [1, 7, 23])
def test_water_flood_and_fault_zones_are_sound_and_do_not_overlap(seed: int) -> None:
    terrain = build_city(300_000, seed, 1_500).terrain
    for zones in (terrain.flood, terrain.fault):
        shapes = [shapely.Polygon(band.ring(200)) for _class, bands in zones for band in bands]
        assert all(shape.is_valid for shape in shapes)
        overlap = sum(shape.area for shape in shapes) - shapely.union_all(shapes).area
        assert overlap < 0.02 * sum(shape.area for shape in shapes)
    assert all(shapely.Polygon(lake.ring()).is_valid for lake in terrain.lakes)


def test_people_are_exact_dense_in_the_core_and_dry() -> None:
    city = build_city(3_000_000, 7)
    crowd = city.people
    assert crowd.night.sum() == 3_000_000 and len(crowd.night) == 15_000
    assert not city.terrain.wet(crowd.x_m, crowd.y_m).any()
    core = np.hypot(crowd.x_m, crowd.y_m) < 0.1 * city.terrain.size_m
    assert crowd.night[core].mean() > 2 * crowd.night[~core].mean()
    assert crowd.day[core].sum() > 1.5 * crowd.night[core].sum()


def test_roads_are_one_network_and_only_larger_ones_cross_water() -> None:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    city = build_city(1_000_000, 7)
    roads = city.roads
    graph = csr_matrix((np.ones(len(roads.tail)), (roads.tail, roads.head)), shape=(len(roads.x_m),) * 2)
    assert connected_components(graph, directed=False)[0] == 1
    middle = (
        (roads.x_m[roads.tail] + roads.x_m[roads.head]) / 2,
        (roads.y_m[roads.tail] + roads.y_m[roads.head]) / 2,
    )
    wet = city.terrain.wet(*middle)
    assert wet.any() and "local" not in set(roads.kind[wet])


def test_a_city_too_small_or_too_large_is_refused(tmp_path: Path) -> None:
    for people, cells in ((10, None), (30_000_000, None), (1_000_000, 2_000_000)):
        with pytest.raises(DomainError):
            make_city(folder=tmp_path, people=people, cells=cells)


def test_chinese_ordinals_are_written_as_people_say_them() -> None:
    assert [ordinal(n) for n in (1, 10, 12, 20, 23, 99)] == ["一", "十", "十二", "二十", "二十三", "九十九"]


@pytest.mark.django_db
def test_the_made_city_loads_with_everything_marked_synthetic(tmp_path: Path) -> None:
    made = make_city(folder=tmp_path / "city", people=300_000, seed=7)
    report = load_city(path=tmp_path / "city")
    assert not report.warnings
    assert City.objects.get().synthetic and not PackLayer.objects.filter(synthetic=False).exists()
    assert (
        not Facility.objects.filter(synthetic=False).exists()
        and not Facility.objects.filter(area=None).exists()
    )
    assert Facility.objects.count() == made["facilities"] and DemandCell.objects.count() == made["cells"]
    assert not DemandCell.objects.exclude(area__level=3).exists()
    assert dict(CellPopulation.objects.values_list("layer__time_of_day").annotate(sum=Sum("people"))) == {
        "night": 300_000, "day": 309_000,
    }  # fmt: skip
    names = Facility.objects.values("name").annotate(times=Count("pk")).filter(times__gt=1)
    assert not names.exists() and not Facility.objects.filter(name_en="").exists()
    services = {
        "emergency_shelter", "short_fixed_shelter", "isolation_lodging", "medical_point", "supply_warehouse",
    }  # fmt: skip
    assert set(Capability.objects.values_list("service__code", flat=True)) == services
    assert set(Scenario.objects.values_list("services__code", flat=True)) == services
    assert set(HazardLayer.objects.values_list("hazard", flat=True)) == {"flood", "earthquake"}
    assert Area.objects.filter(level=2).count() == made["districts"]
    assert AssetOption.objects.exists() and Agreement.objects.exists()
    assert RoadNetwork.objects.get().largest_part_share > 0.95
    assert not load_city(path=tmp_path / "city").changed
