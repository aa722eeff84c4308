"""A case between its tasks: handed in, answered, withdrawn; its conditions, its code, and what is newer than its evidence."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.errors import DomainError
from core.views.pages import page
from projects.choices import CaseState, ConditionState
from projects.models import Condition, Project, ReturnItem, Tranche
from projects.selectors import changes, newer, pages
from projects.services import cases, conditions, routes
from projects.views.seen import case_seen, project_seen


def _mine_open(request: HttpRequest, project: Project, tranche: Tranche | None) -> bool:
    """Is this being decided already because the reader asked for it?"""
    return project.cases.filter(tranche=tranche, state=CaseState.OPEN, drafter_id=request.user.pk).exists()


@page
@require_POST
def project_submit(request: HttpRequest, ref: str) -> HttpResponse:
    project = project_seen(request, ref)
    try:
        route = routes.current(code=request.POST.get("route", ""))
        case = cases.submit(user=request.user, project=project, route=route)
    except DomainError as refused:
        # A second click on the same button finds what the first one did.
        if refused.code == "project-not-draft" and _mine_open(request, project, None):
            return redirect("project", project.ref)
        raise
    messages.success(request, _("Handed in as %(ref)s.") % {"ref": case.ref})
    return redirect("project", project.ref)


@page
@require_POST
def tranche_ask(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    project = project_seen(request, ref)
    tranche = get_object_or_404(project.tranches, number=number)
    try:
        case = cases.ask_release(user=request.user, tranche=tranche)
    except DomainError as refused:
        if refused.code == "case-open" and _mine_open(request, project, tranche):
            return redirect("project", project.ref)
        raise
    messages.success(request, _("Handed in as %(ref)s.") % {"ref": case.ref})
    return redirect("project", project.ref)


@page
@require_POST
def project_code(request: HttpRequest, ref: str) -> HttpResponse:
    """The investment code of a project on its way."""
    project = project_seen(request, ref)
    cases.enter_code(user=request.user, project=project, code=request.POST.get("code", ""))
    messages.success(request, _("The investment code is entered."))
    return redirect("project", project.ref)


@page
def case_answers(request: HttpRequest, ref: str) -> HttpResponse:
    """Answer what was asked for, item by item, and hand in again. What was typed stays, whatever is refused."""
    case = case_seen(request, ref)
    policies.demand(request.user, "project.submit", case.project)
    items = pages.returned_items(case)
    error = None
    if request.method == "POST":
        try:
            _answer(request, items)
            if "again" in request.POST:
                cases.resubmit(user=request.user, case=case)
                messages.success(request, _("Handed in again."))
                return redirect("project", case.project.ref)
            messages.success(request, _("The answers are kept."))
            return redirect("case_answers", case.ref)
        except DomainError as refused:
            error = refused
    elif case.state != CaseState.RETURNED:
        return redirect("project", case.project.ref)
    typed = [(item, request.POST.get(f"item-{item.pk}", item.answer)) for item in items]
    context = {
        "case": case, "project": case.project, "items": typed, "error": error, "edit_url": reverse("project_edit", args=[case.project.ref]), "left": sum(not text.strip() for _item, text in typed),
        "changed": changes.since_submission(case),
    }  # fmt: skip
    return render(request, "projects/answers.html", context, status=error.status if error else 200)


def _answer(request: HttpRequest, items: list[ReturnItem]) -> None:
    for item in items:
        text = request.POST.get(f"item-{item.pk}", "")
        if text.strip() and text.strip() != item.answer:
            cases.answer(user=request.user, item=item, text=text)


@page
@require_POST
def case_withdraw(request: HttpRequest, ref: str) -> HttpResponse:
    case = case_seen(request, ref)
    cases.withdraw(user=request.user, case=case, reason=request.POST.get("reason", ""))
    messages.success(request, _("%(ref)s is withdrawn.") % {"ref": case.ref})
    return redirect("project", case.project.ref)


@page
def condition_page(request: HttpRequest, pk: int) -> HttpResponse:
    """A condition: what it holds, who asked for it, and the question whether it is met for who may say so."""
    condition = get_object_or_404(
        Condition.objects.select_related(
            "project__area", "project__city", "step__case", "step__task", "step__done_by", "settled_by"
        ),
        pk=pk,
        project__in=pages.projects_visible_to(request.user),
    )
    refused = conditions.may_settle(request.user, condition)
    error: DomainError | None = None
    if request.method == "POST":
        try:
            conditions.settle_condition(
                user=request.user, condition=condition, note=request.POST.get("note", "")
            )
            messages.success(request, _("The condition is met."))
            return redirect("project", condition.project.ref)
        except DomainError as found:
            error = found
            condition.refresh_from_db()
    context: dict[str, Any] = {
        "condition": condition, "project": condition.project, "error": error, "note": request.POST.get("note", ""),
        "tranches": condition.tranches.order_by("number"), "is_open": condition.state == ConditionState.OPEN, "refused": refused,
    }  # fmt: skip
    return render(request, "projects/condition.html", context, status=error.status if error else 200)


@page
def case_newer(request: HttpRequest, ref: str) -> HttpResponse:
    """The evidence of a case beside what would be read today."""
    case = case_seen(request, ref)
    return render(
        request, "projects/newer.html", {"case": case, "project": case.project, "newer": newer.of_case(case)}
    )


urlpatterns: list[URLPattern] = [
    path("projects/<str:ref>/submit/", project_submit, name="project_submit"),
    path("projects/<str:ref>/code/", project_code, name="project_code"),
    path("projects/<str:ref>/tranches/<int:number>/ask/", tranche_ask, name="tranche_ask"),
    path("cases/<str:ref>/answers/", case_answers, name="case_answers"),
    path("cases/<str:ref>/withdraw/", case_withdraw, name="case_withdraw"),
    path("cases/<str:ref>/newer/", case_newer, name="case_newer"),
    path("conditions/<int:pk>/", condition_page, name="condition"),
]
