"""The map: settings, sentence, four states, cells, facilities, and the table twin that holds every value."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST

from core import policies
from core.choices import AreaLevel, TimeOfDay
from core.templatetags.pingji import certainty, hours, local_name, num, pct, reach
from core.views.pages import page, page_of
from facilities.models import ServiceType
from planning.bridge.situation import refusal_words
from planning.choices import Assignment, Extent, ReachMethod, RunState, SupplyReason
from planning.forms import RunForm
from planning.models import Run
from planning.selectors import gaps, maps
from planning.selectors.cells import cell_seen, result_of_cell
from planning.selectors.ranges import mark_ranges, total_ranges
from planning.selectors.registry_changes import changed_after
from planning.selectors.scenarios import speeds_on_offer
from planning.services import runs as services
from planning.views import mapwords
from planning.views.hazard_words import zones_of_run
from planning.views.map_analyses import add_analyses
from planning.views.places import in_the_runs_city
from planning.views.readings import Reading, read_gap

FACILITIES_A_PAGE = 200
REACH_CHOICES = {"m": (500, 1000, 1500, 2500), "min": (10, 15, 30, 60, 120)}


def _reach_options(state: maps.MapState) -> list[dict[str, Any]]:
    """Four limits to choose from, the standard's own always among them."""
    standard = state.standard
    if standard is None:
        return []
    set_for_run = state.run.reach_overrides.get(standard.service.code) if state.run else None
    current = float(set_for_run or standard.reach_limit)
    must = {standard.reach_limit, current}
    others = sorted(
        (v for v in REACH_CHOICES[standard.reach_unit] if v not in must), key=lambda v: abs(v - current)
    )
    limits = sorted([*must, *others[: 4 - len(must)]])
    return [
        {"value": f"{v:g}", "label": reach(v, standard.reach_unit), "checked": v == current} for v in limits
    ]


def _reach_words(run: Run | None) -> str:
    if run is None or not run.reach_method:
        return ""
    if run.reach_method == ReachMethod.ROADS:
        return _("by road")
    return _("straight line × %(factor)s") % {"factor": run.detour_factor}


def _scenario_note(scenario: Any) -> str:
    parts = []
    by_zone = list(scenario.zone_rates.values()) if scenario.extent == Extent.ZONES else []
    shares = []
    for rates in by_zone or [{}]:
        # a zone's own rate, else the scenario's; what neither gives is unknown, never 0 or 1
        found = [rates.get(name) for name in ("affected", "displaced")]
        whole = [scenario.affected_share, scenario.displaced_share]
        affected, displaced = (w if own is None else own for own, w in zip(found, whole, strict=True))
        if affected is not None and displaced is not None:
            shares.append(affected * displaced)
    if len(shares) > 1:
        parts.append(
            _("%(low)s to %(high)s leave home, by zone") % {"low": pct(min(shares)), "high": pct(max(shares))}
        )
    elif shares:
        parts.append(_("%(share)s leave home") % {"share": pct(shares[0])})
    parts.append(_("rates: %(words)s") % {"words": certainty(scenario.rate_certainty)})
    return _(", ").join(parts)


def _tabs(state: maps.MapState, user: Any) -> tuple[list[dict[str, Any]], dict[int, int]]:
    if state.run is None or state.service is None:
        return [], {}
    levels = gaps.levels_of(state.run, state.service, user=user)
    names = {
        AreaLevel.DISTRICT: _("Districts"),
        AreaLevel.STREET: _("Streets"),
        AreaLevel.COMMUNITY: _("Communities"),
    }
    tabs = [
        {
            "key": f"level{level}",
            "label": names.get(level, AreaLevel(level).label),
            "count": levels[level],
            "level": level,
        }
        for level in maps.levels_shown(levels)
    ]
    count = gaps.facility_rows(state.run, state.service, user=user).count()
    tabs.append({"key": "facilities", "label": _("Facilities"), "count": count, "level": None})
    return tabs, levels


