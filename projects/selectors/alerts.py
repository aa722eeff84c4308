"""What is read of alerts: the board, one project's, what waits for a person, and who may do what with one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Case, Count, F, IntegerField, Min, Q, QuerySet, Value, When
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from core import policies
from core.choices import Role
from core.models import Area, City, Membership
from core.templatetags.pingji import local_name
from projects.choices import AlertState, AlertWord, ProjectState, RouteState
from projects.models import AlertRule, Deputy, Project, SupervisionAlert, SupervisionRun
from projects.selectors import alert_words
from projects.selectors.alert_matters import MATTERS

UNCLOSED = (AlertState.OPEN, AlertState.EXPLAINED)
# States of projects that are under supervision.
SUPERVISED = (ProjectState.APPROVED, ProjectState.WORKS, ProjectState.COMMISSIONED)


# --- a city's day ------------------------------------------------------------------------------------


def zone_of(city: City) -> ZoneInfo:
    """The city's time zone as its pack says; that of the installation where it says none."""
    try:
        return ZoneInfo((city.notes or {}).get("timezone") or settings.TIME_ZONE)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(settings.TIME_ZONE)


def now_in(city: City, at: datetime | None = None) -> datetime:
    return (at or timezone.now()).astimezone(zone_of(city))


def today_in(city: City, at: datetime | None = None) -> date:
    return now_in(city, at).date()


# --- who may -----------------------------------------------------------------------------------------


def standing_in(user: Any, alert: SupervisionAlert) -> Any:
    """For whom this person would explain it as a deputy; None in person."""
    if alert.owner_id is None or alert.owner_id == user.pk:
        return None
    today = timezone.localdate()
    row = Deputy.objects.filter(
        deputy=user, principal=alert.owner_id, valid_from__lte=today, valid_to__gte=today
    ).first()
    return row.principal if row is not None else None


def may_explain(user: Any, alert: SupervisionAlert) -> bool:
    """Its owner, the owner's deputy, or, where it has no owner who is here, whoever may explain at the place."""
    if not getattr(user, "is_active", False) or not policies.allows(user, "view", alert.project):
        return False
    if alert.owner_id is None or not alert.owner.is_active:
        return policies.allows(user, "alert.explain", alert.project)
    return alert.owner_id == user.pk or standing_in(user, alert) is not None


def had_a_hand(user: Any, alert: SupervisionAlert) -> bool:
    """Is it this person's explanation, in any round? The database asks the same."""
    said = alert.answers.filter(kind=AlertWord.EXPLAINED).filter(Q(by=user) | Q(done_for=user))
    return user.pk in (alert.owner_id, alert.explained_by_id) or said.exists()


def may_close(user: Any, alert: SupervisionAlert) -> bool:
    return policies.allows(user, "alert.close", alert.project) and not had_a_hand(user, alert)


def who_could_explain(alert: SupervisionAlert) -> list[Any]:
    """People an alert can be given to: those named as responsible for the project, and who may explain at its place."""
    project = alert.project
    path = project.area.path if project.area is not None else ""
    parts = path.strip("/").split("/") if path else []
    tops = ["/".join(parts[: n + 1]) + "/" for n in range(len(parts))]
    officers = Membership.objects.filter(
        _in_force(), role__in=policies.GRANTS["alert.explain"], area__city=project.city, area__path__in=tops
    )
    people = get_user_model().objects.filter(is_active=True).exclude(pk=alert.owner_id)
    named = Q(responsibilities__project=project) | Q(pk__in=officers.values("user"))
    found = people.filter(named).distinct().order_by("username")
    return [one for one in found if policies.allows(one, "view", project)]


def _in_force() -> Q:
    today = timezone.localdate()
    return Q(valid_from__lte=today) & (Q(valid_to=None) | Q(valid_to__gte=today))


# --- lists -------------------------------------------------------------------------------------------


