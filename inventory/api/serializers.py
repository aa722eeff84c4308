"""How idle assets and stock are written as JSON."""

from __future__ import annotations

from rest_framework import serializers

from facilities.api.serializers import StrictSerializer
from inventory.choices import AssetKind, AssetStatus, InterventionKind, MovementKind, Tenure
from inventory.models import AssetOption, IdleAsset, ItemType, Lot, StockMovement

LARGEST_FEN = 9_000_000_000_000_000


class OptionSerializer(serializers.ModelSerializer):
    """An option as part of its asset."""

    service = serializers.SlugRelatedField("code", read_only=True)
    unit = serializers.CharField(source="service.unit", read_only=True)

    class Meta:
        model = AssetOption
        fields = ["service", "kind", "capacity", "unit", "cost_fen", "conversion_hours", "lead_months"]


class AssetOptionSerializer(OptionSerializer):
    asset = serializers.SlugRelatedField("ref", read_only=True)

    class Meta(OptionSerializer.Meta):
        fields = ["id", "asset", *OptionSerializer.Meta.fields]


class NewOptionSerializer(StrictSerializer):
    asset = serializers.CharField()
    service = serializers.CharField()
    kind = serializers.ChoiceField(InterventionKind.choices)
    capacity = serializers.FloatField(min_value=0)
    cost_fen = serializers.IntegerField(min_value=0, max_value=LARGEST_FEN)
    conversion_hours = serializers.FloatField(min_value=0, required=False, allow_null=True)
    lead_months = serializers.IntegerField(min_value=0, max_value=600, required=False)


class IdleAssetSerializer(serializers.ModelSerializer):
    city = serializers.SlugRelatedField("code", read_only=True)
    area = serializers.CharField(source="area.code", read_only=True, default=None)
    area_name = serializers.CharField(source="area.name", read_only=True, default=None)
    lon = serializers.FloatField(source="point.x", read_only=True)
    lat = serializers.FloatField(source="point.y", read_only=True)
    options = OptionSerializer(many=True, read_only=True)

    class Meta:
        model = IdleAsset
        fields = [
            "ref", "city", "source_id", "name", "name_en", "kind", "status", "former_use", "tenure", "area", "area_name",
            "address", "lon", "lat", "datum", "original_x", "original_y", "floor_m2", "land_m2", "constraints_text",
            "synthetic", "version", "created_at", "updated_at", "options",
        ]  # fmt: skip


class AssetChangesSerializer(StrictSerializer):
    """Any of the fields; a position is `original_x`, `original_y` and `datum` together."""

    name = serializers.CharField(max_length=200, required=False)
    name_en = serializers.CharField(max_length=200, required=False, allow_blank=True)
    kind = serializers.ChoiceField(AssetKind.choices, required=False)
    status = serializers.ChoiceField(AssetStatus.choices, required=False)
    former_use = serializers.CharField(max_length=80, required=False, allow_blank=True)
    tenure = serializers.ChoiceField(Tenure.choices, required=False)
    address = serializers.CharField(max_length=300, required=False, allow_blank=True)
    original_x = serializers.FloatField(required=False)
    original_y = serializers.FloatField(required=False)
    datum = serializers.CharField(max_length=16, required=False)
    floor_m2 = serializers.FloatField(required=False, allow_null=True, min_value=0)
    land_m2 = serializers.FloatField(required=False, allow_null=True, min_value=0)
    constraints_text = serializers.CharField(max_length=300, required=False, allow_blank=True)
    reason = serializers.CharField(required=False, allow_blank=True)


class NewAssetSerializer(AssetChangesSerializer):
    city = serializers.CharField()
    name = serializers.CharField(max_length=200)
    kind = serializers.ChoiceField(AssetKind.choices)
    original_x = serializers.FloatField()
    original_y = serializers.FloatField()
    datum = serializers.CharField(max_length=16)


class ItemTypeSerializer(serializers.ModelSerializer):
    class Meta:
        model = ItemType
        fields = ["code", "name", "name_en", "unit", "per_place"]


class StockLevelSerializer(serializers.ModelSerializer):
    """One lot and what is left of it: the sum of its ledger lines."""

    facility = serializers.CharField(source="facility.ref", read_only=True)
    item = serializers.CharField(source="item.code", read_only=True)
    unit = serializers.CharField(source="item.unit", read_only=True)
    on_hand = serializers.IntegerField(read_only=True)

    class Meta:
        model = Lot
        fields = ["id", "facility", "item", "number", "expires_on", "unit", "on_hand"]


class StockMovementSerializer(serializers.ModelSerializer):
    facility = serializers.CharField(source="lot.facility.ref", read_only=True)
    item = serializers.CharField(source="lot.item.code", read_only=True)
    lot = serializers.CharField(source="lot.number", read_only=True)
    expires_on = serializers.DateField(source="lot.expires_on", read_only=True)
    by = serializers.CharField(source="by.username", read_only=True, default=None)

    class Meta:
        model = StockMovement
        fields = ["id", "facility", "item", "lot", "expires_on", "kind", "quantity", "at", "reason", "by"]


class NewMovementSerializer(StrictSerializer):
    facility = serializers.CharField()
    item = serializers.CharField()
    kind = serializers.ChoiceField(MovementKind.choices)
    quantity = serializers.IntegerField(min_value=-2_000_000_000, max_value=2_000_000_000)
    lot_number = serializers.CharField(max_length=60, required=False, allow_blank=True)
    expires_on = serializers.DateField(required=False, allow_null=True)
    at = serializers.DateTimeField(required=False, allow_null=True)
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)
