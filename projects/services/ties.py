"""Which conditions and milestones hold which tranche. More may be tied at any time before the release; an open condition
goes to another tranche only when one officer asks and another agrees, and at no moment holds none (ADR 0022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError, Forbidden
from core.services import audit
from projects.choices import ConditionState
from projects.models import Case, Condition, ConditionMove, Milestone, Project, Release, Tranche
from projects.services import events


def tie_more(
    *, user: Any, tranche: Tranche, conditions: Sequence[Condition] = (), milestones: Sequence[Milestone] = ()
) -> Tranche:
    """Let these hold the tranche too. What holds it already stays."""
    project = tranche.project
    policies.demand(user, "money.edit", project)
    if not conditions and not milestones:
        raise DomainError("nothing-to-tie", _("Choose at least one condition or milestone."), status=422)
    owners = {one.project_id for one in conditions} | {one.project_id for one in milestones}
    if owners - {project.pk}:
        raise DomainError(
            "other-project",
            _("A tranche waits for conditions and milestones of its own project."),
            status=422,
        )
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        _demand_unreleased(tranche)
        tranche.conditions.add(*conditions)
        tranche.milestones.add(*milestones)
        after = {
            "tranche": tranche.number, "conditions": [one.text for one in conditions],
            "milestones": [one.number for one in milestones],
        }  # fmt: skip
        audit.record(user=user, act="money.tie", subject=project, after=after)
        events.tell(project=project, kind="money.tied", ref=project.ref, payload=after)
    return tranche


def ask_move(
    *, user: Any, condition: Condition, from_tranche: Tranche, to_tranche: Tranche, reason: str
) -> ConditionMove:
    """Ask that an open condition holds `to_tranche` instead. Another officer answers; until then nothing changes."""
    project = condition.project
    policies.demand(user, "money.edit", project)
    _demand_not_drafter(user, project)
    if not reason.strip():
        raise DomainError("no-reason", _("Say why."), status=422)
    if to_tranche.project_id != project.pk or from_tranche.pk == to_tranche.pk:
        raise DomainError("other-tranche", _("Choose another tranche of the same project."), status=422)
    if condition.state != ConditionState.OPEN:
        raise DomainError("condition-not-open", _("This condition is settled already."))
    _demand_unreleased(from_tranche)
    _demand_unreleased(to_tranche)
    tie = Tranche.conditions.through.objects.filter(condition=condition, tranche=from_tranche).first()
    if tie is None:
        raise DomainError("not-tied", _("The condition does not hold this tranche."), status=422)
    try:
        with transaction.atomic():
            move = ConditionMove.objects.create(
                condition=condition, tie=tie.pk, from_tranche=from_tranche, to_tranche=to_tranche, reason=reason.strip(),
                asked_by=user,
            )  # fmt: skip
            audit.record(
                user=user, act="money.move_asked", subject=project, after=_words(move), reason=reason.strip()
            )
            events.tell(project=project, kind="money.tied", ref=project.ref, payload=_words(move) | {"agreed": None})  # fmt: skip
    except IntegrityError:
        raise DomainError(
            "move-asked", _("Somebody asked to move this condition already; that is to be answered first.")
        ) from None
    return move


def answer_move(*, user: Any, move: ConditionMove, agree: bool, words: str = "") -> ConditionMove:
    """Agree, and the condition holds the other tranche from now on; or refuse, and nothing changes."""
    project = move.condition.project
    policies.demand(user, "money.agree", project)
    if user.pk == move.asked_by_id:
        raise Forbidden(_("Asking and agreeing are done by two different people."), "two-people")
    _demand_not_drafter(user, project)
    if not words.strip():
        raise DomainError("no-reason", _("Say why."), status=422)
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        moved = ConditionMove.objects.filter(pk=move.pk, agreed=None).update(
            agreed=agree, answered_by=user, answered_at=timezone.now(), answer=words.strip()
        )
        if not moved:
            raise DomainError("move-answered", _("This is answered already."))
        move.refresh_from_db()
        if agree:
            _demand_unreleased(move.from_tranche)
            _demand_unreleased(move.to_tranche)
            # First the new tie, then the old one goes: the database sees to it that this is the order.
            move.to_tranche.conditions.add(move.condition)
            Tranche.conditions.through.objects.filter(pk=move.tie).delete()
        audit.record(
            user=user, act="money.move_agreed" if agree else "money.move_refused", subject=project, after=_words(move),
            reason=words.strip(),
        )  # fmt: skip
        events.tell(project=project, kind="money.tied", ref=project.ref, payload=_words(move) | {"agreed": agree})  # fmt: skip
    return move


def _words(move: ConditionMove) -> dict[str, Any]:
    return {
        "condition": move.condition.text, "from": move.from_tranche.number, "to": move.to_tranche.number,
    }  # fmt: skip


def _demand_unreleased(tranche: Tranche) -> None:
    if Release.objects.filter(tranche=tranche).exists():
        raise DomainError(
            "tranche-released", _("Tranche %(number)s is released already.") % {"number": tranche.number}
        )


def _demand_not_drafter(user: Any, project: Project) -> None:
    """The same rule as for a decision: who drafted it or handed it in does not ease what it waits for."""
    handed = Case.objects.filter(project=project, tranche=None, submissions__submitted_by=user).exists()
    if project.created_by_id == user.pk or handed:
        raise Forbidden(_("Whoever drafted it does not move its conditions."), "drafter-may-not")
