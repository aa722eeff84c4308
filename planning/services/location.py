"""Classic location models on a benchmark file: read, solve, answer with the proof."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from engine.checks import InvalidInput
from engine.location import (
    Located,
    Sites,
    backup_cover,
    capacitated,
    cover_within,
    maximal_cover,
    near_places,
    near_table,
    p_centre,
    p_median,
    p_median_cutoff,
    partial_cover,
    set_cover,
)
from engine.location.incidence import StraightCover
from facilities.importers.problems import Problems
from planning.importers.location_files import FORMATS, read_cap, read_matrix, read_pmed
from planning.importers.location_points import PointsRead, read_points

# A table of all ways between more demands and sites than this is not made from places.
MOST_WAYS = 20_000_000


class _Table:
    """Costs between demands and sites as a file gives them."""

    def __init__(self, costs: Sites) -> None:
        self.costs = costs

    def cover(self, limit: float) -> Any:
        return cover_within(self.costs, limit)

    def near(self, cutoff: float) -> Any:
        return near_table(self.costs, cutoff)


class _Places:
    """Demands and sites on a plane; the cost is the straight distance in metres."""

    def __init__(self, demands: PointsRead, sites: PointsRead) -> None:
        self.demands, self.sites = demands, sites

    @property
    def costs(self) -> Sites:
        d, s = self.demands, self.sites
        if len(d.x) * len(s.x) > MOST_WAYS:
            text = _("There are too many places for every way between them: say a --cutoff.")
            raise DomainError("cutoff-needed", text, status=422)
        return Sites(np.hypot(d.x[:, None] - s.x, d.y[:, None] - s.y), d.weight)

    def cover(self, limit: float) -> Any:
        d, s = self.demands, self.sites
        if not (np.isfinite(limit) and limit > 0):
            raise InvalidInput([f"limit: {limit} is not a number above 0"])
        return StraightCover(s.x, s.y, d.x, d.y, d.weight, limit)

    def near(self, cutoff: float) -> Any:
        d, s = self.demands, self.sites
        return near_places(d.x, d.y, d.weight, s.x, s.y, cutoff)


def _median(given: Any, o: dict[str, Any]) -> Located:
    if o["cutoff"] is None:
        return p_median(given.costs, o["p"], **o["effort"])
    return p_median_cutoff(given.near(o["cutoff"]), o["p"], o["penalty"], **o["effort"])


# Name -> (what it needs beside the costs, how it is solved).
MODELS: dict[str, tuple[tuple[str, ...], Callable[..., Located] | None]] = {
    "set-cover": (("limit",), lambda given, o: set_cover(given.cover(o["limit"]), **o["effort"])),
    "partial-cover": (
        ("limit", "share"),
        lambda given, o: partial_cover(given.cover(o["limit"]), o["share"], **o["effort"]),
    ),
    "max-cover": (
        ("limit", "p"),
        lambda given, o: maximal_cover(given.cover(o["limit"]), o["p"], **o["effort"]),
    ),
    "backup-cover": (
        ("limit", "p"),
        lambda given, o: backup_cover(given.cover(o["limit"]), o["p"], o["twice"], **o["effort"]),
    ),
    "p-median": (("p",), _median),
    "p-centre": (("p",), lambda given, o: p_centre(given.costs, o["p"], **o["effort"])),
    "capacitated": ((), None),
}
ALIASES = {
    "mclp": "max-cover", "maximal-cover": "max-cover", "lscp": "set-cover", "pmedian": "p-median", "pmed": "p-median",
    "p-center": "p-centre", "pcenter": "p-centre", "pcentre": "p-centre", "cflp": "capacitated", "cap": "capacitated",
    "backup": "backup-cover", "partial-set-cover": "partial-cover",
}  # fmt: skip


def solve_file(
    *, path: Path, file_format: str, model: str, p: int | None = None, limit: float | None = None,
    share: float | None = None, twice: float = 0.5, capacity: float | None = None, seconds: float = 300.0, seed: int = 0,
    sites: Path | None = None, cutoff: float | None = None, penalty: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The answer of a model on a file: model, value, bound, gap, status, sites by name, seconds, seed, source of the bound,
    engine. `sites`: the file of the sites, for places ("points"). cutoff, penalty: of a p-median; beyond the cutoff
    everybody costs the penalty, by default the cutoff. Raises InvalidInput of core.errors with every problem of the file, DomainError for what is asked wrongly."""
    model = ALIASES.get(model, model)
    if model not in MODELS:
        raise DomainError(
            "unknown-model", _("%(words)s is not a location model. Known: %(known)s") % {"words": model, "known": ", ".join(MODELS)},
            status=422,
        )  # fmt: skip
    if file_format not in FORMATS:
        raise DomainError(
            "unknown-format", _("%(words)s is not a format. Known: %(known)s") % {"words": file_format, "known": ", ".join(FORMATS)},
            status=422,
        )  # fmt: skip
    for wanted in (path, sites):
        if wanted is not None and not wanted.is_file():
            raise DomainError("no-file", _("There is no file %(path)s.") % {"path": wanted}, status=422)
    if (file_format == "points") != (sites is not None):
        both = _(
            "Places of demands need a second file with the places of the sites (--sites), other formats none."
        )
        raise DomainError("sites-file", both, status=422)
    if (cutoff is not None or penalty is not None) and model != "p-median":
        raise DomainError(
            "cutoff-and-model", _("A cutoff goes with the p-median, and only with it."), status=422
        )
    if penalty is not None and cutoff is None:
        raise DomainError("cutoff-needed", _("A penalty needs a cutoff beyond which it counts."), status=422)
    if (model == "capacitated") != (file_format == "orlib-cap"):
        raise DomainError(
            "format-and-model",
            _("Warehouse files go with the capacitated model, and only with it."),
            status=422,
        )
    effort: dict[str, Any] = {"seconds": seconds, "seed": seed}
    problems = Problems()
    refused = _("The file cannot be used.")
    try:
        if model == "capacitated":
            plants = read_cap(path, problems, capacity)
            problems.raise_if_any(refused)
            assert plants is not None
            return _told(capacitated(plants, **effort), None)
        given, names, in_file = _given(path, sites, file_format, problems)
        problems.raise_if_any(refused)
        assert given is not None
        asked = {
            "p": in_file if p is None else p,
            "limit": limit,
            "share": share,
            "twice": twice,
            "cutoff": cutoff,
            "penalty": penalty,
            "effort": effort,
        }
        needs, solve = MODELS[model]
        if missing := [name for name in needs if asked[name] is None]:
            text = _("The model needs: %(words)s") % {"words": ", ".join(f"--{name}" for name in missing)}
            raise DomainError("setting-missing", text, status=422)
        assert solve is not None
        return _told(solve(given, asked), names)
    except InvalidInput as wrong:
        raise DomainError("invalid-input", "; ".join(wrong.problems), status=422) from None


