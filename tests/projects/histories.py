"""Made-up histories of projects as plain values, and how they get into the database: in bulk, past every trigger by the
front door (decided cases, releases by two people, reporters who do not inspect)."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.gis.geos import Point
from django.db import connection

from core.models import Area, City
from facilities.models import ServiceType
from planning.choices import FundSource
from projects.models import (
    BudgetLine,
    Case,
    Commissioning,
    Contract,
    Inspection,
    Milestone,
    Payment,
    Photo,
    ProgressReport,
    Project,
    Release,
    Responsibility,
    Step,
    Submission,
    Tranche,
)
from projects.services import routes

ZONE = ZoneInfo("Asia/Shanghai")
_numbers = itertools.count(1)
SITE = (104.05, 30.05)


@dataclass
class Report:
    month: date
    on: date
    percent: float
    # (added on, what is wrong with it, position or None)
    photos: list[tuple[date, str, tuple[float, float] | None]] = field(default_factory=list)


@dataclass
class Pay:
    tranche: int
    fen: int
    on: date
    payee: str
    taken_back: tuple[int, date] | None = None


@dataclass
class History:
    """One project. Dates are days at its place; money in fen; `milestones`: (planned, percent, seen on or None)."""

    approved_on: date
    approved_fen: int = 100_000_00
    approved_units: int = 1000
    units: int | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    started_on: date | None = None
    milestones: list[tuple[date, int, date | None]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    # (day, percent)
    inspections: list[tuple[date, float]] = field(default_factory=list)
    # (year, fen); what is left of the approved sum stands in 2099
    lines: list[tuple[int, int]] = field(default_factory=list)
    # (fen, released on or None), numbered from 1; what is left of the sum is a last tranche
    tranches: list[tuple[int, date | None]] = field(default_factory=list)
    # (payee, signed on)
    contracts: list[tuple[str, date]] = field(default_factory=list)
    payments: list[Pay] = field(default_factory=list)
    # (units, day)
    built: tuple[int, date] | None = None
    moved_to: tuple[float, float] | None = None
    owners: list[str] = field(default_factory=list)
    # Filled when stored.
    pk: int = 0
    name: str = ""
    payment_ids: list[int] = field(default_factory=list)


def noon(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZONE)


def store(city: City, histories: list[History], people: dict[str, Any]) -> None:
    """Write them all. `people`: lin drafts, wang recommends and pays, zhao decides, sun reports, and owners by level."""
    service = ServiceType.objects.get(code="short_fixed_shelter")
    area = Area.objects.get(city=city, level=2)
    projects = []
    for one in histories:
        number = next(_numbers)
        one.name = f"H-{number}"
        x, y = SITE
        projects.append(
            Project(
                city=city, ref=one.name, name=one.name, kind="convert", units=one.approved_units, cost_fen=one.approved_fen,
                service=service, area=area, point=Point(x, y, srid=4326), created_by=people["lin"],
                starts_on=one.starts_on, ends_on=one.ends_on, investment_code=f"2501-510104-04-01-{number:06d}",
            )
        )  # fmt: skip
    for one, row in zip(histories, Project.objects.bulk_create(projects), strict=True):
        one.pk = row.pk
    _money_and_plan(histories, people)
    _approve(histories, people)
    _release(histories, people)
    _happened(histories, people)


def _money_and_plan(histories: list[History], people: dict[str, Any]) -> None:
    lines, tranches, milestones = [], [], []
    for one in histories:
        rest = one.approved_fen - sum(fen for _year, fen in one.lines)
        for year, fen in [*one.lines, (2099, rest)]:
            if fen:
                lines.append(
                    BudgetLine(project_id=one.pk, year=year, source=FundSource.LOCAL, amount_fen=fen)
                )
        rest = one.approved_fen - sum(fen for fen, _on in one.tranches)
        assert rest > 0, "the last tranche is never released here"
        for number, (fen, _on) in enumerate([*one.tranches, (rest, None)], start=1):
            tranches.append(Tranche(project_id=one.pk, number=number, name=f"T{number}", amount_fen=fen))
    BudgetLine.objects.bulk_create(lines)
    Tranche.objects.bulk_create(tranches)
    for one in histories:
        for number, (planned, percent, seen) in enumerate(one.milestones, start=1):
            milestones.append(
                Milestone(
                    project_id=one.pk, number=number, name=f"M{number}", planned_on=planned, works_percent=percent,
                    reported_on=seen, reported_by=people["sun"] if seen else None, reached_on=seen,
                    seen_by=people["wang"] if seen else None,
                )
            )  # fmt: skip
    Milestone.objects.bulk_create(milestones)


def _decided(cases: list[Case], days: list[date], people: dict[str, Any]) -> None:
    route = cases[0].route
    tasks = {task.kind: task for stage in route.stages.all() for task in stage.tasks.all()}
    steps = []
    for case, day in zip(cases, days, strict=True):
        for kind, who in (("recommend", people["wang"]), ("decide", people["zhao"])):
            steps.append(
                Step(
                    case=case, task=tasks[kind], round=1, state="done", outcome="approve", reason="as seen",
                    done_at=noon(day), done_by=who,
                )
            )  # fmt: skip
    Step.objects.bulk_create(steps)
    Case.objects.filter(pk__in=[case.pk for case in cases]).update(state="approved")


def _approve(histories: list[History], people: dict[str, Any]) -> None:
    route = routes.current(code="approval")
    cases = Case.objects.bulk_create(
        Case(
            project_id=one.pk, route=route, ref=f"C-{one.name}", drafter=people["lin"],
            submitted_at=noon(one.approved_on), closed_at=noon(one.approved_on),
        )
        for one in histories
    )  # fmt: skip
    Submission.objects.bulk_create(
        Submission(
            case=case, round=1, content={"point": list(SITE), "units": one.approved_units}, sha256="0" * 64,
            submitted_by=people["lin"], submitted_at=noon(one.approved_on),
        )
        for one, case in zip(histories, cases, strict=True)
    )  # fmt: skip
    _decided(cases, [one.approved_on for one in histories], people)
    with connection.cursor() as cursor:
        for one in histories:
            x, y = one.moved_to or SITE
            cursor.execute(
                """update projects_project set state = %s, approved_fen = cost_fen, approved_units = %s, units = %s,
                started_on = %s, point = st_setsrid(st_makepoint(%s, %s), 4326) where id = %s""",
                [
                    "works" if one.started_on else "approved", one.approved_units,
                    one.approved_units if one.units is None else one.units, one.started_on, x, y, one.pk,
                ],
            )  # fmt: skip


def _release(histories: list[History], people: dict[str, Any]) -> None:
    free = [
        (one, number, on)
        for one in histories
        for number, (_fen, on) in enumerate(one.tranches, start=1)
        if on is not None
    ]
    if not free:
        return
    route = routes.current(code="release")
    held = {
        (row.project_id, row.number): row
        for row in Tranche.objects.filter(project__in=[one.pk for one in histories])
    }
    cases = Case.objects.bulk_create(
        Case(
            project_id=one.pk, tranche=held[one.pk, number], route=route, ref=f"C-{one.name}-{number}",
            drafter=people["lin"], submitted_at=noon(on), closed_at=noon(on),
        )
        for one, number, on in free
    )  # fmt: skip
    _decided(cases, [on for _one, _number, on in free], people)
    Release.objects.bulk_create(
        Release(
            tranche=held[one.pk, number], amount_fen=held[one.pk, number].amount_fen, recommended_by=people["wang"],
            decided_by=people["zhao"], released_at=noon(on, 9),
        )
        for one, number, on in free
    )  # fmt: skip


def _happened(histories: list[History], people: dict[str, Any]) -> None:
    by_number = {
        (row.project_id, row.number): row
        for row in Tranche.objects.filter(project__in=[one.pk for one in histories])
    }
    Contract.objects.bulk_create(
        Contract(project_id=one.pk, number=f"K{n}", payee=payee, amount_fen=1_00, signed_on=on)
        for one in histories
        for n, (payee, on) in enumerate(one.contracts)
    )
    _paid(histories, by_number, people)
    reports = [
        ProgressReport(
            project_id=one.pk, month=report.month, works_percent=report.percent, reported_by=people["sun"],
            reason="as measured", reported_at=noon(report.on, 23),
        )
        for one in histories
        for report in one.reports
    ]  # fmt: skip
    with by_hand(ProgressReport, "reported_at"):
        ProgressReport.objects.bulk_create(reports, batch_size=5000)
    said = [report for one in histories for report in one.reports]
    with by_hand(Photo, "added_at"):
        Photo.objects.bulk_create(
            [
                Photo(
                    project_id=row.project_id, report=row, file="x.jpg", sha256="0" * 64, added_by=people["sun"],
                    problems=[{"code": wrong}] if wrong else [], point=Point(*where, srid=4326) if where else None,
                    added_at=noon(on, 1),
                )
                for row, report in zip(reports, said, strict=True)
                for on, wrong, where in report.photos
            ],
            batch_size=5000,
        )  # fmt: skip
    Inspection.objects.bulk_create(
        Inspection(
            project_id=one.pk, ref=f"I-{one.name}-{n}", planned_on=on, done_on=on, works_percent=percent,
            done_by=people["wang"],
        )
        for one in histories
        for n, (on, percent) in enumerate(one.inspections)
    )  # fmt: skip
    for one in histories:
        if one.built:
            Commissioning.objects.create(
                project_id=one.pk,
                built_units=one.built[0],
                handed_by=people["sun"],
                handed_at=noon(one.built[1]),
            )
    office = people["office"]
    Responsibility.objects.bulk_create(
        Responsibility(project_id=one.pk, level=level, organisation=office, person=people[level], task="t")
        for one in histories
        for level in one.owners
    )


def _paid(
    histories: list[History], by_number: dict[tuple[int, int], Tranche], people: dict[str, Any]
) -> None:
    def row(one: History, n: int, pay: Pay, **more: Any) -> Payment:
        key = f"{one.name}-{n}"
        return Payment(
            **{"project_id": one.pk, "tranche": by_number[one.pk, pay.tranche], "recorded_by": people["wang"], "payee": pay.payee,
               "amount_fen": pay.fen, "paid_on": pay.on, "key": key} | more
        )  # fmt: skip

    each = [(one, n, pay) for one in histories for n, pay in enumerate(one.payments)]
    made = Payment.objects.bulk_create(row(*one) for one in each)
    for one in histories:
        one.payment_ids = []
    for (one, _n, _pay), payment in zip(each, made, strict=True):
        one.payment_ids.append(payment.pk)
    Payment.objects.bulk_create(
        row(
            one, n, pay, amount_fen=-pay.taken_back[0], paid_on=pay.taken_back[1], key=f"{one.name}-{n}-back",
            corrects=payment, note="taken back",
        )
        for (one, n, pay), payment in zip(each, made, strict=True)
        if pay.taken_back
    )  # fmt: skip


@contextmanager
def by_hand(model: Any, name: str) -> Iterator[None]:
    """A time that the clock writes is written as it is given."""
    field_ = model._meta.get_field(name)
    field_.auto_now_add = False
    try:
        yield
    finally:
        field_.auto_now_add = True


# --- 200 of them -------------------------------------------------------------------------------------


def month_after(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def made_up(seed: int) -> History:
    """A plausible history from a seed: most go roughly as planned, each has its own troubles."""
    dice = random.Random(seed)
    approved = date(2025, 1, 2) + timedelta(days=dice.randrange(300))
    fen = dice.randrange(50, 400) * 1_000_000
    starts = approved + timedelta(days=dice.randrange(-20, 60)) if dice.random() < 0.95 else None
    begun = (starts or approved) + timedelta(days=dice.choice([-3, 0, 5, 25, 30, 31, 45, 90]))
    started = max(begun, approved) if dice.random() < 0.85 else None
    length = dice.randrange(150, 500)
    ends = (starts or approved) + timedelta(days=length) if dice.random() < 0.9 else None
    points = []
    for n in range(1, dice.randrange(1, 5)):
        planned = (starts or approved) + timedelta(days=length * n // 4 + dice.randrange(-5, 6))
        late = dice.choice([-4, 0, 10, 15, 16, 30, None])
        seen = planned + timedelta(days=late) if late is not None and started is not None else None
        points.append((planned, dice.choice([0, 25 * n]), max(seen, started) if seen and started else None))
    one = History(
        approved_on=approved, approved_fen=fen, approved_units=dice.choice([100, 1000, 640]), starts_on=starts,
        ends_on=ends, started_on=started, milestones=points,
        owners=dice.sample(["territory", "department", "enterprise"], dice.randrange(0, 4)),
    )  # fmt: skip
    if dice.random() < 0.15:
        one.units = one.approved_units * dice.choice([94, 95, 96]) // 100
    if dice.random() < 0.05:
        one.moved_to = (SITE[0] + dice.choice([0.004, 0.006]), SITE[1])
    years = sorted({approved.year, approved.year + 1})
    one.lines = [(year, fen // (len(years) + dice.randrange(0, 2))) for year in years]
    _pay(dice, one)
    if started is not None:
        _report(dice, one, started, length)
    if dice.random() < 0.4 and started is not None:
        one.built = (
            one.approved_units * dice.choice([90, 94, 95, 100]) // 100,
            approved + timedelta(days=dice.randrange(200, 500)),
        )
    return one


def _pay(dice: random.Random, one: History) -> None:
    one.contracts = [
        (name, one.approved_on + timedelta(days=dice.randrange(0, 60)))
        for name in dice.sample(["城建一公司", "北方 工程（集团）", "Delta Builders"], dice.randrange(1, 4))
    ]
    for number in range(1, dice.choice([2, 3, 3])):
        released = one.approved_on + timedelta(days=dice.randrange(5, 260)) if dice.random() < 0.8 else None
        amount = one.approved_fen * 2 // 5
        one.tranches.append((amount, released))
        left = amount
        while released is not None and left > 0 and dice.random() < 0.7:
            part = min(left, amount * dice.choice([25, 50, 100]) // 100)
            payee = dice.choice(["城建一公司", "北方工程(集团)", "ｄｅｌｔａ builders", "另一家公司"])
            on = released + timedelta(days=dice.randrange(0, 240))
            back = (part, on + timedelta(days=dice.randrange(0, 30))) if dice.random() < 0.1 else None
            one.payments.append(Pay(number, part, on, payee, back))
            left -= part


def _report(dice: random.Random, one: History, started: date, length: int) -> None:
    pace = dice.choice([0.5, 0.8, 1.0, 1.2])
    month, percent = started.replace(day=1), 0.0
    stops = started + timedelta(days=dice.randrange(60, 700))
    while month < date(2026, 6, 1) and month < stops:
        percent = min(100.0, round(percent + dice.random() * 200 * pace * 30 / length, dice.randrange(0, 3)))
        on = month_after(month) + timedelta(days=dice.randrange(0, 14))
        if dice.random() < 0.85:
            photos = []
            for _n in range(dice.randrange(0, 3)):
                away = dice.choice([0.0, 0.001, 0.0051, 0.0053, 0.02])
                where = (SITE[0] + away, SITE[1]) if dice.random() < 0.9 else None
                wrong = dice.choice(["", "", "", "no-time", "same", "outside-window", "far", "shifted"])
                photos.append((on + timedelta(days=dice.choice([0, 0, 3, 4])), wrong, where))
            one.reports.append(Report(month, on, percent, photos))
        if dice.random() < 0.25:
            seen = max(0.0, min(100.0, round(percent + dice.randrange(-12, 6), 1)))
            one.inspections.append((on + timedelta(days=dice.randrange(0, 20)), seen))
        month = month_after(month)
