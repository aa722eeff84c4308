"""Two runs side by side: a sentence, the table by area, the map of the difference and of both under a divider."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import policies
from core.choices import AreaLevel
from core.models import City
from core.templatetags.pingji import joined, local_name, num, signed, unit
from core.views.pages import page
from facilities.models import ServiceType
from planning.choices import RunState
from planning.models import Run
from planning.selectors import gaps, maps
from planning.selectors.comparisons import (
    ComparedArea,
    ComparedTotals,
    compared_areas,
    compared_totals,
    demand_comparable,
    differences,
)
from planning.services.difference_tiles import difference_breaks
from planning.views import mapwords

SHOWS = ("difference", "difference_need", "swipe")
CANDIDATES = 300


def title_of(run: Run) -> str:
    """ "Flood, night", with what was varied and the plan it belongs to."""
    parts = [local_name(run.scenario_frozen) or run.scenario.ref, str(run.get_time_of_day_display()).lower()]
    parts += [f"{place} = {value:g}" for place, value in run.variation.items()]
    if run.plan_version is not None:
        parts.append(local_name(run.plan_version.plan))
    return joined(parts)


@page
def compare_page(request: HttpRequest, ref: str) -> HttpResponse:
    runs = gaps.runs_visible_to(request.user)
    before = get_object_or_404(runs, ref=ref)
    asked = request.GET.get("with", "")
    if not asked:
        return render(request, "planning/compare_choose.html", _choice(request, before))
    after = get_object_or_404(runs, ref=asked)
    services = demand_comparable(before, after)
    user, ask = request.user, request.GET.get
    service = next((one for one in services if one.code == ask("service")), services[0])
    rows = compared_areas(before, after, user=user, services=[service])
    levels = maps.levels_shown(_levels(rows))
    level = int(ask("level", "0")) if ask("level", "").isdigit() else 0
    level = level if level in levels else min(levels, default=0)
    shown = sorted(
        (one for one in rows if one.area.level == level),
        key=lambda one: (-abs(one.gap_change or 0), one.area.path),
    )
    totals = {one.service.code: one for one in compared_totals(before, after, user=user)}
    show = ask("show") if ask("show") in SHOWS else SHOWS[0]
    keep = {"with": after.ref, "service": service.code, "level": level}
    context = {
        "before": before, "after": after, "titles": (title_of(before), title_of(after)), "service": service,
        "services": [{"service": one, "totals": totals.get(one.code)} for one in services], "rows": shown, "show": show,
        "shows": list(zip(SHOWS, (_("Change in gap"), _("Change in need"), _("Side by side")), strict=True)),
        "total": totals.get(service.code), "reading": reading(service, totals.get(service.code), shown),
        "differences": [
            {"label": one.label, "before": _words(one.before), "after": _words(one.after)}
            for one in differences(before, after)
        ],
        "tabs": [
            {"level": one, "label": _level_name(one), "query": urlencode(keep | {"level": one}), "here": one == level}
            for one in levels
        ],
        "ranges": any(one.before_range or one.after_range for one in rows),
        "unsure": sum(1 for one in shown if one.ranges_overlap and one.gap_change),
        "first_column": AreaLevel(level).label if level else _("Area"),
        "swap": "?" + urlencode({"with": before.ref, "service": service.code}),
        "query": urlencode({"with": after.ref}),
    }  # fmt: skip
    context["config"] = _config(request, before, after, service, show)
    return render(request, "planning/compare.html", context)


def _choice(request: HttpRequest, before: Run) -> dict[str, Any]:
    """What the run may be compared with: finished runs of its city, those of its scenario first."""
    runs = gaps.runs_visible_to(request.user, before.city).filter(state=RunState.DONE).exclude(pk=before.pk)
    listed = sorted(runs[:CANDIDATES], key=lambda run: (run.scenario_id != before.scenario_id, -run.pk))
    return {
        "run": before,
        "title": title_of(before),
        "others": [{"ref": one.ref, "title": title_of(one), "when": one.finished_at} for one in listed],
    }


def _levels(rows: list[ComparedArea]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for one in rows:
        if one.area.level > AreaLevel.CITY:
            counts[one.area.level] = counts.get(one.area.level, 0) + 1
    return counts


def _level_name(level: int) -> str:
    names = {
        AreaLevel.DISTRICT: _("Districts"), AreaLevel.STREET: _("Streets"), AreaLevel.COMMUNITY: _("Communities"),
    }  # fmt: skip
    return str(names.get(AreaLevel(level), AreaLevel(level).label))


def _words(thing: Any) -> str:
    return thing if isinstance(thing, str) else local_name(thing) or "—"


def reading(service: ServiceType, total: ComparedTotals | None, rows: list[ComparedArea]) -> str:
    """The sentence above the map: how much larger or smaller B's gap is, and in how many areas."""
    if total is None or total.gap_change is None or total.need_change is None:
        return _("These runs hold no result for the service that you may see.")
    worse = sum(1 for one in rows if (one.gap_change or 0) > 0)
    better = sum(1 for one in rows if (one.gap_change or 0) < 0)
    facts = {
        "service": local_name(service), "unit": unit(service), "change": num(abs(total.gap_change)),
        "need": signed(total.need_change), "worse": worse, "better": better, "count": len(rows),
    }  # fmt: skip
    if not total.gap_change and not worse and not better:
        return _("%(service)s: the gap is the same in both (need %(need)s %(unit)s).") % facts
    if total.gap_change > 0:
        first = _("%(service)s: B falls short by %(change)s %(unit)s more than A (need %(need)s).") % facts
    elif total.gap_change < 0:
        first = _("%(service)s: B falls short by %(change)s %(unit)s less than A (need %(need)s).") % facts
    else:
        first = _("%(service)s: the gap of the whole is the same (need %(need)s).") % facts
    where = (
        ngettext(
            "Of %(count)d area, %(worse)d is worse and %(better)d better.",
            "Of %(count)d areas, %(worse)d are worse and %(better)d better.",
            len(rows),
        )
        % facts
    )
    return _("%(first)s %(second)s") % {"first": first, "second": where}