def _given(
    path: Path, sites: Path | None, file_format: str, problems: Problems
) -> tuple[_Table | _Places | None, list[str] | None, int | None]:
    """(what a model is solved on, names of the sites, p where the file says it)."""
    if sites is not None:
        demands, places = read_points(path, problems), read_points(sites, problems, named=True)
        return (
            (None, None, None)
            if demands is None or places is None
            else (_Places(demands, places), places.names, None)
        )
    if file_format == "orlib-pmed":
        graph = read_pmed(path, problems)
        return (_Table(graph[0]), None, graph[1]) if graph else (None, None, None)
    table = read_matrix(path, problems)
    return (_Table(table[0]), table[2], None) if table else (None, None, None)


def _told(answer: Located, names: list[str] | None) -> dict[str, Any]:
    def number(value: float) -> float | None:
        return float(value) if np.isfinite(value) else None

    sites = answer.sites.tolist()
    return {
        "model": answer.model, "value": number(answer.value), "bound": number(answer.bound), "gap": number(answer.gap),
        "status": answer.status, "sites": [names[j] for j in sites] if names else [j + 1 for j in sites],
        "seconds": round(answer.seconds, 3), "seed": answer.seed, "bound_source": answer.bound_source,
        "engine_version": answer.engine_version,
    }  # fmt: skip
