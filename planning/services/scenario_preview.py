"""Who a scenario would touch, told while it is being written: people inside by time of day and district, the chain from
them to those who seek shelter, and the need by service. Nothing is stored and no run is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import AreaLevel, TimeOfDay
from core.errors import DomainError, InvalidInput, Problem
from core.models import Area, City
from facilities.importers.problems import WARNING, Problems
from planning.bridge.attendance import with_present
from planning.bridge.frozen import Frozen, latest_frozen, load_frozen
from planning.bridge.results import area_sums
from planning.bridge.scenario_document import scenario_document
from planning.bridge.scenario_rules import number_at, with_number
from planning.bridge.situation import (
    CHAIN,
    RATES_OF_DRIVER,
    Shares,
    counted_at,
    layer_told,
    missing_rates,
    need_of,
)
from planning.bridge.standard_rows import freeze_standards
from planning.bridge.templates import worked_out
from planning.choices import Driver, Extent, PeopleGroup, ScenarioTemplate
from planning.models import HazardLayer, PopulationLayer, Scenario, StandardProfile
from planning.services.runs import default_profile
from planning.services.scenario_fields import DEFAULTS, LISTS, check_fields, document_of, records_of
from planning.services.snapshots import take_snapshot

ENDS = ("low", "mid", "high")
# Numbers that move the people of the chain, not the units each of them needs.
_MOVED = {*(f"{name}_share" for name in CHAIN), "zone_rates", "model"}
# Not asked of a scenario whose people are only being counted.
_NOT_YET = {"name_missing", "hazard_missing", "services_missing", "times_missing", "areas_missing", "layer_missing", "drawn_missing"}  # fmt: skip


@dataclass
class Preview:
    """Numbers are people (not rounded) and units of services (whole). `chains`: one for each time of day the city knows.

    inside: everybody on the ground; groups: those of them that the layer tells apart; affected, displaced, seeking: {"low", "mid", "high"}, None where a rate is missing.
    """

    city: City
    document: dict[str, Any]
    chains: list[dict[str, Any]] = field(default_factory=list)
    districts: list[dict[str, Any]] = field(default_factory=list)
    need: list[dict[str, Any]] = field(default_factory=list)
    cells: int = 0
    problems: list[Problem] = field(default_factory=list)
    profile: StandardProfile | None = None
    # Only some of the city's areas are counted: those the person may see.
    partly: bool = False
    # The document with the numbers its template works out; as written until there is ground.
    worked: dict[str, Any] = field(default_factory=dict)
    # Links of the chain that the standards of its services count; the others may stay without a rate.
    wanted: set[str] = field(default_factory=lambda: set(CHAIN))

    @property
    def people(self) -> float:
        """The most people inside at any time of day."""
        return max((row["inside"] for row in self.chains), default=0.0)

    def as_dict(self) -> dict[str, Any]:
        return {
            "city": self.city.code,
            "people": self.people,
            "cells": self.cells,
            "chains": self.chains,
            "districts": self.districts,
            "profile": self.profile.code if self.profile else None,
            "need": self.need,
            "problems": [problem.as_dict() for problem in self.problems],
        }


def preview_told(*, user: Any, city: City, told: dict[str, Any], profile: StandardProfile | None = None) -> Preview:  # fmt: skip
    """The preview of a scenario that is being written, from codes and references; what is not told takes its default.
    What is wrong with it is told beside the numbers that can be told all the same."""
    if user is not None:
        policies.demand(user, "scenario.edit", city)
    problems = Problems()
    values = DEFAULTS | {name: [] for name in LISTS} | records_of(city=city, told=told, problems=problems)
    values = check_fields(city=city, values=values, problems=problems)
    found = preview(city=city, document=document_of(values), profile=profile)
    known = {(one.column, one.code) for one in problems}
    outside = any(code == "drawn_outside" for _column, code in known)
    more = [one for one in found.problems if not outside and (one.column, one.code) not in known]
    found.problems = [one for one in problems if one.code not in _NOT_YET] + more
    return found


def preview_scenario(*, user: Any, scenario: Scenario, profile: StandardProfile | None = None) -> Preview:
    """The same for a stored scenario: of the people in the areas that the person may see. `user` None: a command."""
    document = scenario_document(scenario) | {"times_of_day": list(scenario.times_of_day)}
    paths = None
    if user is not None and not policies.sees_whole_city(user, scenario.city_id):
        paths = policies.visible_paths(user, scenario.city_id)
    return preview(city=scenario.city, document=document, profile=profile, paths=paths)


def preview(
    *,
    city: City,
    document: dict[str, Any],
    profile: StandardProfile | None = None,
    paths: list[str] | None = None,
) -> Preview:
    """The preview of a document. No rights are asked: callers do. `paths`: only areas below these are counted."""
    found = Preview(city, document, partly=paths is not None)
    if not document_has_ground(document):
        return found
    frozen = frozen_for(city, document)
    if document["extent"] == Extent.ZONES and document["hazard_layer"] not in frozen.meta["zones"]:
        return found
    document = with_present(document, frozen)
    found.problems += model_problems(document)
    ends = {end: _worked_out(at_end(document, end)) for end in ENDS}
    shares = {end: Shares(frozen, one) for end, one in ends.items()}
    if paths is not None:
        counted = _cells_below(frozen, city, paths)
        for one in shares.values():
            one.inside = one.inside & counted
    document = found.worked = ends["mid"]
    found.cells = int(shares["mid"].inside.sum())
    by_district: dict[str, dict[str, float]] = {}
    for time in TimeOfDay.values:
        told = layer_told(frozen.meta, *counted_at(document, Driver.PRESENT, time))
        if told is None:
            continue
        people = frozen.people(*counted_at(document, Driver.PRESENT, time))
        groups = {
            group: float(part[shares["mid"].inside].sum())
            for group in PeopleGroup.values
            if (part := frozen.group(group, *counted_at(document, Driver.PRESENT, time))) is not None
        }
        found.chains.append(_chain(time, told["code"], people, shares) | {"groups": groups})
        sums = area_sums(frozen, people * shares["mid"].inside)
        level = np.asarray(frozen["area_level"])
        for place in np.flatnonzero((level == AreaLevel.DISTRICT) & (sums > 0)):
            by_district.setdefault(frozen.meta["areas"][place], {})[time] = float(sums[place])
    named = Area.objects.filter(city=city, code__in=by_district).order_by("path")
    found.districts = [
        {"code": area.code, "name": area.name, "name_en": area.name_en, "inside": by_district[area.code]}
        for area in named
    ]
    if found.chains and not found.people and paths is None:
        text = _("Nobody is inside: 0 of the %(people)s people of the city.")
        whole = max(float(frozen.people(*counted_at(document, Driver.PRESENT, row["time_of_day"])).sum()) for row in found.chains)  # fmt: skip
        found.problems.append(_problem("nobody_inside", text, people=f"{round(whole):,}"))
    _add_need(found, frozen, document, shares["mid"], profile)
    _warn_of_sources(found)
    return found


def _cells_below(frozen: Frozen, city: City, paths: list[str]) -> np.ndarray:
    """(n,) cells of the areas below any of the paths."""
    below = Q(pk__in=[])
    for path in paths:
        below |= Q(path__startswith=path)
    codes = Area.objects.filter(below, city=city).values_list("code", flat=True)
    return frozen.cells_in(frozen.areas_below(list(codes)))


def _warn_of_sources(found: Preview) -> None:
    """A rate that nobody can trace is a warning: neither it nor the scenario as a whole names a source."""
    facts = found.document.get("rate_facts") or {}
    rates = [place for place, value in rates_of(found) if value is not None]
    lacking = [place for place in rates if not (facts.get(place) or {}).get("source")]
    if lacking and not found.document.get("rate_source"):
        text = _("%(count)d of %(all)d rates name no source. Give one for each, or one for the scenario.")
        found.problems.append(
            _problem(
                "source_missing",
                text,
                column="rate_source",
                severity=WARNING,
                count=len(lacking),
                all=len(rates),
            )
        )


def document_has_ground(document: dict[str, Any]) -> bool:
    """Does the document say where? Until then there is nobody to count."""
    wanted = {Extent.AREAS: "areas", Extent.ZONES: "hazard_layer", Extent.DRAWN: "drawn"}
    name = wanted.get(document["extent"]) if document["extent"] in Extent.values else "extent"
    return name is None or (bool(document.get(name)) and name != "extent")


def frozen_for(city: City, document: dict[str, Any]) -> Frozen:
    """The newest snapshot of the city; a new one where people or the hazard layer are others than the newest knows."""
    frozen = latest_frozen(city)
    if frozen is not None:
        layers = PopulationLayer.objects.filter(city=city)
        known = {time: told["id"] for time, told in frozen.meta["layers"].items()}
        same = dict(layers.filter(current=True).values_list("time_of_day", "id")) == known
        codes = document.get("population_layers") or {}
        same &= all(layer_told(frozen.meta, time, code) is not None for time, code in codes.items() if code)
        if code := document.get("hazard_layer"):
            now = HazardLayer.objects.filter(city=city, code=code).values_list("id", flat=True).first()
            same &= (frozen.meta["zones"].get(code) or {}).get("id") == now
        if same:
            return frozen
    return load_frozen(take_snapshot(city=city))


def model_problems(document: dict[str, Any]) -> list[Problem]:
    """What keeps the template from working out its numbers; empty where it can, or where they are set by hand."""
    try:
        worked_out(document)
    except InvalidInput as error:
        return list(error.problems)
    except DomainError as error:
        return [Problem(error.code, error.message)]
    return []


def _worked_out(document: dict[str, Any]) -> dict[str, Any]:
    """With the rates of the template; as written where its inputs cannot be used yet: the people inside can be told."""
    try:
        return worked_out(document)
    except DomainError:
        return document | {"template": ScenarioTemplate.CUSTOM}


def at_end(document: dict[str, Any], end: str) -> dict[str, Any]:
    """The document with every share at the low or the high end of its range; without a range the share itself."""
    facts = document.get("rate_facts") or {}
    if end == "mid" or not facts:
        return document
    for place, fact in facts.items():
        if (
            place.split(".")[0] in _MOVED
            and fact.get(end) is not None
            and number_at(document, place) is not None
        ):
            document = with_number(document, place, fact[end])
    return document


def _chain(time: str, layer: str, people: np.ndarray, shares: dict[str, Shares]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "time_of_day": time,
        "layer": layer,
        "inside": float(people[shares["mid"].inside].sum()),
    }
    ends: dict[str, dict[str, float | None]] = {name: {} for name in CHAIN}
    for end, one in shares.items():
        left = people * one.inside
        for name in CHAIN:
            left = left * getattr(one, name)
            total = float(left[one.inside].sum())
            ends[name][end] = None if np.isnan(total) else total
    return found | {name: None if row["mid"] is None else row for name, row in ends.items()}


def _add_need(
    found: Preview,
    frozen: Frozen,
    document: dict[str, Any],
    shares: Shares,
    profile: StandardProfile | None,
) -> None:
    """Need by service and time of day under the default standards, each with what keeps it from being told."""
    if not document["services"]:
        return
    found.profile = profile or default_profile()
    standards = freeze_standards(found.profile, document, found.city)
    if standards:
        found.wanted = {name for row in standards for name in RATES_OF_DRIVER.get(Driver(row["driver"]), ())}
    times = document.get("times_of_day") or [row["time_of_day"] for row in found.chains]
    for standard in standards:
        row: dict[str, Any] = {"service": standard["service"], "unit": standard["unit"], "certainty": standard["ratio_certainty"], "driver": standard["driver"], "by_time": {}, "missing": []}  # fmt: skip
        alone = document | {"services": [standard["service"]], "road_rules": []}
        for time in times:
            missing = missing_rates(alone, [standard], frozen.meta, time)
            row["missing"] += [one["message"] for one in missing if one["message"] not in row["missing"]]
            row["by_time"][time] = None if missing else int(need_of(frozen, shares, document, standard, time).sum())  # fmt: skip
        found.need.append(row)
    having = {row["service"] for row in standards}
    for service in document["services"]:
        if service not in having:
            missing = missing_rates(document | {"services": [service], "road_rules": []}, [], frozen.meta, "")
            words = [one["message"] for one in missing if one["what"] == service]
            found.need.append({"service": service, "unit": "", "certainty": "", "driver": "", "by_time": dict.fromkeys(times), "missing": words})  # fmt: skip


def _problem(code: str, text: Any, **params: Any) -> Problem:
    collected = Problems()
    collected.add(code, text, **params)
    return next(iter(collected))


def people_inside(*, user: Any, scenarios: list[Scenario]) -> dict[int, float | None]:
    """{scenario id: the most people inside at any of its times of day} for a list; kept until scenario or snapshot change.
    None: nothing can be counted, or the person may not see the whole city. `user` None: a command."""
    found: dict[int, float | None] = {}
    if user is not None:
        scenarios = [one for one in scenarios if policies.sees_whole_city(user, one.city_id)]
    frozen: dict[int, Frozen | None] = {}
    for scenario in scenarios:
        if scenario.city_id not in frozen:
            frozen[scenario.city_id] = latest_frozen(scenario.city)
        snapshot = frozen[scenario.city_id]
        if snapshot is None:
            found[scenario.pk] = None
            continue
        key = f"people-inside:{scenario.pk}:{scenario.version}:{snapshot.folder.rsplit('/', 1)[-1][:24]}"
        kept = cache.get(key, _UNCOUNTED)
        if kept == _UNCOUNTED:
            kept = _inside(scenario_document(scenario), snapshot, scenario.times_of_day)
            cache.set(key, kept, 24 * 3600)
        found[scenario.pk] = kept
    return found


_UNCOUNTED = "uncounted"


def _inside(document: dict[str, Any], frozen: Frozen, times: list[str]) -> float | None:
    if not document_has_ground(document):
        return None
    if document["extent"] == Extent.ZONES and document["hazard_layer"] not in frozen.meta["zones"]:
        return None
    inside = Shares(frozen, _worked_out(document)).inside
    counts = [
        float(frozen.people(*at)[inside].sum())
        for time in times
        if layer_told(frozen.meta, *(at := counted_at(document, Driver.PRESENT, time))) is not None
    ]
    return max(counts) if counts else None


def rates_of(found: Preview) -> list[tuple[str, float | None]]:
    """Every rate of the chain that a run would use, by place, after the template has worked out its own: by class where
    zones count, then those of the whole; a missing one is None."""
    told = found.worked or found.document
    listed: list[tuple[str, float | None]] = []
    rows = told["zone_rates"] if told["extent"] == Extent.ZONES else {}
    for klass, row in rows.items():
        listed += [(f"zone_rates.{klass}.{name}", row[name]) for name in CHAIN if row.get(name) is not None]
    for name in CHAIN:
        whole = told.get(f"{name}_share")
        if whole is not None or not rows or any(row.get(name) is None for row in rows.values()):
            listed.append((f"{name}_share", whole))
    return listed
