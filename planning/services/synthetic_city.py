"""Write a made-up city as a city pack: the demonstration of a fresh clone and the source of scale tests.

The same people, seed and cells give the same bytes. Everything in it is invented, and every layer says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from engine.crs import LocalMetric
from engine.synthetic import SyntheticCity, build_city
from engine.synthetic import census as made_census
from engine.synthetic.barriers import barrier_free_people, barrier_free_share, door_minutes
from planning.services.synthetic_words import facility_names, idle_names, manifest

# An invented city lies at an invented place: farmland of the middle Yangtze plain.
LON0, LAT0 = 112.6, 30.9
CODE = "990100"
# Papers end a number of months after this day; nothing here reads a clock.
REFERENCE_MONTH = (2026, 11)
WATER_STEP_M, ZONE_STEP_M = 150.0, 250.0


def make_city(
    *, folder: str | Path, people: int = 3_000_000, seed: int = 7, cells: int | None = None
) -> dict[str, Any]:
    """Write the pack into `folder` (made if missing; its files are replaced). Returns what was made."""
    try:
        city = build_city(people, seed, cells)
    except ValueError as error:
        raise DomainError(
            "city-size", _("This city cannot be made: %(reason)s.") % {"reason": error}, status=422
        ) from error
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    writer = _Writer(target, LocalMetric(LON0, LAT0))
    writer.areas(city)
    writer.population(city)
    writer.census(city)
    writer.roads(city)
    writer.terrain(city)
    writer.facilities(city)
    writer.idle_assets(city)
    (target / "city.toml").write_text(manifest(city, CODE), encoding="utf-8", newline="\n")
    return {
        "folder": str(target),
        "people": people,
        "seed": seed,
        "cells": len(city.people.x_m),
        "districts": len(city.areas.districts),
        "streets": len(city.areas.streets),
        "road_nodes": len(city.roads.x_m),
        "road_links": len(city.roads.tail),
        "facilities": len(city.facilities.x_m),
        "idle_assets": len(city.idle_assets.x_m),
    }


def district_code(number: int) -> str:
    return f"{CODE[:4]}{number + 1:02d}"


def street_code(city: SyntheticCity, number: int) -> str:
    return f"{district_code(int(city.areas.street_district[number]))}{number + 1:03d}"


class _Writer:
    """Files of one pack. Coordinates are written with 6 decimals (0.1 m)."""

    def __init__(self, target: Path, plane: LocalMetric) -> None:
        self.target, self.plane = target, plane

    def degrees(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.plane.inverse(x, y)

    def rings(self, polygon: list[np.ndarray]) -> list[list[list[float]]]:
        out = []
        for ring in polygon:
            lon, lat = self.degrees(ring[:, 0], ring[:, 1])
            out.append(np.column_stack([np.round(lon, 6), np.round(lat, 6)]).tolist())
        return out

    def csv(self, name: str, header: str, pattern: str, columns: Iterable[Any]) -> None:
        """Rows through one format string, in blocks: a million rows in seconds."""
        lists = [column.tolist() if isinstance(column, np.ndarray) else list(column) for column in columns]
        with open(self.target / name, "w", encoding="utf-8", newline="") as out:
            out.write(header + "\n")
            count = len(lists[0])
            for start in range(0, count, 100_000):
                rows = zip(*(values[start : start + 100_000] for values in lists), strict=True)
                out.write("".join([pattern % row for row in rows]))

    def features(self, name: str, features: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        lines = [
            json.dumps(
                {"type": "Feature", "properties": properties, "geometry": geometry},
                ensure_ascii=False, separators=(",", ":"),
            )
            for properties, geometry in features
        ]  # fmt: skip
        body = '{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}\n"
        (self.target / name).write_text(body, encoding="utf-8", newline="\n")

    def polygons(self, polygons: list[list[np.ndarray]]) -> dict[str, Any]:
        parts = [self.rings(polygon) for polygon in polygons]
        if len(parts) == 1:
            return {"type": "Polygon", "coordinates": parts[0]}
        return {"type": "MultiPolygon", "coordinates": parts}

    def areas(self, city: SyntheticCity) -> None:
        name, english = city.city_name
        rows = [({"code": CODE, "name": f"{name}市", "name_en": english, "level": "city"}, city.areas.city)]
        for i, polygons in enumerate(city.areas.districts):
            name, english = city.district_names[i]
            rows.append(
                (
                    {
                        "code": district_code(i),
                        "name": f"{name}区",
                        "name_en": f"{english} District",
                        "level": "district",
                    },
                    polygons,
                )
            )
        for i, polygons in enumerate(city.areas.streets):
            name, english = city.street_names[i]
            properties = {
                "code": street_code(city, i),
                "name": f"{name}街道",
                "name_en": f"{english} Subdistrict",
            }
            rows.append(({**properties, "level": "street"}, polygons))
        self.features(
            "areas.geojson", [(properties, self.polygons(polygons)) for properties, polygons in rows]
        )

    def population(self, city: SyntheticCity) -> None:
        crowd = city.people
        lon, lat = self.degrees(crowd.x_m, crowd.y_m)
        numbers = np.arange(1, len(lon) + 1)
        columns = (numbers, lon, lat, crowd.night, crowd.day, *barrier_free_people(crowd))
        header = "code,lon,lat,night,day,night_barrier_free,day_barrier_free"
        self.csv("population.csv", header, "C%07d,%.6f,%.6f,%d,%d,%d,%d\n", columns)

    def census(self, city: SyntheticCity) -> None:
        found = made_census.make_census(city.people, city.areas)
        codes = [district_code(number) for number in range(len(found.people))]
        columns = (codes, found.people, found.age_0_14, found.age_60_up, found.age_65_up)
        self.csv("census.csv", "code,people,age_0_14,age_60_up,age_65_up", "%s,%d,%.4f,%.4f,%.4f\n", columns)

    def roads(self, city: SyntheticCity) -> None:
        roads = city.roads
        lon, lat = self.degrees(roads.x_m, roads.y_m)
        self.csv("road_nodes.csv", "id,lon,lat", "%d,%.6f,%.6f\n", (np.arange(len(lon)), lon, lat))
        columns = (roads.tail, roads.head, roads.length_m, roads.kind, roads.oneway.astype(int))
        self.csv("road_links.csv", "from,to,length_m,class,oneway", "%d,%d,%.1f,%s,%d\n", columns)

    def terrain(self, city: SyntheticCity) -> None:
        land = city.terrain
        river = city.city_name[0]
        water = [
            ({"name": f"{river}江", "rank": 1}, self.polygons([[land.river.ring(WATER_STEP_M)]])),
            ({"name": f"{river}支流", "rank": 2}, self.polygons([[land.tributary.ring(WATER_STEP_M)]])),
        ]
        for lake in land.lakes:
            water.append(({"name": "", "rank": 2}, self.polygons([[lake.ring()]])))
        self.features("water.geojson", water)
        for name, zones in (("flood", land.flood), ("fault", land.fault)):
            rows = [
                ({"class": klass}, self.polygons([[band.ring(ZONE_STEP_M)] for band in bands]))
                for klass, bands in zones
            ]
            self.features(f"{name}.geojson", rows)
        parks = np.flatnonzero(city.facilities.use == "park")
        angle = np.linspace(0, 2 * np.pi, 13)
        green = []
        for i in parks.tolist():
            radius = np.sqrt(city.facilities.area_m2[i] / np.pi) * (1 + 0.12 * np.sin(3 * angle + i))
            ring = np.column_stack(
                [
                    city.facilities.x_m[i] + radius * np.cos(angle),
                    city.facilities.y_m[i] + radius * np.sin(angle),
                ]
            )
            ring[-1] = ring[0]
            green.append(({"rank": 3}, self.polygons([[ring]])))
        self.features("green.geojson", green)

    def facilities(self, city: SyntheticCity) -> None:
        places = city.facilities
        ids = [f"F{i + 1:06d}" for i in range(len(places.x_m))]
        lon, lat = self.degrees(places.x_m, places.y_m)
        names = facility_names(city)

        def whole(values: np.ndarray) -> list[str]:
            return ["" if np.isnan(value) else str(int(value)) for value in values.tolist()]

        columns = (
            ids, [name for name, _english in names], [english for _name, english in names], places.use, lon, lat,
            [f"{city.street_names[street][0]}街道" for street in places.street.tolist()], whole(places.area_m2),
            whole(places.rooms), whole(places.beds), whole(places.stars), *door_minutes(places),
        )  # fmt: skip
        header = (
            "id,name,name_en,use,lon,lat,address,area_m2,rooms,beds,stars,entry_minutes,readiness_minutes"
        )
        self.csv("facilities.csv", header, "%s,%s,%s,%s,%.6f,%.6f,%s,%s,%s,%s,%s,%g,%g\n", columns)
        which, services, states, hours = zip(*places.roles, strict=True)
        share = ["" if np.isnan(value) else f"{value:g}" for value in barrier_free_share(places).tolist()]
        self.csv(
            "roles.csv", "facility,service,status,hours,barrier_free_share", "%s,%s,%s,%.0f,%s\n",
            ([ids[i] for i in which], services, states, hours, [share[i] for i in which]),
        )  # fmt: skip
        signed = np.flatnonzero(~np.isnan(places.agreement))
        self.csv(
            "agreements.csv", "facility,party,valid_from,valid_to", "%s,%s,%s,%s\n",
            (
                [ids[i] for i in signed], [f"{city.city_name[0]}市应急管理局"] * len(signed),
                [_month(min(places.agreement[i] - 36, -1 - i % 24)) for i in signed], [_month(places.agreement[i]) for i in signed],
            ),
        )  # fmt: skip
        checked = np.flatnonzero(~np.isnan(places.certificate))
        self.csv(
            "certificates.csv", "facility,kind,number,valid_from,valid_to", "%s,%s,%s,%s,%s\n",
            (
                [ids[i] for i in checked], ["消防验收 fire safety"] * len(checked),
                [f"SYN-{i + 1:06d}" for i in checked], [_month(min(places.certificate[i] - 36, -1 - i % 24)) for i in checked],
                [_month(places.certificate[i]) for i in checked],
            ),
        )  # fmt: skip

    def idle_assets(self, city: SyntheticCity) -> None:
        assets = city.idle_assets
        ids = [f"A{i + 1:05d}" for i in range(len(assets.x_m))]
        lon, lat = self.degrees(assets.x_m, assets.y_m)
        names = idle_names(city)
        size = [str(int(value)) for value in assets.size_m2.tolist()]
        land = assets.land.tolist()
        columns = (
            ids, [name for name, _english in names], [english for _name, english in names],
            ["land" if on_land else "premises" for on_land in land], assets.former, assets.tenure,
            [f"{city.street_names[street][0]}街道" for street in assets.street.tolist()], lon, lat,
            ["" if on_land else value for on_land, value in zip(land, size, strict=True)],
            [value if on_land else "" for on_land, value in zip(land, size, strict=True)],
        )  # fmt: skip
        header = "id,name,name_en,kind,former_use,tenure,address,lon,lat,floor_m2,land_m2"
        self.csv("idle_assets.csv", header, "%s,%s,%s,%s,%s,%s,%s,%.6f,%.6f,%s,%s\n", columns)
        which, services, kinds, capacity, cost, hours, months = zip(*assets.options, strict=True)
        self.csv(
            "idle_options.csv", "asset,service,kind,capacity,cost_yuan,hours,lead_months", "%s,%s,%s,%d,%d,%.0f,%d\n",
            ([ids[i] for i in which], services, kinds, capacity, cost, hours, months),
        )  # fmt: skip


def _month(months: float) -> str:
    """The first day of the month that many months after the reference month."""
    year, month = REFERENCE_MONTH
    place = year * 12 + month - 1 + int(months)
    return f"{place // 12:04d}-{place % 12 + 1:02d}-01"
