"""All projects of a city: the list, the board with its sums, the list as a workbook."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone

from core import policies
from core.templatetags.pingji import is_chinese, local_name
from core.views.pages import page
from facilities.models import ServiceType
from facilities.selectors.facilities import areas_of
from projects.selectors import programme
from projects.services import project_books
from projects.tables import ProjectTable
from projects.views.programme_tabs import programme_tabs

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def shared_context(request: HttpRequest, table: ProjectTable, name: str) -> dict[str, Any]:
    """What the list and the board both show of a query string."""
    facets = table.facets() if table.valid else []
    query = request.GET.copy()
    for one in ("page", "city"):
        query.pop(one, None)
    exact = query.urlencode()
    user, city = request.user, request.city
    return {
        "tabs": programme_tabs(name), "facets": facets, "pills": table.pills(facets), "errors": table.filter.errors,
        "search": request.GET.get("search", ""), "exact": exact, "name_key": "name" if is_chinese() else "name_en",
        "kept": [(one, request.GET[one]) for one in ("near", "in_bbox", "cost_min", "cost_max", "plan", "ordering") if request.GET.get(one)],
        "api": f"/api/v1/projects/?city={city.code}" + (f"&{exact}" if exact else ""),
        "may_edit": policies.holds(user, "project.edit", city.pk), "may_import": policies.holds(user, "project.import", city.pk),
    }  # fmt: skip


@page
def project_list(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    table = ProjectTable(request=request, city=request.city)
    rows = table.page()
    context = {
        "page": rows, "sentence": table.sentence(rows.paginator.count), "today": timezone.localdate(),
        **shared_context(request, table, "projects"),
    }  # fmt: skip
    return render(request, "projects/projects.html", context)


@page
def project_board(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    table = ProjectTable(request=request, city=request.city)
    found = programme.lines(table.rows)
    context = {
        "columns": programme.board(found), "sum": programme.total(found), "sentence": table.sentence(len(found)),
        "tables": _sum_tables(request, found), **shared_context(request, table, "project_board"),
    }  # fmt: skip
    return render(request, "projects/board.html", context)


def _sum_tables(request: HttpRequest, found: list[programme.Line]) -> list[dict[str, Any]]:
    """Sums by district and by service, in the order of the areas and services; each row leads to its projects."""
    areas = {area.path: area for area in areas_of(request.city, request.user)}
    by_area = programme.grouped(found, lambda one: programme.district_of(one.area_path))
    by_service = programme.grouped(found, lambda one: one.service)
    rows = []
    for where in sorted(by_area):
        sums, area = by_area[where], areas.get(where)
        sums.label = local_name(area) if area else "—"
        sums.query = f"area={area.code}" if area else ""
        rows.append(sums)
    services = []
    for one in ServiceType.objects.filter(code__in=list(by_service)):
        sums = by_service[one.code]
        sums.label, sums.query = local_name(one), f"service={one.code}"
        services.append(sums)
    return [{"name": "area", "rows": rows}, {"name": "service", "rows": services}]


@page
def project_workbook(request: HttpRequest) -> HttpResponse:
    """The matching projects as the list that `/projects/import/` reads."""
    if not request.city:
        return render(request, "planning/no_city.html")
    table = ProjectTable(request=request, city=request.city)
    response = HttpResponse(project_books.workbook(table.rows), content_type=XLSX)
    response["Content-Disposition"] = f'attachment; filename="projects-{timezone.localdate()}.xlsx"'
    return response


urlpatterns: list[URLPattern] = [
    path("projects/", project_list, name="projects"),
    path("projects/board/", project_board, name="project_board"),
    path("projects/list.xlsx", project_workbook, name="project_workbook"),
]
