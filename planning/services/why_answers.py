"""Why a number is what it is, as the API and the command answer it: with references instead of ids.

`mine` is the filter of what the asker may see; a command sees everything.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from core.models import Area
from facilities.models import Facility, ServiceType
from inventory.models import IdleAsset
from planning.models import AreaGroupResult, AreaResult, DemandCell, Run
from planning.selectors.cells import result_of_cell
from planning.services.why import Why, why_number
from planning.services.why_facility import why_facility

STATES = ("need", "served", "late", "no_room", "out_of_reach", "gap")


def why_area_answer(*, run: Run, area: Area, service: ServiceType, mine: Q) -> dict[str, Any]:
    """Raises DomainError where the run has no result for the area."""
    row = AreaResult.objects.filter(run=run, area=area, service=service).first()
    if row is None:
        raise DomainError("no-result", _("This run has no result there."), status=404)
    why = why_number(run=run, area=area, service=service)
    groups = AreaGroupResult.objects.filter(run=run, area=area, service=service)
    told = {one.group: {name: getattr(one, name) for name in ("people", *STATES[:-1])} for one in groups}
    return {"run": run.ref, "area": area.code, **_said(why, service, row, mine), "groups": told}


def why_cell_answer(*, run: Run, cell: DemandCell, service: ServiceType, mine: Q) -> dict[str, Any]:
    """A cell without need has no row: all its states are 0."""
    row = result_of_cell(run=run, cell=cell, service=service)
    why = why_number(run=run, area=cell.area, service=service, cell=cell)
    area = cell.area.code if cell.area else None
    return {"run": run.ref, "cell": cell.code, "area": area, **_said(why, service, row, mine)}


def why_facility_answer(*, run: Run, facility: Facility, service: ServiceType, seen: Q) -> dict[str, Any]:
    """`seen` is the filter on areas: what comes from elsewhere is summed up."""
    why = why_facility(run=run, facility=facility, service=service)
    codes = dict(
        Area.objects.filter(seen, pk__in=[one.area_id for one in why.areas]).values_list("pk", "code")
    )
    areas = [
        {"area": codes[one.area_id], "units": one.units, "mean_cost": round(one.mean_cost, 2)}
        for one in why.areas
        if one.area_id in codes
    ]
    told = {name: value for name, value in vars(why).items() if name not in ("areas", "limit")}
    elsewhere = why.taken - sum(one.units for one in why.areas if one.area_id in codes)
    return {
        "run": run.ref, "facility": facility.ref, "service": service.code, "unit": service.unit, "reach_limit": why.limit, **told,
        "taken": why.taken, "areas": areas, "elsewhere": elsewhere,
    }  # fmt: skip


def _said(why: Why, service: ServiceType, row: Any, mine: Q) -> dict[str, Any]:
    roles, helps = _named(why, mine)
    return {
        "service": service.code, "unit": service.unit, "people": why.people, "share": why.share, "affected_share": why.affected,
        "displaced_share": why.displaced, "ratio": why.ratio, "local": why.local, "reach_limit": why.limit, "standard": why.standard,
        **{name: getattr(row, name) for name in STATES}, "binds": why.binds, "roles": roles, "helps": helps,
    }  # fmt: skip


def _named(why: Why, mine: Q) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Roles and helps with references, only of places that `mine` lets through."""
    wanted = {one.facility_id for one in why.roles} | {
        one.facility_id for one in why.helps if one.facility_id
    }
    places = dict(Facility.objects.filter(mine, pk__in=wanted).values_list("pk", "ref"))
    wanted = {one.asset_id for one in why.helps if one.asset_id}
    assets = dict(IdleAsset.objects.filter(mine, pk__in=wanted).values_list("pk", "ref"))
    roles = [
        {
            "facility": places[one.facility_id],
            **{name: value for name, value in vars(one).items() if name != "facility_id"},
        }
        for one in why.roles
        if one.facility_id in places
    ]
    helps = [
        {
            "facility": places.get(one.facility_id or 0), "idle_asset": assets.get(one.asset_id or 0),
            **{name: value for name, value in vars(one).items() if name not in ("facility_id", "asset_id")},
        }
        for one in why.helps
        if one.facility_id in places or one.asset_id in assets
    ]  # fmt: skip
    return roles, helps