def visible_to(user: Any, city: City | None = None) -> QuerySet[SupervisionAlert]:
    rows = SupervisionAlert.objects.filter(
        policies.visible(user, area="project__area", city="project__city")
    ).select_related("project__area", "project__city", "rule", "owner", "explained_by", "closed_by")
    return rows.filter(project__city=city) if city is not None else rows


def most_urgent_first(rows: QuerySet[SupervisionAlert], today: date) -> QuerySet[SupervisionAlert]:
    """What is overdue for its explanation first, then what waits for one, then what waits to be judged, closed last."""
    urgency = Case(
        When(state=AlertState.OPEN, due_on__lt=today, then=Value(0)),
        When(state=AlertState.OPEN, then=Value(1)),
        When(state=AlertState.EXPLAINED, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    return rows.annotate(urgency=urgency).order_by("urgency", "due_on", "id")


def of_project(project: Project, user: Any) -> list[SupervisionAlert]:
    """Alerts of one project that the person sees, most urgent first. Each has .late_days and .says, its facts in words."""
    rows = with_late_days(
        list(most_urgent_first(visible_to(user).filter(project=project), today_in(project.city)))
    )
    for row in rows:
        row.says = alert_words.sentence(row)  # type: ignore[attr-defined]
    return rows


def with_late_days(rows: list[SupervisionAlert]) -> list[SupervisionAlert]:
    for row in rows:
        late = (today_in(row.project.city) - row.due_on).days if row.state == AlertState.OPEN else 0
        row.late_days = max(late, 0)  # type: ignore[attr-defined]
    return rows


def waiting_for(user: Any, city: City | None) -> list[dict[str, Any]]:
    """For the inbox: alerts to explain, explanations to judge, and overdue ones told to those who decide."""
    if not getattr(user, "is_authenticated", False):
        return []
    rows = visible_to(user, city)
    today = timezone.localdate()
    stands_for = Deputy.objects.filter(deputy=user, valid_from__lte=today, valid_to__gte=today).values(
        "principal"
    )
    mine = rows.filter(state=AlertState.OPEN).filter(Q(owner=user) | Q(owner__in=stands_for))
    found = [_waits(row, "alert") for row in mine]
    if policies.has_role(user, _holding("alert.explain")):
        nobody = rows.filter(state=AlertState.OPEN).filter(Q(owner=None) | Q(owner__is_active=False))
        found += [_waits(row, "alert") for row in nobody if policies.allows(user, "alert.explain", row.project)]  # fmt: skip
    if policies.has_role(user, _holding("alert.close")):
        judged = rows.filter(state=AlertState.EXPLAINED).exclude(owner=user).exclude(explained_by=user)
        judged = judged.exclude(answers__by=user, answers__kind=AlertWord.EXPLAINED)
        found += [_waits(row, "alert-close") for row in judged if policies.allows(user, "alert.close", row.project)]  # fmt: skip
    if policies.has_role(user, [Role.APPROVER]):
        told = rows.filter(state=AlertState.OPEN, escalated_at__isnull=False).exclude(owner=user)
        found += [
            _waits(row, "alert", _("Told to you: %(rule)s") % {"rule": local_name(row.rule)})
            for row in told
            if policies.allows(user, "alert.assign", row.project)
        ]
    return found


def _holding(act: str) -> list[Role]:
    # An administrator's right is for what nobody else can do; it fills no inbox.
    return [role for role in policies.GRANTS[act] if role != Role.ADMIN]


def _waits(row: SupervisionAlert, kind: str, title: str = "") -> dict[str, Any]:
    return {
        "kind": kind, "title": title or row.rule.name, "title_en": title or row.rule.name_en,
        "href": reverse("alert", args=[row.pk]), "due_on": row.due_on if kind == "alert" else None,
        "project": row.project,
    }  # fmt: skip


# --- the board ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Facet:
    """One choice of a filter and how many alerts it shows together with the other filters."""

    value: str
    label: Any
    count: int
    chosen: bool


@dataclass(frozen=True)
class Board:
    """`rows` after the filters. `asked` of `supervised` projects need an explanation now, the oldest since `oldest`."""

    rows: QuerySet[SupervisionAlert]
    facets: list[tuple[str, Any, list[Facet]]]
    asked: int
    supervised: int
    overdue: int
    oldest: date | None
    run: SupervisionRun | None
    chosen: dict[str, list[str]]
    today: date


FILTERS = ("state", "due", "rule", "area", "owner", "project")


def board(user: Any, city: City, chosen: Mapping[str, list[str]] | None = None) -> Board:
    """Alerts of a city narrowed by `chosen` {state, due (overdue, escalated), rule, area, owner, project}: lists of values.
    Without a state: what is not closed."""
    today = today_in(city)
    said = {key: [one for one in (chosen or {}).get(key, []) if one] for key in FILTERS}
    if not said["state"]:
        said["state"] = list(UNCLOSED)
    everything = visible_to(user, city)
    conditions = _conditions(said, today)

    def narrowed(but: str = "") -> QuerySet[SupervisionAlert]:
        rows = everything
        for key, condition in conditions.items():
            rows = rows.filter(condition) if key != but else rows
        return rows

    waiting = everything.filter(state=AlertState.OPEN)
    numbers = waiting.aggregate(
        projects=Count("project", distinct=True), oldest=Min("raised_on"), late=Count("pk", filter=Q(due_on__lt=today))
    )  # fmt: skip
    supervised = Project.objects.filter(policies.visible(user), city=city, state__in=SUPERVISED).count()
    return Board(
        rows=most_urgent_first(narrowed(), today),
        facets=_facets(narrowed, said, city, today),
        asked=numbers["projects"],
        supervised=supervised,
        overdue=numbers["late"],
        oldest=numbers["oldest"],
        run=SupervisionRun.objects.filter(city=city).first(),
        chosen=said,
        today=today,
    )


def _conditions(said: dict[str, list[str]], today: date) -> dict[str, Q]:
    found = {}
    if said["state"]:
        found["state"] = Q(state__in=said["state"])
    if said["rule"]:
        found["rule"] = Q(code__in=said["rule"])
    if said["due"]:
        due = Q(pk__in=[])
        if "overdue" in said["due"]:
            due |= Q(state=AlertState.OPEN, due_on__lt=today)
        if "escalated" in said["due"]:
            due |= Q(state=AlertState.OPEN, escalated_at__isnull=False)
        found["due"] = due
    if said["area"]:
        paths = Area.objects.filter(code__in=said["area"]).values_list("path", flat=True)
        area = Q(pk__in=[])
        for path in paths:
            area |= Q(project__area__path__startswith=path)
        found["area"] = area
    if said["owner"]:
        found["owner"] = Q(owner__username__in=said["owner"]) | (
            Q(owner=None) if "-" in said["owner"] else Q(pk__in=[])
        )
    if said["project"]:
        found["project"] = Q(project__ref__in=said["project"])
    return found


def _facets(
    narrowed: Any, said: dict[str, list[str]], city: City, today: date
) -> list[tuple[str, Any, list[Facet]]]:
    def counts(key: str, field: str) -> dict[Any, int]:
        rows = narrowed(key).order_by().values(value=F(field)).annotate(count=Count("pk"))
        return {row["value"]: row["count"] for row in rows}

    def choice(key: str, value: str, label: Any, count: int) -> Facet:
        return Facet(value, label, count, value in said[key])

    states = counts("state", "state")
    late = narrowed("due").aggregate(
        overdue=Count("pk", filter=Q(state=AlertState.OPEN, due_on__lt=today)),
        escalated=Count("pk", filter=Q(state=AlertState.OPEN, escalated_at__isnull=False)),
    )
    by_rule = counts("rule", "code")
    rules = {rule.code: rule for rule in AlertRule.objects.order_by("version")}
    by_area = counts("area", "project__area__path")
    areas = Area.objects.filter(city=city, level=2).order_by("code")
    by_owner = counts("owner", "owner__username")
    people = {
        person.username: person
        for person in get_user_model().objects.filter(username__in=[name for name in by_owner if name])
    }
    return [
        ("state", _("State"), [choice("state", value, label, states.get(value, 0)) for value, label in AlertState.choices]),
        ("due", _("Due"), [
            choice("due", "overdue", _("Overdue"), late["overdue"]),
            choice("due", "escalated", _("Told to the one above"), late["escalated"]),
        ]),
        ("rule", _("Rule"), [
            choice("rule", code, local_name(rules[code]), by_rule.get(code, 0))
            for code in _in_order(rules) if by_rule.get(code) or code in said["rule"]
        ]),
        ("area", _("Area"), [
            choice("area", area.code, local_name(area), count)
            for area in areas
            if (count := sum(n for path, n in by_area.items() if path and path.startswith(area.path))) or area.code in said["area"]
        ]),
        ("owner", _("To be explained by"), [
            choice("owner", name or "-", local_name(people[name]) if name in people else _("nobody named"), count)
            for name, count in sorted(by_owner.items(), key=lambda one: (-one[1], one[0] or ""))
        ]),
    ]  # fmt: skip


def _in_order(rules: dict[str, AlertRule]) -> list[str]:
    return [code for code in MATTERS if code in rules]


# --- risk over the programme -------------------------------------------------------------------------


@dataclass(frozen=True)
class RiskRow:
    project: Project
    unclosed: int
    overdue: int
    codes: list[str]
    oldest: date


@dataclass(frozen=True)
class Risk:
    """`grid`: unclosed alerts by area and rule. `rows`: projects with any, most alerts first. Every count leads to its rows."""

    rules: list[AlertRule]
    grid: list[dict[str, Any]]
    rows: list[RiskRow]
    approved_fen: int


def risk(user: Any, city: City) -> Risk:
    """Where the programme needs looking at: unclosed alerts by area and rule, and project by project."""
    today = today_in(city)
    rows = visible_to(user, city).filter(state__in=UNCLOSED)
    cells: dict[tuple[str, str], int] = {}
    places = {area.path: area for area in Area.objects.filter(city=city, level=2)}
    for path, code, count in (
        rows.order_by().values_list("project__area__path", "code").annotate(count=Count("pk"))
    ):
        top = next((one for one in places if path and path.startswith(one)), "")
        cells[top, code] = cells.get((top, code), 0) + count
    newest = {rule.code: rule for rule in AlertRule.objects.exclude(state=RouteState.DRAFT).order_by("version")}  # fmt: skip
    rules = [newest[code] for code in _in_order(newest)]
    grid = [
        {
            "area": places.get(path), "cells": [(rule, cells.get((path, rule.code), 0)) for rule in rules],
            "total": sum(count for (top, _code), count in cells.items() if top == path),
        }
        for path in sorted({top for top, _code in cells})
    ]  # fmt: skip
    by_project: dict[int, list[SupervisionAlert]] = {}
    for alert in rows.order_by("code", "id"):
        by_project.setdefault(alert.project_id, []).append(alert)
    listed = [
        RiskRow(
            project=alerts[0].project, unclosed=len(alerts), codes=sorted({one.code for one in alerts}),
            overdue=sum(one.state == AlertState.OPEN and one.due_on < today for one in alerts),
            oldest=min(one.raised_on for one in alerts),
        )
        for alerts in by_project.values()
    ]  # fmt: skip
    listed.sort(key=lambda row: (-len(row.codes), -row.overdue, -row.unclosed, row.project.ref))
    total = sum(row.project.approved_fen or 0 for row in listed)
    return Risk(rules, grid, listed, total)
