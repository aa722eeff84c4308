"""Which sources pay for which option: the limits that follow for a plan, and who pays what in whole fen.

Letters in shapes: o options, s sources (at most MOST_SOURCES), t years.

Every option is paid whole, from one source or several of those it may be paid from, and no source gives more than its
limit. For a set of options that is a flow from costs to sources, and by Hall's condition (P. Hall 1935; for amounts
D. Gale 1957) it exists exactly when for every set S of sources

    sum of the costs of the options that only S may pay  <=  sum of the limits of S.

So a plan obeys its sources when it obeys at most 2^s rows, and a solver needs to know nothing of flows.
See docs/algorithms/phasing.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.checks import InvalidInput
from engine.siting.question import Limit

Ints = NDArray[np.int64]
MOST_SOURCES = 6


class Unpayable(Exception):
    """The sources cannot pay these costs. short: [(positions of the sources of a set, fen missing), …], each set one
    whose limits are less than what only it may pay; the empty set stands for what no source may pay."""

    def __init__(self, short: list[tuple[tuple[int, ...], int]]) -> None:
        super().__init__(f"sources fall short: {short}")
        self.short = short


def fund_limits(
    cost_fen: ArrayLike, allowed: ArrayLike, limit_fen: Sequence[int | None], names: Sequence[str]
) -> list[Limit]:
    """The Hall conditions as Limits named "fund:<names of the set>", redundant ones left out.

    cost_fen (o,): fen, not negative. allowed (o, s) bool: which source may pay which option. limit_fen (s,): fen, None
    for a source without end. A set falls away when what only it may pay is already bounded by a part of it and the rest
    of it, or costs no more than its limits in any case. "fund:" (no name) forbids what costs money and no source may
    pay. Raises InvalidInput.
    """
    cost, mask, limits = _checked(cost_fen, allowed, limit_fen)
    if len(names) != len(limits):
        raise InvalidInput(["names: one per source"])
    confined = {chosen: _confined(mask, chosen) & (cost > 0) for chosen in range(1 << len(limits))}
    out = []
    for chosen, only in confined.items():
        most = _sum_of(limits, chosen)
        if most is None or int(cost[only].sum()) <= most or _follows(confined, chosen):
            continue
        words = ",".join(name for bit, name in enumerate(names) if chosen >> bit & 1)
        out.append(Limit(f"fund:{words}", np.where(only, cost, 0).astype(np.int64), most=most))
    return out


def share_out(
    cost_fen: ArrayLike,
    allowed: ArrayLike,
    limit_fen: Sequence[int | None],
    by_year: ArrayLike | None = None,
    years: int | None = None,
) -> Ints:
    """Fen each source gives for each option: (o, s), or (o, s, t) when by_year (o,) tells the year each is paid in
    (0 to years - 1; -1: not done, pays nothing).

    Whole fen; every option's parts add up to its cost; no source is over its limit by one fen; the same input gives the
    same answer. The first source gives as much as it can, then the second, and so on; within that, earlier years and
    options given first are paid from the sources given first. Raises Unpayable when the costs cannot be paid, and
    InvalidInput.
    """
    cost, mask, limits = _checked(cost_fen, allowed, limit_fen)
    sources = len(limits)
    year = np.zeros(len(cost), np.int64) if by_year is None else np.asarray(by_year, np.int64)
    spread = max(int(year.max(initial=0)) + 1, 1) if years is None else int(years)
    if year.shape != cost.shape or (year < -1).any() or (year >= spread).any():
        raise InvalidInput([f"by_year: a number from -1 to {spread - 1} per option"])
    cost = np.where(year >= 0, cost, 0)
    if short := _short(cost, mask, limits):
        raise Unpayable(short)
    classes = np.unique(mask[cost > 0])
    wanted = [int(cost[mask == one].sum()) for one in classes]
    given = _flow([int(one) for one in classes], wanted, limits)
    amounts = np.zeros((len(cost), sources, spread), np.int64)
    for number, one in enumerate(classes):
        mine = np.flatnonzero((mask == one) & (cost > 0))
        mine = mine[np.argsort(year[mine], kind="stable")]
        end = np.cumsum(cost[mine])
        begin, paid = end - cost[mine], 0
        for source in range(sources):
            # What the class takes from this source is one stretch of its costs laid end to end.
            upto = paid + given[number][source]
            amounts[mine, source, year[mine]] = np.clip(
                np.minimum(end, upto) - np.maximum(begin, paid), 0, None
            )
            paid = upto
    return amounts[:, :, 0] if by_year is None else amounts


def short_of(
    cost_fen: ArrayLike, allowed: ArrayLike, limit_fen: Sequence[int | None]
) -> list[tuple[tuple[int, ...], int]]:
    """Sets of sources whose limits are less than what only they may pay, with the fen missing; see Unpayable.short."""
    return _short(*_checked(cost_fen, allowed, limit_fen))


def _checked(
    cost_fen: ArrayLike, allowed: ArrayLike, limit_fen: Sequence[int | None]
) -> tuple[Ints, Ints, list[int | None]]:
    """Costs, the sources of each option as bits of a number (o,), and the limits."""
    cost, may, problems = np.asarray(cost_fen, np.int64), np.asarray(allowed, bool), []
    limits = [None if one is None else int(one) for one in limit_fen]
    if not 1 <= len(limits) <= MOST_SOURCES:
        problems.append(f"limit_fen: 1 to {MOST_SOURCES} sources")
    if any(one is not None and one < 0 for one in limits):
        problems.append("limit_fen: not negative")
    if cost.ndim != 1 or (cost < 0).any():
        problems.append("cost_fen: one number per option, not negative")
    if may.shape != (len(cost) if cost.ndim == 1 else 0, len(limits)):
        problems.append("allowed: one row per option, one column per source")
    if problems:
        raise InvalidInput(problems)
    return cost, may.astype(np.int64) @ (1 << np.arange(len(limits), dtype=np.int64)), limits


def _confined(mask: Ints, chosen: int) -> NDArray[np.bool_]:
    """(o,) options that no source outside the set may pay."""
    return (mask & ~np.int64(chosen)) == 0


def _sum_of(limits: Sequence[int | None], chosen: int) -> int | None:
    total = 0
    for bit, limit in enumerate(limits):
        if chosen >> bit & 1:
            if limit is None:
                return None
            total += limit
    return total


def _follows(confined: dict[int, NDArray[np.bool_]], chosen: int) -> bool:
    """Whether the condition of a set follows from those of two parts of it."""
    part = (chosen - 1) & chosen
    while part:
        if not (confined[chosen] & ~confined[part] & ~confined[chosen ^ part]).any():
            return True
        part = (part - 1) & chosen
    return chosen != 0 and not (confined[chosen] & ~confined[0]).any()


def _short(cost: Ints, mask: Ints, limits: Sequence[int | None]) -> list[tuple[tuple[int, ...], int]]:
    """Sets whose condition fails, without those of which a part fails by as much."""
    found: list[tuple[int, int]] = []
    for chosen in sorted(range(1 << len(limits)), key=lambda one: (one.bit_count(), one)):
        most = _sum_of(limits, chosen)
        if most is None:
            continue
        missing = int(cost[_confined(mask, chosen)].sum()) - most
        if missing > 0 and not any(part & chosen == part and less >= missing for part, less in found):
            found.append((chosen, missing))
    return [
        (tuple(bit for bit in range(len(limits)) if chosen >> bit & 1), missing) for chosen, missing in found
    ]


def _flow(classes: Sequence[int], wanted: Sequence[int], limits: Sequence[int | None]) -> list[list[int]]:
    """(classes, sources) fen: a maximal flow that fills the sources in their order.

    Sources are opened one after the other; an augmenting path never takes money back from a source already filled, so
    each gives as much as it can beside those before it (Megiddo 1974).
    """
    left = list(wanted)
    flow = [[0] * len(limits) for _ in classes]
    for source, limit in enumerate(limits):
        room = sum(wanted) if limit is None else limit
        while room > 0:
            path = _path(classes, left, flow, source)
            if not path:
                break
            moved = min(
                room, left[path[0][0]], *(flow[number][old] for number, _new, old in path if old >= 0)
            )
            for number, new, old in path:
                flow[number][new] += moved
                if old >= 0:
                    flow[number][old] -= moved
            left[path[0][0]] -= moved
            room -= moved
    return flow


def _path(
    classes: Sequence[int], left: Sequence[int], flow: Sequence[Sequence[int]], source: int
) -> list[tuple[int, int, int]]:
    """(class, source it takes more from, source it takes less from or -1), …: the shortest chain that brings money of
    `source` to a class still in want. The first is that class; empty when there is none."""
    taken_by: dict[int, int] = {}  # class -> the source it would take more from
    freed_by: dict[int, int] = {}  # source -> the class that would take less from it
    queue = deque([source])
    while queue:
        at = queue.popleft()
        for number, one in enumerate(classes):
            if number in taken_by or not one >> at & 1:
                continue
            taken_by[number] = at
            if left[number] > 0:
                path, old = [], -1
                while True:
                    new = taken_by[number]
                    path.append((number, new, old))
                    if new == source:
                        return path
                    number, old = freed_by[new], new
            for other, amount in enumerate(flow[number]):
                if amount > 0 and other != source and other not in freed_by:
                    freed_by[other] = number
                    queue.append(other)
    return []
