"""Years and money of a plan in one document, the same for the API and the command."""

from __future__ import annotations

from typing import Any

from planning.models import PlanVersion
from planning.selectors.plan_money import PlanMoney

# What speaks of the whole plan, by the keys of the facts that the version keeps.
_OF_THE_WHOLE = (
    "money_fen", "carry_over", "area", "bound", "gap", "status", "bound_source", "greedy_area", "curve_years", "curve",
    "greedy_curve", "steps", "greedy_steps", "units", "horizon_months", "seconds", "engine",
)  # fmt: skip


def money_answer(version: PlanVersion, money: PlanMoney) -> dict[str, Any]:
    facts, funds = money.facts, money.facts.get("funds") or {}
    answer: dict[str, Any] = {
        "plan": version.plan.ref, "version": version.number, "cost_fen": money.total_fen, "whole_city": money.whole,
        "years": [
            {
                "year": row.year, "interventions": row.count, "cost_fen": row.spent_fen, "budget_fen": row.budget_fen,
                "left_fen": row.left_fen, "by_source_fen": {key: fen for key, fen in row.by_source.items() if key},
            }
            for row in money.years
        ],
        "interventions": [
            {
                "order": row.intervention.order, "key": row.intervention.key, "name": row.intervention.name,
                "kind": row.intervention.kind, "service": row.intervention.service.code, "cost_fen": row.intervention.cost_fen,
                "lead_months": row.intervention.lead_months, "year": row.year, "counts_from": row.ready or None,
                "paid_fen": row.paid, "not_done": row.why or None,
            }
            for row in money.rows
        ],
        "sources": [
            {"source": code, "given_fen": money.given_fen(code)} for code, _label in money.sources
        ],
        "phasing": None,
    }  # fmt: skip
    if money.whole and facts.get("years"):
        answer["phasing"] = {key: facts[key] for key in _OF_THE_WHOLE if key in facts} | {
            "limits_fen": dict(zip(funds.get("sources", []), funds.get("limit_fen", []), strict=True)),
        }
    if money.whole:
        answer["short"] = [
            {"sources": names, "missing_fen": missing} for names, missing in funds.get("short", [])
        ]
    return answer
