"""What the API and the commands tell of a plan by area, and of two versions side by side: plain values."""

from __future__ import annotations

from typing import Any

from core.choices import AreaLevel
from core.errors import DomainError
from planning.models import Intervention, PlanVersion
from planning.selectors.plan_areas import PlanAreaRow, Side, plan_area_rows
from planning.selectors.plan_comparisons import Figure, PlanComparison, Step

_STATES = ("need", "served", "late", "no_room", "out_of_reach", "gap", "coverage")
AREA_HEADS = [
    "run", "after_run", "service", "unit", "row", "area", "name", "name_en", "level",
    *(f"{name}_before" for name in _STATES), *(f"{name}_after" for name in _STATES), "closed", "interventions", "units_gained", "cost_fen",
    "running_fen_year", "peacetime_fen_year",
]  # fmt: skip


def area_answer(
    version: PlanVersion, *, user: Any, run: str = "", service: str = "", level: int | None = None
) -> list[dict[str, Any]]:
    """Rows with the keys of `AREA_HEADS`; `row` is total, area, or outside (what lies in no area). Raises DomainError for a
    run or service that the version does not have."""
    rows = plan_area_rows(version, user=user)
    if run and run not in {row.before_run.ref for row in rows}:
        raise DomainError("unknown-run", f"unknown: {run}", status=422)
    if service and service not in {row.service.code for row in rows}:
        raise DomainError("unknown-service", f"unknown: {service}", status=422)
    return [
        area_told(row)
        for row in rows
        if (not run or row.before_run.ref == run)
        and (not service or row.service.code == service)
        and (level is None or row.area is None or row.area.level == level)
    ]


def area_told(row: PlanAreaRow) -> dict[str, Any]:
    def side(which: Side | None, name: str) -> Any:
        return None if which is None else getattr(which, name)

    return {
        "run": row.before_run.ref,
        "after_run": row.after_run.ref if row.after_run else None,
        "service": row.service.code,
        "unit": row.service.unit,
        "row": "total" if row.total else "area" if row.area else "outside",
        "area": row.area.code if row.area else None,
        "name": row.area.name if row.area else None,
        "name_en": row.area.name_en if row.area else None,
        "level": int(AreaLevel(row.area.level)) if row.area else None,
        **{f"{name}_before": side(row.before, name) for name in _STATES},
        **{f"{name}_after": side(row.after, name) for name in _STATES},
        "closed": row.closed,
        "interventions": row.works.count,
        "units_gained": row.works.units,
        "cost_fen": row.works.cost_fen,
        "running_fen_year": row.works.running_fen_year,
        "peacetime_fen_year": row.works.peacetime_fen_year,
    }


def comparison_told(found: PlanComparison) -> dict[str, Any]:
    return {
        "a": _version(found.a),
        "b": _version(found.b),
        "stands_on": [
            {
                "code": one.code,
                "label": str(one.label),
                "a": _plain(one.a),
                "b": _plain(one.b),
                "weighty": one.weighty,
            }
            for one in found.bases
        ],
        "shared_runs": [
            {
                "a": one.a.before.ref,
                "b": one.b.before.ref,
                "differences": [row.code for row in one.differences],
            }
            for one in found.shared
        ],
        "runs_only_in_a": [run.ref for run in found.only_in[0]],
        "runs_only_in_b": [run.ref for run in found.only_in[1]],
        "figures": [_figure(one) for one in found.figures],
        "money": [_figure(one) for one in found.money],
        "counts": found.counts(),
        "interventions": [_step(one) for one in found.steps],
    }


def _version(one: PlanVersion) -> dict[str, Any]:
    return {
        "plan": one.plan.ref,
        "version": one.number,
        "state": one.state,
        "name": one.plan.name,
        "name_en": one.plan.name_en,
    }


def _figure(one: Figure) -> dict[str, Any]:
    def area(note: Any) -> str | None:
        return getattr(note, "code", None)

    told: dict[str, Any] = {
        "code": one.code,
        "label": str(one.label),
        "kind": one.kind,
        "a": one.a,
        "b": one.b,
        "change": one.change,
        "run": one.run.ref if one.run else None,
        "service": one.service.code if one.service else None,
    }
    if one.note_a or one.note_b:
        told |= {"area_a": area(one.note_a), "area_b": area(one.note_b)}
    return told


def _step(one: Step) -> dict[str, Any]:
    return {"state": one.state, "a": _intervention(one.a), "b": _intervention(one.b)}


def _intervention(one: Intervention | None) -> dict[str, Any] | None:
    if one is None:
        return None
    place = one.facility or one.idle_asset
    return {
        "order": one.order,
        "option": one.key,
        "kind": one.kind,
        "service": one.service.code,
        "place": place.ref if place else None,
        "name": one.name,
        "name_en": one.name_en,
        "area": one.area.code if one.area else None,
        "units": one.units,
        "cost_fen": one.cost_fen,
    }


def _plain(value: Any) -> Any:
    """A reference or code where there is one; plain values stay."""
    if isinstance(value, dict) and ("name" in value or "ref" in value):
        return value.get("ref") or value.get("code") or value.get("name")
    if isinstance(value, dict | list | int | float) or value is None:
        return value
    return getattr(value, "code", None) or str(value)
