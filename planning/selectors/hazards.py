"""Reads hazard layers: their classes, who and what lies inside each class, and which scenarios stand on them."""

from __future__ import annotations

import hashlib
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import QuerySet

from core import policies
from core.choices import AreaLevel, TimeOfDay
from core.models import City
from core.selectors.tiles import city_version
from facilities.selectors.tiles import rights_sql
from planning.models import HazardLayer, HazardZone, PopulationLayer, Scenario

KEPT_SECONDS = 24 * 3600
# the kind of road rule that names a class (planning.importers.road_rules)
ZONE_RULE = "zone"


def layers_visible_to(user: Any, city: City | None = None) -> QuerySet[HazardLayer]:
    """Layers of the cities that somebody has a role in."""
    rows = HazardLayer.objects.filter(city__in=City.objects.filter(policies.visible_cities(user)))
    if city is not None:
        rows = rows.filter(city=city)
    return rows.select_related("city", "layer", "created_by").order_by("code")


def ground_key(layer: HazardLayer) -> str:
    """Changes with the ground of a layer."""
    return str(layer.facts.get("sha256") or (layer.layer.sha256 if layer.layer else ""))


def classes_of(layer: HazardLayer) -> list[dict[str, Any]]:
    """One row a class, hardest first: {"klass", "severity", "from", "to", "area_m2"}. "from" and "to" only of a raster."""
    told = {row["klass"]: row for row in layer.facts.get("classes", [])}
    if not told:
        # a layer of before its ground was counted at import
        with connection.cursor() as cursor:
            cursor.execute(
                "select klass, max(severity), sum(st_area(geometry::geography)) from planning_hazardzone"
                " where layer_id = %s group by klass",
                [layer.pk],
            )
            told = {
                klass: {"klass": klass, "severity": severity, "area_m2": area}
                for klass, severity, area in cursor.fetchall()
            }
    ends = [one["from"] for one in layer.cut_offs[1:]] + [None]
    reach = {one["klass"]: (one["from"], end) for one, end in zip(layer.cut_offs, ends, strict=False)}
    rows = []
    for row in sorted(told.values(), key=lambda row: (-row["severity"], str(row["klass"]))):
        start, end = reach.get(row["klass"], (None, None))
        rows.append(row | {"from": start, "to": end})
    return rows


_INSIDE = """
    with parts as materialized (
        select severity, klass, st_subdivide(geometry, 128) ground from planning_hazardzone where layer_id = %(layer)s)
"""
# As a run counts them (`planning.bridge.freeze`): the cell's point decides, and the highest severity wins.
_PEOPLE = (
    _INSIDE
    + """, hit as materialized (
        select distinct on (c.id) c.id, c.area_id, p.klass from parts p
        join planning_demandcell c on c.city_id = %(city)s and st_covers(p.ground, c.point)
        order by c.id, p.severity desc, p.klass collate "C")
    select hit.klass, l.time_of_day, d.code, sum(n.people)
    from hit
    join planning_cellpopulation n on n.cell_id = hit.id and n.layer_id = any(%(layers)s)
    join planning_populationlayer l on l.id = n.layer_id
    left join core_area a on a.id = hit.area_id
    left join core_area d on d.city_id = %(city)s and d.level = %(district)s and starts_with(a.path, d.path)
    where {rights}
    group by 1, 2, 3"""
)


def _own_paths(user: Any, layer: HazardLayer) -> list[str] | None:
    """None for who may see the whole city: they all share one answer."""
    if user is None or policies.sees_whole_city(user, layer.city_id):
        return None
    return policies.visible_paths(user, layer.city_id)


