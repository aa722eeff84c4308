"""What the columns of a road table and the options of its layer say: class, speed, directions, walking, length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from facilities.importers.columns import Column, Columns
from facilities.importers.problems import Problems
from planning.importers.packs import Layer
from planning.importers.road_rows import RoadRows

UNITS = {"m": 1.0, "km": 1000.0}
TRUE = {"1", "true", "yes", "t", "y", "是", "单行", "f->t", "ft"}
FASTEST_KMH = 200.0
# a link of no length between nodes farther apart than this is a mistake, not a crumb
APART_M = 1.0
METRES_PER_DEGREE = 111_320.0


def link_columns(named: Mapping[str, str]) -> dict[str, Column]:
    """The columns of links that are mapped, besides the ends."""
    kinds = {"length": "number", "speed_kmh": "number", "class": "text", "oneway": "text", "both": "text"}
    kinds |= {"walk": "text", "id": "text"}
    return {name: Column(named[name], kind) for name, kind in kinds.items() if named.get(name)}


def link_rows(
    layer: Layer, links: Columns, lon: np.ndarray, lat: np.ndarray, tail: np.ndarray, head: np.ndarray,
    shift: float | None, problems: Problems, rows: int,
) -> RoadRows:  # fmt: skip
    """Links (e,) of a table between the nodes (v,); classes in `drop` are left out before anything is checked."""
    names = links.text("class").astype(str)
    kept = ~np.isin(names, [str(name) for name in layer.options.get("drop", [])])
    dropped = int((~kept).sum())
    links, tail, head, names = links.keep(kept), tail[kept], head[kept], names[kept]
    classes, klass = np.unique(names, return_inverse=True)
    walk, only = _walking(layer, links, names, problems)
    straight = _straight_m(lon, lat, tail, head)
    speed = np.where(only, 0.0, _own_speeds(layer, links, names, problems))
    sources = links.text("id")
    return RoadRows(
        lon=lon,
        lat=lat,
        tail=tail,
        head=head,
        length_m=_lengths(layer, links, straight, tail == head, problems),
        speed_kmh=speed,
        assumed=np.isnan(speed),
        oneway=_one_way(layer, links) & ~only,
        walk=walk,
        klass=klass.ravel().astype(np.int64),
        rank=np.full(len(tail), 3),
        source_id=np.array([int(s) if s.lstrip("-").isdigit() else -1 for s in sources.tolist()], np.int64),
        classes=tuple(str(name) for name in classes),
        rows=rows,
        shift_m=shift,
        facts={"left_out": {"dropped": {"ways": dropped}}} if dropped else {},
    )


def give_speeds(layer: Layer, roads: RoadRows, profile: Mapping[str, float], problems: Problems) -> None:
    """Speeds where the source gives none: of the class in the layer's speeds_kmh, else its default, else of the
    class in the speed profile ("*" = all others). A class that speeds_kmh names beats the source's own speed."""
    said = {str(name): value for name, value in layer.options.get("speeds_kmh", {}).items()}
    for name, value in said.items():
        if not isinstance(value, int | float) or not 0 < value <= FASTEST_KMH:
            _wrong_speed(problems, value, file=layer.label, column=f"{layer.name}.speeds_kmh.{name}")
            return
    ranks = {str(name): int(value) for name, value in layer.options.get("ranks", {}).items()}
    named = np.array([float(said.get(name, np.nan)) for name in roads.classes])[roads.klass]
    fallback = np.full(roads.links, float(said.get("default", np.nan)))
    of_profile = [profile.get(name, profile.get("*", np.nan)) for name in roads.classes]
    by_class = np.array(of_profile, float)[roads.klass]
    driven = roads.speed_kmh != 0
    own = roads.speed_kmh
    speed = np.where(np.isfinite(named), named, np.where(np.isfinite(own), own, fallback))
    told = int((driven & np.isfinite(own) & ~np.isfinite(named)).sum())
    roads.facts["links_with_own_speed"] = told
    roads.assumed = driven & ~np.isfinite(speed)
    speed = np.where(np.isfinite(speed), speed, by_class)
    lost = driven & ~np.isfinite(speed)
    if lost.any():
        text = _("%(count)d roads have no speed: give speeds_kmh with a default, or a speed profile.")
        column = f"{layer.name}.speeds_kmh"
        problems.add("speed_missing", text, file=layer.label, column=column, count=int(lost.sum()))
    roads.speed_kmh = np.where(driven, speed, 0.0)
    usual = ranks.get("default", 3)
    roads.rank = np.array([ranks.get(name, usual) for name in roads.classes])[roads.klass]


