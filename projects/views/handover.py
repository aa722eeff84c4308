"""Handover of one project: what stands, reporting as built, checking on site, accepting into the registry."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError, InvalidInput
from core.views.pages import page
from facilities.models import PeacetimeUse
from inventory.models import ItemType
from projects.models import Commissioning, Project
from projects.selectors import checklist
from projects.selectors import handover as read
from projects.services import handover
from projects.services.handover_report import SIZES, TEXTS
from projects.views.project_tabs import project_tabs
from projects.views.projects import project_seen

# The lists of a report and their columns, as the form names them: "agreements-party".
LISTS = {
    "agreements": ("party", "valid_from", "valid_to"),
    "certificates": ("kind", "number", "valid_from", "valid_to"),
    "goods": ("item", "quantity", "lot_number", "expires_on"),
}


@page
def project_handover(request: HttpRequest, ref: str) -> HttpResponse:
    """What stands of the handover, every check that was made, and what to know before the acceptance."""
    return render(request, "projects/handover.html", _context(request, project_seen(request, ref)))


def _context(request: HttpRequest, project: Project, error: DomainError | None = None) -> dict[str, Any]:
    told = read.summary(project)
    found = told.commissioning
    checks = list(found.checks.select_related("checked_by")) if found else []
    mine = {found.handed_by_id, *(one.checked_by_id for one in checks)} if found else set()
    may = {
        act: policies.allows(request.user, f"handover.{act}", project)
        for act in ("report", "check", "accept")
    }
    remarks = read.before_acceptance(project, found) if found and told.stage == "accept" else []
    return {
        "project": project, "tabs": project_tabs(project, "project_handover"), "handover": told, "checks": checks,
        "reasons": {one.number: [read.reason_words(why) for why in one.reasons] for one in checks},
        "remarks": remarks, "nothing": any(one.supplies_nothing for one in remarks),
        "place": read.place_of(project, found), "limit": checklist.limit_hours(project), "error": error,
        "may_report": may["report"] and told.stage in ("report", "check", "failed", "accept"),
        "may_check": may["check"] and told.stage in ("check", "failed", "accept") and found is not None and found.handed_by_id != request.user.pk,
        "may_accept": may["accept"] and told.stage == "accept" and request.user.pk not in mine,
        "two_people": may["accept"] and told.stage == "accept" and request.user.pk in mine,
    }  # fmt: skip


@page
def handover_report(request: HttpRequest, ref: str) -> HttpResponse:
    """The form of what was built; what was typed stays when something is refused."""
    project = project_seen(request, ref)
    policies.demand(request.user, "handover.report", project)
    error = None
    if request.method == "POST":
        typed = _typed(request)
        try:
            handover.report(
                user=request.user, project=project, built_units=typed["built_units"], reported_hours=typed["reported_hours"],
                barrier_free_units=typed["barrier_free_units"], as_built=typed["as_built"], note=typed["note"],
            )  # fmt: skip
            messages.success(request, _("Reported as built. Somebody else checks the conversion on site."))
            return redirect("project_handover", project.ref)
        except DomainError as refused:
            error = refused
    else:
        typed = _kept(project)
    return render(
        request, "projects/handover_report.html",
        {
            "project": project, "tabs": project_tabs(project, "project_handover"), "error": error, "typed": typed,
            "problems": error.problems if isinstance(error, InvalidInput) else [], "converts": checklist.converts(project),
            "place": read.place_of(project, None), "uses": PeacetimeUse.objects.all(), "items": ItemType.objects.all(),
            "rows": {name: [*typed["as_built"].get(name, []), {}, {}] for name in LISTS},
        },
        status=error.status if error else 200,
    )  # fmt: skip


def _typed(request: HttpRequest) -> dict[str, Any]:
    said = request.POST
    as_built: dict[str, Any] = {
        name: said.get(name, "").strip()
        for name in (*TEXTS, *SIZES, "use", "facility")
        if said.get(name, "").strip()
    }
    for name, columns in LISTS.items():
        cells = [said.getlist(f"{name}-{column}") for column in columns]
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*cells, strict=False)]
        as_built[name] = [row for row in rows if any(value.strip() for value in row.values())]
    plain = {
        name: said.get(name, "").strip() for name in ("built_units", "reported_hours", "barrier_free_units")
    }
    return plain | {"note": said.get("note", ""), "as_built": as_built}


def _kept(project: Project) -> dict[str, Any]:
    """The report that stands, else what was approved, to begin from."""
    found = Commissioning.objects.filter(project=project).first()
    if found is not None:
        return handover.said(found)
    units = project.approved_units if project.approved_units is not None else project.units
    return {
        "built_units": units, "barrier_free_units": None, "reported_hours": project.conversion_hours, "note": "", "as_built": {},
    }  # fmt: skip


@page
def handover_check(request: HttpRequest, ref: str) -> HttpResponse:
    """A trial of the conversion: the checklist, what was tried, passed or not."""
    project = project_seen(request, ref)
    policies.demand(request.user, "handover.check", project)
    items = checklist.items_for(project)
    error: DomainError | None = None
    posted = request.POST if request.method == "POST" else {}
    if request.method == "POST":
        try:
            made = handover.check(
                user=request.user, project=project, checked_on=parse_day(posted.get("checked_on", "")),
                tried_units=posted.get("tried_units") or 0, tried_hours=posted.get("tried_hours") or 0,
                answers={one.code: posted.get(f"item-{one.code}", "") for one in items},
                notes={one.code: posted.get(f"note-{one.code}", "") for one in items},
                passed=posted.get("passed") == "yes", note=posted.get("note", ""),
            )  # fmt: skip
            messages.success(request, _("Check %(number)s is recorded.") % {"number": made.number})
            return redirect("project_handover", project.ref)
        except DomainError as refused:
            error = refused
    found = Commissioning.objects.filter(project=project).select_related("handed_by").first()
    return render(
        request, "projects/handover_check.html",
        {
            "project": project, "tabs": project_tabs(project, "project_handover"), "found": found, "error": error,
            "problems": error.problems if isinstance(error, InvalidInput) else [],
            "items": [(one, posted.get(f"item-{one.code}", ""), posted.get(f"note-{one.code}", "")) for one in items],
            "posted": posted, "today": timezone.localdate(), "limit": checklist.limit_hours(project),
            "converts": checklist.converts(project), "checklist": checklist.checklist_name(),
        },
        status=error.status if error else 200,
    )  # fmt: skip


def parse_day(text: str) -> date:
    """The day, or the refusal of the service's own words: it tells every problem at once."""
    try:
        return parse_date(text.strip()) or text  # type: ignore[return-value]
    except ValueError:
        return text  # type: ignore[return-value]


