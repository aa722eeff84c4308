"""Travel searches that any worker may do a block of: from which places, over which roads, how far.

What a search finds is a folder named by everything it depends on, `reach/<inputs without the limit>/<limit>`, so that
the same question is never searched twice and a shorter one is cut from a longer one. Places are sorted along the
Morton curve and cut into blocks: neighbours touch the same streets one after another, and each block is a folder of its
own until all are put together. See docs/scale-out.md.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from engine import ENGINE_VERSION
from engine.need import morton_order
from engine.network import RoadGraph, Snap
from engine.travel import DETOUR, WALK_M_PER_MIN, reach_by_road, reach_straight
from engine.world import Reach
from planning.bridge import artefacts
from planning.bridge.frozen import Frozen
from planning.bridge.roads import RoadState, load_roads

# A block holds at most about so many pairs (eight bytes each, a few times over while they are put in order) ...
BLOCK_PAIRS = 16_000_000
# ... and so many places: fewer waste the preparation that each block repeats, more make blocks too long to lose.
LEAST_BLOCK, MOST_BLOCK = 16, 1024
# Only for guessing how large a search is: fast roads count most over long ways.
USUAL_DRIVE_M_PER_MIN = 800.0
SAMPLE_PLACES, SAMPLE_CELLS = 40, 100_000


@dataclass(frozen=True)
class Search:
    """Cells within `limit` ("m" or "min", on foot or driving) of some places of a snapshot.

    sites (s,) int64: their numbers in the snapshot, ascending. roads None: straight lines x detour.
    """

    frozen: Frozen
    sites: np.ndarray
    limit: float
    unit: str
    mode: str
    detour: float
    roads: RoadState | None

    def __len__(self) -> int:
        return len(self.sites)

    @cached_property
    def x(self) -> np.ndarray:
        return np.asarray(self.frozen["site_x"])[self.sites]

    @cached_property
    def y(self) -> np.ndarray:
        return np.asarray(self.frozen["site_y"])[self.sites]

    @cached_property
    def extra(self) -> np.ndarray:
        """(s,) minutes between the gate and the place; a limit in metres knows none."""
        if self.unit != "min":
            return np.zeros(len(self.sites))
        return self.frozen.site_column("entry_minutes")[self.sites]

    @cached_property
    def way(self) -> list[Any]:
        """All that searches must share to be done together: everything but places and limit."""
        roads = self.roads.key if self.roads else None
        return [
            self.frozen.cells_at,
            roads,
            self.unit,
            self.mode,
            float(self.detour),
            ENGINE_VERSION,
        ]

    @cached_property
    def family(self) -> str:
        """The folder that holds this search at every limit it was done at."""
        digest = hashlib.sha256(json.dumps(self.way).encode())
        for array in (self.x, self.y, self.extra):
            digest.update(np.ascontiguousarray(array).tobytes())
        return f"reach/{digest.hexdigest()}"

    @property
    def name(self) -> str:
        return f"{self.family}/{float(self.limit)!r}"

    def found(self) -> Reach | None:
        """The stored answer, or one cut from a stored answer with a longer limit; None when there is neither."""
        try:
            return _loaded(self.name)
        except FileNotFoundError:
            pass
        longer = [one for one in _limits(self.family) if one > self.limit]
        for limit in sorted(longer):
            try:
                _cut(f"{self.family}/{limit!r}", self.limit, self.name, {"told": self.way})
            except FileNotFoundError:
                continue
            return _loaded(self.name)
        return None

    def pairs_expected(self) -> float:
        """Cells in reach of one place, on average: straight lines from a sample of the places."""
        if not len(self.sites):
            return 0.0
        speed = WALK_M_PER_MIN if self.mode == "walk" else USUAL_DRIVE_M_PER_MIN
        metres = self.limit if self.unit == "m" else self.limit * speed
        every = max(1, self.frozen.cells // SAMPLE_CELLS)
        cx, cy = (np.asarray(self.frozen[name][::every]) for name in ("cell_x", "cell_y"))
        sample = np.linspace(0, len(self.sites) - 1, min(len(self.sites), SAMPLE_PLACES)).astype(int)
        within = sum(
            int(np.count_nonzero(np.hypot(cx - self.x[n], cy - self.y[n]) <= metres / DETOUR)) for n in sample
        )
        return every * within / len(sample)


class Sweep:
    """Searches done in one go: the same way to travel, so one search from all their places at the longest limit."""

    def __init__(self, searches: Sequence[Search], block: int | None = None) -> None:
        self.searches = list(searches)
        longest = max(self.searches, key=lambda one: one.limit)
        sites = np.unique(np.concatenate([one.sites for one in self.searches]))
        self.whole = Search(
            longest.frozen, sites, longest.limit, longest.unit, longest.mode, longest.detour, longest.roads
        )
        self.block = block or self._block_size()
        self.order = morton_order(self.whole.x, self.whole.y) if len(sites) else np.empty(0, np.int64)

    def _block_size(self) -> int:
        return int(np.clip(BLOCK_PAIRS / max(self.whole.pairs_expected(), 1.0), LEAST_BLOCK, MOST_BLOCK))

    @property
    def blocks(self) -> int:
        return -(-len(self.whole) // self.block)

    def block_name(self, search: Search, block: int) -> str:
        told = json.dumps([sorted(one.name for one in self.searches), self.block]).encode()
        return f"{search.name}.blocks/{hashlib.sha256(told).hexdigest()[:16]}-{block}"

    def do(self, block: int, threads: int | None = None) -> int:
        """Search one block and store for each search the rows that are its own; pairs found. Nothing is done twice."""
        wanted = [one for one in self.searches if not artefacts.exists(self.block_name(one, block))]
        if not wanted:
            return 0
        rows = np.sort(self.order[block * self.block : (block + 1) * self.block])
        part = _search(self.whole, rows, threads)
        sites = self.whole.sites[rows]
        for search in wanted:
            own = np.flatnonzero(np.isin(sites, search.sites))
            mine = part if len(own) == len(rows) else part.take(own)
            if search.limit < self.whole.limit:
                mine = mine.within(search.limit)
            with artefacts.drafted(self.block_name(search, block)) as draft:
                draft.array("row", np.int64, len(own))(np.searchsorted(search.sites, sites[own]))
                draft.array("indptr", np.int64, len(own) + 1)(mine.indptr)
                draft.array("cell", np.int32, mine.pairs)(mine.cell)
                draft.array("cost", np.float32, mine.pairs)(mine.cost)
        return part.pairs

    def put_together(self, search: Search, threads: int | None = None) -> None:
        """The blocks of a search become one folder; a block that is missing is searched here and now."""
        if not artefacts.exists(search.name):
            blocks = [self._block(search, number, threads) for number in range(self.blocks)]
            of, first = np.zeros(len(search), np.int64), np.zeros(len(search), np.int64)
            lengths = np.zeros(len(search), np.int64)
            for number, block in enumerate(blocks):
                of[block["row"]], first[block["row"]] = number, block["indptr"][:-1]
                lengths[block["row"]] = np.diff(block["indptr"])
            with ExitStack() as stack:
                readers = [
                    [stack.enter_context(Values(block[name])) for name in ("cell", "cost")]
                    for block in blocks
                ]
                places = zip(of.tolist(), first.tolist(), lengths.tolist(), strict=True)
                rows = (tuple(one.read(at, count) for one in readers[n]) for n, at, count in places if count)
                _write(search.name, lengths, rows, {"told": search.way})
        artefacts.forget(f"{search.name}.blocks")

    def _block(self, search: Search, number: int, threads: int | None) -> dict[str, np.ndarray]:
        name = self.block_name(search, number)
        if not artefacts.exists(name):
            self.do(number, threads)
        return artefacts.load(name)[0]


def sweeps_of(searches: Iterable[Search]) -> list[Sweep]:
    """Searches that are not stored yet, those put together that cost less together. The cost of a search grows with
    its places and the square of its limit, whatever the streets."""
    groups: list[list[Search]] = []
    for search in sorted(
        {one.name: one for one in searches}.values(), key=lambda one: (-one.limit, one.name)
    ):
        if search.found() is not None:
            continue
        for group in groups:
            if group[0].way == search.way:
                sites = np.unique(np.concatenate([one.sites for one in group]))
                more = len(np.setdiff1d(search.sites, sites)) * group[0].limit ** 2
                if more < len(search) * search.limit**2:
                    group.append(search)
                    break
        else:
            groups.append([search])
    return [Sweep(group) for group in groups]


def reach_found_by(search: Search, threads: int | None = None) -> Reach:
    """The reach of a search (s rows), from the store or searched in this process and stored."""
    found = search.found()
    if found is None:
        sweep = Sweep([search])
        for block in range(sweep.blocks):
            sweep.do(block, threads)
        sweep.put_together(search, threads)
        found = _loaded(search.name)
    return found


# --- the search itself -----------------------------------------------------------------------------


def _search(search: Search, rows: np.ndarray, threads: int | None) -> Reach:
    """Reach of some rows of a search."""
    x, y, extra = search.x[rows], search.y[rows], search.extra[rows]
    cx, cy = np.asarray(search.frozen["cell_x"]), np.asarray(search.frozen["cell_y"])
    limit, unit, mode, detour, roads = search.limit, search.unit, search.mode, search.detour, search.roads
    if roads is None:
        return reach_straight(x, y, cx, cy, limit, unit, mode, detour, site_extra=extra)
    as_loaded = load_roads(roads.network_sha).graph
    # Speeds do not move streets: what was made for snapping to the network serves at every speed.
    roads.graph.known.setdefault("segments", as_loaded.segments())
    return reach_by_road(
        roads.graph, x, y, cx, cy, limit, unit, mode, detour, weight=roads.weight_for(unit), site_extra=extra,
        walk_m_per_min=roads.walk_m_per_min, entry_m_per_min=roads.entry_m_per_min, threads=threads,
        cells_snap=cells_snap(search.frozen, roads.network_sha, mode),
    )  # fmt: skip


def snap_name(frozen: Frozen, network_sha: str, mode: str) -> str:
    told = json.dumps([frozen.cells_at, network_sha, mode, ENGINE_VERSION])
    return f"snaps/{hashlib.sha256(told.encode()).hexdigest()}"


def cells_snap(frozen: Frozen, network_sha: str, mode: str) -> Snap:
    """Where the cells of a snapshot enter a network, closures aside: found once, used by every search."""
    return _snap(snap_name(frozen, network_sha, mode), frozen, network_sha, mode)


@lru_cache(maxsize=4)
def _loaded_snap(name: str) -> Snap:
    arrays, _meta = artefacts.load(name)
    return Snap(arrays["street"], arrays["along"], arrays["entry_m"])


def _snap(name: str, frozen: Frozen, network_sha: str, mode: str) -> Snap:
    try:
        return _loaded_snap(name)
    except FileNotFoundError:
        graph: RoadGraph = load_roads(network_sha).graph
        snap = graph.snap(np.asarray(frozen["cell_x"]), np.asarray(frozen["cell_y"]), mode=mode)
        artefacts.keep(name, {"street": snap.street, "along": snap.along, "entry_m": snap.entry_m})
        return _loaded_snap(name)


# --- reach as folders ------------------------------------------------------------------------------


def _loaded(name: str) -> Reach:
    arrays, _meta = artefacts.load(name)
    return Reach(arrays["indptr"], arrays["cell"], arrays["cost"])


def _limits(family: str) -> list[float]:
    """Limits at which a search is stored."""
    return [float(name) for name in artefacts.names_in(family) if not name.endswith(".blocks")]


class Values:
    """Reads parts of a stored array without mapping it: a page that is mapped counts as the worker's memory."""

    def __init__(self, array: np.ndarray) -> None:
        self.dtype = array.dtype
        self.path = array.filename if isinstance(array, np.memmap) else None
        self.offset = array.offset if isinstance(array, np.memmap) else 0
        self.file: BinaryIO | None = None

    def __enter__(self) -> Values:
        self.file = Path(self.path).open("rb") if self.path else None
        return self

    def __exit__(self, *_: object) -> None:
        if self.file is not None:
            self.file.close()

    def read(self, first: int, count: int) -> np.ndarray:
        if self.file is None:  # nothing is not mapped
            return np.empty(0, self.dtype)
        self.file.seek(self.offset + first * self.dtype.itemsize)
        return np.fromfile(self.file, self.dtype, count)


