"""The one-question pages: answer, check, confirmed; and why somebody may not, told before they begin."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse

from core.errors import DomainError
from core.views.pages import page
from projects.choices import CaseState, Outcome, StepState, TaskKind
from projects.forms.steps import StepForm
from projects.models import Case, Step
from projects.selectors import changes, officers, step_words
from projects.services import cases, money
from projects.views.seen import case_seen

ROWS = 2
MOST_ROWS = 30


def _step(case: Case, **which: Any) -> Step:
    step = get_object_or_404(
        case.steps.select_related("task__stage", "done_by", "done_for")
        .filter(**which)
        .order_by("task__stage__order")[:1]
    )
    step.case = case
    return step


@page
def step_page(request: HttpRequest, ref: str, task: str) -> HttpResponse:
    case = case_seen(request, ref)
    step = _step(case, round=case.round, task__code=task)
    stand = officers.standing(request.user, step)
    form = StepForm(request.POST or None, kind=step.task.kind)
    if not stand.may:
        return _not_yours(request, step, stand, form)
    error, checking = None, False
    go = request.POST.get("go", "")
    if request.method == "POST" and go not in ("back", "more") and form.is_valid():
        try:
            if go == "yes":
                cases.act(user=request.user, step=step, principal=stand.principal, **form.said())
                return redirect("case_step_done", case.ref, step.round, step.task.code)
            cases.check(step=step, **form.said())
            checking = True
        except DomainError as refused:
            if refused.code == "step-not-open":
                return _not_yours(
                    request, _step(case, pk=step.pk), officers.Standing(False, refused=refused.code), form
                )
            error = refused
    refused_now = error is not None or (go not in ("back", "more") and form.is_bound and bool(form.errors))
    context = _context(request, step, stand, form) | {"error": error, "checking": checking}
    if go in ("back", "more"):
        form._errors = {}  # nothing was asked yet
    return render(
        request,
        "projects/step.html",
        context,
        status=(error.status if error else 422) if refused_now else 200,
    )


def _context(request: HttpRequest, step: Step, stand: officers.Standing, form: StepForm) -> dict[str, Any]:
    case = step.case
    totals = money.totals(case.project)
    reasons = money.open_reasons(case.tranche) if case.tranche is not None else []
    chosen = form.data.get("outcome") or request.GET.get("outcome", "")
    conditions: list[tuple[str, Any]] = [row for row in form.conditions if any(row)]
    if not form.is_bound and step.task.kind == TaskKind.DECIDE:
        conditions = step_words.proposed(step)
        if not chosen and conditions:
            chosen = Outcome.CONDITIONS
    more = ROWS + (1 if request.POST.get("go") == "more" else 0)
    items = [one for one in form.items if one.strip()]
    opinions = step_words.opinions(step)
    said = form.said() if form.is_bound and form.is_valid() else None
    return {
        "case": case, "project": case.project, "step": step, "form": form, "stand": stand, "chosen": chosen,
        "choices": step_words.choices(step, reasons), "reasons": reasons, "totals": totals,
        "items": [*items, *[""] * more][:MOST_ROWS], "conditions": [*conditions, *[("", "")] * more][:MOST_ROWS],
        "facts": step_words.facts(step, totals), "opinions": opinions,
        "recommended": next((one for one in opinions if one.task.kind == TaskKind.RECOMMEND), None),
        "changed": changes.between_rounds(case), "round_before": case.round - 1, "said": said,
        "said_label": step_words.label(step, said["outcome"]) if said else "",
        "leads_to": next((one.leads_to for one in step_words.choices(step, reasons) if said and one.code == said["outcome"]), ""),
        "no_code": step.task.kind == TaskKind.DECIDE and case.tranche_id is None and not case.project.investment_code,
    }  # fmt: skip


def _not_yours(request: HttpRequest, step: Step, stand: officers.Standing, form: StepForm) -> HttpResponse:
    """Told kindly: who has it, who was quicker, what rule stands against it; and what was typed stays on the page."""
    over = step.state in (StepState.DONE, StepState.SKIPPED, StepState.STOPPED)
    if step.state == StepState.DONE and (request.method == "GET" or step.done_by_id == request.user.pk):
        # One's own second click, or a link to what is done: what was recorded.
        return redirect("case_step_done", step.case.ref, step.round, step.task.code)
    typed = [form.data.get("reason", ""), *form.items, *[" ".join(row) for row in form.conditions]]
    open_now = [
        {"step": one, "people": officers.names_of(one)}
        for one in step.case.steps.filter(round=step.case.round, state=StepState.OPEN).select_related(
            "task", "case__project__area", "case__project__city"
        )
    ]
    context = {
        "case": step.case, "project": step.case.project, "step": step, "why": cases.refusal(stand.refused), "code": stand.refused,
        "over": over, "typed": "\n".join(one.strip() for one in typed if one.strip()), "open_now": open_now,
        "waiting": step.state == StepState.WAITING,
    }  # fmt: skip
    status = 409 if stand.refused == "step-not-open" else 403
    return render(request, "projects/step_refused.html", context, status=status)


@page
def step_done(request: HttpRequest, ref: str, round_: int, task: str) -> HttpResponse:
    """What was recorded, what it led to, and who has the case now."""
    case = case_seen(request, ref)
    step = _step(case, round=round_, task__code=task, state=StepState.DONE)
    now = case.steps.filter(round=case.round, state=StepState.OPEN).select_related(
        "task", "case__project__area", "case__project__city"
    )
    context = {
        "case": case, "project": case.project, "step": step, "label": step_words.label(step, step.outcome),
        "mine": step.done_by_id == request.user.pk, "items": list(step.return_items.all()),
        "conditions": list(step.conditions.all()), "proposed": step.proposed, "release": step_words.released_by(step),
        "now": [{"step": one, "people": officers.names_of(one)} for one in now],
        "returned": case.state == CaseState.RETURNED, "link": request.build_absolute_uri(reverse("project", args=[case.project.ref])),
    }  # fmt: skip
    return render(request, "projects/step_done.html", context)


urlpatterns: list[URLPattern] = [
    path("cases/<str:ref>/steps/<slug:task>/", step_page, name="case_step"),
    path("cases/<str:ref>/rounds/<int:round_>/<slug:task>/", step_done, name="case_step_done"),
]
