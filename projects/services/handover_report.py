"""What the builder's side reports as built: read whole, every problem at once.

`as_built` of a commissioning, all of it plain JSON:

    facility      reference of the place where the works were done, where the project names none
    name, name_en, use, address, owner, operator, contact      of a place that is new
    area_m2, rooms, beds                                       sizes as built; left out: as the registry has them
    agreements    [{party, valid_from, valid_to}]     certificates  [{kind, number, valid_from, valid_to}]
    goods         [{item, quantity, lot_number, expires_on}], received with the works
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from core.errors import InvalidInput, Problem
from facilities.choices import CapabilityStatus, FacilityStatus
from facilities.models import Capability, Facility, PeacetimeUse
from inventory.choices import InterventionKind
from inventory.models import ItemType
from projects.models import Project
from projects.selectors.checklist import converts

MOST_UNITS, MOST_HOURS, MOST_ROWS = 10**7, 10_000.0, 50
TEXTS = {"name": 200, "name_en": 200, "address": 300, "owner": 120, "operator": 120, "contact": 120}
SIZES = ("area_m2", "rooms", "beds")
PLAIN = {*TEXTS, *SIZES, "use", "facility"}
LISTS = {"agreements", "certificates", "goods"}
# Kinds that change a role which must be there already.
ON_A_ROLE = (
    InterventionKind.EXTEND,
    InterventionKind.UPGRADE,
    InterventionKind.STOCK,
    InterventionKind.RETIRE,
)


class _Reader:
    """Collects what is wrong, so that it is said once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, column: str, code: str, words: str, value: Any = "") -> None:
        self.problems.append(Problem(code, words, column=column, value=str(value)[:80]))

    def number(self, column: str, value: Any, most: float, *, whole: bool = False) -> Any:
        """The number, or None for nothing."""
        if value in (None, ""):
            return None
        try:
            found = float(value)
        except (TypeError, ValueError):
            found = math.nan
        if isinstance(value, bool) or not math.isfinite(found) or not 0 <= found <= most:
            self.wrong(
                column,
                "bad-number",
                _("A number from 0 to %(most)s is needed.") % {"most": f"{most:,.0f}"},
                value,
            )
            return None
        if whole and found != int(found):
            self.wrong(column, "not-whole", _("A whole number is needed."), value)
            return None
        return int(found) if whole else found

    def day(self, column: str, value: Any) -> str | None:
        if value in (None, ""):
            return None
        if isinstance(value, datetime.date):
            return value.isoformat()
        try:
            return datetime.date.fromisoformat(str(value)).isoformat()
        except ValueError:
            self.wrong(column, "bad-date", _("A date like 2026-11-20 is needed."), value)
            return None

    def text(self, column: str, value: Any, longest: int) -> str:
        found = str(value or "").replace("\x00", "").strip()
        if len(found) > longest:
            self.wrong(column, "too-long", _("At most %(count)d characters.") % {"count": longest}, found)
        return found


def read(
    *,
    project: Project,
    built_units: Any,
    barrier_free_units: Any,
    reported_hours: Any,
    as_built: dict[str, Any],
) -> dict[str, Any]:
    """Fields of the commissioning, or InvalidInput with everything that is wrong."""
    reader = _Reader()
    units = reader.number("built_units", built_units, MOST_UNITS, whole=True)
    if units is None and not reader.problems:
        reader.wrong("built_units", "required", _("Say how many units were built."))
    if units == 0 and converts(project):
        reader.wrong("built_units", "nothing-built", _("Nothing built is nothing to hand over."), 0)
    free = reader.number("barrier_free_units", barrier_free_units, MOST_UNITS, whole=True)
    if free is not None and units is not None and free > units:
        reader.wrong(
            "barrier_free_units", "too-large", _("More units are barrier-free than there are units."), free
        )
    hours = reader.number("reported_hours", reported_hours, MOST_HOURS)
    if hours is None and converts(project) and reported_hours in (None, ""):
        reader.wrong("reported_hours", "required", _("Say within how many hours it converts."))
    kept = _as_built(reader, project, as_built)
    if reader.problems:
        raise InvalidInput(_("The report cannot be taken. Correct what is listed."), reader.problems)
    return {"built_units": units, "barrier_free_units": free, "reported_hours": hours, "as_built": kept}


