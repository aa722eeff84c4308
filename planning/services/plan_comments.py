"""Comments on a plan's version or on one of its interventions: written, and marked as answered."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError, Forbidden
from core.services import audit
from planning.models import Intervention, PlanComment, PlanVersion
from planning.selectors.plan_comments import comments_seen
from planning.services.runs import one_at_a_time

MOST_CHARACTERS = 4000
# A button pressed twice, or a request sent again, says the same words at the same place within moments.
SAME_WORDS_WITHIN = timedelta(minutes=10)


def may_comment(user: Any, version: PlanVersion) -> bool:
    """Everybody with a role that may comment, anywhere in the plan's city: plans are for arguing over."""
    return policies.holds(user, "plan.comment", version.plan.city_id)


def add_comment(*, user: Any, version: PlanVersion, text: str, order: int | None = None) -> PlanComment:
    """Say something about the version, or about its intervention number `order`. The same words by the same person at the
    same place within ten minutes are the comment that is there already. `user` None: a command of this machine."""
    _demand(user, version)
    words = text.replace("\x00", "").replace("\r\n", "\n").strip()
    if not words:
        raise DomainError("no-words", _("Write something first."), status=422)
    if len(words) > MOST_CHARACTERS:
        raise DomainError(
            "too-many-words",
            _("A comment has at most %(most)d characters; this one has %(count)d.")
            % {"most": MOST_CHARACTERS, "count": len(words)},
            status=422,
        )
    about = _intervention(user, version, order)
    writer = user if getattr(user, "is_authenticated", False) else None
    told = f"plan-comment {version.pk} {about.pk if about else 0} {writer.pk if writer else 0} {words}"
    with transaction.atomic():
        one_at_a_time(hashlib.sha256(told.encode()).hexdigest())
        same = PlanComment.objects.filter(
            version=version, intervention=about, created_by=writer, text=words, resolved_at=None,
            created_at__gte=timezone.now() - SAME_WORDS_WITHIN,
        ).first()  # fmt: skip
        if same is not None:
            return same
        comment = PlanComment.objects.create(
            version=version, intervention=about, text=words, created_by=writer
        )
        audit.record(
            user=user, act="plan.comment", subject=version.plan,
            after={"version": version.number, "order": order, "comment": comment.pk, "text": words},
        )  # fmt: skip
    return comment


def mark_answered(*, user: Any, version: PlanVersion, comment_id: int, answered: bool = True) -> PlanComment:
    """Mark a comment as answered, or (`answered` False) open again. Twice is as good as once."""
    _demand(user, version)
    seen = comments_seen(version, user=user).filter(pk=comment_id)
    if not seen.exists():
        raise DomainError("no-such-comment", _("There is no such comment here for you."), status=404)
    with transaction.atomic():
        change: dict[str, Any] = {"resolved_at": None, "resolved_by": None}
        if answered:
            writer = user if getattr(user, "is_authenticated", False) else None
            change = {"resolved_at": timezone.now(), "resolved_by": writer}
        moved = PlanComment.objects.filter(pk=comment_id, resolved_at__isnull=answered).update(**change)
        if moved:
            audit.record(
                user=user,
                act="plan.comment.answered" if answered else "plan.comment.open",
                subject=version.plan,
                after={"version": version.number, "comment": comment_id},
            )
    return seen.get()


def _demand(user: Any, version: PlanVersion) -> None:
    if user is not None and not may_comment(user, version):
        raise Forbidden(_("Your roles do not allow this here."), act="plan.comment")


def _intervention(user: Any, version: PlanVersion, order: int | None) -> Intervention | None:
    if order is None:
        return None
    rows = version.interventions.all()
    if user is not None:
        rows = rows.filter(policies.visible(user, area="area", city="version__plan__city"))
    found = rows.filter(order=order).first()
    if found is None:
        raise DomainError(
            "unknown-order", _("There is no intervention %(words)s.") % {"words": order}, status=422
        )
    return found
