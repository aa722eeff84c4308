"""A question with one of its limits moved as far as the engine says that it must be, so that a plan exists."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from planning.bridge.siting_question import asked

SHARE_STEP = 1e-6


def can_relax(relaxation: Mapping[str, Any]) -> bool:
    """Whether a limit is one number that can be moved (or a wish that can be given up)."""
    name, _colon, rest = relaxation["name"].partition(":")
    if name in ("must", "apart"):
        return True
    if name == "fund":
        return bool(rest) and relaxation["needed"] is not None
    return relaxation["needed"] is not None


def relaxed(
    document: Mapping[str, Any],
    budget_fen: int | None,
    relaxations: Sequence[Mapping[str, Any]],
    areas: Mapping[str, int],
) -> tuple[dict[str, Any], int | None]:
    """(document, budget) with these limits (as told by siting_limits.told) moved to where they are needed; what is moved
    is rounded to the side that lets the plan exist. `areas`: levels of the city's areas by code."""
    found: dict[str, Any] = {name: _copied(value) for name, value in document.items()}
    for one in relaxations:
        name, _colon, rest = one["name"].partition(":")
        needed = one["needed"]
        if name == "budget":
            budget_fen = _budget(found, budget_fen, needed)
        elif name == "target":
            found["target"] = _share(needed)
        elif name == "area_target":
            _area_target(found, rest, needed, areas)
        elif name == "number" and not rest:
            _most_least(found["number"], one)
        elif name == "number":
            _most_least(found["number_by_kind"][rest], one)
        elif name == "area-number":
            _most_least(found["number_by_area"][rest], one)
        elif name == "land":
            found["land_m2_by_area"][rest] = math.ceil(needed)
        elif name == "running":
            found["running_limit_fen_year"] = math.ceil(needed)
        elif name == "fund":
            first = next(
                source for source in rest.split(",") if found["funds"][source]["limit_fen"] is not None
            )
            found["funds"][first]["limit_fen"] += math.ceil(needed) - int(one["now"])
        elif name == "must":
            found["must"] = [key for key in found["must"] if key != rest]
        elif name == "apart":
            found.pop("spacing_m", None)
    return found, budget_fen


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _copied(part) for name, part in value.items()}
    return [_copied(part) for part in value] if isinstance(value, list) else value


def _share(needed: float) -> float:
    """A little below what can be reached, so that rounding does not ask for more than there is."""
    return max(math.floor(needed / SHARE_STEP) * SHARE_STEP, SHARE_STEP)


def _budget(document: dict[str, Any], budget_fen: int | None, needed: float) -> int:
    """The new budget; with budgets by year the last one gets what is missing."""
    budget = math.ceil(needed)
    if years := document.get("years"):
        years[-1]["budget_fen"] += budget - sum(row["budget_fen"] for row in years)
    return budget


def _area_target(document: dict[str, Any], code: str, needed: float, areas: Mapping[str, int]) -> None:
    wanted = document["area_target"]
    if not isinstance(wanted, dict):
        level = asked(document, "area_level")
        wanted = {one: float(wanted) for one, own in areas.items() if own == level}
    share = _share(needed)
    if needed <= SHARE_STEP:
        wanted.pop(code, None)
    else:
        wanted[code] = share
    document["area_target"] = wanted


def _most_least(part: dict[str, int], relaxation: Mapping[str, Any]) -> None:
    if relaxation["needed"] >= relaxation["now"]:
        part["most"] = math.ceil(relaxation["needed"])
    else:
        part["least"] = math.floor(relaxation["needed"])
