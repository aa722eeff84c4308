"""Idle assets, read. What a person may not see is left out here."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.contrib.gis.db.models.functions import GeoFunc
from django.db.models import Case, Count, F, FloatField, Min, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce

from core import policies
from core.models import City
from inventory.choices import AssetKind, AssetStatus
from inventory.models import AssetOption, IdleAsset


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
    land_m2: float | None


def option_rows(city: City) -> list[OptionRow]:
    """Every option of every asset that is still idle, by asset then option; one statement. `land_m2`: idle land that it
    takes; None where nobody has measured it, 0 for vacant premises, which stand already."""
    rows = (
        AssetOption.objects.filter(asset__city=city, asset__status=AssetStatus.IDLE)
        .order_by("asset_id", "id")
        .values_list(
            "asset_id", "asset__ref", "asset__name", "asset__name_en", _X(F("asset__point")), _Y(F("asset__point")),
            Coalesce("asset__area__path", Value("")), "id", "service_id", "service__code", "kind", "capacity", "cost_fen",
            "conversion_hours", "lead_months",
            Case(When(asset__kind=AssetKind.PREMISES, then=Value(0.0)), default=F("asset__land_m2")),
        )
    )  # fmt: skip
    return [OptionRow._make(row) for row in rows]


def assets_for(user: Any) -> QuerySet[IdleAsset]:
    return IdleAsset.objects.filter(policies.visible(user)).select_related("area", "city")


def options_for(user: Any) -> QuerySet[AssetOption]:
    seen = policies.visible(user, area="asset__area", city="asset__city")
    return AssetOption.objects.filter(seen).select_related("asset", "asset__area", "service")


def with_options(assets: QuerySet[IdleAsset]) -> QuerySet[IdleAsset]:
    """Adds the options with their services, two statements for any number of assets."""
    return assets.prefetch_related("options__service")


def with_cheapest(assets: QuerySet[IdleAsset]) -> QuerySet[IdleAsset]:
    """Adds `cheapest_fen`: the least that any option costs."""
    return assets.annotate(cheapest_fen=Min("options__cost_fen"))


def counts(assets: QuerySet[IdleAsset], field: str) -> dict[str, int]:
    return dict(assets.order_by().values_list(field).annotate(n=Count("pk", distinct=True)))


def sums_by_service(assets: QuerySet[IdleAsset]) -> list[dict[str, Any]]:
    """What the options of these assets add up to by service: one asset may be counted for several."""
    rows = (
        AssetOption.objects.filter(asset__in=assets.order_by().values("pk"))
        .values("service__code", "service__name", "service__name_en", "service__unit", "service__unit_name")
        .annotate(capacity=Sum("capacity"), assets=Count("asset", distinct=True))
        .order_by("service__sort_order")
    )
    return [{name.removeprefix("service__"): value for name, value in row.items()} for row in rows]
