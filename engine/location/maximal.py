"""Maximal cover at the size of a city: groups, search, bound, and the proof of the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.location.course import PRICES, Course
from engine.location.cover_bound import CoverBound
from engine.location.cover_bound import bound as cover_bound
from engine.location.cover_programs import best_of_rest
from engine.location.cover_proof import prove_by_regions, prove_by_tree
from engine.location.cover_search import Shaker, add_greedily, covered_weight, interchange
from engine.location.grouping import Grouped, grouped_free, undominated
from engine.location.incidence import Coverage, covered_value, groups_of
from engine.location.mip import solver_threads
from engine.location.records import Located, check_count, located
from engine.pairs import on_threads

Ints = NDArray[np.int64]

# A model this small goes to the solver whole: it proves sooner than the bound settles.
SMALL_ENTRIES = 3_000
# Beyond this many entries left open the solver does not come to anything within minutes.
SOLVER_ENTRIES = 400_000
# Shaking ends after this many rounds without a better choice, and at least so much of the time is left to the proof.
QUIET_ROUNDS = 1_500
PROOF_SHARE = 0.5

BRANCHED = "branch and cut"
BRANCHED_REST = "branch and cut on the sites that prices leave open"
# Further proof of what prices leave open, in the order tried: (group, p, prices, course) -> None calls course.better and
# course.tighter; each takes the sizes it is good at and leaves the rest.
Proof = Callable[[Grouped, int, CoverBound, Course], None]
PROOFS: tuple[Proof, ...] = (prove_by_tree, prove_by_regions)


def maximal_cover(
    cover: Coverage,
    p: int,
    seconds: float = 300.0,
    seed: int = 0,
    gap: float = 0.0,
    *,
    live: Callable[[float, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    warm: Ints | None = None,
    group: Grouped | None = None,
) -> Located:
    """p sites that cover the greatest weight. Stops at a proved gap of at most `gap`, after `seconds`, or when
    should_stop() says so, with the best so far, its bound and prices.

    Demands covered by the same sites are one; sites that cover nothing more than another fall away; greedy and
    interchange (or `warm`, sites to start from) give a start; a first-order method on the linear relaxation gives prices
    that bound every choice; its fractions, rounded and shaken, give better choices; sites that the prices decide are
    fixed, and the solver gets the rest. live(value, bound) is told each improvement (inf where not known). group: what
    groups_of(cover) told before. Source: Church and ReVelle 1974; interchange: Resende and Werneck 2007; bound: Pock and
    Chambolle 2011, Applegate et al. 2021, Lu and Yang 2024. Raises InvalidInput.
    """
    course = Course(seconds, max(gap, 1e-9), live, should_stop)
    check_count(p, cover.sites)
    whole = groups_of(cover) if group is None else group
    useful = np.flatnonzero(undominated(whole))
    if len(useful) <= p:
        # Nothing is left to choose: who is not useful adds nothing.
        rest = np.setdiff1d(np.arange(cover.sites), useful)[: p - len(useful)]
        chosen = np.sort(np.r_[useful, rest])
        value = covered_value(cover, chosen)
        return located("maximal cover", chosen, value, value, course.spent, seed, "every useful site is open")
    part = whole
    if len(useful) < whole.sites:
        part = grouped_free(whole, np.empty(0, np.int64), useful)[0]
    start = None if warm is None else np.flatnonzero(np.isin(useful, warm))
    prices = _choose(part, p, seed, course, start)
    chosen = useful[course.chosen]
    value = covered_value(cover, chosen)
    answer = located(
        "maximal cover", chosen, value, max(course.bound, value), course.spent, seed, course.source
    )
    return replace(answer, prices=None if prices is None else prices.price)


def _choose(group: Grouped, p: int, seed: int, course: Course, start: Ints | None) -> CoverBound | None:
    """Fill `course` for groups without dominated sites; the prices of the bound, None where none were needed."""
    by_site = group.by_site()
    chosen = add_greedily(*group.arrays, *by_site, p)
    if start is not None and len(start):
        # What was given counts first, the greedy ones fill it up.
        chosen = np.r_[start, chosen[~np.isin(chosen, start)]][:p].astype(np.int64)
    course.better(chosen, float(covered_weight(*group.arrays, chosen, group.sites)))
    if len(group.site) <= SMALL_ENTRIES:
        _close(group, p, np.empty(0, np.int64), np.arange(group.sites), seed, course, BRANCHED)
        if course.closed or course.over:
            return None
    interchange(*group.arrays, *by_site, chosen)
    course.better(chosen, float(covered_weight(*group.arrays, chosen, group.sites)))
    if course.over:
        return _priced(group, p, course, None, 1e-2, 0.0)
    prices = _priced(group, p, course, None, 1e-4, 0.45 * course.left)
    rounded = np.argsort(-prices.open_share, kind="stable")[:p].astype(np.int64)
    interchange(*group.arrays, *by_site, rounded)
    course.better(rounded, float(covered_weight(*group.arrays, rounded, group.sites)))
    if not course.over:
        _shake(group, prices, seed, course)
    if not course.over:
        prices = _priced(group, p, course, prices, max(0.1 * course.gap, 1e-6), 0.3 * course.left)
    for proof in PROOFS:
        if not course.over:
            proof(group, p, prices, course)
    if not course.over:
        surely_in, surely_out = prices.decided(course.value)
        held, free = np.flatnonzero(surely_in), np.flatnonzero(~surely_in & ~surely_out)
        if int(np.isin(group.site, free).sum()) <= SOLVER_ENTRIES:
            _close(group, p, held, free, seed, course, BRANCHED_REST)
    if not course.over:
        _shake(group, prices, seed + 1, course, patient=True)
    return prices


def _priced(
    group: Grouped, p: int, course: Course, warm: CoverBound | None, settled: float, seconds: float
) -> CoverBound:
    prices = cover_bound(
        group, p, warm=warm, start=course.chosen, value=course.value, gap=course.gap, settled=settled, seconds=seconds,
        should_stop=course.should_stop, told=lambda ceiling: course.tighter(ceiling, PRICES),
    )  # fmt: skip
    if warm is not None and warm.value <= prices.value:
        prices = warm
    # What was told on the way rests on running sums; what stays is the sum made anew.
    if course.source == PRICES:
        course.bound = max(prices.value, course.value)
    return prices


def _shake(group: Grouped, prices: CoverBound, seed: int, course: Course, patient: bool = False) -> None:
    """Shakers of different seeds, one a thread, in step, so that the answer does not depend on who is quicker."""
    hands = min(solver_threads(), 2)
    shakers = [Shaker(group, course.chosen, prices.open_share, 1_000 * seed + hand) for hand in range(hands)]
    quiet, until = 0, course.left * (0.0 if patient else PROOF_SHARE)
    while not course.over and (patient or quiet < QUIET_ROUNDS) and course.left > until:
        rounds = 20 if len(group.site) > SOLVER_ENTRIES else 50
        on_threads(lambda hand, r=rounds: shakers[hand].shake(r), hands, hands)
        quiet += rounds
        best = max(shakers, key=lambda one: one.value)
        if best.value > course.value * (1 + 1e-12):
            quiet = 0
            # Summed anew: what a shaker keeps is sums of differences.
            course.better(best.best, float(covered_weight(*group.arrays, best.best, group.sites)))
        # Few sites left open: the solver is quicker than more shaking.
        if not patient and quiet >= 100 and prices.undecided(course.value) <= 60:
            break


def _close(group: Grouped, p: int, held: Ints, free: Ints, seed: int, course: Course, source: str) -> None:
    """The solver on what is left open, while there is time."""

    def live(value: float, ceiling: float) -> None:
        if course.live is not None and ceiling < course.bound:
            course.live(max(value, course.value), max(ceiling, course.value))

    best, ceiling = best_of_rest(
        group, p, held, free, course.chosen, course.value, course.left, seed, course.gap, course.should_stop,
        live if course.live is not None else None,
    )  # fmt: skip
    if best is not None:
        course.better(best, float(covered_weight(*group.arrays, best, group.sites)))
    course.tighter(ceiling, source)
