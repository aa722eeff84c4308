"""What a facility can become: derived by rule for all at once, declared for one."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core import policies
from core.errors import InvalidInput, Problem
from core.models import City
from core.services import audit
from facilities.choices import CapabilityStatus, CapacitySource, Hazard
from facilities.models import Capability, CapacityRule, Facility, ServiceType

SIZE = "case r.attribute when 'area_m2' then f.area_m2 when 'rooms' then f.rooms when 'beds' then f.beds else f.units end"

DERIVE = f"""
insert into facilities_capability as c
    (facility_id, service_id, status, capacity, capacity_source, rule_id, hazards, conversion_hours_declared,
     exclusive, rank, conditions, synthetic)
select f.id, r.service_id, case when s.code = any(%(designated)s) then 'active' else 'possible' end,
       sized.size * r.factor / r.divisor, 'rule', r.id, '[]', r.conversion_hours,
       r.exclusive, r.rank, '', r.conversion_hours is not null
from facilities_facility f
join facilities_capacityrule r on r.use_id = f.use_id
join facilities_servicetype s on s.id = r.service_id
cross join lateral (select {SIZE} as size) sized
where f.city_id = %(city)s and sized.size is not null and (%(ids)s::bigint[] is null or f.id = any(%(ids)s))
  and (%(all_roles)s or not exists (select 1 from facilities_capability k where k.facility_id = f.id)
       or exists (select 1 from facilities_capability k where k.facility_id = f.id and k.service_id = r.service_id))
on conflict (facility_id, service_id) do update
    set capacity = excluded.capacity, rule_id = excluded.rule_id,
        barrier_free_capacity = case when c.barrier_free_capacity > excluded.capacity then excluded.capacity
            else c.barrier_free_capacity end,
        status = case when c.status = 'retired' and c.capacity = 0 then excluded.status else c.status end
    where c.capacity_source = 'rule'
      and (c.capacity, c.rule_id) is distinct from (excluded.capacity, excluded.rule_id)
returning (xmax = 0)
"""  # noqa: S608  (SIZE is a constant above)

# A derived role whose ground is gone (other use, size unknown) stays on record, empty: what a drill showed is kept.
RETIRE = f"""
update facilities_capability c set status = 'retired', capacity = 0,
    barrier_free_capacity = case when c.barrier_free_capacity is not null then 0 end
from facilities_facility f
where f.id = c.facility_id and f.city_id = %(city)s and (%(ids)s::bigint[] is null or f.id = any(%(ids)s))
  and c.capacity_source = 'rule' and not (c.status = 'retired' and c.capacity = 0)
  and not exists (select 1 from facilities_capacityrule r where r.service_id = c.service_id and r.use_id = f.use_id
                  and {SIZE} is not null)
