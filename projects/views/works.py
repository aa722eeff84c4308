"""The works of a project: one page that shows all of it, and a page for each thing that is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError, InvalidInput
from core.templatetags.pingji import day as day_words
from core.templatetags.pingji import joined, local_name, pct
from core.views.pages import page, page_of
from projects.choices import ProjectState
from projects.forms import works as forms
from projects.models import Milestone, Project
from projects.selectors import site
from projects.selectors import works as seen
from projects.services import milestones, photo_tray, works
from projects.services.pictures import Picture
from projects.views.project_tabs import project_tabs
from projects.views.projects import project_seen

Act = Callable[[dict[str, Any], Sequence[Picture]], Any]


def ask(
    request: HttpRequest,
    project: Project,
    form: Any,
    act: Act,
    *,
    then: str,
    done: str,
    photos: bool = False,
    template: str = "projects/works_task.html",
    **context: Any,
) -> HttpResponse:
    """A page with one question: show it, do `act` with the answer, and lose nothing typed or chosen when it is refused."""
    error: DomainError | None = None
    tray = photo_tray.Tray()
    if request.method == "POST":
        if photos:
            tray = photo_tray.collect(
                user=request.user,
                uploads=request.FILES.getlist("photos"),
                tokens=request.POST.getlist("kept"),
            )
        if form.is_valid():
            try:
                act(form.cleaned_data, tray.demand_whole())
                tray.empty()
                messages.success(request, done)
                return redirect(then)
            except DomainError as refused:
                error = refused
    context |= {
        "project": project, "form": form, "error": error, "photos": photos, "kept": tray.tokens,
        "problems": error.problems if isinstance(error, InvalidInput) else [], "back": then,
        "tabs": project_tabs(project, "project_works"),
    }  # fmt: skip
    wrong = error is not None or (form.is_bound and form.errors)
    return render(request, template, context, status=422 if wrong else 200)


@page
def project_works(request: HttpRequest, ref: str) -> HttpResponse:
    """Everything that is known of the works."""
    project = project_seen(request, ref)
    marked = request.GET.get("photos") == "marked"
    rows = site.photos_of(project)
    photos = page_of(request, rows.exclude(problems=[]) if marked else rows, 24)
    builder = policies.allows(request.user, "works.report", project)
    looker = policies.allows(request.user, "works.inspect", project)
    in_works = project.state == ProjectState.WORKS
    summary = seen.summary(project)
    return render(
        request, "projects/works.html",
        {
            "project": project, "tabs": project_tabs(project, "project_works"), "works": summary,
            "milestones": site.milestone_views(project), "reports": site.reports_of(project),
            "inspections": site.inspections_of(project), "findings": site.findings_of(project), "page": photos,
            "photos": site.photo_views(list(photos), request.user), "marked": marked,
            "may_start": builder and project.state == ProjectState.APPROVED,
            "may_scope": project.state in (ProjectState.APPROVED, ProjectState.WORKS) and policies.allows(request.user, "project.edit", project),
            "may_report": builder and in_works and not seen.has_looked(project, request.user),
            "may_look": looker and in_works and not seen.has_reported(project, request.user),
            "next_month": _next_month(project, summary), "today": timezone.localdate(),
        },
    )  # fmt: skip


def _next_month(project: Project, summary: seen.WorksSummary) -> date | None:
    """The month that is to be reported next: the first one that is missing, else the one that goes on."""
    if project.started_on is None:
        return None
    if summary.months_missing:
        return summary.months_missing[0]
    this = seen.month_of(timezone.localdate())
    last = summary.reported.month if summary.reported else None
    if last is None:
        return min(seen.month_of(project.started_on), this)
    return min(seen.month_after(last), this)


def facts_beside(project: Project) -> list[tuple[str, str, str]]:
    """What stands beside every question about the works."""
    found = seen.summary(project)
    rows = [(_("Project"), local_name(project), project.ref)]
    if project.started_on:
        rows.append((_("Works begun"), day_words(project.started_on), ""))
    if found.seen:
        rows.append(
            (
                _("Works seen"),
                pct(found.seen.works_percent / 100, 0),
                joined([found.seen.ref, day_words(found.seen.done_on)]),
            )
        )
    if found.reported:
        rows.append(
            (_("Works reported"), pct(found.reported.works_percent / 100, 0), f"{found.reported.month:%Y-%m}")
        )
    if found.milestones:
        rows.append((_("Planned by today"), pct(found.planned_percent / 100, 0), ""))
    return rows


@page
def works_start(request: HttpRequest, ref: str) -> HttpResponse:
    project = project_seen(request, ref)
    policies.demand(request.user, "works.report", project)
    begun = project.state == ProjectState.WORKS
    first = {"started_on": project.started_on or timezone.localdate()}
    form = forms.StartForm(request.POST or None, initial=first)

    def act(said: dict[str, Any], pictures: Sequence[Picture]) -> None:
        (works.correct_start if begun else works.start)(user=request.user, project=project, **said)

    return ask(
        request, project, form, act, then=reverse("project_works", args=[ref]), done=_("The works have begun."),
        question=_("On which day did the works begin?"), button=_("Correct the day") if begun else _("Begin the works"),
        facts=facts_beside(project),
        note=_("Works begin after the approval and with a signed contract. Without one, say why: works by own hands, or below the limit of the construction permit."),
    )  # fmt: skip


@page
def works_report(request: HttpRequest, ref: str) -> HttpResponse:
    """Report a month, or say it again where it is reported already."""
    project = project_seen(request, ref)
    policies.demand(request.user, "works.report", project)
    works.demand_works(project)
    works.demand_builders_side(project, request.user)
    month = _month(request.GET.get("month", "")) or _next_month(project, seen.summary(project))
    if month is None:
        raise Http404
    there = project.reports.filter(month=month).first()
    initial = {"works_percent": there.works_percent, "text": there.text} if there else None
    form = forms.ReportForm(request.POST or None, initial=initial)
    if there:
        form.fields["reason"].label = _("Why it is corrected")
        form.fields["reason"].required = True

    def act(said: dict[str, Any], pictures: Sequence[Picture]) -> None:
        if there:
            version = request.POST.get("version", "")
            works.correct_report(
                user=request.user, report=there, pictures=pictures,
                version=int(version) if version.isdigit() else there.version, **said,
            )  # fmt: skip
        else:
            works.report(user=request.user, project=project, month=month, pictures=pictures, **said)

    question = _("How far were the works at the end of %(month)s?") % {"month": f"{month:%Y-%m}"}
    return ask(
        request, project, form, act, then=reverse("project_works", args=[ref]), done=_("Reported."), photos=True,
        question=question, button=_("Correct the report") if there else _("Report"), facts=facts_beside(project),
        version=there.version if there else None,
        note=_("What stood before a correction is kept. Photos are kept as they are; place and time are read from them and compared with site and month."),
    )  # fmt: skip


def _month(text: str) -> date | None:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return None


@page
def works_milestone(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    """A milestone: reported by one side, looked at by the other; without a right to either it shows what was said."""
    project = project_seen(request, ref)
    milestone = get_object_or_404(
        project.milestones.select_related("project__area", "project__city"), number=number
    )
    view = next(one for one in site.milestone_views(project) if one.milestone.pk == milestone.pk)
    context = {
        "view": view, "facts": facts_beside(project),
        "photo_views": site.photo_views(list(site.photos_of(project).filter(milestone=milestone)), request.user),
    }  # fmt: skip
    then = reverse("project_works", args=[ref])
    in_works = project.state == ProjectState.WORKS and milestone.reached_on is None
    looker = (
        policies.allows(request.user, "works.inspect", project)
        and milestone.reached_on is None
        and not seen.has_reported(project, request.user)
    )
    name = {"name": local_name(milestone)}
    if looker and (request.GET.get("move") or not milestone.reported_on):
        return _move(request, project, milestone, then, name, context)
    if looker and in_works:
        return _look(request, project, milestone, then, name, context)
    builder = (
        policies.allows(request.user, "works.report", project) and in_works and not milestone.reported_on
    )
    if builder and not seen.has_looked(project, request.user):
        form = forms.MilestoneReportForm(request.POST or None, initial={"reported_on": timezone.localdate()})

        def act(said: dict[str, Any], pictures: Sequence[Picture]) -> None:
            milestones.report(user=request.user, milestone=milestone, pictures=pictures, **said)

        return ask(
            request, project, form, act, then=then, done=_("Reported. It counts when somebody else has seen it."),
            photos=True, question=_("Has “%(name)s” been reached?") % name, button=_("Report it"),
            template="projects/works_milestone.html", **context,
        )  # fmt: skip
    return render(
        request, "projects/works_milestone.html",
        {"project": project, "tabs": project_tabs(project, "project_works"), "question": local_name(milestone), "back": then, **context},
    )  # fmt: skip


def _look(
    request: HttpRequest,
    project: Project,
    milestone: Milestone,
    then: str,
    name: dict[str, str],
    context: Any,
) -> HttpResponse:
    form = forms.MilestoneSeenForm(request.POST or None, initial={"reached_on": timezone.localdate()})

    def act(said: dict[str, Any], pictures: Sequence[Picture]) -> None:
        if said["answer"] == "back":
            milestones.send_back(user=request.user, milestone=milestone, reason=said["text"])
            return
        if said["reached_on"] is None:
            raise DomainError("no-day", _("Say on which day you saw it."), status=422)
        milestones.see(
            user=request.user,
            milestone=milestone,
            reached_on=said["reached_on"],
            text=said["text"],
            pictures=pictures,
        )

    return ask(
        request, project, form, act, then=then, done=_("Recorded."), photos=True, template="projects/works_milestone.html",
        question=_("Is “%(name)s” there, seen on site?") % name, button=_("Record it"),
        move=reverse("works_milestone", args=[project.ref, milestone.number]) + "?move=1", **context,
    )  # fmt: skip


def _move(
    request: HttpRequest,
    project: Project,
    milestone: Milestone,
    then: str,
    name: dict[str, str],
    context: Any,
) -> HttpResponse:
    form = forms.MilestoneMoveForm(request.POST or None, initial={"planned_on": milestone.planned_on})

    def act(said: dict[str, Any], pictures: Sequence[Picture]) -> None:
        milestones.revise(user=request.user, milestone=milestone, **said)

    return ask(
        request, project, form, act, then=then, done=_("The day was moved."), template="projects/works_milestone.html",
        question=_("Move the day of “%(name)s”?") % name, button=_("Move the day"),
        note=_("The day that was approved stays readable, with every move and its reason. Whoever looks at the works grants it, not who does them."),
        **context,
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("projects/<str:ref>/works/", project_works, name="project_works"),
    path("projects/<str:ref>/works/start/", works_start, name="works_start"),
    path("projects/<str:ref>/works/report/", works_report, name="works_report"),
    path("projects/<str:ref>/works/milestones/<int:number>/", works_milestone, name="works_milestone"),
]
