"""A1: all alert rules over a programme of 3,000 projects and 36 months, against a plain loop over its projects."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from tests.bench import _rows
from tests.bench._database import grid_city, own_database

DAY = date(2026, 11, 2)
MONTHS = 36


def versions() -> list[str]:
    return [_rows.version(name) for name in ("django", "psycopg2-binary")]


def run(size: str) -> list[_rows.Row]:
    projects, rounds = _rows.of(size, (3000, 3), (300, 2), (30, 1))
    with own_database():
        city, people = programme(projects)
        return [measure(city, people, projects, rounds)]


def programme(count: int) -> tuple[Any, dict[str, Any]]:
    """`count` projects in works with 36 months of reports, photos, money, milestones and inspections."""
    from django.contrib.auth import get_user_model

    from core.models import Area, Organisation
    from planning.services.reference import load_reference
    from projects.services import alert_rules, routes, working_days
    from tests.projects.histories import store

    load_reference()
    city = grid_city(100).city
    top = Area.objects.get(city=city)
    Area.objects.create(
        city=city, code="bench-1", name="bench", level=2, parent=top, path=f"{top.path}bench-1/", geometry=top.geometry,
        label_point=top.label_point,
    )  # fmt: skip
    working_days.load_calendar(until=2027)
    routes.load_shipped()
    alert_rules.load_shipped()
    names = ("lin", "wang", "zhao", "sun", "territory", "department", "enterprise")
    people: dict[str, Any] = {name: get_user_model().objects.create(username=name) for name in names}
    people["office"] = Organisation.objects.create(city=city, code="office", name="office", kind="department")
    store(city, [history(seed) for seed in range(count)], people)
    return city, people


def history(seed: int) -> Any:
    from tests.projects.histories import SITE, History, Pay, Report, month_after

    dice = random.Random(seed)
    approved = date(2023, 9, 4) + timedelta(days=dice.randrange(60))
    fen, start = dice.randrange(20, 400) * 10_000_000, approved + timedelta(days=dice.randrange(10, 40))
    one = History(
        approved_on=approved, approved_fen=fen, approved_units=1000, units=dice.choice([1000, 1000, 940]), starts_on=start,
        ends_on=start + timedelta(days=1200), started_on=start, owners=["enterprise", "department"],
        milestones=[(start + timedelta(days=300 * n), 25 * n, start + timedelta(days=300 * n + dice.randrange(20)) if n < 4 else None) for n in (1, 2, 3, 4)],
        contracts=[("one", approved), ("two", approved)], lines=[(year, fen // 5) for year in (2023, 2024, 2025, 2026)],
        tranches=[(fen // 5, approved + timedelta(days=200 * n)) for n in range(4)],
    )  # fmt: skip
    for n, (amount, released) in enumerate(one.tranches, start=1):
        one.payments += [
            Pay(n, amount // 3, released + timedelta(days=30 * part), dice.choice(["one", "two", "three"]))
            for part in range(dice.randrange(0, 4))
        ]
    month, percent = start.replace(day=1), 0.0
    for _n in range(MONTHS):
        percent = min(100.0, round(percent + dice.random() * 5, 1))
        on = month_after(month) + timedelta(days=dice.randrange(8))
        where = (SITE[0] + dice.choice([0.0, 0.0, 0.0, 0.006]), SITE[1])
        photos = [(on, "", where) for _photo in range(dice.choice([0, 1, 2, 2]))]
        if on <= DAY and dice.random() < 0.97:
            one.reports.append(Report(month, on, percent, photos))
            if dice.random() < 0.2:
                one.inspections.append((on, max(0.0, round(percent - dice.random() * 8, 1))))
        month = month_after(month)
    return one


def measure(city: Any, people: dict[str, Any], projects: int, rounds: int) -> _rows.Row:
    from django.db import connection, transaction

    found: dict[str, set[tuple[Any, ...]]] = {}

    def timed(name: str) -> float:
        with transaction.atomic():
            seconds, _none = _rows.clock(lambda: SIDES[name](city, people))
            with connection.cursor() as cursor:
                cursor.execute(
                    "select project_id, code, occasion, due_on, owner_id from projects_supervisionalert"
                )
                found[name] = set(cursor.fetchall())
            transaction.set_rollback(True)
        return seconds

    with connection.cursor() as cursor:
        cursor.execute("analyze")
    timed("ours")  # warm
    times = _rows.compare({name: name for name in SIDES}, rounds, timed)  # type: ignore[arg-type, type-var]
    _rows.demand(found["ours"] == found["loop"], f"{len(found['ours'] ^ found['loop'])} alerts differ")
    return _rows.row(
        "A1-loop", f"12 alert rules, {projects:,} projects, {MONTHS} months: found and raised", times["ours"],
        "plain loop over projects (Django ORM, Python)", times["loop"], 5.0,
        f"the same {len(found['ours']):,} alerts with owner and due day",
    )  # fmt: skip


def ours(city: Any, people: dict[str, Any]) -> None:
    from projects.services import alerts

    alerts.raise_alerts(city=city, today=DAY)


def loop(city: Any, people: dict[str, Any]) -> None:
    """What one would write at first: read each project's rows, ask each rule, write what it found."""
    from projects.models import AlertRule, Project, SupervisionAlert
    from tests.projects.second_reading import SHIPPED, Reader

    rules = {rule.code: rule for rule in AlertRule.objects.all()}
    for project in Project.objects.filter(city=city, state__in=["approved", "works", "commissioned"]):
        reader = Reader(read(project))
        reader.run(DAY)
        owners = {row.level: row.person_id for row in project.responsibilities.order_by("-id")}
        SupervisionAlert.objects.bulk_create(
            SupervisionAlert(
                project=project, rule=rules[one.code], code=one.code, thing=one.thing, occasion=one.occasion, raised_on=DAY,
                due_on=one.due_on, owner_id=owners.get(SHIPPED[one.code][2]) or owners.get("department") or project.created_by_id,
            )
            for one in reader.held
        )  # fmt: skip


