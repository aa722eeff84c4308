"""Open OpenStreetMap files (.osm, .osm.gz, .osm.bz2, .osm.pbf) with osmium, and read their streets.

The handlers only carry numbers from the file into lists; what they mean is decided once for each combination of tags,
and everything else is arrays.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import osmium
from django.utils.translation import gettext_lazy as _

from facilities.importers.problems import Problems
from planning.importers.osm_ways import KEYS, WayRule, barrier_stops, way_rule
from planning.importers.road_rows import RoadRows

OSM_DATUM = "WGS-84"
SUFFIXES = (".osm", ".osm.gz", ".osm.bz2", ".osm.pbf", ".pbf")
# a node that the file does not hold has this place
NOWHERE = 2**31 - 1
DEGREES = 1e-7
LARGEST_BYTES = 2 * 2**30
METRES_PER_DEGREE = 111_320.0
# between the two sides of a gate
BARRIER_M = 1.0


def is_osm(path: Path | None, declared: str = "") -> bool:
    """Whether a file is read as OpenStreetMap, by what is declared or by its ending."""
    return declared == "osm" or (not declared and path is not None and path.name.lower().endswith(SUFFIXES))


def opened(path: Path, label: str, problems: Problems) -> bool:
    """Whether there is something to read; what is wrong is in `problems`."""
    if not path.is_file():
        problems.add("file_missing", _("The file does not exist."), file=label)
        return False
    size = path.stat().st_size
    if size == 0:
        problems.add("file_empty", _("The file is empty."), file=label)
    if size > LARGEST_BYTES:
        text = _(
            "The file has %(size)d MB; OpenStreetMap files are read up to %(limit)d MB. Cut out the city first."
        )
        problems.add("file_too_large", text, file=label, size=size >> 20, limit=LARGEST_BYTES >> 20)
    return 0 < size <= LARGEST_BYTES


def each(
    make: Callable[[str], Iterator[Any]],
    path: Path,
    label: str,
    problems: Problems,
    take: Callable[[Any], None],
) -> bool:
    """Hand every object of a file to `take`; False when the file is broken, with the reason in `problems`."""
    try:
        for thing in make(str(path)):
            take(thing)
    except (RuntimeError, OSError, ValueError, EOFError, osmium.InvalidLocationError) as error:
        text = _("The file cannot be read: %(reason)s")
        problems.add("file_broken", text, file=label, reason=str(error)[:300])
        return False
    return True


@dataclass
class _Ways:
    """Ways as they stand in the file: their nodes one after the other, and which rule each obeys."""

    way: array = field(default_factory=lambda: array("q"))
    rule: array = field(default_factory=lambda: array("i"))
    count: array = field(default_factory=lambda: array("i"))
    ref: array = field(default_factory=lambda: array("q"))
    x: array = field(default_factory=lambda: array("i"))
    y: array = field(default_factory=lambda: array("i"))
    rules: list[WayRule] = field(default_factory=list)
    known: dict[tuple[str | None, ...], int] = field(default_factory=dict)
    # node -> what its barrier keeps out
    barriers: dict[int, tuple[bool, bool]] = field(default_factory=dict)

    def take(self, thing: Any) -> None:
        if thing.is_node():
            stops = barrier_stops(thing.tags)
            if any(stops):
                self.barriers[thing.id] = stops
            return
        tags = thing.tags
        said = tuple(tags.get(key) for key in KEYS)
        rule = self.known.get(said)
        if rule is None:
            rule = self.known[said] = len(self.rules)
            self.rules.append(way_rule({k: v for k, v in zip(KEYS, said, strict=True) if v}))
        if self.rules[rule].left_out == "not_a_road" and said[0] is None:
            return
        nodes = thing.nodes
        self.way.append(thing.id)
        self.rule.append(rule)
        self.count.append(len(nodes))
        for node in nodes:
            self.ref.append(node.ref)
            self.x.append(node.x)
            self.y.append(node.y)


def _streets_of(path: str) -> Iterator[Any]:
    kinds = osmium.osm.NODE | osmium.osm.WAY
    ways, nodes = osmium.filter.KeyFilter("highway", "route"), osmium.filter.KeyFilter("barrier")
    ways.enable_for(osmium.osm.WAY)
    nodes.enable_for(osmium.osm.NODE)
    return iter(osmium.FileProcessor(path, kinds).with_locations().with_filter(ways).with_filter(nodes))


def read_osm_roads(
    path: Path, label: str, problems: Problems, inside: tuple[float, float, float, float] | None
) -> RoadRows | None:
    """The streets of a file as links between neighbouring nodes; speeds of the source or nan. None when it is broken
    or holds no street."""
    ways = _Ways()
    if not opened(path, label, problems) or not each(_streets_of, path, label, problems, ways.take):
        return None
    segments = _Segments(ways)
    zero = segments.at_zero()
    if zero:
        text = _("%(count)d nodes lie at 0, 0 (the first is node %(cell)s).")
        problems.add("zero_place", text, file=label, count=len(zero), cell=zero[0])
    segments.within(inside)
    rows = segments.rows()
    if not rows.links:
        text = _("The file holds no street that anybody may use.")
        problems.add("roads_missing", text, file=label)
        return None
    return rows


class _Segments:
    """The pieces between neighbouring nodes of all ways, as arrays."""

    def __init__(self, ways: _Ways) -> None:
        self.rules, self.barriers = ways.rules, ways.barriers
        count = np.asarray(ways.count, np.int64)
        self.way_id, way_rule_ = np.asarray(ways.way, np.int64), np.asarray(ways.rule, np.int64)
        refs, x, y = np.asarray(ways.ref), np.asarray(ways.x), np.asarray(ways.y)
        way_of = np.repeat(np.arange(len(count)), count)
        follows = np.flatnonzero(way_of[1:] == way_of[:-1]) if len(refs) else np.zeros(0, np.int64)
        self.refs, first, number = np.unique(refs, return_index=True, return_inverse=True)
        self.there = x[first] != NOWHERE if len(refs) else np.zeros(0, bool)
        self.lon, self.lat = x[first] * DEGREES, y[first] * DEGREES
        self.tail, self.head = number[follows], number[follows + 1]
        self.way = way_of[follows]
        self.rule = way_rule_[self.way]
        self.facts: dict[str, Any] = {"ways": len(count), "left_out": {}}
        self._leave_out(way_rule_)
        whole = self.there[self.tail] & self.there[self.head]
        if not whole.all():
            self.facts["nodes_not_in_file"] = int((~self.there).sum())
        self._keep(whole)

    def _keep(self, kept: np.ndarray) -> None:
        for name in ("tail", "head", "way", "rule"):
            setattr(self, name, getattr(self, name)[kept])

    def metres(self) -> np.ndarray:
        dx = (self.lon[self.tail] - self.lon[self.head]) * np.cos(np.radians(self.lat[self.tail]))
        return np.hypot(dx, self.lat[self.tail] - self.lat[self.head]) * METRES_PER_DEGREE

    def _leave_out(self, rule_of_way: np.ndarray) -> None:
        """Count what is no street, by reason, and go on without it."""
        reasons = np.array([rule.left_out for rule in self.rules], dtype=object)
        of_segment = reasons[self.rule] if len(self.rules) else np.zeros(0, object)
        known = self.there[self.tail] & self.there[self.head]
        metres = np.where(known, self.metres(), 0.0)
        for reason in sorted(set(reasons[rule_of_way].tolist()) - {""}) if len(self.rules) else ():
            ways = int((reasons[rule_of_way] == reason).sum())
            km = round(float(metres[of_segment == reason].sum()) / 1000, 3)
            self.facts["left_out"][reason] = {"ways": ways, "km": km}
        self._keep(of_segment == "")

    def at_zero(self) -> list[int]:
        used = np.unique(np.r_[self.tail, self.head])
        return self.refs[used[(self.lon[used] == 0) & (self.lat[used] == 0)]].tolist()

    def within(self, box: tuple[float, float, float, float] | None) -> None:
        """Only what touches the box: a file may hold more than the city."""
        if box is None:
            return
        west, south, east, north = box
        near = (self.lon >= west) & (self.lon <= east) & (self.lat >= south) & (self.lat <= north)
        kept = near[self.tail] | near[self.head]
        if not kept.all():
            km = round(float(self.metres()[~kept].sum()) / 1000, 3)
            self.facts["left_out"]["outside"] = {"ways": len(np.unique(self.way[~kept])), "km": km}
            self._keep(kept)

    def rows(self) -> RoadRows:
        """Links with their rules; a street with a speed for each direction becomes a link for each direction."""
        rules = self.rules
        along = np.array([rule.along_kmh for rule in rules], float)[self.rule]
        against = np.array([rule.against_kmh for rule in rules], float)[self.rule]
        walk = np.array([rule.walk for rule in rules], bool)[self.rule]
        classes = tuple(sorted({rule.klass for rule in rules if not rule.left_out}))
        number = {name: n for n, name in enumerate(classes)}
        klass = np.array([number.get(rule.klass, 0) for rule in rules], np.int64)[self.rule]
        tail, head, way = self.tail, self.head, self.way_id[self.way]
        turned = (along == 0) & (against != 0)
        tail, head = np.where(turned, head, tail), np.where(turned, tail, head)
        along, against = np.where(turned, against, along), np.where(turned, along, against)
        same = (along == against) | (np.isnan(along) & np.isnan(against))
        double = ~same & (against != 0)
        pieces = np.r_[np.arange(len(tail)), np.flatnonzero(double)]
        back = np.arange(len(pieces)) >= len(tail)
        speed = np.where(back, against[pieces], along[pieces])
        rows = RoadRows(
            lon=self.lon,
            lat=self.lat,
            tail=np.where(back, head[pieces], tail[pieces]),
            head=np.where(back, tail[pieces], head[pieces]),
            length_m=np.full(len(pieces), np.nan),
            speed_kmh=speed,
            assumed=np.isnan(speed),
            oneway=~same[pieces],
            walk=walk[pieces],
            klass=klass[pieces],
            rank=np.full(len(pieces), 3),
            source_id=way[pieces],
            classes=classes,
            rows=self.facts["ways"],
            shift_m=0.0,
            facts=self.facts,
        )
        return self._with_barriers(rows)

    def _with_barriers(self, rows: RoadRows) -> RoadRows:
        """At a barrier every street ends on its own side; walkers step across, a metre, unless they too are kept out."""
        if not self.barriers:
            return rows
        known = np.array(sorted(self.barriers), np.int64)
        place = np.minimum(np.searchsorted(known, self.refs), len(known) - 1)
        here = known[place] == self.refs
        cars = np.zeros(len(self.refs), bool)
        cars[here] = [self.barriers[ref][0] for ref in self.refs[here].tolist()]
        walkers = np.zeros(len(self.refs), bool)
        walkers[here] = [self.barriers[ref][1] for ref in self.refs[here].tolist()]
        stopped = cars | walkers
        driven = ~(rows.speed_kmh == 0)
        sides: list[np.ndarray] = []
        for name in ("tail", "head"):
            ends = getattr(rows, name)
            # a footpath runs past a barrier for cars
            cut = np.flatnonzero(stopped[ends] & (driven | walkers[ends]))
            sides.append(np.stack([cut, ends[cut]]))
            renamed = ends.copy()
            renamed[cut] = rows.nodes + sum(side.shape[1] for side in sides[:-1]) + np.arange(len(cut))
            setattr(rows, name, renamed)
        link, node = np.concatenate(sides, axis=1)
        fresh = rows.nodes + np.arange(len(node))
        used = np.unique(node)
        self.facts["barriers"] = {"nodes": len(used), "also_on_foot": int(walkers[used].sum())}
        rows.lon, rows.lat = np.r_[rows.lon, rows.lon[node]], np.r_[rows.lat, rows.lat[node]]
        rows.keep_node = np.zeros(len(rows.lon), bool)
        rows.keep_node[used] = rows.keep_node[fresh] = True
        step = np.flatnonzero(~walkers[node] & rows.walk[link])
        rows.tail, rows.head = np.r_[rows.tail, node[step]], np.r_[rows.head, fresh[step]]
        rows.length_m = np.r_[rows.length_m, np.full(len(step), BARRIER_M)]
        rows.speed_kmh = np.r_[rows.speed_kmh, np.zeros(len(step))]
        rows.assumed = np.r_[rows.assumed, np.zeros(len(step), bool)]
        rows.oneway = np.r_[rows.oneway, np.zeros(len(step), bool)]
        rows.walk = np.r_[rows.walk, np.ones(len(step), bool)]
        for name in ("klass", "rank", "source_id"):
            setattr(rows, name, np.r_[getattr(rows, name), getattr(rows, name)[link[step]]])
        return rows
