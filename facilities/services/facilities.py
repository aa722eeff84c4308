"""Facilities, written one at a time by a person or a program. Files come in through services/imports.py."""

from __future__ import annotations

import datetime
import math
from typing import Any, cast

from django.contrib.gis.geos import MultiPolygon, Point
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError, InvalidInput, Problem
from core.models import Area, City
from core.services import audit
from core.services.geometry import checked_geometry
from core.services.refs import registry_refs
from engine import crs
from facilities.choices import FacilityStatus
from facilities.errors import ChangedMeanwhile
from facilities.models import Facility, PeacetimeUse
from facilities.selectors.changes import changes_since
from facilities.services.capabilities import derive_capabilities
from facilities.services.imports import AREA_OF_POINT, NEAR_M, box_of

TEXTS = {"name": 200, "name_en": 200, "address": 300, "owner": 120, "operator": 120, "contact": 120}
SIZES = ("area_m2", "rooms", "beds", "units", "stars")
# Minutes that a place adds to trips and to its conversion, with the most that is taken for true.
MINUTES = {"entry_minutes": 240, "readiness_minutes": 14_400}
WHOLE = {"rooms", "beds", "stars"}
POSITION = {"datum", "original_x", "original_y"}
FIELDS = {*TEXTS, *SIZES, *MINUTES, *POSITION, "use", "status", "footprint", "confirmed_on"}
# A whole-number column holds at most this; larger sizes are typing errors anyway.
LARGEST = 2_000_000_000


def state(facility: Facility) -> dict[str, Any]:
    """What the audit and a conflict compare: every field a person may set, in JSON terms."""
    kept: dict[str, Any] = {
        name: getattr(facility, name) for name in (*TEXTS, *SIZES, *MINUTES, *sorted(POSITION), "status")
    }
    kept["use"] = facility.use.code
    kept["confirmed_on"] = facility.confirmed_on.isoformat() if facility.confirmed_on else None
    kept["footprint"] = facility.footprint.wkt if facility.footprint else None
    return kept


def place(*, city: City, x: float, y: float, datum: str) -> tuple[Point, Area | None]:
    """WGS-84 point of a declared position, and the smallest area of the city that holds it (None: no known area does)."""
    try:
        known = crs.parse_datum(datum)
    except crs.UnknownDatum:
        raise InvalidInput(
            _("The position cannot be read."),
            [
                Problem(
                    "unknown-datum",
                    _("Declare the datum: WGS-84, CGCS2000, GCJ-02, BD-09 or an EPSG code."),
                    column="datum",
                    value=str(datum),
                )
            ],
        ) from None
    geographic = not known.startswith("EPSG:")
    if not (math.isfinite(x) and math.isfinite(y)) or (
        geographic and not (-180 <= x <= 180 and -90 <= y <= 90)
    ):
        swapped = geographic and math.isfinite(x) and math.isfinite(y) and abs(x) <= 90 and abs(y) <= 180
        words = (
            _("Longitude and latitude seem to be swapped.") if swapped else _("This is no position on earth.")
        )
        raise InvalidInput(
            _("The position cannot be read."),
            [Problem("bad-position", words, column="original_x", value=f"{x}, {y}")],
        )
    lon, lat = crs.to_wgs84([x], [y], known)
    if not (math.isfinite(lon[0]) and math.isfinite(lat[0])):
        raise InvalidInput(
            _("The position cannot be read."),
            [
                Problem(
                    "bad-position", _("This is no position on earth."), column="original_x", value=f"{x}, {y}"
                )
            ],
        )
    point = Point(float(lon[0]), float(lat[0]), srid=4326)
    area = _area_of(city, point)
    if area is None and not _in_reach(city, point):
        turned = _area_of(city, Point(point.y, point.x, srid=4326)) if abs(point.x) <= 90 else None
        words = (
            _("Longitude and latitude seem to be swapped.")
            if turned
            else _("The position lies outside %(city)s.") % {"city": city.name}
        )
        raise InvalidInput(
            _("The position cannot be read."),
            [Problem("outside-city", words, column="original_x", value=f"{x}, {y}")],
        )
    return point, area


