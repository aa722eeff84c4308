"""What every benchmark shares: sizes, fair rounds, one row of figures, the versions of what was measured."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
# Peers that the platform must never import are installed here by script/bench, apart from its own packages.
PEERS = ROOT / "var" / "bench-peers"

FULL, QUICK, TINY = "full", "quick", "tiny"
LONG_PEER_S = 60.0  # a peer that takes longer than this runs once


class Unequal(AssertionError):
    """Ours and the peer did not compute the same thing, so there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. Seconds are medians over the rounds, `ratio` is the median of peer / ours round by round.

    `target` is what the full size is held to (None: nothing is promised), `ok` says that both computed the same and
    the ratio reaches the target. `load` is the machine's load average over a minute when the row was finished.
    `check` says what was compared to find both equal. A peer that is not installed here has no seconds and no ratio,
    0 rounds, and `check` says "peer absent": nothing is met by that.
    """

    id: str
    what: str
    ours_s: float
    peer: str
    peer_s: float | None
    ratio: float | None
    target: float | None
    ok: bool
    rounds: int
    load: float
    check: str


def of(size: str, full: Any, quick: Any, tiny: Any) -> Any:
    """The setting for a size."""
    return {FULL: full, QUICK: quick, TINY: tiny}[size]


def demand(same: bool, told: str) -> None:
    """Stop the benchmark when both sides differ."""
    if not same:
        raise Unequal(told)


def clock(action: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def compare(
    sides: dict[str, Callable[[], Any]],
    rounds: int,
    timed: Callable[[Callable[[], Any]], float] | None = None,
) -> dict[str, list[float]]:
    """Seconds by side and round. The sides take turns, in turned order each round, so that a machine that slows down
    slows them all. A side that takes over a minute runs in the first round only. Warm up before calling this.

    `timed` runs one side and returns its seconds, where a side needs a set-up that is not counted.
    """
    measure = timed or (lambda action: clock(action)[0])
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        names = list(sides)
        for name in names[::-1] if number % 2 else names:
            if number and seconds[name][0] > LONG_PEER_S:
                continue
            seconds[name].append(measure(sides[name]))
    return seconds


def row(
    id: str,
    what: str,
    ours: Sequence[float],
    peer: str,
    theirs: Sequence[float],
    target: float | None,
    check: str,
) -> Row:
    """One row from the seconds of each round; rounds that only one side ran count for its own median."""
    pairs = min(len(ours), len(theirs))
    ratio = statistics.median(b / a for a, b in zip(ours[:pairs], theirs[:pairs], strict=True))
    return Row(
        id, what, round(statistics.median(ours), 6), peer, round(statistics.median(theirs), 6), round(ratio, 2),
        target, target is None or ratio >= target, pairs, round(os.getloadavg()[0], 2), check,
    )  # fmt: skip


def absent(id: str, what: str, ours: Sequence[float], peer: str, target: float | None) -> Row:
    """The row of a peer that is not installed here."""
    return Row(
        id, what, round(statistics.median(ours), 6), peer, None, None, target, False, 0,
        round(os.getloadavg()[0], 2), "peer absent",
    )  # fmt: skip


def version(package: str) -> str:
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} (not installed)"


def with_peers() -> bool:
    """Let this process import the peers that script/bench installed apart; False when they are not there."""
    if not PEERS.is_dir():
        return False
    if str(PEERS) not in sys.path:
        sys.path.append(str(PEERS))  # last: what the platform has wins
    return True


def machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}",
    }


def as_dict(one: Row) -> dict[str, Any]:
    return asdict(one)


def as_words(rows: Sequence[Row]) -> str:
    lines = []
    for one in rows:
        if one.peer_s is None:
            lines += [f"{one.id}  {one.what}", f"    ours {one.ours_s:.4g} s, {one.peer}: peer absent"]
            continue
        goal = (
            "no target" if one.target is None else f"target {one.target:g}x, {'met' if one.ok else 'missed'}"
        )
        lines += [
            f"{one.id}  {one.what}",
            f"    ours {one.ours_s:.4g} s, {one.peer} {one.peer_s:.4g} s: {one.ratio:g}x ({goal};"
            f" {one.rounds} rounds, load {one.load:g})",
            f"    equal: {one.check}",
        ]
    return "\n".join(lines)
