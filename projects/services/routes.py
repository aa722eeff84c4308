"""Routes: read from YAML, checked whole, published as versions that never change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import Certainty, DepartmentFunction, Role
from core.errors import DomainError, InvalidInput, Problem
from core.services import audit
from engine.archive import content_hash
from projects.choices import RouteKind, RouteState, TaskKind
from projects.models import Route, RouteStage, RouteTask

SHIPPED = Path(settings.BASE_DIR) / "projects" / "routes"
CONDITIONS = {"cost_from_fen", "cost_below_fen", "kinds", "services", "domains"}
_TASK_KEYS = {
    "code", "order", "kind", "role", "department", "area_level", "name", "name_en", "due", "escalate", "escalate_role",
    "only",
}  # fmt: skip


def read_document(text: str) -> dict[str, Any]:
    """A route from YAML, or InvalidInput with everything that is wrong."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as broken:
        raise DomainError(
            "bad-yaml", _("The file is no YAML: %(words)s") % {"words": str(broken)}, status=422
        ) from None
    if problems := check_document(document):
        raise InvalidInput(_("The route cannot be used. Correct what is listed."), problems)
    return document


def check_document(document: Any) -> list[Problem]:
    """Everything that would let a case stand still or go round two people."""
    found: list[Problem] = []

    def say(place: str, code: str, message: Any) -> None:
        found.append(Problem(code, message, column=place))

    if not isinstance(document, dict):
        return [Problem("not-a-route", _("A route is a list of names and values."))]
    for key in ("code", "name", "kind", "stages"):
        if not document.get(key):
            say(key, "missing", _("This is needed."))
    if document.get("kind") not in RouteKind.values:
        say("kind", "unknown", _("One of %(words)s.") % {"words": ", ".join(RouteKind.values)})
    if document.get("certainty", Certainty.D) not in Certainty.values:
        say("certainty", "unknown", _("One of %(words)s.") % {"words": ", ".join(Certainty.values)})
    order: list[tuple[int, int, str, str]] = []
    stages = document.get("stages")
    codes: list[str] = []
    for number, stage in enumerate(stages if isinstance(stages, list) else [], start=1):
        if not isinstance(stage, dict) or not stage.get("code") or not stage.get("tasks"):
            say(f"stages[{number}]", "missing", _("A stage has a code and tasks."))
            continue
        codes.append(str(stage["code"]))
        names = [str(task.get("code")) for task in stage["tasks"] if isinstance(task, dict)]
        for twice in sorted({name for name in names if names.count(name) > 1}):
            say(f"stages[{number}]", "twice", _("The code %(code)s stands twice.") % {"code": twice})
        for place, task in enumerate(stage["tasks"], start=1):
            where = f"stages[{number}].tasks[{place}]"
            if not isinstance(task, dict):
                say(where, "missing", _("A task is a list of names and values."))
                continue
            for key in ("code", "kind", "role", "name"):
                if not task.get(key):
                    say(f"{where}.{key}", "missing", _("This is needed."))
            for key in sorted(set(task) - _TASK_KEYS):
                say(f"{where}.{key}", "unknown", _("This is not known here."))
            for key, allowed in (
                ("kind", TaskKind.values),
                ("role", Role.values),
                ("department", ["", *DepartmentFunction.values]),
            ):
                if task.get(key) and task[key] not in allowed:
                    say(
                        f"{where}.{key}",
                        "unknown",
                        _("One of %(words)s.") % {"words": ", ".join(filter(None, allowed))},
                    )
            for key in ("due", "escalate", "order"):
                if key in task and not (isinstance(task[key], int) and 0 <= task[key] <= 365):
                    say(f"{where}.{key}", "not-a-number", _("A whole number from 0 to 365."))
            only = task.get("only") or {}
            for key in sorted(set(only) - CONDITIONS if isinstance(only, dict) else {"only"}):
                say(f"{where}.only.{key}", "unknown", _("This is not known here."))
            if task.get("kind") in (TaskKind.DECIDE, TaskKind.RECOMMEND) and only:
                say(f"{where}.only", "always", _("Recommending and deciding are never left out."))
            order.append(
                (
                    number,
                    int(task.get("order") or 1) if isinstance(task.get("order", 1), int) else 1,
                    str(task.get("kind")),
                    where,
                )
            )
    for twice in sorted({code for code in codes if codes.count(code) > 1}):
        say("stages", "twice", _("The code %(code)s stands twice.") % {"code": twice})
    decides = [row for row in order if row[2] == TaskKind.DECIDE]
    recommends = [row for row in order if row[2] == TaskKind.RECOMMEND]
    if len(decides) != 1:
        say("stages", "one-decision", _("A route has exactly one decision."))
    elif [row for row in order if row[:2] >= decides[0][:2] and row != decides[0]]:
        say(decides[0][3], "decision-last", _("The decision comes last, and nothing beside it."))
    if len(recommends) != 1:
        say("stages", "one-recommendation", _("A route has exactly one recommendation."))
    elif decides and not recommends[0][:2] < decides[0][:2]:
        say(recommends[0][3], "recommend-first", _("The recommendation comes before the decision."))
    return found


