"""The arrays of an analysis: kept open, with the places of services, areas and cells in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import ArrayLike

from core.errors import DomainError
from planning.bridge import artefacts
from planning.bridge.frozen import load_frozen
from planning.choices import RunState
from planning.models import Analysis, Run
from planning.selectors.analyses import tops


@dataclass(frozen=True)
class Kept:
    """The arrays of an analysis, with the places of areas, cells and services in them."""

    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def k(self, code: str) -> int:
        """Raises DomainError when the run does not count the service."""
        if code not in self.meta["services"]:
            raise DomainError("service-not-counted", _("This run does not count the service."), status=404)
        return int(self.meta["services"].index(code))

    def places(self) -> dict[int, int]:
        """Position in the arrays by id of the area."""
        return {int(pk): n for n, pk in enumerate(self.arrays["area_id"].tolist())}


@lru_cache(maxsize=8)
def _open(folder: str) -> Kept:
    return Kept(*artefacts.load(folder))


def kept_arrays(analysis: Analysis) -> Kept:
    """Raises DomainError when the arrays are gone or not there yet."""
    if analysis.state != RunState.DONE:
        raise DomainError("analysis-not-done", _("This analysis has no results yet."), status=404)
    try:
        return _open(analysis.folder)
    except FileNotFoundError:
        raise DomainError(
            "no-arrays", _("The details of this analysis are gone. Ask for it again."), status=404
        ) from None


@lru_cache(maxsize=4)
def _cell_order(folder: str) -> tuple[np.ndarray, np.ndarray]:
    """Ids of a snapshot's cells in rising order, and their places."""
    ids = np.asarray(artefacts.load(folder)[0]["cell_id"])
    order = np.argsort(ids, kind="stable")
    return ids[order], order


def cell_places(run: Run, ids: ArrayLike) -> np.ndarray:
    """(c,) places in the arrays of cells by database id; -1 where the snapshot has no such cell."""
    rising, order = _cell_order(load_frozen(run.snapshot).folder)  # type: ignore[arg-type]
    wanted = np.asarray(ids, np.int64)
    if not len(rising):
        return np.full(len(wanted), -1)
    at = np.minimum(np.searchsorted(rising, wanted), len(rising) - 1)
    return np.where(rising[at] == wanted, order[at], -1)


def mine(values: np.ndarray, held: Kept, user: Any, city_id: int) -> np.ndarray:
    """Values (..., a) summed over all that the person may see."""
    places = held.places()
    return values[..., [places[pk] for pk in tops(user, city_id) if pk in places]].sum(axis=-1)
