"""What is asked of a run beyond its four states: one page a kind, with its settings, sentence, chart and table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import policies
from core.templatetags.pingji import hours, local_name, pct
from core.views.pages import page
from facilities.models import ServiceType
from planning.choices import AccessBand, AnalysisKind, NeverServed, PeopleGroup, RunState
from planning.forms import AnalysisForm
from planning.models import Analysis, Run
from planning.selectors import analyses as selectors
from planning.selectors import gaps
from planning.services import analysis_tables as tables
from planning.services.analyses import start_analysis
from planning.views import analysis_words as words
from planning.views import ranges

TABS = (
    ("", gettext_lazy("Four states")),
    ("demand", gettext_lazy("Need")),
    (AnalysisKind.HOURS, gettext_lazy("After activation")),
    (AnalysisKind.LOSS, gettext_lazy("Loss of one")),
    (AnalysisKind.BACKUP, gettext_lazy("Backup")),
    (AnalysisKind.ACCESS, gettext_lazy("Access")),
    (AnalysisKind.EQUITY, gettext_lazy("Fairness")),
    (AnalysisKind.RANGE, gettext_lazy("Range")),
)
CURVES_AT_MOST = 8


def tabs_of(run: Run, current: str, service: str = "") -> list[dict[str, Any]]:
    """The row of links on the record of a finished run."""
    query = f"?{urlencode({'service': service})}" if service else ""
    return [
        {
            "label": label,
            "href": _tab_address(run, code) + query,
            "current": code == current,
        }
        for code, label in TABS
    ]


def _tab_address(run: Run, code: str) -> str:
    if code in ("", "demand"):
        return reverse("run_demand" if code else "run", args=[run.ref])
    return reverse("analysis", args=[run.ref, code])


@page
def analysis_page(request: HttpRequest, ref: str, kind: str) -> HttpResponse:
    run = get_object_or_404(
        gaps.runs_visible_to(request.user).select_related("city"), ref=ref, state=RunState.DONE
    )
    if kind not in AnalysisKind.values:
        raise Http404
    if request.method == "POST":
        return _start(request, run, kind)
    analysis = selectors.analysis_in_view(
        user=request.user, run=run, kind=kind, ref=request.GET.get("analysis", "")
    )
    services = gaps.services_of(run)
    asked = request.GET.get("service", "")
    service = next((one for one in services if one.code == asked), services[0] if services else None)
    done = analysis is not None and analysis.state == RunState.DONE
    context: dict[str, Any] = {
        "run": run, "kind": kind, "kind_label": AnalysisKind(kind).label, "analysis": analysis, "service": service, "services": services,
        "done": done, "form": AnalysisForm(kind=kind), "intro": words.INTRO[AnalysisKind(kind)],
        "tabs": tabs_of(run, kind, service.code if service else ""), "asked": words.settings(analysis) if analysis else [],
        "may_run": policies.allows(request.user, "run.start", run.city), "standard": _standard(run, service),
        "others": _others(request.user, run, kind, analysis),
    }  # fmt: skip
    if done and analysis is not None and service is not None:
        context |= SHOWN[AnalysisKind(kind)](request, analysis, service)
    return render(request, f"planning/analysis_{kind}.html", context)


def _start(request: HttpRequest, run: Run, kind: str) -> HttpResponse:
    form = AnalysisForm(request.POST, kind=kind)
    here = reverse("analysis", args=[run.ref, kind])
    if not form.is_valid():
        return render(request, "components/form_refusal.html", {"form": form})
    analysis, job = start_analysis(user=request.user, run=run, kind=kind, params=form.params())
    query = {"analysis": analysis.ref} | (
        {"service": request.POST["service"]} if request.POST.get("service") else {}
    )
    then = f"{here}?{urlencode(query)}"
    if getattr(request, "htmx", False):
        return render(request, "components/progress.html", {"job": job, "then": then})
    return redirect(then)


def _standard(run: Run, service: ServiceType | None) -> dict[str, Any] | None:
    """The rule of the service as the run froze it, with the reach it was scored with."""
    if service is None:
        return None
    row = next((one for one in run.standards_frozen if one["service"] == service.code), None)
    return (
        None if row is None else {**row, "limit": run.reach_overrides.get(service.code) or row["reach_limit"]}
    )


def _others(user: Any, run: Run, kind: str, shown: Analysis | None) -> list[Analysis]:
    """The same question with other settings, as far as it was asked."""
    rows = selectors.analyses_seen(user).filter(run=run, kind=kind, state=RunState.DONE)
    return list(rows.exclude(pk=shown.pk if shown else 0)[:5])


def _links(request: HttpRequest, analysis: Analysis, part: str, **more: str) -> dict[str, str]:
    query = urlencode(more)
    address = f"/api/v1/analyses/{analysis.ref}/{part}/?{query}"
    return {
        "csv_url": f"{address}&format=csv",
        "geojson_url": f"{address}&format=geojson",
        "api_url": address,
    }


def _map(analysis: Analysis, service: ServiceType, **more: str) -> str:
    return reverse("map") + "?" + urlencode({"run": analysis.run.ref, "service": service.code, **more})


def _hours(request: HttpRequest, analysis: Analysis, service: ServiceType) -> dict[str, Any]:
    whole, rows = tables.hour_table(analysis, service, user=request.user)
    facts = analysis.facts
    worst_last = sorted(rows, key=lambda row: (row.hour is None, row.hour or 0.0, -row.need), reverse=True)
    shown = sorted(rows, key=lambda row: -row.need)[: CURVES_AT_MOST - 1]
    curves = [{"name": _("All areas"), "points": whole.curve, "need": whole.need, "strong": True}]
    curves += [{"name": local_name(row.area), "points": row.curve, "need": row.need} for row in shown]
    chart = {
        "hours": facts["points"], "ticks": facts["hours"], "share": facts["share"], "xTitle": _("hours after activation"),
        "yTitle": _("share of need served"), "label": _("Share of the need served by hour after activation"),
        "curves": [
            {
                "name": one["name"], "strong": bool(one.get("strong")),
                "values": [value / one["need"] if one["need"] else 0 for value in one["points"]],
            }
            for one in curves
        ],
    }  # fmt: skip
    return {
        "whole": whole, "rows": worst_last, "hours": facts["hours"], "share": facts["share"], "reading": words.hours_reading(whole, facts),
        "why_words": dict(NeverServed.choices), "chart": chart, "whole_name": _("All areas"),
        "map_url": _map(analysis, service, show="hour", hour=hours(_usual_hour(facts["hours"]))),
        **_links(request, analysis, "hours", service=service.code),
    }  # fmt: skip


def _usual_hour(kept: list[float]) -> float:
    """The first kept hour that says something: not the moment of activation itself."""
    return next((hour for hour in kept if hour > 0), kept[0])


def _loss(request: HttpRequest, analysis: Analysis, service: ServiceType) -> dict[str, Any]:
    table = tables.loss_table(analysis, service, user=request.user)
    ratio = _ratio(analysis.run, service.code)
    return {
        "table": table, "reading": words.loss_reading(table, ratio, service), "most": table.rows[0].lost if table.rows else 0,
        "map_url": _map(analysis, service), **_links(request, analysis, "losses", service=service.code),
    }  # fmt: skip


def _ratio(run: Run, code: str) -> float:
    row = next((one for one in run.standards_frozen if one["service"] == code), {"ratio": 1.0})
    return float(run.scenario_frozen["ratio_overrides"].get(code, row["ratio"]))


def _backup(request: HttpRequest, analysis: Analysis, service: ServiceType) -> dict[str, Any]:
    whole, rows = tables.backup_table(analysis, service, user=request.user)
    classes = [_("none"), _("one"), _("two"), _("three or more")]
    said = (
        analysis.facts["services"][service.code]
        if gaps.sees_whole_city(request.user, analysis.run.city_id)
        else None
    )
    return {
        "whole": whole, "rows": _with_bars(sorted(rows, key=lambda row: -(row.parts[0] + row.parts[1]))), "whole_row": _with_bars([whole])[0],
        "classes": [{"code": f"bk-{n}", "label": label} for n, label in enumerate(classes)], "said": said,
        "reading": words.backup_reading(whole), "map_url": _map(analysis, service, show="backup"),
        **_links(request, analysis, "areas", service=service.code),
    }  # fmt: skip


def _access(request: HttpRequest, analysis: Analysis, service: ServiceType) -> dict[str, Any]:
    whole, rows = tables.access_table(analysis, service, user=request.user)
    said = analysis.facts["services"][service.code]
    whole_city = gaps.sees_whole_city(request.user, analysis.run.city_id)
    return {
        "whole": whole, "rows": _with_bars(sorted(rows, key=lambda row: row.score if row.score is not None else 0.0)),
        "whole_row": _with_bars([whole])[0], "said": said if whole_city else None, "bars": _bars(said) if whole_city else [],
        "classes": [
            {"code": f"ac-{code}", "label": label, "range": span}
            for (code, label), span in zip(AccessBand.choices, ("< 0.5", "0.5–1", "1–1.5", "≥ 1.5"), strict=True)
        ],
        "reading": words.access_reading(whole), "map_url": _map(analysis, service, show="access"),
        **_links(request, analysis, "areas", service=service.code),
    }  # fmt: skip


def _bars(said: dict[str, Any]) -> list[dict[str, Any]]:
    """The histogram: need by score, the last bar takes all above."""
    top = max(said["bars"]) or 1.0
    edges, count = said["bar_edges"], len(said["bars"])
    band = lambda edge: sum(edge >= limit for limit in (0.5, 1.0, 1.5))  # noqa: E731
    return [
        {
            "x": f"{n * 100 / count:.3f}", "width": f"{100 / count - 0.6:.3f}", "height": f"{value / top * 100:.2f}",
            "y": f"{100 - value / top * 100:.2f}", "from": f"{edge:g}", "need": value, "band": AccessBand.values[band(edge)],
            "last": n == count - 1,
        }
        for n, (edge, value) in enumerate(zip(edges, said["bars"], strict=True))
    ]  # fmt: skip


def _with_bars(rows: list[tables.ShareRow]) -> list[dict[str, Any]]:
    """Each row with the left edge and width of its parts in percent."""
    found = []
    for row in rows:
        left, parts = 0.0, []
        for n, value in enumerate(row.parts):
            width = value / row.need * 100 if row.need else 0.0
            parts.append(
                {
                    "n": n,
                    "value": value,
                    "left": f"{left:.3f}",
                    "width": f"{width:.3f}",
                    "share": pct(width / 100),
                }
            )
            left += width
        found.append(
            {"area": row.area, "need": row.need, "people": row.people, "score": row.score, "parts": parts}
        )
    return found


def _equity(request: HttpRequest, analysis: Analysis, service: ServiceType) -> dict[str, Any]:
    rows = tables.equity_rows(analysis, service, user=request.user)
    whole_city = gaps.sees_whole_city(request.user, analysis.run.city_id)
    said = analysis.facts["services"][service.code] if whole_city else {}
    names = dict(PeopleGroup.choices) | {"others": _("all others")}
    groups = [{**row, "label": names[row["group"]]} for row in said.get("groups", []) if row["need"]]
    return {
        "rows": rows, "said": said, "groups": groups, "times": _times(request, analysis.run, service),
        "reading": words.equity_reading(said, rows, analysis.facts["worst"]),
        "chart": {
            "points": said["lorenz"], "label": _("Lorenz curve of the served need"), "xTitle": _("share of the need, worst served first"),
            "yTitle": _("share of what is served"), "even": _("even"), "worst": analysis.facts["worst"],
        } if said.get("need") else None,
        "worst_total": sum(row.worst for row in rows), "map_url": _map(analysis, service, show="coverage"),
        **_links(request, analysis, "areas", service=service.code),
    }  # fmt: skip


def _times(request: HttpRequest, run: Run, service: ServiceType) -> list[dict[str, Any]]:
    rows = []
    for one in selectors.same_at_other_times(run, user=request.user):
        totals = gaps.totals(one, service, user=request.user)
        if totals is not None and totals.need:
            rows.append(
                {
                    "run": one,
                    "label": one.get_time_of_day_display(),
                    "need": totals.need,
                    "served": totals.served,
                }
            )
    return rows if len(rows) > 1 else []


def _range(request: HttpRequest, analysis: Analysis, service: ServiceType) -> dict[str, Any]:
    return {
        **ranges.shown(request, analysis, service), "map_url": _map(analysis, service),
        **_links(request, analysis, "ranges", service=service.code),
    }  # fmt: skip


SHOWN: dict[AnalysisKind, Callable[[HttpRequest, Analysis, ServiceType], dict[str, Any]]] = {
    AnalysisKind.HOURS: _hours,
    AnalysisKind.LOSS: _loss,
    AnalysisKind.BACKUP: _backup,
    AnalysisKind.ACCESS: _access,
    AnalysisKind.EQUITY: _equity,
    AnalysisKind.RANGE: _range,
}
