"""Idle assets, read."""

from __future__ import annotations

from typing import NamedTuple

from django.contrib.gis.db.models.functions import GeoFunc
from django.db.models import F, FloatField, Value
from django.db.models.functions import Coalesce

from core.models import City
from inventory.choices import AssetStatus
from inventory.models import AssetOption


class _X(GeoFunc):
    function = "ST_X"
    output_field = FloatField()


class _Y(GeoFunc):
    function = "ST_Y"
    output_field = FloatField()


class OptionRow(NamedTuple):
    """One thing an idle asset may become. Capacity in units of the service, money in fen."""

    asset_id: int
    asset_ref: str
    name: str
    name_en: str
    lon: float
    lat: float
    area_path: str
    option_id: int
    service_id: int
    service: str
    kind: str
    capacity: float
    cost_fen: int
    hours: float | None
    lead_months: int


def option_rows(city: City) -> list[OptionRow]:
    """Every option of every asset that is still idle, by asset then option; one statement."""
    rows = (
        AssetOption.objects.filter(asset__city=city, asset__status=AssetStatus.IDLE)
        .order_by("asset_id", "id")
        .values_list(
            "asset_id", "asset__ref", "asset__name", "asset__name_en", _X(F("asset__point")), _Y(F("asset__point")),
            Coalesce("asset__area__path", Value("")), "id", "service_id", "service__code", "kind", "capacity", "cost_fen",
            "conversion_hours", "lead_months",
        )
    )  # fmt: skip
    return [OptionRow._make(row) for row in rows]