def people_inside(user: Any, layer: HazardLayer) -> list[dict[str, Any]]:
    """People in each class by time of day and district, of the population layers in use and the areas the person sees:
    [{"klass", "time_of_day", "district", "people"}]; district "" where a cell lies in none. Kept until something changes."""
    city = layer.city
    paths = _own_paths(user, layer)
    used = list(PopulationLayer.objects.filter(city=city, current=True).order_by("id"))
    told = repr((
        city_version(city), layer.pk, ground_key(layer), paths,
        [(one.pk, one.people, one.cells, one.facts.get("sha256", "")) for one in used],
    ))  # fmt: skip
    name = "hazard-people:" + hashlib.sha256(told.encode()).hexdigest()
    kept = cache.get(name)
    if kept is None:
        rights, more = rights_sql(paths)
        asked = {
            "layer": layer.pk, "city": city.pk, "layers": [one.pk for one in used], "district": AreaLevel.DISTRICT, **more
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(_PEOPLE.format(rights=rights), asked)
            kept = [
                {"klass": klass, "time_of_day": time, "district": district or "", "people": float(people)}
                for klass, time, district, people in cursor.fetchall()
            ]
        kept.sort(key=lambda row: (row["klass"], row["time_of_day"], row["district"]))
        cache.set(name, kept, KEPT_SECONDS)
    return kept


def people_by_class(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Class -> time of day -> people."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        times = found.setdefault(row["klass"], {})
        times[row["time_of_day"]] = times.get(row["time_of_day"], 0.0) + row["people"]
    return found


def people_at(rows: list[dict[str, Any]], time_of_day: str = TimeOfDay.NIGHT) -> float:
    """People in all classes at one time of day."""
    return sum(row["people"] for row in rows if row["time_of_day"] == time_of_day)


_PLACES = (
    _INSIDE
    + """, hit as (
        select 'facility' kind, f.ref, f.name, f.name_en, f.area_id, p.severity, p.klass
        from parts p join facilities_facility f on f.city_id = %(city)s and st_covers(p.ground, f.point)
        where f.status <> 'closed'
        union all
        select 'idle_asset', i.ref, i.name, i.name_en, i.area_id, p.severity, p.klass
        from parts p join inventory_idleasset i on i.city_id = %(city)s and st_covers(p.ground, i.point)),
    worst as (select distinct on (kind, ref) * from hit order by kind, ref, severity desc, klass collate "C")
    select w.kind, w.klass, w.severity, w.ref, w.name, w.name_en, a.name, a.name_en
    from worst w left join core_area a on a.id = w.area_id
    where {rights} order by w.severity desc, w.klass, w.kind, w.ref"""
)


def places_inside(user: Any, layer: HazardLayer) -> list[dict[str, Any]]:
    """Facilities (not the closed ones) and idle assets inside, hardest hit first, of the areas the person sees:
    [{"kind": "facility" | "idle_asset", "klass", "severity", "ref", "name", "name_en", "area"}], the
    area with name and name_en."""
    rights, more = rights_sql(_own_paths(user, layer))
    with connection.cursor() as cursor:
        cursor.execute(_PLACES.format(rights=rights), {"layer": layer.pk, "city": layer.city_id, **more})
        return [
            {
                "kind": kind, "klass": klass, "severity": severity, "ref": ref, "name": name, "name_en": name_en,
                "area": {"name": area or "", "name_en": area_en or ""},
            }
            for kind, klass, severity, ref, name, name_en, area, area_en in cursor.fetchall()
        ]  # fmt: skip


def places_by_class(rows: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    """(class, kind) -> how many."""
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row["klass"], row["kind"])
        found[key] = found.get(key, 0) + 1
    return found


def scenarios_on(layer: HazardLayer) -> list[Scenario]:
    """Scenarios that stand on a layer: by their own ground, or by a road rule that names it."""
    named = [{"kind": ZONE_RULE, "hazard_layer": layer.code}]
    own = Scenario.objects.filter(city=layer.city_id, hazard_layer=layer)
    by_rule = Scenario.objects.filter(city=layer.city_id, road_rules__contains=named)
    return list((own | by_rule).distinct().order_by("ref"))


def classes_used(layer: HazardLayer) -> dict[str, list[Scenario]]:
    """Class -> the scenarios whose rates or road rules name it."""
    found: dict[str, list[Scenario]] = {}
    for scenario in scenarios_on(layer):
        own = scenario.hazard_layer_id == layer.pk
        names = set(scenario.zone_rates) if own else set()
        for rule in scenario.road_rules:
            of_layer = rule.get("hazard_layer") or (layer.code if own else "")
            if rule.get("kind") == ZONE_RULE and of_layer == layer.code and rule.get("zone_class") != "*":
                names.add(str(rule["zone_class"]))
        for name in names:
            found.setdefault(name, []).append(scenario)
    return found


def scenarios_by_layer(city: City) -> dict[int, int]:
    """Layer id -> how many scenarios stand on it, for the list."""
    layers = {layer.code: layer.pk for layer in HazardLayer.objects.filter(city=city)}
    found: dict[int, set[int]] = {}
    rows = Scenario.objects.filter(city=city).values_list("pk", "hazard_layer_id", "road_rules")
    for scenario, own, rules in rows:
        used = {own} | {layers.get(rule.get("hazard_layer") or "") for rule in rules}
        for layer in used - {None}:
            found.setdefault(layer, set()).add(scenario)
    return {layer: len(scenarios) for layer, scenarios in found.items()}


def class_names(layers: list[HazardLayer]) -> dict[int, list[str]]:
    """Layer id -> its classes, hardest first; one statement for a whole list."""
    rows = (
        HazardZone.objects.filter(layer__in=layers).values_list("layer_id", "klass", "severity").distinct()
        .order_by("layer_id", "-severity", "klass")
    )  # fmt: skip
    found: dict[int, list[str]] = {}
    for layer, klass, _severity in rows:
        names = found.setdefault(layer, [])
        if klass not in names:
            names.append(klass)
    return found
