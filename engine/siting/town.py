"""The flow of a plan, kept by group, so that opening and closing and taking it all back are quick.

Each group has a short list of the nodes that serve it, which is all a re-routing looks at. Every change of flow is one
entry (group, node, units) of a journal; deficit and room follow from it, so a move is undone by reading the journal
backwards. Where nobody unserved can be reached by any re-routing, that is remembered until a node there is closed (the
set of groups such a search has seen is closed under re-routing, so capacity added elsewhere cannot change it).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray


class Town(NamedTuple):
    """State of the search. Shapes: v nodes, g groups, e edges, o options, s exclusive sets, r rows."""

    node_ptr: NDArray
    edge_group: NDArray
    group_ptr: NDArray
    group_node: NDArray
    units: NDArray
    weight: NDArray  # (g,) value of one unit served
    open: NDArray
    room: NDArray
    deficit: NDArray
    serve_node: NDArray  # (e,) nodes that serve group g: from group_ptr[g], serve_count[g] of them
    serve_units: NDArray
    serve_count: NDArray
    mark_node: NDArray
    mark_group: NDArray
    via_node: NDArray  # (v,) the group through which a search came to the node
    via_group: NDArray  # (g,) the node from which it came to the group
    queue: NDArray
    stamp: NDArray
    dead: NDArray  # (g,) number of the failed search that saw the group
    ended: NDArray  # (ids,) failed searches that no longer count, told at the root of those that lean on each other
    link: NDArray  # (ids,) the search this one leans on, itself at the root
    ends: NDArray  # (1,) how many numbers are given out
    journal_group: NDArray
    journal_node: NDArray
    journal_units: NDArray
    journal_size: NDArray
    option_ptr: NDArray
    option_node: NDArray
    taken: NDArray
    cost: NDArray
    merit: NDArray
    set_ptr: NDArray  # exclusive sets of an option: option_set[set_ptr[o]:set_ptr[o + 1]]
    option_set: NDArray
    set_taken: NDArray
    rows: NDArray  # (o, r)
    row_limit: NDArray
    row_used: NDArray
    spent: NDArray  # (1,) fen
    value: NDArray  # (1,)
    effort: NDArray  # (1,) groups one re-routing may look at
    beside_ptr: NDArray  # nodes that share most need with node v: beside[beside_ptr[v]:beside_ptr[v + 1]]
    beside: NDArray
    roomy: (
        NDArray  # (v,) nodes whose room this move may have made useful, each once, and the number of the move
    )
    roomy_mark: NDArray
    roomy_size: NDArray  # (1,)
    number: NDArray  # (1,) moves made


@njit(cache=True, nogil=True)
def move(t, g, v, d):
    """d units of group g more (or less) on node v."""
    at, end = t.group_ptr[g], t.group_ptr[g] + t.serve_count[g]
    while at < end and t.serve_node[at] != v:
        at += 1
    if at == end:
        t.serve_node[at] = v
        t.serve_units[at] = d
        t.serve_count[g] += 1
    else:
        t.serve_units[at] += d
        if t.serve_units[at] == 0:
            t.serve_node[at] = t.serve_node[end - 1]
            t.serve_units[at] = t.serve_units[end - 1]
            t.serve_count[g] -= 1
    t.deficit[g] -= d
    t.room[v] -= d
    t.value[0] += t.weight[g] * d
    size = t.journal_size[0]
    if size < t.journal_group.size:
        t.journal_group[size], t.journal_node[size], t.journal_units[size] = g, v, d
    t.journal_size[0] = size + 1


@njit(cache=True, nogil=True)
def _served_by(t, g, v):
    for at in range(t.group_ptr[g], t.group_ptr[g] + t.serve_count[g]):
        if t.serve_node[at] == v:
            return t.serve_units[at]
    return np.int64(0)


@njit(cache=True, nogil=True)
def root(t, number):
    while t.link[number] != number:
        t.link[number] = t.link[t.link[number]]
        number = t.link[number]
    return number


@njit(cache=True, nogil=True)
def _is_dead(t, g):
    return t.dead[g] > 0 and not t.ended[root(t, t.dead[g])]


@njit(cache=True, nogil=True)
def _bury(t, tail):
    """The search that saw queue[:tail] reached nobody: remember its groups. It leans on the failed ones it stopped at."""
    if t.ends[0] + 1 >= t.ended.size:
        return
    t.ends[0] += 1
    new = t.ends[0]
    t.link[new], t.ended[new] = new, False
    for i in range(tail):
        v = t.queue[i]
        for e in range(t.node_ptr[v], t.node_ptr[v + 1]):
            g = t.edge_group[e]
            if t.dead[g] > 0:
                old = root(t, t.dead[g])
                if old != new and not t.ended[old]:
                    t.link[old] = new
                    t.dead[g] = new
                    continue
            t.dead[g] = new


@njit(cache=True, nogil=True)
def fill_at_hand(t, j):
    """Bring the unserved units within reach of node j to its room, in the order of its edges."""
    for e in range(t.node_ptr[j], t.node_ptr[j + 1]):
        if t.room[j] == 0:
            return
        g = t.edge_group[e]
        if t.deficit[g] > 0:
            move(t, g, j, min(t.deficit[g], t.room[j]))


@njit(cache=True, nogil=True)
def push(t, j):
    """Bring unserved units to node j's room, re-routing others as far as the effort allows."""
    fill_at_hand(t, j)
    looked = np.int64(0)
    while t.room[j] > 0 and looked < t.effort[0]:
        t.stamp[0] += 1
        stamp = t.stamp[0]
        head, tail, pushed, cut = 0, 1, np.int64(0), False
        t.queue[0] = j
        t.mark_node[j] = stamp
        while head < tail and t.room[j] > 0 and not cut:
            v = t.queue[head]
            head += 1
            for e in range(t.node_ptr[v], t.node_ptr[v + 1]):
                g = t.edge_group[e]
                if t.mark_group[g] == stamp or _is_dead(t, g):
                    continue
                t.mark_group[g] = stamp
                t.via_group[g] = v
                looked += 1
                if t.deficit[g] > 0 and v != j:
                    d, x = min(t.room[j], t.deficit[g]), v
                    while x != j and d > 0:
                        d = min(d, _served_by(t, t.via_node[x], x))
                        x = t.via_group[t.via_node[x]]
                    if d > 0:
                        move(t, g, v, d)
                        x = v
                        while x != j:
                            h = t.via_node[x]
                            move(t, h, x, -d)
                            x = t.via_group[h]
                            move(t, h, x, d)
                        pushed += d
                        if t.room[j] == 0:
                            return
                for at in range(t.group_ptr[g], t.group_ptr[g] + t.serve_count[g]):
                    w = t.serve_node[at]
                    if t.mark_node[w] != stamp:
                        t.mark_node[w] = stamp
                        t.via_node[w] = g
                        t.queue[tail] = w
                        tail += 1
            if looked > t.effort[0]:
                cut = True
            if pushed > 0 and head < tail and t.room[j] > 0 and looked > 4096:
                break
        if pushed == 0:
            if not cut:
                _bury(t, tail)
            return


