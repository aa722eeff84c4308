"""Analyses on the map: the slider of hours after activation, facilities in reach, accessibility.

One tile carries all hours, so moving the slider only repaints. The sentence of every hour comes with the page.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from core.errors import DomainError
from core.templatetags.pingji import hours, pct
from planning.choices import AnalysisKind
from planning.models import Analysis
from planning.selectors import analyses as selectors
from planning.selectors.maps import MapState
from planning.services import analysis_tables as tables
from planning.views import mapwords
from planning.views.analysis_words import access_reading, backup_reading, hour_reading

KIND_OF_SHOW = {"hour": AnalysisKind.HOURS, "backup": AnalysisKind.BACKUP, "access": AnalysisKind.ACCESS}
BACKUP_EDGES, ACCESS_EDGES = [1, 2, 3, 5], [0.5, 1.0, 1.5]


def add_analyses(request: HttpRequest, state: MapState, context: dict[str, Any], level: int | None) -> None:
    """Put what the address asks for into the page: further things to show, and the hours when they are shown."""
    run, service, config = state.run, state.service, context["config"]
    if run is None or service is None:
        return
    asked = request.GET.get("show", "")
    timeline = selectors.finished(user=request.user, run=run, kind=AnalysisKind.HOURS)
    if timeline is None:
        context["hours_page"] = (
            reverse("analysis", args=[run.ref, AnalysisKind.HOURS]) + f"?service={service.code}"
        )
    else:
        context["shows"] = [*context["shows"], ("hour", _("After activation"))]
    if asked not in KIND_OF_SHOW:
        return
    analysis = timeline
    if asked != "hour":
        analysis = selectors.finished(user=request.user, run=run, kind=KIND_OF_SHOW[asked])
    if analysis is None:
        return
    try:
        found = {"hour": _hour, "backup": _backup, "access": _access}[asked](request, state, analysis, level)
    except DomainError:
        # its arrays are gone, or it does not count the service: the page shows the gap instead
        return
    if asked != "hour":
        words = {"backup": _("Backup"), "access": _("Access")}[asked]
        context["shows"] = [*context["shows"], (asked, words)]
    context["show"] = config["show"] = asked
    config["tiles"]["cells"] = mapwords.cell_tiles(run, service, analysis=analysis.ref)
    config["legends"][asked] = found.pop("legend")
    config["breaks"] |= found.pop("breaks", {})
    config["hours"] = found.pop("steps", None)
    context |= found.get("context", {})


def _hour(request: HttpRequest, state: MapState, analysis: Analysis, level: int | None) -> dict[str, Any]:
    whole, rows = tables.hour_table(analysis, state.service, user=request.user, level=level)  # type: ignore[arg-type]
    kept = analysis.facts["hours"]
    at = _place(kept, request.GET.get("hour", ""))
    steps = []
    for n, hour in enumerate(kept):
        reading = hour_reading(whole, n, hour, analysis.facts, state.service)
        share = whole.served[n] / whole.need if whole.need else 0.0
        steps.append(
            {
                "hour": hours(hour), "label": f"{hours(hour)} h", "share": pct(share, 0), "width": f"{share * 100:.2f}",
                "sentence": reading.sentence, "tail": reading.tail,
                "title": _("Coverage after %(hour)s h, share of need") % {"hour": hours(hour)},
                "said": _("%(hour)s h after activation, %(share)s of the need served") % {"hour": hours(hour), "share": pct(share, 0)},
            }
        )  # fmt: skip
    return {
        "legend": mapwords.legend(steps[at]["title"], "cov", mapwords.percent_ranges()),
        "steps": {"at": at, "steps": steps},
        "context": {
            "hour_steps": steps, "hour_at": at, "hour_rows": rows if level is not None else [], "hour_whole": whole,
            "hour_share": analysis.facts["share"], "reading": hour_reading(whole, at, kept[at], analysis.facts, state.service),
            "hours_page": reverse("analysis", args=[analysis.run.ref, AnalysisKind.HOURS]) + f"?service={state.service.code}",  # type: ignore[union-attr]
            "csv_url": f"/api/v1/analyses/{analysis.ref}/hours/?service={state.service.code}&format=csv",  # type: ignore[union-attr]
            "geojson_url": f"/api/v1/analyses/{analysis.ref}/hours/?service={state.service.code}&format=geojson",  # type: ignore[union-attr]
        },
    }  # fmt: skip


def _place(kept: list[float], asked: str) -> int:
    """Which step of the slider the address names; the first after activation when it names none."""
    try:
        wanted = float(asked)
    except ValueError:
        wanted = next((hour for hour in kept if hour > 0), kept[0])
    return min(range(len(kept)), key=lambda n: abs(kept[n] - wanted))


def _backup(request: HttpRequest, state: MapState, analysis: Analysis, level: int | None) -> dict[str, Any]:
    whole, _rows = tables.backup_table(analysis, state.service, user=request.user)  # type: ignore[arg-type]
    words = ["0", "1", "2", "3–4", "5+"]
    return {
        "legend": mapwords.legend(_("Usable facilities in reach"), "cov", words),
        "breaks": {"backup": BACKUP_EDGES},
        "context": {"reading": backup_reading(whole)},
    }


def _access(request: HttpRequest, state: MapState, analysis: Analysis, level: int | None) -> dict[str, Any]:
    whole, _rows = tables.access_table(analysis, state.service, user=request.user)  # type: ignore[arg-type]
    words = ["< 0.5", "0.5–1", "1–1.5", "1.5+"]
    legend = mapwords.legend(_("Usable places in reach for each one needed"), "bal", words)
    # four bands of five colours: the middle one, white, says nothing here
    return {
        "legend": legend | {"steps": [1, 2, 4, 5]},
        "breaks": {"access": ACCESS_EDGES},
        "context": {"reading": access_reading(whole)},
    }
