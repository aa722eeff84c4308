"""All projects of a city together: what is late, sums by state, area and service, the columns of the board."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import Min, Q, QuerySet, Sum
from django.utils import timezone

from projects.choices import CaseState, ProjectState, StepState
from projects.models import Payment, Project, RealisedGap, Release, Step

# What still goes somewhere, in the order it goes; the rest was given up.
GOING = (
    ProjectState.DRAFT, ProjectState.REVIEW, ProjectState.RETURNED, ProjectState.APPROVED, ProjectState.WORKS,
    ProjectState.COMMISSIONED,
)  # fmt: skip
STOPPED = (ProjectState.REFUSED, ProjectState.WITHDRAWN)


def overdue(today: date | None = None) -> Q:
    """Projects where a day that was set has passed: a task of a running case, the start, the end."""
    day = today or timezone.localdate()
    tasks = Step.objects.filter(state=StepState.OPEN, due_on__lt=day, case__state=CaseState.OPEN)
    return (
        Q(pk__in=tasks.values("case__project"))
        | Q(state=ProjectState.APPROVED, started_on=None, starts_on__lt=day)
        | Q(state__in=(ProjectState.APPROVED, ProjectState.WORKS), ends_on__lt=day)
    )


@dataclass(frozen=True)
class Line:
    """One project, as light as a table needs it. Money in fen; gap in units of its service; None: nobody has said."""

    pk: int
    ref: str
    name: str
    name_en: str
    state: str
    kind: str
    units: int
    service: str
    service_name: str
    service_name_en: str
    unit: str
    unit_name: str
    area_path: str
    cost_fen: int
    approved_fen: int | None
    released_fen: int
    paid_fen: int
    promised: int | None
    realised: int | None
    due_on: date | None
    overdue_days: int

    @property
    def asked_fen(self) -> int:
        """What was approved where something was, else what is asked for."""
        return self.cost_fen if self.approved_fen is None else self.approved_fen


_FIELDS = {
    "pk": "pk", "ref": "ref", "name": "name", "name_en": "name_en", "state": "state", "kind": "kind", "units": "units",
    "service": "service__code", "service_name": "service__name", "service_name_en": "service__name_en",
    "unit": "service__unit", "unit_name": "service__unit_name", "area_path": "area__path", "cost_fen": "cost_fen",
    "approved_fen": "approved_fen", "promised": "gap_promised",
}  # fmt: skip


def lines(rows: QuerySet[Project]) -> list[Line]:
    """Every project of `rows` with its money, its gap and its next day: five statements, however many there are."""
    mine = rows.order_by().values("pk")
    released = _sums(Release.objects.filter(tranche__project__in=mine), "tranche__project")
    paid = _sums(Payment.objects.filter(project__in=mine), "project")
    realised = {
        one.project_id: one.served_with_units - one.served_without_units
        for one in RealisedGap.objects.filter(project__in=mine).order_by("computed_at", "pk")
    }
    due = dict(
        Step.objects.filter(case__project__in=mine, state=StepState.OPEN, case__state=CaseState.OPEN, due_on__isnull=False)
        .order_by()
        .values_list("case__project")
        .annotate(first=Min("due_on"))
    )  # fmt: skip
    today = timezone.localdate()
    found = []
    names = (*_FIELDS.values(), "starts_on", "ends_on", "started_on")
    for row in rows.order_by("pk").values(*names):
        said = {name: row[path] for name, path in _FIELDS.items()}
        day = _next_day(row, due.get(row["pk"]))
        said["area_path"] = said["area_path"] or ""
        found.append(
            Line(
                **said, released_fen=released.get(row["pk"], 0), paid_fen=paid.get(row["pk"], 0),
                realised=realised.get(row["pk"]), due_on=day, overdue_days=max(0, (today - day).days) if day else 0,
            )
        )  # fmt: skip
    return found


def _next_day(row: dict[str, Any], task: date | None) -> date | None:
    """The day that is waited for: of the open task, of the start, of the end."""
    days = [task] if task else []
    if row["state"] == ProjectState.APPROVED and row["started_on"] is None and row["starts_on"]:
        days.append(row["starts_on"])
    if row["state"] in (ProjectState.APPROVED, ProjectState.WORKS) and row["ends_on"]:
        days.append(row["ends_on"])
    return min(days, default=None)


def _sums(rows: QuerySet[Any], path: str) -> dict[int, int]:
    return dict(rows.order_by().values_list(path).annotate(sum=Sum("amount_fen")))


@dataclass
class Totals:
    """Sums over some projects. gaps: {(unit, unit in Chinese): (promised, realised)}; what has no number adds nothing,
    and `unsaid` counts the projects that promise none; realised is None where none is known yet."""

    label: Any = ""
    projects: int = 0
    cost_fen: int = 0
    approved_fen: int = 0
    released_fen: int = 0
    paid_fen: int = 0
    unsaid: int = 0
    promised: Counter[tuple[str, str]] = field(default_factory=Counter)
    realised: Counter[tuple[str, str]] = field(default_factory=Counter)
    query: str = ""

    def add(self, one: Line) -> None:
        self.projects += 1
        self.cost_fen += one.cost_fen
        self.approved_fen += one.approved_fen or 0
        self.released_fen += one.released_fen
        self.paid_fen += one.paid_fen
        unit = one.unit, one.unit_name
        if one.promised is None:
            self.unsaid += 1
        else:
            self.promised[unit] += one.promised
        if one.realised is not None:
            self.realised[unit] += one.realised

    @staticmethod
    def _as_rows(counted: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
        return [{"unit": unit, "unit_name": name, "amount": n} for (unit, name), n in sorted(counted.items())]

    @property
    def promised_rows(self) -> list[dict[str, Any]]:
        return self._as_rows(self.promised)

    @property
    def realised_rows(self) -> list[dict[str, Any]]:
        return self._as_rows(self.realised)


def total(found: Iterable[Line], label: Any = "") -> Totals:
    made = Totals(label)
    for one in found:
        made.add(one)
    return made


def grouped(found: Iterable[Line], key: Callable[[Line], str]) -> dict[str, Totals]:
    made: dict[str, Totals] = defaultdict(Totals)
    for one in found:
        made[key(one)].add(one)
    return dict(made)


def district_of(path: str) -> str:
    """Path of the district (the second level) an area lies in; the area itself where it is the city."""
    return "/".join(path.split("/")[:2]) + "/" if path.count("/") >= 2 else path


@dataclass(frozen=True)
class Column:
    """The projects in one state: late ones first, then by the next day, then the dearest."""

    state: str
    label: Any
    totals: Totals
    cards: list[Line]
    more: int


def board(found: list[Line], most: int = 12) -> list[Column]:
    """A column for each state something may still come of, and for each other state that has projects."""
    by_state: dict[str, list[Line]] = defaultdict(list)
    for one in found:
        by_state[one.state].append(one)
    columns = []
    for state in (*GOING, *(one for one in STOPPED if by_state[one])):
        mine = sorted(
            by_state[state], key=lambda one: (-one.overdue_days, one.due_on or date.max, -one.asked_fen, one.pk)
        )  # fmt: skip
        columns.append(
            Column(str(state), ProjectState(state).label, total(mine), mine[:most], max(0, len(mine) - most))
        )
    return columns