def store_draft(*, user: Any, document: dict[str, Any]) -> Route:
    """A draft of the next version. The same document as the newest version is answered with that version."""
    if user is not None:
        policies.demand(user, "route.edit")
    if problems := check_document(document):
        raise InvalidInput(_("The route cannot be used. Correct what is listed."), problems)
    digest = content_hash({}, json.loads(json.dumps(document)))
    with transaction.atomic():
        newest = Route.objects.filter(code=document["code"]).order_by("-version").first()
        if newest is not None and newest.sha256 == digest:
            return newest
        version = (
            Route.objects.filter(code=document["code"]).aggregate(last=Max("version"))["last"] or 0
        ) + 1
        route = Route.objects.create(
            code=document["code"], version=version, name=document["name"], name_en=document.get("name_en", ""),
            kind=document["kind"], for_tranche=bool(document.get("for_tranche")), source=document.get("source", ""),
            certainty=document.get("certainty", Certainty.D), document=document, sha256=digest,
        )  # fmt: skip
        for order, stage in enumerate(document["stages"], start=1):
            row = RouteStage.objects.create(
                route=route, order=order, code=stage["code"], name=stage.get("name", stage["code"]),
                name_en=stage.get("name_en", ""),
            )  # fmt: skip
            RouteTask.objects.bulk_create(
                RouteTask(
                    stage=row, order=task.get("order", 1), code=task["code"], name=task["name"],
                    name_en=task.get("name_en", ""), kind=task["kind"], role=task["role"],
                    department=task.get("department", ""), area_level=task.get("area_level"),
                    due_working_days=task.get("due", 5), escalate_working_days=task.get("escalate", 3),
                    escalate_role=task.get("escalate_role", Role.APPROVER), condition=task.get("only") or {},
                )
                for task in stage["tasks"]
            )  # fmt: skip
        audit.record(user=user, act="route.draft", subject=route, ref=str(route), after={"sha256": digest})
    return route


def publish(*, user: Any, route: Route) -> Route:
    """From now on new cases go this way; running ones keep theirs. The version before is retired."""
    if user is not None:
        policies.demand(user, "route.publish")
    with transaction.atomic():
        moved = Route.objects.filter(pk=route.pk, state=RouteState.DRAFT).update(
            state=RouteState.PUBLISHED, published_at=timezone.now(), published_by=user
        )
        if not moved:
            raise DomainError("route-not-draft", _("Only a draft can be published."))
        Route.objects.filter(code=route.code, state=RouteState.PUBLISHED).exclude(pk=route.pk).update(
            state=RouteState.RETIRED
        )
        audit.record(user=user, act="route.publish", subject=route, ref=str(route))
    route.refresh_from_db()
    return route


def load_shipped() -> list[Route]:
    """The routes that come with the platform, published where no version of theirs is there yet."""
    made = []
    for path in sorted(SHIPPED.glob("*.yaml")):
        document = read_document(path.read_text(encoding="utf-8"))
        if Route.objects.filter(code=document["code"]).exists():
            continue
        made.append(publish(user=None, route=store_draft(user=None, document=document)))
    return made


def current(*, code: str) -> Route:
    route = Route.objects.filter(code=code, state=RouteState.PUBLISHED).order_by("-version").first()
    if route is None:
        raise DomainError("no-route", _("No route %(code)s is published.") % {"code": code})
    return route
