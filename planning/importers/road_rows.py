"""What every reader of roads hands over: links between numbered nodes, not yet joined or contracted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class RoadRows:
    """Nodes (v,) in degrees and links (e,) as a source gives them.

    tail, head: node numbers. length_m: nan where it is to be measured. speed_kmh: 0 = nobody drives there.
    assumed: the speed is that of the class, not of the source. oneway: driven from tail to head only. walk: people may
    walk there, always both ways. klass: position in `classes`. rank: 1 (widest on the map) to 4. source_id: number of
    the street in the source, -1 where it has none. keep_node (v,): never taken into a street. facts: what was found
    while reading. rows: how many the source has.
    """

    lon: np.ndarray
    lat: np.ndarray
    tail: np.ndarray
    head: np.ndarray
    length_m: np.ndarray
    speed_kmh: np.ndarray
    assumed: np.ndarray
    oneway: np.ndarray
    walk: np.ndarray
    klass: np.ndarray
    rank: np.ndarray
    source_id: np.ndarray
    classes: tuple[str, ...]
    rows: int
    shift_m: float | None = None
    keep_node: np.ndarray | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def nodes(self) -> int:
        return len(self.lon)

    @property
    def links(self) -> int:
        return len(self.tail)

    def kept_nodes(self) -> np.ndarray:
        return np.zeros(self.nodes, bool) if self.keep_node is None else self.keep_node


_LINK_COLUMNS = ("length_m", "speed_kmh", "assumed", "oneway", "walk", "rank", "source_id")


def side_by_side(parts: Sequence[RoadRows]) -> RoadRows:
    """Several sets of roads as one, nodes numbered through, not connected with each other."""
    classes = tuple(sorted({name for part in parts for name in part.classes}))
    number = {name: n for n, name in enumerate(classes)}
    first = np.cumsum([0, *(part.nodes for part in parts)])
    klass = [np.array([number[c] for c in part.classes], np.int64)[part.klass] for part in parts]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _LINK_COLUMNS
    }
    return RoadRows(
        lon=np.concatenate([part.lon for part in parts]),
        lat=np.concatenate([part.lat for part in parts]),
        tail=np.concatenate([part.tail + at for part, at in zip(parts, first, strict=False)]),
        head=np.concatenate([part.head + at for part, at in zip(parts, first, strict=False)]),
        klass=np.concatenate(klass),
        classes=classes,
        rows=sum(part.rows for part in parts),
        keep_node=np.concatenate([part.kept_nodes() for part in parts]),
        **columns,
    )
