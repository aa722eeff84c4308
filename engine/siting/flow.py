"""Maximal flow that follows opening and closing of capacity, one augmenting search at a time.

The served total as a function of the open set is submodular, so gains only shrink while options are added: the lazy
greedy rests on that (Minoux 1978).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.siting.model import SitingModel

UNHURRIED = 1 << 60  # edges: no limit


class Net(NamedTuple):
    node_ptr: NDArray
    edge_group: NDArray
    edge_node: NDArray
    group_ptr: NDArray
    group_edge: NDArray
    flow: NDArray
    deficit: NDArray
    room: NDArray
    open_node: NDArray
    mark_node: NDArray
    mark_group: NDArray
    via_node: NDArray
    via_group: NDArray
    queue: NDArray
    dead_group: NDArray
    effort: NDArray
    stamp: NDArray
    journal_at: NDArray
    journal_by: NDArray
    journal_size: NDArray


@njit(cache=True, nogil=True)
def _note(net, at, by):
    size = net.journal_size[0]
    if size < net.journal_at.size:
        net.journal_at[size] = at
        net.journal_by[size] = by
    net.journal_size[0] = size + 1


@njit(cache=True, nogil=True)
def fill(net, j, keep_journal):
    """Bring as many unserved units as possible to node j's room, re-routing others. Units added.

    Once a search has looked at more than `effort` edges no new one is begun, and what was found stands.

    Journal: edge e moved by d as (e, d); deficit of group g fell by d as (-1-g, d).
    """
    added = np.int64(0)
    for e in range(net.node_ptr[j], net.node_ptr[j + 1]):
        if net.room[j] == 0:
            return added
        g = net.edge_group[e]
        d = min(net.deficit[g], net.room[j])
        if d > 0:
            net.flow[e] += d
            net.deficit[g] -= d
            net.room[j] -= d
            added += d
            if keep_journal:
                _note(net, e, d)
                _note(net, -1 - g, d)
    looked = np.int64(0)
    while net.room[j] > 0 and looked < net.effort[0]:
        net.stamp[0] += 1
        stamp = net.stamp[0]
        head, tail, level_end, pushed = 0, 1, 1, np.int64(0)
        net.queue[0] = j
        net.mark_node[j] = stamp
        while head < tail and net.room[j] > 0:
            if head == level_end:
                if pushed > 0:  # shortest re-routings first, each length to its end (Dinic 1970)
                    break
                level_end = tail
            v = net.queue[head]
            head += 1
            if looked > 4 * net.effort[0]:
                return added + pushed
            looked += net.node_ptr[v + 1] - net.node_ptr[v]
            for e in range(net.node_ptr[v], net.node_ptr[v + 1]):
                g = net.edge_group[e]
                if net.mark_group[g] == stamp or net.dead_group[g]:
                    continue
                net.mark_group[g] = stamp
                net.via_group[g] = e
                if net.deficit[g] > 0:
                    # A branch of the tree that an earlier push used up shows as 0 here; the next search takes it up.
                    d = min(net.room[j], net.deficit[g])
                    x = v
                    while x != j and d > 0:
                        back = net.via_node[x]
                        d = min(d, net.flow[back])
                        x = net.edge_node[net.via_group[net.edge_group[back]]]
                    if d > 0:
                        if keep_journal and net.journal_size[0] + 4 * net.room.size + 8 > net.journal_at.size:
                            return added  # too long to undo: a gain that is stated too low is still a gain
                        net.flow[e] += d
                        if keep_journal:
                            _note(net, e, d)
                            _note(net, -1 - g, d)
                        x = v
                        while x != j:
                            back = net.via_node[x]
                            net.flow[back] -= d
                            on = net.via_group[net.edge_group[back]]
                            net.flow[on] += d
                            if keep_journal:
                                _note(net, back, -d)
                                _note(net, on, d)
                            x = net.edge_node[on]
                        net.deficit[g] -= d
                        net.room[j] -= d
                        pushed += d
                        if net.room[j] == 0:
                            break
                looked += net.group_ptr[g + 1] - net.group_ptr[g]
                for q in range(net.group_ptr[g], net.group_ptr[g + 1]):
                    back = net.group_edge[q]
                    if net.flow[back] > 0:
                        w = net.edge_node[back]
                        if net.mark_node[w] != stamp:
                            net.mark_node[w] = stamp
                            net.via_node[w] = back
                            net.queue[tail] = w
                            tail += 1
        added += pushed
        if pushed == 0:
            # Nobody unserved can be reached from here; while options are only added, that stays so.
            if added == 0 or not keep_journal:
                for i in range(tail):
                    v = net.queue[i]
                    for e in range(net.node_ptr[v], net.node_ptr[v + 1]):
                        net.dead_group[net.edge_group[e]] = True
            break
    return added


@njit(cache=True, nogil=True)
def trial(net, nodes, units, weights):
    """Weighted units that opening these nodes would add; everything is put back."""
    value = 0.0
    net.journal_size[0] = 0
    for i in range(nodes.size):
        j = nodes[i]
        net.room[j] = units[j]
        value += weights[j] * fill(net, j, True)
        net.room[j] = 0
    for i in range(min(net.journal_size[0], net.journal_at.size) - 1, -1, -1):
        at, by = net.journal_at[i], net.journal_by[i]
        if at >= 0:
            net.flow[at] -= by
        else:
            net.deficit[-1 - at] += by
    return value


@njit(cache=True, nogil=True)
def open_nodes(net, nodes, units, gained):
    """Open nodes for good; gained (len(nodes),) receives units added by each."""
    for i in range(nodes.size):
        j = nodes[i]
        net.open_node[j] = True
        net.room[j] = units[j]
        gained[i] = fill(net, j, False)


@njit(cache=True, nogil=True)
def close_nodes(net, nodes):
    """Close nodes and send their people elsewhere as far as open room allows. Net units lost."""
    lost = np.int64(0)
    net.dead_group[:] = False
    for i in range(nodes.size):
        j = nodes[i]
        net.open_node[j] = False
        net.room[j] = 0
    net.stamp[0] += 1
    dead = net.stamp[0]  # everything marked with this stamp or a failed search cannot reach room
    for i in range(nodes.size):
        j = nodes[i]
        for e in range(net.node_ptr[j], net.node_ptr[j + 1]):
            moved = net.flow[e]
            if moved > 0:
                net.flow[e] = 0
                g = net.edge_group[e]
                net.deficit[g] += moved
                back, dead = _rehome(net, g, moved, dead)
                lost += moved - back
    return lost


@njit(cache=True, nogil=True)
def _rehome(net, source, wanted, dead):
    """Send up to `wanted` unserved units of group `source` to open room. (units placed, stamp of dead ends)."""
    placed = np.int64(0)
    while placed < wanted:
        if net.mark_group[source] == dead:
            break
        # Marks from the running search use a fresh stamp; on failure they join the dead ones by renaming the stamp.
        net.stamp[0] += 1
        stamp = net.stamp[0]
        head, tail = 0, 1
        net.queue[0] = source
        net.mark_group[source] = stamp
        found = np.int64(-1)
        while head < tail and found < 0:
            g = net.queue[head]
            head += 1
            for q in range(net.group_ptr[g], net.group_ptr[g + 1]):
                e = net.group_edge[q]
                w = net.edge_node[e]
                if not net.open_node[w] or net.mark_node[w] == stamp or net.mark_node[w] == dead:
                    continue
                net.mark_node[w] = stamp
                net.via_node[w] = e
                if net.room[w] > 0:
                    found = w
                    break
                for f in range(net.node_ptr[w], net.node_ptr[w + 1]):
                    if net.flow[f] > 0:
                        other = net.edge_group[f]
                        if net.mark_group[other] != stamp and net.mark_group[other] != dead:
                            net.mark_group[other] = stamp
                            net.via_group[other] = f
                            net.queue[tail] = other
                            tail += 1
        if found < 0:
            for i in range(tail):
                g = net.queue[i]
                net.mark_group[g] = dead
                for q in range(net.group_ptr[g], net.group_ptr[g + 1]):
                    w = net.edge_node[net.group_edge[q]]
                    if net.mark_node[w] == stamp:
                        net.mark_node[w] = dead
            break
        d = min(wanted - placed, net.room[found])
        w = found
        while True:
            g = net.edge_group[net.via_node[w]]
            if g == source:
                break
            d = min(d, net.flow[net.via_group[g]])
            w = net.edge_node[net.via_group[g]]
        w = found
        net.room[found] -= d
        while True:
            e = net.via_node[w]
            g = net.edge_group[e]
            net.flow[e] += d
            if g == source:
                break
            f = net.via_group[g]
            net.flow[f] -= d
            w = net.edge_node[f]
        net.deficit[source] -= d
        placed += d
    return placed, dead


class OpenSet:
    """A set of open options with its maximal flow; `value` is weighted units above what exists already.

    effort: edges a re-routing may look at; by default any number, so that the flow is exactly maximal. A search that
    weighs thousands of plans gives less and may state a plan's value a little too low, never too high.
    """

    def __init__(self, model: SitingModel, effort: int = UNHURRIED) -> None:
        self.model = model
        lengths = np.diff(model.node_ptr)
        edge_node = np.repeat(np.arange(model.nodes), lengths).astype(np.int32)
        by_group = np.argsort(model.edge_group, kind="stable")
        group_ptr = np.searchsorted(model.edge_group[by_group], np.arange(model.groups + 1)).astype(np.int64)
        longest = max(model.nodes, model.groups, 1) + 1
        journal = (1 << 20) + 16 * model.groups + 8 * model.nodes
        self.net = Net(
            model.node_ptr, model.edge_group, edge_node, group_ptr, by_group.astype(np.int64),
            np.zeros(model.edges, np.int64), model.group_need.copy(), np.zeros(model.nodes, np.int64),
            np.zeros(model.nodes, np.bool_), np.zeros(model.nodes, np.int64), np.zeros(model.groups, np.int64),
            np.zeros(model.nodes, np.int64), np.zeros(model.groups, np.int64), np.zeros(longest, np.int64), np.zeros(model.groups, np.bool_), np.array([effort]),
            np.zeros(1, np.int64), np.zeros(journal, np.int64), np.zeros(journal, np.int64), np.zeros(1, np.int64),
        )  # fmt: skip
        order = np.argsort(model.node_option, kind="stable")
        first = np.searchsorted(model.node_option[order], np.arange(len(model.options) + 1))
        self.nodes_of = [order[first[o] : first[o + 1]] for o in range(len(model.options))]
        self.taken = np.zeros(len(model.options), bool)
        self.value, self.cost = 0.0, 0
        existing = order[: first[0]] if len(first) else order
        self.net.effort[0] = UNHURRIED
        open_nodes(self.net, existing, model.node_units, np.zeros(len(existing), np.int64))
        self.net.effort[0] = effort
        self.rivals: list[list[NDArray]] = [[] for _ in model.options]
        for members in model.conflicts:
            for member in members:
                self.rivals[member].append(members)

    def gain(self, option: int) -> float:
        return trial(self.net, self.nodes_of[option], self.model.node_units, self.model.node_weight)

    def allowed(self, option: int, budget: int) -> bool:
        if self.taken[option] or self.cost + int(self.model.cost[option]) > budget:
            return False
        return not any(self.taken[members].any() for members in self.rivals[option])

    def add(self, option: int) -> NDArray[np.int64]:
        """Open an option; units added per node of nodes_of[option]."""
        nodes = self.nodes_of[option]
        gained = np.zeros(len(nodes), np.int64)
        open_nodes(self.net, nodes, self.model.node_units, gained)
        self.taken[option] = True
        self.cost += int(self.model.cost[option])
        self.value += float(np.sum(gained * self.model.node_weight[nodes]))
        return gained

    def remove(self, option: int) -> None:
        nodes = self.nodes_of[option]
        for i in range(len(nodes)):  # by node: blocks may weigh differently
            self.value -= float(close_nodes(self.net, nodes[i : i + 1])) * float(
                self.model.node_weight[nodes[i]]
            )
        self.taken[option] = False
        self.cost -= int(self.model.cost[option])

    def complete(self) -> NDArray[np.int64]:
        """Finish what limited effort left undone: the flow is exactly maximal after it. (v,) units each node gains."""
        limit, gained = int(self.net.effort[0]), np.zeros(self.model.nodes, np.int64)
        self.net.effort[0] = UNHURRIED
        for node in np.flatnonzero(self.net.room > 0):
            gained[node] = fill(self.net, node, False)
        self.net.effort[0] = limit
        self.value += float(np.sum(gained * self.model.node_weight))
        return gained

    def plenty(self) -> NDArray[np.bool_]:
        """(g,) groups whose people all have a place and whose places nobody short could use, even by re-routing. At a
        maximal flow they are one side of a minimal cut."""
        model, felt = self.model, self.net.deficit > 0
        used = self.net.flow > 0
        open_edge = self.net.open_node[self.net.edge_node]
        while True:
            node = np.zeros(model.nodes, bool)
            node[self.net.edge_node[felt[model.edge_group] & open_edge]] = True
            grown = felt.copy()
            grown[model.edge_group[used & node[self.net.edge_node]]] = True
            if np.array_equal(grown, felt):
                return ~felt
            felt = grown

    def save(self) -> tuple:
        net = self.net
        return (net.flow.copy(), net.deficit.copy(), net.room.copy(), net.open_node.copy(), self.taken.copy(),
                self.value, self.cost)  # fmt: skip

    def restore(self, saved: tuple) -> None:
        net = self.net
        for array, old in zip((net.flow, net.deficit, net.room, net.open_node), saved[:4], strict=True):
            array[:] = old
        net.dead_group[:] = False
        self.taken[:] = saved[4]
        self.value, self.cost = saved[5], saved[6]
