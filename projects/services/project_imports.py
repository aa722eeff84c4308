"""A list of projects on its way in: read, checked row by row, shown, then taken over in one act or not at all.

A row belongs to the project with its investment code, else to the one of its name and site. Drafts are updated; what has
been handed in stays as it is, and the list is told so. The same file twice makes nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from django.contrib.gis.geos import Point
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.models import Area, City
from core.services import audit
from core.services.refs import next_numbers
from facilities.choices import BatchState
from facilities.importers.columns import Columns
from facilities.importers.geometry import declared_datum
from facilities.importers.problems import ERROR, WARNING, Problems
from facilities.importers.tables import read_table
from facilities.models import ImportBatch, ServiceType
from facilities.services.imports import Written, box_of, file_sha256, keep_issues, record_batch
from projects.choices import Origin, ProjectState
from projects.importers import project_list
from projects.models import BudgetLine, Project
from projects.services import events, project_rows
from projects.services.project_rows import Wanted

MOST_ROWS = 20_000
# Every problem is listed, so that each cell can be marked in the file.
LISTED = 100_000
SHOWN_ROWS = 200
LARGEST_BYTES = 24 * 2**20


@dataclass
class Reading:
    """A file as it was understood."""

    table: Columns | None
    wanted: list[Wanted]
    problems: Problems
    datum: str
    shift_m: float | None

    def count(self, *actions: str) -> int:
        return sum(one.action in actions for one in self.wanted)


def check(*, user: Any, city: City, path: Path, file_name: str, datum: str) -> ImportBatch:
    """Read a file and keep what it would do; nothing is written to projects."""
    demand(user, city)
    reading = read(user=user, city=city, path=path, file_name=file_name, datum=datum)
    state = BatchState.REFUSED if reading.problems.has_errors else BatchState.CHECKED
    table = reading.table
    with transaction.atomic():
        batch = record_batch(
            city=city, layer=None, file_name=file_name, sha256=file_sha256(path), datum=reading.datum,
            mapping=_Mapping(path, reading), state=state, rows=len(table) if table is not None else 0,
            written=Written(*_counts(reading)), problems=reading.problems, median_shift_m=reading.shift_m, user=user,
        )  # fmt: skip
        after = {"state": state, "rows": batch.rows, "errors": batch.errors}
        audit.record(user=user, act="project.import", subject=batch, ref=batch.ref, after=after)
    return batch


@dataclass(frozen=True)
class _Mapping:
    """What a batch keeps of a list of projects beside its counts: what it is of, its columns, where the file lies, and the
    first rows as they would be taken over."""

    path: Path
    reading: Reading

    def as_dict(self) -> dict[str, object]:
        table = self.reading.table
        columns = dict(table.sources) if table is not None else {}
        return {"of": "projects", "columns": columns, "path": str(self.path)} | _shown(self.reading)


def _shown(reading: Reading) -> dict[str, Any]:
    """The first rows and what each would do, new and changed ones before the others."""
    order = {"new": 0, "changed": 0, "kept": 1, "unchanged": 2}
    first = sorted(reading.wanted, key=lambda one: (order[one.action], one.row.row))[:SHOWN_ROWS]
    return {
        "kept": reading.count("kept"),
        "cost_fen": sum(one.row.fields["cost_fen"] for one in reading.wanted if one.action == "new"),
        "preview": [
            {
                "row": one.row.row, "action": one.action, "name": one.row.fields["name"], "name_en": one.row.fields["name_en"],
                "service": one.row.service, "units": one.row.fields["units"], "cost_fen": one.row.fields["cost_fen"],
                "ref": one.project.ref if one.project is not None else "",
                "changes": [
                    {"field": name, "before": _plain(one.before.get(name)), "now": _plain(value)}
                    for name, value in sorted(one.values.items())
                ] if one.action == "changed" else [],
                "money": one.money,
            }
            for one in first
        ],
    }  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, Point):
        return f"{value.x:.6f}, {value.y:.6f}"
    if isinstance(value, ServiceType | Area):
        return value.code
    return value.isoformat() if isinstance(value, date) else value


def apply(*, user: Any, batch: ImportBatch) -> ImportBatch:
    """Take a checked file over: all of it, once. What changed in the city since it was checked is looked at again; when a
    row has become wrong, nothing is written and the batch is refused."""
    demand(user, batch.city)
    if batch.created_by_id != user.pk and not user.is_superuser:
        raise DomainError("not-yours", _("Whoever checked the file takes it over."), status=403)
    path = Path(batch.mapping.get("path", ""))
    with transaction.atomic():
        # One import a city at a time: two that make the same project would both find none.
        City.objects.select_for_update().get(pk=batch.city_id)
        held = ImportBatch.objects.select_for_update().get(pk=batch.pk)
        if held.state == BatchState.APPLIED:
            return held
        if held.state != BatchState.CHECKED:
            raise DomainError(
                "import-refused", _("The file has errors; correct them and check it again."), status=422
            )
        if not path.is_file() or file_sha256(path) != held.sha256:
            raise DomainError("upload-gone", _("This upload is gone. Choose the file again."), status=404)
        reading = read(user=user, city=held.city, path=path, file_name=held.file_name, datum=held.datum)
        refused = reading.problems.has_errors
        state = BatchState.REFUSED if refused else BatchState.APPLIED
        done = [] if refused else _write(user, held, reading)
        held.state, held.errors, held.warnings = (
            state,
            reading.problems.count(ERROR),
            reading.problems.count(WARNING),
        )
        held.added, held.changed, held.unchanged = _counts(reading)
        held.mapping = held.mapping | _shown(reading)
        held.save()
        held.issues.all().delete()
        keep_issues(held, reading.problems)
        refs = [one.ref for one in done]
        after = {
            "state": state,
            "rows": held.rows,
            "added": held.added,
            "changed": held.changed,
            "projects": refs,
        }
        audit.record(user=user, act="project.import", subject=held, ref=held.ref, after=after)
        events.tell_all(
            kind="project.imported",
            told=[(one, one.ref, {"import": held.ref, "version": one.version}) for one in done],
        )
    return held


def _counts(reading: Reading) -> tuple[int, int, int]:
    return reading.count("new"), reading.count("changed"), reading.count("unchanged", "kept")


def demand(user: Any, city: City) -> None:
    """Whoever may import somewhere in the city may try; each row is asked for its own place."""
    if not policies.holds(user, "project.import", city.pk):
        policies.demand(user, "project.import", city)


def read(*, user: Any, city: City, path: Path, file_name: str, datum: str) -> Reading:
    """Understand a file: every problem of every row, and what each good row would do."""
    problems = Problems(listed=LISTED)
    name = declared_datum(datum, file_name, problems)
    if path.suffix.lower() not in (".xlsx", ".csv"):
        problems.add("format_unknown", _("A list of projects is read from XLSX or CSV."), file=file_name)
        return Reading(None, [], problems, datum, None)
    columns = project_list.columns_of(project_list.header_of(path))
    table = read_table(path, columns=columns, problems=problems, label=file_name, largest_bytes=LARGEST_BYTES)
    if table is None or name is None:
        return Reading(table, [], problems, name or datum, None)
    if len(table) > MOST_ROWS:
        text = _("The file has %(rows)d rows; up to %(most)d are taken. Split it.")
        problems.add("too_many_rows", text, file=file_name, rows=len(table), most=MOST_ROWS)
        return Reading(table, [], problems, name, None)
    project_list.formulas_without_value(path, table, problems)
    services = list(ServiceType.objects.all())
    words = {
        project_list.plain(said): one.code for one in services for said in (one.code, one.name, one.name_en)
    }
    rows, places = project_list.project_rows(table, name, words, problems, inside=box_of(city))
    by_code = {one.code: one for one in services}
    wanted = [Wanted(row, dict(row.fields) | {"service": by_code[row.service]}) for row in rows]
    wanted = project_rows.with_areas(
        user, city, project_rows.told_once(wanted, table, problems), table, problems
    )
    project_rows.match(city, wanted, table, problems)
    return Reading(table, wanted, problems, name, places.shift_m)


def _write(user: Any, batch: ImportBatch, reading: Reading) -> list[Project]:
    """New drafts and changed ones, in a fixed number of statements; answers them. In a transaction that holds the city."""
    fresh = [one for one in reading.wanted if one.action == "new"]
    year = timezone.localdate().year
    numbers = next_numbers(f"PJ-{year}", len(fresh)) if fresh else range(0)
    for one, number in zip(fresh, numbers, strict=True):
        one.project = Project(
            city=batch.city,
            ref=f"PJ-{year}-{number:04d}",
            origin=Origin.IMPORT,
            created_by=user,
            **one.values,
        )
    Project.objects.bulk_create([one.project for one in fresh if one.project], batch_size=1000)
    changed = [one for one in reading.wanted if one.action == "changed" and one.project is not None]
    held = {
        one.pk: one
        for one in Project.objects.select_for_update(of=("self",)).filter(
            pk__in=[one.project.pk for one in changed if one.project], state=ProjectState.DRAFT
        )
    }
    names: set[str] = {"version"}
    for one in changed:
        project = held.get(one.project.pk) if one.project else None
        if project is None or (one.project and project.version != one.project.version):
            raise DomainError(
                "project-changed", _("A draft was changed while the list was read. Take it over again.")
            )
        for name, value in one.values.items():
            setattr(project, name, value)
        project.version += 1
        one.project = project
        names |= set(one.values)
    Project.objects.bulk_update(
        [one.project for one in changed if one.project], sorted(names), batch_size=500
    )
    _write_money(fresh, changed)
    return [one.project for one in (*fresh, *changed) if one.project is not None]


def _write_money(fresh: list[Wanted], changed: list[Wanted]) -> None:
    """One line a source, in the year the project starts (else this year); a list that names sources replaces the lines."""
    moved = [one for one in changed if one.money]
    BudgetLine.objects.filter(project__in=[one.project for one in moved]).delete()
    rows = []
    for one in (*fresh, *moved):
        if one.project is None:
            continue
        starts: date | None = one.project.starts_on
        year = starts.year if starts else timezone.localdate().year
        rows += [
            BudgetLine(project=one.project, year=year, source=source, amount_fen=fen)
            for source, fen in sorted(one.row.money.items())
        ]
    BudgetLine.objects.bulk_create(rows, batch_size=2000)
