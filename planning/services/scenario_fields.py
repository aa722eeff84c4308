"""What a scenario says, field by field: codes as records of the city, and everything that is wrong with it at once."""

from __future__ import annotations

import json
from typing import Any

import shapely
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from django.utils.translation import gettext_lazy as _

from core.choices import AreaLevel, Certainty, TimeOfDay
from core.errors import DomainError, InvalidInput
from core.models import Area, City
from core.services.geometry import checked_geometry
from facilities.choices import Hazard
from facilities.importers.problems import Problems
from facilities.models import Facility, ServiceType
from planning.bridge.scenario_document import SAID
from planning.bridge.scenario_rules import check_scenario
from planning.choices import Extent, ScenarioTemplate
from planning.models import HazardLayer, HazardZone, PopulationLayer, Scenario
from planning.services.road_rules import checked_road_rules

# Every field that a person may write, and what it is when nobody says.
DEFAULTS: dict[str, Any] = {
    "name": "", "name_en": "", "hazard": "", "template": ScenarioTemplate.CUSTOM, "model": {}, "extent": Extent.EVERYWHERE,
    "hazard_layer": None, "drawn": None, "affected_share": None, "displaced_share": None, "seeking_share": None, "zone_rates": {},
    "rate_source": "", "rate_certainty": Certainty.D, "rate_facts": {}, "population_layers": {}, "duration_hours": None,
    "stay_shares": {}, "multipliers": {}, "ratio_overrides": {}, "times_of_day": [], "close_inside_zone": True,
    "close_from_severity": None, "road_rules": [], "notes": "",
}  # fmt: skip
LISTS = ("services", "areas", "closed_facilities")
FIELDS = tuple(DEFAULTS)
# A value that no scenario can hold, whatever else it says; the rest depends on the other fields.
MALFORMED = {
    "choice_unknown", "code_unknown", "key_unknown", "share_invalid", "number_invalid", "ratio_invalid", "hours_invalid",
    "severity_invalid", "not_an_object", "shape_invalid", "geometry_invalid", "text_too_long",
}  # fmt: skip
_UNKNOWN = _('"%(cell)s" is not one of: %(known)s.')
_MOST_KNOWN = 20


def values_of(scenario: Scenario) -> dict[str, Any]:
    """A stored scenario as field values; lists of records as lists."""
    return {name: getattr(scenario, name) for name in FIELDS} | {
        name: list(getattr(scenario, name).all()) for name in LISTS
    }


def document_of(values: dict[str, Any], ref: str = "") -> dict[str, Any]:
    """The document of a scenario that is not stored, as `planning.bridge.scenario_document` writes it, with its times."""
    layer = values["hazard_layer"]
    told = {
        "ref": ref,
        "areas": sorted(area.code for area in values["areas"]),
        "hazard_layer": layer.code if layer else None,
        "services": [row.code for row in sorted(values["services"], key=lambda row: (row.sort_order, row.code))],
        "closed_facilities": sorted(place.pk for place in values["closed_facilities"]),
        "times_of_day": list(values["times_of_day"]),
    }  # fmt: skip
    plain = set(FIELDS) - {"hazard_layer", "drawn", "times_of_day", "notes", *SAID}
    told |= {name: values[name] for name in plain}
    told |= {
        name: values[name] for name in SAID if values[name] not in (None, "", [], {}, ScenarioTemplate.CUSTOM)
    }
    if values["drawn"] is not None:
        told["drawn"] = json.loads(values["drawn"].json)
    return told


