"""What programs and tables are told of a batch and of two runs side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from planning.bridge.situation import refusal_words
from planning.models import Batch, Run
from planning.selectors.batches import BatchRow, ServiceOutcome, batch_rows
from planning.selectors.comparisons import (
    ComparedArea,
    ComparedTotals,
    compared_areas,
    compared_totals,
    demand_comparable,
    differences,
)
from planning.selectors.gaps import STATE_FIELDS

SIDE = (*STATE_FIELDS, "gap")


def outcome_told(code: str, outcome: ServiceOutcome) -> dict[str, Any]:
    worst, spread = outcome.worst, outcome.gap_range
    return {
        "service": code,
        **{name: getattr(outcome.totals, name) for name in SIDE},
        "coverage": outcome.coverage,
        "worst_area": worst.area.code if worst else None,
        "worst_gap": worst.gap if worst else None,
        "gap_p10": spread[0] if spread else None,
        "gap_p50": spread[1] if spread else None,
        "gap_p90": spread[2] if spread else None,
    }


def row_told(row: BatchRow) -> dict[str, Any]:
    run = row.run
    return {
        "position": row.position,
        "rank": row.rank,
        "run": run.ref,
        "scenario": run.scenario.ref,
        "name": run.scenario_frozen.get("name") or run.scenario.name,
        "name_en": run.scenario_frozen.get("name_en") or run.scenario.name_en,
        "time_of_day": run.time_of_day,
        "value": row.value,
        "state": run.state,
        "missing": missing_of(run),
        "coverage": row.coverage,
        "services": [outcome_told(code, outcome) for code, outcome in row.services.items()],
    }


def missing_of(run: Run) -> list[str]:
    """What keeps a run from having a result, in the reader's language."""
    return [refusal_words(problem) for problem in run.refusal]


def batch_answer(batch: Batch, *, user: Any, service: str = "", measure: str = "gap") -> dict[str, Any]:
    """The batch with its rows, ranked. `user` None: a command of this machine."""
    rows = batch_rows(batch, user=user, service=service, measure=measure)
    states = [row.run.state for row in rows]
    return {
        "ref": batch.ref,
        "name": batch.name,
        "city": batch.city.code,
        "profile": batch.profile.code,
        "assignment": batch.assignment,
        "sweep": batch.sweep or None,
        "job": batch.job.ref if batch.job else None,
        "counts": {state: states.count(state) for state in ("done", "waiting", "refused", "failed")},
        "rows": [row_told(row) for row in rows],
    }


def comparison_answer(before: Run, after: Run, *, user: Any, level: int | None = None) -> dict[str, Any]:
    """Two runs side by side: what differs, services in total, areas by service. Raises DomainError."""
    services = demand_comparable(before, after)
    totals = [one for one in compared_totals(before, after, user=user) if one.service in services]
    return {
        "before": before.ref,
        "after": after.ref,
        "differences": [
            {"code": one.code, "before": _plain(one.before), "after": _plain(one.after)}
            for one in differences(before, after)
        ],
        "totals": [{"service": one.service.code, **_sides(one)} for one in totals],
        "areas": [
            area_told(one) for one in compared_areas(before, after, user=user, services=services, level=level)
        ],
    }


def area_told(one: ComparedArea) -> dict[str, Any]:
    return {
        "service": one.service.code,
        "area": one.area.code,
        "name": one.area.name,
        "name_en": one.area.name_en,
        "level": one.area.level,
        **_sides(one),
        "before_range": _range(one.before_range),
        "after_range": _range(one.after_range),
        "ranges_overlap": one.ranges_overlap,
    }


def _sides(one: ComparedArea | ComparedTotals) -> dict[str, Any]:
    told = {
        name: None if side is None else {field: getattr(side, field) for field in SIDE}
        for name, side in (("before", one.before), ("after", one.after))
    }
    return told | {"need_change": one.need_change, "gap_change": one.gap_change}


def _range(row: Any) -> dict[str, int] | None:
    names = ("need_p10", "need_p50", "need_p90", "gap_p10", "gap_p50", "gap_p90")
    return None if row is None else {name: getattr(row, name) for name in names}


def _plain(thing: Any) -> Any:
    """A reference or code where there is one, else words."""
    if isinstance(thing, dict):
        return thing.get("ref") or thing.get("code") or thing.get("name") or ""
    return getattr(thing, "code", None) or str(thing)


# --- tables ----------------------------------------------------------------------------------------

HEADS = [
    "rank", "run", "scenario", "name", "name_en", "time_of_day", "value", "state", "service", "need", "served", "late", "no_room",
    "out_of_reach", "gap", "coverage", "worst_area", "worst_gap", "gap_p10", "gap_p50", "gap_p90", "missing",
]  # fmt: skip


def table_rows(rows: Iterable[BatchRow]) -> list[dict[str, Any]]:
    """One line for each run and service, and one for each run without a result; keys as in `HEADS`."""
    lines = []
    for row in rows:
        told = row_told(row)
        kept = {name: told[name] for name in HEADS[:8]} | {"missing": " ".join(told["missing"])}
        lines += [kept | one for one in told["services"]] or [kept]
    return lines
