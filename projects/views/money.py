"""The money of one project: what is planned of it, released and paid; contracts, payments and what holds a tranche."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

from django import forms as django_forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError
from core.views.pages import page
from planning.choices import FundSource
from projects.forms import money as forms
from projects.models import ConditionMove, Contract, Payment, Project, Tranche
from projects.selectors import money_curve, money_page
from projects.services import amounts, contracts, drafts, money, money_plan, ties
from projects.views.project_tabs import project_tabs
from projects.views.projects import project_seen


@page
def project_money(request: HttpRequest, ref: str) -> HttpResponse:
    """Everything about the money of one project, to read."""
    project = project_seen(request, ref)
    may = {
        act: policies.allows(request.user, name, project)
        for act, name in (
            ("edit", "project.edit" if project.state in money.UNDER_WORK else "money.edit"),
            ("ask", "project.submit"),
            ("sign", "contract.edit"),
            ("pay", "money.pay"),
            ("tie", "money.edit"),
            ("agree", "money.agree"),
        )
    }
    return render(
        request, "projects/money.html",
        {
            "project": project, "tabs": project_tabs(project, "project_money"), "money": money_page.read(project), "may": may,
            "curve": money_curve.curve(project), "editable": project.state != "review",
        },
    )  # fmt: skip


def _rows(request: HttpRequest, *names: str) -> list[tuple[str, ...]]:
    columns = [request.POST.getlist(name) for name in names]
    return [row for row in zip(*columns, strict=False) if any(part.strip() for part in row)]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DomainError("bad-date", _("“%(text)s” is no date.") % {"text": text[:40]}, status=422) from None


def _whole(text: str) -> int:
    try:
        return int(text or 0)
    except ValueError:
        raise DomainError(
            "bad-number", _("“%(text)s” is no whole number.") % {"text": text[:40]}, status=422
        ) from None


@page
def project_money_edit(request: HttpRequest, ref: str) -> HttpResponse:
    """Lines by year and source; tranches and milestones too while the project is drafted."""
    project = project_seen(request, ref)
    policies.demand(
        request.user, "project.edit" if project.state in money.UNDER_WORK else "money.edit", project
    )
    error = None
    if request.method == "POST":
        try:
            _save(request, project)
            messages.success(request, _("The money is saved."))
            return redirect("project_money", project.ref)
        except DomainError as refused:
            error = refused
    return render(
        request, "projects/money_edit.html", _money_rows(request, project, error), status=422 if error else 200
    )  # fmt: skip


def _save(request: HttpRequest, project: Project) -> None:
    lines = [
        (_whole(year), source, amounts.fen_of(amount))
        for year, source, amount in _rows(request, "year", "source", "amount")
        if amount.strip()
    ]
    if project.state not in drafts.EDITABLE:
        money.set_lines(user=request.user, project=project, lines=lines)
        return
    parts = [
        (name, amounts.fen_of(amount))
        for name, amount in _rows(request, "tranche", "tranche_amount")
        if amount.strip()
    ]
    points = [
        (name, _day(day), _whole(percent))
        for name, day, percent in _rows(request, "milestone", "planned_on", "percent")
        if name.strip()
    ]
    money_plan.set_plan(user=request.user, project=project, lines=lines, tranches=parts, milestones=points)


def _money_rows(request: HttpRequest, project: Project, error: DomainError | None) -> dict[str, Any]:
    """Rows of the form: what was sent where it was refused, else what is stored, with empty rows to fill."""
    lines: list[Any]
    if error:
        lines = _rows(request, "year", "source", "amount")
        tranches = _rows(request, "tranche", "tranche_amount")
        points = _rows(request, "milestone", "planned_on", "percent")
    else:
        lines = [
            (str(one.year), one.source, amounts.yuan_text(one.amount_fen))
            for one in project.budget_lines.all()
        ]
        tranches = [(one.name, amounts.yuan_text(one.amount_fen)) for one in project.tranches.all()]
        points = [
            (one.name, one.planned_on.isoformat(), str(one.works_percent)) for one in project.milestones.all()
        ]
    return {
        "project": project, "error": error, "sources": FundSource.choices, "lines": [*lines, *[("", "", "")] * 3],
        "tranches": [*tranches, *[("", "")] * 2], "points": [*points, *[("", "", "")] * 2],
        "with_tranches": project.state in drafts.EDITABLE, "tabs": project_tabs(project, "project_money"),
    }  # fmt: skip


def _task(
    request: HttpRequest,
    project: Project,
    form: django_forms.Form,
    act: Callable[[dict[str, Any]], Any],
    *,
    title: str,
    button: str,
    done: str,
    said: str = "",
    facts: list[tuple[str, Any]] | None = None,
    back: str = "",
) -> HttpResponse:
    """One question with its form: what is wrong stays on the page with everything that was typed."""
    error = None
    if request.method == "POST" and form.is_valid():
        try:
            act(form.cleaned_data)
            messages.success(request, done)
            return redirect(reverse("project_money", args=[project.ref]) + back)
        except DomainError as refused:
            if refused.status == 403:
                raise
            error = refused
    return render(
        request, "projects/money_task.html",
        {"project": project, "form": form, "error": error, "title": title, "button": button, "said": said, "facts": facts or []},
        status=422 if error or form.errors else 200,
    )  # fmt: skip


@page
def contract_new(request: HttpRequest, ref: str) -> HttpResponse:
    project = project_seen(request, ref)
    policies.demand(request.user, "contract.edit", project)
    return _task(
        request, project, forms.ContractForm(request.POST or None),
        lambda said: contracts.sign(user=request.user, project=project, **said),
        title=_("Which contract was signed?"), button=_("Record the contract"), done=_("The contract is recorded."),
        said=_("A contract stays as it was signed. What changes later is a supplementary agreement."), back="#contracts",
    )  # fmt: skip


@page
def supplement_new(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    project = project_seen(request, ref)
    policies.demand(request.user, "contract.edit", project)
    contract = get_object_or_404(Contract.objects.select_related("project__area"), pk=pk, project=project)
    row = next(one for one in money_page.read(project).contracts if one.contract.pk == contract.pk)
    return _task(
        request, project, forms.SupplementForm(request.POST or None),
        lambda said: contracts.supplement(user=request.user, contract=contract, **said),
        title=_("By how much does contract %(number)s change?") % {"number": contract.number},
        button=_("Record the agreement"), done=_("The supplementary agreement is recorded."), back="#contracts",
        facts=[(_("Payee"), contract.payee), (_("Holds now, yuan"), amounts.yuan_text(row.total_fen)), (_("Paid, yuan"), amounts.yuan_text(row.paid_fen))],
    )  # fmt: skip


@page
def payment_new(request: HttpRequest, ref: str) -> HttpResponse:
    project = project_seen(request, ref)
    policies.demand(request.user, "money.pay", project)
    start = {"key": str(uuid.uuid4()), "tranche": request.GET.get("tranche")}
    sums = money.totals(project)
    return _task(
        request, project, forms.PaymentForm(request.POST or None, project=project, initial=start),
        lambda said: money.pay(user=request.user, **said),
        title=_("What was paid?"), button=_("Record the payment"), done=_("The payment is recorded."), back="#payments",
        said=_("A payment stays as it was recorded. A mistake is taken back by a second row."),
        facts=[
            (_("Released, yuan"), amounts.yuan_text(sums["released_fen"])), (_("Paid, yuan"), amounts.yuan_text(sums["paid_fen"])),
            (_("In the account, yuan"), amounts.yuan_text(sums["released_fen"] - sums["paid_fen"])),
        ],
    )  # fmt: skip


@page
def payment_back(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    project = project_seen(request, ref)
    policies.demand(request.user, "money.pay", project)
    payment = get_object_or_404(
        Payment.objects.select_related("project__area", "tranche", "contract"), pk=pk, project=project, corrects=None
    )  # fmt: skip
    row = next(one for one in money_page.read(project).payments if one.payment.pk == payment.pk)
    return _task(
        request, project, forms.TakeBackForm(request.POST or None, initial={"key": str(uuid.uuid4())}),
        lambda said: money.take_back(user=request.user, payment=payment, **said),
        title=_("How much of this payment is taken back?"), button=_("Take it back"), done=_("It is taken back."), back="#payments",
        facts=[
            (_("Payee"), payment.payee), (_("Paid, yuan"), amounts.yuan_text(payment.amount_fen)),
            (_("Left of it, yuan"), amounts.yuan_text(row.left_fen)),
        ],
    )  # fmt: skip


@page
def tranche_ties(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    """What holds a tranche: tie more, or ask that an open condition holds another one."""
    project = project_seen(request, ref)
    policies.demand(request.user, "money.edit", project)
    tranche = get_object_or_404(Tranche.objects.select_related("project__area"), project=project, number=number)  # fmt: skip
    which = request.POST.get("act", "")
    tie = forms.TieForm(request.POST if which == "tie" else None, tranche=tranche)
    move = forms.MoveForm(request.POST if which == "move" else None, tranche=tranche)
    error = None
    try:
        if which == "tie" and tie.is_valid():
            ties.tie_more(user=request.user, tranche=tranche, **{key: list(rows) for key, rows in tie.cleaned_data.items()})  # fmt: skip
            messages.success(request, _("The tranche waits for these too."))
            return redirect("tranche_ties", project.ref, number)
        if which == "move" and move.is_valid():
            ties.ask_move(user=request.user, from_tranche=tranche, **move.cleaned_data)
            messages.success(request, _("It is asked. Another officer answers; until then nothing changes."))
            return redirect("project_money", project.ref)
    except DomainError as refused:
        if refused.status == 403:
            raise
        error = refused
    return render(
        request, "projects/money_ties.html",
        {
            "project": project, "tranche": tranche, "tie": tie, "move": move, "error": error,
            "released": hasattr(tranche, "release"), "reasons": money.open_reasons(tranche),
            "conditions": tranche.conditions.all(), "milestones": tranche.milestones.all(),
        },
        status=422 if error or tie.errors or move.errors else 200,
    )  # fmt: skip


@page
def move_answer(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    project = project_seen(request, ref)
    policies.demand(request.user, "money.agree", project)
    move = get_object_or_404(
        ConditionMove.objects.select_related("condition__project__area", "from_tranche", "to_tranche", "asked_by"),
        pk=pk, condition__project=project,
    )  # fmt: skip
    return _task(
        request, project, forms.AnswerMoveForm(request.POST or None),
        lambda said: ties.answer_move(user=request.user, move=move, agree=said["answer"] == "agree", words=said["words"]),
        title=_("Shall this condition hold tranche %(to)s instead of tranche %(from)s?") % {"to": move.to_tranche.number, "from": move.from_tranche.number},
        button=_("Record the answer"), done=_("The answer is recorded."),
        said=_("Until the condition is met, only the other tranche waits for it."),
        facts=[
            (_("Condition"), move.condition.text), (_("Asked by"), move.asked_by.name or move.asked_by.username), (_("Reason"), move.reason),
        ],
    )  # fmt: skip


_ROOT = "projects/<str:ref>/money/"
urlpatterns: list[URLPattern] = [
    path(_ROOT, project_money, name="project_money"),
    path(_ROOT + "edit/", project_money_edit, name="project_money_edit"),
    path(_ROOT + "contracts/new/", contract_new, name="contract_new"),
    path(_ROOT + "contracts/<int:pk>/supplement/", supplement_new, name="supplement_new"),
    path(_ROOT + "payments/new/", payment_new, name="payment_new"),
    path(_ROOT + "payments/<int:pk>/take-back/", payment_back, name="payment_back"),
    path(_ROOT + "tranches/<int:number>/ties/", tranche_ties, name="tranche_ties"),
    path(_ROOT + "moves/<int:pk>/", move_answer, name="move_answer"),
]
