"""Filters of idle assets and stock: one set for page, API and export."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import CharFilter, NumberFilter

from core.filters import PlaceFilter, SharedFilter
from facilities.filters import AreasFilter, WordsFilter
from inventory.choices import AssetKind, AssetStatus, InterventionKind, MovementKind, Tenure
from inventory.models import AssetOption, IdleAsset, Lot, StockMovement
from inventory.selectors.idle_assets import with_cheapest


class IdleAssetFilter(PlaceFilter):
    search_fields = ("name", "name_en", "address", "ref", "source_id", "former_use")
    ORDERINGS = {
        "ref": "ref", "name": "name", "name_en": "name_en", "area": "area__path", "kind": "kind", "floor_m2": "floor_m2",
        "land_m2": "land_m2", "cost": "cheapest_fen",
    }  # fmt: skip
    DEFAULT_ORDERING = "ref"

    area = AreasFilter(field_name="area", label=_("area codes, each with everything below it"))
    kind = WordsFilter(field_name="kind", choices=AssetKind.choices, label=_("premises or land"))
    status = WordsFilter(field_name="status", choices=AssetStatus.choices, label=_("state"))
    tenure = WordsFilter(field_name="tenure", choices=Tenure.choices, label=_("tenure"))
    service = WordsFilter(method="by_service", label=_("service it may give"))
    cost_max = NumberFilter(
        method="by_cost", min_value=0, label=_("an option that costs at most so many fen")
    )
    ordering = CharFilter(
        method="later", label=_("ref, name, name_en, area, kind, floor_m2, land_m2 or cost; - for descending")
    )

    class Meta:
        model = IdleAsset
        fields: list[str] = []

    def later(self, queryset: QuerySet[IdleAsset], name: str, value: Any) -> QuerySet[IdleAsset]:
        """Taken in `ordered`."""
        return queryset

    def by_service(self, queryset: QuerySet[IdleAsset], name: str, value: list[str]) -> QuerySet[IdleAsset]:
        found = AssetOption.objects.filter(service__code__in=value).values("asset")
        return queryset.filter(pk__in=found) if value else queryset

    def by_cost(self, queryset: QuerySet[IdleAsset], name: str, value: Any) -> QuerySet[IdleAsset]:
        return queryset.filter(pk__in=AssetOption.objects.filter(cost_fen__lte=value).values("asset"))

    @property
    def ordered(self) -> QuerySet[IdleAsset]:
        """The matching assets with `cheapest_fen`, in the order asked for."""
        if not self.is_valid():
            return with_cheapest(self.queryset.none())
        chosen = []
        for word in (self.form.cleaned_data.get("ordering") or self.DEFAULT_ORDERING).split(","):
            column = self.ORDERINGS.get(word.strip().removeprefix("-"))
            if column:
                down = word.strip().startswith("-")
                chosen.append(F(column).desc(nulls_last=True) if down else F(column).asc(nulls_last=True))
        return with_cheapest(self.qs).order_by(*chosen, "pk")


class OptionFilter(SharedFilter):
    search_fields = ("asset__name", "asset__name_en", "asset__ref")
    city = CharFilter(field_name="asset__city__code", label=_("city code"))
    area = AreasFilter(field_name="asset__area", label=_("area codes, each with everything below it"))
    asset = WordsFilter(field_name="asset__ref", label=_("reference of the idle asset"))
    service = WordsFilter(field_name="service__code", label=_("service"))
    kind = WordsFilter(field_name="kind", choices=InterventionKind.choices, label=_("intervention"))

    class Meta:
        model = AssetOption
        fields: list[str] = []


class LotFilter(SharedFilter):
    search_fields = (
        "facility__name",
        "facility__name_en",
        "facility__ref",
        "item__name",
        "item__name_en",
        "item__code",
        "number",
    )
    city = CharFilter(field_name="facility__city__code", label=_("city code"))
    area = AreasFilter(field_name="facility__area", label=_("area codes, each with everything below it"))
    facility = WordsFilter(field_name="facility__ref", label=_("reference of the facility"))
    item = WordsFilter(field_name="item__code", label=_("item"))

    class Meta:
        model = Lot
        fields: list[str] = []


class MovementFilter(SharedFilter):
    search_fields = (
        "lot__facility__name",
        "lot__facility__name_en",
        "lot__facility__ref",
        "lot__item__code",
        "reason",
    )
    city = CharFilter(field_name="lot__facility__city__code", label=_("city code"))
    area = AreasFilter(field_name="lot__facility__area", label=_("area codes, each with everything below it"))
    facility = WordsFilter(field_name="lot__facility__ref", label=_("reference of the facility"))
    item = WordsFilter(field_name="lot__item__code", label=_("item"))
    kind = WordsFilter(field_name="kind", choices=MovementKind.choices, label=_("kind"))

    class Meta:
        model = StockMovement
        fields: list[str] = []