def read(project: Any) -> Any:
    """One project's rows as plain values."""
    from projects.models import Case, Release
    from tests.projects.histories import ZONE, History, Pay, Report

    case = Case.objects.filter(project=project, tranche=None, state="approved").latest("closed_at")
    payments = list(project.payments.select_related("tranche").order_by("id"))
    released = {row.tranche_id: row for row in Release.objects.filter(tranche__project=project)}
    one = History(
        approved_on=case.closed_at.astimezone(ZONE).date(), approved_fen=project.approved_fen,
        approved_units=project.approved_units, units=project.units, starts_on=project.starts_on, ends_on=project.ends_on,
        started_on=project.started_on,
        milestones=[(row.planned_on, row.works_percent, row.reached_on) for row in project.milestones.order_by("number")],
        reports=[
            Report(row.month, row.reported_at.astimezone(ZONE).date(), row.works_percent, [
                (photo.added_at.astimezone(ZONE).date(), photo.problems[0]["code"] if photo.problems else "",
                 photo.point.coords if photo.point else None) for photo in row.photos.all()
            ])
            for row in project.reports.prefetch_related("photos")
        ],
        inspections=[(row.done_on, row.works_percent) for row in project.inspections.order_by("id")],
        lines=[(row.year, row.amount_fen) for row in project.budget_lines.exclude(year=2099)],
        tranches=[
            (row.amount_fen, released[row.pk].released_at.astimezone(ZONE).date() if row.pk in released else None)
            for row in project.tranches.order_by("number")
        ],
        contracts=[(row.payee, row.signed_on) for row in project.contracts.all()],
        payments=[Pay(row.tranche.number, row.amount_fen, row.paid_on, row.payee) for row in payments],
    )  # fmt: skip
    one.payment_ids = [row.pk for row in payments]
    return one


SIDES = {"ours": ours, "loop": loop}
