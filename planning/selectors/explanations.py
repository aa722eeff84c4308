"""Reads why places are in a plan or not: only what a person may see, filtered, in the order asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from core import policies
from planning.models import PlanExplanation, PlanVersion
from planning.selectors import change_sets, gaps

# Why a place is not in a plan, in the engine's words and order (engine.siting.rules.REASONS).
REASONS = (
    "banned", "closing", "late", "displaces", "nobody", "dear", "spare", "swap", "size", "excluded", "near", "covered", "limit", "value",
)  # fmt: skip
# What a list of rejected places may be ordered by; those that have no such number come last.
ORDERINGS = ("gain", "alone", "per_yuan", "swap_net", "cost_fen", "units", "name")


@dataclass(frozen=True)
class Told:
    """What a person may see of an explanation. chosen: rows by order of the intervention; rejected: rows, the most useful
    first; whole: nothing is kept from this person. Rows as in planning.services.explaining; what points at an intervention
    that the person may not see is None there, with `elsewhere` set."""

    version: PlanVersion
    facts: dict[str, Any]
    chosen: dict[int, dict[str, Any]]
    rejected: list[dict[str, Any]]
    whole: bool
    names: dict[int, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """Filters of the list of rejected places; empty: all."""

    kind: Sequence[str] = ()
    service: Sequence[str] = ()
    area: Sequence[str] = ()
    reason: Sequence[str] = ()
    search: str = ""
    ordering: str = ""


def told_to(version: PlanVersion, *, user: Any) -> Told | None:
    """None where the version is not explained (yet). `user` None: a command, which sees all."""
    kept = PlanExplanation.objects.filter(version=version).first()
    if kept is None or kept.facts.get("keys") != list(version.facts.get("keys") or []):
        return None
    whole = user is None or gaps.sees_whole_city(user, version.plan.city_id)
    rows = version.interventions.select_related("service", "area", "facility", "idle_asset").order_by("order")
    seen = {one.order: one for one in (rows if whole else change_sets.interventions_of(version, user=user))}
    inside = _inside(user, version.plan.city_id, whole)
    chosen = {}
    for row in kept.chosen:
        if row["order"] in seen:
            after = row["next"]
            hidden = after is not None and not inside(after)
            chosen[row["order"]] = row | {"next": None if hidden else after, "next_elsewhere": hidden}
    rejected = [_seen(row, seen) for row in kept.rejected if inside(row)]
    return Told(version, kept.facts if whole else _own(kept.facts), chosen, rejected, whole, seen)


def _inside(user: Any, city_id: int, whole: bool) -> Callable[[dict[str, Any]], bool]:
    if whole:
        return lambda row: True
    paths = tuple(policies.visible_paths(user, city_id) or ())
    return lambda row: bool(row["area_path"]) and row["area_path"].startswith(paths)


def _own(facts: dict[str, Any]) -> dict[str, Any]:
    """What holds for everybody; sums over the whole city stay with those who may see it."""
    return {name: facts[name] for name in ("engine", "rule", "no_swap_helps", "complete", "worst_per_yuan")}


def _seen(row: dict[str, Any], seen: dict[int, Any]) -> dict[str, Any]:
    hidden = {
        name for name in ("by", "swap_out", "saves_out") if row[name] is not None and row[name] not in seen
    }
    return row | dict.fromkeys(hidden) | {"elsewhere": sorted(hidden)}


def listed(rows: Iterable[dict[str, Any]], wanted: Wanted) -> list[dict[str, Any]]:
    """The rows that match, in the order asked (`-` for the largest first)."""
    found = [row for row in rows if _matches(row, wanted)]
    name, down = wanted.ordering.removeprefix("-"), wanted.ordering.startswith("-")
    if name in ORDERINGS:
        known = [row for row in found if row[name] is not None]
        known.sort(key=lambda row: (row[name], row["key"]), reverse=down)
        found = known + [row for row in found if row[name] is None]
    return found


def _matches(row: dict[str, Any], wanted: Wanted) -> bool:
    if wanted.kind and row["kind"] not in wanted.kind:
        return False
    if wanted.service and row["service"] not in wanted.service:
        return False
    if wanted.reason and row["reason"] not in wanted.reason:
        return False
    if wanted.area and not set(wanted.area) & set(row["area_path"].split("/")):
        return False
    words = wanted.search.strip().lower()
    text = " ".join(str(row[name] or "") for name in ("name", "name_en", "key", "facility", "idle_asset"))
    return all(word in text.lower() for word in words.split())


def counted(rows: Iterable[dict[str, Any]], name: str) -> dict[str, int]:
    """How many rows hold each value of a field; reasons in their own order."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row[name]] = counts.get(row[name], 0) + 1
    order = {reason: number for number, reason in enumerate(REASONS)}
    return dict(sorted(counts.items(), key=lambda item: (order.get(item[0], 0), -item[1], item[0])))
