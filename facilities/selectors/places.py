"""Where a facility is and how large, for its record."""

from __future__ import annotations

import math
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import policies
from core.models import Area

EARTH_RADIUS_M = 6371008.8


def shift_of(thing: Any) -> float | None:
    """Metres between the position as declared and as it is in WGS-84; None where the original is in metres."""
    if thing.datum.startswith("EPSG:"):
        return None
    lon_a, lat_a, lon_b, lat_b = map(
        math.radians, (thing.original_x, thing.original_y, thing.point.x, thing.point.y)
    )
    half = (
        math.sin((lat_b - lat_a) / 2) ** 2
        + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(half))


def size_of(facility: Any) -> list[str]:
    """The sizes that are known, in words."""
    words = []
    if facility.area_m2 is not None:
        words.append(f"{facility.area_m2:,.0f} m²")
    if facility.rooms is not None:
        words.append(
            ngettext("%(count)s room", "%(count)s rooms", facility.rooms) % {"count": f"{facility.rooms:,}"}
        )
    if facility.beds is not None:
        words.append(
            ngettext("%(count)s bed", "%(count)s beds", facility.beds) % {"count": f"{facility.beds:,}"}
        )
    if facility.units is not None:
        words.append(_("%(count)s units") % {"count": f"{facility.units:,.0f}"})
    if facility.stars:
        words.append(
            ngettext("%(count)s star", "%(count)s stars", facility.stars) % {"count": facility.stars}
        )
    return words


def labels_around(thing: Any, user: Any, *, english: bool) -> list[dict[str, Any]]:
    """Names for the small map: areas within about 15 km whose label the person may see."""
    lon, lat = thing.point.x, thing.point.y
    areas = (
        Area.objects.filter(city_id=thing.city_id, level__gt=1)
        .filter(policies.visible_areas(user))
        .filter(label_point__bboverlaps=thing.point.buffer(0.15))
        .only("name", "name_en", "level", "label_point")
    )
    near = sorted(
        areas,
        key=lambda area: (area.level, (area.label_point.x - lon) ** 2 + (area.label_point.y - lat) ** 2),
    )
    return [
        {
            "name": (area.name_en or area.name) if english else area.name, "level": area.level,
            "lon": area.label_point.x, "lat": area.label_point.y,
        }
        for area in near[:60]
    ]  # fmt: skip