def _roles(state: maps.MapState, user: Any) -> list[dict[str, Any]]:
    if state.run is None:
        return []
    counts, reasons = gaps.role_counts(state.run, user=user)
    rows = [
        {
            "shape": row.service.shape,
            "usable_kind": True,
            "label": local_name(row.service),
            "count": f"{num(row.usable)} / {num(row.all)}",
        }
        for row in counts
    ]
    shape = state.service.shape if state.service else "circle"
    return rows + [
        {
            "shape": shape,
            "usable_kind": False,
            "label": _("%(reason)s, supplies 0") % {"reason": str(SupplyReason(code).label).capitalize()},
            "count": num(count),
        }
        for code, count in sorted(reasons.items())
    ]


def _reading(state: maps.MapState, totals: Any, districts: list[Any]) -> Reading:
    if state.run is None or state.service is None:
        return Reading(_("Nothing has been run for this scenario yet."))
    if totals is None:
        return Reading(_("This run holds no result for the service."))
    standard = state.standard
    override = state.run.reach_overrides.get(state.service.code)
    return read_gap(
        service=state.service, time_of_day=state.run.time_of_day,
        limit=override or (standard.reach_limit if standard else None),
        limit_unit=standard.reach_unit if standard else "m", need=totals.need, gap=totals.gap, rows=districts,
    )  # fmt: skip


@page
@in_the_runs_city
def map_page(request: HttpRequest) -> HttpResponse:
    city = request.city
    if not city:
        return render(request, "planning/no_city.html")
    policies.demand(request.user, "view", city)
    ask = request.GET.get
    state = maps.map_state(
        user=request.user,
        city=city,
        run_ref=ask("run", ""),
        scenario_ref=ask("scenario", ""),
        service_code=ask("service", ""),
    )
    user, run, service = request.user, state.run, state.service
    tabs, levels = _tabs(state, user)
    tab = next((one for one in tabs if one["key"] == ask("tab")), tabs[0] if tabs else None)
    totals = gaps.totals(run, service, user=user) if run and service else None
    districts = (
        gaps.area_rows(run, service, user=user, level=min(levels)) if run and service and levels else []
    )
    context: dict[str, Any] = {
        **vars(state),
        "may_run": policies.allows(user, "run.start", city),
        "registry_changed": changed_after(run) if run else None,
        "scenario_note": _scenario_note(state.scenario) if state.scenario else "",
        "reach_options": _reach_options(state),
        "reach_words": _reach_words(run),
        "times": [
            {
                "value": code,
                "label": label,
                "run": state.siblings[code].ref if code in state.siblings else "",
                "checked": bool(run and run.time_of_day == code),
            }
            for code, label in TimeOfDay.choices
            if state.scenario is None or code in state.scenario.times_of_day
        ],
        "assignments": [
            {
                "value": code,
                "label": label,
                "checked": (run.assignment if run else Assignment.NEAREST) == code,
            }
            for code, label in Assignment.choices
        ],
        "speeds": speeds_on_offer(city),
        "speed_code": run.speeds_frozen.get("code", "") if run else "",
        "tabs": tabs,
        "tab_key": tab["key"] if tab else "",
        "tab_label": tab["label"] if tab else "",
        "totals": totals,
        "reading": _reading(state, totals, districts),
        "shows": mapwords.show_words(),
        "show": ask("show") if ask("show") in mapwords.SHOWS else "gap",
        "role_rows": _roles(state, user),
        # open on what is worst: its card says what the colours mean
        "area_code": ask("area") or (districts[0].area.code if districts and districts[0].gap else ""),
    }
    if tab and tab["level"] is not None:
        context["rows"] = (
            districts
            if tab["level"] == min(levels)
            else gaps.area_rows(run, service, user=user, level=tab["level"])
        )
    elif tab:
        context["page"] = page_of(request, gaps.facility_rows(run, service, user=user), FACILITIES_A_PAGE)
    if context.get("rows"):
        context["rows"] = mark_ranges(context["rows"])
    if run and service:
        context["spread"] = total_ranges(run, user=user).get(service.pk)
        context["range_url"] = (
            reverse("analysis", args=[run.ref, "range"]) + "?" + urlencode({"service": service.code})
        )
    context["config"] = _config(request, state, context)
    context["nothing"] = context["config"].pop("nothing", {})
    context["zones"] = zones_of_run(request.user, run) if run else None
    context["zones_shown"] = ask("zones") == "1"
    if context["zones"]:
        context["config"]["hazard"] = context["zones"]["config"]
    add_analyses(request, state, context, tab["level"] if tab else None)
    if run and service:
        query = urlencode({"service": service.code, "page_size": 1000})
        context["csv_url"] = f"/api/v1/runs/{run.ref}/areas/?{query}&format=csv"
        context["geojson_url"] = f"/api/v1/runs/{run.ref}/areas/?{query}&format=geojson"
    return render(request, "planning/map.html", context)


