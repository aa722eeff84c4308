"""Bring a city a population layer from one file (points, polygons, raster): check everything, then write all or nothing.

People go onto the cells the city has, or onto a new grid; then every other layer is put on that grid too, with its total
kept. Options are the keys of a [[population]] layer of a city pack (docs/city-pack.md). A check (`dry_run`) reads and
places all, and tells every problem at once; the file is kept, so that what was checked can be applied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import policies
from core.errors import DomainError, InvalidInput, Problem
from core.models import Area, City, Job, User
from core.services import audit, jobs, uploads
from core.services.jobs import Progress
from facilities.importers.problems import WARNING, Problems
from facilities.services.imports import box_of, file_sha256
from planning.importers.packs import Layer, layer_of
from planning.importers.population import Cells, check_options, put, read_sources
from planning.importers.population_grids import Grid, checked_grid, make_grid
from planning.importers.population_sources import Sources, place
from planning.models import PopulationLayer, RoadNetwork
from planning.services.census import census_groups
from planning.services.network_imports import in_words
from planning.services.network_reports import queue_report
from planning.services.pack_population import FROM_IMPORT, fields_of
from planning.services.population_cells import (
    HeldCells,
    NewLayer,
    areas_of_points,
    held_cells,
    outline_of,
    put_on_new,
    replace_cells,
    write_counts,
)

KIND, FOLDER = "import_population", "population"
RESERVED = ("import", "census")
# beside the keys of a pack: `grid` (a new one), `by` (code of the layer whose people weigh the spreading)
OPTIONS = (
    "time_of_day", "kind", "datum", "columns", "title", "title_en", "raster", "clip", "grid", "by", "source", "licence",
    "as_of", "certainty", "error_share", "error_share_district", "error_source", "groups_from_census", "current",
    "synthetic", "encoding", "delimiter", "layer", "sheet",
)  # fmt: skip
REFUSED = gettext_lazy("The people were not imported. Correct what is listed and try again.")


@dataclass
class PopulationImport:
    """What an import did, or with a dry run would do. `layer` is None for a dry run; `areas`: people by district;
    `problems`: everything that stands against it, only of a dry run."""

    city: City
    code: str
    layer: PopulationLayer | None
    people: float
    groups: dict[str, float]
    cells: int
    areas: list[dict[str, Any]]
    facts: dict[str, Any]
    warnings: list[Problem]
    problems: list[Problem] = field(default_factory=list)
    replaces: bool = False

    def as_dict(self) -> dict[str, Any]:
        told = {
            name: getattr(self, name)
            for name in ("code", "people", "groups", "cells", "areas", "facts", "replaces")
        }
        return {
            "city": self.city.code, "id": self.layer.pk if self.layer else None, **told,
            "warnings": [warning.as_dict() for warning in self.warnings],
            "problems": [problem.as_dict() for problem in self.problems],
        }  # fmt: skip


@dataclass
class _Placing:
    """What is to be written: the cells with the new layer on them, and which of them are the city's own."""

    cells: Cells
    sources: Sources
    held: HeldCells | None


def import_upload(
    *, user: Any, city: City, code: str, upload: Any, options: Mapping[str, Any] | None = None, dry_run: bool = False
) -> Job:  # fmt: skip
    """Queue the import, or with `dry_run` the check, of a file that somebody sends. Refuses unknown options at once."""
    policies.demand(user, "population.import", city)
    chosen = checked_options(code, options or {})
    path = uploads.keep_upload(upload, kind=FOLDER, otherwise="people")
    return _queue(user, city, code, path, chosen, dry_run)


def _queue(user: Any, city: City, code: str, path: Path, options: dict[str, Any], dry_run: bool) -> Job:
    name = path.name
    with transaction.atomic():
        title = _("Check the people in %(file)s") if dry_run else _("Import people from %(file)s")
        job, created = jobs.submit(
            kind=KIND, user=user, city=city, title=title % {"file": name},
            title_en=f"{'Check the people in' if dry_run else 'Import people from'} {name}", queue="analysis",
            params={
                "path": str(path), "code": code, "options": options, "sha256": file_sha256(path), "dry_run": dry_run,
                "user": getattr(user, "pk", None),
            },
        )  # fmt: skip
        if created and not dry_run:
            after = {"job": job.ref, "file": name, "code": code}
            audit.record(user=user, act="population.request", subject=city, ref=code, after=after)
    return job


