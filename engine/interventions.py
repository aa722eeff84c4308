"""A plan is an ordered change-set on a frozen world: apply it and score again with the same engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from engine.world import ADDING_KINDS, CLOSING_KINDS, REASON_CLOSED, Option, Supply, World


def apply_options(world: World, options: Sequence[Option], chosen: Iterable[int] | None = None) -> World:
    """The world after the `chosen` options (all when None), in that order.

    convert, extend, build append one role each, after the existing ones (so role numbers stay), never exclusive: the
    caller's exclusive_key keeps clashing ones apart. Where barrier-free capacity is told apart, all of an added role is:
    what is built, extended or converted today must be (GB 55019-2021). upgrade, stock make their role usable with the
    new hours; retire makes its role supply nothing.
    """
    picked = [options[int(i)] for i in (range(len(options)) if chosen is None else chosen)]
    supply = world.supply
    usable, hours, reason = supply.role_usable.copy(), supply.role_hours.copy(), supply.role_reason.copy()
    for option in picked:
        if option.kind in CLOSING_KINDS:
            usable[option.role], reason[option.role] = False, REASON_CLOSED
        elif option.kind not in ADDING_KINDS:
            usable[option.role], hours[option.role], reason[option.role] = True, option.hours, 0
    added = [option for option in picked if option.kind in ADDING_KINDS]

    def joined(column: np.ndarray, values: list) -> np.ndarray:
        return np.concatenate([column, np.array(values, column.dtype)])

    return world.with_supply(
        Supply(
            supply.x_m,
            supply.y_m,
            joined(supply.role_site, [o.site for o in added]),
            joined(supply.role_service, [o.service for o in added]),
            joined(supply.role_capacity, [o.units for o in added]),
            joined(hours, [o.hours for o in added]),
            joined(usable, [True] * len(added)),
            joined(supply.role_rank, [0] * len(added)),
            joined(supply.role_exclusive, [False] * len(added)),
            joined(reason, [0] * len(added)),
            None
            if supply.role_special_capacity is None
            else joined(supply.role_special_capacity, [o.units for o in added]),
        )
    )
