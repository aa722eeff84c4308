"""Load a city pack: read everything first, say everything that is wrong at once, then write in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import shapely
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.choices import AreaLevel
from core.errors import Problem
from core.models import Area, City, MapFeature, PackLayer
from core.services import audit
from facilities.importers.geometry import city_box
from facilities.importers.problems import ERROR, WARNING, Problems
from facilities.models import Facility, PeacetimeUse, ServiceType
from facilities.services.imports import box_of
from inventory.models import IdleAsset
from planning.importers.areas import AreaRows, read_areas
from planning.importers.census import read_census
from planning.importers.hazards import MapRows, ZoneRows, read_hazard, read_map_shapes
from planning.importers.packs import KINDS, Layer, Pack, read_pack
from planning.importers.population import read_population
from planning.importers.road_rows import RoadRows
from planning.importers.scenarios import read_scenario
from planning.models import DemandCell, RoadNetwork
from planning.services.census import write_census
from planning.services.hazards import keep_used_classes, write_layer
from planning.services.network_reports import queue_report
from planning.services.pack_areas import write_areas, write_map
from planning.services.pack_population import write_population
from planning.services.pack_registry import read_registry, write_registry
from planning.services.pack_roads import join_metres, read_road_layer, write_roads
from planning.services.pack_scenarios import write_scenario
from planning.services.population_cells import outline_of
from planning.services.reference import load_reference

LOADED, UNCHANGED = "loaded", "unchanged"


@dataclass
class LayerReport:
    """What happened to one layer."""

    name: str
    kind: str
    file: str
    state: str
    rows: int
    seconds: float
    datum: str
    median_shift_m: float | None
    synthetic: bool

    def as_dict(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in self.__dataclass_fields__}


@dataclass
class LoadReport:
    """What `load_city` did. `changed` is False when the pack was already loaded as it is."""

    city: City
    changed: bool
    layers: list[LayerReport]
    warnings: list[Problem]
    seconds: float
    totals: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "city": {"code": self.city.code, "name": self.city.name, "synthetic": self.city.synthetic},
            "changed": self.changed,
            "message": self.message,
            "layers": [layer.as_dict() for layer in self.layers],
            "warnings": [warning.as_dict() for warning in self.warnings],
            "totals": self.totals,
            "seconds": round(self.seconds, 2),
        }

    @property
    def message(self) -> str:
        if not self.changed:
            return gettext("Nothing changed: the pack was already loaded as it is.")
        rows = sum(layer.rows for layer in self.layers if layer.state == LOADED)
        return gettext("%(rows)d rows loaded in %(seconds).1f s.") % {"rows": rows, "seconds": self.seconds}


class _Clock:
    """Seconds of work by layer, reading and writing together."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, *names: str) -> None:
        now = time.monotonic()
        for name in names:
            self.seconds[name] = self.seconds.get(name, 0.0) + (now - self._last) / len(names)
        self._last = now


@dataclass
class _Content:
    """Everything that was read, waiting to be written."""

    areas: AreaRows | None = None
    surfaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    hazards: dict[str, Any] = field(default_factory=dict)
    cells: Any = None
    census: list[Any] = field(default_factory=list)
    roads: dict[str, Any] = field(default_factory=dict)
    registry: Any = None
    scenarios: list[dict[str, Any]] = field(default_factory=list)
    shifts: dict[str, float | None] = field(default_factory=dict)


def load_city(*, path: str | Path, user: Any = None, say: Callable[[str], None] | None = None) -> LoadReport:
    """Load or refresh a city from its pack. Raises InvalidInput with every problem of every layer.

    A layer whose files and declaration are as before is left alone; areas that change make every layer with places
    be read again, because places belong to areas.
    """
    started = time.monotonic()
    problems, clock = Problems(), _Clock()
    refused = _("The pack was not loaded. Correct what is listed and load it again.")
    pack = read_pack(path, problems)
    if pack is None:
        problems.raise_if_any(refused)
        raise AssertionError("a pack without a manifest always has a problem")
    load_reference()
    city = City.objects.filter(code=pack.code).first()
    known = {layer.name: layer.sha256 for layer in city.layers.all()} if city else {}
    kinds = {layer.name: layer.kind for layer in city.layers.all()} if city else {}
    if not problems.has_errors and city and city.pack_sha256 == pack.sha256 and known == _hashes(pack):
        reports = [_report(layer, city, UNCHANGED, 0.0) for layer in pack.layers]
        return LoadReport(city, False, reports, [], time.monotonic() - started, count_records(city))
    stale = _stale_layers(pack, known, kinds)
    content = _read(pack, city, stale, problems, clock, say or (lambda _text: None))
    problems.raise_if_any(refused)
    with transaction.atomic():
        city = _write(pack, content, stale, clock, say or (lambda _text: None), user, problems)
    reports = []
    for layer in pack.layers:
        state = LOADED if layer.name in stale else UNCHANGED
        reports.append(_report(layer, city, state, clock.seconds.get(layer.name, 0.0)))
    return LoadReport(
        city, True, reports, problems.of(WARNING), time.monotonic() - started, count_records(city)
    )


