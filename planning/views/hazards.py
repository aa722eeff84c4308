"""Hazard layers: the list, the record of one, bringing one in (check first, then apply), correcting its facts."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.choices import Datum, JobState, TimeOfDay
from core.errors import InvalidInput
from core.models import Area
from core.selectors.jobs import jobs_visible_to
from core.services import jobs as job_services
from core.services import shards
from core.templatetags.pingji import local_name, num
from core.views.pages import page, page_of
from planning.forms import HazardFactsForm, HazardImportForm
from planning.models import HazardLayer
from planning.selectors import hazards as selectors
from planning.services.hazard_imports import KIND, apply_checked, import_upload
from planning.services.hazards import delete_layer, edit_facts
from planning.views import mapwords
from planning.views.hazard_words import steps_of, zones_config

PLACES_SHOWN = 25


@page
def hazard_list(request: HttpRequest) -> HttpResponse:
    city = request.city
    if not city:
        return render(request, "planning/no_city.html")
    rows = page_of(request, selectors.layers_visible_to(request.user, city))
    names, used = selectors.class_names(list(rows)), selectors.scenarios_by_layer(city)
    for layer in rows:
        classes = names.get(layer.pk, [])
        steps = steps_of(classes)
        layer.shown_classes = [{"name": name, "step": steps[name]} for name in classes]
        layer.people_night = selectors.people_at(selectors.people_inside(request.user, layer))
        layer.scenario_count = used.get(layer.pk, 0)
    may_import = policies.allows(request.user, "hazard.import", city)
    return render(request, "planning/hazards.html", {"page": rows, "may_import": may_import})


def _layer(request: HttpRequest, code: str) -> HazardLayer:
    if not request.city:
        return get_object_or_404(HazardLayer.objects.none())
    return get_object_or_404(selectors.layers_visible_to(request.user, request.city), code=code)


@page
def hazard_record(request: HttpRequest, code: str) -> HttpResponse:
    layer = _layer(request, code)
    people = selectors.people_inside(request.user, layer)
    places = selectors.places_inside(request.user, layer)
    classes = _classes(layer, people, places)
    times = _times(people)
    time = request.GET.get("time", "")
    time = time if time in [one["code"] for one in times] else TimeOfDay.NIGHT
    context = {
        "layer": layer, "sentence": _sentence(layer, people), "classes": classes, "times": times,
        "raster": bool(layer.cut_offs),
        "values": " – ".join(_short(layer.facts.get(name)) for name in ("lowest", "highest")),
        "time": next((one for one in times if one["code"] == time), None),
        "districts": _districts(layer, people, time, [row["klass"] for row in classes]),
        "places": places[:PLACES_SHOWN], "places_seen": len(places),
        "whole_city": policies.sees_whole_city(request.user, layer.city_id),
        "scenarios": selectors.scenarios_on(layer), "overlaps": layer.facts.get("overlaps", []),
        "may_edit": policies.allows(request.user, "hazard.import", layer.city),
        "config": _map_config(request, layer, classes),
    }  # fmt: skip
    return render(request, "planning/hazard.html", context)


def _sentence(layer: HazardLayer, people: list[dict[str, Any]]) -> str:
    night = selectors.people_at(people)
    words = _("%(name)s: %(people)s people inside by night")
    return words % {"name": local_name(layer), "people": num(night)}


def _times(people: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Times of day that somebody was counted for, night first."""
    here = {row["time_of_day"] for row in people}
    order = [TimeOfDay.NIGHT, *(code for code in TimeOfDay if code != TimeOfDay.NIGHT)]
    return [{"code": str(code), "label": str(code.label)} for code in order if code in here]


