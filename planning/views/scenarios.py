"""Scenarios: what happens, where, to how many."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from core import policies
from core.choices import TimeOfDay
from core.templatetags.pingji import local_name
from core.views.pages import page, page_of
from planning.forms import ScenarioForm
from planning.selectors import gaps
from planning.selectors import scenarios as selectors
from planning.services import scenarios as services
from planning.views.road_rules import roads_of


@page
def scenario_list(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    rows = selectors.scenario_rows(request.user, request.city)
    may_edit = policies.allows(request.user, "scenario.edit", request.city)
    return render(request, "planning/scenarios.html", {"page": page_of(request, rows), "may_edit": may_edit})


@page
def scenario_record(request: HttpRequest, ref: str) -> HttpResponse:
    scenario = get_object_or_404(selectors.scenarios_visible_to(request.user, request.city), ref=ref)
    return render(
        request, "planning/scenario.html",
        {
            "scenario": scenario, "zones": selectors.zone_rates(scenario), "services": selectors.service_ratios(scenario),
            "areas": [local_name(area) for area in scenario.areas.all()], "closed": scenario.closed_facilities.count(),
            "times": [TimeOfDay(code).label for code in scenario.times_of_day],
            **roads_of(request, scenario),
            "may_edit": policies.allows(request.user, "scenario.edit", request.city),
            "runs": gaps.baseline_runs(user=request.user, city=request.city).filter(scenario=scenario)[:12],
        },
    )  # fmt: skip


@page
def scenario_new(request: HttpRequest) -> HttpResponse:
    policies.demand(request.user, "scenario.edit", request.city)
    form = ScenarioForm(request.POST or None, city=request.city)
    if request.method == "POST" and form.is_valid():
        data = {key: value for key, value in form.cleaned_data.items() if not key.endswith("_percent")}
        scenario = services.create_scenario(user=request.user, city=request.city, **data)
        return redirect("scenario", ref=scenario.ref)
    return render(request, "planning/scenario_new.html", {"form": form}, status=422 if form.errors else 200)
