"""What waits for a person, and the one-question pages that answer it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.errors import DomainError, Forbidden
from core.views.pages import page
from projects.choices import StepState, TaskKind
from projects.forms import StepForm
from projects.models import Case, Condition, Step
from projects.selectors import officers, pages
from projects.services import cases, money, routes, submissions
from projects.views.projects import project_seen


def case_seen(request: HttpRequest, ref: str) -> Case:
    projects = pages.projects_visible_to(request.user)
    return get_object_or_404(
        Case.objects.select_related("project__area", "project__city", "project__service", "route", "tranche"),
        ref=ref,
        project__in=projects,
    )


@page
@require_POST
def project_submit(request: HttpRequest, ref: str) -> HttpResponse:
    project = project_seen(request, ref)
    case = cases.submit(
        user=request.user, project=project, route=routes.current(code=request.POST.get("route", ""))
    )
    messages.success(request, _("Handed in as %(ref)s.") % {"ref": case.ref})
    return redirect("project", project.ref)


@page
@require_POST
def tranche_ask(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    project = project_seen(request, ref)
    tranche = get_object_or_404(project.tranches, number=number)
    cases.ask_release(user=request.user, tranche=tranche)
    return redirect("project", project.ref)


@page
def step_page(request: HttpRequest, ref: str, task: str) -> HttpResponse:
    """Decide, check, confirmed: the question, then what will happen, then done."""
    case = case_seen(request, ref)
    step = get_object_or_404(
        case.steps.filter(round=case.round).select_related("task__stage"), task__code=task
    )
    step.case = case
    stand = officers.standing(request.user, step)
    if not stand.may:
        if stand.refused == "step-not-open":
            return redirect("project", case.project.ref)
        raise Forbidden(cases.refusal(stand.refused), stand.refused)
    form = StepForm(request.POST or None, kind=step.task.kind)
    error, checking = None, False
    if request.method == "POST" and form.is_valid():
        try:
            if request.POST.get("go") == "yes":
                cases.act(user=request.user, step=step, principal=stand.principal, **form.said())
                messages.success(request, _("Recorded: %(task)s, %(outcome)s.") % _told(step, form))
                return redirect("inbox")
            cases.check(step=step, **form.said())
            checking = True
        except DomainError as refused:
            error = refused
    context = {
        "case": case, "project": case.project, "step": step, "form": form, "stand": stand, "error": error, "checking": checking,
        "said": form.said() if checking else None, "told": _told(step, form) if checking else None,
        "recommended": case.steps.filter(round=case.round, task__kind=TaskKind.RECOMMEND, state=StepState.DONE).first(),
        "opinions": case.steps.filter(round=case.round, state=StepState.DONE).exclude(reason="").select_related("task", "done_by"),
        "changes": submissions.changes(case), "totals": money.totals(case.project),
        "reasons": money.open_reasons(case.tranche) if case.tranche else [],
    }  # fmt: skip
    return render(
        request,
        "projects/step.html",
        context,
        status=422 if error or (form.is_bound and form.errors) else 200,
    )


def _told(step: Step, form: StepForm) -> dict[str, Any]:
    label = dict(form.fields["outcome"].choices).get(form.cleaned_data["outcome"], "")  # type: ignore[attr-defined]
    return {"task": step.task.name, "outcome": str(label)}


@page
def case_answers(request: HttpRequest, ref: str) -> HttpResponse:
    """Answer what was asked for, item by item, and hand in again."""
    case = case_seen(request, ref)
    policies.demand(request.user, "project.submit", case.project)
    items = pages.returned_items(case)
    if request.method == "POST":
        for item in items:
            text = request.POST.get(f"item-{item.pk}", "")
            if text.strip() and text.strip() != item.answer:
                cases.answer(user=request.user, item=item, text=text)
        if "again" in request.POST:
            cases.resubmit(user=request.user, case=case)
            messages.success(request, _("Handed in again."))
        return redirect("project", case.project.ref)
    return render(request, "projects/answers.html", {"case": case, "project": case.project, "items": items})


@page
@require_POST
def case_withdraw(request: HttpRequest, ref: str) -> HttpResponse:
    case = case_seen(request, ref)
    cases.withdraw(user=request.user, case=case, reason=request.POST.get("reason", ""))
    return redirect("project", case.project.ref)


@page
def condition_page(request: HttpRequest, pk: int) -> HttpResponse:
    condition = get_object_or_404(
        Condition.objects.select_related("project__area", "step__case", "step__task"),
        pk=pk,
        project__in=pages.projects_visible_to(request.user),
    )
    policies.demand(request.user, "condition.settle", condition.project)
    if request.method == "POST":
        cases.settle_condition(user=request.user, condition=condition, note=request.POST.get("note", ""))
        return redirect("project", condition.project.ref)
    return render(request, "projects/condition.html", {"condition": condition, "project": condition.project})
