"""Who acts for whom, and how long. Nobody lends themselves another's rights, and a deputy is not represented by a deputy;
the database refuses both too."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import Role
from core.errors import DomainError, Forbidden
from core.services import audit
from projects.models import Deputy
from projects.selectors import deputies as selectors

LONGEST_DAYS = 366


def may_name(user: Any, principal: Any) -> bool:
    """One's own deputy anybody names; another's, who may do so wherever that person is an officer: a right lent for a
    district must not come from somebody who has a say in another one only."""
    if not getattr(user, "is_active", False):
        return False
    if user.pk == principal.pk or user.is_superuser:
        return True
    places = selectors.places_of(principal)
    return bool(places) and all(policies.allows(user, "deputy.edit", place) for place in places)


def name_deputy(
    *, user: Any, principal: Any, deputy: Any, valid_from: date, valid_to: date, reason: str
) -> tuple[Deputy, list[Deputy]]:
    """The deputy, and those others whom the same person has in the same time."""
    if not may_name(user, principal):
        raise Forbidden(_("You may name your own deputy, or one for people whose every office lies where you approve or administer."), "deputy-not-yours")  # fmt: skip
    _check(user, principal, deputy, valid_from, valid_to, reason)
    try:
        with transaction.atomic():
            row = Deputy.objects.create(
                principal=principal, deputy=deputy, valid_from=valid_from, valid_to=valid_to, reason=reason.strip(),
                named_by=user,
            )  # fmt: skip
            audit.record(
                user=user, act="deputy.name", subject=selectors.place_of(principal) or row, ref=f"deputy {row.pk}",
                after={
                    "for": principal.username, "deputy": deputy.username, "from": valid_from, "until": valid_to,
                },
                reason=reason.strip(),
            )  # fmt: skip
    except IntegrityError as refused:
        raise _refusal(principal, deputy, str(refused)) from None
    return row, list(selectors.overlapping(principal, valid_from, valid_to).exclude(pk=row.pk))


def _check(user: Any, principal: Any, deputy: Any, valid_from: date, valid_to: date, reason: str) -> None:
    if principal.pk == deputy.pk:
        raise DomainError("deputy-oneself", _("A deputy is somebody else."), status=422)
    if user.pk == deputy.pk:
        raise DomainError("deputy-named-oneself", _("Nobody names themselves as somebody's deputy; ask that person, or another officer."), status=422)  # fmt: skip
    if not deputy.is_active or not principal.is_active:
        raise DomainError("person-inactive", _("One of them cannot log in any more."), status=422)
    if not selectors.offices_of(principal, (Role.REVIEWER, Role.APPROVER)).exists():
        raise DomainError("nothing-to-stand-for", _("%(name)s is no reviewer or approver: there is nothing a deputy could do.") % {"name": principal.get_username()}, status=422)  # fmt: skip
    cities = set(selectors.offices_of(principal).values_list("area__city", flat=True))
    if not selectors.offices_of(deputy).filter(area__city__in=cities).exists():
        raise DomainError("deputy-unknown-here", _("%(name)s holds no office in the same city.") % {"name": deputy.get_username()}, status=422)  # fmt: skip
    if not reason.strip():
        raise DomainError("no-reason", _("Say why."), status=422)
    if len(reason.strip()) > 200:
        raise DomainError("too-long", _("A reason has at most 200 characters."), status=422)
    if valid_to < valid_from:
        raise DomainError("until-before-from", _("The last day lies before the first."), status=422)
    if valid_to < timezone.localdate():
        raise DomainError("deputy-past", _("The time is over already."), status=422)
    if valid_to - valid_from > timedelta(days=LONGEST_DAYS):
        raise DomainError("deputy-too-long", _("A deputy is named for a year at most; after that, anew."), status=422)  # fmt: skip


def _refusal(principal: Any, deputy: Any, said: str) -> DomainError:
    if "already" in said:
        return DomainError("deputy-already", _("%(deputy)s stands in for %(principal)s in that time already.") % {"deputy": deputy.get_username(), "principal": principal.get_username()})  # fmt: skip
    return DomainError("deputy-chain", _("In that time one of them is represented, or represents somebody, already: a deputy is not represented by another deputy. Choose somebody else, or end the other one first."))  # fmt: skip


def may_end(user: Any, deputy: Deputy) -> bool:
    return user.pk == deputy.deputy_id or may_name(user, deputy.principal)


def end(*, user: Any, deputy: Deputy) -> Deputy:
    """End it now. The one represented, the deputy, and who may name one can do so."""
    if not may_end(user, deputy):
        raise Forbidden(_("You may name your own deputy, or one for people whose every office lies where you approve or administer."), "deputy-not-yours")  # fmt: skip
    today = timezone.localdate()
    with transaction.atomic():
        # A last day in the past ends it for everybody who asks for the day.
        moved = Deputy.objects.filter(pk=deputy.pk, ended_at=None, valid_to__gte=today).update(
            ended_at=timezone.now(), ended_by=user,
            valid_to=min(today, deputy.valid_from) - timedelta(days=1) if deputy.valid_from >= today else today - timedelta(days=1),
        )  # fmt: skip
        if not moved:
            raise DomainError("deputy-over", _("This is over already."))
        audit.record(
            user=user, act="deputy.end", subject=selectors.place_of(deputy.principal) or deputy, ref=f"deputy {deputy.pk}",
            before={"until": deputy.valid_to},
        )  # fmt: skip
    deputy.refresh_from_db()
    return deputy