def _config(request: HttpRequest, before: Run, after: Run, service: ServiceType, show: str) -> dict[str, Any]:
    """The map's settings: classes of the difference, and of both gaps by the edges of A, so that colours mean the same."""
    city: City = before.city
    config = mapwords.base_config(request, city)
    found = mapwords.run_classes(request.user, before, service)
    breaks, wide, legends = found["breaks"], found["wide"], {}
    breaks["noNeed"] = True
    whole = policies.sees_whole_city(request.user, city.pk)
    titles = {
        "difference": (_("Change in gap, B less A, %(unit)s per cell"), _("Change in gap, B less A, %(unit)s per hexagon")),
        "difference_need": (_("Change in need, B less A, %(unit)s per cell"), _("Change in need, B less A, %(unit)s per hexagon")),
    }  # fmt: skip
    edges = difference_breaks(before=before, after=after, service=service)
    for name, measure in (("difference", "gap"), ("difference_need", "need")):
        own, (near, far) = edges[measure], titles[name]
        breaks[name], breaks[f"{name}Levels"] = own["step"], own["levels"]
        words = mapwords.change_ranges(own["step"])
        legends[name] = mapwords.legend(
            near % {"unit": unit(service)}, "chg", words, own["counts"] if whole else None
        )
        wide[f"{name}Words"] = {key: mapwords.change_ranges(step) for key, step in own["levels"].items()}
        wide[f"{name}Title"] = far % {"unit": unit(service)}
    gap = found["legends"]["gap"]
    legends["swipe"] = gap | {"classes": [one | {"cells": None} for one in gap["classes"]]}
    query = f"before={before.ref}&after={after.ref}&service={service.code}"
    config |= {
        "mode": "compare", "show": show, "showFirst": SHOWS[0], "keepPlace": True, "breaks": breaks, "wide": wide, "legends": legends,
        "area": request.GET.get("area", ""),
        "label": _("Map of the difference; the table below holds every value"),
        "labels_of": {"before": _("A: %(title)s") % {"title": title_of(before)}, "after": _("B: %(title)s") % {"title": title_of(after)}},
    }  # fmt: skip
    config["tiles"]["cells"] = f"/tiles/differences/{{z}}/{{x}}/{{y}}.pbf?{query}"
    config["words"] |= {
        "share": _("%s per cent of the map shows A, the rest B"),
        "sideLabel": _("Map of the gap in %s"),
    }
    return config
