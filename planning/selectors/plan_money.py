"""Reads the years and money of a plan version: what is done when, what it costs, who pays, and how coverage grows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core import policies
from planning.choices import FundSource
from planning.models import Intervention, InterventionMoney, PlanVersion
from planning.selectors import change_sets


@dataclass(frozen=True)
class WorkRow:
    """One intervention with its year (None: in no year), the month it counts from, and fen by source."""

    intervention: Intervention
    year: int | None
    ready: str
    paid: dict[str, int]
    why: str = ""

    @property
    def paid_fen(self) -> int:
        return sum(self.paid.values())


@dataclass(frozen=True)
class YearRow:
    """budget_fen, left_fen: of the whole plan, None for who sees only part of it. by_source: fen by source; "" stands for
    money of no named source."""

    year: int
    count: int
    spent_fen: int
    by_source: dict[str, int]
    budget_fen: int | None
    left_fen: int | None


@dataclass(frozen=True)
class PlanMoney:
    """`whole`: the person sees every area, so sums are the plan's. facts: the version's phasing as its service keeps it."""

    rows: list[WorkRow]
    years: list[YearRow]
    sources: list[tuple[str, Any]]
    whole: bool
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def total_fen(self) -> int:
        return sum(row.intervention.cost_fen for row in self.rows)

    def given_fen(self, source: str) -> int:
        return sum(row.by_source.get(source, 0) for row in self.years) if self.years else sum(
            row.paid.get(source, 0) for row in self.rows
        )  # fmt: skip


def plan_money(version: PlanVersion, *, user: Any) -> PlanMoney:
    """`user` None: a command of this machine, which sees all. Else only interventions in areas the person
    may see; what speaks of the whole plan only for who sees all of it."""
    rows_of = version.interventions.select_related("service", "area", "facility", "idle_asset").order_by(
        "order"
    )
    works = list(rows_of) if user is None else change_sets.interventions_of(version, user=user)
    whole = policies.sees_whole_city(user, version.plan.city_id) if user is not None else True
    facts = dict(version.facts.get("phasing") or {})
    paid: dict[int, dict[str, int]] = {}
    for part in InterventionMoney.objects.filter(intervention__in=[one.pk for one in works]):
        by_source = paid.setdefault(part.intervention_id, {})
        by_source[part.source] = by_source.get(part.source, 0) + part.amount_fen
    alone = (facts.get("funds") or {}).get("paid") or []
    left = dict(facts.get("left") or [])
    rows = [
        WorkRow(
            one, one.year, ready_of(one.year, one.lead_months),
            paid.get(one.pk) or (alone[one.order - 1] if one.order <= len(alone) else {}), left.get(one.order, ""),
        )
        for one in works
    ]  # fmt: skip
    used = {source for row in rows for source in row.paid}
    sources: list[tuple[str, Any]] = [(code, label) for code, label in FundSource.choices if code in used]
    return PlanMoney(rows, _years(rows, facts, whole), sources, whole, facts)


def ready_of(year: int | None, lead_months: int) -> str:
    """The month from which a work of that year counts, "2028-07"."""
    if year is None:
        return ""
    return f"{year + lead_months // 12}-{lead_months % 12 + 1:02d}"


def _years(rows: list[WorkRow], facts: dict[str, Any], whole: bool) -> list[YearRow]:
    listed = sorted({*facts.get("years", []), *(row.year for row in rows if row.year is not None)})
    budgets = dict(zip(facts.get("years", []), facts.get("money_fen", []), strict=True))
    out, kept = [], 0
    for year in listed:
        mine = [row for row in rows if row.year == year]
        by_source: dict[str, int] = {}
        for row in mine:
            for source, fen in row.paid.items() or [("", row.intervention.cost_fen)]:
                by_source[source] = by_source.get(source, 0) + fen
        spent = sum(row.intervention.cost_fen for row in mine)
        budget = budgets.get(year) if whole else None
        left = None
        if budget is not None:
            left = kept + budget - spent
            kept = left if facts.get("carry_over") else 0
        out.append(YearRow(year, len(mine), spent, by_source, budget, left))
    return out
