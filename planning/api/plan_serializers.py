"""What the API says of plans, and what it takes to make and change them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.fields import PointField, WholeCityFields
from facilities.models import ServiceType
from planning.api.serializers import code_of
from planning.choices import Aim, Rule
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
            "order", "key", "kind", "service", "units", "name", "name_en", "facility", "idle_asset", "area", "point", "cost_fen",
            "running_fen_year", "peacetime_fen_year", "year", "hours", "lead_months", "need_newly_served", "people_newly_served",
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
    frozen_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    parent = serializers.SlugRelatedField(slug_field="number", read_only=True, allow_null=True)
    kinds = serializers.SerializerMethodField()
    by_run = serializers.SerializerMethodField()
    relaxations = serializers.SerializerMethodField()

    class Meta:
        model = PlanVersion
        fields = [
            "number", "state", "aim", "rule", "question", "parent", "kinds", "baseline_runs", "after_runs", "budget_fen", "cost_fen",
            "services", "weights", "value", "bound", "aim_value", "aim_bound", "gap", "trail", "finish_requested", "by_run", "relaxations",
            "status", "seed", "time_limit_seconds", "seconds", "engine_version", "candidates", "job", "created_at", "frozen_at",
            "frozen_by", "content_sha256",
        ]  # fmt: skip
        whole_city_fields = (
            "cost_fen", "value", "bound", "aim_value", "aim_bound", "trail", "by_run", "relaxations", "candidates",
        )  # fmt: skip

    def city_id_of(self, row: PlanVersion) -> int:
        return row.plan.city_id

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_kinds(self, version: PlanVersion) -> list[str]:
        """What may be done; empty: everything but retiring, which the question allows."""
        return list(version.facts.get("kinds") or [])

    @extend_schema_field({"type": "object", "nullable": True})
    def get_by_run(self, version: PlanVersion) -> dict[str, Any] | None:
        """What the plan is worth in each run and under each rule, and what its rule costs where that was asked."""
        told = version.facts.get("robust")
        return told and told | {"price_of_robustness": version.facts.get("price_of_robustness")}

    @extend_schema_field({"type": "array", "items": {"type": "object"}})
    def get_relaxations(self, version: PlanVersion) -> list[dict[str, Any]]:
        """Where no plan exists: the limits that would have to move, as asked and as needed; units: weighted units of need."""
        return list(version.facts.get("relaxations") or [])

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
        max_length=60,
        help_text="References of finished runs.",
    )
    budget_fen = serializers.IntegerField(
        min_value=1,
        max_value=10**15,
        required=False,
        allow_null=True,
        default=None,
        help_text="May be left out for the cheapest plan, with budgets by year, or with a most of interventions.",
    )
    aim = serializers.ChoiceField(choices=Aim.choices, required=False, default=Aim.MOST)
    rule = serializers.ChoiceField(choices=Rule.choices, required=False, default=Rule.EXPECTED)
    question = serializers.JSONField(
        required=False,
        default=dict,
        help_text="Limits and wishes as a document, see docs/plans.md: target, area_target, area_level, tail, run_weights, number, "
        "number_by_kind, number_by_area, funds, years, carry_over, must, banned, spacing_m, land_m2_by_area, "
        "running_limit_fen_year, running_years, peacetime_weight, sizes, retire, price_of_robustness.",
    )
    services = serializers.SlugRelatedField(
        slug_field="code", many=True, queryset=ServiceType.objects.all(), required=False
    )
    weights = serializers.DictField(child=serializers.FloatField(min_value=0), required=False)
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=KINDS), required=False)
    time_limit_seconds = serializers.IntegerField(min_value=1, max_value=1800, required=False, default=60)
    seed = serializers.IntegerField(required=False, default=1, min_value=0, max_value=2**31 - 1)
    parent = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        help_text="Number of the version of the same plan to start from.",
    )


class NewPlanSerializer(NewVersionSerializer):
    parent = None  # type: ignore[assignment]
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
