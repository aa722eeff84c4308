"""Plans by greed, and who competes with whom. Search is plan_search.py's; the proof is bound.py's and mip.py's."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.siting.flow import OpenSet
from engine.siting.model import SitingModel

Progress = Callable[[float, str], None]


def fill_greedily(
    state: OpenSet,
    upper: NDArray[np.float64],
    budget: int,
    by_cost: bool,
    out_of_time: Callable[[], bool] = lambda: False,
    tell: Progress = lambda share, stage: None,
) -> list[int]:
    """Add options of best gain (per fen when by_cost) until none fits. `upper` (o,) are gains at a smaller open set:
    gains only shrink, so an option is looked at again only when its old gain still leads. Returns them in order."""
    price = np.maximum(state.model.cost, 1) if by_cost else np.ones(len(upper))
    heap = [(float(-upper[o] / price[o]), int(o), -1) for o in np.flatnonzero(upper > 0)]
    heapq.heapify(heap)
    order: list[int] = []
    looked = 0
    while heap:
        _, option, seen = heapq.heappop(heap)
        if not state.allowed(option, budget):
            continue
        if seen == len(order) or out_of_time():
            state.add(option)
            order.append(option)
            continue
        looked += 1
        if looked % 64 == 0:
            tell(0.15, "greedy")
        gain = state.gain(option)
        if gain > 0:
            heapq.heappush(heap, (float(-gain / price[option]), option, len(order)))
    return order


def neighbours(model: SitingModel) -> Callable[[int], NDArray[np.int64]]:
    """near(option) -> options that share a group with it (they compete for the same people), found when asked."""
    by_group = np.argsort(model.edge_group, kind="stable")
    group_ptr = np.searchsorted(model.edge_group[by_group], np.arange(model.groups + 1))
    edge_option = np.repeat(model.node_option, np.diff(model.node_ptr))
    nodes = np.argsort(model.node_option, kind="stable")
    first = np.searchsorted(model.node_option[nodes], np.arange(len(model.options) + 1))
    known: dict[int, NDArray[np.int64]] = {}

    def near(option: int) -> NDArray[np.int64]:
        if option not in known:
            found = [np.array([option])]
            for node in nodes[first[option] : first[option + 1]]:
                groups = model.edge_group[model.node_ptr[node] : model.node_ptr[node + 1]]
                groups = groups[:: max(1, len(groups) // 64)]
                for g in groups:
                    others = edge_option[by_group[group_ptr[g] : group_ptr[g + 1]]]
                    found.append(others[others >= 0][:256])
            known[option] = np.unique(np.concatenate(found))
        return known[option]

    return near