def _hashes(pack: Pack) -> dict[str, str]:
    return {layer.name: layer.sha256 for layer in pack.layers}


def _stale_layers(pack: Pack, known: dict[str, str], kind_of: dict[str, str]) -> set[str]:
    """Names of the layers to read: the changed ones, and those that are only right together with a changed one or
    with one that the pack no longer has."""
    stale = {layer.name for layer in pack.layers if known.get(layer.name) != layer.sha256}
    areas = [layer for layer in pack.layers if layer.kind == "areas"]
    if any(layer.name in stale for layer in areas):
        return {layer.name for layer in pack.layers}
    together = (
        ("population", "census"),
        ("water",),
        ("green",),
        ("roads",),
        ("facilities", "roles", "agreements", "certificates"),
    )
    for kinds in together:
        members = {layer.name for layer in pack.of(*kinds)}
        gone = {name for name, kind in kind_of.items() if kind in kinds} - members
        if gone or members & stale:
            stale |= members
    return stale


def _read(
    pack: Pack,
    city: City | None,
    stale: set[str],
    problems: Problems,
    clock: _Clock,
    say: Callable[[str], None],
) -> _Content:
    content = _Content()
    area_layers = pack.of("areas")
    clock.lap()
    if any(layer.name in stale for layer in area_layers) or city is None:
        say(gettext("Reading areas"))
        content.areas, content.shifts = read_areas(
            area_layers, (pack.code, pack.name, pack.name_en), problems
        )
        clock.lap(*(layer.name for layer in area_layers))
    if not area_layers:
        problems.add(
            "key_missing",
            _("A pack needs at least one [[areas]] layer."),
            file=pack.path.name,
            column="areas",
        )
    inside: tuple[float, float, float, float] | None
    if content.areas is not None:
        inside = city_box(content.areas.shape)
        area_codes = set(content.areas.code.tolist())
    else:
        inside = box_of(city) if city else None
        area_codes = set(Area.objects.filter(city=city).values_list("code", flat=True)) if city else set()
    for layer in pack.of("water", "green", "hazards", "roads"):
        if layer.name in stale:
            say(gettext("Reading %(layer)s") % {"layer": layer.name})
            _read_shape_layer(layer, content, problems, inside)
            clock.lap(layer.name)
    join_metres(pack.of("roads"), problems)
    people = [layer for layer in pack.of("population") if layer.name in stale]
    if people:
        say(gettext("Reading population"))
        content.cells = read_population(people, problems, inside, _ground(content, city))
        clock.lap(*(layer.name for layer in people))
        if content.cells is not None:
            content.shifts |= content.cells.shifts
    counts = [layer for layer in pack.of("census") if layer.name in stale]
    if counts:
        content.census = read_census(counts, _area_names(content, city), problems)
        clock.lap(*(layer.name for layer in counts))
    services = set(ServiceType.objects.values_list("code", flat=True))
    uses = set(PeacetimeUse.objects.values_list("code", flat=True))
    content.registry = read_registry(
        pack, stale, problems, city=city, inside=inside, uses=uses, services=services, lap=clock.lap
    )
    content.shifts |= content.registry.shifts
    hazard_names = {layer.name for layer in pack.of("hazards")}
    for layer in pack.of("scenarios"):
        values = read_scenario(
            layer, problems, services=services, areas=area_codes, hazard_layers=hazard_names
        )
        if values is not None and layer.name in stale:
            content.scenarios.append(values)
    clock.lap()
    return content


def _ground(content: _Content, city: City | None) -> Any:
    """The outline of the city in degrees, new or as stored; None where there is none."""
    if content.areas is not None:
        return shapely.union_all(content.areas.shape[content.areas.level == AreaLevel.CITY])
    return None if city is None else outline_of(city)


def _area_names(content: _Content, city: City | None) -> dict[str, str]:
    if content.areas is not None:
        return dict(zip(content.areas.code.tolist(), content.areas.name.tolist(), strict=True))
    return dict(Area.objects.filter(city=city).values_list("code", "name"))


def _read_shape_layer(
    layer: Layer, content: _Content, problems: Problems, inside: tuple[float, float, float, float] | None
) -> None:
    rows: ZoneRows | RoadRows | MapRows | None
    if layer.kind == "hazards":
        rows = content.hazards[layer.name] = read_hazard(layer, problems, inside)
    elif layer.kind == "roads":
        rows = content.roads[layer.name] = read_road_layer(layer, problems, inside)
    else:
        rows = read_map_shapes(layer, problems, None)
        if rows is not None:
            content.surfaces.setdefault(layer.kind, {})[layer.name] = rows
    if rows is not None:
        content.shifts[layer.name] = rows.shift_m


