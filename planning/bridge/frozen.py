"""A snapshot as the engine sees it: memory-mapped arrays and the words that go with them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from core.models import City
from planning.bridge import artefacts
from planning.models import Snapshot


@dataclass(frozen=True)
class Frozen:
    """Arrays by name, as written by `planning.bridge.freeze`; n cells, m sites, r roles, o options of idle assets."""

    folder: str
    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    @property
    def cells(self) -> int:
        return len(self.arrays["cell_id"])

    @property
    def sites(self) -> int:
        return len(self.arrays["site_id"])

    @property
    def roles(self) -> int:
        return len(self.arrays["role_site"])

    @cached_property
    def service_codes(self) -> list[str]:
        return [code for _pk, code in self.meta["services"]]

    @cached_property
    def service_ids(self) -> dict[str, int]:
        return {code: pk for pk, code in self.meta["services"]}

    @cached_property
    def cells_at(self) -> str:
        """Hash of where the cells are. Travel times depend on this alone, whoever lives there."""
        digest = hashlib.sha256()
        for name in ("cell_x", "cell_y"):
            digest.update(np.ascontiguousarray(self.arrays[name]).view(np.uint8).data)
        return digest.hexdigest()

    def _name(self, time_of_day: str, code: str) -> str:
        other = self.meta.get("other_layers", {}).get(code)
        return f"{time_of_day}-{code}" if other and other["time_of_day"] == time_of_day else time_of_day

    def people(self, time_of_day: str, code: str = "") -> np.ndarray:
        """People (n,) of the layer in use at a time of day, or of the layer of that code. Raises KeyError where the city
        has none."""
        return np.asarray(self.arrays[f"cell_people_{self._name(time_of_day, code)}"])

    def group(self, group: str, time_of_day: str, code: str = "") -> np.ndarray | None:
        """Of the people (n,), those of a group; None where the layer does not tell them apart."""
        found = self.arrays.get(f"cell_{group}_{self._name(time_of_day, code)}")
        return None if found is None else np.asarray(found)

    def site_column(self, name: str) -> np.ndarray:
        """(m,) a number of each site; 0 in a snapshot from before the number was kept."""
        found = self.arrays.get(f"site_{name}")
        return np.zeros(self.sites) if found is None else np.asarray(found)

    def role_special_capacity(self) -> np.ndarray:
        """(r,) the barrier-free part of each role's capacity, a copy; 0 where nobody has said: nothing is promised."""
        found = self.arrays.get("role_special_capacity")
        return np.zeros(self.roles) if found is None else np.nan_to_num(np.asarray(found, dtype=np.float64))

    @cached_property
    def staying(self) -> set[str]:
        """Codes of the services where people stay: only there does it matter whether a place is barrier-free."""
        return set(self.meta.get("staying", []))

    def areas_below(self, codes: list[str]) -> np.ndarray:
        """(a,) bool: the areas named and everything inside them. Areas are in path order: parents come first."""
        named = set(codes)
        inside = np.array([code in named for code in self.meta["areas"]], dtype=bool)
        for position, parent in enumerate(self.arrays["area_parent"]):
            if parent >= 0 and inside[parent]:
                inside[position] = True
        return inside

    def cells_in(self, areas: np.ndarray) -> np.ndarray:
        """(n,) bool: cells whose smallest area is one of `areas` (a,) bool."""
        index = np.asarray(self.arrays["cell_area"])
        return np.where(index >= 0, areas[index], False) if len(areas) else np.zeros(len(index), bool)


@lru_cache(maxsize=4)
def _load(folder: str) -> Frozen:
    arrays, meta = artefacts.load(folder)
    return Frozen(folder, arrays, meta)


def load_frozen(snapshot: Snapshot) -> Frozen:
    """The arrays of a snapshot; kept open for the next caller, since a snapshot never changes."""
    return _load(snapshot.folder)


def latest_frozen(city: City) -> Frozen | None:
    snapshot = Snapshot.objects.filter(city=city).order_by("-id").first()
    return load_frozen(snapshot) if snapshot else None
