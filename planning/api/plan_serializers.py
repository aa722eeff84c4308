"""What the API says of plans, and what it takes to make and change them."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.fields import PointField, WholeCityFields
from facilities.models import ServiceType
from planning.api.serializers import code_of
from planning.models import Intervention, Plan, PlanVersion
from planning.services.answers import people_behind, ratios_of
from planning.services.siting import KINDS


class InterventionSerializer(serializers.ModelSerializer):
    service = code_of()
    facility = serializers.SlugRelatedField(slug_field="ref", read_only=True, allow_null=True)
    idle_asset = serializers.SlugRelatedField(slug_field="ref", read_only=True, allow_null=True)
    area = code_of(allow_null=True)
    point = PointField(read_only=True)
    need_newly_served = serializers.IntegerField(
        source="people_newly_served", read_only=True, help_text="In units of the service."
    )
    people_newly_served = serializers.SerializerMethodField()

    class Meta:
        model = Intervention
        fields = [
            "order", "kind", "service", "units", "name", "name_en", "facility", "idle_asset", "area", "point", "cost_fen", "hours",
            "lead_months", "need_newly_served", "people_newly_served",
        ]  # fmt: skip

    def get_people_newly_served(self, row: Intervention) -> int:
        """How many people's need that is, by the standard's ratio."""
        ratios = self.context.setdefault("ratios", {})
        if row.version_id not in ratios:
            ratios[row.version_id] = ratios_of(row.version)
        return people_behind(row.people_newly_served, ratios[row.version_id].get(row.service.code))


class PlanVersionSerializer(WholeCityFields, serializers.ModelSerializer):
    baseline_runs = serializers.SlugRelatedField(slug_field="ref", many=True, read_only=True)
    services = code_of(many=True)
    job = serializers.SlugRelatedField(slug_field="ref", read_only=True, allow_null=True)
    after_runs = serializers.SerializerMethodField()

    class Meta:
        model = PlanVersion
        fields = [
            "number", "state", "baseline_runs", "after_runs", "budget_fen", "cost_fen", "services", "weights", "value", "bound", "gap",
            "status", "seed", "time_limit_seconds", "seconds", "engine_version", "candidates", "job", "created_at", "frozen_at",
        ]  # fmt: skip
        whole_city_fields = ("cost_fen", "value", "bound", "candidates")

    def city_id_of(self, row: PlanVersion) -> int:
        return row.plan.city_id

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_after_runs(self, version: PlanVersion) -> list[str]:
        return [run.ref for run in version.runs.all()]


class PlanSerializer(serializers.ModelSerializer):
    city = code_of()
    created_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    versions = PlanVersionSerializer(many=True, read_only=True)

    class Meta:
        model = Plan
        fields = ["ref", "name", "name_en", "city", "notes", "created_by", "created_at", "versions"]


class NewVersionSerializer(serializers.Serializer):
    runs = serializers.ListField(
        child=serializers.CharField(max_length=24),
        min_length=1,
        max_length=12,
        help_text="References of finished runs.",
    )
    budget_fen = serializers.IntegerField(min_value=1, max_value=10**15)
    services = serializers.SlugRelatedField(
        slug_field="code", many=True, queryset=ServiceType.objects.all(), required=False
    )
    weights = serializers.DictField(child=serializers.FloatField(min_value=0), required=False)
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=KINDS), required=False)
    time_limit_seconds = serializers.IntegerField(min_value=1, max_value=1800, required=False, default=60)
    seed = serializers.IntegerField(required=False, default=1, min_value=0, max_value=2**31 - 1)


class NewPlanSerializer(NewVersionSerializer):
    city = serializers.CharField(max_length=20)
    name = serializers.CharField(max_length=120)
    name_en = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")


class EditVersionSerializer(serializers.Serializer):
    remove = serializers.ListField(
        child=serializers.IntegerField(), required=False, help_text="Orders of interventions to take out."
    )
    add = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, help_text="Keys of options, see options/."
    )
    budget_fen = serializers.IntegerField(min_value=1, max_value=10**15, required=False)
