"""Maps of a plan for paper: areas, places and classes drawn as SVG. Vector graphics in the ramps of the screen's maps; no
tile, no picture, no address outside.

Drawn on a plane around the middle of what is shown: metres east and south, true within a fraction of a percent over a city.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from django.contrib.gis.db.models.functions import AsWKB
from django.contrib.staticfiles import finders
from django.utils.translation import gettext as _

from core import policies
from core.choices import AreaLevel, MapFeatureKind
from core.models import Area, MapFeature
from core.templatetags.pingji import local_name, num
from inventory.choices import InterventionKind
from planning.selectors.plan_areas import PlanAreaRow
from planning.services.difference_tiles import LEAST_STEP
from planning.services.plan_facts import PlanFacts

COVERAGE_EDGES = (0.2, 0.5, 0.8, 0.95)
NUMBERED = 60
# points nearer than this share of the map's width are one point on paper
DETAIL = 1 / 1200


@cache
def token(name: str) -> str:
    """A colour of tokens.css, so that paper and screen cannot disagree."""
    path = finders.find("css/tokens.css")
    assert isinstance(path, str)
    found = re.search(rf"--{re.escape(name)}:\s*(#[0-9a-fA-F]{{3,8}})", Path(path).read_text())
    assert found is not None, name
    return found[1]


@dataclass
class Ground:
    """What every map of a file is drawn on: shapes by area id in the plane's metres, and how they fit the paper."""

    districts: dict[int, Any]
    streets: dict[int, Any]
    names: list[tuple[str, float, float]]
    water: list[Any]
    roads: list[Any]
    box: tuple[float, float, float, float]
    lon: float
    lat: float
    own: dict[int, Any] = field(default_factory=dict)

    def plane(self, lon: float, lat: float) -> tuple[float, float]:
        x, y = _project(np.array([[lon, lat]]), self.lon, self.lat)[0]
        return float(x), float(y)

    @property
    def shapes(self) -> dict[int, Any]:
        """The smallest areas that are drawn: streets where there are any, else districts."""
        return self.streets or self.districts


def _project(points: np.ndarray, lon: float, lat: float) -> np.ndarray:
    """(n, 2) degrees -> (n, 2) metres east and south of (lon, lat)."""
    scale = np.array([111_320.0 * np.cos(np.radians(lat)), -110_850.0])
    return (points - np.array([lon, lat])) * scale


def ground_of(facts: PlanFacts) -> Ground:
    """Areas the person sees, water and main roads; empty for a city without areas. Three queries."""
    areas = Area.objects.filter(city=facts.city, level__in=[AreaLevel.DISTRICT, AreaLevel.STREET])
    paths = None if facts.user is None else policies.visible_paths(facts.user, facts.city.pk)
    rows = [
        one
        for one in areas.annotate(wkb=AsWKB("geometry")).defer("geometry").order_by("path")
        if facts.whole or paths is None or any(one.path.startswith(path) for path in paths)
    ]
    shapes = shapely.from_wkb([bytes(one.wkb) for one in rows]) if rows else np.empty(0, object)
    if len(shapes):
        west, south, east, north = shapely.total_bounds(shapes)
    elif facts.city.bounds is not None:
        west, south, east, north = facts.city.bounds.extent
    else:
        west = south = east = north = 0.0
    lon, lat = (west + east) / 2, (south + north) / 2
    (left, bottom), (right, top) = _project(np.array([[west, south], [east, north]]), lon, lat)
    wide = max(right - left, bottom - top, 1.0)
    drawn = _simple(shapes, lon, lat, wide * DETAIL)
    pairs = list(zip(rows, drawn, strict=True))
    lines: dict[str, list[Any]] = {MapFeatureKind.WATER: [], MapFeatureKind.ROAD: []}
    features = MapFeature.objects.filter(city=facts.city, kind__in=list(lines), rank__lte=2)
    for kind, wkb in features.annotate(wkb=AsWKB("geometry")).values_list("kind", "wkb"):
        shape = shapely.transform(shapely.from_wkb(bytes(wkb)), lambda xy: _project(xy, lon, lat))
        lines[kind].append(shapely.simplify(shape, wide * DETAIL))
    names = []
    for one, _shape in pairs:
        if one.level == AreaLevel.DISTRICT:
            x, y = _project(np.array([[one.label_point.x, one.label_point.y]]), lon, lat)[0]
            names.append((local_name(one), float(x), float(y)))
    return Ground(
        {one.pk: shape for one, shape in pairs if one.level == AreaLevel.DISTRICT},
        {one.pk: shape for one, shape in pairs if one.level == AreaLevel.STREET},
        names, lines[MapFeatureKind.WATER], lines[MapFeatureKind.ROAD], (left, top, right, bottom), lon, lat,
    )  # fmt: skip


