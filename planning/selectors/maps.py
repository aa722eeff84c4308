"""What the map page shows for the settings in its address."""

from dataclasses import dataclass, field
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Q

from core import policies
from core.choices import AreaLevel
from core.models import Area, City
from facilities.models import ServiceType
from planning.models import (
    CellPopulation,
    DemandCell,
    Run,
    Scenario,
    Standard,
    StandardProfile,
)
from planning.selectors import gaps
from planning.selectors.population import layer_in_use
from planning.selectors.standards import profiles_on_offer, standard_for

LABELS_AT_MOST = 600


@dataclass
class MapState:
    """Settings in view and the run that answers them; `run` is None until one was finished."""

    city: City
    scenarios: list[Scenario]
    profiles: list[StandardProfile]
    scenario: Scenario | None = None
    profile: StandardProfile | None = None
    run: Run | None = None
    services: list[ServiceType] = field(default_factory=list)
    service: ServiceType | None = None
    standard: Standard | None = None
    siblings: dict[str, Run] = field(default_factory=dict)


def map_state(
    *, user: Any, city: City, run_ref: str = "", scenario_ref: str = "", service_code: str = ""
) -> MapState:
    """The run asked for, else the newest of the scenario asked for, else the main one."""
    state = MapState(
        city=city,
        scenarios=list(Scenario.objects.filter(city=city).order_by("ref")),
        profiles=list(profiles_on_offer(city)),
    )
    runs = gaps.baseline_runs(user=user, city=city)
    asked = next((one for one in state.scenarios if one.ref == scenario_ref), None)
    if run_ref:
        state.run = gaps.registry_runs(user=user, city=city).filter(ref=run_ref).first()
    if state.run is None:
        state.run = runs.filter(scenario=asked).first() if asked else gaps.main_run(user=user, city=city)
    if state.run is not None:
        state.scenario, state.profile = state.run.scenario, state.run.profile
        # A run may rest on a draft that is tried out, or on what is retired since.
        if state.profile not in state.profiles:
            state.profiles.insert(0, state.profile)
        state.services = gaps.services_of(state.run)
        for time_of_day in state.scenario.times_of_day:
            sibling = gaps.same_run_at(state.run, time_of_day, user=user)
            if sibling is not None:
                state.siblings[time_of_day] = sibling
    else:
        state.scenario = asked or (state.scenarios[0] if state.scenarios else None)
        state.profile = state.profiles[0] if state.profiles else None
    if not state.services and state.scenario is not None:
        state.services = list(state.scenario.services.all())
    state.service = next((one for one in state.services if one.code == service_code), None) or next(
        iter(state.services), None
    )
    if state.profile is not None and state.service is not None:
        state.standard = standard_for(state.profile, state.service)
    return state


def _version(city: City) -> str:
    """Changes whenever a pack is loaded."""
    return f"{city.pk}-{city.loaded_at.timestamp() if city.loaded_at else 0}"


def area_labels(*, user: Any, city: City, english: bool) -> list[dict[str, Any]]:
    """Names and label points of the areas a person may see, the widest areas first."""
    key = f"labels:{_version(city)}:{english:d}:{user.pk}"
    labels = cache.get(key)
    if labels is None:
        areas = Area.objects.filter(city=city, level__gt=AreaLevel.CITY, level__lte=AreaLevel.STREET)
        areas = areas.filter(policies.visible_areas(user)).order_by("level", "path")[:LABELS_AT_MOST]
        labels = [
            {
                "name": (area.name_en or area.name) if english else area.name,
                "code": area.code,
                "level": area.level,
                "lon": round(area.label_point.x, 5),
                "lat": round(area.label_point.y, 5),
            }
            for area in areas.only("name", "name_en", "code", "level", "label_point")
        ]
        cache.set(key, labels, 300)
    return labels


def bounds_of(city: City) -> list[list[float]]:
    """[[west, south], [east, north]] of the city's extent."""
    if city.bounds is None:
        return [[73.0, 18.0], [135.0, 54.0]]
    west, south, east, north = city.bounds.extent
    return [[west, south], [east, north]]


def levels_shown(levels: dict[int, int]) -> list[int]:
    """Levels that have a tab of their own: districts first, then the finest that is still a table one can read."""
    return [level for level, count in sorted(levels.items()) if count <= 5000]


def empty_cells(city: City, time_of_day: str) -> dict[str, int]:
    """Cells where the layer says that nobody is, cells it says nothing about (two different things), and the others."""
    layer = layer_in_use(city, time_of_day)
    key = f"empty-cells:{_version(city)}:{time_of_day}:{layer.pk if layer else ''}"
    counts = cache.get(key)
    if counts is None:
        cells = DemandCell.objects.filter(city=city).count()
        held = CellPopulation.objects.filter(layer=layer).aggregate(
            rows=Count("pk"), nobody=Count("pk", filter=Q(people__lte=0))
        )
        counts = {
            "nobody": held["nobody"],
            "no_data": max(cells - held["rows"], 0),
            "peopled": held["rows"] - held["nobody"],
        }
        cache.set(key, counts, 600)
    return counts
