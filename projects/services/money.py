"""Money: lines, tranches, releases, payments. What may never happen the database refuses itself (migrations 0002 and 0031)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.services import audit
from planning.choices import FundSource
from projects.choices import ConditionState, Outcome, ProjectState, StepState, TaskKind
from projects.models import BudgetLine, Case, Contract, Payment, Project, Release, Step, Tranche
from projects.selectors.tranches import is_last, open_reasons, totals
from projects.services import events
from projects.services.amounts import MOST_FEN, yuan_text

# Read by pages and by the rules alike; callers find them here too.
__all__ = ["is_last", "open_reasons", "pay", "release_decided", "set_lines", "take_back", "tie", "totals"]

UNDER_WORK = (ProjectState.DRAFT, ProjectState.RETURNED, ProjectState.WITHDRAWN)


def set_lines(*, user: Any, project: Project, lines: Sequence[tuple[int, str, int]]) -> list[BudgetLine]:
    """The whole list of (year, source, fen). While a project is drafted they may differ from its cost; handing in asks for
    equality, and after the approval they add up to what was approved, whatever is moved between years and sources."""
    _check_lines(lines)
    with transaction.atomic():
        # The state decides who may: read under the lock, not as the page once saw it.
        held = Project.objects.select_for_update(of=("self",)).select_related("area").get(pk=project.pk)
        policies.demand(user, "project.edit" if held.state in UNDER_WORK else "money.edit", held)
        total = sum(amount for _year, _source, amount in lines)
        if held.approved_fen is not None and total != held.approved_fen:
            raise DomainError(
                "lines-not-approved-total", _("The lines add up to another amount than was approved."), status=422,
                total_fen=total, approved_fen=held.approved_fen,
            )  # fmt: skip
        if held.state == ProjectState.REVIEW:
            raise DomainError("project-in-approval", _("What is being decided on does not change."))
        before = [[row.year, row.source, row.amount_fen] for row in held.budget_lines.all()]
        held.budget_lines.all().delete()
        made = BudgetLine.objects.bulk_create(
            BudgetLine(project=held, year=year, source=source, amount_fen=amount)
            for year, source, amount in lines
        )
        audit.record(
            user=user,
            act="money.lines",
            subject=held,
            before={"lines": before},
            after={"lines": [list(one) for one in lines]},
        )
        events.tell(
            project=held, kind="money.lines", ref=held.ref, payload={"lines": [list(one) for one in lines]}
        )
    return made


def _check_lines(lines: Sequence[tuple[int, str, int]]) -> None:
    wrong: list[Any] = []
    for number, (year, source, amount) in enumerate(lines, start=1):
        if not 2000 <= int(year) <= 2100:
            wrong.append(_("line %(number)s: the year") % {"number": number})
        if source not in FundSource.values:
            wrong.append(_("line %(number)s: the source") % {"number": number})
        if int(amount) != amount or not 0 < amount <= 10**15:
            wrong.append(_("line %(number)s: the amount, whole fen above 0") % {"number": number})
    if len({(year, source) for year, source, _amount in lines}) < len(lines):
        wrong.append(_("a year and source stand twice"))
    if wrong:
        raise DomainError(
            "bad-lines", _("Correct %(words)s.") % {"words": "; ".join(str(one) for one in wrong)}, status=422
        )


def tie(*, project: Project, step: Step) -> None:
    """New conditions hold the next tranche that is not free yet, until somebody ties them elsewhere."""
    if step.case.tranche_id is not None:
        waits = (
            project.tranches.filter(release=None).exclude(pk=step.case.tranche_id).order_by("number").first()
        )
    else:
        waits = project.tranches.filter(release=None).order_by("number").first()
    if waits is not None:
        waits.conditions.add(*step.conditions.all())


def release_decided(*, case: Case, step: Step) -> Release:
    """Free the tranche of a case that was just approved. Called inside the decision's transaction."""
    tranche = Tranche.objects.select_for_update().get(cases=case)
    recommended = _recommended(case)
    reasons = open_reasons(tranche)
    if not reasons:
        return _release(tranche, recommended.done_by, step.done_by)
    both = recommended.outcome == step.outcome == Outcome.CONDITIONS
    if not both or is_last(tranche):
        raise DomainError(
            "tranche-blocked",
            _("This tranche is not free: %(words)s.") % {"words": "; ".join(reasons)},
            reasons=reasons,
        )
    # Two officers, each with a reason: who recommended it under conditions, and who decided so.
    why = f"{recommended.reason} / {step.reason}"
    made = _release(
        tranche, recommended.done_by, step.done_by, override_by=recommended.done_by, override_reason=why
    )
    _hold_the_next(tranche)
    return made


