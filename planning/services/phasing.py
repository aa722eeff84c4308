"""In which year each intervention of a plan is done, and from which source it is paid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.siting.funding import Unpayable, share_out
from engine.siting.phasing import Phasing, phase_plan
from planning.bridge.options import Candidate, engine_options
from planning.bridge.siting_limits import run_weights
from planning.bridge.siting_question import asked
from planning.bridge.world import Situation
from planning.choices import FundSource
from planning.models import PlanVersion

SECONDS = 20.0
Money = list[tuple[int, str, int]]


def phase(
    version: PlanVersion, situations: Sequence[Situation], chosen: Sequence[Candidate]
) -> tuple[list[int | None], list[Money], dict[str, Any]]:
    """(year of each, [(year, source, fen), …] of each, facts to keep with the version), in the order of `chosen`.

    Without years in the question nothing has a year; without sources, or where they cannot pay, nothing has money, and
    the facts say what is missing.
    """
    question = version.question or {}
    if not question.get("years"):
        return [None] * len(chosen), [[] for _one in chosen], _sources_alone(question, chosen)
    refs = list(
        version.baseline_runs.order_by("scenario_id", "time_of_day", "pk").values_list("ref", flat=True)
    )
    found = phase_plan(
        [one.world for one in situations], engine_options(situations[0], chosen), [one.lead_months for one in chosen],
        [row["year"] for row in question["years"]], [row["budget_fen"] for row in question["years"]],
        carry=asked(question, "carry_over"), weights=run_weights(question, refs), time_limit_s=SECONDS,
    )  # fmt: skip
    calendar = [int(row["year"]) for row in question["years"]]
    years = [calendar[one] if one >= 0 else None for one in found.year.tolist()]
    money, funds = _money(question, chosen, found.year, calendar)
    services = [row["service"] for row in situations[0].standards]
    return years, money, {"phasing": _told(question, found, calendar, refs, services) | {"funds": funds}}


def sources_of(question: dict[str, Any]) -> list[str]:
    """The sources of a question in the order in which they are drawn on: as the list of sources has them."""
    return [source for source in FundSource.values if source in (question.get("funds") or {})]


def _payable(
    question: dict[str, Any], chosen: Sequence[Candidate]
) -> tuple[list[str], np.ndarray, list[int | None]]:
    """Sources, which of them may pay which intervention (o, s), and their limits."""
    sources = sources_of(question)
    funds = [question["funds"][source] for source in sources]
    allowed = [[not fund.get("kinds") or one.kind in fund["kinds"] for fund in funds] for one in chosen]
    limits = [fund.get("limit_fen") for fund in funds]
    return sources, np.array(allowed, bool).reshape(len(chosen), len(funds)), limits


def _money(
    question: dict[str, Any], chosen: Sequence[Candidate], year: np.ndarray, calendar: Sequence[int]
) -> tuple[list[Money], dict[str, Any]]:
    """Money of each intervention, and what is to be told of the sources."""
    sources, allowed, limits = _payable(question, chosen)
    nothing: list[Money] = [[] for _one in chosen]
    if not sources:
        return nothing, {}
    told: dict[str, Any] = {"sources": sources, "limit_fen": limits}
    try:
        parts = share_out([one.cost_fen for one in chosen], allowed, limits, year, len(calendar))
    except Unpayable as short:
        told["short"] = [[[sources[one] for one in some], missing] for some, missing in short.short]
        return nothing, told
    for row, source, when in zip(*np.nonzero(parts), strict=True):
        nothing[row].append((calendar[when], sources[source], int(parts[row, source, when])))
    return nothing, told | {"given_fen": parts.sum(axis=(0, 2)).tolist()}


def _sources_alone(question: dict[str, Any], chosen: Sequence[Candidate]) -> dict[str, Any]:
    """Without years there is nothing to write by year; who pays how much in all is still told."""
    if not question.get("funds"):
        return {}
    money, funds = _money(question, chosen, np.zeros(len(chosen), np.int64), [0])
    paid = [{source: fen for _year, source, fen in parts} for parts in money]
    return {"phasing": {"funds": funds | {"paid": paid}}}


def _told(
    question: dict[str, Any], found: Phasing, calendar: list[int], refs: list[str], services: list[str]
) -> dict[str, Any]:
    """What the pages show of a phasing; a version keeps it among its facts."""
    whole = list(range(calendar[0], calendar[0] + -(-found.horizon // 12)))
    ends = [12 * (number + 1) for number in range(len(whole))]
    units = found.units_at(ends)
    return {
        "years": calendar, "money_fen": [int(row["budget_fen"]) for row in question["years"]],
        "carry_over": bool(asked(question, "carry_over")), "spent_fen": found.spent.tolist(),
        "area": found.area, "bound": found.bound, "gap": found.gap, "status": found.status, "bound_source": found.bound_source,
        "greedy_area": found.greedy_area,
        "greedy_years": [calendar[one] if one >= 0 else None for one in found.greedy_year.tolist()],
        "left": [[number + 1, why] for number, why in found.left],
        "curve_years": whole, "curve": found.at(ends).tolist(), "greedy_curve": found.at(ends, greedy=True).tolist(),
        "steps": [[int(month), value] for month, value in zip(found.month, found.value.tolist(), strict=True)],
        "greedy_steps": [[int(month), value] for month, value in zip(found.greedy_month, found.greedy_value.tolist(), strict=True)],
        "units": [
            {run: dict(zip(services, row, strict=True)) for run, row in zip(refs, at.tolist(), strict=True)} for at in units
        ],
        "horizon_months": found.horizon, "seconds": round(found.seconds, 2), "engine": found.engine_version,
    }  # fmt: skip
