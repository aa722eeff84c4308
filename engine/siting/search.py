"""Plans by greed and by search: good answers fast, without a proof. The proof is bound.py's and mip.py's."""

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


def ruin_and_recreate(work, best, best_value, dual, near, first, budget, random, out_of_time, tell):
    """Ruin and recreate: drop a few chosen options around a random place, fill up again by gain per fen among those
    that could replace them, keep what is not worse."""
    model = work.model
    price = np.maximum(model.cost, 1)
    leaders = np.argsort(-(dual.profit + dual.share), kind="stable")[: max(64, int(best.sum()) * 2)]
    rounds = 0
    while not out_of_time():
        rounds += 1
        if rounds % 16 == 0:
            tell(0.6, "search")
        chosen = np.flatnonzero(work.taken)
        if len(chosen) == 0:
            break
        saved = work.save()
        seed_option = int(random.choice(chosen if random.random() < 0.7 else leaders))
        around = near(seed_option)
        mine = around[work.taken[around]]
        count = int(random.integers(1, max(2, min(8, len(chosen)) + 1)))
        drop = random.permutation(mine)[:count]
        if len(drop) < count and random.random() < 0.5:
            drop = np.unique(np.concatenate([drop, random.permutation(chosen)[: count - len(drop)]]))
        for option in drop:
            work.remove(int(option))
        # Candidates: the neighbourhood and a sample of the leaders; old gains with nothing open bound them above.
        pool = np.unique(
            np.concatenate([random.permutation(around)[:48], random.permutation(leaders)[:24], drop])
        )
        upper = np.zeros(len(first))
        upper[pool] = first[pool] * np.exp(random.normal(0, 0.05, len(pool)))
        noisy = price * np.exp(random.normal(0, 0.15, len(price)))
        _refill(work, pool, upper, noisy, budget)
        if work.value > best_value + 1e-9:
            best, best_value = work.taken.copy(), work.value
        elif work.value < saved[5] - 1e-9:
            work.restore(saved)
    return best, best_value


def _refill(work: OpenSet, pool, upper, price, budget: int) -> None:
    heap = [(-upper[o] / price[o], int(o), -1) for o in pool if upper[o] > 0]
    heapq.heapify(heap)
    added = 0
    while heap:
        _, option, seen = heapq.heappop(heap)
        if not work.allowed(option, budget):
            continue
        if seen == added:
            work.add(option)
            added += 1
            continue
        gain = work.gain(option)
        if gain > 0:
            heapq.heappush(heap, (-gain / price[option], option, added))
