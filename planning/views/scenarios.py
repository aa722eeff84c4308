"""Scenarios: what happens, where, to how many. The list and the record."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core import policies
from core.choices import TimeOfDay
from core.templatetags.pingji import local_name
from core.views.pages import page, page_of
from facilities.choices import Hazard
from planning import filters
from planning.choices import Extent, PeopleGroup, Phase, RunState, ScenarioTemplate
from planning.forms.scenario_rows import LINKS, OF_WHOM
from planning.models import Scenario
from planning.selectors import gaps, ranges
from planning.selectors import scenarios as selectors
from planning.selectors.scenario_templates import find_template
from planning.services import runs
from planning.services import scenarios as services
from planning.services.outbreaks import course_by_week
from planning.services.scenario_extents import ground_on_map
from planning.services.scenario_preview import Preview, people_inside, preview_scenario, rates_of
from planning.views.road_rules import roads_of


@page
def scenario_list(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    ask, search = request.GET, request.GET.get("search", "").strip()
    chosen = {name: ask.getlist(name) for name in ("hazard", "extent", "template", "service")}
    rows = selectors.scenario_rows(
        request.user, request.city, hazards=chosen["hazard"], extents=chosen["extent"], templates=chosen["template"],
        services=chosen["service"], search=search,
    )  # fmt: skip
    shown = page_of(request, rows)
    inside = people_inside(user=request.user, scenarios=list(shown))
    for row in shown:
        row.inside = inside.get(row.pk)
        row.range = ranges.newest_range(row.latest_run) if row.latest_run else None
    groups = []
    for name, legend, choices in (
        ("hazard", _("Hazard"), Hazard.choices),
        ("extent", _("Extent"), Extent.choices),
        ("template", _("Template"), ScenarioTemplate.choices),
    ):
        group = filters.Group(name, legend)
        for value, label in choices:
            group.add(value, str(label), None, chosen[name])
        groups.append(group)
    return render(
        request, "planning/scenarios.html",
        {
            "page": shown, "groups": groups, "pills": filters.pills(ask, groups, search), "search": search,
            "may_edit": policies.allows(request.user, "scenario.edit", request.city),
        },
    )  # fmt: skip


@page
def scenario_record(request: HttpRequest, ref: str) -> HttpResponse:
    scenario = seen(request, ref)
    found = preview_scenario(user=request.user, scenario=scenario)
    roads = roads_of(request, scenario)
    config = roads["config"] | {
        "label": _("Map of the ground of the scenario; the table tells who is inside"),
        "ground": ground_told(request, ground_on_map(city=scenario.city, document=found.document)),
    }
    if roads["state"] is None:
        config.pop("streets")
    return render(
        request, "planning/scenario.html",
        {
            "scenario": scenario, "services": services_told(scenario, found), "worked": worked_told(found), "course": course_by_week(scenario=scenario), "template": find_template(scenario.template),
            "areas": [local_name(area) for area in scenario.areas.filter(policies.visible_areas(request.user))], "closed": list(scenario.closed_facilities.filter(policies.visible(request.user))),
            "times": [TimeOfDay(code).label for code in scenario.times_of_day],
            "phases": [{"label": Phase(code).label, "share": share} for code, share in scenario.stay_shares.items()],
            "found": found, "flows": flows(found), "rates": rates_told(found), "inside": inside_table(found),
            **roads, "config": config, "versions": selectors.versions_of(scenario),
            "may_edit": policies.allows(request.user, "scenario.edit", request.city),
            "may_run": policies.allows(request.user, "run.start", request.city),
            "runs": gaps.baseline_runs(user=request.user, city=request.city).filter(scenario=scenario)[:12],
        },
    )  # fmt: skip


@require_POST
@page
def scenario_copy(request: HttpRequest, ref: str) -> HttpResponse:
    """A scenario of one's own, opened for changes."""
    made = services.copy_scenario(user=request.user, scenario=seen(request, ref))
    messages.success(request, _("Copied. Change what differs and save."))
    return redirect("scenario_edit", ref=made.ref)


@require_POST
@page
def scenario_run(request: HttpRequest, ref: str) -> HttpResponse:
    """Start the scenario's runs with the default standards, or find them; a refusal opens with what is missing."""
    scenario = seen(request, ref)
    found, job = runs.start_runs(user=request.user, city=scenario.city, scenario=scenario)
    if job is not None and any(run.state == RunState.WAITING for run in found):
        return redirect("job", ref=job.ref)
    return redirect("run", ref=found[0].ref)


def seen(request: HttpRequest, ref: str) -> Scenario:
    """The scenario, or 404 for who may not see it."""
    scenarios = selectors.scenarios_visible_to(request.user, request.city).select_related("city")
    return get_object_or_404(scenarios, ref=ref)


def ground_told(request: HttpRequest, ground: dict[str, Any]) -> dict[str, Any]:
    """The ground for the map's script, with the address of the zones' tiles."""
    code = ground["zones"]
    tiles = f"/tiles/zones/{code}/{{z}}/{{x}}/{{y}}.pbf?city={request.city.code}" if code else None
    return ground | {"zones": tiles}


