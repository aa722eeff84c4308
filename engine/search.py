"""One search of many sources over the arcs of a graph, by the bucket queue or by the reference heap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.buckets import bucket_rows, bucket_width
from engine.checks import InvalidInput
from engine.dijkstra import heap_rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KERNELS = ("bucket", "float")
# A search looks a little further than the limit, for costs are compared with it in float32.
FLOAT32_MARGIN = 1e-6


class Scratch:
    """What one thread needs to search a graph and fill rows; clean between blocks."""

    def __init__(self, nodes: int = 0, arcs: int = 0, numbers: int = 0, buckets: int = 0) -> None:
        self.dist = np.full(nodes, np.inf)
        self.node_bits = np.zeros((nodes + 63) >> 6, np.uint64)
        self.head = np.full(buckets, -1, np.int32)
        self.after = np.empty(arcs + 1024, np.int32)
        self.entry = np.empty(arcs + 1024, np.int32)
        self.row_node, self.row_cost = np.empty(4096, np.int32), np.empty(4096)
        self.best = np.full(numbers, np.float32(np.inf), np.float32)
        self.bits = np.zeros((numbers + 63) >> 6, np.uint64)
        self.out_number, self.out_cost = np.empty(4096, np.int32), np.empty(4096, np.float32)

    def kept(self, rows: tuple) -> tuple:
        """(lengths, numbers, costs) of a block. They are handed over, not copied; the next block gets arrays of its own,
        about as large, of which only what is written takes memory."""
        lengths, numbers, costs, used = rows
        room = used + used // 4 + 4096
        self.out_number, self.out_cost = np.empty(room, np.int32), np.empty(room, np.float32)
        return lengths, numbers[:used], costs[:used]


@dataclass(frozen=True, slots=True)
class Search:
    """Arcs (ptr, near, cost), the limit, and which queue searches them."""

    ptr: Ints
    near: NDArray[np.int32]
    cost: Floats
    limit: float
    kernel: str = "bucket"
    inverse: float = 1.0
    buckets: int = 0

    @classmethod
    def of(cls, ptr: Ints, near: NDArray[np.int32], cost: Floats, limit: float, kernel: str) -> Search:
        """Raises InvalidInput for a kernel that is not "bucket" or "float"."""
        if kernel not in KERNELS:
            raise InvalidInput([f"kernel {kernel!r} is not bucket or float"])
        inverse = 1.0 / bucket_width(cost, limit)
        return cls(ptr, near, cost, limit, kernel, inverse, int(limit * (1 + FLOAT32_MARGIN) * inverse) + 2)

    def scratch(self, numbers: int = 0) -> Scratch:
        """For a thread that searches this, with rows of numbers 0..numbers-1."""
        return Scratch(len(self.ptr) - 1, len(self.near), numbers, self.buckets)

    def to_nodes(self, seed_node: Ints, seed_cost: Floats, own: Scratch) -> tuple:
        """Rows (lengths, nodes, float32 costs) of the nodes within the limit of each source; seeds (m, 2)."""
        told = np.float32(self.limit)
        return own.kept(self._rows(seed_node, seed_cost, told, own, own.out_number, own.out_cost))

    def to_far_nodes(self, seed_node: Ints, seed_cost: Floats, own: Scratch) -> tuple:
        """The same with float64 costs a margin beyond the limit, to go on from. They hold until the next call."""
        rows = self._rows(seed_node, seed_cost, np.float32(np.inf), own, own.row_node, own.row_cost)
        lengths, own.row_node, own.row_cost, _used = rows
        return lengths, own.row_node, own.row_cost

    def _rows(self, seed_node, seed_cost, limit, own: Scratch, out_node, out_cost) -> tuple:
        far = float(self.limit) * (1 + FLOAT32_MARGIN)
        if self.kernel == "bucket":
            return bucket_rows(
                seed_node, seed_cost, self.ptr, self.near, self.cost, limit, far, self.inverse, own.dist,
                own.node_bits, own.head, own.after, own.entry, out_node, out_cost,
            )  # fmt: skip
        return heap_rows(
            seed_node,
            seed_cost,
            self.ptr,
            self.near,
            self.cost,
            limit,
            far,
            own.dist,
            own.node_bits,
            out_node,
            out_cost,
        )
