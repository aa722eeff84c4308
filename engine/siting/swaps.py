"""What a plan is worth without each of its options, with each other one, and with any one exchanged for another.

All values are exact maximal flows, one OpenSet per world, so that a value can be told world by world. Letters in
shapes: c chosen options, r other options, w worlds. Weighted units: Standard.weight x units newly served in time.

With f(S) = what the options S add in one world, f is monotone and submodular (a maximal flow in the set of opened
capacities), so for a chosen i and another j

    f(P) + gain(j) - loss(i)  <=  f(P - i + j)  <=  f(P) + min(gain(j), alone(j) - loss(i))

with gain(j) = f(P + j) - f(P), loss(i) = f(P) - f(P - i), alone(j) = f({j}) - f({}), in a
city where what the plan closes is closed. Both sides cost nothing once the three are
known, and only the pairs they leave open are measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.coverage import role_ready, role_supply
from engine.interventions import apply_options
from engine.siting.flow import OpenSet
from engine.siting.model import build_model
from engine.siting.question import EXPECTED, TAIL, WORST, Question
from engine.world import CLOSING_KINDS, Option, World

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
TINY = 1e-9


class Cancelled(Exception):
    """The caller asked to stop."""


class PlanFlow:
    """A plan in one world: which of `options` are done, with the exact maximal flow.

    Closing a role ("retire") is seen from its other side, so that every change adds capacity: the role stands closed,
    and keeping it open is what is added. `closes` says for which options that works: those of `direct` it does not (the
    place has another role that would step in, or two options close the same role). moved: weighted units by which `world`
    already serves more than today's.
    """

    def __init__(
        self,
        world: World,
        options: Sequence[Option],
        direct: frozenset[int] = frozenset(),
        moved: float = 0.0,
    ) -> None:
        every = max(sum(int(option.cost_fen) for option in options), 1)
        ready = np.where(role_ready(world), role_supply(world)[0], 0)
        mine, shut = list(options), []
        self.closes: set[int] = set()
        for number, option in enumerate(options):
            if option.kind in CLOSING_KINDS and number not in direct:
                self.closes.add(number)
                if ready[option.role] > 0:
                    shut.append(option)
                    mine[number] = Option(
                        option.site, option.service, "extend", int(ready[option.role]), 0, 0.0
                    )
        self.model = build_model([apply_options(world, shut) if shut else world], mine, [1.0], every)
        self.position = np.full(len(options), -1, np.int64)
        self.position[self.model.options] = np.arange(len(self.model.options))
        self.open = OpenSet(self.model)
        for number in self.closes:
            if (at := int(self.position[number])) >= 0:
                self.open.add(at)
        self.today = float(self.open.value) - moved

    @property
    def value(self) -> float:
        """Weighted units newly served."""
        return float(self.open.value) - self.today

    def gain(self, option: int) -> float:
        """Weighted units that doing `option` too would add (for a closing: lose, as a negative number); nothing stays
        changed."""
        at = int(self.position[option])
        if at < 0 or bool(self.open.taken[at]) != (option in self.closes):
            return 0.0
        if option in self.closes:
            before = self.value
            self.open.remove(at)
            lost = self.value - before
            self.open.add(at)
            return lost
        gained, net = self.open.gain(at), self.open.net
        if int(net.journal_size[0]) + 4 * net.room.size + 8 <= net.journal_at.size:
            return float(gained)
        # The trial was too long to be undone step by step and may have been cut short.
        kept, before = self.open.save(), self.value
        self.open.add(at)
        gained = self.value - before
        self.open.restore(kept)
        return gained

    def add(self, option: int) -> None:
        if (at := int(self.position[option])) >= 0:
            (self.open.remove if option in self.closes else self.open.add)(at)

    def remove(self, option: int) -> None:
        if (at := int(self.position[option])) >= 0:
            (self.open.add if option in self.closes else self.open.remove)(at)


def measure(question: Question, gaps: Floats, newly: Floats) -> Floats:
    """The question's rule for V (…, w): weighted units under "expected", minus the gap left under "worst" and "tail".

    gaps (w,): today's weighted gaps. "regret" needs the best value of each world, which no change of one option moves;
    it is read as "expected" here (rule_measured says so)."""
    if question.rule == WORST:
        return -(gaps - newly).max(axis=-1)
    if question.rule == TAIL:
        share = question.world_weights(len(gaps))
        share = share / share.sum()
        left = gaps - newly
        order = np.argsort(-left, axis=-1)
        ordered, part = np.take_along_axis(left, order, -1), share[order]
        before = np.cumsum(part, axis=-1) - part
        used = np.clip(question.tail - before, 0.0, part)
        return -(ordered * used).sum(axis=-1) / question.tail
    return newly @ question.world_weights(len(gaps))


def rule_measured(question: Question) -> str:
    return question.rule if question.rule in (EXPECTED, WORST, TAIL) else EXPECTED


@dataclass(slots=True)
class Effects:
    """newly (w,): V of the plan. loss (c, w), gain (r, w), alone (r, w): see the module text."""

    newly: Floats
    loss: Floats
    gain: Floats
    alone: Floats


def effects(flows: Sequence[PlanFlow], chosen: Ints, others: Ints, tell: Callable[[float], None]) -> Effects:
    """Measure every single addition and removal. Leaves the plan open in `flows`."""
    worlds, steps = len(flows), max(2 * len(others) + len(chosen), 1)
    found = Effects(
        np.zeros(worlds), np.zeros((len(chosen), worlds)), np.zeros((len(others), worlds)), np.zeros((len(others), worlds))
    )  # fmt: skip
    for w, flow in enumerate(flows):
        done = w * steps

        def step(number: int, done: int = done) -> None:
            if number % 64 == 0:
                tell((done + number) / (worlds * steps))

        shut = [option for option in chosen.tolist() if option in flow.closes]
        for option in shut:
            flow.add(option)
        for row, option in enumerate(others.tolist()):
            found.alone[row, w] = flow.gain(option)
            step(row)
        for option in chosen.tolist():
            if option not in flow.closes:
                flow.add(option)
        found.newly[w] = flow.value
        for row, option in enumerate(others.tolist()):
            found.gain[row, w] = flow.gain(option)
            step(len(others) + row)
        for row, option in enumerate(chosen.tolist()):
            if flow.position[option] >= 0:
                flow.remove(option)
                found.loss[row, w] = found.newly[w] - flow.value
                flow.add(option)
            step(2 * len(others) + row)
    return found


@dataclass(slots=True)
class Swaps:
    """The best exchange of one for one, seen from both sides.

    next_row (c,): row of the other option that takes the place of each chosen one best (-1 none may), next_newly (c, w):
    what the plan serves then. out_row (r,): the chosen one that is best given up for each other option (-1 none may be),
    net (r,): what the plan gains by it (negative: loses), net_bound (r,): no such exchange gains more (equal to net where
    all that matter were measured). saves (r,): the most fen of charge that an exchange saves while every target is
    kept, saves_row (r,); 0 where none does, NaN where it cannot be told. tried: pairs measured. complete: all that could
    change an answer were. helps_not: proved that no exchange gains anything.
    """

    next_row: Ints
    next_newly: Floats
    out_row: Ints
    net: Floats
    net_bound: Floats
    saves: Floats
    saves_row: Ints
    tried: int
    complete: bool
    helps_not: bool


def best_swaps(
    flows: Sequence[PlanFlow], chosen: Ints, others: Ints, known: Effects, allowed: Flags, given_up: Flags,
    value: Callable[[Floats], Floats], merit: Floats, kept: Callable[[Floats], Flags] | None, saving: Floats | None,
    deadline: float, tell: Callable[[float], None],
) -> Swaps:  # fmt: skip
    """allowed (c, r): the exchange keeps every limit. given_up (c,): which chosen ones may go at all (the locked ones may
    not; what would replace them is told all the same). value(V) ranks; merit (c, r) is added to what an exchange gains.
    kept(V): the targets hold; saving (c, r) fen saved by an exchange (both None unless the aim is "cheapest").
    deadline: time.monotonic() after which the rest is only bounded."""
    count, rows = len(chosen), len(others)
    now = float(value(known.newly))
    # (c, r): what an exchange gains at least and at most
    low, high = np.full((count, rows), -np.inf), np.full((count, rows), -np.inf)
    sure, maybe = np.zeros((count, rows), bool), np.zeros((count, rows), bool)
    for i in range(count):
        at_least = known.newly + np.maximum(known.gain - known.loss[i], -known.loss[i])
        at_most = known.newly + np.minimum(known.gain, known.alone - known.loss[i])
        low[i] = np.where(allowed[i], value(at_least) - now + merit[i], -np.inf)
        high[i] = np.where(allowed[i], value(at_most) - now + merit[i], -np.inf)
        if kept is not None and saving is not None:
            cheaper = allowed[i] & given_up[i] & (saving[i] > 0)
            sure[i], maybe[i] = cheaper & kept(at_least), cheaper & kept(at_most)
    free = low.copy()
    free[~given_up] = -np.inf
    next_row = np.where(allowed.any(axis=1), low.argmax(axis=1) if rows else 0, -1)
    next_net = low.max(axis=1, initial=-np.inf)
    out_row = np.where((allowed & given_up[:, None]).any(axis=0), free.argmax(axis=0) if count else -1, -1)
    net = free.max(axis=0, initial=-np.inf)
    next_newly = np.repeat(known.newly[None], count, 0)
    saves, saves_row = np.zeros(rows), np.full(rows, -1, np.int64)
    if saving is not None:
        money = np.where(sure, saving, 0.0)
        saves, saves_row = (
            money.max(axis=0, initial=0.0),
            np.where(sure.any(axis=0), money.argmax(axis=0) if count else -1, -1),
        )
    open_pair = allowed & (high > low + TINY)
    # the row whose answer is told needs its own flows, also where the bounds already agree
    told_newly = np.full((count, rows), False)
    tried = 0
    order = np.argsort(-high.max(axis=1, initial=-np.inf), kind="stable")

    def wanted(i: int, stage: int, j: Any = slice(None)) -> Any:
        """Which columns (or whether column j) could still change an answer."""
        if stage == 1:  # what comes next?
            return open_pair[i, j] & (high[i, j] > next_net[i] + TINY)
        mask = open_pair[i, j] & given_up[i] & (high[i, j] > net[j] + TINY)
        if stage == 0:  # could it help at all?
            mask = mask & (high[i, j] > TINY)
            if saving is not None:
                mask = mask | (maybe[i, j] & ~sure[i, j] & (saving[i, j] > saves[j]))
        return mask

    def attempt(i: int, j: int) -> None:
        nonlocal tried
        newly = np.array([flow.value + flow.gain(int(others[j])) for flow in flows])
        exact = float(value(newly)) - now + merit[i, j]
        low[i, j] = high[i, j] = exact
        open_pair[i, j] = False
        tried += 1
        if exact > next_net[i] + TINY or next_row[i] in (j, -1):
            next_net[i], next_row[i], next_newly[i] = max(exact, next_net[i]), j, newly
            told_newly[i, :] = False
            told_newly[i, j] = True
        if given_up[i] and exact > net[j]:
            net[j], out_row[j] = exact, i
        if saving is not None and kept is not None and maybe[i, j] and not sure[i, j]:
            sure[i, j] = bool(kept(newly))
            maybe[i, j] = sure[i, j]
            if sure[i, j] and saving[i, j] > saves[j]:
                saves[j], saves_row[j] = saving[i, j], i

    def late() -> bool:
        return time.monotonic() > deadline

    stopped = -1
    for stage in range(3):
        for step, i in enumerate(order.tolist()):
            tell((stage + step / max(count, 1)) / 3)
            columns = np.flatnonzero(wanted(i, stage))
            # the best replacement is measured once more so that its worlds can be told
            finish = (
                stage == 1
                and next_row[i] >= 0
                and (len(columns) > 0 or not told_newly[i, max(next_row[i], 0)])
            )
            if len(columns) == 0 and not finish:
                continue
            if late() and not finish:
                stopped = stage if stopped < 0 else stopped
                continue
            for flow in flows:
                flow.remove(int(chosen[i]))
            for j in columns[np.argsort(-high[i, columns], kind="stable")].tolist():
                if late():
                    stopped = stage if stopped < 0 else stopped
                    break
                if wanted(i, stage, j):
                    attempt(i, j)
            if finish and not told_newly[i, next_row[i]]:
                attempt(i, int(next_row[i]))
            for flow in flows:
                flow.add(int(chosen[i]))
    left = np.where(open_pair & given_up[:, None], high, -np.inf).max(axis=0, initial=-np.inf)
    bound = np.maximum(net, left)
    return Swaps(
        next_row.astype(np.int64), next_newly, out_row.astype(np.int64), net, bound, saves, saves_row.astype(np.int64),
        tried, stopped < 0, bool((bound <= TINY).all()),
    )  # fmt: skip
