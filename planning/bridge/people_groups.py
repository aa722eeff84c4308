"""Groups of people who need more than a place: today those who need a barrier-free one.

Their need goes through the same chain of shares and rounding as everybody's and is part of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from core.choices import TimeOfDay
from engine.need import part_units
from planning.bridge.frozen import Frozen
from planning.bridge.situation import Shares, ratio_of, share_counted
from planning.choices import Driver


def barrier_free_people(frozen: Frozen, driver: str, time_of_day: str) -> np.ndarray | None:
    """(n,) of the people a standard of this driver counts; None where the layer does not tell them apart."""
    return frozen.barrier_free(TimeOfDay.NIGHT if driver == Driver.RESIDENTS else time_of_day)


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
    part = barrier_free_people(frozen, standard["driver"], time_of_day)
    if part is None:
        return None
    return part_units(part, share_counted(shares, standard["driver"]), ratio_of(scenario, standard), need)
