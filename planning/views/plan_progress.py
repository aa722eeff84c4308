"""A version that has no plan yet: its value and bound while it computes, and what to do where no plan exists."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.choices import JobState
from core.selectors import jobs as job_selectors
from core.services import jobs
from core.templatetags.pingji import num
from core.views.pages import page
from planning.choices import VersionState
from planning.models import PlanVersion
from planning.selectors import change_sets, gaps
from planning.services import plans as services
from planning.views.plan_pages import version_asked, version_context
from planning.views.plan_question import plan_address
from planning.views.question_words import (
    aim_figure,
    aim_name,
    limits_told,
    question_body,
    relaxations_told,
    rows_by_run,
)

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 180, 64, 12, 12, 26


def unfinished(request: HttpRequest, version: PlanVersion, context: dict[str, Any]) -> HttpResponse:
    """The page of a version that is being computed, that failed, or under whose limits no plan exists."""
    context = context | {"limits": limits_told(version, user=request.user), "whole_city": _whole(request)}
    if version.state == VersionState.NO_PLAN:
        told = relaxations_told(version) if context["whole_city"] else []
        context["relaxations"] = [one for one in told if not one["together"]]
        context["together"] = [one for one in told if one["together"]]
        return render(request, "planning/plan_infeasible.html", context)
    return render(request, "planning/plan_computing.html", context | _live(request, version))


def _whole(request: HttpRequest) -> bool:
    return gaps.sees_whole_city(request.user, request.city.pk)


def _live(request: HttpRequest, version: PlanVersion) -> dict[str, Any]:
    """Value, bound and gap as far as they are known, with a small chart of both over time."""
    trail = version.trail if _whole(request) else []
    value, bound = (trail[-1][1], trail[-1][2]) if trail else (None, None)
    job = version.job
    return {
        "job": job,
        "no_worker": bool(job and job.state == JobState.QUEUED and not job_selectors.worker_seen()),
        "live": {
            "value": aim_figure(version, value), "bound": aim_figure(version, bound), "gap": gap_of(value, bound), "counts": aim_name(version),
            "rows": [
                {"seconds": seconds, "value": aim_figure(version, one), "bound": aim_figure(version, other)}
                for seconds, one, other in trail[-12:]
            ],
        },
        "chart": chart_of(trail, lambda value: aim_figure(version, value)),
        "then": plan_address(version),
        # Who asked may stop; so may those who look after everybody's jobs.
        "may_stop": bool(job)
        and (job.created_by_id == request.user.pk or policies.allows(request.user, "job.cancel", job)),
    }  # fmt: skip


def gap_of(value: float | None, bound: float | None) -> float | None:
    """Distance of value and bound as a share of the larger of both; None where one is not known."""
    if value is None or bound is None:
        return None
    most = max(abs(value), abs(bound))
    return abs(bound - value) / most if most else 0.0


def chart_of(trail: list[list[float | None]], figure: Callable[[float], str]) -> dict[str, Any] | None:
    """Stairs of value and bound as SVG paths, and the figures at the axes as `figure` writes them; None before there is
    anything to draw."""
    known = [one for _seconds, value, bound in trail for one in (value, bound) if one is not None]
    if len(trail) < 2 or not known:
        return None
    low, high = min(known), max(known)
    if high == low:
        low, high = low - 1, high + 1
    last = float(trail[-1][0] or 0) * 1.02 or 1.0

    def x(seconds: float) -> float:
        return LEFT + seconds / last * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def stairs(column: int) -> str:
        parts: list[str] = []
        for point in trail:
            value = point[column]
            if value is not None:
                parts.append(
                    f"{'H' if parts else 'M'}{x(float(point[0] or 0)):.1f}{'V' if parts else ' '}{y(value):.1f}"
                )
        return "".join(parts) + (f"H{WIDTH - RIGHT}" if parts else "")

    return {
        "value": stairs(1), "bound": stairs(2), "width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT,
        "ticks": [{"y": f"{y(one):.1f}", "text_y": f"{y(one) + 4:.1f}", "label": figure(one)} for one in (low, (low + high) / 2, high)],
        "ends": [{"x": LEFT, "label": "0 s"}, {"x": WIDTH - RIGHT, "label": f"{num(last)} s"}],
    }  # fmt: skip


def _version(request: HttpRequest, ref: str, number: int) -> PlanVersion:
    plan = get_object_or_404(change_sets.plans_visible_to(request.user, request.city), ref=ref)
    return get_object_or_404(plan.versions.select_related("job", "plan__city"), number=number)


@page
def plan_live(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    """The part of the page that renews itself while a version computes."""
    jobs.look_after()
    version = _version(request, ref, number)
    may_edit = policies.allows(request.user, "plan.edit", request.city)
    return render(
        request, "planning/parts/plan_live.html",
        {"version": version, "plan": version.plan, "may_edit": may_edit, "whole_city": _whole(request), **_live(request, version)},
    )  # fmt: skip


@require_POST
@page
def plan_finish(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    version = services.finish_version(user=request.user, version=_version(request, ref, number))
    if request.htmx:
        return plan_live(request, ref=ref, number=number)
    return redirect(plan_address(version))


@require_POST
@page
def plan_stop(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    """Stop the search without keeping anything."""
    version = _version(request, ref, number)
    if version.job is not None and version.state == VersionState.COMPUTING:
        jobs.cancel(user=request.user, job=version.job)
    if request.htmx:
        return plan_live(request, ref=ref, number=number)
    return redirect(plan_address(version))


@require_POST
@page
def plan_relax(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    """Ask again with one limit moved, or with those that only help together."""
    which = request.POST.get("relaxation", "")
    version = services.suggest_relaxed(
        user=request.user,
        version=_version(request, ref, number),
        relaxation=int(which) if which.isdecimal() else None,
    )
    return redirect(plan_address(version))


@page
def plan_asked(request: HttpRequest, ref: str) -> HttpResponse:
    """What a version was asked, in words and as a document, and what its plan is worth in every run and under every rule."""
    version = version_asked(request, ref, computed=False)
    context = version_context(request, version, "plan_asked") | {
        "always": True,
        "limits": limits_told(version, user=request.user),
        "whole_city": _whole(request),
        "runs": rows_by_run(version),
        "title": _("What was asked"),
        "document": json.dumps(question_body(version), ensure_ascii=False, indent=1),
    }
    return render(request, "planning/plan_asked.html", context)


urlpatterns: list[URLPattern] = [
    path("plans/<str:ref>/question/", plan_asked, name="plan_asked"),
    path("plans/<str:ref>/versions/<int:number>/live/", plan_live, name="plan_live"),
    path("plans/<str:ref>/versions/<int:number>/finish/", plan_finish, name="plan_finish"),
    path("plans/<str:ref>/versions/<int:number>/stop/", plan_stop, name="plan_stop"),
    path("plans/<str:ref>/versions/<int:number>/relax/", plan_relax, name="plan_relax"),
]
