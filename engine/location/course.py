"""The course of a search: the best choice and the best bound so far, and whether to go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

PRICES = "prices of the linear relaxation"


@dataclass
class Course:
    """What is known while a search runs; every improvement is told at once. value, bound: of the aim."""

    seconds: float
    gap: float
    live: Callable[[float, float], None] | None = None
    should_stop: Callable[[], bool] | None = None
    value: float = -np.inf
    bound: float = np.inf
    source: str = PRICES
    chosen: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    begun: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        return time.monotonic() - self.begun

    @property
    def left(self) -> float:
        return self.seconds - self.spent

    @property
    def stopped(self) -> bool:
        return self.should_stop is not None and self.should_stop()

    @property
    def closed(self) -> bool:
        # Neither side known is not closed: an infinite gap is not within an infinite slack.
        return bool(np.isfinite(self.bound)) and self.bound - self.value <= self.gap * max(
            abs(self.bound), 1e-300
        )

    @property
    def over(self) -> bool:
        return self.closed or self.left <= 0 or self.stopped

    def better(self, chosen: Ints, value: float) -> None:
        if value > self.value:
            self.value, self.chosen = value, np.sort(chosen)
            self._tell()

    def tighter(self, bound: float, source: str) -> None:
        if bound < self.bound:
            self.bound, self.source = max(bound, self.value), source
            self._tell()

    def _tell(self) -> None:
        if self.live is not None:
            self.live(self.value, self.bound)
