"""What an analysis adds to the tiles of its run: numbers by cell and hexagon, looked up in its arrays.

Every number may be summed, so the slider of hours needs no new tile: one tile carries all hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from facilities.models import ServiceType
from planning.bridge.analyses import Kept, cell_places, kept_arrays
from planning.bridge.columns import fetch_columns
from planning.models import Analysis


@dataclass(frozen=True)
class Drawn:
    """Numbers of one analysis and service. `names` are the attributes a tile's features carry."""

    analysis: Analysis
    held: Kept
    k: int

    @property
    def names(self) -> list[str]:
        return list(self.held.meta["drawn"])

    def by_place(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Numbers of the snapshot's cells `rows` (c,)."""
        return {
            name: np.asarray(self.held[f"cell_{name}"][self.k])[rows].astype(np.int64) for name in self.names
        }

    def of_cells(self, city_id: int, tile: tuple[int, int, int]) -> dict[str, Any]:
        """Parameters of the tile's query: ids of its cells and their numbers."""
        box = "ST_Transform(ST_TileEnvelope(%s, %s, %s, margin => 0.015625), 4326)"
        ids = fetch_columns(
            f"select id from planning_demandcell where city_id = %s and"
            f" (geometry && {box} or (geometry is null and point && {box}))",
            [city_id, *tile, *tile], [("id", "int8")],
        )["id"]  # fmt: skip
        places = cell_places(self.analysis.run, ids)
        known = places >= 0
        return self._params(ids[known], self.by_place(places[known]))

    def of_hexagons(self, city_id: int, level: int, tile: tuple[int, int, int]) -> dict[str, Any]:
        """The same for the hexagons of a level."""
        ids = fetch_columns(
            "select id from planning_cellgroup where city_id = %s and level = %s"
            " and geometry && ST_TileEnvelope(%s, %s, %s, margin => 0.015625)",
            [city_id, level, *tile], [("id", "int8")],
        )["id"]  # fmt: skip
        if level not in self.held.meta["levels"]:
            return self._params(ids[:0], dict.fromkeys(self.names, ids[:0]))
        stored = np.asarray(self.held[f"hexagon{level}_id"])
        order = np.argsort(stored, kind="stable")
        at = np.minimum(np.searchsorted(stored, ids, sorter=order), len(stored) - 1)
        places = order[at]
        known = stored[places] == ids
        values = {
            name: np.asarray(self.held[f"hexagon{level}_{name}"][self.k])[places[known]].astype(np.int64)
            for name in self.names
        }
        return self._params(ids[known], values)

    @staticmethod
    def _params(ids: np.ndarray, values: dict[str, np.ndarray]) -> dict[str, Any]:
        return {"more_id": ids.tolist(), **{f"more_{name}": one.tolist() for name, one in values.items()}}

    @property
    def columns(self) -> str:
        return "".join(f", coalesce(more.{name}, 0)::bigint as {name}" for name in self.names)

    def join(self, row: str) -> str:
        if not self.names:
            return ""
        arrays = ", ".join(f"%(more_{name})s::bigint[]" for name in self.names)
        listed = ", ".join(self.names)
        return (
            f"left join unnest(%(more_id)s::bigint[], {arrays}) as more(id, {listed}) on more.id = {row}.id"
        )


def drawn_of(analysis: Analysis, service: ServiceType) -> Drawn:
    """Raises DomainError when the analysis has no arrays or does not count the service."""
    held = kept_arrays(analysis)
    return Drawn(analysis, held, held.k(service.code))
