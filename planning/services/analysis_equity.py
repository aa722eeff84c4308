"""Fairness: how evenly the served need is spread over people. Everything follows from the run's own four states."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from engine.equity import gini, lorenz, worst_part, worst_share
from planning.models import AreaGroupResult, Run
from planning.services.analysis_case import Case, Outcome, Say, number, only

MOST_POINTS = 101


def clean(params: dict[str, Any]) -> dict[str, Any]:
    """`worst`: the share of need looked at as worst served (a tenth by default)."""
    only(params, ("worst",))
    return {"worst": number(params.get("worst", 0.1), _("The share of the worst served"), 0.001, 0.5)}


def work(case: Case, params: dict[str, Any], say: Say) -> Outcome:
    """Gini, Lorenz curve and worst-served part over cells; between districts; by group."""
    areas = len(case.frozen["area_id"])
    worst = np.zeros((len(case.codes), areas))
    services: dict[str, dict[str, Any]] = {}
    groups = _by_group(case.run)
    for k, code in enumerate(case.codes):
        say(0.1 + 0.7 * k / max(len(case.codes), 1), _("Fairness between cells and districts"))
        need = case.need[k].astype(np.float64)
        if not need.any():
            services[code] = {"need": 0}
            continue
        share = np.divide(case.score.served[k], need, out=np.zeros(len(need)), where=need > 0)
        worst[k] = case.by_area(worst_part(share, need, params["worst"]))
        services[code] = {
            "need": int(need.sum()),
            "served": int(case.score.served[k].sum()),
            "share": float(case.score.served[k].sum() / need.sum()),
            "gini": gini(share, need),
            "lorenz": curve(share, need),
            "worst_share": worst_share(share, need, params["worst"]),
            "without": float(need[share == 0].sum() / need.sum()),
            **_districts(case, k),
            "groups": groups.get(code, []),
        }
    arrays = {"area_id": np.asarray(case.frozen["area_id"]), "area_worst": worst}
    return Outcome({"worst": params["worst"], "services": services}, arrays, {}, [], {})


def curve(values: np.ndarray, weights: np.ndarray) -> list[list[float]]:
    """The Lorenz curve as at most about a hundred points [share of need, share of what is served]; corners stay."""
    across, up = lorenz(values, weights)
    if len(across) > MOST_POINTS:
        wanted = np.linspace(0, 1, MOST_POINTS)
        kept = np.unique(np.searchsorted(across, wanted).clip(0, len(across) - 1))
        first = int(np.searchsorted(up, 0, side="right")) - 1  # where the first is served at all
        kept = np.unique([0, first, *kept, len(across) - 1])
        across, up = across[kept], up[kept]
    return [[round(float(x), 5), round(float(y), 5)] for x, y in zip(across, up, strict=True)]


def _districts(case: Case, k: int) -> dict[str, Any]:
    """Between districts: Gini, and the best and the worst served that need anything."""
    need, served = case.by_area(case.need[k]), case.by_area(case.score.served[k])
    mine = np.array([one for one in case.in_districts() if need[one] > 0], np.int64)
    if not len(mine):
        return {"between": None, "best": None, "last": None}
    share = served[mine] / need[mine]
    codes = case.frozen.meta["areas"]
    low, high = mine[int(np.argmin(share))], mine[int(np.argmax(share))]
    return {
        "between": gini(share, need[mine]),
        "best": {"area": codes[high], "share": float(share.max())},
        "last": {"area": codes[low], "share": float(share.min())},
    }


def _by_group(run: Run) -> dict[str, list[dict[str, Any]]]:
    """People whose need only some places may serve, beside all others; empty where the run counts no such group."""
    found: dict[str, list[dict[str, Any]]] = {}
    rows = AreaGroupResult.objects.filter(run=run, area__parent=None, need__gt=0).select_related("service")
    totals = {row["service"]: row for row in run.totals}
    for row in rows:
        whole = totals[row.service.code]
        rest_need, rest_served = whole["need"] - row.need, whole["served"] - row.served
        found.setdefault(row.service.code, []).extend(
            [
                {"group": row.group, "need": row.need, "served": row.served},
                {"group": "others", "need": rest_need, "served": rest_served},
            ]
        )
    return found
