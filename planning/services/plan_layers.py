"""A plan's version for a map desk: GeoPackage in CGCS2000 (EPSG:4490) and GeoJSON in WGS-84 (EPSG:4326).

CGCS2000 and WGS-84 differ by centimetres, so the stored longitudes and latitudes stand in both as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from django.contrib.gis.db.models.functions import AsWKB
from django.db import connection, transaction

from core import policies
from core.models import Area
from planning.selectors.plan_areas import PlanAreaRow
from planning.services.plan_facts import PlanFacts
from planning.services.plan_reasons import alternative_reason, chosen_reason
from planning.services.plan_tables import project_code, units_of
from planning.services.plan_words import basis_lines, question_lines

CGCS2000, WGS84 = "EPSG:4490", "EPSG:4326"
# Cells go to the file in pieces of this many rows: a million cells never stand in memory as objects.
CHUNK = 50_000
Tell = Callable[[float], None]


def plan_geojson(facts: PlanFacts) -> bytes:
    """One FeatureCollection: the interventions, then the alternatives that were not chosen (`chosen` tells which); the member
    `plan` says what they stand on."""
    features = [
        {
            "type": "Feature",
            "id": properties["project_code"] or properties["option"],
            "geometry": {"type": "Point", "coordinates": [round(x, 7), round(y, 7)]},
            "properties": properties,
        }
        for x, y, properties in _points(facts)
    ]
    told = {"type": "FeatureCollection", "name": facts.title, "plan": _about(facts), "features": features}
    return json.dumps(told, ensure_ascii=False).encode()


def _points(facts: PlanFacts) -> Iterator[tuple[float, float, dict[str, Any]]]:
    """(longitude, latitude, properties) of what is done, and of what was weighed and left out."""
    for one in facts.interventions:
        place = one.facility or one.idle_asset
        yield (
            one.point.x,
            one.point.y,
            {
                "project_code": project_code(facts, one),
                "chosen": True,
                "order": one.order,
                "option": facts.key_of(one),
                "kind": one.kind,
                "service": one.service.code,
                "name": one.name,
                "name_en": one.name_en,
                "place": place.ref if place else "",
                "area": one.area.code if one.area else "",
                "units": units_of(one),
                "unit": one.service.unit,
                "cost_fen": one.cost_fen,
                "running_fen_year": one.running_fen_year,
                "peacetime_fen_year": one.peacetime_fen_year,
                "hours": one.hours,
                "lead_months": one.lead_months,
                "year": one.year,
                "need_newly_served": one.people_newly_served,
                "hazard_check": facts.hazard_checks.get(one.pk, ""),
                "reason": chosen_reason(facts, one),
            },
        )
    for other in facts.alternatives:
        row = other.row
        yield (
            row["lon"],
            row["lat"],
            {
                "project_code": "",
                "chosen": False,
                "order": None,
                "option": row["key"],
                "kind": row["kind"],
                "service": row["service"],
                "name": row["name"],
                "name_en": row["name_en"],
                "place": other.place_ref,
                "area": row["area"] or "",
                "units": row["units"],
                "unit": other.service.unit if other.service else "",
                "cost_fen": row["cost_fen"],
                "running_fen_year": None,
                "peacetime_fen_year": None,
                "hours": row.get("hours"),
                "lead_months": None,
                "year": None,
                "need_newly_served": None,
                "hazard_check": "",
                "reason": alternative_reason(facts, other),
            },
        )


def _about(facts: PlanFacts) -> dict[str, Any]:
    """What the file stands on, for machines and for people."""
    version = facts.version
    return {
        "plan": facts.plan.ref,
        "version": version.number,
        "state": version.state,
        "content_sha256": facts.digest,
        "engine": version.engine_version,
        "seed": version.seed,
        "status": version.status,
        "value": version.value if facts.whole else None,
        "bound": version.bound if facts.whole else None,
        "gap": version.gap,
        "whole_city": facts.whole,
        "runs": [
            {
                "before": pair.before.ref,
                "after": pair.after.ref if pair.after else None,
                "snapshot": pair.before.snapshot.sha256 if pair.before.snapshot else None,
                "profile": pair.before.profile.code,
                "engine": pair.before.engine_version,
            }
            for pair in facts.pairs
        ],
        "words": [
            [str(label), str(words)] for label, words in [*question_lines(version), *basis_lines(facts)]
        ],
    }


# --- GeoPackage ------------------------------------------------------------------------------------

_INTERVENTION = {
    "project_code": str, "order": float, "option": str, "kind": str, "service": str, "name": str, "name_en": str, "place": str, "area": str,
    "units": float, "unit": str, "cost_fen": float, "running_fen_year": float, "peacetime_fen_year": float, "hours": float, "lead_months": float,
    "year": float, "need_newly_served": float, "hazard_check": str, "reason": str,
}  # fmt: skip
_STATES = ("need", "served", "late", "no_room", "out_of_reach", "gap")


def plan_geopackage(facts: PlanFacts, path: Path, tell: Tell = lambda share: None) -> None:
    """Writes the file: layers interventions, candidates_not_chosen, areas and cells (before, with the plan; one row for each
    run and service), and the table about. `tell(share)` says how far the writing is; it may raise to stop."""
    points = list(_points(facts))
    for name, chosen in (("interventions", True), ("candidates_not_chosen", False)):
        rows = [(x, y, told) for x, y, told in points if told["chosen"] is chosen]
        _write(
            path, name,
            shapely.to_wkb(shapely.points([(x, y) for x, y, _told in rows])) if rows else np.empty(0, object),
            {key: _column([told[key] for *_xy, told in rows], kind) for key, kind in _INTERVENTION.items()},
            "Point",
        )  # fmt: skip
    tell(0.2)
    _write_areas(path, facts)
    tell(0.3)
    _write_cells(path, facts, tell)
    told = _about(facts)
    words = [(str(label), str(said)) for label, said in told["words"]]
    words += [("content_sha256", facts.digest), ("json", json.dumps(told, ensure_ascii=False))]
    pyogrio.raw.write(
        path, None, [np.array([pair[n] for pair in words], object) for n in (0, 1)], ["what", "words"],
        layer="about", driver="GPKG", append=True, geometry_type=None, crs=None,
    )  # fmt: skip


def _column(values: Sequence[Any], kind: type) -> np.ndarray:
    """A field of the file: texts, or numbers with NaN for unknown (written as NULL). Whole numbers stay whole when all are
    known."""
    if kind is str:
        return np.array(["" if value is None else str(value) for value in values], object)
    if all(value is not None and float(value).is_integer() for value in values):
        return np.array(values, np.int64)
    return np.array([np.nan if value is None else float(value) for value in values], np.float64)


def _write(path: Path, layer: str, shapes: np.ndarray, fields: dict[str, np.ndarray], kind: str) -> None:
    """A layer of the file, or more rows of a layer that is there."""
    pyogrio.raw.write(
        path, shapes, list(fields.values()), list(fields), layer=layer, driver="GPKG", geometry_type=kind, crs=CGCS2000,
        append=path.exists(), promote_to_multi=False,
    )  # fmt: skip


def _write_areas(path: Path, facts: PlanFacts) -> None:
    rows = [row for row in facts.area_rows if row.area is not None]
    shapes = dict(
        Area.objects.filter(pk__in={row.area.pk for row in rows if row.area})
        .annotate(wkb=AsWKB("geometry"))
        .values_list("pk", "wkb")
    )
    fields: dict[str, np.ndarray] = {
        "run": _column([row.before_run.ref for row in rows], str),
        "run_with_plan": _column([row.after_run.ref if row.after_run else "" for row in rows], str),
        "service": _column([row.service.code for row in rows], str),
        "area": _column([row.area.code for row in rows if row.area], str),
        "name": _column([row.area.name for row in rows if row.area], str),
        "name_en": _column([row.area.name_en for row in rows if row.area], str),
        "level": _column([row.area.level for row in rows if row.area], float),
    }
    for name in _STATES:
        fields[f"{name}_before"] = _column([getattr(row.before, name) for row in rows], float)
    for name in _STATES:
        fields[f"{name}_after"] = _column([_of(row, name) for row in rows], float)
    fields["closed"] = _column([row.closed for row in rows], float)
    fields["interventions"] = _column([row.works.count for row in rows], float)
    fields["units_gained"] = _column([row.works.units for row in rows], float)
    fields["cost_fen"] = _column([row.works.cost_fen for row in rows], float)
    wkb = np.array([bytes(shapes[row.area.pk]) for row in rows if row.area], object)
    _write(path, "areas", wkb, fields, "MultiPolygon")


def _of(row: PlanAreaRow, name: str) -> int | None:
    return getattr(row.after, name) if row.after is not None else None


_CELLS = """
    select c.code, st_asbinary(coalesce(c.geometry, c.point)), a.code,
        coalesce(b.need, 0), coalesce(b.served, 0), coalesce(b.late, 0), coalesce(b.no_room, 0), coalesce(b.out_of_reach, 0),
        coalesce(f.need, 0), coalesce(f.served, 0), coalesce(f.late, 0), coalesce(f.no_room, 0), coalesce(f.out_of_reach, 0)
    from (select * from planning_cellresult where run_id = %(before)s and service_id = %(service)s) b
    full join (select * from planning_cellresult where run_id = %(after)s and service_id = %(service)s) f
        on f.cell_id = b.cell_id
    join planning_demandcell c on c.id = coalesce(b.cell_id, f.cell_id)
    left join core_area a on a.id = c.area_id
    where %(paths)s is null or exists (select 1 from unnest(%(paths)s::text[]) mine where starts_with(a.path, mine))
    order by c.number"""


def _write_cells(path: Path, facts: PlanFacts, tell: Tell) -> None:
    """Cells with need in a run before or with the plan, as far as the person sees them."""
    paths = None if facts.user is None else policies.visible_paths(facts.user, facts.city.pk)
    if facts.whole:
        paths = None
    asked = [
        (row.before_run, row.after_run, row.service) for row in facts.area_rows if row.total and row.after_run
    ]
    for n, (before, after, service) in enumerate(asked):
        with transaction.atomic(), connection.chunked_cursor() as cursor:
            cursor.execute(
                _CELLS,
                {
                    "before": before.pk,
                    "after": after.pk,  # type: ignore[union-attr]
                    "service": service.pk,
                    "paths": paths,
                },
            )
            while rows := cursor.fetchmany(CHUNK):
                _cell_rows(path, rows, before.ref, after.ref, service.code)  # type: ignore[union-attr]
        tell(0.3 + 0.65 * (n + 1) / len(asked))


def _cell_rows(path: Path, rows: list[Any], before: str, after: str, service: str) -> None:
    numbers = np.array([row[3:] for row in rows], np.int64)
    old, new = numbers[:, :5], numbers[:, 5:]
    fields: dict[str, np.ndarray] = {
        "run": np.full(len(rows), before, object),
        "run_with_plan": np.full(len(rows), after, object),
        "service": np.full(len(rows), service, object),
        "cell": np.array([row[0] for row in rows], object),
        "area": np.array([row[2] or "" for row in rows], object),
    }
    gaps = []
    for side, values in (("before", old), ("after", new)):
        for at, name in enumerate(_STATES[:5]):
            fields[f"{name}_{side}"] = values[:, at]
        gaps.append(values[:, 2:].sum(axis=1))
        fields[f"gap_{side}"] = gaps[-1]
    fields["closed"] = gaps[0] - gaps[1]
    shapes = np.array([bytes(row[1]) for row in rows], object)
    kind = "Polygon" if shapely.from_wkb(shapes[0]).geom_type == "Polygon" else "Point"
    _write(path, "cells", shapes, fields, kind)