def records_of(*, city: City, told: dict[str, Any], problems: Problems) -> dict[str, Any]:
    """Field values from codes and references: areas, services, hazard layer, closed facilities, drawn ground as GeoJSON.
    What is not told stays untold; what the city does not have goes to `problems`."""
    values = {name: value for name, value in told.items() if name in DEFAULTS}
    for name in sorted(set(told) - {*DEFAULTS, *LISTS}):
        problems.add("key_unknown", _("%(words)s cannot be changed."), column=name, words=name, cell=name)
    rows: dict[str, tuple[Any, str]] = {
        "services": (ServiceType.objects.all(), "code"),
        "areas": (Area.objects.filter(city=city), "code"),
        "closed_facilities": (Facility.objects.filter(city=city), "ref"),
    }
    for name, (known, key) in rows.items():
        if name not in told:
            continue
        wanted = told[name]
        if not isinstance(wanted, list | tuple) or any(not isinstance(one, str) for one in wanted):
            problems.add("shape_invalid", _("Give a list of codes."), column=name)
            continue
        found = {getattr(row, key): row for row in known.filter(**{f"{key}__in": wanted})}
        for code in dict.fromkeys(wanted):
            if code not in found:
                problems.add("code_unknown", _('The city has no "%(cell)s".'), column=name, cell=code)
        values[name] = [found[code] for code in dict.fromkeys(wanted) if code in found]
    if told.get("hazard_layer"):
        layer = HazardLayer.objects.filter(city=city, code=str(told["hazard_layer"])).first()
        if layer is None:
            codes = HazardLayer.objects.filter(city=city).values_list("code", flat=True)
            known_codes = ", ".join(codes[:_MOST_KNOWN])
            problems.add("code_unknown", _UNKNOWN, column="hazard_layer", cell=told["hazard_layer"], known=known_codes)  # fmt: skip
        values["hazard_layer"] = layer
    elif "hazard_layer" in told:
        values["hazard_layer"] = None
    if "drawn" in told:
        values["drawn"] = read_drawn(told["drawn"], problems)
    return values


def read_drawn(drawn: Any, problems: Problems) -> MultiPolygon | None:
    """Drawn ground as one MultiPolygon: from a GeoJSON geometry, feature or collection, text of it, or a stored one.
    Parts that overlap are joined, so that nobody is counted twice."""
    if drawn in (None, "", {}):
        return None
    try:
        if isinstance(drawn, str):
            drawn = json.loads(drawn)
        parts = [drawn]
        if isinstance(drawn, dict) and drawn.get("type") == "FeatureCollection":
            parts = [feature.get("geometry") for feature in drawn.get("features") or []]
        elif isinstance(drawn, dict) and drawn.get("type") == "Feature":
            parts = [drawn.get("geometry")]
        if not parts:
            problems.add("geometry_invalid", _("The drawing is empty."), column="drawn")
            return None
        grounds = [checked_geometry(part, kinds=("MultiPolygon",)) for part in parts]
    except (ValueError, AttributeError):
        problems.add("geometry_invalid", _("The drawing cannot be read: it is not GeoJSON."), column="drawn")
        return None
    except DomainError as error:
        problems.add("geometry_invalid", error.message, column="drawn")
        return None
    joined = shapely.union_all([shapely.force_2d(shapely.from_wkb(bytes(ground.wkb))) for ground in grounds])
    shape = GEOSGeometry(memoryview(shapely.to_wkb(joined)), srid=4326)
    return shape if isinstance(shape, MultiPolygon) else MultiPolygon(shape, srid=4326)


def check_fields(*, city: City, values: dict[str, Any], problems: Problems) -> dict[str, Any]:
    """The values in one spelling; everything that is wrong with them goes to `problems` by field."""
    values = values | {
        "name": str(values["name"] or "").strip(),
        "name_en": str(values["name_en"] or "").strip(),
    }
    if not values["name"]:
        problems.add("name_missing", _("Give the scenario a name."), column="name")
    for name, longest in (("name", 120), ("name_en", 120), ("rate_source", 300), ("notes", 5000)):
        if len(str(values[name] or "")) > longest:
            text = _("The text is longer than %(longest)d characters.")
            problems.add("text_too_long", text, column=name, longest=longest)
    if not values["services"]:
        problems.add("services_missing", _("Choose at least one service."), column="services")
    layer = values["hazard_layer"]
    classes: list[str] | None = None
    if layer is not None:
        if layer.city_id != city.pk:
            text = _("Areas and hazard layers must belong to the same city.")
            problems.add("other_city", text, column="hazard_layer")
        classes = sorted(set(HazardZone.objects.filter(layer=layer).values_list("klass", flat=True)))
    told = document_of(values)
    told["rate_facts"] = values["rate_facts"]
    check_scenario(told, problems, classes=classes if values["extent"] == Extent.ZONES else None)
    _check_choices(city, values, problems)
    _check_ground(city, values, problems)
    if any(place.city_id != city.pk for place in values["closed_facilities"]):
        text = _("Closed facilities must belong to the same city.")
        problems.add("other_city", text, column="closed_facilities")
    try:
        values["road_rules"] = checked_road_rules(values["road_rules"], city=city, hazard_layer=layer)
    except InvalidInput as error:
        for problem in error.problems:
            problems.add(problem.code, problem.message, column=problem.column, value=problem.value)
    values["times_of_day"] = list(dict.fromkeys(values["times_of_day"]))
    return values


