"""Steps of a handover, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from types import SimpleNamespace
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from projects.models import Case, Commissioning, ConversionCheck, Project, Route
from projects.selectors import checklist
from projects.services import handover

TODAY = date.today()


@contextmanager
def triggers_asleep() -> Iterator[None]:
    """What other tests go the long way for is put there at once; the triggers wake up again at the end."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        yield
        cursor.execute("set local session_replication_role = origin")


def put_in_works(project: Project) -> Project:
    """Begun works of an approved case, without the way there, which other tests go. The triggers sleep for this alone."""
    route, _new = Route.objects.get_or_create(
        code="known", defaults={"name": "已批", "kind": "filing", "version": 1}
    )
    with triggers_asleep():
        Case.objects.create(
            project=project,
            ref=f"C-{project.ref}",
            route=route,
            state="approved",
            drafter=project.created_by,
            submitted_at=timezone.now(),
        )
        Project.objects.filter(pk=project.pk).update(
            state="works", approved_units=project.units, approved_fen=0, investment_code=f"code-{project.pk}"
        )
    project.refresh_from_db()
    return project


def yes_to_all(project: Project) -> dict[str, str]:
    return {one.code: "yes" for one in checklist.items_for(project)}


def report(
    project: Project, crew: SimpleNamespace, units: int, hours: float | None = 24, **more: Any
) -> Commissioning:
    return handover.report(
        user=more.pop("user", crew.sun), project=project, built_units=units, reported_hours=hours, **more
    )


def tried(
    project: Project, crew: SimpleNamespace, units: int, hours: float = 24, **more: Any
) -> ConversionCheck:
    said = {"answers": yes_to_all(project), "passed": True, "checked_on": TODAY} | more
    return handover.check(
        user=said.pop("user", crew.wang), project=project, tried_units=units, tried_hours=hours, **said
    )


def handed_over(
    project: Project,
    crew: SimpleNamespace,
    units: int,
    hours: float = 24,
    although: str = "",
    **as_built: Any,
) -> Commissioning:
    free = as_built.pop("barrier_free_units", None)
    report(project, crew, units, hours, as_built=as_built, barrier_free_units=free)
    tried(project, crew, units, hours)
    return handover.accept(user=crew.zhao, project=project, although=although)
