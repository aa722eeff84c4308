"""Population layers to look at: who may see them, people by area, and how they stand against a census."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import QuerySet

from core import policies
from core.choices import AreaLevel
from core.models import Area, City
from core.selectors.tiles import city_version
from planning.choices import PeopleGroup
from planning.models import CensusTotal, PopulationLayer, Scenario

GROUPS = tuple(str(group) for group in PeopleGroup.values)


@dataclass
class PeopleOf:
    """People of a layer in an area, and those of each group that the layer tells apart."""

    people: float = 0.0
    groups: dict[str, float] = field(default_factory=dict)

    def add(self, other: PeopleOf) -> None:
        self.people += other.people
        for group, count in other.groups.items():
            self.groups[group] = self.groups.get(group, 0.0) + count


@dataclass
class ReconciledArea:
    """One line: an area (None: people outside every area of the census), the layer's people there, the census."""

    area: Area | None
    layer: PeopleOf
    census: int | None = None
    census_groups: dict[str, int] = field(default_factory=dict)

    @property
    def difference(self) -> float | None:
        return None if self.census is None else self.layer.people - self.census

    @property
    def share(self) -> float | None:
        """Difference as a share of the census; None where the census counts nobody."""
        return (self.layer.people - self.census) / self.census if self.census else None

    def as_dict(self) -> dict[str, Any]:
        area = self.area
        return {
            "area": area.code if area else "", "name": area.name if area else "", "name_en": area.name_en if area else "",
            "people": self.layer.people, "groups": self.layer.groups, "census": self.census,
            "census_groups": self.census_groups, "difference": self.difference, "share": self.share,
        }  # fmt: skip


@dataclass
class Reconciliation:
    """A layer held against a census. `compared`: all areas that the census names, together; `without_census`: lines of
    areas with people that it does not name; `city_total`: the census of the whole city where it is told by itself."""

    layer: PopulationLayer
    year: int
    source: str
    certainty: str
    rows: list[ReconciledArea]
    without_census: list[ReconciledArea]
    compared: ReconciledArea | None
    city_total: int | None
    whole_city: bool

    def as_dict(self) -> dict[str, Any]:
        return {
            "layer": self.layer.code, "year": self.year, "source": self.source, "certainty": self.certainty,
            "areas": [row.as_dict() for row in self.rows],
            "without_census": [row.as_dict() for row in self.without_census],
            "total": self.compared.as_dict() if self.compared else None,
            "city_census": self.city_total, "people": self.layer.people if self.whole_city else None,
        }  # fmt: skip


def layers_visible_to(user: Any, city: City | None = None) -> QuerySet[PopulationLayer]:
    layers = PopulationLayer.objects.select_related("city", "layer", "made_from", "created_by")
    if city is not None:
        layers = layers.filter(city=city)
    return layers.filter(city__in=City.objects.filter(policies.visible_cities(user)))


def layer_in_use(city: City, time_of_day: str = "") -> PopulationLayer | None:
    """The layer that runs take at a time of day; without one, that of the night or else any."""
    layers = PopulationLayer.objects.filter(city=city).order_by("-current", "-id")
    if time_of_day:
        return layers.filter(time_of_day=time_of_day).first()
    return layers.filter(time_of_day="night").first() or layers.first()


def census_years(city: City) -> list[int]:
    """Years with a census of the city, the newest first."""
    years = CensusTotal.objects.filter(city=city, group="").order_by("-year")
    return list(years.values_list("year", flat=True).distinct())


def census_told(city: City) -> list[dict[str, Any]]:
    """Each census of a city: year, areas with people, groups, source, certainty; the newest first."""
    found: dict[int, dict[str, Any]] = {}
    rows = CensusTotal.objects.filter(city=city).order_by("-year", "group")
    for year, group, people, source, certainty in rows.values_list(
        "year", "group", "people", "source", "certainty"
    ):
        told = found.setdefault(
            year,
            {"year": year, "areas": 0, "people": 0, "groups": [], "source": source, "certainty": certainty},
        )
        if not group:
            told["areas"] += 1
            told["people"] += people
        elif group not in told["groups"]:
            told["groups"].append(group)
    for told in found.values():
        told["groups"] = [PeopleGroup(group).label for group in GROUPS if group in told["groups"]]
    return list(found.values())


def scenarios_with(layer: PopulationLayer) -> list[Scenario]:
    """Scenarios that name this layer."""
    rows = Scenario.objects.filter(city_id=layer.city_id)
    return [row for row in rows if layer.code in (row.population_layers or {}).values()]


