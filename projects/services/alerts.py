"""The alert rules at work: what they find is raised once an occasion, explained by its owner, closed by somebody else.

A run looks at a city's whole programme for one day with one statement a rule (selectors/alert_matters.py), under the
city's lock: two runs at once wait for each other, and the unique key of an occasion holds besides.
"""

from __future__ import annotations

import json
import time
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError, Forbidden
from core.models import City
from core.services import audit
from projects.choices import AlertState, AlertWord
from projects.models import AlertAnswer, AlertRule, Project, SupervisionAlert, SupervisionRun
from projects.selectors import works_rules
from projects.selectors.alert_matters import MATTERS, NO_EVIDENCE, raising
from projects.selectors.alerts import SUPERVISED, may_close, may_explain, standing_in, today_in, zone_of
from projects.selectors.working_days import add_working_days
from projects.services import alert_rules, events

# Any fixed number: with the city's id the advisory lock of its runs.
RUN_LOCK = 6_002


def due_month(day: date) -> date:
    """First day of the newest month whose report was due before `day` (works rule: working days after its end)."""
    days = works_rules.limits().report_working_days
    month = day.replace(day=1)
    read: dict[int, dict[date, bool]] = {}
    while True:
        month = (month - timedelta(days=1)).replace(day=1)
        end = (month + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        if add_working_days(end, days, read) < day:
            return month


def raise_alerts(*, city: City, today: date, user: Any = None) -> SupervisionRun:
    """Run every rule in force over the city's programme as of `today`, and tell overdue alerts to the one above.

    Safe to run as often as one likes: an occasion is raised once. `user` None: by the clock. A day before the newest
    run is refused, for what has ended since cannot be seen from there.
    """
    if user is not None:
        policies.demand(user, "alert.run", city)
    begun = time.perf_counter()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s, %s)", [RUN_LOCK, city.pk])
        newest = SupervisionRun.objects.filter(city=city).order_by("-day").first()
        if newest is not None and newest.day > today:
            raise DomainError(
                "later-run", _("The rules were run for %(day)s already.") % {"day": newest.day.isoformat()}, day=newest.day.isoformat()
            )  # fmt: skip
        found: dict[str, dict[str, Any]] = {}
        raised: list[int] = []
        ended = 0
        for rule in alert_rules.current():
            standing, gone, made = _run_rule(city, today, rule)
            found[rule.code] = {"version": rule.version, "standing": standing, "raised": len(made)}
            raised += [alert for alert, _project in made]
            ended += gone
        told = _escalate(city, today)
        run = SupervisionRun.objects.create(
            city=city, day=today, found=found, raised=len(raised), ended=ended, escalated=len(told), started_by=user,
            projects=Project.objects.filter(city=city, state__in=SUPERVISED).count(),
            seconds=round(time.perf_counter() - begun, 3),
        )  # fmt: skip
        _tell_raised(raised)
        audit.record(
            user=user, act="alert.run", subject=city, ref=today.isoformat(),
            after={"found": found, "alerts": raised, "ended": ended, "escalated": told},
        )  # fmt: skip
    return run


