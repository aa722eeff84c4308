"""What the API says of projects and cases, and what it takes to move them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.fields import PointField
from facilities.models import ServiceType
from inventory.choices import InterventionKind
from projects.models import Condition, Project


class ProjectSerializer(serializers.ModelSerializer):
    city = serializers.SlugRelatedField(slug_field="code", read_only=True)
    service = serializers.SlugRelatedField(slug_field="code", read_only=True)
    area = serializers.SlugRelatedField(slug_field="code", read_only=True, allow_null=True)
    facility = serializers.SlugRelatedField(slug_field="ref", read_only=True, allow_null=True)
    idle_asset = serializers.SlugRelatedField(slug_field="ref", read_only=True, allow_null=True)
    point = PointField(read_only=True)
    plan = serializers.SerializerMethodField()

    class Meta:
        model = Project
        fields = [
            "ref", "city", "investment_code", "name", "name_en", "description", "origin", "state", "version", "kind", "service",
            "facility", "idle_asset", "area", "point", "units", "conversion_hours", "cost_fen", "approved_fen",
            "approved_units", "starts_on", "ends_on", "started_on", "site", "builder", "lead_department", "stage", "land_m2",
            "duplicate_reason", "gap_promised", "need", "plan", "alternatives", "created_at",
        ]  # fmt: skip

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_plan(self, row: Project) -> dict[str, Any] | None:
        """The plan, version and intervention it came from."""
        said = {key: row.need.get(key) for key in ("plan", "version", "order")}
        return said if said["plan"] else None


class NewProjectSerializer(serializers.Serializer):
    city = serializers.CharField()
    name = serializers.CharField(max_length=200)
    name_en = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    kind = serializers.ChoiceField(choices=InterventionKind.choices)
    service = serializers.SlugRelatedField(slug_field="code", queryset=ServiceType.objects.all())
    longitude = serializers.FloatField(min_value=-180, max_value=180)
    latitude = serializers.FloatField(min_value=-90, max_value=90)
    units = serializers.IntegerField(min_value=1)
    cost_fen = serializers.IntegerField(min_value=0)
    conversion_hours = serializers.FloatField(min_value=0, required=False, allow_null=True)
    investment_code = serializers.CharField(required=False, allow_blank=True, default="")
    description = serializers.CharField(required=False, allow_blank=True, default="")
    starts_on = serializers.DateField(required=False, allow_null=True)
    ends_on = serializers.DateField(required=False, allow_null=True)
    site = serializers.CharField(max_length=200, required=False, allow_blank=True)
    builder = serializers.CharField(max_length=160, required=False, allow_blank=True)
    lead_department = serializers.CharField(max_length=120, required=False, allow_blank=True)
    stage = serializers.CharField(max_length=60, required=False, allow_blank=True)
    land_m2 = serializers.FloatField(min_value=0, required=False, allow_null=True)
    duplicate_reason = serializers.CharField(max_length=10_000, required=False, allow_blank=True)


class FromPlanSerializer(serializers.Serializer):
    plan = serializers.CharField()
    version = serializers.IntegerField()
    orders = serializers.ListField(child=serializers.IntegerField(), required=False, default=list)


class SubmitSerializer(serializers.Serializer):
    route = serializers.SlugField(default="approval")


class NoteSerializer(serializers.Serializer):
    note = serializers.CharField()


class ConditionSerializer(serializers.ModelSerializer):
    class Meta:
        model = Condition
        fields = ["id", "text", "due_on", "state", "note", "settled_at"]
