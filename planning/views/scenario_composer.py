"""The page on which a scenario is composed: a template to begin from, one form, and the people inside while it is written."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.errors import DomainError, InvalidInput
from core.views.pages import page
from facilities.models import ServiceType
from planning.choices import Extent, ScenarioTemplate
from planning.forms import ScenarioForm
from planning.models import HazardLayer, Scenario
from planning.selectors.scenario_templates import (
    Template,
    find_template,
    template_of,
    templates,
)
from planning.services import scenarios as services
from planning.services.scenario_extents import ground_of_upload, ground_on_map
from planning.services.scenario_preview import preview_told
from planning.services.scenario_templates import begun_document
from planning.services.scenario_versions import compare_versions, version_document, version_of
from planning.views import mapwords
from planning.views.scenarios import chain_table, changes_told, flows, ground_told, inside_table, seen


@page
def scenario_new(request: HttpRequest) -> HttpResponse:
    """Begin from a template (none named: rates set by hand)."""
    policies.demand(request.user, "scenario.edit", request.city)
    form = _new_form(request)
    if request.method == "POST" and form.is_valid():
        try:
            told = _told(request, form)
            made = services.create_told(user=request.user, city=request.city, told=told, note=form.cleaned_data["note"])  # fmt: skip
            return redirect("scenario", ref=made.ref)
        except InvalidInput as error:
            form.take_problems(error)
    context = {
        "templates": templates(), "template": form.template, "named": bool(request.GET.get("template")),
        "variant": request.GET.get("variant", ""),
    }  # fmt: skip
    return _composer(request, form, context)


@page
def scenario_edit(request: HttpRequest, ref: str) -> HttpResponse:
    scenario = seen(request, ref)
    policies.demand(request.user, "scenario.edit", scenario.city)
    form = _edit_form(request, scenario)
    context: dict[str, Any] = {"scenario": scenario, "template": form.template}
    if request.method == "POST" and form.is_valid():
        version = form.cleaned_data["version"]
        try:
            services.update_told(
                user=request.user, scenario=scenario, version=version or 0, told=_told(request, form),
                note=form.cleaned_data["note"],
            )  # fmt: skip
            messages.success(
                request, _("Saved as a new version. Runs that are done keep what they ran with.")
            )
            return redirect("scenario", ref=ref)
        except InvalidInput as error:
            form.take_problems(error)
        except DomainError as error:
            if error.status != 412:
                raise
            context |= _changed_meanwhile(scenario, version)
            # What was typed stays. Saving once more is then against what the person has been told.
            form.data["version"] = str(context["theirs"]["number"])
    return _composer(request, form, context, 412 if "theirs" in context else 0)


@require_POST
@page
def scenario_preview(request: HttpRequest) -> HttpResponse:
    """Who is inside and what follows, for what stands in the form now. Nothing is stored."""
    form = _form_of_post(request)
    form.is_valid()
    told = form.told()
    if told["extent"] not in Extent.values:
        told["extent"] = Extent.EVERYWHERE
    found = preview_told(user=request.user, city=request.city, told=told)
    return render(
        request, "planning/parts/people_inside.html",
        {
            "found": found, "chain": chain_table(flows(found)), "inside": inside_table(found),
            "need": _need_told(found.need),
            "ground": ground_told(request, ground_on_map(city=request.city, document=found.document)),
        },
    )  # fmt: skip


@require_POST
@page
def scenario_rates(request: HttpRequest) -> HttpResponse:
    """The tables of numbers anew, after another layer or extent was chosen; what was typed stays."""
    policies.demand(request.user, "scenario.edit", request.city)
    return render(request, "planning/parts/scenario_rates.html", {"form": _form_of_post(request)})


@require_POST
@page
def scenario_ground(request: HttpRequest) -> HttpResponse:
    """GeoJSON of an uploaded ground, for the drawing; what is wrong with the file in words."""
    policies.demand(request.user, "scenario.edit", request.city)
    upload = request.FILES.get("ground_file")
    if upload is None:
        return JsonResponse({"problems": [_("Choose a file.")]}, status=422)
    try:
        ground = ground_of_upload(
            user=request.user, city=request.city, upload=upload, datum=request.POST.get("ground_datum", "")
        )
    except InvalidInput as error:
        return JsonResponse({"problems": [str(problem.message) for problem in error.problems]}, status=422)
    except DomainError as error:
        return JsonResponse({"problems": [str(error.message)]}, status=error.status)
    return JsonResponse({"geometry": ground})


def _composer(request: HttpRequest, form: ScenarioForm, context: dict[str, Any], status: int = 0) -> HttpResponse:  # fmt: skip
    config = mapwords.base_config(request, request.city) | {
        "mode": "place", "show": "none", "label": _("Map of the ground of the scenario; the table beside it tells who is inside"),
        "draw": {"geometry": "#id_drawn"}, "ground": None,
    }  # fmt: skip
    return render(
        request, "planning/scenario_compose.html", {"form": form, "config": config} | context,
        status=status or (422 if form.errors else 200),
    )  # fmt: skip


def _told(request: HttpRequest, form: ScenarioForm) -> dict[str, Any]:
    """What was typed; an uploaded ground takes the place of the drawing (a page without scripts sends it whole)."""
    told = form.told()
    upload = form.cleaned_data.get("ground_file")
    if upload is not None and told["extent"] == Extent.DRAWN:
        told["drawn"] = ground_of_upload(
            user=request.user, city=request.city, upload=upload, datum=form.cleaned_data["ground_datum"]
        )
    return told


def _new_form(request: HttpRequest) -> ScenarioForm:
    data = request.POST if request.method == "POST" else None
    asked = request.POST if data is not None else request.GET
    template = template_of(asked.get("template") or ScenarioTemplate.CUSTOM)
    layer = _layer(request, template, asked.get("hazard_layer", ""), first=data is None)
    document = begun_document(code=template.code, variant=asked.get("variant", ""), layer=layer)
    known = set(ServiceType.objects.values_list("code", flat=True))
    document["services"] = [code for code in document["services"] if code in known]
    document["hazard_layer"] = layer.code if layer else None
    return ScenarioForm(data, request.FILES or None, city=request.city, template=template, document=document)


def _edit_form(request: HttpRequest, scenario: Scenario) -> ScenarioForm:
    """Opens with the stored document; when another layer is chosen, its classes begin with the template's rates."""
    data = request.POST if request.method == "POST" else None
    template = find_template(scenario.template) or template_of(ScenarioTemplate.CUSTOM)
    document = version_document(scenario) | {"version": scenario.version}
    wanted = data.get("hazard_layer", "") if data is not None else ""
    if wanted and wanted != document["hazard_layer"] and template.classes:
        layer = _layer(request, template, wanted, first=False)
        # Rates of the set the scenario uses: two sets are never mixed.
        table = (document.get("model") or {}).get("table", "")
        variant = table if table in [one.code for one in template.variants] else ""
        fresh = begun_document(code=template.code, variant=variant, layer=layer)
        document["zone_rates"] = fresh["zone_rates"]
        by_class = [field.path for field in template.fields if field.kind == "by_class"]
        document["model"] = (document.get("model") or {}) | {path: fresh["model"][path] for path in by_class}
        own = ("zone_rates.", *(f"model.{path}." for path in by_class))
        kept = {
            place: fact for place, fact in document.get("rate_facts", {}).items() if not place.startswith(own)
        }
        document["rate_facts"] = fresh["rate_facts"] | kept
    return ScenarioForm(data, request.FILES or None, city=scenario.city, template=template, document=document)


