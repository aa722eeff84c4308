"""What a run's need is made of, by area: the chain from people to those who seek shelter, need by phase and by group.

Everything is read from the run's snapshot and frozen documents, and nothing is rounded twice: a part of the need that is
the need of the run is the same whole number.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engine.need import part_units
from planning.bridge import artefacts
from planning.bridge.frozen import Frozen
from planning.bridge.people_groups import group_people, special_need_of
from planning.bridge.results import area_sums
from planning.bridge.situation import (
    CHAIN,
    Shares,
    counted_at,
    layer_told,
    local_factor,
    need_of,
    people_counted,
    ratio_of,
    share_counted,
)
from planning.choices import Driver, Extent, PeopleGroup

# People of the layer, those inside the scenario, and the three links of the chain.
LINKS = ("people", "inside", *CHAIN)
WHOLE, PHASE, GROUP = "whole", "phase", "group"
FORMAT = 1


@dataclass(frozen=True)
class Part:
    """One way to look at the need of a service: all of it, one phase, or one group. `ratio` is units for each person counted,
    before a district's own; `governs`: the phase whose need is that of the run."""

    service: str
    part: str
    phase: str = ""
    group: str = ""
    ratio: float = 0.0
    governs: bool = False


@dataclass(frozen=True)
class Demand:
    """p parts, c classes of ground, a areas in path order. chain (p, 5, a) people by LINKS, nan where a rate is missing;
    need (p, a) whole units; ground (c, 5, a) the people present by class of the hazard, c = 1 without classes."""

    area_id: np.ndarray
    parts: list[Part]
    chain: np.ndarray
    need: np.ndarray
    classes: list[str]
    ground: np.ndarray


def chain_of(shares: Shares, people: np.ndarray) -> list[np.ndarray]:
    """Five columns (n,): the people, and how many of them are inside, affected, displaced and seek shelter."""
    links = [people, np.where(shares.inside, people, 0.0)]
    for name in CHAIN:
        # Nobody stays nobody, whatever is not known of the rate.
        links.append(np.where(links[-1] == 0, 0.0, links[-1] * getattr(shares, name)))
    return links


def rest_code(told: set[str]) -> str:
    """The name of those of no age that the layer tells apart: age_15_59 where children and the old are told."""
    low = 15 if PeopleGroup.AGE_0_14 in told else 0
    high = 59 if PeopleGroup.AGE_60_UP in told else 64 if PeopleGroup.AGE_65_UP in told else None
    return f"age_{low}_{'up' if high is None else high}"


