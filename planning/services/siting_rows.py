"""Rows of a computed version that are not yet saved: the runs with its changes, and its interventions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.contrib.gis.geos import Point

from core.services.refs import next_ref
from engine import ENGINE_VERSION
from facilities.models import Facility, ServiceType
from inventory.models import IdleAsset
from planning.bridge.freeze import FACILITY
from planning.bridge.frozen import Frozen
from planning.bridge.options import Candidate
from planning.bridge.world import Change
from planning.choices import RunState
from planning.models import Intervention, PlanVersion, Run
from planning.services.runs import params_hash


def after_run(version: PlanVersion, run: Run, changes: Sequence[Change]) -> Run:
    """The baseline run's question, asked of the changed registry; not yet saved."""
    settings = {
        "time_of_day": run.time_of_day, "assignment": run.assignment, "reach_overrides": run.reach_overrides, "detour_factor": run.detour_factor,
        "speeds_frozen": run.speeds_frozen,
    }  # fmt: skip
    told = [[c.kind, c.site, c.service, c.units, c.hours, c.role, c.order] for c in changes]
    digest = params_hash(
        run.snapshot, run.scenario_frozen, run.standards_frozen, settings | {"version": version.pk}, told
    )
    return Run(
        ref=next_ref("R"), city=run.city, scenario=run.scenario, scenario_version=run.scenario_version, scenario_frozen=run.scenario_frozen,
        profile=run.profile, standards_frozen=run.standards_frozen, snapshot=run.snapshot, params_sha256=digest, engine_version=ENGINE_VERSION,
        reach_method=run.reach_method, state=RunState.WAITING, plan_version=version, created_by=version.created_by,
        speed_profile=run.speed_profile, **settings,
    )  # fmt: skip


def interventions_of(
    version: PlanVersion, frozen: Frozen, chosen: Sequence[Candidate], newly: Sequence[int], years: Sequence[int | None]
) -> list[Intervention]:  # fmt: skip
    services = {row.code: row for row in ServiceType.objects.all()}
    kind, pk = np.asarray(frozen["site_kind"]), np.asarray(frozen["site_id"])
    facilities = Facility.objects.in_bulk([int(pk[one.site]) for one in chosen if kind[one.site] == FACILITY])
    assets = IdleAsset.objects.in_bulk([int(pk[one.site]) for one in chosen if kind[one.site] != FACILITY])
    rows = []
    for order, (one, gained, year) in enumerate(zip(chosen, newly, years, strict=True), start=1):
        facility = facilities.get(int(pk[one.site])) if kind[one.site] == FACILITY else None
        asset = assets.get(int(pk[one.site])) if facility is None else None
        place: Any = facility or asset
        rows.append(
            Intervention(
                version=version, order=order, kind=one.kind, service=services[one.service], facility=facility, idle_asset=asset,
                name=place.name, name_en=place.name_en, area_id=place.area_id,
                point=Point(float(frozen["site_lon"][one.site]), float(frozen["site_lat"][one.site]), srid=4326),
                units=one.units, cost_fen=one.cost_fen, hours=one.hours, lead_months=one.lead_months, people_newly_served=int(gained),
                key=one.key, running_fen_year=one.running_fen_year, peacetime_fen_year=one.peacetime_fen_year, year=year,
            )
        )  # fmt: skip
    return rows