@njit(cache=True, nogil=True)
def is_roomy(t, v):
    """Node v may have room for somebody now: remember it for the end of the move."""
    if t.roomy_mark[v] != t.number[0]:
        t.roomy_mark[v] = t.number[0]
        t.roomy[t.roomy_size[0]] = v
        t.roomy_size[0] += 1


@njit(cache=True, nogil=True)
def close_node(t, j):
    """Close a node; its people go where there is open room at hand."""
    t.open[j] = False
    moved = False
    for e in range(t.node_ptr[j], t.node_ptr[j + 1]):
        g = t.edge_group[e]
        d = _served_by(t, g, j)
        if d > 0:
            if t.dead[g] > 0:
                t.ended[root(t, t.dead[g])] = True
            move(t, g, j, -d)
            moved = True
    if moved:
        for i in range(t.beside_ptr[j], t.beside_ptr[j + 1]):
            w = t.beside[i]
            if t.open[w] and t.room[w] > 0:
                fill_at_hand(t, w)
                if t.room[w] > 0:
                    is_roomy(t, w)


@njit(cache=True, nogil=True)
def begin(t):
    """A new move: nothing to undo, no node with room made useful."""
    t.journal_size[0] = 0
    t.roomy_size[0] = 0
    t.number[0] += 1


