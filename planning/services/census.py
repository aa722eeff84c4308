"""Census totals of a city: brought in from a table, and the groups of a layer by the shares of its districts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from core import policies
from core.errors import InvalidInput, Problem
from core.models import Area, City, PackLayer
from core.services import audit, uploads
from facilities.importers.problems import WARNING, Problems
from planning.importers.census import CensusRows, read_census
from planning.importers.packs import layer_of
from planning.importers.population_groups import GROUPS, spread_groups
from planning.models import CensusTotal

FOLDER = "census"


@dataclass
class CensusImport:
    """What an import of a census did, or with a dry run would do. `others`: rows that belong to other places."""

    city: City
    years: list[int]
    areas: int
    people: int
    groups: list[str]
    others: int
    warnings: list[Problem]
    written: bool

    def as_dict(self) -> dict[str, Any]:
        told = {
            name: getattr(self, name) for name in ("years", "areas", "people", "groups", "others", "written")
        }
        return {"city": self.city.code, **told, "warnings": [warning.as_dict() for warning in self.warnings]}


def write_census(
    *, city: City, tables: list[CensusRows], records: Mapping[str, PackLayer] | None = None
) -> dict[str, int]:
    """Store what tables say, each figure in place of the one before for the same area, year and group. Rows by layer."""
    ids = dict(Area.objects.filter(city=city).values_list("code", "id"))
    written = {}
    for rows in tables:
        layer = rows.layer
        record = (records or {}).get(layer.name)
        if record is not None:
            CensusTotal.objects.filter(city=city, layer=record).delete()
        told = [(code, year, "", people) for (code, year), people in rows.people.items()]
        told += [(code, year, group, people) for (code, year, group), people in rows.groups.items()]
        CensusTotal.objects.bulk_create(
            [
                CensusTotal(
                    city=city, area_id=ids[code], year=year, group=group, people=people, layer=record,
                    source=layer.source or layer.label, certainty=layer.options.get("certainty", "B"),
                )
                for code, year, group, people in told
            ],
            update_conflicts=True, unique_fields=["city", "area", "year", "group"],
            update_fields=["people", "layer", "source", "certainty"],
        )  # fmt: skip
        written[layer.name] = len(told)
    return written


def import_census(
    *, user: Any, city: City, path: str | Path, options: Mapping[str, Any] | None = None, dry_run: bool = False
) -> CensusImport:  # fmt: skip
    """Read a census table (CSV, XLSX) and store its totals. Raises InvalidInput with every problem; `user` None: this
    machine. `options`: keys of a [[census]] layer of a city pack."""
    if user is not None:
        policies.demand(user, "population.import", city)
    problems = Problems()
    entry = {key: value for key, value in (options or {}).items() if value not in (None, "", {})}
    layer = layer_of(
        "census", 1, entry | {"path": str(path), "name": "census"}, Path("/"), Path(path).name, problems
    )
    known = {
        (code, year): people
        for code, year, people in CensusTotal.objects.filter(city=city, group="").values_list("area__code", "year", "people")
    }  # fmt: skip
    areas = dict(Area.objects.filter(city=city).values_list("code", "name"))
    tables = [] if problems.has_errors else read_census([layer], areas, problems, known)
    problems.raise_if_any(_("The census was not imported. Correct what is listed and try again."))
    (rows,) = tables
    keys = {*rows.people, *((code, year) for code, year, _group in rows.groups)}
    told = CensusImport(
        city, sorted({year for _code, year in keys}), len({code for code, _year in keys}), sum(rows.people.values()),
        sorted({group for _code, _year, group in rows.groups}), rows.others, problems.of(WARNING), not dry_run,
    )  # fmt: skip
    if not dry_run:
        with transaction.atomic():
            write_census(city=city, tables=tables)
            audit.record(
                user=user, act="census.import", subject=city, ref=city.code, after=told.as_dict() | {"file": Path(path).name}
            )  # fmt: skip
    return told


def import_upload(
    *, user: Any, city: City, upload: Any, options: Mapping[str, Any] | None = None, dry_run: bool = False
) -> CensusImport:
    """The same for a table that somebody sends; it is read at once and not kept."""
    policies.demand(user, "population.import", city)
    path = uploads.keep_upload(upload, kind=FOLDER, otherwise="census.csv")
    try:
        return import_census(user=user, city=city, path=path, options=options, dry_run=dry_run)
    finally:
        uploads.forget_upload(path, kind=FOLDER)


def census_groups(
    *, city: City, year: int, area: np.ndarray, people: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The groups that a census tells, on the cells of a layer: each area's shares on the people the layer has there.

    area (n,): id of each cell's area, -1 for none; people (n,). Raises InvalidInput when the census tells no groups, or
    people of the layer live in areas that it does not name: their groups cannot be told."""
    rows = list(
        CensusTotal.objects.filter(city=city, year=year).values_list("area_id", "group", "people", "source")
    )
    count = {(area_id, group): number for area_id, group, number, _source in rows}
    told = [group for group in GROUPS if any(key[1] == group for key in count)]
    of = census_area_of(city, {area_id for area_id, group in count if group})
    owner = np.array([of.get(one, -1) for one in np.unique(area).tolist()])[
        np.unique(area, return_inverse=True)[1]
    ]
    held = people > 0
    outside = float(people[held & (owner < 0)].sum())
    if not told or outside > 0:
        if not told:
            text = _("The census of %(year)d tells no groups of people.") % {"year": year}
        else:
            text = _("The census of %(year)d does not tell the groups of %(people)s people of the layer.") % {
                "year": year, "people": f"{outside:,.0f}",
            }  # fmt: skip
        problem = Problem("groups_unknown", text, column="groups_from_census")
        raise InvalidInput(_("The groups could not be taken from the census."), [problem])
    sources, source_of = np.unique(owner, return_inverse=True)
    totals = np.bincount(source_of, people, minlength=len(sources))
    parts: dict[str, np.ndarray] = {}
    for group in told:
        share = np.array([_share(count, one, group) for one in sources.tolist()])
        if np.isnan(share[totals > 0]).any():
            continue
        part = np.nan_to_num(share) * totals
        whole = bool((people == np.floor(people)).all())
        parts[group] = np.floor(part + 0.5) if whole else part
    made = spread_groups(people, source_of, parts)
    names = sorted({source for _area, group, _people, source in rows if group})
    return made, {
        "groups_from": {"census": year, "source": "; ".join(names)[:300], "areas": int((sources >= 0).sum())}
    }


def _share(count: dict[tuple[int, str], int], area_id: int, group: str) -> float:
    whole = count.get((area_id, ""))
    part = count.get((area_id, group))
    return part / whole if whole and part is not None else float("nan")


def census_area_of(city: City, told: set[int]) -> dict[int, int]:
    """Area id -> the deepest area at or above it that the census names."""
    paths = {path: pk for pk, path in Area.objects.filter(city=city).values_list("id", "path")}
    found = {}
    for path, pk in paths.items():
        codes = path.strip("/").split("/")
        above = ("/".join(codes[:n]) + "/" for n in range(len(codes), 0, -1))
        found[pk] = next((paths[one] for one in above if paths.get(one) in told), -1)
    return found
