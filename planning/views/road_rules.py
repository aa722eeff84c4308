"""Closed and slowed roads of a scenario: what the rules do, one more rule, one less."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.errors import InvalidInput
from core.views.pages import page
from planning.forms import RoadRuleForm
from planning.models import Scenario
from planning.selectors import scenarios as selectors
from planning.services import road_rules
from planning.services import scenarios as services
from planning.views import mapwords


def _scenario(request: HttpRequest, ref: str) -> Scenario:
    return get_object_or_404(selectors.scenarios_visible_to(request.user, request.city), ref=ref)


def roads_of(request: HttpRequest, scenario: Scenario) -> dict[str, Any]:
    """What a page says about a scenario's roads: the rules in words, lengths, and the map of touched streets."""
    rules = [
        {"number": n, **road_rules.rule_words(rule), "closed": rule["factor"] is None}
        for n, rule in enumerate(scenario.road_rules)
    ]
    found = road_rules.effect_on_roads(scenario=scenario)
    config = mapwords.base_config(request, scenario.city) | {
        "mode": "place", "show": "none", "label": _("Map of closed and slowed streets; the list tells the rules"),
        "streets": f"/scenarios/{scenario.ref}/streets.geojson",
    }  # fmt: skip
    return {"rules": rules, "state": found[0] if found else None, "config": config}


@page
def scenario_streets(request: HttpRequest, ref: str) -> HttpResponse:
    """GeoJSON of the streets the rules touch, for the map; the API has the same under scenarios/REF/streets/."""
    return JsonResponse(road_rules.scenario_streets(scenario=_scenario(request, ref)))


@page
def scenario_roads(request: HttpRequest, ref: str) -> HttpResponse:
    scenario = _scenario(request, ref)
    policies.demand(request.user, "scenario.edit", scenario.city)
    classes = road_rules.road_classes_of(scenario.city)
    form = RoadRuleForm(request.POST or None, scenario=scenario, classes=classes)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_scenario(
                user=request.user, scenario=scenario, version=None,
                changes={"road_rules": [*scenario.road_rules, form.rule()]},
            )  # fmt: skip
            messages.success(request, _("Added. Runs from now on take it into account."))
            return redirect("scenario_roads", ref=ref)
        except InvalidInput as error:
            for problem in error.problems:
                field = problem.column.rsplit(".", 1)[-1]
                name = {"zone_class": "zone", "hazard_layer": "zone"}.get(field, field)
                form.add_error(name if name in form.fields else None, str(problem.message))
    context = {"scenario": scenario, "form": form, **roads_of(request, scenario)}
    context["config"]["draw"] = {"geometry": "#id_geometry"}
    return render(request, "planning/scenario_roads.html", context, status=422 if form.errors else 200)


@require_POST
@page
def scenario_road_remove(request: HttpRequest, ref: str) -> HttpResponse:
    """Take one rule out, by its place in the list of the version the person saw."""
    scenario = _scenario(request, ref)
    number, version = request.POST.get("number", ""), request.POST.get("version", "")
    if number.isdecimal() and version.isdecimal() and int(number) < len(scenario.road_rules):
        kept = [rule for n, rule in enumerate(scenario.road_rules) if n != int(number)]
        services.update_scenario(
            user=request.user, scenario=scenario, version=int(version), changes={"road_rules": kept}
        )
        messages.success(request, _("Taken out. Runs that are done keep it."))
    return redirect("scenario_roads", ref=ref)
