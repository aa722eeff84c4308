"""One project as a case: what is asked, why, what it costs; what is yours to do; everything that it stands on."""

from typing import Any

from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from core import policies
from core.choices import AreaLevel
from core.templatetags.pingji import is_chinese, local_name
from core.views.pages import page
from facilities.selectors import places
from projects.choices import CaseState, ConditionState, ProjectState, StepState, TaskKind
from projects.models import Case, Project, Route, Step, Submission
from projects.selectors import (
    alerts,
    duplicates,
    evidence,
    handover,
    money_curve,
    newer,
    officers,
    pages,
    responsibilities,
    timeline,
    works,
)
from projects.selectors.tasks import task_list
from projects.services import conditions, drafts, money
from projects.views.project_tabs import project_tabs
from projects.views.seen import project_seen

SHOWN = 12
UNDER_WORK = (CaseState.OPEN, CaseState.RETURNED)


@page
def project_record(request: HttpRequest, ref: str) -> HttpResponse:
    project = project_seen(request, ref)
    cases = list(project.cases.select_related("route", "tranche", "drafter").order_by("-id"))
    approval = next((case for case in cases if case.tranche_id is None), None)
    # What is asked now: a tranche before the approval behind it, what is open before what is over.
    asked = next((case for case in cases if case.state in UNDER_WORK), approval)
    mine = _mine(request, project)
    waits = _waits(asked)
    history = timeline.happened(project)
    whole = "all" in request.GET
    curve = money_curve.curve(project)
    return render(
        request, "projects/project.html",
        {
            "project": project, "tabs": project_tabs(project, "project"), "case": asked, "approval": approval, "mine": mine,
            "tasks": task_list(project, approval, {step.pk for step, _stand in mine}),
            "waits": waits, "now_with": officers.names_of(waits) if waits is not None else [], "recommended": _recommended(asked), "deciders": _deciders(asked),
            "items": pages.returned_items(asked) if asked is not None and asked.state == CaseState.RETURNED else [],
            "evidence": evidence.listed(asked) if asked is not None else [],
            "newer": newer.of_case(asked) if asked is not None else None,
            "curve": curve, "totals": money.totals(project), "tranches": _tranches(project), "cost_each_fen": _cost_each(project),
            "due": timeline.due(project), "history": history if whole else history[:SHOWN], "whole": whole, "happened": len(history),
            "conditions": _conditions(request, project), "config": _map_config(request, project), "runs": _runs(project),
            "works": works.summary(project), "handover": handover.summary(project), "unnamed": responsibilities.missing_words(project), "duplicates": duplicates.newest(project, request.user),
            "alerts": alerts.of_project(project, request.user),
            **_rights(request, project, approval),
        },
    )  # fmt: skip


def _mine(request: HttpRequest, project: Project) -> list[tuple[Step, officers.Standing]]:
    """Open steps of the project that the reader may do, decisions first."""
    found = [(step, stand) for step, stand in officers.open_steps_for(request.user, project)]
    order = [TaskKind.DECIDE, TaskKind.RECOMMEND, TaskKind.COUNTERSIGN, TaskKind.CHECK, TaskKind.PROVIDE]
    return sorted(found, key=lambda one: order.index(TaskKind(one[0].task.kind)))


def _waits(case: Case | None) -> Step | None:
    """The open step that is due first: by when an answer is asked for."""
    if case is None or case.state != CaseState.OPEN:
        return None
    rows = case.steps.filter(round=case.round, state=StepState.OPEN)
    return (
        rows.select_related("task", "case__project__area", "case__project__city")
        .order_by("due_on", "id")
        .first()
    )


def _recommended(case: Case | None) -> Step | None:
    if case is None:
        return None
    done = case.steps.filter(round=case.round, task__kind=TaskKind.RECOMMEND, state=StepState.DONE)
    return done.select_related("task", "done_by", "done_for").first()


