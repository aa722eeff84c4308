"""The money of one project as a page, the API and the command read it: lines by year and source, tranches with what holds
them, contracts with what they have grown to, payments with what was taken back, and the sums that must fit."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Sum
from django.utils import timezone

from core import policies
from planning.choices import FundSource
from projects.choices import CaseState, ConditionState
from projects.models import Case, ConditionMove, Contract, Payment, Project, Release, Tranche
from projects.selectors.tranches import is_last, open_reasons, totals

# The pace is that of the payments of so many days.
PACE_DAYS = 90


@dataclass(frozen=True)
class Matrix:
    """Lines by year (rows) and source (columns), in fen; None where there is no line."""

    sources: list[tuple[str, str]]
    years: list[tuple[int, list[int | None], int]]
    by_source: list[int]
    total_fen: int


def matrix(rows: list[tuple[int, str, int]]) -> Matrix:
    """Sums of (year, source, fen) rows."""
    held: dict[tuple[int, str], int] = defaultdict(int)
    for year, source, fen in rows:
        held[year, source] += fen
    used = [(code, str(label)) for code, label in FundSource.choices if any(source == code for _y, source in held)]  # fmt: skip
    years = sorted({year for year, _source in held})
    return Matrix(
        sources=used,
        years=[
            (year, [held.get((year, code)) for code, _label in used], sum(fen for (y, _s), fen in held.items() if y == year))
            for year in years
        ],
        by_source=[sum(fen for (_y, source), fen in held.items() if source == code) for code, _label in used],
        total_fen=sum(held.values()),
    )  # fmt: skip


@dataclass(frozen=True)
class TrancheRow:
    """`state`: released, asked (a case is open), blocked, free, or not-approved."""

    tranche: Tranche
    last: bool
    due_on: date | None
    state: str
    reasons: list[str]
    release: Release | None
    case: Case | None
    released_fen: int
    paid_fen: int

    @property
    def account_fen(self) -> int:
        return self.released_fen - self.paid_fen


@dataclass(frozen=True)
class ContractRow:
    contract: Contract
    total_fen: int
    paid_fen: int

    @property
    def over_fen(self) -> int:
        """Paid above what the contract holds with its supplementary agreements: to be explained."""
        return max(self.paid_fen - self.total_fen, 0)


@dataclass(frozen=True)
class PaymentRow:
    payment: Payment
    back_fen: int
    on_contract: bool

    @property
    def left_fen(self) -> int:
        return self.payment.amount_fen - self.back_fen


@dataclass(frozen=True)
class Sums:
    """What must fit: lines = approved; paid at most released at most budget. `days`: how long the account lasts at the pace
    of the last 90 days, None where nothing was paid in them."""

    approved_fen: int
    budget_fen: int
    released_fen: int
    paid_fen: int
    contracts_fen: int
    days: int | None

    @property
    def account_fen(self) -> int:
        return self.released_fen - self.paid_fen

    @property
    def fits(self) -> bool:
        return self.paid_fen <= self.released_fen <= self.budget_fen and (
            not self.approved_fen or self.budget_fen == self.approved_fen
        )


@dataclass(frozen=True)
class MoneyPage:
    matrix: Matrix
    tranches: list[TrancheRow]
    contracts: list[ContractRow]
    payments: list[PaymentRow]
    sums: Sums
    moves: list[ConditionMove]
    conditions_open: int


def read(project: Project, today: date | None = None) -> MoneyPage:
    day = today or timezone.localdate()
    payments = list(project.payments.select_related("tranche", "contract", "recorded_by", "corrects"))
    contracts = list(project.contracts.prefetch_related("supplements__signed_by").select_related("signed_by"))
    paid_of: dict[int, int] = defaultdict(int)
    paid_contract: dict[int | None, int] = defaultdict(int)
    back: dict[int, int] = defaultdict(int)
    for one in payments:
        paid_of[one.tranche_id] += one.amount_fen
        paid_contract[one.contract_id] += one.amount_fen
        if one.corrects_id:
            back[one.corrects_id] -= one.amount_fen
    contract_rows = [
        ContractRow(one, one.amount_fen + sum(row.amount_fen for row in one.supplements.all()), paid_contract[one.pk])
        for one in contracts
    ]  # fmt: skip
    signed = {_plain(one.payee) for one in contracts}
    sums = totals(project)
    return MoneyPage(
        matrix=matrix(list(project.budget_lines.values_list("year", "source", "amount_fen"))),
        tranches=_tranches(project, paid_of),
        contracts=contract_rows,
        payments=[PaymentRow(one, back[one.pk], _plain(one.payee) in signed) for one in payments],
        sums=Sums(**sums, contracts_fen=sum(row.total_fen for row in contract_rows), days=_days(project, sums, day)),
        moves=list(
            ConditionMove.objects.filter(condition__project=project).select_related(
                "condition", "from_tranche", "to_tranche", "asked_by", "answered_by"
            )
        ),
        conditions_open=project.conditions.filter(state=ConditionState.OPEN).count(),
    )  # fmt: skip


def _plain(name: str) -> str:
    """A name without what people type differently: spaces and the width of brackets."""
    return "".join(name.split()).replace("（", "(").replace("）", ")").casefold()


def _tranches(project: Project, paid_of: dict[int, int]) -> list[TrancheRow]:
    rows = project.tranches.select_related("release__recommended_by", "release__decided_by")
    cases = {
        one.tranche_id: one
        for one in Case.objects.filter(
            project=project, tranche__isnull=False, state__in=[CaseState.OPEN, CaseState.RETURNED]
        )
    }
    found = []
    for one in rows.prefetch_related("conditions", "milestones"):
        release = getattr(one, "release", None)
        reasons = [] if release else open_reasons(one)
        case = cases.get(one.pk)
        if release:
            state = "released"
        elif project.approved_fen is None:
            state = "not-approved"
        elif case is not None:
            state = "asked"
        else:
            state = "blocked" if reasons else "free"
        found.append(
            TrancheRow(
                tranche=one, last=is_last(one), due_on=max((row.planned_on for row in one.milestones.all()), default=None),
                state=state, reasons=reasons, release=release, case=case,
                released_fen=release.amount_fen if release else 0, paid_fen=paid_of[one.pk],
            )
        )  # fmt: skip
    return found


def _days(project: Project, sums: dict[str, int], today: date) -> int | None:
    since = today - timedelta(days=PACE_DAYS)
    paid = project.payments.filter(paid_on__gt=since, paid_on__lte=today).aggregate(sum=Sum("amount_fen"))["sum"] or 0  # fmt: skip
    if paid <= 0:
        return None
    return (sums["released_fen"] - sums["paid_fen"]) * PACE_DAYS // paid


def waiting_for(user: Any, city: Any) -> list[dict[str, Any]]:
    """Moves of conditions that wait for this person's agreement, for the inbox."""
    moves = ConditionMove.objects.filter(agreed=None).exclude(asked_by=user).select_related(
        "condition__project__area", "condition__project__city", "from_tranche", "to_tranche"
    )  # fmt: skip
    if city is not None:
        moves = moves.filter(condition__project__city=city)
    return [
        {
            "kind": "condition-move", "title": move.condition.text, "href": f"/projects/{move.condition.project.ref}/money/moves/{move.pk}/",
            "due_on": None, "project": move.condition.project,
        }
        for move in moves
        if policies.allows(user, "money.agree", move.condition.project) and move.condition.project.created_by_id != user.pk
    ]  # fmt: skip
