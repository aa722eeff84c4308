"""Conditions of an approval: how each was met, said by somebody who did not draft."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError, Forbidden
from core.services import audit
from projects.choices import ConditionState
from projects.models import Condition
from projects.services import events


def may_settle(user: Any, condition: Condition, submitters: set[int] | None = None) -> str:
    """Why somebody may not say that a condition is met, as a code; nothing when they may. `submitters`: who handed its case
    in, where the caller has read that for many conditions at once."""
    if not policies.allows(user, "condition.settle", condition.project):
        return "forbidden"
    case = condition.step.case
    if submitters is None:
        submitters = set(case.submissions.values_list("submitted_by", flat=True))
    drafters = {condition.project.created_by_id, case.drafter_id, *submitters}
    return "drafter-may-not" if user.pk in drafters else ""


def settle_condition(*, user: Any, condition: Condition, note: str) -> Condition:
    """Say how a condition was met. Not by who drafted the project: somebody looks."""
    policies.demand(user, "condition.settle", condition.project)
    if may_settle(user, condition) == "drafter-may-not":
        raise Forbidden(_("Whoever drafted it may not say that its conditions are met."), "drafter-may-not")
    if not note.strip():
        raise DomainError("no-note", _("Say how it was met and where that can be seen."), status=422)
    with transaction.atomic():
        moved = Condition.objects.filter(pk=condition.pk, state=ConditionState.OPEN).update(
            state=ConditionState.MET, note=note.strip(), settled_by=user, settled_at=timezone.now()
        )
        if not moved:
            raise DomainError("condition-not-open", _("This condition is settled already."))
        audit.record(
            user=user,
            act="condition.met",
            subject=condition.project,
            after={"condition": condition.text, "note": note.strip()},
        )
        events.tell(
            project=condition.project,
            kind="condition.met",
            ref=condition.project.ref,
            payload={"condition": condition.text},
        )
    condition.refresh_from_db()
    return condition