@page
def handover_accept(request: HttpRequest, ref: str) -> HttpResponse:
    """One question: is this what the registry shall hold from now on?"""
    project = project_seen(request, ref)
    policies.demand(request.user, "handover.accept", project)
    error = None
    if request.method == "POST":
        number = request.POST.get("check_number", "")
        try:
            found = handover.accept(
                user=request.user, project=project, check_number=int(number) if number.isdigit() else None,
                although=request.POST.get("although", ""), note=request.POST.get("note", ""),
            )  # fmt: skip
            messages.success(
                request,
                _("%(name)s is in the registry as %(ref)s; the next run counts it.")
                % {
                    "name": found.facility.name if found.facility else "",
                    "ref": found.facility.ref if found.facility else "",
                },
            )
            return redirect("project_handover", project.ref)
        except DomainError as refused:
            error = refused
    project.refresh_from_db()
    context = _context(request, project, error) | {"posted": request.POST if request.method == "POST" else {}}
    if context["handover"].stage != "accept" and error is None:
        return redirect("project_handover", project.ref)
    return render(request, "projects/handover_accept.html", context, status=error.status if error else 200)


urlpatterns: list[URLPattern] = [
    path("projects/<str:ref>/handover/", project_handover, name="project_handover"),
    path("projects/<str:ref>/handover/report/", handover_report, name="handover_report"),
    path("projects/<str:ref>/handover/check/", handover_check, name="handover_check"),
    path("projects/<str:ref>/handover/accept/", handover_accept, name="handover_accept"),
]