def _hold_the_next(tranche: Tranche) -> None:
    """What was passed over is still asked for: it holds the next tranche that is not free yet."""
    waits = tranche.project.tranches.filter(release=None).order_by("number").first()
    if waits is not None:
        waits.conditions.add(*tranche.conditions.filter(state=ConditionState.OPEN))
        waits.milestones.add(*tranche.milestones.filter(reached_on=None))


def _recommended(case: Case) -> Step:
    return Step.objects.get(case=case, round=case.round, task__kind=TaskKind.RECOMMEND, state=StepState.DONE)


def _release(tranche: Tranche, recommended_by: Any, decided_by: Any, **override: Any) -> Release:
    try:
        with transaction.atomic():
            made = Release.objects.create(
                tranche=tranche, amount_fen=tranche.amount_fen, recommended_by=recommended_by, decided_by=decided_by,
                released_at=timezone.now(), **override,
            )  # fmt: skip
    except (IntegrityError, DatabaseError) as refused:
        raise DomainError(
            "release-refused", _("The release is refused: %(words)s") % {"words": _said(refused)}
        ) from None
    audit.record(
        user=decided_by,
        act="money.release",
        subject=tranche.project,
        after={"tranche": tranche.number, "amount_fen": tranche.amount_fen, "override": bool(override)},
        reason=override.get("override_reason", ""),
    )
    events.tell(
        project=tranche.project,
        kind="money.released",
        ref=tranche.project.ref,
        payload={"tranche": tranche.number, "amount_fen": tranche.amount_fen},
    )
    return made


# What the database says when it refuses, in words for people; a sentence not listed here is shown as it is.
_REFUSALS = {
    "no more is paid than was released": _("no more is paid than was released"),
    "no more is taken back than was paid": _("no more is taken back than was paid"),
    "no more is released than the budget holds": _("no more is released than the budget holds"),
    "no more is released than the tranche holds": _("no more is released than the tranche holds"),
    "a tranche is released by the decision on it": _("a tranche is released by the decision on it"),
    "a condition or a milestone of this tranche is open": _(
        "a condition or a milestone of this tranche is open"
    ),
    "the last tranche needs the capacity as built and a passed conversion check": _(
        "the last tranche needs the capacity as built and a passed conversion check"
    ),
    "nothing is open that two officers would have to pass over": _(
        "meanwhile everything it waited for is there; approve it without conditions"
    ),
}


def _said(error: Exception) -> str:
    words = str(error).splitlines()[0]
    return str(_REFUSALS.get(words, words))


