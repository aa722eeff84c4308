"""A small pack that loads, to be spoilt one thing at a time."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput, Problem
from planning.services.city_packs import load_city


@pytest.fixture(autouse=True)
def own_artefacts(settings: Any, tmp_path: Path) -> Iterator[None]:
    """Road networks of a test stay in its own folder."""
    storages = {**settings.STORAGES}
    options = {"location": str(tmp_path / "artefacts"), "base_url": None}
    storages["artefacts"] = {**storages["artefacts"], "OPTIONS": options}
    settings.STORAGES = storages
    yield


def square(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def features(*rows: tuple[dict[str, Any], dict[str, Any]]) -> str:
    listed = [{"type": "Feature", "properties": p, "geometry": g} for p, g in rows]
    return json.dumps({"type": "FeatureCollection", "features": listed}, ensure_ascii=False)


MANIFEST = """
[city]
code = "9001"
name = "小镇"
name_en = "Littletown"
synthetic = true

[[areas]]
name = "areas"
path = "areas.geojson"
datum = "WGS-84"
columns = { code = "code", name = "name", level = "level" }

[[population]]
name = "night"
time_of_day = "night"
path = "people.csv"
datum = "WGS-84"
columns = { code = "code", lon = "lon", lat = "lat", people = "people" }
cell = { shape = "hexagon", spacing_m = 300 }

[[roads]]
name = "roads"
datum = "WGS-84"
nodes = { path = "nodes.csv" }
links = { path = "links.csv", columns = { from = "from", to = "to", length = "length_m" } }
speeds_kmh = { default = 30 }

[[hazards]]
name = "flood-zone"
hazard = "flood"
path = "flood.geojson"
datum = "WGS-84"
columns = { class = "class" }
severity = { deep = 2 }

[[facilities]]
name = "places"
path = "places.csv"
datum = "WGS-84"
columns = { id = "id", name = "name", use = "use", lon = "lon", lat = "lat", area_m2 = "area_m2", rooms = "rooms" }
use_values = { "学校" = "school" }
[facilities.roles.short_fixed_shelter]
status = "active"
[facilities.roles.isolation_lodging]
status = "possible"
hours = 30
cost_yuan_per_unit = 100

[[idle_assets]]
name = "idle"
path = "idle.csv"
datum = "WGS-84"
columns = { floor_m2 = "floor_m2" }
options = { path = "options.csv", columns = { hours = "hours" } }

[[scenarios]]
name = "flood"
hazard = "flood"
extent = "zones"
hazard_layer = "flood-zone"
zone_rates = { deep = { affected = 1.0, displaced = 0.5 } }
services = ["short_fixed_shelter"]
times_of_day = ["night"]
"""
FILES = {
    "areas.geojson": features(
        ({"code": "9001", "name": "小镇", "level": "city"}, square(104.0, 30.0, 104.2, 30.1)),
        ({"code": "900101", "name": "西区", "level": "district"}, square(104.0, 30.0, 104.1, 30.1)),
        ({"code": "900102", "name": "东区", "level": "district"}, square(104.1, 30.0, 104.2, 30.1)),
    ),
    "people.csv": "code,lon,lat,people\na,104.05,30.05,100\nb,104.15,30.05,250\nc,104.16,30.06,0\n",
    "nodes.csv": "id,lon,lat\n1,104.01,30.05\n2,104.10,30.05\n3,104.19,30.05\n",
    "links.csv": "from,to,length_m\n1,2,8700\n2,3,8700\n",
    "flood.geojson": features(({"class": "deep"}, square(104.0, 30.0, 104.06, 30.1))),
    "places.csv": (
        "id,name,use,lon,lat,area_m2,rooms\n"
        "S1,第一小学,学校,104.05,30.05,4000,\n"
        "H1,悦来酒店,hotel,104.15,30.05,,100\n"
    ),
    "idle.csv": "id,name,kind,lon,lat,floor_m2\nA1,旧厂房,premises,104.12,30.04,3000\n",
    "options.csv": "asset,service,kind,capacity,cost_yuan,hours\nA1,short_fixed_shelter,convert,600,900000,36\n",
}


@pytest.fixture
def pack(tmp_path: Path) -> Callable[..., Path]:
    """`pack(manifest=(old, new), **{"places.csv": "…"})`: the small pack in a folder, with these things spoilt."""

    def write(
        *, manifest: tuple[str, str] = ("", ""), folder: str = "pack", **files: str | bytes | None
    ) -> Path:
        target = tmp_path / folder
        target.mkdir(exist_ok=True)
        old, new = manifest
        assert old in MANIFEST
        (target / "city.toml").write_text(
            MANIFEST.replace(old, new, 1) if old else MANIFEST, encoding="utf-8"
        )
        for name, content in {**FILES, **files}.items():
            if content is None:
                (target / name).unlink(missing_ok=True)
            elif isinstance(content, bytes):
                (target / name).write_bytes(content)
            else:
                (target / name).write_text(content, encoding="utf-8")
        return target

    return write


@pytest.fixture
def refused(db: None) -> Callable[[Path], list[Problem]]:
    """Load a pack that must be refused; its problems."""

    def load(path: Path) -> list[Problem]:
        with pytest.raises(InvalidInput) as said:
            load_city(path=path)
        return said.value.problems

    return load
