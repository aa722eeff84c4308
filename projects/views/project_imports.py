"""A list of projects: file, check, what it would do, taking over."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.errors import DomainError
from core.views.pages import page, page_of
from facilities.choices import BatchState
from facilities.models import ImportBatch
from projects.forms.drafts import ProjectListForm
from projects.selectors import project_imports as imports
from projects.services import project_books, project_import_jobs, project_imports
from projects.views.programme import XLSX


@page
def import_start(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    project_imports.demand(request.user, request.city)
    form = ProjectListForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            done = project_import_jobs.check_upload(
                user=request.user, city=request.city, upload=said["file"], datum=said["datum"]
            )
            if isinstance(done, ImportBatch):
                return redirect("project_import_record", done.ref)
            return redirect("job", done.ref)
        except DomainError as error:
            form.add_error("file", str(error.message))
    context = {"form": form, "recent": imports.imports_of(request.user, request.city)[:10]}
    return render(request, "projects/import_start.html", context, status=422 if form.errors else 200)


@page
def import_template(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(project_books.template(), content_type=XLSX)
    response["Content-Disposition"] = 'attachment; filename="project-list.xlsx"'
    return response


def _batch(request: HttpRequest, ref: str) -> ImportBatch:
    batch = get_object_or_404(imports.imports_of(request.user), ref=ref)
    request.city = batch.city
    return batch


@page
def import_record(request: HttpRequest, ref: str) -> HttpResponse:
    batch = _batch(request, ref)
    context: dict[str, Any] = {
        "batch": batch, "page": page_of(request, batch.issues.order_by("row", "id"), 100), "rows": imports.preview(batch),
        "mine": batch.created_by_id == request.user.pk, "kept": batch.mapping.get("kept", 0),
        "file_there": imports.file_of(batch) is not None, "cost_fen": batch.mapping.get("cost_fen"),
    }  # fmt: skip
    return render(request, "projects/import_record.html", context)


@page
@require_POST
def import_apply(request: HttpRequest, ref: str) -> HttpResponse:
    batch = _batch(request, ref)
    done = project_import_jobs.take_over(user=request.user, batch=batch)
    if not isinstance(done, ImportBatch):
        return redirect("job", done.ref)
    if done.state == BatchState.APPLIED:
        words = _("%(added)d drafts were made and %(changed)d changed.")
        messages.success(request, words % {"added": done.added, "changed": done.changed})
    return redirect("project_import_record", ref)


@page
def import_problems(request: HttpRequest, ref: str) -> HttpResponse:
    batch = _batch(request, ref)
    response = HttpResponse(project_books.with_problems(batch), content_type=XLSX)
    response["Content-Disposition"] = f'attachment; filename="{batch.ref}-problems.xlsx"'
    return response


urlpatterns: list[URLPattern] = [
    path("projects/import/", import_start, name="project_import"),
    path("projects/import/template.xlsx", import_template, name="project_import_template"),
    path("projects/import/<str:ref>/", import_record, name="project_import_record"),
    path("projects/import/<str:ref>/apply/", import_apply, name="project_import_apply"),
    path("projects/import/<str:ref>/problems.xlsx", import_problems, name="project_import_problems"),
]