def pay(
    *,
    user: Any,
    tranche: Tranche,
    amount_fen: int,
    payee: str,
    paid_on: date,
    key: str,
    contract: Contract | None = None,
    note: str = "",
) -> Payment:
    """Record a payment. The same `key` again answers the payment that is there. Without a payee it goes to the one of the
    contract; a payee on no contract is recorded too, and shown as such."""
    policies.demand(user, "money.pay", tranche.project)
    to = payee.strip() or (contract.payee if contract is not None else "")
    said: dict[str, Any] = {
        "payee": to, "amount_fen": amount_fen, "paid_on": paid_on, "key": key.strip(), "contract": contract, "note": note.strip(),
    }  # fmt: skip
    if found := Payment.objects.filter(key=said["key"]).first():
        return _same(found, tranche, said)
    wrong: list[Any] = []
    if int(amount_fen) != amount_fen or not 0 < amount_fen <= MOST_FEN:
        wrong.append(_("the amount, whole fen above 0"))
    if not to or len(to) > 160:
        wrong.append(_("the payee"))
    if not said["key"] or len(said["key"]) > 80:
        wrong.append(_("the key of the sender"))
    if not 2000 <= paid_on.year <= timezone.localdate().year + 1:
        wrong.append(_("the day it was paid"))
    if len(said["note"]) > 300:
        wrong.append(_("the note, at most 300 signs"))
    if contract is not None and contract.project_id != tranche.project_id:
        wrong.append(_("the contract, which belongs to another project"))
    if wrong:
        raise DomainError(
            "bad-payment",
            _("Correct %(words)s.") % {"words": "; ".join(str(one) for one in wrong)},
            status=422,
        )
    return _record(user, tranche, said | {"amount_fen": int(amount_fen)})


def take_back(
    *, user: Any, payment: Payment, key: str, reason: str, amount_fen: int | None = None
) -> Payment:
    """Correct a payment by a second row that takes it back, wholly (what is left of it) or in part."""
    policies.demand(user, "money.pay", payment.project)
    if payment.corrects_id is not None:
        raise DomainError("corrects-a-correction", _("This row takes a payment back itself."), status=422)
    if not reason.strip() or len(reason.strip()) > 300:
        raise DomainError("no-reason", _("Say why, in at most 300 signs."), status=422)
    if not key.strip() or len(key.strip()) > 80:
        raise DomainError(
            "bad-payment", _("Correct %(words)s.") % {"words": _("the key of the sender")}, status=422
        )
    said = {
        "payee": payment.payee, "paid_on": timezone.localdate(), "key": key.strip(), "contract": payment.contract,
        "note": reason.strip(), "corrects": payment,
    }  # fmt: skip
    if found := Payment.objects.filter(key=said["key"]).first():
        wanted = {"amount_fen": found.amount_fen if amount_fen is None else -int(amount_fen)}
        return _same(found, payment.tranche, said | wanted)
    back = Payment.objects.filter(corrects=payment).aggregate(sum=Sum("amount_fen"))["sum"] or 0
    left = payment.amount_fen + back
    amount = left if amount_fen is None else int(amount_fen)
    if amount_fen is None and not left:
        raise DomainError("payment-refused", _("This payment is taken back already."))
    if not 0 < amount <= left:
        raise DomainError(
            "payment-refused", _("No more is taken back than was paid: %(left)s yuan are left.") % {"left": yuan_text(left)}
        )  # fmt: skip
    return _record(user, payment.tranche, said | {"amount_fen": -amount})


def _same(found: Payment, tranche: Tranche, said: dict[str, Any]) -> Payment:
    """The payment that is there, if it is the one that is sent again."""
    asked = (tranche.pk, said["amount_fen"], said["payee"], said["contract"], said.get("corrects"))
    if asked != (found.tranche_id, found.amount_fen, found.payee, found.contract, found.corrects):
        raise DomainError("key-used", _("This key belongs to another payment."))
    return found


def _record(user: Any, tranche: Tranche, said: dict[str, Any]) -> Payment:
    try:
        with transaction.atomic():
            made = Payment.objects.create(project=tranche.project, tranche=tranche, recorded_by=user, **said)
            after = {name: str(said[name]) for name in ("amount_fen", "payee", "paid_on", "note")} | {
                "tranche": tranche.number, "contract": made.contract.number if made.contract else "",
            }  # fmt: skip
            audit.record(user=user, act="money.pay", subject=tranche.project, after=after)
            events.tell(project=tranche.project, kind="money.paid", ref=tranche.project.ref, payload=after)
    except IntegrityError as refused:
        if found := Payment.objects.filter(key=said["key"]).first():
            return _same(found, tranche, said)  # the same payment, sent twice at once
        raise DomainError(
            "payment-refused", _("The payment is refused: %(words)s") % {"words": _said(refused)}
        ) from None
    return made