def _as_built(reader: _Reader, project: Project, said: dict[str, Any]) -> dict[str, Any]:
    for name in sorted(set(said) - PLAIN - LISTS):
        reader.wrong(name, "unknown-field", _("There is no such field."))
    kept: dict[str, Any] = {name: reader.text(name, said.get(name), most) for name, most in TEXTS.items()}
    kept |= {name: reader.number(name, said.get(name), 10**8, whole=name != "area_m2") for name in SIZES}
    kept["use"], kept["facility"] = str(said.get("use") or ""), str(said.get("facility") or "").strip()
    if kept["use"] and not PeacetimeUse.objects.filter(code=kept["use"]).exists():
        reader.wrong("use", "unknown-use", _("Choose a peacetime use."), kept["use"])
    place = _place(reader, project, kept["facility"])
    if place is None and not kept["facility"]:
        if project.kind in ON_A_ROLE:
            reader.wrong("facility", "required", _("Name the facility where the works were done."))
        elif not kept["use"]:
            reader.wrong("use", "required", _("A new facility needs its peacetime use."))
    elif place is not None:
        _role(reader, project, place)
    kept["agreements"] = _rows(reader, "agreements", said, _agreement)
    kept["certificates"] = _rows(reader, "certificates", said, _certificate)
    kept["goods"] = _rows(reader, "goods", said, _good)
    return {name: value for name, value in kept.items() if value not in (None, "", [])}


def _place(reader: _Reader, project: Project, ref: str) -> Facility | None:
    if project.facility_id:
        if ref and project.facility is not None and ref != project.facility.ref:
            reader.wrong(
                "facility", "other-facility", _("The project was approved for another facility."), ref
            )
        return project.facility
    if not ref:
        return None
    found = Facility.objects.filter(city_id=project.city_id, ref=ref).first()
    if found is None:
        reader.wrong("facility", "unknown-facility", _("There is no such facility in the city."), ref)
    elif project.idle_asset_id:
        reader.wrong(
            "facility",
            "other-facility",
            _("The project was approved for an idle asset, not for this facility."),
            ref,
        )
    return found


def _role(reader: _Reader, project: Project, place: Facility) -> None:
    if place.status == FacilityStatus.CLOSED:
        reader.wrong("facility", "closed", _("The facility is closed in the registry."), place.ref)
    if project.kind in ON_A_ROLE:
        held = Capability.objects.filter(facility=place, service=project.service).exclude(
            status=CapabilityStatus.RETIRED
        )
        if not held.exists():
            reader.wrong(
                "facility", "no-role", _("The facility has no such role that could be changed."), place.ref
            )


def _rows(
    reader: _Reader,
    name: str,
    said: dict[str, Any],
    read_one: Callable[[_Reader, str, dict[str, Any]], dict[str, Any]],
) -> list[dict[str, Any]]:
    rows = said.get(name) or []
    if not isinstance(rows, list) or len(rows) > MOST_ROWS or not all(isinstance(row, dict) for row in rows):
        reader.wrong(
            name, "bad-list", _("A list of at most %(count)d rows is needed.") % {"count": MOST_ROWS}
        )
        return []
    filled = [row for row in rows if any(str(value or "").strip() for value in row.values())]
    return [read_one(reader, f"{name}[{number}]", row) for number, row in enumerate(filled, start=1)]


def _period(reader: _Reader, column: str, row: dict[str, Any]) -> dict[str, Any]:
    first, last = (reader.day(f"{column}.{name}", row.get(name)) for name in ("valid_from", "valid_to"))
    if first and last and last < first:
        reader.wrong(f"{column}.valid_to", "bad-period", _("It ends before it begins."), last)
    return {"valid_from": first, "valid_to": last}


def _agreement(reader: _Reader, column: str, row: dict[str, Any]) -> dict[str, Any]:
    party = reader.text(f"{column}.party", row.get("party"), 120)
    if not party:
        reader.wrong(f"{column}.party", "required", _("An agreement is with somebody."))
    return {"party": party} | _period(reader, column, row)


def _certificate(reader: _Reader, column: str, row: dict[str, Any]) -> dict[str, Any]:
    kind = reader.text(f"{column}.kind", row.get("kind"), 80)
    if not kind:
        reader.wrong(f"{column}.kind", "required", _("Say which certificate it is."))
    return {"kind": kind, "number": reader.text(f"{column}.number", row.get("number"), 80)} | _period(
        reader, column, row
    )


def _good(reader: _Reader, column: str, row: dict[str, Any]) -> dict[str, Any]:
    item = str(row.get("item") or "")
    if not ItemType.objects.filter(code=item).exists():
        reader.wrong(
            f"{column}.item", "unknown-item", _("Choose one of the items of the stock ledger."), item
        )
    quantity = reader.number(f"{column}.quantity", row.get("quantity"), 2_000_000_000, whole=True)
    if not quantity:
        reader.wrong(f"{column}.quantity", "required", _("Say how many were received."))
    return {
        "item": item, "quantity": quantity, "lot_number": reader.text(f"{column}.lot_number", row.get("lot_number"), 60),
        "expires_on": reader.day(f"{column}.expires_on", row.get("expires_on")),
    }  # fmt: skip
