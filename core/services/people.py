"""Organisations and the roles people hold in them."""

from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from core import policies
from core.choices import Role
from core.errors import DomainError
from core.models import Area, Membership, Organisation, User
from core.services import audit
from core.services.demo import Account, create_demo_accounts

__all__ = ["Account", "create_demo_accounts", "give_role", "take_role"]


def _said(membership: Membership) -> dict[str, Any]:
    return {
        "user": membership.user.username, "organisation": membership.organisation.code, "role": membership.role,
        "area": membership.area.code, "valid_from": membership.valid_from, "valid_to": membership.valid_to,
    }  # fmt: skip


def give_role(
    *,
    user: Any,
    person: User,
    organisation: Organisation,
    role: str,
    area: Area,
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> Membership:
    """Give `person` a role in an area and everything below it; `user` must administer that area."""
    policies.demand(user, "people.edit", area)
    if role not in Role.values:
        raise DomainError("role-unknown", _("There is no role %(role)s.") % {"role": role}, status=422)
    if organisation.city_id != area.city_id:
        raise DomainError(
            "organisation-elsewhere", _("The organisation and the area lie in different cities."), status=422
        )
    if valid_from and valid_to and valid_to < valid_from:
        raise DomainError("dates-reversed", _("The last day lies before the first."), status=422)
    dates = {"valid_to": valid_to} | ({"valid_from": valid_from} if valid_from else {})
    try:
        with transaction.atomic():
            membership = Membership.objects.create(
                user=person, organisation=organisation, role=role, area=area, **dates
            )
            audit.record(
                user=user, act="role.give", subject=membership, ref=person.username, after=_said(membership)
            )
    except IntegrityError:
        raise DomainError("role-held", _("This person already holds this role there.")) from None
    return membership


def take_role(*, user: Any, membership: Membership) -> None:
    """Take a role away at once. Nobody takes their own last administration from themselves."""
    policies.demand(user, "people.edit", membership.area)
    if membership.user_id == user.pk and membership.role == Role.ADMIN:
        raise DomainError(
            "own-administration", _("Ask another administrator to take your own administration from you.")
        )
    with transaction.atomic():
        audit.record(
            user=user,
            act="role.take",
            subject=membership,
            ref=membership.user.username,
            before=_said(membership),
        )
        membership.delete()
