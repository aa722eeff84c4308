"""A plan by area and service: before, with the plan, closed, and what is done there for how much."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.templatetags.pingji import local_name, num, unit, yuan
from core.views.pages import page
from planning.selectors.plan_areas import PlanAreaRow, plan_area_rows
from planning.views.comparisons import title_of
from planning.views.plan_pages import version_asked, version_context


@page
def plan_areas(request: HttpRequest, ref: str) -> HttpResponse:
    version = version_asked(request, ref)
    context = version_context(request, version, "plan_areas")
    if not context["ready"]:
        return render(request, "planning/plan_areas.html", context)
    rows = plan_area_rows(version, user=request.user)
    ask = request.GET.get
    runs = list({row.before_run.pk: row.before_run for row in rows}.values())
    # open on the run whose gap the plan closes most, in the service it closes most
    most = max((row for row in rows if row.total), key=lambda row: row.closed or 0, default=None)
    run = next((one for one in runs if one.ref == ask("run")), most.before_run if most else None)
    shown = [row for row in rows if run and row.before_run.pk == run.pk]
    services = list({row.service.pk: row.service for row in shown}.values())
    service = next((one for one in services if one.code == ask("service")), None)
    if service is None and ask("service") != "all" and most is not None:
        best = max((row for row in shown if row.total), key=lambda row: row.closed or 0)
        service = best.service
    parts = [
        _part(one, [row for row in shown if row.service.pk == one.pk])
        for one in services
        if service is None or one.pk == service.pk
    ]
    keep = {"version": version.number, "run": run.ref if run else ""}
    context |= {
        "run": run, "after": shown[0].after_run if shown else None, "service": service, "services": services, "parts": parts,
        "runs": [{"ref": one.ref, "title": title_of(one), "here": one.pk == run.pk} for one in runs] if run else [],
        "reading": _reading(parts), "keep": keep,
        "api": f"/api/v1/plans/{ref}/versions/{version.number}/areas/",
        "query": urlencode({"run": run.ref if run else "", **({"service": service.code} if service else {})}),
    }  # fmt: skip
    return render(request, "planning/plan_areas.html", context)


def _part(service: Any, rows: list[PlanAreaRow]) -> dict[str, Any]:
    """One service: districts in order, each with its streets, what lies outside, and the total."""
    total = next(row for row in rows if row.total)
    groups: list[dict[str, Any]] = []
    for row in rows:
        if row.total:
            continue
        if row.top:
            groups.append({"row": row, "inside": []})
        elif groups:
            groups[-1]["inside"].append(row)
    return {"service": service, "total": total, "groups": groups}


def _reading(parts: list[dict[str, Any]]) -> str:
    """The sentence above the table: what the plan closes of the first service, and where most."""
    if not parts:
        return _("No run of this version has a result that you may see.")
    first = parts[0] if len(parts) == 1 else max(parts, key=lambda part: part["total"].closed or 0)
    total, service = first["total"], first["service"]
    if total.closed is None:
        return _("The runs with the plan are not there any more; the table tells today.")
    facts: dict[str, Any] = {
        "service": local_name(service), "unit": unit(service), "closed": num(total.closed), "before": num(total.before.gap),
        "after": num(total.after.gap), "cost": yuan(total.works.cost_fen),
    }  # fmt: skip
    facts["count"] = num(total.works.count)
    said = (
        ngettext(
            "%(service)s: %(count)s intervention for %(cost)s closes %(closed)s of the %(before)s %(unit)s that are short; %(after)s stay.",
            "%(service)s: %(count)s interventions for %(cost)s close %(closed)s of the %(before)s %(unit)s that are short; %(after)s stay.",
            total.works.count,
        )
        % facts
    )
    named = [group["row"] for group in first["groups"] if group["row"].area and group["row"].after]
    worst = max(named, key=lambda row: row.after.gap, default=None)
    if worst is None or not worst.after.gap:
        return said
    tail = _("Most stays short in %(area)s: %(gap)s.") % {
        "area": local_name(worst.area),
        "gap": num(worst.after.gap),
    }
    return _("%(first)s %(second)s") % {"first": said, "second": tail}


urlpatterns: list[URLPattern] = [path("plans/<str:ref>/areas/", plan_areas, name="plan_areas")]