"""  # noqa: S608


@transaction.atomic
def derive_capabilities(
    *,
    city: City,
    facility_ids: Iterable[int] | None = None,
    designated: Collection[str] = (),
    all_roles: bool = True,
) -> dict[str, int]:
    """Capacity of every role that a rule gives a facility, in one statement; declared capacities are left alone.

    New roles are `active` for the service codes in `designated`, else `possible`. With `all_roles=False` a place that
    has roles gets no further ones: whoever chose its roles (a city pack, a steward) left the others out on purpose.
    Returns added, changed, retired. No policy: it is a step of intake and of edits, whose own service asked.
    """
    values = {
        "city": city.pk,
        "ids": None if facility_ids is None else list(facility_ids),
        "designated": list(designated),
        "all_roles": all_roles,
    }
    with connection.cursor() as cursor:
        cursor.execute(DERIVE, values)
        fresh = [row[0] for row in cursor.fetchall()]
        cursor.execute(RETIRE, values)
        retired = cursor.rowcount
    return {"added": sum(fresh), "changed": len(fresh) - sum(fresh), "retired": retired}


def touch(facility: Facility) -> None:
    """A facility has changed when a role or paper of it has: tiles and readers go by its `updated_at`."""
    Facility.objects.filter(pk=facility.pk).update(updated_at=timezone.now())


def capability_state(capability: Capability) -> dict[str, Any]:
    """What the audit keeps of a capability."""
    return {
        "service": capability.service.code,
        "status": capability.status,
        "capacity": capability.capacity,
        "barrier_free_capacity": capability.barrier_free_capacity,
        "capacity_source": capability.capacity_source,
        "conversion_hours_declared": capability.conversion_hours_declared,
        "conversion_hours_observed": capability.conversion_hours_observed,
        "conversion_cost_fen": capability.conversion_cost_fen,
        "hazards": capability.hazards,
        "exclusive": capability.exclusive,
        "rank": capability.rank,
        "conditions": capability.conditions,
    }


NUMBERS = (
    "capacity", "barrier_free_capacity", "conversion_hours_declared", "conversion_hours_observed", "conversion_cost_fen"
)  # fmt: skip
FIELDS = {*NUMBERS, "status", "hazards", "exclusive", "rank", "conditions", "capacity_source"}


def _problems(changes: dict[str, Any]) -> list[Problem]:
    problems = [
        Problem("unknown-field", _("There is no such field."), column=name) for name in set(changes) - FIELDS
    ]
    for name in NUMBERS:
        value = changes.get(name)
        if value is not None and (not math.isfinite(value) or value < 0):
            problems.append(
                Problem("negative", _("The number may not be negative."), column=name, value=str(value))
            )
    if changes.get("status", CapabilityStatus.ACTIVE) not in CapabilityStatus.values:
        problems.append(Problem("unknown-status", _("Choose one of the listed states."), column="status"))
    strange = [word for word in changes.get("hazards") or [] if word not in Hazard.values]
    if strange:
        problems.append(
            Problem(
                "unknown-hazard", _("This hazard is not known."), column="hazards", value=", ".join(strange)
            )
        )
    return problems


@transaction.atomic
def set_capability(
    *, user: Any, facility: Facility, service: ServiceType, changes: dict[str, Any], reason: str = ""
) -> Capability:
    """Create or change one role of a facility. A capacity given by hand is `declared` and no rule overwrites it;
    `capacity_source="rule"` hands it back to the rule.
    """
    policies.demand(user, "facility.edit", facility)
    return put_capability(user=user, facility=facility, service=service, changes=changes, reason=reason)


@transaction.atomic
def put_capability(
    *, user: Any, facility: Facility, service: ServiceType, changes: dict[str, Any], reason: str = ""
) -> Capability:
    """As set_capability. No policy: for a service whose own right was asked, such as the acceptance of works."""
    capability = (
        Capability.objects.select_for_update(of=("self",))
        .select_related("service")
        .filter(facility=facility, service=service)
        .first()
    )
    problems = _problems(changes)
    if (
        capability is None
        and changes.get("capacity") is None
        and changes.get("capacity_source") != CapacitySource.RULE
    ):
        problems.append(Problem("required", _("Say how much it can give."), column="capacity"))
    if problems:
        raise InvalidInput(_("The role cannot be saved."), problems)
    before = capability_state(capability) if capability else None
    if capability is None:
        rule = CapacityRule.objects.filter(service=service, use_id=facility.use_id).first()
        capability = Capability(
            facility=facility, service=service, status=CapabilityStatus.POSSIBLE, capacity=0,
            rank=rule.rank if rule else 1, exclusive=rule.exclusive if rule else True,
        )  # fmt: skip
    by_hand = changes.get("capacity") is not None and changes["capacity"] != capability.capacity
    barrier_free = changes.get("barrier_free_capacity", capability.barrier_free_capacity)
    for name, value in changes.items():
        setattr(capability, name, value)
    # The rule may give another capacity below: the barrier-free part is held against that one.
    capability.barrier_free_capacity = None
    if by_hand:
        capability.capacity_source = CapacitySource.DECLARED
    if {"conversion_hours_declared", "conversion_cost_fen"} & set(changes):
        capability.synthetic = False
    if capability.capacity_source == CapacitySource.DECLARED:
        capability.rule = None
    capability.save()
    if capability.capacity_source == CapacitySource.RULE:
        derive_capabilities(city=facility.city, facility_ids=[facility.pk], all_roles=False)
        capability.refresh_from_db()
    if barrier_free is not None and barrier_free > capability.capacity:
        if "barrier_free_capacity" in changes or by_hand:
            words = _("More places are barrier-free than there are places.")
            found = Problem("too-large", words, column="barrier_free_capacity", value=f"{barrier_free:g}")
            raise InvalidInput(_("The role cannot be saved."), [found])
        barrier_free = capability.capacity
    capability.barrier_free_capacity = barrier_free
    capability.save(update_fields=["barrier_free_capacity"])
    after = capability_state(capability)
    if after != before:
        act = "capability.change" if before else "capability.add"
        touch(facility)
        audit.record(user=user, act=act, subject=facility, before=before, after=after, reason=reason)
    return capability