def _simple(shapes: np.ndarray, lon: float, lat: float, tolerance: float) -> np.ndarray:
    """In the plane and with fewer points; borders that two areas share stay shared where they are a clean coverage."""
    plane = shapely.transform(shapes, lambda xy: _project(xy, lon, lat)) if len(shapes) else shapes
    return shapely.simplify(plane, tolerance) if len(plane) else plane


# --- classes ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Classes:
    """Colours by area id, and the legend as (colour, words)."""

    fill: dict[int, str]
    legend: list[tuple[str, str]]
    title: str


def coverage_classes(rows: Sequence[PlanAreaRow], side: str, title: str) -> Classes:
    """Share of need served, by area, before or (`side` "after") with the plan."""
    colours = [token(f"cov-{n}") for n in range(1, 6)]
    fill = {}
    for row in rows:
        state = getattr(row, side)
        if row.area is None or state is None:
            continue
        share = state.coverage
        fill[row.area.pk] = (
            token("zero") if share is None else colours[int(np.searchsorted(COVERAGE_EDGES, share, "right"))]
        )
    low = ["0", *(f"{edge * 100:g}" for edge in COVERAGE_EDGES)]
    words = [f"{a}–{b}%" for a, b in zip(low, [*low[1:], "100"], strict=True)]
    return Classes(fill, [*zip(colours, words, strict=True), (token("zero"), _("no need"))], title)


def change_classes(rows: Sequence[PlanAreaRow], title: str) -> Classes:
    """How much smaller the gap becomes, in units; the edge is a round number that one in five areas exceeds."""
    known = [row for row in rows if row.area is not None and row.closed is not None]
    size = np.array([abs(row.closed or 0) for row in known if row.closed])
    step = _round_step(float(np.percentile(size, 80)) if len(size) else 0.0)
    near = max(step / 10, 1)
    colours = [token(f"chg-{n}") for n in range(5, 0, -1)]
    fill = {}
    for row in known:
        assert row.area is not None and row.closed is not None
        if not row.before.need:
            fill[row.area.pk] = token("zero")
            continue
        closed = row.closed
        at = (
            0
            if closed >= step
            else 1
            if closed >= near
            else 2
            if closed > -near
            else 3
            if closed > -step
            else 4
        )
        fill[row.area.pk] = colours[at]
    words = [
        _("%(edge)s or more fewer") % {"edge": num(step)}, _("%(low)s to %(edge)s fewer") % {"low": num(near), "edge": num(step)},
        _("about the same"), _("%(low)s to %(edge)s more") % {"low": num(near), "edge": num(step)},
        _("%(edge)s or more") % {"edge": num(step)},
    ]  # fmt: skip
    return Classes(fill, [*zip(colours, words, strict=True), (token("zero"), _("no need"))], title)


def _round_step(wanted: float) -> int:
    scale = 10.0 ** np.floor(np.log10(max(wanted, 1.0)))
    return max(LEAST_STEP, int(min((1, 2, 5, 10), key=lambda one: abs(one * scale - wanted)) * scale))


# --- drawing ---------------------------------------------------------------------------------------


