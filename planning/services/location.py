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
    p_centre,
    p_median,
    partial_cover,
    set_cover,
)
from facilities.importers.problems import Problems
from planning.importers.location_files import FORMATS, read_cap, read_matrix, read_pmed

# Name -> (what it needs beside the costs, how it is solved).
MODELS: dict[str, tuple[tuple[str, ...], Callable[..., Located] | None]] = {
    "set-cover": (("limit",), lambda costs, o: set_cover(cover_within(costs, o["limit"]), **o["effort"])),
    "partial-cover": (
        ("limit", "share"),
        lambda costs, o: partial_cover(cover_within(costs, o["limit"]), o["share"], **o["effort"]),
    ),
    "max-cover": (
        ("limit", "p"),
        lambda costs, o: maximal_cover(cover_within(costs, o["limit"]), o["p"], **o["effort"]),
    ),
    "backup-cover": (
        ("limit", "p"),
        lambda costs, o: backup_cover(cover_within(costs, o["limit"]), o["p"], o["twice"], **o["effort"]),
    ),
    "p-median": (("p",), lambda costs, o: p_median(costs, o["p"], **o["effort"])),
    "p-centre": (("p",), lambda costs, o: p_centre(costs, o["p"], **o["effort"])),
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
) -> dict[str, Any]:  # fmt: skip
    """The answer of a model on a file: model, value, bound, gap, status, sites by name, seconds, seed, source of the bound,
    engine. Raises InvalidInput of core.errors with every problem of the file, DomainError for what is asked wrongly."""
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
    if not path.is_file():
        raise DomainError("no-file", _("There is no file %(path)s.") % {"path": path}, status=422)
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
        costs, names, in_file = _costs(path, file_format, problems)
        problems.raise_if_any(refused)
        assert costs is not None
        asked = {
            "p": in_file if p is None else p,
            "limit": limit,
            "share": share,
            "twice": twice,
            "effort": effort,
        }
        needs, solve = MODELS[model]
        if missing := [name for name in needs if asked[name] is None]:
            text = _("The model needs: %(words)s") % {"words": ", ".join(f"--{name}" for name in missing)}
            raise DomainError("setting-missing", text, status=422)
        assert solve is not None
        return _told(solve(costs, asked), names)
    except InvalidInput as wrong:
        raise DomainError("invalid-input", "; ".join(wrong.problems), status=422) from None


def _costs(
    path: Path, file_format: str, problems: Problems
) -> tuple[Sites | None, list[str] | None, int | None]:
    if file_format == "orlib-pmed":
        read = read_pmed(path, problems)
        return (read[0], None, read[1]) if read else (None, None, None)
    table = read_matrix(path, problems)
    return (table[0], table[2], None) if table else (None, None, None)


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
