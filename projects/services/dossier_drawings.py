"""Drawings of a dossier: shapes in pixels, painted as SVG (for PDF) and as PNG (for DOCX) from the same list.

No tile, no address outside; colours are those of the screen (tokens.css).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from html import escape
from pathlib import Path
from subprocess import run as run_program
from typing import Any

import numpy as np
import shapely
import shapely.ops
from django.contrib.gis.db.models.functions import AsWKB
from PIL import Image, ImageDraw, ImageFont

from core.choices import AreaLevel
from core.models import Area, City
from core.templatetags.pingji import local_name
from planning.services.plan_maps import token

Place = tuple[float, float]
# PNG pixels for one of the drawing.
FINE = 2
FONT = "Noto Sans CJK SC"


@dataclass(frozen=True)
class Shape:
    """A line, or a surface when it has a fill; `dots` makes it a broken line."""

    points: tuple[Place, ...]
    stroke: str = ""
    fill: str = ""
    width: float = 1.0
    broken: bool = False


@dataclass(frozen=True)
class Dot:
    at: Place
    radius: float
    fill: str
    stroke: str = "#ffffff"


@dataclass(frozen=True)
class Label:
    at: Place
    text: str
    size: float = 10
    anchor: str = "start"
    colour: str = "#17212b"
    halo: bool = False


@dataclass
class Picture:
    width: int
    height: int
    parts: list[Shape | Dot | Label] = field(default_factory=list)

    def __str__(self) -> str:
        return self.svg("")

    def svg(self, words: str) -> str:
        body = "".join(_svg_of(part) for part in self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}"'
            f' height="{self.height}" role="img" aria-label="{escape(words, quote=True)}" font-family="{FONT}">{body}</svg>'
        )

    def png(self) -> bytes:
        image = Image.new("RGB", (self.width * FINE, self.height * FINE), "#ffffff")
        pen = ImageDraw.Draw(image)
        for part in self.parts:
            _paint(pen, part)
        out = io.BytesIO()
        image.save(out, "PNG", optimize=True)
        return out.getvalue()


def _svg_of(part: Shape | Dot | Label) -> str:
    if isinstance(part, Dot):
        return f'<circle cx="{part.at[0]:.1f}" cy="{part.at[1]:.1f}" r="{part.radius:g}" fill="{part.fill}" stroke="{part.stroke}" stroke-width="1.5"/>'
    if isinstance(part, Label):
        head = f'<text x="{part.at[0]:.1f}" y="{part.at[1]:.1f}" font-size="{part.size:g}" text-anchor="{part.anchor}"'
        under = (
            f'{head} stroke="#fff" stroke-width="2.4" fill="#fff">{escape(part.text)}</text>'
            if part.halo
            else ""
        )
        return f'{under}{head} fill="{part.colour}">{escape(part.text)}</text>'
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in part.points) + ("Z" if part.fill else "")
    dash = ' stroke-dasharray="4 3"' if part.broken else ""
    line = f'stroke="{part.stroke}" stroke-width="{part.width:g}"{dash}' if part.stroke else 'stroke="none"'
    return f'<path d="{path}" fill="{part.fill or "none"}" {line}/>'


def _paint(pen: ImageDraw.ImageDraw, part: Shape | Dot | Label) -> None:
    if isinstance(part, Dot):
        (x, y), r = part.at, part.radius
        box = ((x - r) * FINE, (y - r) * FINE, (x + r) * FINE, (y + r) * FINE)
        pen.ellipse(box, fill=part.fill, outline=part.stroke, width=FINE + 1)
    elif isinstance(part, Label):
        where = {"start": "ls", "middle": "ms", "end": "rs"}[part.anchor]
        pen.text(
            (part.at[0] * FINE, part.at[1] * FINE), part.text, fill=part.colour, font=_font(part.size * FINE), anchor=where,
            stroke_width=FINE if part.halo else 0, stroke_fill="#ffffff",
        )  # fmt: skip
    else:
        points = [(x * FINE, y * FINE) for x, y in part.points]
        if part.fill and len(points) > 2:
            pen.polygon(points, fill=part.fill)
        if part.stroke and len(points) > 1:
            ends = [*points, points[0]] if part.fill else points
            for line in _dashes(ends) if part.broken else [ends]:
                pen.line(line, fill=part.stroke, width=max(1, round(part.width * FINE)), joint="curve")


def _dashes(points: Sequence[Place]) -> list[list[Place]]:
    """A broken line cut into its pieces: 4 on, 3 off, in pixels of the drawing."""
    line = shapely.LineString(points)
    steps = np.arange(0, line.length, 7.0 * FINE)
    return [
        list(shapely.ops.substring(line, at, min(at + 4.0 * FINE, line.length)).coords) for at in steps
    ]  # fmt: skip


@cache
def _font_file() -> str:
    """The font that PDFs are set in (package fonts-noto-cjk), wherever the system keeps it; nothing when it has none."""
    try:
        found = run_program(  # noqa: S603
            ["/usr/bin/fc-match", "-f", "%{file}", f"{FONT}:style=Regular"], capture_output=True, text=True, timeout=20, check=True,
        ).stdout.strip()  # fmt: skip
    except OSError:
        return ""
    return found if Path(found).is_file() else ""


@cache
def _font(size: float) -> Any:
    path = _font_file()
    # Of the collection the simplified Chinese face; its order is JP, KR, SC, TC, HK.
    if path.endswith(".ttc"):
        return ImageFont.truetype(path, round(size), index=2)
    return ImageFont.truetype(path, round(size)) if path else ImageFont.load_default(round(size))


# --- the map ---------------------------------------------------------------------------------------


def site_map(
    city: City, point: tuple[float, float], words: str, width: int = 640, height: int = 400
) -> Picture:
    """The city's areas with the site; longitude and latitude drawn true around the city's middle."""
    picture = Picture(width, height)
    areas = list(
        Area.objects.filter(city=city, level__in=[AreaLevel.DISTRICT, AreaLevel.STREET], valid_to=None)
        .annotate(wkb=AsWKB("geometry")).defer("geometry").order_by("-level", "path")
    )  # fmt: skip
    shapes = shapely.from_wkb([bytes(one.wkb) for one in areas]) if areas else np.empty(0, object)
    bounds = [*shapely.total_bounds(shapes)] if len(shapes) else [point[0] - 0.05, point[1] - 0.05, point[0] + 0.05, point[1] + 0.05]  # fmt: skip
    west, south = min(bounds[0], point[0]), min(bounds[1], point[1])
    east, north = max(bounds[2], point[0]), max(bounds[3], point[1])
    squeeze = float(np.cos(np.radians((south + north) / 2)))
    scale = min((width - 16) / max((east - west) * squeeze, 1e-6), (height - 16) / max(north - south, 1e-6))
    left = (width - (east - west) * squeeze * scale) / 2
    top = (height - (north - south) * scale) / 2

    def at(lon: float, lat: float) -> Place:
        return left + (lon - west) * squeeze * scale, top + (north - lat) * scale

    for one, shape in zip(areas, shapes, strict=True):
        district = one.level == AreaLevel.DISTRICT
        for part in shapely.get_parts(shapely.simplify(shape, 0.6 / scale)):
            ring = tuple(at(x, y) for x, y in shapely.get_coordinates(part.exterior))
            if len(ring) > 2:
                picture.parts.append(
                    Shape(ring, stroke=token("ink-2"), width=1.1) if district else Shape(ring, fill=token("land-here"), stroke=token("line"), width=0.4)
                )  # fmt: skip
    x, y = at(*point)
    for one in areas:
        # The site's own name stands free.
        near = abs(at(one.label_point.x, one.label_point.y)[1] - y + 8) < 16
        if one.level == AreaLevel.DISTRICT and not (
            near and abs(at(one.label_point.x, one.label_point.y)[0] - x) < 130
        ):
            picture.parts.append(Label(at(one.label_point.x, one.label_point.y), local_name(one), 10, "middle", halo=True))  # fmt: skip
    picture.parts += [Dot((x, y), 7, token("added")), Label((x, y - 11), words, 11, "middle", halo=True)]
    picture.parts += _scale_bar(scale / 110_850.0, height)
    return picture


def _scale_bar(pixels_per_metre: float, height: int) -> list[Shape | Dot | Label]:
    metres = next((step for step in (50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100) if step * pixels_per_metre <= 130), 50)  # fmt: skip
    length, y = metres * pixels_per_metre, height - 10.0
    words = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres} m"
    ends: tuple[Place, ...] = ((10, y - 4), (10, y), (10 + length, y), (10 + length, y - 4))
    return [Shape(ends, stroke=token("ink"), width=1), Label((13, y - 5), words, 8)]


# --- money and works -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Series:
    """Dated amounts in fen. `steps`: the line jumps from one to the next."""

    label: str
    points: tuple[tuple[date, int], ...]
    colour: str
    steps: bool = False
    broken: bool = False


def money_chart(
    series: Sequence[Series], unit_fen: int, unit: str, width: int = 640, height: int = 260
) -> Picture:
    """Amounts over time, one line each, with its words at its end; the axis begins at zero."""
    picture = Picture(width, height)
    days = [when for one in series for when, _fen in one.points]
    most = max((fen for one in series for _when, fen in one.points), default=0) or 1
    first, last = min(days), max(days)
    span = max((last - first).days, 1)
    left, right, top, bottom = 56.0, width - 128.0, 22.0, height - 26.0

    def at(when: date, fen: int) -> Place:
        return left + (when - first).days / span * (right - left), bottom - fen / most * (bottom - top)

    picture.parts.append(Label((4, 12), unit, 9, colour=token("ink-2")))
    for step in range(5):
        fen = most * step // 4
        y = at(first, fen)[1]
        picture.parts += [
            Shape(((left, y), (right, y)), stroke=token("line"), width=0.6),
            Label((left - 6, y + 3), f"{fen / unit_fen:,.1f}", 9, "end", token("ink-2")),
        ]
    for when, anchor in ((first, "start"), (last, "end")):
        picture.parts.append(
            Label((at(when, 0)[0], bottom + 16), when.isoformat(), 9, anchor, token("ink-2"))
        )
    ends: list[float] = []
    for one in series:
        path: list[Place] = []
        for when, fen in one.points:
            x, y = at(when, fen)
            if one.steps and path:
                path.append((x, path[-1][1]))
            path.append((x, y))
        picture.parts.append(Shape(tuple(path), stroke=one.colour, width=2, broken=one.broken))
        picture.parts.append(Dot(path[-1], 3.2, one.colour))
        y = path[-1][1] + 3
        away = 13 if y < (top + bottom) / 2 else -13
        while any(abs(y - other) < 13 for other in ends):
            y += away
        ends.append(y)
        picture.parts.append(Label((min(path[-1][0] + 8, right + 8), y), f"{one.label} {one.points[-1][1] / unit_fen:,.1f}", 10, colour=one.colour))  # fmt: skip
    return picture
