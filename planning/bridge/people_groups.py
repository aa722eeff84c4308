"""Groups of people that a layer tells apart. Those who need a barrier-free place can be served by no other.

Their need goes through the same chain of shares and rounding as everybody's and is part of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.need import part_units
from planning.bridge.frozen import Frozen
from planning.bridge.situation import Shares, counted_at, local_factor, ratio_of, share_counted
from planning.choices import PeopleGroup


def group_people(
    frozen: Frozen, scenario: dict[str, Any], standard: dict[str, Any], group: str, time_of_day: str
) -> np.ndarray | None:
    """(n,) of the people that the standard counts, those of the group; None where the layer does not tell them apart, or
    the standard counts another group only."""
    if standard.get("group", "") not in ("", group):
        return None
    time, layer = counted_at(scenario, standard["driver"], time_of_day)
    return frozen.group(group, time, layer)


def special_need_of(
    frozen: Frozen,
    shares: Shares,
    scenario: dict[str, Any],
    standard: dict[str, Any],
    time_of_day: str,
    need: np.ndarray,
) -> np.ndarray | None:
    """(n,) whole units that only barrier-free capacity may serve, contained in `need` (n,). None: the layer does not
    tell them apart, or the service is not a place to stay."""
    if standard["service"] not in frozen.staying:
        return None
    part = group_people(frozen, scenario, standard, PeopleGroup.BARRIER_FREE, time_of_day)
    if part is None:
        return None
    share = share_counted(shares, standard["driver"])
    return part_units(
        part, share * local_factor(frozen, scenario, standard), ratio_of(scenario, standard), need
    )
