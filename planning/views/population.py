"""Population layers: the list, the record of one, bringing one in (check first, then apply), errors, scaling, census."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core import policies
from core.choices import AreaLevel, Datum, JobState
from core.errors import DomainError, InvalidInput
from core.selectors.jobs import jobs_visible_to
from core.services import jobs as job_services
from core.services import shards
from core.templatetags.pingji import local_name, num, pct
from core.views.pages import page, page_of
from planning.choices import LayerMethod, PeopleGroup
from planning.forms import CensusImportForm, PopulationErrorForm, PopulationImportForm, ScaleForm
from planning.models import PopulationLayer
from planning.selectors import population as selectors
from planning.services import population as services
from planning.services.census import import_upload as import_census_upload
from planning.services.population_imports import KIND, apply_checked, import_upload

# What the import counted, in words: the fact's name, its part, its label, its unit.
FACTS = (
    ("people_in_file", "", gettext_lazy("People in the file"), gettext_lazy("people")),
    ("sources", "", gettext_lazy("Points, polygons or pixels with people"), ""),
    ("left_out", "people", gettext_lazy("Left out, outside the city"), gettext_lazy("people")),
    ("moved", "people", gettext_lazy("Put into the nearest cell"), gettext_lazy("people")),
    ("moved", "farthest_m", gettext_lazy("The farthest of them moved"), "m"),
    ("spread_by_area_only", "people", gettext_lazy("Spread by area alone, where the other layer has nobody"), gettext_lazy("people")),
    ("overlapping", "", gettext_lazy("Pairs of polygons that overlap"), ""),
    ("pixel_m2", "", gettext_lazy("Size of a pixel"), "m²"),
    ("people_before", "", gettext_lazy("People before scaling"), gettext_lazy("people")),
    ("left_as_they_are", "", gettext_lazy("Not scaled: their areas have no census"), gettext_lazy("people")),
)  # fmt: skip


@page
def population_list(request: HttpRequest) -> HttpResponse:
    city = request.city
    if not city:
        return render(request, "planning/no_city.html")
    rows = page_of(
        request, selectors.layers_visible_to(request.user, city).order_by("time_of_day", "-current", "code")
    )
    whole = policies.sees_whole_city(request.user, city.pk)
    years = selectors.census_years(city)
    for layer in rows:
        layer.told = _groups(layer)
        layer.against = selectors.reconcile(layer, years[0], request.user) if years and whole else None
    context = {
        "page": rows, "whole_city": whole, "year": years[0] if years else None,
        "may_import": policies.allows(request.user, "population.import", city),
    }  # fmt: skip
    return render(request, "planning/population.html", context)


def _layer(request: HttpRequest, code: str) -> PopulationLayer:
    if not request.city:
        return get_object_or_404(PopulationLayer.objects.none())
    return get_object_or_404(selectors.layers_visible_to(request.user, request.city), code=code)


def _groups(layer: PopulationLayer) -> list[str]:
    return [str(PeopleGroup(group).label) for group in PeopleGroup.values if group in layer.groups]


@page
def population_record(request: HttpRequest, code: str) -> HttpResponse:
    layer = _layer(request, code)
    user, city = request.user, layer.city
    whole = policies.sees_whole_city(user, city.pk)
    years = selectors.census_years(city)
    asked = request.GET.get("year", "")
    year = int(asked) if asked.isdecimal() and int(asked) in years else (years[0] if years else None)
    found = selectors.reconcile(layer, year, user) if year else None
    districts, outside = selectors.by_level(layer, AreaLevel.DISTRICT, user)
    told = [group for group in PeopleGroup if str(group) in layer.groups]
    may = policies.allows(user, "population.import", city)
    rows = [
        {
            "area": area, "people": held.people, "groups": [held.groups.get(str(group), 0.0) for group in told],
        }
        for area, held in districts
    ]  # fmt: skip
    context = {
        "layer": layer, "whole_city": whole, "sentence": _sentence(layer, found), "stats": _stats(layer, found) if whole else [],
        "rows": rows, "groups": [group.label for group in told], "outside": outside.people if whole else None,
        "totals": [layer.groups[str(group)] for group in told], "found": found, "years": years, "year": year,
        "facts": _facts(layer) if whole else [], "scenarios": selectors.scenarios_with(layer), "may_edit": may,
        "derived": layer.derived.order_by("code"), "from_pack": layer.facts.get("from", "pack") == "pack",
    }  # fmt: skip
    return render(request, "planning/population_layer.html", context)


def _sentence(layer: PopulationLayer, found: selectors.Reconciliation | None) -> str:
    name = local_name(layer)
    total = found.compared if found else None
    if total is None or total.share is None or found is None:
        return name
    words = {"name": name, "share": pct(abs(total.share)), "year": found.year}
    if abs(total.share) < 0.0005:
        return _("%(name)s: as many people as the census of %(year)d") % words
    if total.share > 0:
        return _("%(name)s: %(share)s more people than the census of %(year)d") % words
    return _("%(name)s: %(share)s fewer people than the census of %(year)d") % words


def _stats(layer: PopulationLayer, found: selectors.Reconciliation | None) -> list[dict[str, Any]]:
    off = [
        words % {"share": pct(share, 0)}
        for words, share in (
            (_("± %(share)s in all"), layer.error_share), (_("± %(share)s by district"), layer.error_share_district)
        )
        if share is not None
    ]  # fmt: skip
    total = found.compared if found else None
    return [
        {"label": _("People"), "value": num(layer.people), "note": layer.get_time_of_day_display()},
        {"label": _("Cells"), "value": num(layer.cells), "note": layer.get_method_display()},
        {
            "label": _("Difference to the census"), "value": _signed(total.share if total else None),
            "note": _("%(people)s people, %(year)d") % {"people": _signed_number(total.difference), "year": found.year}
            if total and found else _("no census to hold it against"),
        },
        {
            "label": _("May be off by"), "value": off[0] if off else "—",
            "note": _(", ").join(off[1:]) if off else _("nobody has said; ranges leave it out"),
        },
    ]  # fmt: skip


def _signed(share: float | None) -> str:
    return "—" if share is None else ("+" if share > 0 else "") + pct(share)


def _signed_number(value: float | None) -> str:
    return "—" if value is None else ("+" if value > 0 else "") + num(value)


def _facts(layer: PopulationLayer) -> list[dict[str, str]]:
    rows = []
    for name, part, label, unit in FACTS:
        value = layer.facts.get(name)
        value = value.get(part) if part and isinstance(value, dict) else value
        if value:
            rows.append({"term": str(label), "value": f"{num(value)} {unit}".strip()})
    if layer.facts.get("datum"):
        rows.append({"term": _("Datum"), "value": str(layer.facts["datum"])})
    nodata = layer.facts.get("nodata")
    if nodata:
        rows.append({"term": _("Codes for no value"), "value": _(", ").join(f"{code:g}" for code in nodata)})
    if layer.facts.get("spread_by"):
        rows.append({"term": _("Spread by"), "value": layer.facts["spread_by"]})
    return rows


@require_POST
@page
def population_use(request: HttpRequest, code: str) -> HttpResponse:
    layer = services.set_current(user=request.user, layer=_layer(request, code))
    messages.success(request, _("%(name)s is in use.") % {"name": local_name(layer)})
    return redirect("population_layer", code=layer.code)


@require_POST
@page
def population_delete(request: HttpRequest, code: str) -> HttpResponse:
    layer = _layer(request, code)
    name = local_name(layer)
    services.delete_layer(user=request.user, layer=layer)
    messages.success(request, _("The layer %(name)s was deleted.") % {"name": name})
    return redirect("population")


@page
def population_errors(request: HttpRequest, code: str) -> HttpResponse:
    """How far may this layer be off?"""
    layer = _layer(request, code)
    policies.demand(request.user, "population.import", layer.city)
    now = {
        "total_percent": None if layer.error_share is None else round(100 * layer.error_share, 2),
        "district_percent": None if layer.error_share_district is None else round(100 * layer.error_share_district, 2),
        "error_source": layer.error_source,
    }  # fmt: skip
    form = PopulationErrorForm(request.POST or None, initial=now)
    if request.method == "POST" and form.is_valid():
        try:
            services.set_errors(user=request.user, layer=layer, **form.shares())
            messages.success(request, _("The error was kept."))
            return redirect("population_layer", code=layer.code)
        except DomainError as refused:
            form.add_error("error_source" if refused.code == "source-missing" else None, str(refused.message))
    years = selectors.census_years(layer.city)
    found = selectors.reconcile(layer, years[0], request.user) if years else None
    context = {"form": form, "layer": layer, "found": found}
    return render(request, "planning/population_errors.html", context, status=422 if form.is_bound else 200)


@page
def population_scale(request: HttpRequest, code: str) -> HttpResponse:
    """Scale to the census? The answer first, then the question."""
    layer = _layer(request, code)
    policies.demand(request.user, "population.import", layer.city)
    years = selectors.census_years(layer.city)
    asked = (request.POST if request.method == "POST" else request.GET).get("year", "")
    year = int(asked) if asked.isdecimal() and int(asked) in years else (years[0] if years else 0)
    form = ScaleForm(request.POST or None, initial={"year": year, "code": f"{layer.code[:34]}-{year}"})
    if request.method == "POST" and form.is_valid():
        try:
            data = form.cleaned_data
            made = services.scale_layer(user=request.user, layer=layer, **data)
            messages.success(request, _("The scaled layer was made; the old one is kept."))
            return redirect("population_layer", code=made.code)
        except DomainError as refused:
            form.add_error("code" if refused.code == "code-taken" else None, str(refused.message))
    preview = services.preview_scaling(user=request.user, layer=layer, year=year)
    rows = [
        {"row": row, "factor": preview.factors.get(row.area.code if row.area else "")}
        for row in preview.reconciliation.rows
    ]
    context = {"form": form, "layer": layer, "preview": preview, "rows": rows, "year": year}
    return render(request, "planning/population_scale.html", context, status=422 if form.is_bound else 200)


@page
def population_import(request: HttpRequest) -> HttpResponse:
    """Choose a file and say what it is; the check reads and places all of it and writes nothing."""
    policies.demand(request.user, "population.import", request.city or None)
    form = PopulationImportForm(
        request.POST or None, request.FILES or None, city=request.city or None, initial={"code": request.GET.get("code", "")}
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            job = import_upload(
                user=request.user, city=request.city, code=data["code"], upload=data["file"], options=form.options(),
                dry_run=True,
            )  # fmt: skip
            return redirect("population_check", ref=job.ref)
        except InvalidInput as error:
            form.take_problems(error)
    context = {"form": form, "datums": Datum.values}
    return render(request, "planning/population_import.html", context, status=422 if form.is_bound else 200)


@page
def population_check(request: HttpRequest, ref: str) -> HttpResponse:
    """What the check found: every problem, or what would be written; POST writes it."""
    job_services.look_after()
    job = get_object_or_404(jobs_visible_to(request.user), ref=ref, kind=KIND)
    if job.city is not None:
        request.city = job.city
    if request.method == "POST":
        done = apply_checked(user=request.user, job=job)
        return redirect("population_check", ref=done.ref)
    if job.state == JobState.DONE and not job.params["dry_run"]:
        messages.success(request, _("The people were imported."))
        return redirect(job.result_url)
    found = job.result or {}
    facts = found.get("facts") or {}
    groups = found.get("groups") or {}
    told = PopulationLayer(facts=facts)
    context = {
        "job": job, "pieces": shards.pieces_told(job), "dry_run": job.params["dry_run"], "code": job.params["code"],
        "options": job.params["options"], "problems": found.get("problems", []), "warnings": found.get("warnings", []),
        "found": found, "rows": found.get("areas", []), "facts": _facts(told), "replaces": found.get("replaces"),
        "method": LayerMethod(facts["method"]).label if facts.get("method") else "",
        "groups": [(str(PeopleGroup(group).label), people) for group, people in groups.items()],
        "done": job.state == JobState.DONE,
    }  # fmt: skip
    return render(request, "planning/population_check.html", context)


@page
def census_page(request: HttpRequest) -> HttpResponse:
    """The censuses of the city, and a table with another one."""
    city = request.city
    policies.demand(request.user, "population.import", city or None)
    if not city:
        return render(request, "planning/no_city.html")
    form = CensusImportForm(request.POST or None, request.FILES or None)
    problems: list[Any] = []
    if request.method == "POST" and form.is_valid():
        try:
            done = import_census_upload(
                user=request.user, city=city, upload=form.cleaned_data["file"], options=form.options()
            )
            text = _("%(people)s people of %(areas)d areas were stored.")
            messages.success(request, text % {"people": num(done.people), "areas": done.areas})
            return redirect("census")
        except InvalidInput as refused:
            problems = refused.problems
    context = {
        "form": form, "problems": problems, "years": selectors.census_told(city),
    }  # fmt: skip
    bad = bool(problems) or form.is_bound
    return render(request, "planning/census.html", context, status=422 if bad else 200)


@require_POST
@page
def census_delete(request: HttpRequest, year: int) -> HttpResponse:
    services.delete_census(user=request.user, city=request.city, year=year)
    messages.success(request, _("The census of %(year)d was deleted.") % {"year": year})
    return redirect("census")