def _config(request: HttpRequest, state: maps.MapState, context: dict[str, Any]) -> dict[str, Any]:
    config = mapwords.base_config(request, state.city)
    config |= {
        "mode": "gap", "show": context["show"], "showFirst": "gap", "keepPlace": True, "area": context["area_code"],
        "label": _("Map of the gap; the table below holds every value"),
    }  # fmt: skip
    config["words"] |= {
        "oneChanged": _("1 setting changed:"),
        "manyChanged": _("%s settings changed:"),
        "comma": pgettext("between items of a list", ", "),
        "stop": pgettext("end of a sentence", "."),
        "howLong": _("About %(seconds)s s to run.") % {"seconds": hours(max(1, round(state.run.seconds)))}
        if state.run and state.run.seconds
        else "",
    }
    if state.run is None or state.service is None:
        return config
    found = mapwords.run_classes(request.user, state.run, state.service)
    config["tiles"]["cells"] = mapwords.cell_tiles(state.run, state.service)
    config["tiles"]["facilities"] = mapwords.facility_tiles(state.city, state.service)
    config["card"] = (
        reverse("map_card") + "?" + urlencode({"run": state.run.ref, "service": state.service.code})
    )
    config["whatIf"] = {
        "url": reverse("what_if", args=[state.run.ref]) + "?" + urlencode({"service": state.service.code}),
        "words": {
            "pin": _("The place looked at; move it with the arrow keys"),
            "failed": _("No answer came. Try again."),
        },
    }
    return config | found


@page
def map_card(request: HttpRequest) -> HttpResponse:
    """The picked area's four states, for the card on the map."""
    run = get_object_or_404(
        gaps.registry_runs(user=request.user, city=request.city), ref=request.GET.get("run", "")
    )
    service = get_object_or_404(ServiceType, code=request.GET.get("service", ""))
    row = (
        gaps.area_results(run, service, user=request.user)
        .filter(area__code=request.GET.get("area", ""))
        .first()
    )
    if row is None:
        raise Http404
    context = {"run": run, "service": service, "row": mark_ranges([row])[0]}
    cell = cell_seen(user=request.user, city=request.city, code=request.GET.get("cell", ""))
    if cell is not None:
        context |= {"cell": cell, "cell_row": result_of_cell(run=run, cell=cell, service=service)}
    return render(request, "planning/parts/map_card.html", context)


@require_POST
@page
def map_run(request: HttpRequest) -> HttpResponse:
    """Start the runs for the chosen settings, or find them: answers the progress, or where the result opens."""
    form = RunForm(request.POST, city=request.city)
    if not form.is_valid():
        return render(request, "components/form_refusal.html", {"form": form})
    data = form.cleaned_data
    runs, job = services.start_runs(
        user=request.user, city=request.city, scenario=data["scenario"], profile=data["profile"],
        assignment=data["assignment"], reach_overrides=form.reach_overrides(), speed_profile=data["speeds"],
    )  # fmt: skip
    run = next((one for one in runs if one.time_of_day == data["time_of_day"]), runs[0])
    if run.state == RunState.REFUSED:
        return render(
            request,
            "planning/parts/run_refused.html",
            {"run": run, "refusal": [refusal_words(problem) for problem in run.refusal]},
        )
    code = data["service"].code if data["service"] else ""
    then = reverse("map") + "?" + urlencode({"run": run.ref, "service": code})
    if not request.htmx:
        return redirect("job", ref=job.ref) if job else redirect(then)
    return render(request, "components/progress.html", {"job": job, "then": then})
