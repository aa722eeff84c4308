"""Which facility hurts most when it falls out: the loss of each one, and of pairs, exactly.

A site that falls out takes all its roles with it. Only roles that are ready in time matter, for they are assigned
first and what is late never displaces them. Under "nearest" the people of the site move on and push others out, in a
chain that ends; under "best" they are re-routed through the residual network. Both touch only what changes and are
equal to scoring the city again without the site.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine import ledger as ledgers
from engine import reflow
from engine.allocation import assign_best_of
from engine.checks import InvalidInput, check_world
from engine.coverage import ASSIGNMENTS, role_ready, role_supply
from engine.ledger import Ledger, ledger_of, undo
from engine.repair import close, settle
from engine.transport import Transport, cell_ties, role_ties, transport_of
from engine.world import World

Ints = NDArray[np.int64]


def loss_of_each(
    world: World, assignment: str = "nearest", sites: ArrayLike | None = None, threads: int | None = None
) -> Ints:
    """(m, k) units no longer served in time when each of `sites` (m,) (None: all) alone falls out, the others staying.

    Equal to the difference of two runs of score_world, the second with the site's roles unusable; never negative.
    Raises InvalidInput.
    """
    chosen = np.arange(world.supply.sites) if sites is None else np.asarray(sites, np.int64).reshape(-1)
    return _losses(world, assignment, chosen[:, None], threads)


def loss_of_pairs(
    world: World, pairs: ArrayLike, assignment: str = "nearest", threads: int | None = None
) -> Ints:
    """(q, k) units no longer served in time when both sites of each of `pairs` (q, 2) fall out together."""
    return _losses(world, assignment, np.asarray(pairs, np.int64).reshape(-1, 2), threads)


def _losses(world: World, assignment: str, cases: Ints, threads: int | None) -> Ints:
    """(q, k) for cases (q, w): sites that fall out together."""
    if assignment not in ASSIGNMENTS:
        raise InvalidInput([f"assignment {assignment!r} is not nearest or best"])
    check_world(world)
    wrong = int(((cases < 0) | (cases >= world.supply.sites)).sum())
    if wrong:
        raise InvalidInput([f"sites: {wrong} do not exist"])
    ready = role_ready(world)
    supply = np.where(ready, role_supply(world)[0], 0)
    tie, cell_tie = role_ties(world.supply), cell_ties(world)
    lost = np.zeros((len(cases), world.services), np.int64)
    work = _nearest if assignment == "nearest" else _best
    for service in range(world.services):
        transport = transport_of(world, service, supply, ready, tie, cell_tie)
        ptr, sinks = _sinks_of_cases(world, transport, cases)
        hit = np.flatnonzero(np.diff(ptr) > 0)
        if len(hit):
            lost[hit, service] = work(transport, ptr, sinks, hit, threads or len(os.sched_getaffinity(0)))
    return lost


def _sinks_of_cases(world: World, transport: Transport, cases: Ints) -> tuple[Ints, Ints]:
    """(ptr (q+1,), sinks): the sinks of each case's sites, each once."""
    site = world.supply.role_site[transport.role].astype(np.int64)
    by_site = np.argsort(site, kind="stable")
    first = np.searchsorted(site[by_site], np.arange(world.supply.sites + 1))
    wanted = np.sort(cases, axis=1)
    repeated = np.zeros(wanted.shape, bool)
    repeated[:, 1:] = wanted[:, 1:] == wanted[:, :-1]
    counts = np.where(repeated, 0, np.diff(first)[wanted])
    ptr = np.concatenate([[0], np.cumsum(counts.sum(axis=1))]).astype(np.int64)
    flat, length = first[wanted].ravel(), counts.ravel()
    begin = np.cumsum(length) - length
    return ptr, by_site[np.repeat(flat - begin, length) + np.arange(length.sum())]


def _nearest(transport: Transport, ptr: Ints, sinks: Ints, cases: Ints, threads: int) -> Ints:
    first, _ = ledger_of(transport)

    def run(own: Ledger, mine: Ints) -> Ints:
        return _nearest_losses(own, ptr, sinks, mine)

    return _shared(run, first, ledgers.copy_of, cases, threads)


def _best(transport: Transport, ptr: Ints, sinks: Ints, cases: Ints, threads: int) -> Ints:
    first = reflow.flow_of(transport, assign_best_of(transport, minimise_travel=False).units)

    def run(own: reflow.Flow, mine: Ints) -> Ints:
        return _best_losses(own, ptr, sinks, mine)

    return _shared(run, first, reflow.copy_of, cases, threads)


def _shared(run: Callable, first, copy: Callable, cases: Ints, threads: int) -> Ints:
    """Cases dealt out to threads, each with a copy of its own; the kernels hold no lock."""
    threads = max(1, min(threads, len(cases)))
    hands = [cases[number::threads] for number in range(threads)]
    out = np.empty(len(cases), np.int64)
    with ThreadPoolExecutor(threads) as pool:
        jobs = [
            pool.submit(run, first if number == 0 else copied, hand)
            for number, (hand, copied) in enumerate(
                zip(hands, [None, *(copy(first) for _ in hands[1:])], strict=True)
            )
        ]
        for number, job in enumerate(jobs):
            out[number::threads] = job.result()
    return out


@njit(cache=True, nogil=True)
def _nearest_losses(ledger, ptr, sinks, cases):
    out = np.empty(cases.size, np.int64)
    ledgers.mark(ledger)
    for i in range(cases.size):
        for e in range(ptr[cases[i]], ptr[cases[i] + 1]):
            close(ledger, sinks[e])
        out[i] = settle(ledger)
        undo(ledger)
    return out


@njit(cache=True, nogil=True)
def _best_losses(flow, ptr, sinks, cases):
    out = np.empty(cases.size, np.int64)
    for i in range(cases.size):
        out[i] = reflow.lost_without(flow, sinks[ptr[cases[i]] : ptr[cases[i] + 1]])
    return out
