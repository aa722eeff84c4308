"""The money of the programme: against its works, by year and source, by district; as a workbook."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import City
from core.templatetags.pingji import local_name
from core.views.pages import page
from facilities.selectors.facilities import areas_of
from projects.selectors import programme_money
from projects.services import programme_money_book
from projects.tables import ProjectTable
from projects.views.programme import XLSX, shared_context


def _names(request: HttpRequest, city: City) -> dict[str, str]:
    return {area.code: local_name(area) for area in areas_of(city, request.user)} | {"": _("outside every area")}  # fmt: skip


@page
def programme_money_page(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    table = ProjectTable(request=request, city=request.city)
    money = programme_money.read(table.rows)
    names = _names(request, request.city)
    return render(
        request, "projects/programme_money.html",
        {
            "money": money, "curve": money.curve, "rows": [(names.get(one.code, one.code), one) for one in money.districts],
            **shared_context(request, table, "programme_money"),
        },
    )  # fmt: skip


@page
def programme_money_workbook(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    money = programme_money.read(ProjectTable(request=request, city=request.city).rows)
    content = programme_money_book.workbook(money, _names(request, request.city))
    response = HttpResponse(content, content_type=XLSX)
    response["Content-Disposition"] = f'attachment; filename="money-{timezone.localdate()}.xlsx"'
    response["Cache-Control"] = "private, no-store"
    return response


urlpatterns: list[URLPattern] = [
    path("projects/money/", programme_money_page, name="programme_money"),
    path("projects/money.xlsx", programme_money_workbook, name="programme_money_workbook"),
]
