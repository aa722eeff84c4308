"""Runs: the list, and one run with what it read, how, and what it found."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _

from core import policies
from core.selectors.jobs import jobs_visible_to
from core.views.pages import page, page_of
from planning.bridge.situation import refusal_words
from planning.choices import RunState, SupplyReason
from planning.models import Run
from planning.selectors import gaps
from planning.selectors.people_groups import group_totals
from planning.selectors.ranges import mark_ranges, newest_range, total_ranges
from planning.views.analyses import tabs_of
from planning.views.number_words import number_name, value_words


@page
def run_list(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    return render(
        request,
        "planning/runs.html",
        {"page": page_of(request, gaps.runs_visible_to(request.user, request.city))},
    )


@page
def run_record(request: HttpRequest, ref: str) -> HttpResponse:
    run = get_object_or_404(gaps.runs_visible_to(request.user), ref=ref)
    results: list[dict[str, Any]] = []
    districts, service, reasons = [], None, []
    if run.state == RunState.DONE:
        results = [
            {
                "service": one,
                "totals": gaps.totals(run, one, user=request.user),
                "barrier_free": group_totals(run, one, user=request.user),
            }
            for one in gaps.services_of(run)
        ]
        spreads = total_ranges(run, user=request.user)
        results = [
            {
                **row,
                "spread": spreads.get(row["service"].pk),
                "range_url": reverse("analysis", args=[run.ref, "range"]) + f"?service={row['service'].code}",
            }
            for row in results
            if row["totals"] is not None
        ]
        _counts, found = gaps.role_counts(run, user=request.user)
        reasons = [
            {"label": SupplyReason(code).label, "count": count} for code, count in sorted(found.items())
        ]
    if results:
        code = request.GET.get("service", "")
        service = next(
            (row["service"] for row in results if row["service"].code == code), results[0]["service"]
        )
        levels = gaps.levels_of(run, service, user=request.user)
        rows = gaps.area_rows(run, service, user=request.user, level=min(levels)) if levels else []
        districts = mark_ranges(rows)
    context = {
        "tabs": tabs_of(run, "", service.code if service else "") if run.state == RunState.DONE else [],
        "refusal": [refusal_words(problem) for problem in run.refusal],
        "run": run, "results": results, "districts": districts, "service": service, "reasons": reasons,
        "ranged": newest_range(run) is not None, "may_run": policies.allows(request.user, "run.start", run.city),
        "first_column": _("District"),
        "road_rows": _road_rows(run, results),
        "varied": [(number_name(place), value_words(place, value)) for place, value in run.variation.items()],
        "whole_city": gaps.sees_whole_city(request.user, run.city_id),
        "may_see_job": run.job is not None and jobs_visible_to(request.user).filter(pk=run.job_id).exists(),
    }  # fmt: skip
    return render(request, "planning/run.html", context)


def _road_rows(run: Run, results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By service: need and people cut off by closed and slowed roads, and need off the map of streets."""
    cut, off = run.facts.get("roads", {}).get("cut_off", {}), run.facts.get("off_map", {})
    return [
        {"service": row["service"], "cut": cut.get(row["service"].code), "off": off.get(row["service"].code)}
        for row in results
        if row["service"].code in off
    ]
