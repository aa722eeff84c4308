"""What the roads did in a run, for the reader: closed and slowed length, who is cut off by that, and whose need lies off
the map of streets."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.coverage import role_supply
from engine.travel import DIRECT_M
from engine.world import Reach
from planning.bridge.reach import reach_of_service
from planning.bridge.roads import RoadState, open_roads
from planning.bridge.searches import cells_snap
from planning.bridge.situation import people_counted, share_counted
from planning.bridge.world import Situation


def road_facts(situation: Situation) -> dict[str, Any]:
    """Facts of a run over roads; nothing for a city without them.

    off_map: by service, units of need in cells farther than 500 m from every mapped street, and their share.
    roads: closed_km, slowed_km, and by service the units of need and the people (P x share) who had a facility with
    capacity in reach on the open roads and have none now.
    """
    if situation.roads is None:
        return {}
    need = situation.world.demand.need
    off = {}
    for k, standard in enumerate(situation.standards):
        far = cells_off_map(situation, standard["mode"])
        units, whole = int(need[k][far].sum()), int(need[k].sum())
        off[standard["service"]] = {"need": units, "share": units / whole if whole else 0.0}
    facts: dict[str, Any] = {"off_map": off}
    if situation.roads.weight is not None:
        facts["roads"] = {
            "closed_km": round(situation.roads.closed_km, 3),
            "slowed_km": round(situation.roads.slowed_km, 3),
            "cut_off": cut_off(situation, situation.roads),
        }
    return facts


def cells_off_map(situation: Situation, mode: str) -> np.ndarray:
    """(n,) True where the nearest mapped street for walking or driving, open or closed now, is farther than 500 m.
    From where the cells enter the network, which the searches found before."""
    frozen = situation.frozen
    return np.asarray(cells_snap(frozen, frozen.meta["network"], mode).entry_m) > DIRECT_M


def cut_off(situation: Situation, roads: RoadState) -> dict[str, dict[str, float]]:
    """By service: need and people of cells that some facility with capacity reaches on open roads, and none now."""
    frozen, question = situation.frozen, situation.question
    free = open_roads(frozen, question)
    supply, _reason = role_supply(situation.world)
    position = {code: n for n, code in enumerate(frozen.service_codes)}
    found = {}
    for k, standard in enumerate(situation.standards):
        need = situation.world.demand.need[k]
        lost = np.zeros(frozen.cells, bool)
        # A limit in metres knows no slow street: without closures its reach is the open one.
        if need.any() and roads.weight_for(standard["reach_unit"]) is not None:
            sites = situation.world.supply.role_site[
                (situation.world.supply.role_service == k) & (supply > 0)
            ]
            before = reach_of_service(
                frozen,
                position[standard["service"]],
                situation.world.standards[k].reach_limit,
                standard["reach_unit"],
                standard["mode"],
                question.detour_factor,
                free,
            )
            lost = (need > 0) & reached(before, sites, frozen.cells)
            lost &= ~reached(situation.world.reach[k], sites, frozen.cells)
        people = people_counted(frozen, question.scenario, standard, question.time_of_day)
        share = share_counted(situation.shares, standard["driver"])
        found[standard["service"]] = {
            "need": int(need[lost].sum()),
            "people": round(float((people * np.nan_to_num(share))[lost].sum()), 3),
        }
    return found


def reached(reach: Reach, sites: np.ndarray, cells: int) -> np.ndarray:
    """(n,) True where one of `sites` reaches the cell."""
    out = np.zeros(cells, bool)
    for site in np.unique(sites).tolist():  # row by row: all of them together may not fit in memory
        out[reach.row(site)[0]] = True
    return out