def group_parts(
    frozen: Frozen,
    shares: Shares,
    scenario: dict[str, Any],
    standard: dict[str, Any],
    time_of_day: str,
    need: np.ndarray,
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """(group, people (n,), whole units (n,)) of a service's need (n,), as far as the layer tells.

    Children, the old and the rest add up to the need in every cell; 65 and over are contained in 60 and over; those who
    need barrier-free places are contained in the need across ages.
    """
    share = share_counted(shares, standard["driver"]) * local_factor(frozen, scenario, standard)
    ratio = ratio_of(scenario, standard)

    def units(people: np.ndarray, within: np.ndarray) -> np.ndarray:
        return part_units(people, share, ratio, within)

    everybody = people_counted(frozen, scenario, standard, time_of_day)
    found: list[tuple[str, np.ndarray, np.ndarray]] = []
    if only := standard.get("group"):
        found.append((only, everybody, need))
        time, code = counted_at(scenario, standard["driver"], time_of_day)
        older = frozen.group(PeopleGroup.AGE_65_UP, time, code)
        if only == PeopleGroup.AGE_60_UP and older is not None:
            found.append((str(PeopleGroup.AGE_65_UP), older, units(older, need)))
        return found
    told = {
        group: people
        for group in PeopleGroup.values
        if (people := group_people(frozen, scenario, standard, group, time_of_day)) is not None
    }
    old_code = PeopleGroup.AGE_60_UP if PeopleGroup.AGE_60_UP in told else PeopleGroup.AGE_65_UP
    young, old = told.get(PeopleGroup.AGE_0_14), told.get(old_code)
    if young is not None or old is not None:
        nobody = np.zeros(frozen.cells)
        old_units = units(old, need) if old is not None else np.zeros_like(need)
        young_units = units(young, need - old_units) if young is not None else np.zeros_like(need)
        rest = everybody - (nobody if young is None else young) - (nobody if old is None else old)
        if young is not None:
            found.append((str(PeopleGroup.AGE_0_14), young, young_units))
        # Ages come from other sources than the people, so that in a cell they may be a little more than there are people.
        found.append((rest_code(set(told)), np.maximum(rest, 0.0), need - young_units - old_units))
        if old is not None:
            found.append((str(old_code), old, old_units))
        if old_code == PeopleGroup.AGE_60_UP and (older := told.get(PeopleGroup.AGE_65_UP)) is not None:
            found.append((str(PeopleGroup.AGE_65_UP), older, units(older, old_units)))
    special = special_need_of(frozen, shares, scenario, standard, time_of_day, need)
    if special is not None:
        found.append((str(PeopleGroup.BARRIER_FREE), told[PeopleGroup.BARRIER_FREE], special))
    return found


def demand_of(
    frozen: Frozen, scenario: dict[str, Any], standards: list[dict[str, Any]], time_of_day: str
) -> Demand:
    """Work out every part of the need by area. The scenario and the standards are those of a run that was not refused."""
    shares = Shares(frozen, scenario)
    parts: list[Part] = []
    chains: list[np.ndarray] = []
    needs: list[np.ndarray] = []

    def add(part: Part, chain: np.ndarray, need: np.ndarray) -> None:
        parts.append(part)
        chains.append(chain)
        needs.append(np.rint(area_sums(frozen, need)).astype(np.int64))

    for standard in standards:
        code = standard["service"]
        people = people_counted(frozen, scenario, standard, time_of_day)
        need = need_of(frozen, shares, scenario, standard, time_of_day)
        links = _by_area(frozen, shares, people)
        add(Part(code, WHOLE, ratio=ratio_of(scenario, standard)), links, need)
        for phase in standard.get("phases") or []:
            if not phase["phase"]:
                # From the beginning to the end: the whole need says it already.
                continue
            row = standard | phase
            governs = phase["phase"] == standard["phase"]
            of_phase = need if governs else need_of(frozen, shares, scenario, row, time_of_day)
            part = Part(code, PHASE, phase["phase"], ratio=ratio_of(scenario, row), governs=governs)
            add(part, links, of_phase)
        for group, who, units in group_parts(frozen, shares, scenario, standard, time_of_day, need):
            add(
                Part(code, GROUP, group=group, ratio=ratio_of(scenario, standard)),
                _by_area(frozen, shares, who),
                units,
            )
    classes, ground = _by_class(frozen, shares, scenario, time_of_day)
    areas = len(frozen["area_id"])
    return Demand(
        np.asarray(frozen["area_id"]),
        parts,
        np.stack(chains) if chains else np.zeros((0, len(LINKS), areas)),
        np.stack(needs) if needs else np.zeros((0, areas), np.int64),
        classes,
        ground,
    )


def _by_area(frozen: Frozen, shares: Shares, people: np.ndarray) -> np.ndarray:
    return np.stack([area_sums(frozen, link) for link in chain_of(shares, people)])


def _by_class(
    frozen: Frozen, shares: Shares, scenario: dict[str, Any], time_of_day: str
) -> tuple[list[str], np.ndarray]:
    """The people present by class of the hazard's ground; one nameless class where the scenario has none."""
    time, code = counted_at(scenario, Driver.PRESENT, time_of_day)
    areas = len(frozen["area_id"])
    if layer_told(frozen.meta, time, code) is None:
        return [], np.zeros((0, len(LINKS), areas))
    people = frozen.people(time, code)
    if scenario["extent"] != Extent.ZONES:
        return [""], _by_area(frozen, shares, people)[None]
    layer = scenario["hazard_layer"]
    classes = list(frozen.meta["zones"][layer]["classes"])
    zone = np.asarray(frozen[f"cell_zone_{layer}"])
    rows = [_by_area(frozen, shares, np.where(zone == n, people, 0.0)) for n in range(len(classes))]
    return classes, np.stack(rows) if rows else np.zeros((0, len(LINKS), areas))


def keep_demand(name: str, demand: Demand) -> None:
    """Store what was worked out, so that the next reader does not work it out again."""
    arrays = {
        "area_id": demand.area_id,
        "chain": demand.chain,
        "need": demand.need,
        "ground": demand.ground,
    }
    meta = {
        "format": FORMAT,
        "parts": [asdict(part) for part in demand.parts],
        "classes": demand.classes,
    }
    artefacts.keep(name, arrays, meta)


def kept_demand(name: str) -> Demand | None:
    """What was stored under the name; None when nothing was, or by an older edition."""
    try:
        arrays, meta = artefacts.load(name)
    except FileNotFoundError:
        return None
    parts = [Part(**row) for row in meta["parts"]]
    return Demand(
        arrays["area_id"], parts, arrays["chain"], arrays["need"], meta["classes"], arrays["ground"]
    )