def _area_of(city: City, point: Point) -> Area | None:
    """The deepest area that holds the point, or the nearest just beside it: the rule of imports."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"select {AREA_OF_POINT} from (select st_geomfromewkb(%(point)s) as point) s",  # noqa: S608
            {"city": city.pk, "near": NEAR_M, "point": bytes(point.ewkb)},
        )
        found = cursor.fetchone()[0]
    return Area.objects.defer("geometry").filter(pk=found).first() if found else None


def _in_reach(city: City, point: Point) -> bool:
    """Inside the box that imports accept: a known city may have areas on record for its middle only."""
    box = box_of(city)
    return box is not None and box[0] <= point.x <= box[2] and box[1] <= point.y <= box[3]


def read_footprint(value: Any) -> MultiPolygon | None:
    """A valid multipolygon in WGS-84 from GeoJSON or WKT, or a problem in words."""
    if value in (None, ""):
        return None
    try:
        return cast(MultiPolygon, checked_geometry(value, kinds=("MultiPolygon",)))
    except DomainError as error:
        problem = Problem(error.code, error.message, column="footprint")
        raise InvalidInput(_("The facility cannot be saved."), [problem]) from None


def clean(fields: dict[str, Any], *, new: bool) -> dict[str, Any]:
    """Fields as the model takes them; every problem at once."""
    problems = [
        Problem("unknown-field", _("There is no such field."), column=name) for name in set(fields) - FIELDS
    ]
    out: dict[str, Any] = {}
    for name, longest in TEXTS.items():
        if name in fields:
            # PostgreSQL text knows no NUL.
            out[name] = str(fields[name] or "").replace("\x00", "").strip()
            if len(out[name]) > longest:
                words = _("At most %(count)d characters.") % {"count": longest}
                problems.append(Problem("too-long", words, column=name, value=out[name][:40]))
    if (new or "name" in fields) and not out.get("name"):
        problems.append(Problem("required", _("A name is needed."), column="name"))
    for name in SIZES:
        if name in fields:
            value = fields[name]
            if value in (None, ""):
                out[name] = None
                continue
            if (
                not isinstance(value, int | float)
                or isinstance(value, bool)
                or not math.isfinite(value)
                or not 0 <= value <= LARGEST
            ):
                problems.append(
                    Problem(
                        "bad-number",
                        _("A number that is not negative is needed."),
                        column=name,
                        value=str(value),
                    )
                )
            elif name in WHOLE and value != int(value):
                problems.append(
                    Problem("not-whole", _("A whole number is needed."), column=name, value=str(value))
                )
            else:
                out[name] = int(value) if name in WHOLE else float(value)
    for name, most in MINUTES.items():
        if name in fields:
            value = fields[name] or 0
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
                words = _("Minutes from 0 to %(most)s are needed.") % {"most": f"{most:,}"}
                problems.append(Problem("bad-minutes", words, column=name, value=str(value)))
            else:
                out[name] = float(value)
    if new or "use" in fields:
        use = PeacetimeUse.objects.filter(code=fields.get("use") or "").first()
        if use is None:
            problems.append(
                Problem(
                    "unknown-use",
                    _("Choose a peacetime use."),
                    column="use",
                    value=str(fields.get("use") or ""),
                )
            )
        out["use"] = use
    if "status" in fields:
        out["status"] = fields["status"]
        if out["status"] not in FacilityStatus.values:
            problems.append(Problem("unknown-status", _("Choose one of the listed states."), column="status"))
    if "confirmed_on" in fields:
        value = fields["confirmed_on"]
        try:
            out["confirmed_on"] = (
                datetime.date.fromisoformat(value) if isinstance(value, str) and value else value or None
            )
        except ValueError:
            problems.append(
                Problem(
                    "bad-date",
                    _("A date like 2026-11-20 is needed."),
                    column="confirmed_on",
                    value=str(value),
                )
            )
    given = POSITION & set(fields)
    if (new or given) and given != POSITION:
        words = _("A position is two coordinates and the datum they are in.")
        problems.append(Problem("incomplete-position", words, column=", ".join(sorted(POSITION - given))))
    elif given:
        for name in ("original_x", "original_y"):
            if not isinstance(fields[name], int | float) or isinstance(fields[name], bool):
                problems.append(
                    Problem(
                        "bad-number",
                        _("A coordinate in degrees or metres is needed."),
                        column=name,
                        value=str(fields[name]),
                    )
                )
        out.update({name: fields[name] for name in POSITION})
    try:
        if "footprint" in fields:
            out["footprint"] = read_footprint(fields["footprint"])
    except InvalidInput as error:
        problems += error.problems
    if problems:
        raise InvalidInput(_("The facility cannot be saved."), problems)
    return out


def _put(facility: Facility, cleaned: dict[str, Any]) -> None:
    if set(cleaned) >= POSITION:
        x, y, datum = float(cleaned["original_x"]), float(cleaned["original_y"]), str(cleaned["datum"])
        moved = (x, y, datum) != (facility.original_x, facility.original_y, facility.datum)
        if moved or facility.pk is None:
            facility.point, facility.area = place(city=facility.city, x=x, y=y, datum=datum)
            cleaned["datum"] = crs.parse_datum(datum)
    for name, value in cleaned.items():
        setattr(facility, name, value)


@transaction.atomic
def create_facility(*, user: Any, city: City, fields: dict[str, Any], reason: str = "") -> Facility:
    """Add a facility. Its roles follow from the capacity rules of its use."""
    policies.demand(user, "facility.edit")
    facility = Facility(city=city)
    _put(facility, clean(fields, new=True))
    policies.demand(user, "facility.edit", facility)
    return _entered(user, facility, reason)


@transaction.atomic
def enter_facility(*, user: Any, city: City, fields: dict[str, Any], reason: str) -> Facility:
    """As create_facility. No policy: for a service whose own right was asked, such as the acceptance of works."""
    facility = Facility(city=city)
    _put(facility, clean(fields, new=True))
    return _entered(user, facility, reason)


def _entered(user: Any, facility: Facility, reason: str) -> Facility:
    facility.ref = registry_refs("FA", 1)[0]
    facility.confirmed_on = facility.confirmed_on or timezone.localdate()
    facility.save()
    derive_capabilities(city=facility.city, facility_ids=[facility.pk])
    audit.record(
        user=user,
        act="facility.add",
        subject=facility,
        after={**state(facility), "version": 1},
        reason=reason,
    )
    return facility


@transaction.atomic
def update_facility(
    *,
    user: Any,
    facility: Facility,
    version: int | None,
    fields: dict[str, Any],
    reason: str = "",
    act: str = "facility.change",
) -> Facility:
    """Change what is in `fields`. `version` is the one the person saw; None skips that check (an accepted proposal
    names its own). Raises ChangedMeanwhile when someone saved in between.
    """
    kept = (
        Facility.objects.select_for_update(of=("self",))
        .select_related("use", "area", "city")
        .get(pk=facility.pk)
    )
    policies.demand(user, "facility.edit", kept)
    if version is not None and version != kept.version:
        raise ChangedMeanwhile(version=kept.version, changes=changes_since(kept, version))
    before = state(kept)
    _put(kept, clean(fields, new=False))
    policies.demand(user, "facility.edit", kept)
    return _changed(user, kept, before, reason, act)


@transaction.atomic
def amend_facility(
    *, user: Any, facility: Facility, fields: dict[str, Any], reason: str, act: str
) -> Facility:
    """As update_facility, whatever version was read. No policy: for a service whose own right was asked."""
    kept = (
        Facility.objects.select_for_update(of=("self",))
        .select_related("use", "area", "city")
        .get(pk=facility.pk)
    )
    before = state(kept)
    _put(kept, clean(fields, new=False))
    return _changed(user, kept, before, reason, act)


def _changed(user: Any, kept: Facility, before: dict[str, Any], reason: str, act: str) -> Facility:
    after = state(kept)
    changed = [name for name in after if after[name] != before[name]]
    if not changed:
        return kept
    kept.version += 1
    kept.save()
    if {"use", *SIZES} & set(changed):
        derive_capabilities(city=kept.city, facility_ids=[kept.pk], all_roles="use" in changed)
    audit.record(
        user=user, act=act, subject=kept,
        before={name: before[name] for name in changed} | {"version": kept.version - 1},
        after={name: after[name] for name in changed} | {"version": kept.version},
        reason=reason,
    )  # fmt: skip
    return kept


def close_facility(*, user: Any, facility: Facility, version: int | None, reason: str) -> Facility:
    """Take a place out of use. It stays on record and supplies nothing."""
    if not reason.strip():
        raise DomainError("reason-needed", _("Say why the facility is closed."), status=422)
    return update_facility(
        user=user,
        facility=facility,
        version=version,
        fields={"status": FacilityStatus.CLOSED},
        reason=reason,
        act="facility.close",
    )