def flows(found: Preview) -> list[dict[str, Any]]:
    """The chain of each time of day as steps: word, people, range, of whom, worst certainty of its rates. The times the
    scenario is run for come first."""
    rows = []
    asked = list(found.document.get("times_of_day") or [])
    for chain in sorted(found.chains, key=lambda row: row["time_of_day"] not in asked):
        steps: list[dict[str, Any]] = [
            {"term": "exposed", "word": _("People inside"), "people": chain["inside"], "cert": ""}
        ]
        before = chain["inside"]
        for link, word in LINKS.items():
            told = chain[link]
            people = told["mid"] if told else None
            spread = bool(told) and None not in told.values() and round(told["low"]) != round(told["high"])
            steps.append(
                {
                    "wanted": link in found.wanted,
                    "term": link, "word": word, "of": OF_WHOM[link], "people": people, "cert": certainty_of(found.document, link),
                    "low": told["low"] if spread else None, "high": told["high"] if spread else None,
                    "share": people / before if people is not None and before else None,
                }
            )  # fmt: skip
            before = people
        rows.append({"time": TimeOfDay(chain["time_of_day"]).label, "layer": chain["layer"], "asked": chain["time_of_day"] in asked, "steps": steps})  # fmt: skip
    return rows


def chain_table(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The same turned round for a narrow place: a row for each step, a column for each time of day."""
    rows = [
        step | {"cells": [{"people": row["steps"][n]["people"], "low": row["steps"][n].get("low"), "high": row["steps"][n].get("high")} for row in found]}
        for n, step in enumerate(found[0]["steps"] if found else [])
    ]  # fmt: skip
    return {"times": [row["time"] for row in found], "rows": rows}


def certainty_of(document: dict[str, Any], link: str) -> str:
    """The worst certainty of the rates of one link; the scenario's own where the rates name none."""
    facts = document.get("rate_facts") or {}
    own = [
        fact.get("certainty")
        for place, fact in facts.items()
        if fact.get("certainty") and (place == f"{link}_share" or (place.startswith("zone_rates.") and place.endswith(f".{link}")))
    ]  # fmt: skip
    return max(own) if own else str(document.get("rate_certainty") or "")


def rates_told(found: Preview) -> list[dict[str, Any]]:
    """Every rate a run would use, with range, source and certainty: those of a template's model as it works them out."""
    document, rows = found.document, []
    facts, numbers = document.get("rate_facts") or {}, rates_of(found)
    by_class = any(place.startswith("zone_rates.") for place, _value in numbers)
    for place, value in numbers:
        fact = facts.get(place) or {}
        klass, link = "", place.removesuffix("_share")
        if by_class and not place.startswith("zone_rates."):
            own = any(other.endswith(f".{link}") for other, _value in numbers)
            klass = _("every other class") if own else _("every class")
        if place.startswith("zone_rates."):
            klass, _dot, link = place.removeprefix("zone_rates.").rpartition(".")
        rows.append(
            {
                "class": klass, "word": LINKS[link], "of": OF_WHOM[link], "value": value, "low": fact.get("low"), "high": fact.get("high"),
                "source": fact.get("source") or document.get("rate_source") or "", "clause": fact.get("clause", ""),
                "certainty": fact.get("certainty") or document.get("rate_certainty") or "",
            }
        )  # fmt: skip
    last = None
    for row in rows:
        row["head"], last = (row["class"] if row["class"] != last else ""), row["class"]
    return rows


def changes_told(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What differs between two versions, with the field in words beside its place."""
    words = {
        field.name: str(field.verbose_name)
        for field in Scenario._meta.get_fields()
        if hasattr(field, "verbose_name")
    }
    return [row | {"words": words.get(row["field"].split(".")[0], row["field"])} for row in changes]


def services_told(scenario: Scenario, found: Preview) -> list[dict[str, Any]]:
    """Services with the ratio and the multiplier a run would use, and whether the template worked the ratio out."""
    worked = found.worked or found.document
    rows = selectors.service_ratios(scenario)
    for row in rows:
        code = row["service"].code
        ratio = worked["ratio_overrides"].get(code)
        row |= {
            "made": ratio != row["ratio"],
            "ratio": ratio,
            "times": worked.get("multipliers", {}).get(code),
        }
    return rows


# What a template works out beside the rates: its name in `document["worked"]`, words, digits.
WORKED = (
    ("peak_per_10000", gettext_lazy("Places at the peak, for 10,000 residents"), 1),
    ("peak_day", gettext_lazy("Day of the peak"), 0),
    ("beds_per_10000", gettext_lazy("Beds at their peak, for 10,000 residents"), 1),
    ("times", gettext_lazy("Attendance over the people the layer counts"), 2),
    ("beds", gettext_lazy("Surge beds needed"), 0),
    ("beds_freed", gettext_lazy("Beds that hospitals nearby can free"), 0),
)


def worked_told(found: Preview) -> list[dict[str, Any]]:
    """What the template worked out beside the rates, in words."""
    told = found.worked.get("worked") or {}
    return [
        {"word": word, "value": told[name], "digits": digits}
        for name, word, digits in WORKED
        if told.get(name) is not None
    ]


def inside_table(found: Preview) -> dict[str, Any]:
    """People inside by district and time of day: {"times": labels, "rows": [{"name", "people"}]}."""
    times = [row["time_of_day"] for row in found.chains]
    rows = [
        {"name": local_name(row), "people": [row["inside"].get(time, 0.0) for time in times]}
        for row in found.districts
    ]
    told = [group for group in PeopleGroup if any(group in row["groups"] for row in found.chains)]
    return {
        "times": [TimeOfDay(time).label for time in times],
        "rows": rows,
        "groups": [
            {"name": group.label, "people": [row["groups"].get(group) for row in found.chains]}
            for group in told
        ],
        "whole": [row["inside"] for row in found.chains],
    }