def apply_checked(*, user: Any, job: Job) -> Job:
    """Queue the import of the file that `job` has checked, with the same options."""
    policies.demand(user, "population.import", job.city)
    params = job.params
    if job.kind != KIND or job.state != "done" or (job.result or {}).get("problems"):
        raise DomainError("not-checked", _("The file has not passed its check."), status=409)
    if not Path(params["path"]).is_file():
        text = _("The checked file is gone: it was imported, or it was kept for too long. Choose it again.")
        raise DomainError("upload-gone", text, status=409)
    assert job.city is not None
    return _queue(user, job.city, params["code"], Path(params["path"]), params["options"], dry_run=False)


@jobs.kind(KIND)
def perform_import(job: Job, progress: Progress) -> dict[str, Any]:
    """Check or import the job's file. Safe to run twice: a layer that was imported is replaced as a whole."""
    params = job.params
    assert job.city is not None
    path = Path(params["path"])
    try:
        done = import_now(
            user=User.objects.filter(pk=params["user"]).first() if params["user"] else None, city=job.city,
            code=params["code"], path=path, options=params["options"], dry_run=params["dry_run"], say=progress,
            hold=progress.hold,
        )  # fmt: skip
    except InvalidInput as refused:
        raise DomainError("population-refused", in_words(refused), status=422) from None
    if params["dry_run"]:
        url = f"/population/import/{job.ref}/?city={job.city.code}"
        return {"result_url": url, "result": done.as_dict()}
    uploads.forget_upload(path, kind=FOLDER)
    url = f"/population/{done.code}/?city={job.city.code}"
    return {"result_url": url, "result": done.as_dict()}


@jobs.after(KIND)
def forget_after(job: Job) -> None:
    """An upload whose check or import was stopped is of no more use."""
    uploads.forget_upload(job.params["path"], kind=FOLDER)


def import_now(
    *, user: Any, city: City, code: str, path: str | Path, options: Mapping[str, Any] | None = None,
    dry_run: bool = False, say: Callable[[float, str], None] | None = None, hold: Callable[[], None] | None = None,
) -> PopulationImport:  # fmt: skip
    """Import a file in this process. Raises InvalidInput with every problem; a dry run tells them in its answer instead.
    `user` None: this machine."""
    if user is not None:
        policies.demand(user, "population.import", city)
    chosen, tell = checked_options(code, options or {}), say or (lambda _share, _words: None)
    path, problems = Path(path), Problems()
    tell(0.05, _("Reading people"))
    declared = _declared(code, path, chosen, problems)
    before = PopulationLayer.objects.filter(city=city, code=code).first()
    if before is not None and before.facts.get("from") != FROM_IMPORT:
        text = gettext_lazy(
            'The layer "%(cell)s" was not imported by hand. Take another code for the new one.'
        )
        problems.add("code_taken", text, file=path.name, column="code", cell=code)
    placing = _place(city, declared, chosen, problems)
    if placing is not None and not problems.has_errors:
        _groups_of_census(city, declared, placing, problems)
    if dry_run or placing is None or problems.has_errors:
        if not dry_run:
            problems.raise_if_any(REFUSED)
        errors = [one for one in problems if one.level != WARNING]
        return _told(city, code, None, placing, problems.of(WARNING), errors, before is not None)
    tell(0.6, _("Writing people"))
    with transaction.atomic():
        if hold is not None:
            hold()
        layer = _write(city, declared, placing, before, user, file_sha256(path))
        after = {
            "file": path.name, "people": layer.people, "method": layer.method, "grid": chosen.get("grid"),
            "sha256": layer.facts["sha256"],
        }  # fmt: skip
        was = {"people": before.people, "sha256": before.facts.get("sha256", "")} if before else None
        audit.record(
            user=user, act="population.import", subject=layer, ref=layer.code, before=was, after=after
        )
    return _told(city, code, layer, placing, problems.of(WARNING), [], before is not None)