def _write(
    pack: Pack, content: _Content, stale: set[str], clock: _Clock, say: Callable[[str], None], user: Any,
    problems: Problems,
) -> City:  # fmt: skip
    before = City.objects.filter(code=pack.code).values("pack_sha256", "loaded_at").first()
    city, _made = City.objects.update_or_create(
        code=pack.code,
        defaults={
            "name": pack.name, "name_en": pack.name_en, "synthetic": pack.synthetic, "notes": pack.notes,
            "pack": str(pack.path.parent.name), "pack_sha256": pack.sha256, "loaded_at": timezone.now(),
        },
    )  # fmt: skip
    warned: dict[str, list[dict[str, Any]]] = {}
    for problem in problems.of(WARNING):
        warned.setdefault(problem.file, []).append({**problem.as_dict(), "message": str(problem.message)})
    records = {layer.name: _record(city, layer, content, stale, warned) for layer in pack.layers}
    PackLayer.objects.filter(city=city).exclude(name__in=records).delete()
    counted: dict[str, int] = {}
    clock.lap()
    if content.areas is not None:
        say(gettext("Writing areas"))
        write_areas(city=city, rows=content.areas)
        for layer in pack.of("areas"):
            counted[layer.name] = int((content.areas.layer == layer.name).sum())
        clock.lap(*(layer.name for layer in pack.of("areas")))
    for kind, parts in content.surfaces.items():
        write_map(city=city, kind=kind, parts=list(parts.values()))
        counted |= {name: len(part.shape) for name, part in parts.items()}
        clock.lap(*(layer.name for layer in pack.of(kind)))
    by_name = {layer.name: layer for layer in pack.layers}
    for name, rows in content.hazards.items():
        layer = by_name[name]
        hazard = write_layer(city=city, rows=rows, declared=layer, record=records[name])
        brought = {values["code"] for values in content.scenarios}
        keep_used_classes(hazard, problems, label=layer.label, brought=brought)
        problems.raise_if_any(_("The pack was not loaded. Correct what is listed and load it again."))
        counted[name] = len(rows.shape)
        clock.lap(name)
    if content.roads:
        say(gettext("Writing roads"))
        write_roads(city=city, layers=pack.of("roads"), roads=content.roads, records=records)
        counted |= {name: roads.rows for name, roads in content.roads.items()}
        clock.lap(*content.roads)
    if content.census:
        tables = {rows.layer.name: records[rows.layer.name] for rows in content.census}
        counted |= write_census(city=city, tables=content.census, records=tables)
        clock.lap(*tables)
    if content.cells is not None:
        say(gettext("Writing population"))
        names = list(content.cells.people)
        layers = {name: (by_name[name], records[name]) for name in names}
        counted |= write_population(city=city, cells=content.cells, layers=layers)
        clock.lap(*names)
    counted |= write_registry(city=city, content=content.registry, records=records, user=user, lap=clock.lap)
    for values in content.scenarios:
        write_scenario(city=city, values=values)
        counted[values["code"]] = 1
    for name, rows in counted.items():
        PackLayer.objects.filter(pk=records[name].pk).update(rows=rows)
    after = {"pack_sha256": pack.sha256, "layers": sorted(stale), "rows": counted}
    was = dict(before) if before else None
    audit.record(user=user, act="city.load", subject=city, ref=city.code, before=was, after=after)
    # the report measures the roads against people and places: whichever of them is new
    network = RoadNetwork.objects.filter(city=city, current=True).first()
    if network is not None:
        queue_report(user=user, network=network)
    clock.lap()
    return city


def _record(
    city: City, layer: Layer, content: _Content, stale: set[str], warned: dict[str, list[dict[str, Any]]]
) -> PackLayer:
    """The row that says what was read and from where. Kept by name, because facilities point to it."""
    if layer.name not in stale:
        return PackLayer.objects.get(city=city, name=layer.name)
    record, _made = PackLayer.objects.update_or_create(
        city=city, name=layer.name,
        defaults={
            "kind": layer.kind, "file_name": layer.label, "sha256": layer.sha256, "datum": layer.datum or "",
            "licence": layer.licence, "source": layer.source, "synthetic": layer.synthetic,
            "median_shift_m": content.shifts.get(layer.name), "warnings": warned.get(layer.label, []),
        },
    )  # fmt: skip
    return record


def _report(layer: Layer, city: City, state: str, seconds: float) -> LayerReport:
    record = PackLayer.objects.get(city=city, name=layer.name)
    return LayerReport(
        layer.name, layer.kind, layer.label, state, record.rows, round(seconds, 2), record.datum,
        record.median_shift_m, layer.synthetic,
    )  # fmt: skip


def count_records(city: City) -> dict[str, int]:
    """How many records of each kind the city has."""
    areas = Area.objects.filter(city=city).aggregate(
        areas=Count("pk"), districts=Count("pk", filter=Q(level=AreaLevel.DISTRICT))
    )
    return {
        **areas,
        "cells": DemandCell.objects.filter(city=city).count(),
        "facilities": Facility.objects.filter(city=city).count(),
        "idle_assets": IdleAsset.objects.filter(city=city).count(),
        "map_features": MapFeature.objects.filter(city=city).count(),
    }


__all__ = ["ERROR", "KINDS", "LayerReport", "LoadReport", "count_records", "load_city"]