def _deciders(case: Case | None) -> list[Any]:
    """Who decides, or has decided: a few names."""
    if case is None:
        return []
    step = (
        case.steps.filter(round=case.round, task__kind=TaskKind.DECIDE)
        .select_related("task", "done_by", "case__project__area", "case__project__city")
        .first()
    )
    if step is None or step.state == StepState.STOPPED:
        return []
    return [step.done_by] if step.done_by is not None else officers.names_of(step)


def _tranches(project: Project) -> list[dict[str, Any]]:
    rows = (
        project.tranches.select_related("release")
        .annotate(paid_fen=Sum("payments__amount_fen"))
        .order_by("number")
    )
    asked = {
        case.tranche_id: case for case in project.cases.filter(tranche__isnull=False, state__in=UNDER_WORK)
    }
    return [
        {
            "tranche": one, "release": getattr(one, "release", None), "paid_fen": one.paid_fen or 0, "case": asked.get(one.pk),
            "reasons": [] if hasattr(one, "release") else money.open_reasons(one),
        }
        for one in rows
    ]  # fmt: skip


def _cost_each(project: Project) -> int | None:
    """Fen for each unit of need that is newly served; None where the plan served nobody more or was not asked."""
    return project.cost_fen // project.gap_promised if project.gap_promised else None


def _runs(project: Project) -> list[dict[str, Any]]:
    """Runs of the plan in which the place serves somebody more, most first."""
    rows = [row for row in (project.need or {}).get("runs", []) if row.get("newly_served")]
    return sorted(rows, key=lambda row: -row["newly_served"])[:3]


def _conditions(request: HttpRequest, project: Project) -> list[dict[str, Any]]:
    """Conditions that ask for something, open ones first, each with whether the reader may say that it is met."""
    rows = project.conditions.select_related(
        "step__task", "step__case", "settled_by", "project__area", "project__city"
    )
    handed_in: dict[int, set[int]] = {}
    for case, person in Submission.objects.filter(case__project=project).values_list("case", "submitted_by"):
        handed_in.setdefault(case, set()).add(person)
    return [
        {
            "condition": one,
            "may": one.state == ConditionState.OPEN
            and not conditions.may_settle(request.user, one, handed_in.get(one.step.case_id, set())),
        }
        for one in rows.exclude(state=ConditionState.WAIVED).order_by("-state", "due_on", "id")
    ]


def _rights(request: HttpRequest, project: Project, approval: Case | None) -> dict[str, Any]:
    user = request.user
    may_edit = policies.allows(user, "project.edit", project)
    may_submit = policies.allows(user, "project.submit", project)
    fresh = project.state in (ProjectState.DRAFT, ProjectState.WITHDRAWN)
    return {
        "may_edit": may_edit, "may_submit": may_submit, "editable": project.state in drafts.EDITABLE,
        "hand_in": may_submit and fresh, "may_audit": policies.allows(user, "audit.view", project),
        "needs_code": may_edit and not project.investment_code and project.state == ProjectState.REVIEW,
        "routes": Route.objects.filter(state="published", for_tranche=False).order_by("code") if may_submit and fresh else [],
    }  # fmt: skip


def _map_config(request: HttpRequest, project: Project) -> dict[str, Any]:
    """The map of the site, as on the page of a facility or an idle asset."""
    tile = f"/tiles/%s/{{z}}/{{x}}/{{y}}.pbf?city={project.city.code}"
    lon, lat = project.point.x, project.point.y
    return {
        "mode": "place", "show": "none", "chinese": is_chinese(), "center": [lon, lat], "zoom": 13.5,
        "labels": places.labels_around(project, request.user, english=not is_chinese()),
        "levels": {"district": int(AreaLevel.DISTRICT)},
        "tiles": {"areas": tile % "areas", "roads": tile % "roads", "water": tile % "water", "facilities": tile % "facilities"},
        "place": {"lon": lon, "lat": lat}, "big": 1, "label": _("Where %(name)s is") % {"name": local_name(project)},
        "words": {"noMap": _("This browser cannot draw the map. The table holds every value.")},
    }  # fmt: skip