def _form_of_post(request: HttpRequest) -> ScenarioForm:
    """The form behind a fragment: of the scenario that is edited, or of a new one."""
    ref = request.POST.get("scenario", "")
    return _edit_form(request, seen(request, ref)) if ref else _new_form(request)


def _layer(request: HttpRequest, template: Template, code: str, *, first: bool) -> HazardLayer | None:
    """The layer that was chosen; for a new scenario of zones the city's first one of the template's hazard."""
    layers = HazardLayer.objects.filter(city=request.city)
    if code:
        return layers.filter(code=code).first()
    return layers.filter(hazard=template.hazard).first() if first and template.extent == Extent.ZONES else None  # fmt: skip


def _changed_meanwhile(scenario: Scenario, seen_version: int | None) -> dict[str, Any]:
    """Who changed the scenario while somebody else was writing, and what."""
    scenario.refresh_from_db()
    newest = version_of(scenario=scenario, number=scenario.version)
    older = seen_version or scenario.version - 1
    try:
        changes = compare_versions(scenario=scenario, older=older, newer=scenario.version)
    except DomainError:  # a version nobody kept
        changes = []
    theirs = {
        "number": scenario.version,
        "by": newest.created_by,
        "at": newest.created_at,
        "note": newest.note,
    }
    return {"theirs": theirs, "changes": changes_told(changes)}


def _need_told(need: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Need by service as its record, with the most of any time of day."""
    services = {
        one.code: one for one in ServiceType.objects.filter(code__in=[row["service"] for row in need])
    }
    told = []
    for row in need:
        numbers = [number for number in row["by_time"].values() if number is not None]
        told.append(row | {"service": services[row["service"]], "most": max(numbers) if numbers else None})
    return told
