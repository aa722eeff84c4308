"""What the map's scripts need to know: tile addresses, class breaks with their ranges, words."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from core.choices import AreaLevel
from core.models import City
from core.templatetags.pingji import is_chinese, unit
from facilities.models import ServiceType
from planning.models import Run
from planning.selectors import gaps, maps

SHOWS = ("gap", "coverage", "late", "no_room", "out_of_reach")
COVERAGE_EDGES = [20, 50, 80, 95]


def show_words() -> list[tuple[str, str]]:
    words = (_("Gap"), _("Coverage"), _("Late"), _("No room"), _("Out of reach"))
    return list(zip(SHOWS, words, strict=True))


def short(value: float) -> str:
    """A class edge short enough for a swatch: 1,400 -> "1.4k", in Chinese "1.4千" and "1.2万"."""
    if value < 1000:
        return f"{value:g}"
    if is_chinese():
        return f"{value / 10000:.3g}万" if value >= 10000 else f"{value / 1000:.3g}千"
    return f"{value / 1e6:.3g}M" if value >= 1e6 else f"{value / 1000:.3g}k"


def ranges(edges: list[int]) -> list[str]:
    """Four rising lower edges of classes 2 to 5 -> the five ranges in whole units."""
    low, words = [1, *edges], []
    for start, stop in zip(low, edges, strict=False):
        # from a thousand on the edges are round numbers and classes share them
        end = stop if stop >= 1000 else stop - 1
        first, last = short(start), short(end)
        if first[-1] == last[-1] and not last[-1].isdigit():
            first = first[:-1]  # "1.4–3.1k": the unit once
        words.append(f"{first}–{last}" if end > start else last)
    return [*words, f"{short(edges[-1])}+"]


def percent_ranges() -> list[str]:
    sign = "%" if is_chinese() else "\u00a0%"
    low = [0, *COVERAGE_EDGES]
    return [f"{a}–{b}{sign if not a else ''}" for a, b in zip(low, [*COVERAGE_EDGES, 100], strict=True)]


def legend(title: str, ramp: str, words: list[str], counts: list[int] | None = None) -> dict[str, Any]:
    cells: list[int | None] = list(counts) if counts else [None] * len(words)
    return {
        "title": title,
        "ramp": ramp,
        "classes": [{"words": word, "cells": cell} for word, cell in zip(words, cells, strict=True)],
    }


def base_config(request: HttpRequest, city: City) -> dict[str, Any]:
    """Everything any map of the city needs; the page adds its own."""
    tile = f"/tiles/%s/{{z}}/{{x}}/{{y}}.pbf?city={city.code}"
    return {
        "chinese": is_chinese(),
        "bounds": maps.bounds_of(city),
        "labels": maps.area_labels(user=request.user, city=city, english=not is_chinese()),
        "levels": {"district": int(AreaLevel.DISTRICT)},
        "tiles": {
            "green": tile % "green",
            "areas": tile % "areas",
            "roads": tile % "roads",
            "water": tile % "water",
        },
        "deepest": int(AreaLevel.COMMUNITY),
        "words": {"noMap": _("This browser cannot draw the map. The table holds every value.")},
    }


def cell_tiles(run: Run, service: ServiceType, **more: str) -> str:
    extra = "".join(f"&{key}={value}" for key, value in more.items())
    return f"/tiles/cells/{{z}}/{{x}}/{{y}}.pbf?run={run.ref}&service={service.code}{extra}"


def run_classes(user: Any, run: Run, service: ServiceType) -> dict[str, Any]:
    """Class breaks of a run for the colours, and the legends that say them; by zoom where hexagons are drawn.
    Counts of cells speak of the whole city: only those who may see it get them."""
    found = run.breaks.get(service.code) or {}
    gap, coverage = found.get("gap") or {}, found.get("coverage") or {}
    edges = gap.get("edges") or [2, 3, 4, 5]
    levels = found.get("levels") or {}
    whole = gaps.sees_whole_city(user, run.city_id)
    words = dict(show_words())
    legends = {"gap": legend(gap_title(service), "gap", ranges(edges), gap.get("counts") if whole else None)}
    for state in ("late", "no_room", "out_of_reach"):
        title = _("%(state)s, %(unit)s per cell") % {"state": words[state], "unit": unit(service)}
        legends[state] = legend(title, "gap", ranges(edges))
    legends["coverage"] = legend(
        _("Coverage, share of need"), "cov", percent_ranges(), coverage.get("counts") if whole else None
    )
    wide = {level: ranges(level_edges) for level, level_edges in levels.items()}
    return {
        "breaks": {"gap": edges, "levels": levels, "coverage": coverage.get("edges") or COVERAGE_EDGES},
        "legends": legends,
        "wide": {"words": wide, "title": _("Gap, %(unit)s per hexagon") % {"unit": unit(service)}},
        "big": gaps.big_capacity(run, service),
        "nothing": _nothing(run, gap.get("counts") or []) if whole else {},
    }


def _nothing(run: Run, counts: list[int]) -> dict[str, int]:
    """Cells that have no colour of the ramp: people but no gap, nobody, no data."""
    empty = maps.empty_cells(run.city, run.time_of_day)
    return {**empty, "zero": max(empty["peopled"] - sum(counts), 0)}


def plan_classes(user: Any, run: Run, service: ServiceType) -> dict[str, Any]:
    """As run_classes, with the classes of a change: mirrored around zero, fewer unmet units on the blue side."""
    config = run_classes(user, run, service)
    steps = {level: max(edges[2], 10) for level, edges in config["breaks"]["levels"].items()}
    step = max(config["breaks"]["gap"][2], 10)
    config["breaks"]["difference"] = step
    config["breaks"]["differenceLevels"] = steps
    title = _("Change in gap, %(unit)s per cell") % {"unit": unit(service)}
    before = {
        **config["legends"]["gap"],
        "classes": [{**one, "cells": None} for one in config["legends"]["gap"]["classes"]],
    }
    config["legends"] = {
        "difference": legend(title, "chg", change_ranges(step)), "before": before, "after": before,
    }  # fmt: skip
    config["wide"]["differenceWords"] = {level: change_ranges(one) for level, one in steps.items()}
    config["wide"]["differenceTitle"] = _("Change in gap, %(unit)s per hexagon") % {"unit": unit(service)}
    return config


def change_ranges(step: int) -> list[str]:
    small = max(round(step / 10), 1)
    return [f"> +{short(step)}", _("more"), f"± {short(small)}", _("fewer"), f"< −{short(step)}"]


def gap_title(service: ServiceType) -> str:
    return _("Gap, %(unit)s per cell") % {"unit": unit(service)}


def facility_tiles(city: City, service: ServiceType) -> str:
    return f"/tiles/facilities/{{z}}/{{x}}/{{y}}.pbf?city={city.code}&service={service.code}&status=active"