def _declared(code: str, path: Path, chosen: dict[str, Any], problems: Problems) -> Layer:
    entry = {key: value for key, value in chosen.items() if key not in ("grid", "by")}
    entry |= {"name": code, "path": str(path), "spread": {"onto": "cells"}}
    declared = layer_of("population", 1, entry, Path("/"), path.name, problems)
    declared.source = declared.source or path.name
    check_options(declared, problems)
    return declared


def _place(city: City, declared: Layer, chosen: dict[str, Any], problems: Problems) -> _Placing | None:
    """The file's people on the city's cells, or on a new grid together with all other layers."""
    label, grid_said = declared.label, chosen.get("grid")
    shape = None
    if grid_said:
        shape = checked_grid(grid_said, problems, file=label, column="grid")
        if shape is None:
            return None
    others = list(PopulationLayer.objects.filter(city=city).exclude(code=declared.name).order_by("id"))
    by = str(chosen.get("by", ""))
    if by and by not in [layer.code for layer in others]:
        text, known = (
            gettext_lazy('"%(cell)s" is not one of: %(known)s.'),
            ", ".join(one.code for one in others),
        )
        problems.add("choice_unknown", text, file=label, column="by", cell=by, known=known)
        return None
    weighing = [layer for layer in others if layer.code == by]
    held = held_cells(city, others if shape else weighing)
    outline = outline_of(city)
    if outline is None or (shape is None and not len(held)):
        text = gettext_lazy("The city has no cells yet: choose a grid for them.")
        problems.add("no_cells", text, file=label, column="grid")
        return None
    if shape is None:
        cells = Cells(held.code, held.lon, held.lat, np.empty((0, 0, 2)), np.empty(0))
        grid, weights = held.grid, held.people.get(by)
    else:
        full = np.zeros(len(held), bool)
        for people in held.people.values():
            full |= people > 0
        # nobody of the other layers may be left without a cell
        ground = shapely.union_all([outline, *held.shapes[full]]) if full.any() else outline
        made = make_grid(shape, ground, problems, file=label)
        if made is None:
            return None
        cells, grid, weights = made, Grid.of(made), None
        if by:
            weights = _weights_on(held, by, cells)
    sources = read_sources(declared, problems, box_of(city), grid.width_m**2)
    if sources is None or problems.has_errors:
        return None
    placed = place(sources, grid, outline, problems, weights)
    put(cells, declared.name, sources, placed, by)
    if shape is not None:
        cells.facts[declared.name]["grid"] = shape
    return _Placing(cells, sources, held if shape is None else None)


def _weights_on(held: HeldCells, by: str, cells: Cells) -> np.ndarray:
    """The people of a layer on the new cells, to weigh by."""
    copy = Cells(cells.code, cells.lon, cells.lat, cells.corners, cells.area_m2)
    put_on_new(
        HeldCells(held.id, held.code, held.lon, held.lat, held.shapes, held.area, {by: held.people[by]}), copy
    )
    return np.nan_to_num(copy.people[by])


def _groups_of_census(city: City, declared: Layer, placing: _Placing, problems: Problems) -> None:
    year = declared.options.get("groups_from_census")
    if year is None:
        return
    name = declared.name
    try:
        groups, told = census_groups(
            city=city, year=int(year), area=_areas_of(city, placing), people=placing.cells.people[name]
        )
    except InvalidInput as refused:
        for problem in refused.problems:
            problems.add(problem.code, problem.message, file=declared.label, column=problem.column)
        return
    placing.cells.groups[name] = groups | placing.cells.groups[name]
    placing.cells.facts[name] |= told


def _areas_of(city: City, placing: _Placing) -> np.ndarray:
    cells = placing.cells
    return placing.held.area if placing.held is not None else areas_of_points(city, cells.lon, cells.lat)