@njit(cache=True, nogil=True)
def hope(t):
    """The value that re-routing could add at most at the nodes of this move."""
    total = 0.0
    for i in range(t.roomy_size[0]):
        v = t.roomy[i]
        if t.open[v]:
            total += t.room[v] * t.weight[t.edge_group[t.node_ptr[v]]]
    return total


@njit(cache=True, nogil=True)
def settle(t):
    """Re-route to the nodes of this move that have room."""
    for i in range(t.roomy_size[0]):
        v = t.roomy[i]
        if t.open[v] and t.room[v] > 0:
            push(t, v)


@njit(cache=True, nogil=True)
def complete(t):
    """Make the flow exactly maximal: shortest re-routings from all open room at once, each length to its end, until
    none is left (Dinic 1970)."""
    nodes, groups = t.room.size, t.deficit.size
    level_node, level_group = np.empty(nodes, np.int32), np.empty(groups, np.int32)
    at_node, at_group = np.empty(nodes, np.int64), np.empty(groups, np.int64)
    path_node, path_group = np.empty(nodes + 1, np.int64), np.empty(nodes + 1, np.int64)
    while True:
        level_node[:] = -1
        level_group[:] = -1
        tail = 0
        for v in range(nodes):
            if t.open[v] and t.room[v] > 0:
                level_node[v] = 0
                t.queue[tail] = v
                tail += 1
        sources, head, last = tail, 0, nodes + 1
        while head < tail:
            v = t.queue[head]
            head += 1
            level = level_node[v]
            if level > last:
                break
            for e in range(t.node_ptr[v], t.node_ptr[v + 1]):
                g = t.edge_group[e]
                if level_group[g] >= 0:
                    continue
                level_group[g] = level
                if t.deficit[g] > 0:
                    last = level
                for q in range(t.group_ptr[g], t.group_ptr[g] + t.serve_count[g]):
                    w = t.serve_node[q]
                    if level_node[w] < 0:
                        level_node[w] = level + 1
                        t.queue[tail] = w
                        tail += 1
        if last > nodes:
            return
        at_node[:] = t.node_ptr[:-1]
        at_group[:] = t.group_ptr[:-1]
        for i in range(sources):
            source, depth = t.queue[i], 0
            path_node[0] = source
            while t.room[source] > 0:
                v = path_node[depth]
                e = at_node[v]
                if e == t.node_ptr[v + 1]:
                    if depth == 0:
                        break
                    depth -= 1
                    at_group[path_group[depth]] += 1
                    continue
                g = t.edge_group[e]
                if level_group[g] != level_node[v]:
                    at_node[v] += 1
                    continue
                if t.deficit[g] > 0:
                    d = min(t.room[source], t.deficit[g])
                    for k in range(depth):
                        d = min(d, _served_by(t, path_group[k], path_node[k + 1]))
                    move(t, g, v, d)
                    back = depth
                    for k in range(depth - 1, -1, -1):
                        move(t, path_group[k], path_node[k + 1], -d)
                        move(t, path_group[k], path_node[k], d)
                        if _served_by(t, path_group[k], path_node[k + 1]) == 0:
                            back = k
                    depth = back
                    continue
                q = at_group[g]
                if q >= t.group_ptr[g] + t.serve_count[g] or level_node[v] >= last:
                    at_node[v] += 1
                    continue
                w = t.serve_node[q]
                if level_node[w] == level_node[v] + 1:
                    path_group[depth] = g
                    depth += 1
                    path_node[depth] = w
                else:
                    at_group[g] += 1