def people_by_area(layer: PopulationLayer) -> dict[int | None, PeopleOf]:
    """Area id -> people of the cells that lie in it and in no smaller area; None for cells outside every area. Summed once
    for a layer whose content has a hash."""
    if "sha256" not in layer.facts:
        return _sum_by_area(layer)
    key = f"people-by-area:{city_version(layer.city)}:{layer.pk}:{layer.facts['sha256']}"
    found = cache.get(key)
    if found is None:
        found = _sum_by_area(layer)
        cache.set(key, found, 24 * 3600)
    return found


def _sum_by_area(layer: PopulationLayer) -> dict[int | None, PeopleOf]:
    told = [group for group in GROUPS if group in layer.groups]
    sums = "".join(f", coalesce(sum(p.{group}), 0)" for group in told)
    with connection.cursor() as cursor:
        cursor.execute(
            f"select c.area_id, sum(p.people){sums} from planning_cellpopulation p"
            " join planning_demandcell c on c.id = p.cell_id where p.layer_id = %s group by c.area_id",
            [layer.pk],
        )
        rows = cursor.fetchall()
    return {
        area: PeopleOf(float(people), {group: float(one) for group, one in zip(told, parts, strict=True)})
        for area, people, *parts in rows
    }


def by_level(
    layer: PopulationLayer, level: int, user: Any = None
) -> tuple[list[tuple[Area, PeopleOf]], PeopleOf]:
    """People of the areas of a level that the person may see (`user` None: all), in the order of codes; and the people
    outside all of them."""
    areas = list(Area.objects.filter(city_id=layer.city_id).defer("geometry"))
    path_of = {area.pk: area.path for area in areas}
    chosen = sorted((area for area in areas if area.level == level), key=lambda area: area.code)
    sums = {area.pk: PeopleOf() for area in chosen}
    outside = PeopleOf()
    for area_id, people in people_by_area(layer).items():
        path = path_of.get(area_id, "") if area_id is not None else ""
        home = next((area.pk for area in chosen if path.startswith(area.path)), None)
        (outside if home is None else sums[home]).add(people)
    seen = _seen(layer.city, user)
    return [
        (area, sums[area.pk]) for area in chosen if seen is None or area.path.startswith(tuple(seen))
    ], outside


def _seen(city: City, user: Any) -> list[str] | None:
    return None if user is None else policies.visible_paths(user, city.pk)


def reconcile(layer: PopulationLayer, year: int, user: Any = None) -> Reconciliation | None:
    """Hold a layer against the census of a year, by the areas that it names: districts, or the next lower level with
    figures. None when there is no census of that year. `user` None: everything."""
    totals = list(
        CensusTotal.objects.filter(city_id=layer.city_id, year=year)
        .select_related("area")
        .defer("area__geometry")
    )
    people = {row.area_id: row for row in totals if not row.group}
    levels = sorted({row.area.level for row in people.values() if row.area.level > AreaLevel.CITY})
    if not people:
        return None
    level = levels[0] if levels else AreaLevel.CITY
    groups: dict[int, dict[str, int]] = {}
    for row in totals:
        if row.group:
            groups.setdefault(row.area_id, {})[row.group] = row.people
    listed, outside = by_level(layer, level, user)
    whole = user is None or policies.sees_whole_city(user, layer.city_id)
    rows, without = [], []
    for area, held in listed:
        found = people.get(area.pk)
        line = ReconciledArea(area, held, found.people if found else None, groups.get(area.pk, {}))
        (rows if found else without).append(line)
    if outside.people > 0 and whole and level > AreaLevel.CITY:
        without.append(ReconciledArea(None, outside))
    city_row = next((row for row in people.values() if row.area.level == AreaLevel.CITY), None)
    used = [people[line.area.pk] for line in rows if line.area is not None]
    return Reconciliation(
        layer, year, "; ".join(dict.fromkeys(row.source for row in used))[:300], max((row.certainty for row in used), default=""),
        rows, without, _together(rows) if whole and rows else None,
        city_row.people if city_row and whole else None, whole,
    )  # fmt: skip


def _together(rows: list[ReconciledArea]) -> ReconciledArea:
    total = ReconciledArea(None, PeopleOf(), 0)
    for row in rows:
        total.layer.add(row.layer)
        total.census = (total.census or 0) + (row.census or 0)
        for group, count in row.census_groups.items():
            total.census_groups[group] = total.census_groups.get(group, 0) + count
    return total