def _classes(
    layer: HazardLayer, people: list[dict[str, Any]], places: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    rows = selectors.classes_of(layer)
    steps = steps_of([row["klass"] for row in rows])
    inside, counted = selectors.people_by_class(people), selectors.places_by_class(places)
    for row in rows:
        times = inside.get(row["klass"], {})
        row |= {
            "step": steps[row["klass"]], "area_km2": row["area_m2"] / 1e6,
            "begins": _short(row["from"]), "ends": _short(row["to"]),
            "night": times.get(TimeOfDay.NIGHT, 0.0), "day": times.get(TimeOfDay.DAY, 0.0),
            "facilities": counted.get((row["klass"], "facility"), 0),
            "idle_assets": counted.get((row["klass"], "idle_asset"), 0),
        }  # fmt: skip
    return rows


def _short(value: float | None) -> str:
    """A value of a raster as people write it: 1.5, not 1.500."""
    return "" if value is None else f"{value:.4g}"


def _districts(
    layer: HazardLayer, people: list[dict[str, Any]], time: str, classes: list[str]
) -> list[dict[str, Any]]:
    """Districts with people inside at one time of day, most people first."""
    found: dict[str, dict[str, float]] = {}
    for row in people:
        if row["time_of_day"] == time and row["people"]:
            found.setdefault(row["district"], {})[row["klass"]] = row["people"]
    names = {area.code: local_name(area) for area in Area.objects.filter(city=layer.city, code__in=found)}
    rows = [
        {
            "name": names.get(code, _("outside all districts")),
            "people": [by_class.get(name, 0.0) for name in classes],
            "total": sum(by_class.values()),
        }
        for code, by_class in found.items()
    ]
    return sorted(rows, key=lambda row: -row["total"])


def _map_config(request: HttpRequest, layer: HazardLayer, classes: list[dict[str, Any]]) -> dict[str, Any]:
    config = mapwords.base_config(request, layer.city)
    return config | {
        "mode": "place", "show": "none", "label": _("Map of the zones; the table holds every class"),
        "zones": zones_config(layer, {row["klass"]: row["step"] for row in classes}),
    }  # fmt: skip


@page
def hazard_import(request: HttpRequest) -> HttpResponse:
    """Choose a file and say what it is; the check reads all of it and writes nothing."""
    policies.demand(request.user, "hazard.import", request.city or None)
    form = HazardImportForm(request.POST or None, request.FILES or None, initial=_told_before(request))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            job = import_upload(
                user=request.user, city=request.city, code=data["code"], upload=data["file"], options=form.options(),
                dry_run=True,
            )  # fmt: skip
            return redirect("hazard_check", ref=job.ref)
        except InvalidInput as error:
            form.take_problems(error)
    context = {"form": form, "datums": Datum.values}
    return render(request, "planning/hazard_import.html", context, status=422 if form.is_bound else 200)


def _told_before(request: HttpRequest) -> dict[str, Any]:
    """What the form starts with: a check that failed (?again=REF), or the layer to be replaced (?code=CODE)."""
    again, code = request.GET.get("again", ""), request.GET.get("code", "")
    if again:
        job = jobs_visible_to(request.user).filter(ref=again, kind=KIND).first()
        return HazardImportForm.as_said(job.params["code"], job.params["options"]) if job else {}
    layer = (
        selectors.layers_visible_to(request.user, request.city).filter(code=code).first() if code else None
    )
    return HazardImportForm.as_told(layer, selectors.classes_of(layer)) if layer else {"code": code}


@page
def hazard_check(request: HttpRequest, ref: str) -> HttpResponse:
    """What the check found: every problem, or what would be written; POST writes it."""
    job_services.look_after()
    job = get_object_or_404(jobs_visible_to(request.user), ref=ref, kind=KIND)
    if job.city is not None:
        request.city = job.city
    if request.method == "POST":
        done = apply_checked(user=request.user, job=job)
        return redirect("hazard_check", ref=done.ref)
    if job.state == JobState.DONE and not job.params["dry_run"]:
        messages.success(request, _("The hazard layer was imported."))
        return redirect(job.result_url)
    found = job.result or {}
    facts = found.get("facts") or {}
    ranked = sorted(facts.get("classes", []), key=lambda row: (-row["severity"], row["klass"]))
    steps = steps_of([row["klass"] for row in ranked]) if ranked else {}
    context = {
        "job": job, "pieces": shards.pieces_told(job), "dry_run": job.params["dry_run"], "code": job.params["code"],
        "options": job.params["options"], "problems": found.get("problems", []), "warnings": found.get("warnings", []),
        "facts": facts, "classes": [row | {"step": steps[row["klass"]], "area_km2": row["area_m2"] / 1e6, "begins": _short(row.get("from"))} for row in ranked],
        "replaces": found.get("replaces"), "overlaps": facts.get("overlaps", []), "done": job.state == JobState.DONE,
    }  # fmt: skip
    return render(request, "planning/hazard_check.html", context)


@page
def hazard_facts(request: HttpRequest, code: str) -> HttpResponse:
    """Correct what is said about a layer."""
    layer = _layer(request, code)
    policies.demand(request.user, "hazard.import", layer.city)
    now = {name: getattr(layer, name) for name in HazardFactsForm.base_fields}
    form = HazardFactsForm(request.POST or None, initial=now)
    if request.method == "POST" and form.is_valid():
        try:
            edit_facts(user=request.user, layer=layer, **form.cleaned_data)
            messages.success(request, _("The facts were kept."))
            return redirect("hazard", code=layer.code)
        except InvalidInput as error:
            form.take_problems(error)
    context = {"form": form, "layer": layer, "scenarios": selectors.scenarios_on(layer)}
    return render(request, "planning/hazard_facts.html", context, status=422 if form.is_bound else 200)


@require_POST
@page
def hazard_delete(request: HttpRequest, code: str) -> HttpResponse:
    layer = _layer(request, code)
    delete_layer(user=request.user, layer=layer)
    messages.success(request, _("The hazard layer %(name)s was deleted.") % {"name": local_name(layer)})
    return redirect("hazards")
