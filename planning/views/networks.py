"""Road networks: the versions of a city, and the record of one with its quality report."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core import policies
from core.choices import Datum, JobState
from core.errors import InvalidInput
from core.models import Job
from core.templatetags.pingji import num, pct
from core.views.pages import page, page_of
from planning.forms import RoadImportForm
from planning.models import RoadNetwork
from planning.selectors import networks as selectors
from planning.services.network_imports import import_upload
from planning.services.network_reports import KIND, request_report
from planning.views import mapwords

ISLANDS_SHOWN, PLACES_SHOWN = 25, 25
# What the import counted, in words: the fact's name, its label, its unit.
FACTS = (
    ("links", gettext_lazy("Links read"), ""),
    ("repeated_links", gettext_lazy("Links told twice, or once for each direction"), ""),
    ("bends_taken_in", gettext_lazy("Bends taken into streets"), ""),
    ("loops", gettext_lazy("Links that lead back to where they start"), ""),
    ("mended_lengths", gettext_lazy("Lengths below the straight line, mended"), ""),
    ("driven_km", gettext_lazy("Streets for cars"), "km"),
    ("one_way_km", gettext_lazy("Of them one way"), "km"),
    ("on_foot_only_km", gettext_lazy("On foot only"), "km"),
    ("not_on_foot_km", gettext_lazy("Closed to walkers"), "km"),
    ("left_out_km", gettext_lazy("Left out as islands"), "km"),
    ("not_driven_any_more_km", gettext_lazy("Kept for walkers, not for cars"), "km"),
    ("speeds.mean_kmh", gettext_lazy("Mean speed"), "km/h"),
    ("joins.on_nodes", gettext_lazy("Layers joined at crossings"), ""),
    ("joins.on_streets", gettext_lazy("Layers joined along streets"), ""),
    ("joins.doubled_km", gettext_lazy("Told by two layers, kept once"), "km"),
)


@page
def network_list(request: HttpRequest) -> HttpResponse:
    city = request.city
    if not city:
        return render(request, "planning/no_city.html")
    rows = page_of(request, selectors.networks_visible_to(request.user, city).order_by("-current", "-id"))
    for network in rows:
        network.warnings_count = len(network.report.get("warnings", [])) if network.report else None
    return render(
        request,
        "planning/networks.html",
        {"page": rows, "may_import": policies.allows(request.user, "network.import", city)},
    )


@page
def network_import(request: HttpRequest) -> HttpResponse:
    """Bring in a new version of the roads; the job says what it found, or everything that is wrong with the file."""
    policies.demand(request.user, "network.import", request.city or None)
    form = RoadImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            job = import_upload(
                user=request.user, city=request.city, upload=data["file"], links=data["links"], options=form.options()
            )  # fmt: skip
            return redirect("job", ref=job.ref)
        except InvalidInput as error:
            for problem in error.problems:
                form.add_error(
                    problem.column if problem.column in form.fields else None, str(problem.message)
                )
    context = {"form": form, "datums": Datum.values}
    return render(request, "planning/network_import.html", context, status=422 if form.is_bound else 200)


def _network(request: HttpRequest, ref: str) -> RoadNetwork:
    network = get_object_or_404(selectors.networks_visible_to(request.user), ref=ref)
    request.city = network.city
    return network


@page
def network_record(request: HttpRequest, ref: str) -> HttpResponse:
    network = _network(request, ref)
    user, report = request.user, network.report
    whole = policies.sees_whole_city(user, network.city_id)
    far = selectors.far_places(network, user)
    islands = selectors.islands_of(network, user)
    going = Job.objects.filter(
        kind=KIND, city=network.city, params__network=network.ref, state__in=[JobState.QUEUED, JobState.RUNNING]
    ).first()  # fmt: skip
    context: dict[str, Any] = {
        "network": network, "report": report, "whole_city": whole, "sentence": selectors.sentence(network, user),
        "warnings": selectors.warnings_of(network, user), "islands": islands[:ISLANDS_SHOWN], "islands_seen": islands.count(),
        "far": far[:PLACES_SHOWN], "far_seen": report["facilities"]["far_count"] if report and whole else len(far), "job": going,
        "may_report": policies.allows(user, "run.start", network.city),
        "facts": _facts(network.facts),
    }  # fmt: skip
    if report:
        context |= {
            "stats": _stats(network, report, whole),
            "bars": _bars(report["distances"]) if whole else [],
            "quality": _quality(report, whole),
        }
    context["config"] = _map_config(request, network)
    return render(request, "planning/network.html", context)


@require_POST
@page
def network_report(request: HttpRequest, ref: str) -> HttpResponse:
    """Measure again; the record follows the job."""
    network = _network(request, ref)
    job = request_report(user=request.user, network=network)
    if request.htmx:
        return render(request, "components/progress.html", {"job": job, "then": f"/networks/{ref}/"})
    messages.success(request, _("The roads are being measured."))
    return redirect("network", ref=ref)


def _stats(network: RoadNetwork, report: dict[str, Any], whole: bool) -> list[dict[str, Any]]:
    near = report["distances"]
    within = {row["metres"]: row["people"] for row in near["within"]}
    share = selectors.nearly_all(within[200], near["people"]) if near["people"] else "—"
    lost = report["unreached"]["people"] if whole else None
    return [
        {"label": _("Within 200 m of a street"), "value": share, "note": _("of the people")},
        {
            "label": _("No facility by road"), "value": num(lost), "unit": _("people") if lost is not None else "",
            "note": _("off the map, or cut off"),
        },
        {
            "label": _("Largest part"), "value": pct(network.largest_part_share), "note": _("of the crossings; runs use this part"),
        },
        {
            "label": _("Road length"), "value": num(report["streets"]["km"]), "unit": "km",
            "note": _("%(nodes)s crossings, %(streets)s streets") % {
                "nodes": num(report["streets"]["nodes"]), "streets": num(report["streets"]["streets"]),
            },
        },
    ]  # fmt: skip


def _bars(near: dict[str, Any]) -> list[dict[str, Any]]:
    """The histogram as rows: range, people, share."""
    edges, counts, total = near["histogram"]["edges_m"], near["histogram"]["people"], near["people"] or 1
    most = max([*counts, 1])
    ends = [*edges[1:], None]
    return [
        {
            "label": f"{num(low)}–{num(high)}" if high is not None else f"> {num(low)}",
            "people": people,
            "share": people / total,
            "most": most,
        }
        for low, high, people in zip(edges, ends, counts, strict=True)
    ]


def _quality(report: dict[str, Any], whole: bool) -> list[dict[str, Any]]:
    """Rows of the quality table: what, value, unit, what it means."""
    near, streets, detour = report["distances"], report["streets"], report["detours"]
    rows: list[dict[str, Any]] = []

    def add(label: str, value: str, unit: str = "", note: str = "") -> None:
        rows.append({"label": label, "value": value, "unit": unit, "note": note})

    if whole and near["people"]:
        for row in near["within"]:
            label = _("People within %(metres)s m of a street") % {"metres": row["metres"]}
            add(label, selectors.nearly_all(row["people"], near["people"]))
        add(_("Half of the people live within"), num(near["p50_m"]), "m")
        far = f"{num(near['p90_m'])} · {num(near['p99_m'])} · {num(near['max_m'])}"
        add(_("Nine in ten, 99 in 100, and all within"), far, "m")
        used = report["distances_to_largest_part"]
        note = _("runs enter the roads there; islands count as nothing")
        add(_("99 in 100 within, to the largest part"), num(used["p99_m"]), "m", note)
        off = near["off_map"]
        note = _("%(cells)s cells more than 500 m from every street") % {"cells": num(off["cells"])}
        add(_("Off the map"), num(off["people"]), _("people"), note)
    add(
        _("Dead ends"), pct(streets["dead_ends"] / streets["nodes"]) if streets["nodes"] else "—", "",
        _("of the crossings; many in a city of through streets point to torn lines"),
    )  # fmt: skip
    add(_("One-way streets"), num(streets["oneway_streets"]))
    if streets["walk_only_km"]:
        add(_("Footpaths"), num(streets["walk_only_km"]), "km", _("for walking only"))
    lengths, speeds = streets["lengths"], streets["speeds"]
    add(_("Streets without length"), num(lengths["zero"]))
    add(_("Shorter than the straight line"), num(lengths["below_straight"]))
    add(_("Longer than 5 times the straight line"), num(lengths["above_5_times"]))
    add(
        _("Slower than 5 km/h, faster than 130 km/h"),
        f"{num(speeds['below_5_kmh'])} · {num(speeds['above_130_kmh'])}",
    )
    if detour and detour["ratio"]:
        note = _("%(pairs)s trips by car, 0.5 to 5 km apart; nine in ten from %(low)s to %(high)s") % {
            "pairs": num(detour["pairs"]), "low": f"{detour['ratio']['p5']:.2f}", "high": f"{detour['ratio']['p95']:.2f}",
        }  # fmt: skip
        add(_("Road length / straight line, middle trip"), f"{detour['ratio']['p50']:.2f}", "", note)
        add(_("Trips longer than 3 times the straight line"), pct(detour["above_3"] / detour["pairs"]))
    if detour and detour["straight_kmh"]:
        fast = detour["straight_kmh"]
        note = _("door to door, in the straight line; nine in ten from %(low)s to %(high)s") % {
            "low": num(fast["p5"]), "high": num(fast["p95"]),
        }  # fmt: skip
        add(_("Speed of the middle trip"), num(fast["p50"]), "km/h", note)
    return rows


def _facts(facts: dict[str, Any]) -> list[dict[str, str]]:
    """What the importer counted, as far as it is known and not nought."""
    rows = []
    for name, label, unit in FACTS:
        first, _dot, second = name.partition(".")
        value = (facts.get(first) or {}).get(second) if second else facts.get(first)
        if value:
            words = num(value, 0 if value >= 100 or float(value).is_integer() else 1)
            rows.append({"term": str(label), "value": f"{words} {unit}".strip()})
    assumed = (facts.get("speeds") or {}).get("assumed_km_share")
    if assumed:
        rows.append({"term": _("Speed assumed from the class"), "value": pct(assumed)})
    return rows


def _map_config(request: HttpRequest, network: RoadNetwork) -> dict[str, Any]:
    config = mapwords.base_config(request, network.city)
    return config | {
        "mode": "place", "show": "none", "label": _("Map of the road islands; the table holds every one"),
        "islands": f"/api/v1/networks/{network.ref}/islands/?format=geojson&page_size=1000",
    }  # fmt: skip
