"""Who reaches what, kept on disk: the same network, places, cells and limit are searched once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils.translation import gettext as _

from core.errors import DomainError
from engine.world import Reach
from planning.bridge.frozen import Frozen
from planning.bridge.roads import RoadState, open_roads, road_state
from planning.bridge.searches import Search, reach_found_by
from planning.choices import ReachMethod

if TYPE_CHECKING:
    from planning.bridge.world import Question

# Eight bytes a pair on disk, twice while the blocks of a search are put together.
MOST_PAIRS = 2_000_000_000


def reach_method(frozen: Frozen) -> str:
    return ReachMethod.ROADS if frozen.meta["network"] else ReachMethod.STRAIGHT


def limit_of(question: Question, standard: dict[str, Any]) -> float:
    """Metres or minutes, as the standard says or as the run asks instead."""
    return float(question.reach_overrides.get(standard["service"]) or standard["reach_limit"])


def searches_of(frozen: Frozen, question: Question) -> dict[str, Search]:
    """Every search that scoring a question reads, by service; where streets are closed or slowed also "<service> open"
    over the open roads, which tells who is cut off."""
    position = {code: n for n, code in enumerate(frozen.service_codes)}
    roads, found = road_state(frozen, question), {}
    for row in question.standards:
        way = limit_of(question, row), row["reach_unit"], row["mode"], question.detour_factor
        service = position[row["service"]]
        found[row["service"]] = search_of_service(frozen, service, *way, roads)
        if roads is not None and roads.weight_for(row["reach_unit"]) is not None:
            free = open_roads(frozen, question)
            found[f"{row['service']} open"] = search_of_service(frozen, service, *way, free)
    return found


def search_of_service(
    frozen: Frozen,
    service: int,
    limit: float,
    unit: str,
    mode: str,
    detour: float,
    roads: RoadState | None = None,
) -> Search:
    """The search from every site that has, could take or could be given a role of `service` (its position in the
    snapshot)."""
    sites = np.unique(
        np.concatenate(
            [
                frozen["role_site"][frozen["role_service"] == service],
                frozen["option_site"][frozen["option_service"] == service],
            ]
        ).astype(np.int64)
    )
    return Search(frozen, sites, float(limit), unit, mode, float(detour), roads)


def reach_of_service(
    frozen: Frozen,
    service: int,
    limit: float,
    unit: str,
    mode: str,
    detour: float,
    roads: RoadState | None = None,
) -> Reach:
    """Reach of every site of the snapshot (m rows), memory-mapped; the rows of sites that have nothing to do with the
    service are empty. From the store, or searched in this process when no job has prepared it."""
    search = search_of_service(frozen, service, limit, unit, mode, detour, roads)
    if search.found() is None:
        refuse_if_too_large(search)
    part = reach_found_by(search)
    lengths = np.zeros(frozen.sites, np.int64)
    lengths[search.sites] = np.diff(part.indptr)
    return Reach(np.concatenate([[0], np.cumsum(lengths)]), part.cell, part.cost)


def refuse_if_too_large(search: Search) -> None:
    """Say in words what would otherwise fill the store. Estimated on a sample of places."""
    if len(search) * search.frozen.cells <= MOST_PAIRS:
        return
    pairs = search.pairs_expected() * len(search)
    if pairs > MOST_PAIRS:
        words = _(
            "About %(pairs)d million pairs of places and cells lie within this reach, more than the"
            " %(most)d million a worker can handle. Set a shorter reach, or load the people in larger cells."
        )
        facts = {"pairs": round(pairs / 1e6), "most": MOST_PAIRS // 10**6}
        raise DomainError("reach-too-large", words % facts)