def _run_rule(city: City, day: date, rule: AlertRule) -> tuple[int, int, list[list[int]]]:
    """(matters there on the day, ended ones, [[alert, project] raised]) of one rule."""
    asked = {
        "city": city.pk, "day": day, "tz": zone_of(city).key, "states": MATTERS[rule.code].states, "rule": rule.pk,
        "code": rule.code, "level": rule.owner_level, "due": add_working_days(day, rule.answer_working_days),
        "due_month": due_month(day), "no_evidence": NO_EVIDENCE, **rule.thresholds,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(raising(rule.code), asked)
        standing, ended, made = cursor.fetchone()
    return standing, ended, json.loads(made) if isinstance(made, str) else made


def _tell_raised(alerts: list[int]) -> None:
    rows = SupervisionAlert.objects.filter(pk__in=alerts).select_related("project", "owner").order_by("pk")
    events.tell_all(
        kind="alert.raised",
        told=[
            (
                row.project, str(row.pk),
                {
                    "alert": row.pk, "rule": row.code, "occasion": row.occasion, "due_on": row.due_on.isoformat(),
                    "owner": row.owner.username if row.owner else None, "facts": row.facts,
                },
            )
            for row in rows
        ],
    )  # fmt: skip


# --- explained, accepted or sent back, given to another -----------------------------------------------


def _locked(alert: SupervisionAlert) -> SupervisionAlert:
    rows = SupervisionAlert.objects.select_for_update(of=("self",))
    return rows.select_related("project__area", "project__city", "rule", "owner").get(pk=alert.pk)


def _say(alert: SupervisionAlert, kind: str, text: str, user: Any, done_for: Any = None) -> None:
    AlertAnswer.objects.create(alert=alert, kind=kind, text=text, by=user, done_for=done_for)


def explain(*, user: Any, alert: SupervisionAlert, text: str) -> SupervisionAlert:
    """The owner says why it is so and what is done about it, with the photo, finding or paper that shows it."""
    with transaction.atomic():
        held = _locked(alert)
        if not may_explain(user, held):
            raise Forbidden(_("This alert is explained by its owner or a deputy."), "not-the-owner")
        if held.state != AlertState.OPEN:
            raise DomainError(
                "alert-not-open", _("This alert needs no explanation now; somebody was quicker.")
            )
        if not text.strip():
            raise DomainError("no-explanation", _("Say why it is so and what is done about it."), status=422)
        stands_for = standing_in(user, held)
        held.state, held.explanation = AlertState.EXPLAINED, text.strip()
        held.explained_by, held.explained_at = user, timezone.now()
        held.save(update_fields=["state", "explanation", "explained_by", "explained_at"])
        _say(held, AlertWord.EXPLAINED, held.explanation, user, stands_for)
        after = {"alert": held.pk, "rule": held.code, "explanation": held.explanation}
        if stands_for is not None:
            after["deputy_of"] = stands_for.username
        audit.record(user=user, act="alert.explain", subject=held.project, ref=str(held.pk), after=after)
        events.tell(project=held.project, kind="alert.explained", ref=str(held.pk), payload=after)
    return held


def _demand_closer(user: Any, held: SupervisionAlert) -> None:
    policies.demand(user, "alert.close", held.project)
    if not may_close(user, held):
        raise Forbidden(
            _("Whoever owns or explained an alert does not judge the explanation."), "explainer-may-not"
        )
    if held.state != AlertState.EXPLAINED:
        raise DomainError("alert-not-explained", _("There is no explanation to judge now."))


def close(*, user: Any, alert: SupervisionAlert, note: str, today: date | None = None) -> SupervisionAlert:
    """The explanation is accepted: somebody who had no hand in it says what was found. `today`: the day it is closed on,
    the city's day when None."""
    with transaction.atomic():
        held = _locked(alert)
        _demand_closer(user, held)
        if not note.strip():
            raise DomainError("no-note", _("Say what was found."), status=422)
        held.state, held.closing_note = AlertState.CLOSED, note.strip()
        held.closed_by, held.closed_at = user, timezone.now()
        held.closed_on = today or today_in(held.project.city)
        held.save(update_fields=["state", "closing_note", "closed_by", "closed_at", "closed_on"])
        _say(held, AlertWord.CLOSED, held.closing_note, user)
        after = {"alert": held.pk, "rule": held.code, "note": held.closing_note}
        audit.record(user=user, act="alert.close", subject=held.project, ref=str(held.pk), after=after)
        events.tell(project=held.project, kind="alert.closed", ref=str(held.pk), payload=after)
    return held


def send_back(
    *, user: Any, alert: SupervisionAlert, note: str, today: date | None = None
) -> SupervisionAlert:
    """The explanation is not accepted: it is open again, due anew; what was said stays in its history."""
    with transaction.atomic():
        held = _locked(alert)
        _demand_closer(user, held)
        if not note.strip():
            raise DomainError("no-note", _("Say what is missing in the explanation."), status=422)
        held.state, held.explanation, held.explained_by, held.explained_at = AlertState.OPEN, "", None, None
        day = today or today_in(held.project.city)
        held.due_on, held.escalated_at = add_working_days(day, held.rule.answer_working_days), None
        held.save(
            update_fields=["state", "explanation", "explained_by", "explained_at", "due_on", "escalated_at"]
        )
        _say(held, AlertWord.SENT_BACK, note.strip(), user)
        after = {
            "alert": held.pk,
            "rule": held.code,
            "sent_back": note.strip(),
            "due_on": held.due_on.isoformat(),
        }
        audit.record(user=user, act="alert.send_back", subject=held.project, ref=str(held.pk), after=after)
        events.tell(project=held.project, kind="alert.raised", ref=str(held.pk), payload=after)
    return held


def assign(*, user: Any, alert: SupervisionAlert, owner: Any, reason: str) -> SupervisionAlert:
    """Somebody else explains it: who was named has left, or another is in charge."""
    with transaction.atomic():
        held = _locked(alert)
        policies.demand(user, "alert.assign", held.project)
        if held.state != AlertState.OPEN:
            raise DomainError("alert-not-open", _("Only an alert that waits for its explanation is given to another."))  # fmt: skip
        if not reason.strip():
            raise DomainError("no-reason", _("Say why."), status=422)
        if not owner.is_active or not policies.allows(owner, "view", held.project):
            raise DomainError("owner-cannot-see", _("This person does not see the project."), status=422)
        if owner.pk == held.owner_id:
            raise DomainError("same-owner", _("It is this person's already."), status=422)
        before = {"owner": held.owner.username if held.owner else None}
        held.owner = owner
        held.save(update_fields=["owner"])
        _say(held, AlertWord.ASSIGNED, f"{owner.get_username()}: {reason.strip()}", user)
        audit.record(
            user=user, act="alert.assign", subject=held.project, ref=str(held.pk), before=before,
            after={"alert": held.pk, "owner": owner.username}, reason=reason.strip(),
        )  # fmt: skip
    return held


def _escalate(city: City, day: date) -> list[int]:
    """Tell unexplained alerts that are late by their rule's further working days to the one above, each once a due date."""
    late = (
        SupervisionAlert.objects.select_for_update(of=("self",))
        .filter(project__city=city, state=AlertState.OPEN, escalated_at=None, due_on__lt=day)
        .select_related("rule", "project")
        .order_by("pk")
    )
    read: dict[int, dict[date, bool]] = {}
    limits: dict[tuple[date, int], date] = {}
    told = []
    for alert in late:
        key = (alert.due_on, alert.rule.escalate_working_days)
        if key not in limits:
            limits[key] = add_working_days(*key, read)
        if limits[key] < day:
            told.append(alert)
    SupervisionAlert.objects.filter(pk__in=[one.pk for one in told]).update(escalated_at=timezone.now())
    AlertAnswer.objects.bulk_create(AlertAnswer(alert=one, kind=AlertWord.ESCALATED) for one in told)
    events.tell_all(
        kind="alert.escalated",
        told=[
            (one.project, str(one.pk), {"alert": one.pk, "rule": one.code, "due_on": one.due_on.isoformat()})
            for one in told
        ],
    )
    return [one.pk for one in told]
