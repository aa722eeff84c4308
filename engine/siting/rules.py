"""What the limits of a question allow around a plan, and which of them keeps an option out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.siting.model import _conflicts, option_units
from engine.siting.question import Question
from engine.world import CLOSING_KINDS, Option, World

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Why an option is not in the plan; the first that holds.
REASONS = (
    "banned",  # the question says so
    "closing",  # it would close a place that people need
    "late",  # not ready within the hours of the standard
    "displaces",  # would push aside another role of the same place
    "nobody",  # nobody unserved is in its reach, even with nothing else done
    "dear",  # costs more than the whole budget
    "spare",  # fits beside the plan and adds something: the plan is not full
    "swap",  # exchanged for one of the plan it would do more (or cost less)
    "size",  # the same place is in the plan in another size
    "excluded",  # the same place is in the plan for something else
    "near",  # too near to one of the plan
    "covered",  # all it could serve are served by the plan
    "limit",  # a limit is full
    "value",  # what it needs does more elsewhere
)


class Rules:
    """plan (c,): positions of the options done. A limit that the plan already breaks counts as kept when a change makes
    it no worse, so that a plan edited by hand can be explained too."""

    def __init__(
        self, worlds: Sequence[World], options: Sequence[Option], question: Question, plan: Ints
    ) -> None:
        self.options, self.question, self.plan = options, question, plan
        self.cost = np.array([option.cost_fen for option in options], np.int64)
        self.closing = np.array([option.kind in CLOSING_KINDS for option in options], bool)
        self.banned = np.zeros(len(options), bool)
        self.banned[np.asarray(question.banned, np.int64)] = True
        self.never = self.banned.copy()
        inside = set(plan.tolist())
        self.in_the_way: list[set[int]] = [set() for _ in options]
        self.near: list[set[int]] = [set() for _ in options]
        for members in _conflicts(worlds, options):
            taken = inside & set(members)
            for member in members if taken else ():
                self.in_the_way[member] |= taken - {member}
        for group in question.apart:
            listed = [int(member) for member in group]
            taken = inside & set(listed)
            for member in listed if taken else ():
                self.near[member] |= taken - {member}
        every = [way | near for way, near in zip(self.in_the_way, self.near, strict=True)]
        self.blockers = np.array([len(one) for one in every], np.int64)
        self.sole = np.array([next(iter(one)) if len(one) == 1 else -1 for one in every], np.int64)
        self.limits: list[tuple[str, Ints, int | None, int | None]] = [
            (one.name, np.asarray(one.amount, np.int64), one.most, one.least) for one in question.limits
        ]
        if question.budget_fen is not None:
            self.limits.insert(0, ("budget", self.cost, int(question.budget_fen), None))
        units, self.displacing = np.zeros(len(options), np.int64), set()
        for world in worlds:
            added, pushed = option_units(world, options)
            units = np.maximum(units, added)
            self.displacing.update(pushed)
        self.never[list(self.displacing)] = True
        hours = [
            np.inf if s.conversion_limit_hours is None else s.conversion_limit_hours
            for s in worlds[0].standards
        ]
        self.late = (
            np.array(
                [units[n] == 0 and one.hours > hours[one.service] for n, one in enumerate(options)], bool
            )
            & ~self.closing
        )

    def _kept(self, change: Ints, now: int, most: int | None, least: int | None) -> Flags:
        after = now + change
        ok = np.ones(after.shape, bool)
        if most is not None:
            ok &= (after <= most) | (change <= 0)
        if least is not None:
            ok &= (after >= least) | (change >= 0)
        return ok

    def exchange(self, out: int, others: Ints) -> Flags:
        """(r,) which of `others` may take the place of `out`."""
        ok = ~self.never[others] & ((self.blockers[others] == 0) | (self.sole[others] == out))
        for _name, amount, most, least in self.limits:
            ok &= self._kept(amount[others] - amount[out], int(amount[self.plan].sum()), most, least)
        return ok

    def adding(self, others: Ints) -> Flags:
        """(r,) which of `others` may be done beside the plan."""
        ok = ~self.never[others] & (self.blockers[others] == 0)
        for _name, amount, most, least in self.limits:
            ok &= self._kept(amount[others], int(amount[self.plan].sum()), most, least)
        return ok

    def full(self, option: int) -> str:
        """The first limit that adding the option would break, the budget last; "" when none."""
        for name, amount, most, least in [*self.limits[1:], *self.limits[:1]]:
            if not self._kept(amount[[option]], int(amount[self.plan].sum()), most, least)[0]:
                return name
        return ""

    def reason(self, option: int, *, helps: bool, adds: bool, fits: bool, swap: bool) -> tuple[str, int, str]:
        """(one of REASONS, the chosen option in the way or -1, the limit that is full or ""). helps: it adds something
        with nothing else done; adds: on top of the plan; fits: it could simply be added; swap: an exchange pays."""
        one, budget = self.options[option], self.question.budget_fen
        full = self.full(option)
        if self.banned[option]:
            return "banned", -1, ""
        if self.closing[option]:
            return ("spare", -1, "") if fits else ("closing", -1, full)
        for name, holds in (
            ("late", self.late[option]), ("displaces", option in self.displacing), ("nobody", not helps),
            ("dear", budget is not None and one.cost_fen > budget), ("spare", fits),
        ):  # fmt: skip
            if holds:
                return name, -1, "budget" if name == "dear" else ""
        first = min(self.in_the_way[option], default=-1)
        near = min(self.near[option], default=-1)
        if swap:
            return "swap", first if first >= 0 else near, full
        if first >= 0:
            other = self.options[first]
            same = (one.site, one.service, one.kind, one.role) == (
                other.site,
                other.service,
                other.kind,
                other.role,
            )
            return ("size" if same else "excluded"), first, full
        if near >= 0:
            return "near", near, full
        if not adds:
            return "covered", -1, full
        return ("limit" if full not in ("", "budget") else "value"), -1, full


class Room:
    """What still fits beside the options taken so far. Limits from below are not looked at."""

    def __init__(self, worlds: Sequence[World], options: Sequence[Option], question: Question) -> None:
        self.sets: list[list[set[int]]] = [[] for _ in options]
        for members in [*_conflicts(worlds, options), *([int(i) for i in group] for group in question.apart)]:
            together = set(members)
            for member in together:
                self.sets[member].append(together)
        cost = np.array([one.cost_fen for one in options], np.int64)
        limits = [
            (np.asarray(one.amount, np.int64), one.most) for one in question.limits if one.most is not None
        ]
        if question.budget_fen is not None:
            limits.append((cost, int(question.budget_fen)))
        self.amount = np.array([amount for amount, _most in limits], np.int64).reshape(
            len(limits), len(options)
        )
        self.most = np.array([most for _amount, most in limits], np.int64)
        self.spent = np.zeros(len(limits), np.int64)
        self.banned, self.taken, self.order = set(question.banned), set[int](), list[int]()

    def fits(self, option: int) -> bool:
        after = self.spent + self.amount[:, option]
        return (
            option not in self.taken
            and option not in self.banned
            and bool(((after <= self.most) | (after <= self.spent)).all())
            and not any(self.taken & together for together in self.sets[option])
        )

    def take(self, option: int) -> None:
        self.spent = self.spent + self.amount[:, option]
        self.taken.add(option)
        self.order.append(option)


def mended(
    worlds: Sequence[World], options: Sequence[Option], question: Question, plan: Sequence[int]
) -> Room:
    """A plan made for another question, brought within the limits of this one: what must be done first, then the plan's
    options in their order, each that still fits. A search starts from it (`order`)."""
    room = Room(worlds, options, question)
    for option in question.must:
        room.take(int(option))
    for option in plan:
        if room.fits(int(option)):
            room.take(int(option))
    return room
