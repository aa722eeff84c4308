"""What the registry can supply, for the engine: one row a role, in one statement."""

from __future__ import annotations

import datetime
from typing import NamedTuple

import numpy as np
from django.contrib.gis.db.models.functions import GeoFunc
from django.db.models import F, FloatField, Value
from django.db.models.functions import Coalesce

from core.models import City
from facilities.choices import CapabilityStatus
from facilities.selectors.readiness import capabilities_now


class _X(GeoFunc):
    function = "ST_X"
    output_field = FloatField()


class _Y(GeoFunc):
    function = "ST_Y"
    output_field = FloatField()


class SupplyRow(NamedTuple):
    """One role a facility has (`active`) or could take (`possible`). Hours: observed, else declared; None unknown."""

    facility_id: int
    facility_ref: str
    lon: float
    lat: float
    use: str
    area_path: str
    facility_status: str
    capability_id: int
    service_id: int
    service: str
    status: str
    capacity: float
    barrier_free: float | None
    hours: float | None
    cost_fen: int | None
    exclusive: bool
    rank: int
    hazards: list[str]
    lapsed_agreement: bool
    lapsed_certificate: bool
    entry_minutes: float
    readiness_minutes: float


def supply_rows(city: City, as_of: datetime.date) -> list[SupplyRow]:
    """Every active or possible role in the city on a day, by facility id, then rank, then service.

    Closed and planned places and lapsed papers are told, not left out: whoever builds a snapshot keeps the reason.
    """
    rows = (
        capabilities_now(as_of)
        .filter(facility__city=city)
        .exclude(status=CapabilityStatus.RETIRED)
        .order_by("facility_id", "rank", "service_id")
        .values_list(
            "facility_id", "facility__ref", _X(F("facility__point")), _Y(F("facility__point")), "facility__use__code",
            Coalesce("facility__area__path", Value("")),
            "facility__status", "id", "service_id", "service__code", "status", "capacity",
            "barrier_free_capacity",
            Coalesce("conversion_hours_observed", "conversion_hours_declared"), "conversion_cost_fen",
            "exclusive", "rank", "hazards", "lapsed_agreement", "lapsed_certificate",
            "facility__entry_minutes", "facility__readiness_minutes",
        )
    )  # fmt: skip
    return [SupplyRow._make(row) for row in rows]


def supply_columns(rows: list[SupplyRow]) -> dict[str, np.ndarray]:
    """The same rows as arrays by name: (r,) each. Unknown hours and barrier-free places are nan, unknown cost -1, hazards and texts objects."""
    kinds: dict[str, type] = {
        "facility_id": np.int64, "lon": np.float64, "lat": np.float64, "capability_id": np.int64,
        "service_id": np.int64, "capacity": np.float64, "hours": np.float64, "cost_fen": np.int64, "exclusive": np.bool_,
        "rank": np.int16, "lapsed_agreement": np.bool_, "lapsed_certificate": np.bool_,
        "barrier_free": np.float64, "entry_minutes": np.float64, "readiness_minutes": np.float64,
    }  # fmt: skip
    unknown = {"hours": np.nan, "cost_fen": -1, "barrier_free": np.nan}
    columns: dict[str, np.ndarray] = {}
    for position, name in enumerate(SupplyRow._fields):
        values = [row[position] for row in rows]
        if name in unknown:
            values = [unknown[name] if value is None else value for value in values]
        if name in kinds:
            columns[name] = np.array(values, dtype=kinds[name])
        else:
            columns[name] = np.empty(len(values), dtype=object)
            columns[name][:] = values
    return columns
