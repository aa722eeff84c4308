"""Projects: the list, one project as a case, a new one by hand or from a plan."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.errors import DomainError
from core.models import City
from core.views.pages import page, page_of
from planning.models import PlanVersion
from projects.choices import CaseState, ProjectState
from projects.forms import ProjectForm
from projects.models import Project, Route
from projects.selectors import officers, pages
from projects.services import drafts, money


def project_seen(request: HttpRequest, ref: str) -> Project:
    return get_object_or_404(pages.projects_visible_to(request.user), ref=ref)


@page
def project_list(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    rows = pages.projects_visible_to(request.user, request.city)
    state = request.GET.get("state", "")
    if state in ProjectState.values:
        rows = rows.filter(state=state)
    counts = pages.counts_by_state(request.user, request.city)
    return render(
        request, "projects/projects.html",
        {
            "page": page_of(request, rows), "state": state, "all": sum(counts.values()),
            "states": [(code, label, counts.get(code, 0)) for code, label in ProjectState.choices],
            "may_edit": policies.allows(request.user, "project.edit", request.city),
        },
    )  # fmt: skip


@page
def project_new(request: HttpRequest) -> HttpResponse:
    policies.demand(request.user, "project.edit", request.city)
    form = ProjectForm(request.POST or None)
    error = None
    if request.method == "POST" and form.is_valid():
        try:
            made = drafts.draft(user=request.user, city=request.city, **form.fields_for_service())
            return redirect("project_money", made.ref)
        except DomainError as refused:
            error = refused
    return render(
        request,
        "projects/project_new.html",
        {"form": form, "error": error},
        status=422 if error or form.errors else 200,
    )


@page
@require_POST
def project_from_plan(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    cities = City.objects.filter(policies.visible_cities(request.user))
    version = get_object_or_404(
        PlanVersion.objects.select_related("plan__city"), plan__ref=ref, number=number, plan__city__in=cities
    )
    orders = [int(one) for one in request.POST.getlist("order") if one.isdigit()]
    made = drafts.from_plan(user=request.user, version=version, orders=orders)
    messages.success(request, _("%(count)s project drafts stand ready.") % {"count": len(made)})
    return redirect("project", made[0].ref) if len(made) == 1 else redirect("projects")


@page
def project_record(request: HttpRequest, ref: str) -> HttpResponse:
    project = project_seen(request, ref)
    case = project.cases.select_related("route", "tranche").order_by("-id").first()
    mine = []
    if case is not None and case.state == CaseState.OPEN:
        open_steps = case.steps.filter(round=case.round, state="open").select_related(
            "task", "case__project__area", "case__project__city"
        )
        mine = [(step, stand) for step in open_steps if (stand := officers.standing(request.user, step)).may]
    tranches = [
        {"tranche": one, "release": getattr(one, "release", None), "paid_fen": sum(row.amount_fen for row in one.payments.all()),
         "reasons": [] if getattr(one, "release", None) else money.open_reasons(one)}
        for one in project.tranches.select_related("release").prefetch_related("payments")
    ]  # fmt: skip
    return render(
        request, "projects/project.html",
        {
            "project": project, "case": case, "mine": mine, "stages": pages.stages(case) if case else [],
            "items": pages.returned_items(case) if case and case.state == CaseState.RETURNED else [],
            "evidence": case.evidence.filter(round=case.round) if case else [], "tranches": tranches,
            "totals": money.totals(project), "timeline": pages.timeline(project),
            "routes": Route.objects.filter(state="published", for_tranche=False), "money_of": project.budget_lines.all(),
            "conditions": project.conditions.select_related("step__task").order_by("state", "due_on"),
            "may_edit": policies.allows(request.user, "project.edit", project),
            "may_submit": policies.allows(request.user, "project.submit", project),
            "may_settle": policies.allows(request.user, "condition.settle", project),
            "editable": project.state in drafts.EDITABLE,
        },
    )  # fmt: skip
