"""What proves a maximal cover beyond the prices of its linear relaxation: the tree over the sites that they leave open,
and where they are too many for one tree, regions of the city with a tree each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.location.course import Course
from engine.location.cover_bound import CoverBound
from engine.location.cover_regions import RegionalBound
from engine.location.cover_search import interchange
from engine.location.cover_tree import CoverTree
from engine.location.grouping import Grouped, grouped_free

TREE = "branch and bound on prices of the sites left open"
REGIONS = "branch and bound by region, with prices between the regions"
# Regions need some seconds before they say anything.
LEAST_SECONDS = 20.0
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


def prove_by_regions(group: Grouped, p: int, prices: CoverBound, course: Course) -> None:
    """Lower the ceiling region by region where places are known and more sites are open than one tree takes."""
    if group.middle is None or prices.undecided(course.value) <= MOST_SITES or course.left < LEAST_SECONDS:
        return
    regional = RegionalBound(group, p, prices, course.value, _reach(group))
    regional.run(
        0.97 * course.left, course.gap, should_stop=course.should_stop,
        told=lambda ceiling: course.tighter(ceiling, REGIONS),
    )  # fmt: skip
    course.tighter(regional.best, REGIONS)


def _reach(group: Grouped) -> float:
    """About how far sites reach, in the unit of the places: the middle one of the sites' farthest groups, measured from
    the mean of their groups."""
    assert group.middle is not None
    ptr, member = group.by_site()
    covering = np.flatnonzero(np.diff(ptr) > 0)
    start = ptr[covering]
    place = group.middle[member]
    count = np.diff(ptr)[covering]
    mean = np.add.reduceat(place, start, axis=0) / count[:, None]
    far = np.hypot(*(place - np.repeat(mean, count, axis=0)).T)
    return float(max(np.median(np.maximum.reduceat(far, start)), 1e-9))
