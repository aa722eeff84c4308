"""Registry rows out of a table: facilities, and the roles and papers that other tables give them.

Used by city packs and by the import pages alike: the same columns, the same checks, the same words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from django.utils.translation import gettext_lazy as _

from facilities.choices import CapabilityStatus, FacilityStatus
from facilities.importers.columns import Column, Columns
from facilities.importers.geometry import Places, place_points
from facilities.importers.problems import Problems

# what a facility file may bring: kind of value and limits; the longest text the registry keeps
TEXTS = {"name": 200, "name_en": 200, "address": 300, "owner": 120, "operator": 120, "contact": 120}
FIELDS: dict[str, Column] = {
    "id": Column("id"),
    "name": Column("name", required=True),
    "name_en": Column("name_en"),
    "use": Column("use"),
    "lon": Column("lon", "number", required=True),
    "lat": Column("lat", "number", required=True),
    "address": Column("address"),
    "area_m2": Column("area_m2", "number", minimum=0, maximum=1e9),
    "rooms": Column("rooms", "whole", minimum=0, maximum=1e6),
    "beds": Column("beds", "whole", minimum=0, maximum=1e6),
    "units": Column("units", "number", minimum=0, maximum=1e12),
    "stars": Column("stars", "whole", minimum=0, maximum=7),
    "entry_minutes": Column("entry_minutes", "number", minimum=0, maximum=240),
    "readiness_minutes": Column("readiness_minutes", "number", minimum=0, maximum=14_400),
    "owner": Column("owner"),
    "operator": Column("operator"),
    "contact": Column("contact"),
    "status": Column("status"),
    "confirmed_on": Column("confirmed_on", "date"),
}
NUMBERS = ("area_m2", "rooms", "beds", "units", "stars", "entry_minutes", "readiness_minutes")


@dataclass(frozen=True)
class FacilityMapping:
    """How a file's columns become a facility's fields.

    columns: field -> column name in the file. use: one use for every row, or use_values: what the use column says ->
    use code (a value that is a code already needs no entry).
    """

    columns: Mapping[str, str]
    use: str = ""
    use_values: Mapping[str, str] = field(default_factory=dict)

    def wanted(self, *, point_geometry: bool = False) -> dict[str, Column]:
        """Columns to read. Files with point geometry need no lon and lat columns."""
        wanted = {}
        for name, column in FIELDS.items():
            given = self.columns.get(name)
            if given:
                wanted[name] = Column(given, column.kind, column.required, column.minimum, column.maximum)
            elif column.required and not (point_geometry and name in ("lon", "lat")):
                wanted[name] = column
        return wanted

    def as_dict(self) -> dict[str, object]:
        return {"columns": dict(self.columns), "use": self.use, "use_values": dict(self.use_values)}


@dataclass(frozen=True)
class FacilityRows:
    """Checked facilities of one file, (n,) each; numbers are nan where unknown."""

    source_id: np.ndarray
    use: np.ndarray
    status: np.ndarray
    places: Places
    texts: dict[str, np.ndarray]
    numbers: dict[str, np.ndarray]
    confirmed_on: np.ndarray
    rows: np.ndarray
    file: str

    def __len__(self) -> int:
        return len(self.rows)


def facility_rows(
    table: Columns,
    mapping: FacilityMapping,
    datum: str,
    known_uses: Collection[str],
    problems: Problems,
    *,
    inside: tuple[float, float, float, float] | None = None,
) -> FacilityRows:
    """Check every row; whatever is wrong is in `problems`, and the rows are only usable when nothing is."""
    if "lon" in table:
        x, y = table["lon"], table["lat"]
    else:
        points = shapely.centroid(table.shapes)
        x, y = shapely.get_x(points), shapely.get_y(points)
    places = place_points(x, y, datum, table, problems, inside=inside)
    texts = {name: table.text(name) for name in TEXTS}
    for name, longest in TEXTS.items():
        too_long = np.flatnonzero([len(value) > longest for value in texts[name]])
        text = _("The text is longer than %(longest)d characters.")
        where: dict[str, Any] = {"file": table.file, "column": table.source(name), "longest": longest}
        problems.add_rows("text_too_long", text, table.rows[too_long], **where)
    ids = table.text("id").copy()
    missing = ids == ""
    if missing.any():
        ids[missing] = _made_ids(texts["name"][missing], x[missing], y[missing])
    repeated_codes(ids, table, problems, column=table.source("id") if "id" in table else "")
    return FacilityRows(
        source_id=ids,
        use=_uses(table, mapping, known_uses, problems),
        status=_choice(table, "status", FacilityStatus.values, FacilityStatus.ACTIVE, problems),
        places=places,
        texts=texts,
        numbers={name: table.number(name) for name in NUMBERS},
        confirmed_on=table.text("confirmed_on"),
        rows=table.rows,
        file=table.file,
    )


def repeated_codes(codes: np.ndarray, table: Columns, problems: Problems, *, column: str) -> None:
    """A code that appears twice: the second row is named, with the row that had it first."""
    first: dict[str, int] = {}
    for code, row in zip(codes.tolist(), table.rows.tolist(), strict=True):
        if code in first:
            text = _('The code "%(cell)s" is already used in row %(first)d.')
            problems.add(
                "code_twice", text, file=table.file, row=row, column=column, cell=code, first=first[code]
            )
        else:
            first[code] = row


def _made_ids(names: np.ndarray, x: np.ndarray, y: np.ndarray) -> list[str]:
    """Sources without ids get one from name and place, so that loading again finds the same facility."""
    made = []
    for name, lon, lat in zip(names.tolist(), x.tolist(), y.tolist(), strict=True):
        made.append("auto-" + hashlib.sha256(f"{name}|{lon:.6f}|{lat:.6f}".encode()).hexdigest()[:16])
    return made


def _uses(
    table: Columns, mapping: FacilityMapping, known_uses: Collection[str], problems: Problems
) -> np.ndarray:
    if "use" not in table:
        if mapping.use not in known_uses:
            text = _('The peacetime use "%(cell)s" is not known. Known: %(known)s.')
            problems.add(
                "use_unknown", text, file=table.file, cell=mapping.use, known=", ".join(sorted(known_uses))
            )
        return np.full(len(table), mapping.use, dtype=object)
    said = table["use"]
    uses = said.copy()
    for value in sorted(set(said.tolist())):
        code = mapping.use_values.get(value, value) or mapping.use
        here = said == value
        uses[here] = code
        if code not in known_uses:
            text = _('The peacetime use "%(cell)s" is not known. Known: %(known)s.')
            where: dict[str, Any] = {"file": table.file, "column": table.source("use"), "cell": value or "—"}
            problems.add_rows(
                "use_unknown", text, table.rows[here], **where, known=", ".join(sorted(known_uses))
            )
    return uses


def _choice(
    table: Columns, name: str, allowed: Collection[str], default: str, problems: Problems
) -> np.ndarray:
    values = table.text(name).copy()
    values[values == ""] = default
    for value in sorted(set(values.tolist()) - set(allowed)):
        text = _('"%(cell)s" is not one of: %(known)s.')
        where: dict[str, Any] = {"file": table.file, "column": table.source(name), "cell": value}
        problems.add_rows(
            "choice_unknown", text, table.rows[values == value], **where, known=", ".join(allowed)
        )
    return values


ROLE_COLUMNS: dict[str, Column] = {
    "facility": Column("facility", required=True),
    "service": Column("service", required=True),
    "status": Column("status"),
    "hours": Column("hours", "number", minimum=0, maximum=100_000),
    "observed_hours": Column("observed_hours", "number", minimum=0, maximum=100_000),
    "capacity": Column("capacity", "number", minimum=0, maximum=1e9),
    "barrier_free_capacity": Column("barrier_free_capacity", "number", minimum=0, maximum=1e9),
    "barrier_free_share": Column("barrier_free_share", "number", minimum=0, maximum=1),
    "cost_yuan": Column("cost_yuan", "number", minimum=0, maximum=1e12),
    "conditions": Column("conditions"),
}
PAPER_COLUMNS: dict[str, Column] = {
    "facility": Column("facility", required=True),
    "kind": Column("kind"),
    "number": Column("number"),
    "party": Column("party"),
    "valid_from": Column("valid_from", "date"),
    "valid_to": Column("valid_to", "date"),
}


def mapped(fields: Mapping[str, Column], given: Mapping[str, str]) -> dict[str, Column]:
    """The fields a table is to be read for: those that are mapped and those that are required."""
    wanted = {}
    for name, column in fields.items():
        if given.get(name) or column.required:
            source = given.get(name) or column.source
            wanted[name] = Column(source, column.kind, column.required, column.minimum, column.maximum)
    return wanted


@dataclass(frozen=True)
class RoleRows:
    """One row a facility and service, (n,); hours, capacity and cost are nan where the rule decides;
    barrier_free (places) and barrier_free_share (of the capacity) are nan where the file says nothing."""

    facility: np.ndarray
    service: np.ndarray
    status: np.ndarray
    hours: np.ndarray
    observed_hours: np.ndarray
    capacity: np.ndarray
    barrier_free: np.ndarray
    barrier_free_share: np.ndarray
    cost_yuan: np.ndarray
    conditions: np.ndarray


@dataclass(frozen=True)
class PaperRows:
    """Agreements or certificates, (n,); dates as ISO text, empty when open."""

    facility: np.ndarray
    kind: np.ndarray
    number: np.ndarray
    party: np.ndarray
    valid_from: np.ndarray
    valid_to: np.ndarray


def role_rows(
    table: Columns, known_ids: Collection[str], known_services: Collection[str], problems: Problems
) -> RoleRows:
    known_facilities(table, known_ids, problems)
    known_codes(table, "service", known_services, problems)
    pairs = np.array(
        [f"{f}|{s}" for f, s in zip(table["facility"], table["service"], strict=True)], dtype=object
    )
    repeated_codes(pairs, table, problems, column=table.source("facility"))
    capacity, barrier_free = table.number("capacity"), table.number("barrier_free_capacity")
    text = _("More places are barrier-free than there are places.")
    where: dict[str, Any] = {"file": table.file, "column": table.source("barrier_free_capacity")}
    problems.add_rows("barrier_free_too_large", text, table.rows[barrier_free > capacity], **where)
    return RoleRows(
        table["facility"], table["service"],
        _choice(table, "status", CapabilityStatus.values, CapabilityStatus.ACTIVE, problems),
        table.number("hours"), table.number("observed_hours"), capacity, barrier_free,
        table.number("barrier_free_share"), table.number("cost_yuan"),
        table.text("conditions"),
    )  # fmt: skip


def paper_rows(table: Columns, known_ids: Collection[str], problems: Problems) -> PaperRows:
    known_facilities(table, known_ids, problems)
    begins, ends = table.text("valid_from"), table.text("valid_to")
    wrong = (begins != "") & (ends != "") & (begins > ends)
    text = _("It ends before it begins.")
    problems.add_rows(
        "dates_reversed", text, table.rows[wrong], file=table.file, column=table.source("valid_to")
    )
    return PaperRows(
        table["facility"], table.text("kind"), table.text("number"), table.text("party"), begins, ends
    )


def known_facilities(
    table: Columns, known_ids: Collection[str], problems: Problems, name: str = "facility"
) -> None:
    for row, value in zip(table.rows.tolist(), table[name].tolist(), strict=True):
        if value and value not in known_ids:
            text = _('There is no facility or asset with the id "%(cell)s".')
            where: dict[str, Any] = {"file": table.file, "row": row, "column": table.source(name)}
            problems.add("id_unknown", text, **where, cell=value)


def known_codes(table: Columns, name: str, known: Collection[str], problems: Problems) -> None:
    for value in sorted(set(table[name].tolist()) - set(known) - {""}):
        text = _('"%(cell)s" is not one of: %(known)s.')
        where: dict[str, Any] = {"file": table.file, "column": table.source(name), "cell": value}
        problems.add_rows(
            "choice_unknown", text, table.rows[table[name] == value], **where, known=", ".join(sorted(known))
        )