def _write(
    city: City, declared: Layer, placing: _Placing, before: PopulationLayer | None, user: Any, sha256: str
) -> PopulationLayer:
    cells, code = placing.cells, declared.name
    fields = fields_of(declared, None, cells)
    fields["facts"] |= {
        "from": FROM_IMPORT,
        "file": declared.label,
        "file_sha256": sha256,
        "datum": _datum(declared, fields),
    }
    fields["created_by"] = user if getattr(user, "is_authenticated", False) else None
    same_time = PopulationLayer.objects.filter(city=city, time_of_day=fields["time_of_day"]).exclude(
        code=code
    )
    used = same_time.filter(current=True)
    said = declared.options.get("current")
    fields["current"] = (
        bool(said)
        or (said is None and not used.exists())
        or bool(said is None and before and before.current and before.time_of_day == fields["time_of_day"])
    )
    if fields["current"]:
        used.update(current=False)
    if placing.held is None:
        others = list(PopulationLayer.objects.filter(city=city).exclude(code=code).order_by("id"))
        replace_cells(city=city, cells=cells, layers=[NewLayer(code, fields)], keep=others)
        # what is drawn and kept of the old cells is of no more use
        City.objects.filter(pk=city.pk).update(loaded_at=timezone.now())
        network = RoadNetwork.objects.filter(city=city, current=True).first()
        if network is not None:
            queue_report(user=user, network=network)
        return PopulationLayer.objects.get(city=city, code=code)
    layer, _made = PopulationLayer.objects.update_or_create(city=city, code=code, defaults=fields)
    people = cells.people[code]
    with connection.cursor() as cursor:
        cursor.execute("delete from planning_cellpopulation where layer_id = %s", [layer.pk])
        write_counts(cursor, layer, placing.held.id, np.where(people > 0, people, np.nan), cells.groups[code])
    return layer


def _datum(declared: Layer, fields: dict[str, Any]) -> str:
    return str(fields["facts"].get("datum") or declared.datum or "")


def _told(
    city: City, code: str, layer: PopulationLayer | None, placing: _Placing | None, warnings: list[Problem],
    problems: list[Problem], replaces: bool,
) -> PopulationImport:  # fmt: skip
    if placing is None:
        return PopulationImport(city, code, layer, 0.0, {}, 0, [], {}, warnings, problems, replaces)
    cells = placing.cells
    people = cells.people[code]
    groups = {group: float(part.sum()) for group, part in cells.groups[code].items()}
    facts = cells.facts[code] | {"method": cells.methods[code], "shift_m": cells.shifts[code]}
    held = int((people > 0).sum())
    areas = _by_district(city, _areas_of(city, placing), people)
    total = float(people.sum())
    return PopulationImport(
        city, code, layer, total, groups, held, areas, facts, warnings, problems, replaces
    )


def _by_district(city: City, area: np.ndarray, people: np.ndarray) -> list[dict[str, Any]]:
    """People by district, in the order of codes; a last row without code for people outside every district."""
    paths = list(Area.objects.filter(city=city).values_list("id", "path", "level", "code", "name", "name_en"))
    districts = sorted((row for row in paths if row[2] == 2), key=lambda row: row[3])
    number = {
        pk: n for pk, path, *_rest in paths for n, one in enumerate(districts) if path.startswith(one[1])
    }
    ids, back = np.unique(area, return_inverse=True)
    of = np.array([number.get(one, len(districts)) for one in ids.tolist()], dtype=np.int64)[back]
    sums = np.bincount(of, people, minlength=len(districts) + 1)
    rows: list[dict[str, Any]] = [
        {"code": one[3], "name": one[4], "name_en": one[5], "people": float(sums[n])} for n, one in enumerate(districts)
    ]  # fmt: skip
    if sums[-1] > 0:
        rows.append({"code": "", "name": "", "name_en": "", "people": float(sums[-1])})
    return rows


def checked_options(code: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without empty ones. Raises InvalidInput naming every one that is not known, and a bad code."""
    said = {name: value for name, value in options.items() if value not in (None, "", {}, [])}
    if said.get("grid") == "city":
        del said["grid"]
    text = _("The key is not known. Known: %(known)s.") % {"known": ", ".join(OPTIONS)}
    problems = [Problem("key_unknown", text, column=name) for name in said if name not in OPTIONS]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", code):
        words = _("A code has up to 40 letters, digits, hyphens and underscores.")
        problems.append(Problem("code_invalid", words, column="code", value=code))
    if code in RESERVED:
        words = _("This word is an address of the pages. Take another code.")
        problems.append(Problem("code_invalid", words, column="code", value=code))
    for name in ("columns", "raster", "grid"):
        if name in said and not isinstance(said[name], Mapping):
            words = _("Write columns as field = column.")
            problems.append(Problem("choice_unknown", words, column=name))
    if problems:
        raise InvalidInput(_("These options are not known."), problems)
    return said
