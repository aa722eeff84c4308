"""Accessibility by two-step floating catchment: usable places in reach for each one that is needed.

1 is balance: as many usable places as need competes for them. See docs/analyses.md.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from core.errors import DomainError
from engine.access import Decay, two_step
from engine.coverage import role_supply
from planning.choices import AccessBand
from planning.services.analysis_case import Case, Outcome, Say, number, only

METHODS = ("2sfca", "e2sfca", "gaussian")
# Lower edges of short, balanced and ample; below the first is severe (Gaussian study of Chengdu, 2023).
EDGES = (0.5, 1.0, 1.5)
ZONES = [[1 / 3, 1.0], [2 / 3, 0.68], [1.0, 0.22]]
HUNDRED = 100


def clean(params: dict[str, Any]) -> dict[str, Any]:
    """`method`; `catchment` as a share of the standard's reach (0.05 to 1); `beta` of the Gaussian; `zones` of E2SFCA
    as [edge as a share of the catchment, weight], outwards."""
    only(params, ("method", "catchment", "beta", "zones"))
    method = params.get("method", "gaussian")
    if method not in METHODS:
        raise DomainError(
            "unknown-method",
            _("%(words)s is not a method; choose one of %(known)s.")
            % {"words": method, "known": ", ".join(METHODS)},
            status=422,
        )
    found: dict[str, Any] = {
        "method": method,
        "catchment": number(params.get("catchment", 1.0), _("The catchment"), 0.05, 1.0),
    }
    if method == "gaussian":
        found["beta"] = number(params.get("beta", 0.5), _("Beta"), 0.01, 10)
    if method == "e2sfca":
        found["zones"] = _zones(params.get("zones", ZONES))
    return found


def _zones(asked: Any) -> list[list[float]]:
    try:
        zones = [[float(edge), float(weight)] for edge, weight in asked]
    except (TypeError, ValueError):
        zones = []
    edges, weights = [edge for edge, _weight in zones], [weight for _edge, weight in zones]
    rising = all(low < high for low, high in zip([0.0, *edges], edges, strict=False))
    falling = all(low >= high for low, high in pairwise(weights))
    if (
        not 1 <= len(zones) <= 9
        or not rising
        or edges[-1] > 1
        or not falling
        or not all(0 < w <= 1 for w in weights)
    ):
        words = _(
            "Zones are up to 9 pairs of a rising edge (share of the catchment, at most 1) and a falling weight."
        )
        raise DomainError("zones-unreadable", words, status=422)
    return zones


def work(case: Case, params: dict[str, Any], say: Say) -> Outcome:
    """Score by cell; by area its mean by need, and need and people by band."""
    frozen, world = case.frozen, case.situation.world
    supply = role_supply(world)[0]
    areas = len(frozen["area_id"])
    scores = np.zeros((len(case.codes), frozen.cells))
    weights = case.need.astype(np.float64)
    mean, band_need = (
        np.full((len(case.codes), areas), np.nan),
        np.zeros((len(case.codes), len(AccessBand), areas)),
    )
    services = {}
    for k, code in enumerate(case.codes):
        say(0.1 + 0.7 * k / len(case.codes), _("Two-step floating catchment"))
        limit = world.standards[k].reach_limit * params["catchment"]
        capacity = np.bincount(
            world.supply.role_site, np.where(world.supply.role_service == k, supply, 0), frozen.sites
        )
        found = two_step(world.reach[k], weights[k], capacity, decay_of(params, limit))
        scores[k] = np.nan_to_num(np.asarray(found[0], np.float64))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean[k] = case.by_area(scores[k] * weights[k]) / case.by_area(weights[k])
        band = bands_of(scores[k])
        for one in range(len(AccessBand)):
            band_need[k, one] = case.by_area(np.where(band == one, weights[k], 0))
        services[code] = _facts(case, k, scores[k], weights[k], band, limit, capacity)
    arrays = {
        "area_id": np.asarray(frozen["area_id"]), "area_mean": mean, "area_need": band_need,
        "cell_score": scores.astype(np.float32),
    }  # fmt: skip
    drawn = {"access": np.rint(np.minimum(scores, 1e4) * HUNDRED * case.need).astype(np.int64)}
    return Outcome({"params": params, "edges": list(EDGES), "services": services}, arrays, {}, [], drawn)


def decay_of(params: dict[str, Any], limit: float) -> Decay:
    """The engine's decay for the settings; `limit` in the reach's own unit."""
    if params["method"] == "gaussian":
        return Decay.gaussian(limit, params["beta"])
    if params["method"] == "e2sfca":
        return Decay.zones([edge * limit for edge, _w in params["zones"]], [w for _e, w in params["zones"]])
    return Decay.step(limit)


def bands_of(scores: np.ndarray) -> np.ndarray:
    """(n,) place in AccessBand. A score of exactly 1 is balanced; the 1e-9 forgives the sum's own rounding."""
    return np.searchsorted(np.array(EDGES) - 1e-9, scores, side="right")


def _facts(
    case: Case,
    k: int,
    score: np.ndarray,
    weight: np.ndarray,
    band: np.ndarray,
    limit: float,
    capacity: np.ndarray,
) -> dict[str, Any]:
    total = float(weight.sum())
    held = weight > 0
    edges = np.arange(0, 3.01, 0.25)
    bars = np.bincount(np.searchsorted(edges, score[held], side="right") - 1, weight[held], len(edges))
    return {
        "need": int(total),
        "capacity": int(capacity.sum()),
        "mean": float((score * weight).sum() / total) if total else None,
        "median": _median(score, weight),
        "limit": limit,
        "unit": case.situation.standards[k]["reach_unit"],
        "need_by_band": [float(weight[band == one].sum()) for one in range(len(AccessBand))],
        "cells_by_band": [int((held & (band == one)).sum()) for one in range(len(AccessBand))],
        "bars": bars.tolist(),
        "bar_edges": edges.tolist(),
    }


def _median(score: np.ndarray, weight: np.ndarray) -> float | None:
    """Half of the need has less than this: where places are far from even, the mean says little."""
    held = np.flatnonzero(weight > 0)
    if not len(held):
        return None
    order = held[np.argsort(score[held], kind="stable")]
    upto = np.cumsum(weight[order])
    return round(float(score[order[np.searchsorted(upto, upto[-1] / 2)]]), 4)
