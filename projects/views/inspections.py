"""Inspections, what they find, and how it is put right: a page for each question. Photos are served only to who may see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.errors import DomainError
from core.views.pages import page
from projects.choices import FindingState, Severity
from projects.forms import works as forms
from projects.models import Finding, Inspection, Photo
from projects.selectors import pages, site
from projects.selectors import works as seen
from projects.selectors.works_rules import limits
from projects.services import inspections
from projects.services.inspections import FindingSaid
from projects.services.pictures import TYPES, Picture
from projects.views.project_tabs import project_tabs
from projects.views.projects import project_seen
from projects.views.works import ask, facts_beside

_FINDING_ROWS = 3


@page
def inspection_plan(request: HttpRequest, ref: str) -> HttpResponse:
    project = project_seen(request, ref)
    policies.demand(request.user, "works.inspect", project)
    form = forms.InspectionPlanForm(
        request.POST or None, people=site.inspectors_at(project), initial={"planned_on": timezone.localdate()}
    )

    def act(said: dict[str, Any], pictures: Sequence[Picture]) -> None:
        inspections.plan(user=request.user, project=project, **said)

    return ask(
        request, project, form, act, then=reverse("project_works", args=[ref]), done=_("Planned."),
        question=_("When will the works be inspected?"), button=_("Plan the inspection"), facts=facts_beside(project),
    )  # fmt: skip


def _inspection_seen(request: HttpRequest, ref: str) -> Inspection:
    return get_object_or_404(
        Inspection.objects.select_related(
            "project__area", "project__city", "project__service", "drawn", "done_by"
        ),
        ref=ref,
        project__in=pages.projects_visible_to(request.user),
    )


@page
def inspection_page(request: HttpRequest, ref: str) -> HttpResponse:
    """An inspection: its form while it is planned and the reader may make it, else what was seen."""
    inspection = _inspection_seen(request, ref)
    project = inspection.project
    planned = inspection.done_on is None and inspection.called_off_at is None
    may = (
        planned
        and policies.allows(request.user, "works.inspect", project)
        and not seen.has_reported(project, request.user)
    )
    context: dict[str, Any] = {
        "inspection": inspection, "facts": facts_beside(project), "may": may, "planned": planned,
        "findings": inspection.findings.select_related("rectified_by", "closed_by"),
        "photo_views": site.photo_views(list(site.photos_of(project).filter(inspection=inspection)), request.user),
        "may_call_off": planned and policies.allows(
            request.user, "inspection.draw" if inspection.drawn_id else "works.inspect", project
        ),
    }  # fmt: skip
    if not may:
        return render(
            request, "projects/inspection.html",
            {"project": project, "tabs": project_tabs(project, "project_works"), **context},
        )  # fmt: skip
    people = site.inspectors_at(project).exclude(pk=request.user.pk)
    form = forms.InspectionForm(
        request.POST or None, people=people,
        initial={"done_on": min(inspection.planned_on, timezone.localdate()), "inspectors": inspection.inspectors.all()},
    )  # fmt: skip
    rows = _finding_rows(request)
    open_milestones = project.milestones.filter(reported_on__isnull=False, reached_on=None)
    ticked = {int(one) for one in request.POST.getlist("milestone") if one.isdigit()}

    def act(said: dict[str, Any], pictures: Sequence[Picture]) -> None:
        inspections.do(
            user=request.user, inspection=inspection, pictures=pictures, findings=_findings(rows),
            milestones=[one for one in open_milestones if one.number in ticked], **said,
        )  # fmt: skip

    return ask(
        request, project, form, act, then=reverse("inspection", args=[ref]), done=_("The inspection is recorded."),
        photos=True, template="projects/inspection.html", severities=Severity.choices, ticked=ticked,
        rows=[*rows, *[{}] * max(1, _FINDING_ROWS - len(rows))], open_milestones=open_milestones,
        periods=[(label, limits().finding_working_days(code)) for code, label in Severity.choices], **context,
    )  # fmt: skip


def _finding_rows(request: HttpRequest) -> list[dict[str, str]]:
    names = ("finding", "severity", "clause", "due_on")
    columns = [request.POST.getlist(name) for name in names]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=False)]
    return [row for row in rows if row["finding"].strip() or row["clause"].strip() or row["due_on"].strip()]


def _findings(rows: list[dict[str, str]]) -> list[FindingSaid]:
    found = []
    for row in rows:
        try:
            due = date.fromisoformat(row["due_on"]) if row["due_on"].strip() else None
        except ValueError:
            raise DomainError(
                "bad-date", _("“%(text)s” is no date.") % {"text": row["due_on"]}, status=422
            ) from None
        found.append(FindingSaid(row["finding"], row["severity"], row["clause"], due))
    return found


@page
@require_POST
def inspection_call_off(request: HttpRequest, ref: str) -> HttpResponse:
    inspection = _inspection_seen(request, ref)
    inspections.call_off(user=request.user, inspection=inspection, reason=request.POST.get("reason", ""))
    messages.success(request, _("Called off."))
    return redirect("inspection", ref)


@page
def finding_page(request: HttpRequest, ref: str) -> HttpResponse:
    """A finding with its rounds: to be put right by one side, to be checked by the other."""
    finding = get_object_or_404(
        Finding.objects.select_related("inspection__project__area", "inspection__project__city"),
        ref=ref,
        inspection__project__in=pages.projects_visible_to(request.user),
    )
    project = finding.inspection.project
    rounds = list(finding.rectifications.select_related("done_by", "checked_by"))
    photos = site.photos_of(project).filter(rectification__in=rounds).select_related("rectification")
    views = site.photo_views(list(photos), request.user)
    context: dict[str, Any] = {
        "finding": finding, "facts": facts_beside(project), "today": timezone.localdate(),
        "rounds": [(one, [view for view in views if view.photo.rectification_id == one.pk]) for one in rounds],
        "found_photos": site.photo_views(list(site.photos_of(project).filter(finding=finding)), request.user),
        "overdue": finding.state == FindingState.OPEN and finding.due_on < timezone.localdate(),
    }  # fmt: skip
    then = reverse("finding", args=[ref])
    builder = policies.allows(request.user, "works.report", project)
    looker = policies.allows(request.user, "works.inspect", project)
    if finding.state == FindingState.OPEN and builder and not seen.has_looked(project, request.user):
        form: Any = forms.RectifyForm(request.POST or None)

        def rectify(said: dict[str, Any], pictures: Sequence[Picture]) -> None:
            inspections.rectify(user=request.user, finding=finding, pictures=pictures, **said)

        return ask(
            request, project, form, rectify, then=then, done=_("Reported. Somebody else will check it."), photos=True,
            template="projects/finding.html", question=_("What was done about it?"), button=_("Report it as put right"),
            **context,
        )  # fmt: skip
    if finding.state == FindingState.RECTIFIED and looker and not seen.has_reported(project, request.user):
        form = forms.FindingCheckForm(request.POST or None)

        def check(said: dict[str, Any], pictures: Sequence[Picture]) -> None:
            inspections.check(
                user=request.user, finding=finding, accepted=said["answer"] == "accept", answer=said["text"],
                due_on=said["due_on"] if said["answer"] == "again" else None,
            )  # fmt: skip

        return ask(
            request, project, form, check, then=then, done=_("Recorded."), template="projects/finding.html",
            question=_("Is it put right?"), button=_("Record it"), **context,
        )  # fmt: skip
    return render(
        request,
        "projects/finding.html",
        {"project": project, "tabs": project_tabs(project, "project_works"), **context},
    )


# --- photos ----------------------------------------------------------------------------------------


def _photo_seen(request: HttpRequest, pk: int) -> Photo:
    return get_object_or_404(
        Photo.objects.select_related(
            "project__area", "project__city", "report", "inspection", "rectification__finding", "milestone", "added_by", "rule"
        ),
        pk=pk, project__in=pages.projects_visible_to(request.user),
    )  # fmt: skip


@page
def photo_page(request: HttpRequest, pk: int) -> HttpResponse:
    photo = _photo_seen(request, pk)
    return render(
        request, "projects/photo.html",
        {
            "photo": photo, "project": photo.project, "view": site.photo_views([photo], request.user)[0],
            "tabs": project_tabs(photo.project, "project_works"),
        },
    )  # fmt: skip


@page
def photo_file(request: HttpRequest, pk: int, size: str) -> HttpResponse:
    """The bytes as they came, or the small picture. Never from a public folder."""
    photo = _photo_seen(request, pk)
    file = photo.thumbnail if size == "small" and photo.thumbnail else photo.file
    if not file or not file.storage.exists(file.name):
        raise Http404
    kind = "image/jpeg" if size == "small" else TYPES.get(photo.form, "application/octet-stream")
    answer = FileResponse(
        file.open("rb"), content_type=kind, as_attachment=size == "original", filename=photo.name or file.name
    )
    # What stands here never changes; it is kept by this reader's browser only.
    answer["Cache-Control"] = "private, max-age=86400, immutable"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


urlpatterns: list[URLPattern] = [
    path("projects/<str:ref>/works/inspect/", inspection_plan, name="inspection_plan"),
    path("inspections/<str:ref>/", inspection_page, name="inspection"),
    path("inspections/<str:ref>/call-off/", inspection_call_off, name="inspection_call_off"),
    path("findings/<str:ref>/", finding_page, name="finding"),
    path("photos/<int:pk>/", photo_page, name="photo"),
    path("photos/<int:pk>/small/", photo_file, {"size": "small"}, name="photo_small"),
    path("photos/<int:pk>/original/", photo_file, {"size": "original"}, name="photo_original"),
]
