"""A change of scope after the approval: what is built becomes more or less than approved, and somebody says why.

What was approved stays as it was (`approved_units`); the record says what is now intended, and a supervision rule asks
where it shrinks. A larger change goes back to whoever approved (政府投资条例 2019, art. 21): that is a new case, not this.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.services import audit
from projects.choices import ProjectState
from projects.models import Project
from projects.services import events

CHANGEABLE = (ProjectState.APPROVED, ProjectState.WORKS)


def change(*, user: Any, project: Project, units: int, reason: str) -> Project:
    """Say how many units an approved project will have now, and why. Never more than were approved."""
    policies.demand(user, "project.edit", project)
    if not reason.strip():
        raise DomainError("no-reason", _("Say why."), status=422)
    if isinstance(units, bool) or not isinstance(units, int) or units < 1:
        raise DomainError("bad-units", _("The units are a whole number above 0."), status=422)
    with transaction.atomic():
        held = Project.objects.select_for_update().get(pk=project.pk)
        if held.state not in CHANGEABLE or held.approved_units is None:
            raise DomainError("project-not-approved", _("The scope of approved projects that are not commissioned can change."))  # fmt: skip
        if units > held.approved_units:
            raise DomainError(
                "more-than-approved", _("No more than the %(units)s units that were approved.") % {"units": held.approved_units},
                status=422, approved_units=held.approved_units,
            )  # fmt: skip
        if units == held.units:
            return held
        before, held.units = held.units, units
        held.version += 1
        held.save(update_fields=["units", "version"])
        audit.record(
            user=user, act="project.scope", subject=held, before={"units": before},
            after={"units": units, "approved_units": held.approved_units}, reason=reason.strip(),
        )  # fmt: skip
        events.tell(
            project=held, kind="project.changed", ref=held.ref,
            payload={"version": held.version, "fields": ["units"], "units": units, "reason": reason.strip()},
        )  # fmt: skip
    return held
