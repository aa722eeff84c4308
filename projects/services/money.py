"""Money: lines, tranches, releases, payments. What may never happen the database refuses itself (migration 0002)."""

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
from projects.services import events

UNDER_WORK = (ProjectState.DRAFT, ProjectState.RETURNED, ProjectState.WITHDRAWN)


def set_lines(*, user: Any, project: Project, lines: Sequence[tuple[int, str, int]]) -> list[BudgetLine]:
    """The whole list of (year, source, fen). While a project is drafted they may differ from its cost; handing in asks for
    equality, and after the approval they add up to what was approved, whatever is moved between years and sources."""
    policies.demand(user, "project.edit" if project.state in UNDER_WORK else "money.edit", project)
    _check_lines(lines)
    with transaction.atomic():
        held = Project.objects.select_for_update().get(pk=project.pk)
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


def open_reasons(tranche: Tranche) -> list[str]:
    """What still stands in the way of this tranche, in words; the database asks the same."""
    found = [
        str(_("condition open: %(text)s") % {"text": one.text})
        for one in tranche.conditions.filter(state=ConditionState.OPEN)
    ]
    found += [
        str(_("milestone not seen on site: %(name)s") % {"name": one.name})
        for one in tranche.milestones.filter(reached_on=None)
    ]
    if (
        tranche.final
        and not Tranche.objects.filter(
            pk=tranche.pk,
            project__commissioning__check_passed=True,
            project__commissioning__accepted_by__isnull=False,
        ).exists()
    ):
        found.append(str(_("the capacity as built and a passed conversion check are missing")))
    return found


def release_decided(*, case: Case, step: Step) -> Release:
    """Free the tranche of a case that was just approved. Called inside the decision's transaction."""
    tranche = Tranche.objects.select_for_update().get(cases=case)
    recommended = _recommended(case)
    reasons = open_reasons(tranche)
    if not reasons:
        return _release(tranche, recommended.done_by, step.done_by)
    both = recommended.outcome == step.outcome == Outcome.CONDITIONS
    if not both or tranche.final:
        raise DomainError(
            "tranche-blocked",
            _("This tranche is not free: %(words)s.") % {"words": "; ".join(reasons)},
            reasons=reasons,
        )
    # Two officers, each with a reason: who recommended it under conditions, and who decided so.
    why = f"{recommended.reason} / {step.reason}"
    return _release(
        tranche, recommended.done_by, step.done_by, override_by=recommended.done_by, override_reason=why
    )


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


def _said(error: Exception) -> str:
    return str(error).splitlines()[0]


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
    """Record a payment. The same `key` again answers the payment that is there."""
    policies.demand(user, "money.pay", tranche.project)
    if found := Payment.objects.filter(key=key).first():
        if (found.tranche_id, found.amount_fen, found.payee) != (tranche.pk, int(amount_fen), payee.strip()):
            raise DomainError("key-used", _("This key belongs to another payment."))
        return found
    if int(amount_fen) != amount_fen or amount_fen <= 0:
        raise DomainError("bad-amount", _("The amount is whole fen above 0."), status=422)
    if not payee.strip():
        raise DomainError("no-payee", _("Name the payee."), status=422)
    if contract is not None and contract.project_id != tranche.project_id:
        raise DomainError("other-contract", _("The contract belongs to another project."), status=422)
    return _record(
        user,
        tranche,
        payee=payee.strip(),
        amount_fen=int(amount_fen),
        paid_on=paid_on,
        key=key,
        contract=contract,
        note=note,
    )


def take_back(
    *, user: Any, payment: Payment, key: str, reason: str, amount_fen: int | None = None
) -> Payment:
    """Correct a payment by a second row that takes it back, wholly or in part."""
    policies.demand(user, "money.pay", payment.project)
    if not reason.strip():
        raise DomainError("no-reason", _("Say why."), status=422)
    if found := Payment.objects.filter(key=key).first():
        return found
    amount = payment.amount_fen if amount_fen is None else int(amount_fen)
    if amount <= 0:
        raise DomainError("bad-amount", _("The amount is whole fen above 0."), status=422)
    return _record(
        user, payment.tranche, payee=payment.payee, amount_fen=-amount, paid_on=timezone.localdate(), key=key,
        contract=payment.contract, note=reason.strip(), corrects=payment,
    )  # fmt: skip


def _record(user: Any, tranche: Tranche, **said: Any) -> Payment:
    try:
        with transaction.atomic():
            made = Payment.objects.create(project=tranche.project, tranche=tranche, recorded_by=user, **said)
            after = {name: str(said[name]) for name in ("amount_fen", "payee", "paid_on", "note")} | {
                "tranche": tranche.number
            }
            audit.record(user=user, act="money.pay", subject=tranche.project, after=after)
            events.tell(project=tranche.project, kind="money.paid", ref=tranche.project.ref, payload=after)
    except IntegrityError as refused:
        if found := Payment.objects.filter(key=said["key"]).first():
            return found  # the same payment, sent twice at once
        raise DomainError(
            "payment-refused", _("The payment is refused: %(words)s") % {"words": _said(refused)}
        ) from None
    return made


def totals(project: Project) -> dict[str, int]:
    """Approved, budgeted, released and paid, in fen."""
    return {
        "approved_fen": project.approved_fen or 0,
        "budget_fen": project.budget_lines.aggregate(sum=Sum("amount_fen"))["sum"] or 0,
        "released_fen": Release.objects.filter(tranche__project=project).aggregate(sum=Sum("amount_fen"))[
            "sum"
        ]
        or 0,
        "paid_fen": project.payments.aggregate(sum=Sum("amount_fen"))["sum"] or 0,
    }
