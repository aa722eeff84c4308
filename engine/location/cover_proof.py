"""What proves a maximal cover beyond the prices of its linear relaxation: the tree over the sites that they leave open."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.location.course import Course
from engine.location.cover_bound import CoverBound
from engine.location.cover_search import interchange
from engine.location.cover_tree import CoverTree
from engine.location.grouping import Grouped, grouped_free

TREE = "branch and bound on prices of the sites left open"
# Below this many entries the solver is as quick; beyond this many sites a tree over the whole gains next to nothing.
LEAST_ENTRIES = 3_000
MOST_SITES = 600
# Beyond this many the solver does not come to anything, so that the tree may have all the time.
SOLVER_ENTRIES = 400_000
# Share of the time left that the tree gets where the solver may still try after it.
BEFORE_SOLVER = 0.75


def prove_by_tree(group: Grouped, p: int, prices: CoverBound, course: Course) -> None:
    """Grow a tree on the sites that the prices leave open at the value known so far."""
    surely_in, surely_out = prices.decided(course.value)
    held, free = np.flatnonzero(surely_in), np.flatnonzero(~surely_in & ~surely_out)
    count = p - len(held)
    if not 0 < count < len(free) or len(free) > MOST_SITES:
        return
    part, sure = grouped_free(group, held, free)
    if len(part.site) < LEAST_ENTRIES:
        return
    by_site = part.by_site()

    def better(share: NDArray[np.float64]) -> NDArray[np.int64]:
        chosen = np.argsort(-share, kind="stable")[:count].astype(np.int64)
        interchange(*part.arrays, *by_site, chosen)
        return chosen

    def told(value: float, ceiling: float) -> None:
        if sure + value > course.value * (1 + 1e-12):
            course.better(np.r_[held, free[tree.sites]], sure + value)
        # What was fixed may only be fixed where the answer must beat the value: at worst the value is the best.
        course.tighter(max(sure + ceiling, course.value), TREE)

    known = np.flatnonzero(np.isin(free, course.chosen))
    share = BEFORE_SOLVER if len(part.site) <= SOLVER_ENTRIES else 0.97
    tree = CoverTree(
        part, count, sites=known if len(known) == count else None, better=better, root_seconds=0.3 * course.left
    )  # fmt: skip
    told(tree.value, tree.ceiling)
    tree.grow(share * max(course.left, 0.0), course.gap, should_stop=course.should_stop, told=told)
    told(tree.value, tree.ceiling)
