"""Routes: read from YAML, checked whole, published as versions that never change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import Certainty, Role
from core.errors import DomainError, Forbidden, InvalidInput
from core.services import audit
from engine.archive import content_hash
from projects.choices import RouteState
from projects.models import Route, RouteStage, RouteTask
from projects.services.route_checks import check_document, read_document, write_document

__all__ = [
    "check_document", "current", "drop_draft", "load_shipped", "publish", "read_document", "retire", "store_draft",
    "write_document",
]  # fmt: skip

SHIPPED = Path(settings.BASE_DIR) / "projects" / "routes"


def _digest(document: dict[str, Any]) -> str:
    return content_hash({}, json.loads(json.dumps(document)))


def store_draft(*, user: Any, document: dict[str, Any]) -> Route:
    """A draft of the next version, in place of the draft that is there. The same document as the newest version is answered
    with that version."""
    if user is not None:
        policies.demand(user, "route.edit")
    if problems := check_document(document):
        raise InvalidInput(_("The route cannot be used. Correct what is listed."), problems)
    digest = _digest(document)
    with transaction.atomic():
        # Two people who draft at once queue here: each code has one next version.
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"route {document['code']}"])
        newest = Route.objects.filter(code=document["code"]).order_by("-version").first()
        if newest is not None and newest.sha256 == digest:
            return newest
        version = (newest.version if newest is not None else 0) + 1
        if newest is not None and newest.state == RouteState.DRAFT:
            # A draft is worked on until it is published; only what was published is a version for ever.
            version = newest.version
            newest.delete()
        route = Route.objects.create(
            code=document["code"], version=version, name=document["name"], name_en=document.get("name_en", ""),
            kind=document["kind"], for_tranche=bool(document.get("for_tranche")), source=document.get("source", ""),
            certainty=document.get("certainty", Certainty.D), document=document, sha256=digest, drafted_by=user,
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
        if user.pk == route.drafted_by_id:
            raise Forbidden(
                _("A route is published by somebody else than who drafted it."), "route-two-people"
            )
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


def retire(*, user: Any, route: Route) -> Route:
    """No new case goes this way; running ones end on it."""
    policies.demand(user, "route.publish")
    with transaction.atomic():
        if not Route.objects.filter(pk=route.pk, state=RouteState.PUBLISHED).update(state=RouteState.RETIRED):
            raise DomainError("route-not-published", _("Only a published version is retired."))
        audit.record(user=user, act="route.retire", subject=route, ref=str(route))
    route.refresh_from_db()
    return route


def drop_draft(*, user: Any, route: Route) -> None:
    """Throw a draft away; nothing ever went by it."""
    policies.demand(user, "route.edit")
    with transaction.atomic():
        gone, _rows = Route.objects.filter(pk=route.pk, state=RouteState.DRAFT).delete()
        if not gone:
            raise DomainError("route-not-draft", _("Only a draft can be thrown away."))
        audit.record(
            user=user, act="route.drop", subject=route, ref=str(route), before={"sha256": route.sha256}
        )


def load_shipped() -> list[Route]:
    """The routes that come with the platform: published where no version of theirs is there yet. Where a newer release
    brings another text it waits as a draft, unless the office is working on a draft of its own."""
    made = []
    for path in sorted(SHIPPED.glob("*.yaml")):
        document = read_document(path.read_text(encoding="utf-8"))
        there = Route.objects.filter(code=document["code"])
        if not there.exists():
            made.append(publish(user=None, route=store_draft(user=None, document=document)))
        elif not there.filter(Q(sha256=_digest(document)) | Q(state=RouteState.DRAFT)).exists():
            made.append(store_draft(user=None, document=document))
    return made


def current(*, code: str) -> Route:
    route = Route.objects.filter(code=code, state=RouteState.PUBLISHED).order_by("-version").first()
    if route is None:
        raise DomainError("no-route", _("No route %(code)s is published.") % {"code": code})
    return route
