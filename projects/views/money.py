"""The money of one project: what is planned of it, released and paid."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from core.errors import DomainError
from core.views.pages import page
from planning.choices import FundSource
from projects.models import Project
from projects.services import amounts, drafts, money
from projects.views.projects import project_seen


def _rows(request: HttpRequest, *names: str) -> list[tuple[str, ...]]:
    columns = [request.POST.getlist(name) for name in names]
    return [row for row in zip(*columns, strict=False) if any(part.strip() for part in row)]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DomainError("bad-date", _("“%(text)s” is no date.") % {"text": text}, status=422) from None


@page
def project_money(request: HttpRequest, ref: str) -> HttpResponse:
    """Lines by year and source, tranches and milestones, together."""
    project = project_seen(request, ref)
    error, context = None, {}
    if request.method == "POST":
        try:
            lines = [
                (int(year or 0), source, amounts.fen_of(amount))
                for year, source, amount in _rows(request, "year", "source", "amount")
                if amount.strip()
            ]
            tranches = [
                (name, amounts.fen_of(amount))
                for name, amount in _rows(request, "tranche", "tranche_amount")
                if amount.strip()
            ]
            points = [
                (name, _day(day), int(percent or 0))
                for name, day, percent in _rows(request, "milestone", "planned_on", "percent")
                if name.strip()
            ]
            money.set_lines(user=request.user, project=project, lines=lines)
            if project.state in drafts.EDITABLE:
                drafts.set_tranches(user=request.user, project=project, tranches=tranches, milestones=points)
            return redirect("project", project.ref)
        except (DomainError, ValueError) as refused:
            error = (
                refused
                if isinstance(refused, DomainError)
                else DomainError("bad-number", _("Numbers are needed for years and shares."), status=422)
            )
            context = {"posted": request.POST}
    return render(
        request,
        "projects/money.html",
        context | _money_rows(request, project, error),
        status=422 if error else 200,
    )


def _money_rows(request: HttpRequest, project: Project, error: DomainError | None) -> dict[str, Any]:
    """Rows of the form: what was sent where it was refused, else what is stored, with empty rows to fill."""
    if error:
        lines = _rows(request, "year", "source", "amount")
        tranches = _rows(request, "tranche", "tranche_amount")
        points = _rows(request, "milestone", "planned_on", "percent")
    else:
        lines = [
            (str(one.year), one.source, amounts.yuan_text(one.amount_fen))
            for one in project.budget_lines.all()
        ]
        tranches = [(one.name, amounts.yuan_text(one.amount_fen)) for one in project.tranches.all()]
        points = [
            (one.name, one.planned_on.isoformat(), str(one.works_percent)) for one in project.milestones.all()
        ]
    return {
        "project": project, "error": error, "sources": FundSource.choices, "lines": [*lines, *[("", "", "")] * 3],
        "tranches": [*tranches, *[("", "")] * 2], "points": [*points, *[("", "", "")] * 2],
    }  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("projects/<str:ref>/money/", project_money, name="project_money"),
]
