"""What a growing set of chosen options serves: exact flows, each set worked out once."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.siting.flow import OpenSet
from engine.siting.model import SitingModel, build_model
from engine.world import Option, World

Ints = NDArray[np.int64]


class Growth:
    """V(S), weighted units newly served in time when the options S are done, for sets of a fixed list of options.

    V never falls when a set grows, and what an option adds only shrinks (a maximal flow is submodular in the places
    that are open). Sets are (o,) bool over the options given; those that add nothing anywhere are worth 0.
    """

    def __init__(self, worlds: Sequence[World], options: Sequence[Option], weights: Sequence[float]) -> None:
        self.worlds, self.options = worlds, list(options)
        total = sum(one.cost_fen for one in options)
        self.model: SitingModel = build_model(worlds, options, weights, total)
        self.state = OpenSet(self.model)
        self._empty = self.state.save()
        self.position = np.full(len(self.options), -1, np.int64)
        self.position[self.model.options] = np.arange(len(self.model.options))
        self._known: dict[bytes, float] = {np.zeros(len(self.options), bool).tobytes(): 0.0}
        self._adds: dict[bytes, NDArray[np.float64]] = {}

    def __len__(self) -> int:
        return len(self.options)

    def along(self, sets: Sequence[NDArray[np.bool_]]) -> list[float]:
        """V of each of some sets, every one holding the one before it."""
        keys = [one.tobytes() for one in sets]
        if any(key not in self._known for key in keys):
            self.state.restore(self._empty)
            done = np.zeros(len(self.options), bool)
            for one, key in zip(sets, keys, strict=True):
                self._open(one & ~done)
                done = one
                self._known[key] = self.state.value
        return [self._known[key] for key in keys]

    def value(self, done: NDArray[np.bool_]) -> float:
        return self.along([done])[0]

    def gains(self, done: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(o,) what each option would add to the set; 0 for those in it."""
        key = done.tobytes()
        if key not in self._adds:
            self.state.restore(self._empty)
            self._open(done)
            self._known[key] = self.state.value
            found = np.zeros(len(self.options))
            for option in np.flatnonzero(~done & (self.position >= 0)):
                found[option] = self.state.gain(int(self.position[option]))
            self._adds[key] = found
        return self._adds[key]

    def greedily(
        self,
        price: NDArray[np.float64],
        fits: Callable[[int], bool],
        done: NDArray[np.bool_],
        upper: NDArray[np.float64],
    ) -> Iterator[int]:
        """Options of best gain per price after those `done`, one after the other, as long as one that `fits` adds anything.
        The one given out counts as done. upper (o,): gains at a smaller set, brought up to date: gains only shrink, so an
        option is looked at again only when its old gain still leads (Minoux 1978)."""
        self.state.restore(self._empty)
        self._open(done)
        heap = [(-upper[o] / price[o], int(o), -1) for o in np.flatnonzero(~done & (upper > 0))]
        heapq.heapify(heap)
        count = 0
        while heap:
            _, option, seen = heapq.heappop(heap)
            if not fits(option):
                continue
            if seen == count:
                self.state.add(int(self.position[option]))
                count += 1
                yield option
                continue
            upper[option] = self.state.gain(int(self.position[option]))
            if upper[option] > 0:
                heapq.heappush(heap, (-upper[option] / price[option], option, count))

    def units(self, sets: Sequence[NDArray[np.bool_]]) -> Ints:
        """(len(sets), w, k) units newly served of each world and service, for sets each holding the one before."""
        out = np.zeros((len(sets), len(self.worlds), self.worlds[0].services), np.int64)
        self.state.restore(self._empty)
        done = np.zeros(len(self.options), bool)
        for row, one in enumerate(sets):
            if row:
                out[row] = out[row - 1]
            for option in np.flatnonzero(one & ~done & (self.position >= 0)):
                position = int(self.position[option])
                gained = self.state.add(position)
                worlds = self.model.node_world[self.state.nodes_of[position]]
                np.add.at(out[row, :, self.options[option].service], worlds, gained)
            done = one
        return out

    def _open(self, more: NDArray[np.bool_]) -> None:
        for option in np.flatnonzero(more & (self.position >= 0)):
            self.state.add(int(self.position[option]))