def _write(
    name: str, lengths: np.ndarray, parts: Iterable[tuple[np.ndarray, ...]], meta: dict[str, Any]
) -> None:
    """Store a reach from the lengths of its rows and their (cells, costs) in order."""
    with artefacts.drafted(name, meta) as draft:
        indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        draft.array("indptr", np.int64, len(indptr))(indptr)
        cell = draft.array("cell", np.int32, int(indptr[-1]))
        cost = draft.array("cost", np.float32, int(indptr[-1]))
        for cells, costs in parts:
            cell(cells)
            cost(costs)


def _cut(name: str, limit: float, to: str, meta: dict[str, Any]) -> None:
    """Store the same search at a smaller limit, some million pairs at a time. Raises FileNotFoundError."""
    arrays, _meta = artefacts.load(name)
    indptr = np.asarray(arrays["indptr"])
    first = np.searchsorted(indptr, np.arange(0, indptr[-1] + 1, BLOCK_PAIRS))
    edges = np.unique(np.concatenate([[0], first, [len(indptr) - 1]])).tolist()
    with Values(arrays["cell"]) as cells, Values(arrays["cost"]) as costs:

        def parts() -> Iterator[Reach]:
            for low, high in itertools.pairwise(edges):
                at, count = int(indptr[low]), int(indptr[high] - indptr[low])
                rows = Reach(indptr[low : high + 1] - at, cells.read(at, count), costs.read(at, count))
                yield rows.within(limit)

        lengths = np.concatenate([np.empty(0, np.int64), *(np.diff(part.indptr) for part in parts())])
        _write(to, lengths, ((part.cell, part.cost) for part in parts()), meta)
