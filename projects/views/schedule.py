"""Schedules: one project's days against each other, and the programme's projects under each other."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from core.templatetags.pingji import local_name
from core.views.pages import page, page_of
from facilities.selectors.facilities import areas_of
from projects.selectors import schedule
from projects.tables import ProjectTable
from projects.views.programme import shared_context
from projects.views.project_tabs import project_tabs
from projects.views.projects import project_seen

# More rows than anybody scrolls through; the rest is on the next page, or narrowed by the filters.
ROWS = 300


@page
def project_schedule(request: HttpRequest, ref: str) -> HttpResponse:
    project = project_seen(request, ref)
    found = schedule.of_project(project)
    return render(
        request, "projects/schedule.html",
        {"project": project, "schedule": found, "tabs": project_tabs(project, "project_schedule")},
    )  # fmt: skip


@page
def programme_schedule(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    table = ProjectTable(request=request, city=request.city)
    by = "state" if request.GET.get("by") == "state" else "area"
    names = {area.code: local_name(area) for area in areas_of(request.city, request.user)}
    rows = page_of(request, schedule.ordered(table.rows, by), ROWS)
    found = schedule.programme(list(rows.object_list), by=by, names=names)
    shared = shared_context(request, table, "programme_schedule")
    query = request.GET.copy()
    query.pop("by", None)
    shared["kept"] = [*shared["kept"], *([("by", by)] if by == "state" else [])]
    return render(
        request, "projects/programme_schedule.html",
        {"schedule": found, "page": rows, "by": by, "bare": query.urlencode(), "choices": [("area", _("By district")), ("state", _("By state"))], **shared},
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("projects/schedule/", programme_schedule, name="programme_schedule"),
    path("projects/<str:ref>/schedule/", project_schedule, name="project_schedule"),
]
