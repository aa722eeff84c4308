"""What may be said of a project in a draft, and whether it can be true: one place for page, API, command and import."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

from django.contrib.gis.geos import Point
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from core.models import Area, City
from facilities.models import ServiceType
from inventory.choices import InterventionKind
from projects.services import investment_codes

# Longest texts, in characters; 0: as long as one likes up to MOST_TEXT.
TEXTS = {
    "name": 200, "name_en": 200, "description": 0, "site": 200, "builder": 160, "lead_department": 120, "stage": 60,
    "duplicate_reason": 0,
}  # fmt: skip
MOST_TEXT = 10_000
NUMBERS = ("units", "cost_fen", "conversion_hours", "land_m2")
DATES = ("starts_on", "ends_on")
# Of a project from a plan these are the plan's own words.
PLACE = ("kind", "service", "longitude", "latitude")
EDITABLE = frozenset({*TEXTS, *NUMBERS, *DATES, *PLACE, "investment_code"})
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2100, 12, 31)


def checked(said: dict[str, Any]) -> dict[str, Any]:
    """The fields as they are stored, or DomainError "bad-project" with everything that is wrong at once. Both dates must
    be there to be compared; longitude and latitude become `point`."""
    wrong: list[str] = []
    found: dict[str, Any] = {name: _text(name, said[name], wrong) for name in TEXTS if name in said}
    if "name" in said and not found["name"]:
        wrong.append(str(_("a name is needed")))
    for name in NUMBERS:
        if name in said:
            found[name] = _number(name, said[name], wrong)
    for name in DATES:
        if name in said:
            found[name] = said[name]
            if said[name] is not None and not FIRST_DAY <= said[name] <= LAST_DAY:
                wrong.append(str(_("dates lie between the years 2000 and 2100")))
    if found.get("starts_on") and found.get("ends_on") and found["ends_on"] < found["starts_on"]:
        wrong.append(str(_("the end lies before the start")))
    if "kind" in said:
        found["kind"] = said["kind"]
        if said["kind"] not in InterventionKind.values:
            wrong.append(str(_("the intervention is not known")))
    if "service" in said:
        found["service"] = said["service"]
        if not isinstance(said["service"], ServiceType):
            wrong.append(str(_("the service is not known")))
    if "longitude" in said or "latitude" in said:
        found["point"] = _point(said.get("longitude"), said.get("latitude"), wrong)
    if "investment_code" in said:
        code = str(said["investment_code"] or "").strip()
        try:
            found["investment_code"] = investment_codes.clean(code) if code else ""
        except DomainError as refused:
            if not wrong:
                raise
            wrong.append(str(refused.message))
    if wrong:
        words = "; ".join(dict.fromkeys(wrong))
        raise DomainError("bad-project", _("Correct this: %(words)s.") % {"words": words}, status=422)
    return found


def _text(name: str, value: Any, wrong: list[str]) -> str:
    text = str(value or "").replace("\x00", "").strip()
    most = TEXTS[name] or MOST_TEXT
    if len(text) > most:
        wrong.append(str(_("a text is longer than %(most)d characters") % {"most": most}))
    return text


def _number(name: str, value: Any, wrong: list[str]) -> Any:
    if value is None and name in ("conversion_hours", "land_m2"):
        return None
    try:
        number = int(value) if name in ("units", "cost_fen") else float(value)
        if name in ("units", "cost_fen") and number != value:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if name == "units" and not 0 < number <= 10**9:
        wrong.append(str(_("units must be whole and above 0")))
    elif name == "cost_fen" and not 0 <= number <= 10**15:
        wrong.append(str(_("the cost must be whole fen, not negative")))
    elif name == "conversion_hours" and not 0 <= number <= 100_000:
        wrong.append(str(_("the hours must lie between 0 and 100,000")))
    elif name == "land_m2" and not 0 <= number <= 10**9:
        wrong.append(str(_("the land must lie between 0 and 1,000,000,000 m²")))
    return number


def _point(longitude: Any, latitude: Any, wrong: list[str]) -> Point | None:
    try:
        lon, lat = float(longitude), float(latitude)
    except (TypeError, ValueError):
        lon = lat = math.nan
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        wrong.append(str(_("the position is a longitude and a latitude")))
        return None
    return Point(lon, lat, srid=4326)


def area_of(city: City, point: Point) -> Area:
    """The smallest area the position lies in. Raises DomainError outside the city."""
    area = Area.objects.filter(city=city, geometry__covers=point).order_by("-level", "pk").first()
    if area is None:
        raise DomainError("outside-city", _("The position lies outside every area of the city."), status=422)
    return area
