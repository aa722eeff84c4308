"""Who answers for what: on one project, and over the whole city with the overdue first."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.errors import DomainError, InvalidInput
from core.models import Organisation
from core.views.pages import page, page_of
from projects.models import Project, Responsibility
from projects.selectors import pages
from projects.selectors import responsibilities as read
from projects.services import responsibilities
from projects.views.programme_tabs import programme_tabs
from projects.views.project_tabs import project_tabs


def _project(request: HttpRequest, ref: str) -> Project:
    """A project the person may see, or for which they answer."""
    mine = Project.objects.filter(responsibilities__person=request.user).values("pk")
    seen = pages.projects_visible_to(request.user).values("pk")
    found = Project.objects.select_related("area", "service", "city").filter(ref=ref)
    project = found.filter(pk__in=seen).first() or found.filter(pk__in=mine).first()
    if project is None:
        raise Http404
    return project


@page
def project_responsibilities(request: HttpRequest, ref: str) -> HttpResponse:
    project = _project(request, ref)
    error = None
    if request.method == "POST":
        try:
            _add(request, project)
            return redirect("project_responsibilities", project.ref)
        except DomainError as refused:
            error = refused
    return _shown(request, project, error, request.POST if error else {})


def _shown(request: HttpRequest, project: Project, error: DomainError | None, posted: Any) -> HttpResponse:
    today = timezone.localdate()
    rows = [
        {"one": one, "overdue": one.done_at is None and one.due_on is not None and one.due_on < today, "may_do": read.may_do(request.user, one)}
        for one in read.of_project(project)
    ]  # fmt: skip
    return render(
        request, "projects/responsibilities.html",
        {
            "project": project, "tabs": project_tabs(project, "project_responsibilities"), "rows": rows, "error": error, "posted": posted,
            "problems": error.problems if isinstance(error, InvalidInput) else [], "missing": read.missing_words(project),
            "levels": read.LEVELS.items(), "organisations": read.organisations(project.city), "people": read.people_of(project.city),
            "may_edit": policies.allows(request.user, "responsibility.edit", project),
        },
        status=error.status if error else 200,
    )  # fmt: skip


def _said(request: HttpRequest, project: Project) -> dict[str, Any]:
    """Level, organisation, task, person and day as typed. An enterprise that is not on record is entered by its name."""
    said = request.POST
    level, code, name = (
        said.get("level", ""),
        said.get("organisation", ""),
        said.get("enterprise", "").strip(),
    )
    if name and level == "enterprise" and not code:
        organisation = responsibilities.add_enterprise(
            user=request.user, city=project.city, name=name, area=project.area
        )
    else:
        found = Organisation.objects.filter(city=project.city, code=code).first()
        if found is None:
            raise DomainError("unknown-organisation", read.NO_ORGANISATION, status=422)
        organisation = found
    return {
        "level": level, "organisation": organisation, "task": said.get("task", ""),
        "person": responsibilities.person_named(said.get("person", "")), "due_on": _day(said.get("due_on", "")),
    }  # fmt: skip


def _day(text: str) -> date | None:
    try:
        return parse_date(text.strip()) if text.strip() else None
    except ValueError:
        return text  # type: ignore[return-value]  # told by the service with everything else


def _add(request: HttpRequest, project: Project) -> None:
    policies.demand(request.user, "responsibility.edit", project)
    responsibilities.name(user=request.user, project=project, **_said(request, project))
    messages.success(request, _("Named."))


def _one(request: HttpRequest, ref: str, pk: int) -> Responsibility:
    rows = Responsibility.objects.select_related("project__area", "project__city", "organisation", "person")
    return get_object_or_404(rows, pk=pk, project=_project(request, ref))


@page
def responsibility_change(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    """One open line: changed, or taken out with a reason."""
    one = _one(request, ref, pk)
    policies.demand(request.user, "responsibility.edit", one.project)
    error = None
    if request.method == "POST":
        try:
            if request.POST.get("remove"):
                responsibilities.remove(
                    user=request.user, responsibility=one, reason=request.POST.get("reason", "")
                )
            else:
                responsibilities.change(user=request.user, responsibility=one, **_said(request, one.project))
            return redirect("project_responsibilities", one.project.ref)
        except DomainError as refused:
            error = refused
    posted: Any = request.POST or {
        "level": one.level, "organisation": one.organisation.code, "task": one.task, "person": one.person.username if one.person else "",
        "due_on": one.due_on.isoformat() if one.due_on else "",
    }  # fmt: skip
    return render(
        request, "projects/responsibility_change.html",
        {
            "project": one.project, "one": one, "posted": posted, "error": error, "levels": read.LEVELS.items(),
            "problems": error.problems if isinstance(error, InvalidInput) else [], "organisations": read.organisations(one.project.city),
            "people": read.people_of(one.project.city), "tabs": project_tabs(one.project, "project_responsibilities"),
        },
        status=error.status if error else 200,
    )  # fmt: skip


@page
@require_POST
def responsibility_done(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    one = _one(request, ref, pk)
    try:
        responsibilities.done(user=request.user, responsibility=one, note=request.POST.get("note", ""))
    except DomainError as refused:
        if refused.status == 403:
            raise
        return _shown(request, one.project, refused, {})
    messages.success(request, _("Recorded as done."))
    return redirect("project_responsibilities", one.project.ref)


@page
def responsibility_list(request: HttpRequest) -> HttpResponse:
    """All of the city, overdue first."""
    if not request.city:
        return render(request, "planning/no_city.html")
    found = read.listing(request.user, request.city, request.GET.dict())
    return render(
        request, "projects/responsibility_list.html",
        {"listing": found, "page": page_of(request, found.rows), "today": timezone.localdate(), "tabs": programme_tabs("responsibilities")},
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("responsibilities/", responsibility_list, name="responsibilities"),
    path("projects/<str:ref>/responsibilities/", project_responsibilities, name="project_responsibilities"),
    path(
        "projects/<str:ref>/responsibilities/<int:pk>/", responsibility_change, name="responsibility_change"
    ),
    path(
        "projects/<str:ref>/responsibilities/<int:pk>/done/", responsibility_done, name="responsibility_done"
    ),
]