def _check_choices(city: City, values: dict[str, Any], problems: Problems) -> None:
    """Closed lists, times of day, and the population layers that the city has for them."""
    lists = {"hazard": Hazard.values, "extent": Extent.values, "rate_certainty": Certainty.values}
    for name, known in lists.items():
        if name == "hazard" and not values[name]:
            problems.add("hazard_missing", _("Choose the hazard."), column="hazard")
        elif values[name] not in known:
            problems.add("choice_unknown", _UNKNOWN, column=name, cell=values[name], known=", ".join(known))
    if not values["times_of_day"]:
        problems.add("times_missing", _("Choose at least one time of day."), column="times_of_day")
    for time in values["times_of_day"]:
        if time not in TimeOfDay.values:
            known_times = ", ".join(TimeOfDay.values)
            problems.add("choice_unknown", _UNKNOWN, column="times_of_day", cell=time, known=known_times)
    wanted = values["population_layers"] if isinstance(values["population_layers"], dict) else {}
    if not wanted:
        return
    layers = PopulationLayer.objects.filter(city=city).values_list("time_of_day", "code")
    held = {time: sorted(code for at, code in layers if at == time) for time in TimeOfDay.values}
    for time, code in wanted.items():
        if time in held and code not in held[time]:
            text = _('The city has no population layer "%(cell)s" for this time of day, only: %(known)s.')
            problems.add("code_unknown", text, column=f"population_layers.{time}", cell=code, known=", ".join(held[time]) or "—")  # fmt: skip


def _check_ground(city: City, values: dict[str, Any], problems: Problems) -> None:
    extent, areas = values["extent"], values["areas"]
    if any(area.city_id != city.pk for area in areas):
        text = _("Areas and hazard layers must belong to the same city.")
        problems.add("other_city", text, column="areas")
    if extent == Extent.AREAS:
        if not areas:
            problems.add("areas_missing", _("Choose at least one area."), column="areas")
        for area in areas:
            if above := next((one for one in areas if one != area and area.path.startswith(one.path)), None):
                text = _("%(inner)s lies inside %(outer)s: choose one of them.")
                problems.add("areas_overlap", text, column="areas", inner=area.name, outer=above.name, cell=area.code)  # fmt: skip
    if extent == Extent.ZONES:
        if values["hazard_layer"] is None:
            text = _("Choose the hazard layer whose zones count.")
            problems.add("layer_missing", text, column="hazard_layer")
        elif not HazardZone.objects.filter(layer=values["hazard_layer"]).exists():
            problems.add("layer_empty", _("The hazard layer has no zones."), column="hazard_layer")
    if extent == Extent.DRAWN:
        if values["drawn"] is None:
            if not any(problem.column == "drawn" for problem in problems):
                problems.add("drawn_missing", _("Draw the ground on the map, or upload it."), column="drawn")
            return
        ground = Area.objects.filter(city=city, level=AreaLevel.CITY)
        whole = ground.filter(geometry__intersects=values["drawn"])
        if ground.exists() and not whole.exists():
            problems.add("drawn_outside", _("The drawing lies outside the city."), column="drawn")


def refusal(problems: Problems) -> InvalidInput:
    """What is wrong, as one answer: 400 where some value can be in no scenario, else 422."""
    error = InvalidInput(_("The scenario cannot be saved like this."), list(problems), code="bad-scenario")
    error.status = 400 if any(problem.code in MALFORMED for problem in error.problems) else 422
    return error
