"""The range of need and gap: what a run says when the numbers it rests on take other likely values.

Every draw sets all uncertain inputs at once and is scored as the run was; districts are summed draw by draw before any
percentile is taken. See docs/algorithms/uncertainty.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from core.errors import DomainError
from engine.draws import Draws
from engine.uncertainty import FEWEST_DRAWS, MOST_DRAWS, draw, percentiles, variance_shares
from engine.world import Reach
from planning.bridge.drawn_needs import needs_drawn
from planning.bridge.results import area_sums, roll_up
from planning.bridge.uncertain import Uncertain, uncertain_inputs
from planning.choices import Assignment
from planning.models import AreaRange
from planning.services.analysis_case import Case, Outcome, Say, number, only

DRAWS, SEED = 1_000, 1
MOST_SEED = 2**31 - 1
# Pairs of places and cells times draws: some minutes of the nearest with room, and of one flow a draw.
MOST_WALKED = {Assignment.NEAREST: 1_000_000_000_000, Assignment.BEST: 2_000_000_000}
PLACES = ("p10", "p50", "p90")


def clean(params: dict[str, Any]) -> dict[str, Any]:
    """`draws`: how often the inputs are drawn. `seed`: the same seed gives the same answer."""
    only(params, ("draws", "seed"))
    draws = number(params.get("draws", DRAWS), _("The number of draws"), FEWEST_DRAWS, MOST_DRAWS)
    seed = number(params.get("seed", SEED), _("The seed"), 0, MOST_SEED)
    return {"draws": int(draws), "seed": int(seed)}


def work(case: Case, params: dict[str, Any], say: Say) -> Outcome:
    """Need and gap by service and area: the run's own, and P10, P50 and P90 of the draws; what drives the spread."""
    say(0.02, _("Drawing the uncertain inputs"))
    uncertain = uncertain_inputs(case.situation)
    drawn = draw(uncertain.inputs, params["draws"], params["seed"])
    # The run itself first, then each input at its two ends, then the draws: all are scored alike.
    values = np.concatenate(
        [uncertain.middle[None], uncertain.ends(), drawn if uncertain.inputs else drawn[:0]]
    )
    frozen = case.frozen
    draws = Draws(
        case.situation.world, needs_drawn(case.situation, uncertain, values), np.asarray(frozen["cell_area"]),
        len(frozen["area_id"]), case.run.assignment,
    )  # fmt: skip
    _not_too_large(case, draws, len(values))
    services, rows = {}, []
    for k, code in enumerate(case.codes):
        say(
            0.05 + 0.8 * k / max(len(case.codes), 1),
            _("Scoring %(draws)d draws, service %(number)d of %(all)d")
            % {"draws": len(values), "number": k + 1, "all": len(case.codes)},
        )
        need, gap = draws.service(k)
        services[code], columns = _service(case, k, uncertain, drawn, need, gap)
        rows.append((AreaRange._meta.db_table, columns))
    facts = {
        "draws": params["draws"], "seed": params["seed"], "varied": bool(uncertain.inputs), "inputs": uncertain.told,
        "fixed": uncertain.fixed, "services": services,
    }  # fmt: skip
    return Outcome(facts, {}, {}, rows)


def _not_too_large(case: Case, draws: Draws, times: int) -> None:
    """Refuses in words what would take a worker hours."""
    pairs = 0
    for k in case.in_play:
        if not isinstance(case.situation.world.reach[k], Reach):
            raise DomainError(
                "range-too-large",
                _(
                    "This city is too large for ranges: its pairs of places and cells do not fit into memory at once."
                ),
            )
        pairs += draws.pairs(k)
    most = MOST_WALKED[Assignment(case.run.assignment)]
    if pairs * times <= most:
        return
    told = {"pairs": f"{pairs / 1e6:.1f}", "draws": times, "fit": most // max(pairs, 1)}
    words = _(
        "%(draws)d draws of %(pairs)s million pairs of places and cells would take a worker too long; about %(fit)d draws"
        " would fit."
    )
    if case.run.assignment == Assignment.BEST:
        words = _(
            "%(draws)d draws of %(pairs)s million pairs of places and cells would take a worker too long with the best"
            " possible assignment; about %(fit)d draws would fit. Ask for fewer, or for a run where people go to the nearest."
        )
    raise DomainError("range-too-large", words % told, most_draws=told["fit"])


def _service(
    case: Case, k: int, uncertain: Uncertain, drawn: np.ndarray, need: np.ndarray, gap: np.ndarray
) -> tuple[dict[str, Any], list[tuple[str, str, np.ndarray]]]:
    """Facts of one service and its rows, from need and gap (1 + 2 x told + d, areas + 1)."""
    frozen = case.frozen
    own = {"need": case.need[k], "gap": case.score.gap[k]}
    ids = np.asarray(frozen["area_id"])
    said: dict[str, Any] = {"drivers": {}}
    columns = [
        ("service_id", "int8", np.full(len(ids), frozen.service_ids[case.codes[k]])), ("area_id", "int8", ids),
    ]  # fmt: skip
    for measure, found in (("need", need), ("gap", gap)):
        total, ends = found.sum(axis=1), 1 + 2 * len(uncertain.told)
        if total[0] != own[measure].sum():
            raise DomainError(
                "run-of-other-engine",
                _(
                    "This run was scored by another version of the platform. Run it again, then ask for its range."
                ),
            )
        # Without uncertain inputs there is one draw: the run itself.
        first = ends if uncertain.inputs else 0
        said[measure] = int(total[0])
        said |= {
            f"{measure}_{name}": int(value)
            for name, value in zip(PLACES, percentiles(total[first:]), strict=True)
        }
        said["drivers"][measure] = _drivers(uncertain, drawn, total[ends:], total[1:ends])
        by_area = roll_up(frozen, found[first:, :-1])
        columns.append((measure, "int8", np.rint(area_sums(frozen, own[measure])).astype(np.int64)))
        columns += [
            (f"{measure}_{name}", "int8", column)
            for name, column in zip(PLACES, percentiles(by_area), strict=True)
        ]
    return said, columns


def _drivers(
    uncertain: Uncertain, drawn: np.ndarray, total: np.ndarray, ends: np.ndarray
) -> list[dict[str, Any]]:
    """Uncertain inputs that move the city's total, the strongest first."""
    if not uncertain.inputs:
        return []
    shares = variance_shares(drawn, total, uncertain.keys)
    found = []
    for n, told in enumerate(uncertain.told):
        low, high = int(ends[2 * n]), int(ends[2 * n + 1])
        one = {
            "key": told["key"],
            "share": round(shares[told["key"]], 4),
            "low": low,
            "high": high,
            "swing": high - low,
        }
        if one["share"] >= 0.0005 or one["swing"]:
            found.append(one)
    return sorted(found, key=lambda one: (-one["share"], -abs(one["swing"]), one["key"]))