class Sheet:
    """One map as SVG, `width` by `height` in pixels of the page."""

    def __init__(self, ground: Ground, width: float, height: float) -> None:
        self.ground, self.width, self.height = ground, width, height
        left, top, right, bottom = ground.box
        self.scale = min((width - 8) / max(right - left, 1.0), (height - 8) / max(bottom - top, 1.0))
        self.dx = (width - (right - left) * self.scale) / 2 - left * self.scale
        self.dy = (height - (bottom - top) * self.scale) / 2 - top * self.scale
        self.parts: list[str] = []

    def at(self, x: float, y: float) -> tuple[float, float]:
        return x * self.scale + self.dx, y * self.scale + self.dy

    def path(self, shape: Any) -> str:
        """The d of a line or an area, all parts and holes."""
        said = []
        for part in shapely.get_parts(shape):
            rings = [part] if part.geom_type == "LineString" else [part.exterior, *part.interiors]
            for ring in rings:
                points = shapely.get_coordinates(ring) * self.scale + (self.dx, self.dy)
                if len(points) > 1:
                    said.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points))
        return "".join(said)

    def areas(self, fill: Mapping[int, str] | None) -> None:
        """The ground, or the areas in their colours; then the districts' borders."""
        for pk, shape in self.ground.shapes.items():
            colour = fill.get(pk, token("nobody")) if fill is not None else token("land-here")
            self.parts.append(
                f'<path d="{self.path(shape)}" fill="{colour}" fill-rule="evenodd" stroke="{token("line")}" stroke-width=".4"/>'
            )

    def borders(self) -> None:
        for shape in self.ground.districts.values():
            self.parts.append(
                f'<path d="{self.path(shape)}" fill="none" stroke="{token("ink-2")}" stroke-width=".9"/>'
            )

    def features(self) -> None:
        for shape in self.ground.water:
            closed = shape.geom_type in ("Polygon", "MultiPolygon")
            paint = (
                f'fill="{token("water")}"'
                if closed
                else f'fill="none" stroke="{token("water")}" stroke-width="1.2"'
            )
            self.parts.append(f'<path d="{self.path(shape)}" {paint}/>')
        for shape in self.ground.roads:
            if shape.geom_type in ("LineString", "MultiLineString"):
                self.parts.append(
                    f'<path d="{self.path(shape)}" fill="none" stroke="{token("edge")}" stroke-width=".5" stroke-opacity=".7"/>'
                )

    def names(self, size: float = 9) -> None:
        for words, x, y in self.ground.names:
            px, py = self.at(x, y)
            style = f'x="{px:.1f}" y="{py:.1f}" font-size="{size}" text-anchor="middle"'
            # the halo is a text of its own: not every reader paints the stroke behind the letters
            self.parts.append(
                f'<text {style} stroke="#fff" stroke-width="2.4" stroke-linejoin="round" fill="#fff">{escape(words)}</text>'
                f'<text {style} fill="{token("ink")}">{escape(words)}</text>'
            )

    def pins(self, facts: PlanFacts) -> None:
        """A circle for each place, the first ones with their number on top."""
        for one in reversed(facts.interventions):
            x, y = self.at(*self.ground.plane(one.point.x, one.point.y))
            numbered = one.order <= NUMBERED
            colour = kind_colour(one.kind)
            self.parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{5.6 if numbered else 2.4}" fill="{"#fff" if numbered else colour}" stroke="{colour}" stroke-width="1.3"/>'
            )
            if numbered:
                self.parts.append(
                    f'<text x="{x:.1f}" y="{y + 2.3:.1f}" font-size="6.4" text-anchor="middle" fill="{token("ink")}">{one.order}</text>'
                )

    def scale_bar(self) -> None:
        wide = (self.ground.box[2] - self.ground.box[0]) / 5
        scale = 10 ** np.floor(np.log10(max(wide, 1.0)))
        metres = float(
            max((step * scale for step in (1, 2, 5) if step * scale <= max(wide, 1.0)), default=1.0)
        )
        length = metres * self.scale
        x, y = 6, self.height - 8
        words = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
        self.parts.append(
            f'<path d="M{x} {y - 4}V{y}H{x + length:.1f}V{y - 4}" fill="none" stroke="{token("ink")}" stroke-width=".8"/>'
            f'<text x="{x + 3}" y="{y - 4}" font-size="7" fill="{token("ink")}">{words}</text>'
        )

    def svg(self, label: str) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" width="{self.width:g}" height="{self.height:g}"'
            f' role="img" aria-label="{escape(label, quote=True)}">{"".join(self.parts)}</svg>'
        )


_KIND_COLOURS = {
    InterventionKind.BUILD: "k-build", InterventionKind.CONVERT: "changed", InterventionKind.EXTEND: "added",
    InterventionKind.UPGRADE: "gap-4", InterventionKind.STOCK: "ink-3", InterventionKind.RETIRE: "removed",
}  # fmt: skip


def kind_colour(kind: str) -> str:
    """Kinds must be told apart on paper by more than a tint: each has a hue of its own."""
    return token(_KIND_COLOURS.get(InterventionKind(kind), "ink-3"))


def layout_map(facts: PlanFacts, ground: Ground, width: float, height: float) -> str:
    sheet = Sheet(ground, width, height)
    sheet.areas(None)
    sheet.features()
    sheet.borders()
    sheet.pins(facts)
    sheet.names()
    sheet.scale_bar()
    return sheet.svg(_("Where the plan acts"))


def class_map(ground: Ground, classes: Classes, width: float, height: float) -> str:
    sheet = Sheet(ground, width, height)
    sheet.areas(classes.fill)
    sheet.borders()
    sheet.names(7.5)
    sheet.scale_bar()
    return sheet.svg(classes.title)