def _own_speeds(layer: Layer, links: Columns, names: np.ndarray, problems: Problems) -> np.ndarray:
    """The source's own speeds; nan where it gives none. A negative number is how tables write "unknown"."""
    given = links.number("speed_kmh")
    said = [str(name) for name in layer.options.get("speeds_kmh", {}) if name != "default"]
    read = ~np.isin(names, said)
    with np.errstate(invalid="ignore"):
        wrong = read & ((given == 0) | (given > FASTEST_KMH))
    for i in np.flatnonzero(wrong):
        _wrong_speed(problems, given[i], file=links.file, row=links.rows[i], column=links.source("speed_kmh"))
    return np.where(given > 0, given, np.nan)


def _wrong_speed(problems: Problems, value: Any, **where: Any) -> None:
    text = _("%(cell)s km/h is no speed of a road: above 0, at most 200.")
    shown = f"{value:g}" if isinstance(value, int | float) else str(value)
    problems.add("speed_out_of_range", text, cell=shown, **where)


def _walking(
    layer: Layer, links: Columns, names: np.ndarray, problems: Problems
) -> tuple[np.ndarray, np.ndarray]:
    """(walked (e,), walked only (e,)). The option `walk` is true, false, or { only = [classes], never = [classes] }."""
    option = layer.options.get("walk", True)
    if not isinstance(option, bool | dict) or (
        isinstance(option, dict) and option.keys() - {"only", "never"}
    ):
        text = _("Write walk = true, walk = false, or walk = { only = [classes], never = [classes] }.")
        problems.add("choice_unknown", text, file=layer.label, column=f"{layer.name}.walk")
        return np.ones(len(links), bool), np.zeros(len(links), bool)
    if isinstance(option, bool):
        walk, only = np.full(len(links), option), np.zeros(len(links), bool)
    else:
        only = np.isin(names, [str(name) for name in option.get("only", [])])
        walk = ~np.isin(names, [str(name) for name in option.get("never", [])])
    if "walk" in links:
        said = links["walk"]
        walk = np.where(said == "", walk, np.array([word.lower() in TRUE for word in said.tolist()], bool))
        only |= np.array([word.lower() in ("only", "foot", "步行") for word in said.tolist()], bool)
    return walk | only, only


def _one_way(layer: Layer, links: Columns) -> np.ndarray:
    if "oneway" in links:
        return np.array([word.lower() in TRUE for word in links["oneway"].tolist()], dtype=bool)
    if "both" in links:  # the other way of saying it: whether the street may be used backwards
        return np.array([word.lower() not in TRUE for word in links["both"].tolist()], dtype=bool)
    return np.full(len(links), bool(layer.options.get("oneway", False)))


def _straight_m(lon: np.ndarray, lat: np.ndarray, tail: np.ndarray, head: np.ndarray) -> np.ndarray:
    known = (tail >= 0) & (head >= 0)
    straight = np.full(len(tail), np.nan)
    a, b = tail[known], head[known]
    dx = (lon[a] - lon[b]) * np.cos(np.radians(lat[a]))
    straight[known] = np.hypot(dx, lat[a] - lat[b]) * METRES_PER_DEGREE
    return straight


def _lengths(
    layer: Layer, links: Columns, straight: np.ndarray, loop: np.ndarray, problems: Problems
) -> np.ndarray:
    """Lengths in metres, nan where they are to be measured."""
    options = layer.options
    unit = options.get("length_unit", "m")
    if unit not in UNITS:
        text = _('The unit "%(cell)s" is not known: m or km.')
        problems.add("unit_unknown", text, file=layer.label, column=f"{layer.name}.length_unit", cell=unit)
    given = links.number("length")
    where: dict[str, Any] = {"file": links.file, "column": links.source("length")}
    for i in np.flatnonzero(given < 0):
        text = _("A length cannot be negative: %(cell)s.")
        problems.add("negative", text, row=links.rows[i], cell=f"{given[i]:g}", **where)
    with np.errstate(invalid="ignore"):
        none = (given == 0) & ~loop & (straight > APART_M)
    for i in np.flatnonzero(none):
        text = _("The length is 0, but the ends are %(metres)d m apart.")
        problems.add("length_zero", text, row=links.rows[i], metres=round(straight[i]), **where)
    metres = given * UNITS.get(unit, 1.0)
    _doubt(layer, metres, straight, problems)
    return metres


def _doubt(layer: Layer, metres: np.ndarray, straight: np.ndarray, problems: Problems) -> None:
    """A length in the wrong unit shows: a road is about as long as the line between its ends."""
    with np.errstate(invalid="ignore"):
        told = (metres > 0) & (straight > 5)
    ratio = float(np.median(metres[told] / straight[told])) if told.any() else 1.0
    if not 0.5 <= ratio <= 5:
        text = _("The lengths are %(ratio)s times the distance between the ends: is length_unit right?")
        column = f"{layer.name}.length_unit"
        problems.add("unit_doubtful", text, file=layer.label, column=column, ratio=f"{ratio:.3g}")
