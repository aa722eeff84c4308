"""Finished works enter the registry: the place, the role it has now, the papers that came with it. One transaction.

No policy: whoever accepts works was asked for that right by the service above, and holds none to edit the registry at will.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from core.models import City
from core.services import audit
from facilities.choices import CapabilityStatus, CapacitySource, FacilityStatus
from facilities.models import Capability, Facility, ServiceType
from facilities.selectors.readiness import place_state
from facilities.services.capabilities import capability_state, put_capability
from facilities.services.facilities import amend_facility, enter_facility
from facilities.services.papers import enter_agreement, enter_certificate

# What works do to the role of a place.
SET, ADD, READY, END = "set", "add", "ready", "end"
# Tells the readers of the audit that this came from works, not from a steward.
ACT = "facility.commission"


@dataclass(frozen=True)
class Finished:
    """What was built. `effect`: set (the role holds `units` from now on), add (`units` more), ready (the role holds `units`
    and is ready after `hours`), end (the role ends). barrier_free: of the units, None not known. place: fields of a new
    facility, or those that changed on the one there is. agreements, certificates: arguments of services/papers.py."""

    effect: str
    units: int
    barrier_free: int | None
    declared_hours: float | None
    tried_hours: float | None
    place: dict[str, Any] = field(default_factory=dict)
    agreements: list[dict[str, Any]] = field(default_factory=list)
    certificates: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Written:
    """place: {"before": status and lapsed papers or None for a new facility, "after"}; roles: [{"capability": id, "service":
    code, "before": state or None, "after": state}], of every role of the place that changed."""

    facility: Facility
    capability: Capability
    place: dict[str, Any]
    roles: list[dict[str, Any]]


@transaction.atomic
def take_over(
    *, user: Any, city: City, facility: Facility | None, service: ServiceType, finished: Finished, reason: str
) -> Written:
    """Write finished works into the registry. `facility` None: a new one at the position in `finished.place`."""
    before: dict[int, dict[str, Any]] = {}
    place_before = None
    if facility is None:
        facility = enter_facility(user=user, city=city, fields=finished.place, reason=reason)
    else:
        facility = Facility.objects.select_for_update(of=("self",)).select_related("city").get(pk=facility.pk)
        before, place_before = _states(facility), place_state(facility)
        fields = dict(finished.place)
        if facility.status == FacilityStatus.PLANNED and finished.effect != END:
            fields["status"] = FacilityStatus.ACTIVE
        if fields:
            facility = amend_facility(user=user, facility=facility, fields=fields, reason=reason, act=ACT)
    for paper in finished.agreements:
        enter_agreement(user=user, facility=facility, **_dated(paper))
    for paper in finished.certificates:
        enter_certificate(user=user, facility=facility, **_dated(paper))
    known = Capability.objects.filter(facility=facility, service=service).first()
    changes = _changes(finished, known, new=place_before is None)
    capability = put_capability(user=user, facility=facility, service=service, changes=changes, reason=reason)
    after = _states(facility)
    roles = [
        {"capability": pk, "service": state["service"], "before": before.get(pk), "after": state}
        for pk, state in after.items()
        if before.get(pk) != state
    ]
    place = {"before": place_before, "after": place_state(facility)}
    audit.record(
        user=user,
        act=ACT,
        subject=facility,
        after={"service": service.code, "roles": roles} | place,
        reason=reason,
    )
    return Written(facility, capability, place, roles)


def _changes(finished: Finished, known: Capability | None, *, new: bool) -> dict[str, Any]:
    """What becomes of the role. A plan's change-set reads the same way: convert and build set, extend adds, stock and
    upgrade make ready, retire ends."""
    if finished.effect == END:
        return {"status": CapabilityStatus.RETIRED, "capacity_source": CapacitySource.DECLARED}
    held = known.capacity if known else 0.0
    tried = {} if finished.tried_hours is None else {"conversion_hours_observed": finished.tried_hours}
    if finished.effect == ADD:
        changes: dict[str, Any] = {
            "capacity": held + finished.units,
            "capacity_source": CapacitySource.DECLARED,
        }
        if finished.barrier_free is not None:
            free = known.barrier_free_capacity if known else None
            changes["barrier_free_capacity"] = (free or 0.0) + finished.barrier_free
        return changes | tried
    # What somebody counted on site is no longer what a rule makes of the floor area.
    changes = {"status": CapabilityStatus.ACTIVE, "capacity_source": CapacitySource.DECLARED} | tried
    # A capacity of 30.7 gives 30 whole units; the same 30 said again is no change.
    if finished.effect == SET or int(held + 1e-6) != finished.units:
        changes["capacity"] = float(finished.units)
    if finished.effect == SET or finished.barrier_free is not None:
        changes["barrier_free_capacity"] = finished.barrier_free
    if finished.declared_hours is not None:
        changes["conversion_hours_declared"] = finished.declared_hours
    if new:
        # A place that was built for one role has no other that it could exclude.
        changes["exclusive"] = False
    return changes


def _states(facility: Facility) -> dict[int, dict[str, Any]]:
    rows = Capability.objects.filter(facility=facility).select_related("service")
    return {row.pk: capability_state(row) for row in rows}


def _dated(paper: dict[str, Any]) -> dict[str, Any]:
    """A paper with its days as days: as JSON it holds them as text."""
    said = dict(paper)
    for name in ("valid_from", "valid_to"):
        if isinstance(said.get(name), str):
            said[name] = datetime.date.fromisoformat(said[name]) if said[name] else None
    return said
