"""A draft: made by hand, changed, deleted."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.errors import DomainError, Forbidden
from core.views.pages import page
from projects.forms.drafts import ProjectForm
from projects.selectors import duplicates as near
from projects.services import drafts
from projects.views.project_tabs import project_tabs
from projects.views.seen import project_seen


@page
def project_new(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    if not policies.holds(request.user, "project.edit", request.city.pk):
        policies.demand(request.user, "project.edit", request.city)
    form = ProjectForm(request.POST or None)
    error = None
    if request.method == "POST" and form.is_valid():
        try:
            made = drafts.draft(user=request.user, city=request.city, **form.fields_for_service())
            return redirect("project_money_edit", made.ref)
        except DomainError as refused:
            error = refused
    context = {"form": form, "error": error}
    return render(request, "projects/project_new.html", context, status=422 if error or form.errors else 200)


@page
def project_edit(request: HttpRequest, ref: str) -> HttpResponse:
    """Change a draft. On a conflict what was typed stays, beside what the other changed."""
    project = project_seen(request, ref)
    policies.demand(request.user, "project.edit", project)
    if project.state not in drafts.EDITABLE:
        raise DomainError("project-in-approval", _("What is being decided on does not change."))
    planned = project.intervention_id is not None
    form = ProjectForm(request.POST or None, initial=ProjectForm.of(project), planned=planned)
    error, version = None, project.version
    if request.method == "POST":
        version = _version(request)
        if form.is_valid():
            try:
                drafts.edit(user=request.user, project=project, version=version, **form.fields_for_service())
                messages.success(request, _("Saved."))
                return redirect("project", project.ref)
            except DomainError as refused:
                error = refused
                # Saved again after reading what changed: then against the newest state.
                version = refused.extra.get("version", version)
    context = {
        "project": project, "form": form, "error": error, "version": version, "planned": planned,
        "changes": [_in_words(form, one) for one in error.extra.get("changes", [])] if error else [],
        "duplicates": near.newest(project, request.user), "tabs": project_tabs(project, "project"),
        "deletable": project.state == "draft" and not project.cases.exists(),
    }  # fmt: skip
    status = error.status if error else 422 if form.errors else 200
    return render(request, "projects/project_edit.html", context, status=status)


def _version(request: HttpRequest) -> int:
    try:
        return int(request.POST.get("version", ""))
    except ValueError:
        raise DomainError("bad-version", _("The form is incomplete; open it again."), status=422) from None


def _in_words(form: ProjectForm, change: dict[str, Any]) -> dict[str, Any]:
    named = {"cost_fen": "cost_yuan", "point": "longitude"}.get(change["field"], change["field"])
    field = form.fields.get(named)
    return change | {
        "label": field.label if field is not None else change["field"],
        "money": change["field"] == "cost_fen",
        "when": parse_datetime(change["at"]),
    }


@page
@require_POST
def project_delete(request: HttpRequest, ref: str) -> HttpResponse:
    project = project_seen(request, ref)
    try:
        drafts.delete_draft(user=request.user, project=project, version=_version(request))
    except Forbidden:
        raise
    except DomainError as refused:
        messages.error(request, str(refused.message))
        return redirect("project_edit", ref)
    messages.success(request, _("The draft %(ref)s is deleted.") % {"ref": ref})
    return redirect("projects")


urlpatterns: list[URLPattern] = [
    path("projects/new/", project_new, name="project_new"),
    path("projects/<str:ref>/edit/", project_edit, name="project_edit"),
    path("projects/<str:ref>/delete/", project_delete, name="project_delete"),
]
