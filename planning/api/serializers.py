"""What the API says of planning's nouns, and what it takes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.fields import WholeCityFields
from core.choices import TimeOfDay
from planning.choices import Assignment
from planning.models import (
    AreaGroupResult,
    AreaResult,
    CellResult,
    CostRate,
    FacilityResult,
    Run,
    Snapshot,
    SpeedProfile,
    SpeedRule,
    StandardProfile,
)
from planning.selectors import gaps
from planning.selectors.ranges import newest_range

STATES = ["need", "served", "late", "no_room", "out_of_reach", "gap"]


def code_of(**more: Any) -> serializers.SlugRelatedField:
    return serializers.SlugRelatedField(slug_field="code", read_only=True, **more)


class CostRateSerializer(serializers.ModelSerializer):
    service = code_of()
    use = code_of(allow_null=True)

    class Meta:
        model = CostRate
        fields = [
            "id",
            "service",
            "kind",
            "use",
            "fixed_fen",
            "per_unit_fen",
            "max_share",
            "hours",
            "lead_months",
            "steps",
            "running_fen_unit",
            "peacetime_fen_unit",
            "source",
            "certainty",
        ]


class SpeedRuleSerializer(serializers.ModelSerializer):
    class Meta:
        model = SpeedRule
        fields = ["road_class", "time_of_day", "kmh", "factor", "source", "certainty"]


class SpeedProfileSerializer(serializers.ModelSerializer):
    rules = SpeedRuleSerializer(many=True, read_only=True)

    class Meta:
        model = SpeedProfile
        fields = [
            "code", "name", "name_en", "walk_m_per_min", "walk_source", "walk_certainty", "entry_m_per_min", "is_default", "rules",
        ]  # fmt: skip


class SnapshotSerializer(WholeCityFields, serializers.ModelSerializer):
    city = code_of()
    network = serializers.SlugRelatedField(slug_field="ref", read_only=True, allow_null=True)

    class Meta:
        model = Snapshot
        fields = ["sha256", "city", "cells", "sites", "network", "as_of", "created_at"]
        whole_city_fields = ("cells", "sites")


# --- runs ------------------------------------------------------------------------------------------


class RunSerializer(serializers.ModelSerializer):
    city = code_of()
    scenario = serializers.SlugRelatedField(slug_field="ref", read_only=True)
    profile = code_of()
    snapshot = serializers.SlugRelatedField(slug_field="sha256", read_only=True, allow_null=True)
    job = serializers.SlugRelatedField(slug_field="ref", read_only=True, allow_null=True)
    plan = serializers.CharField(
        source="plan_version.plan.ref", read_only=True, allow_null=True, default=None
    )
    plan_version = serializers.IntegerField(
        source="plan_version.number", read_only=True, allow_null=True, default=None
    )
    created_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    speed_profile = code_of(allow_null=True)
    totals = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields = [
            "ref", "city", "scenario", "scenario_version", "profile", "snapshot", "time_of_day", "assignment", "reach_method",
            "reach_overrides", "detour_factor", "speed_profile", "plan", "plan_version", "engine_version", "state", "refusal", "totals", "job", "seconds",
            "created_by", "created_at", "finished_at",
        ]  # fmt: skip

    @extend_schema_field(
        {
            "type": "array",
            "items": {"type": "object"},
            "description": "People, need and the four states by service, of what you may see.",
        }
    )
    def get_totals(self, run: Run) -> list[dict[str, Any]]:
        from planning.api.runs import totals_for

        return totals_for(run, self.context["request"].user) if "request" in self.context else []


class RunDetailSerializer(RunSerializer):
    breaks = serializers.SerializerMethodField()
    roads = serializers.SerializerMethodField()
    off_map = serializers.SerializerMethodField()
    range = serializers.SerializerMethodField()

    class Meta(RunSerializer.Meta):
        fields = [
            *RunSerializer.Meta.fields,
            "scenario_frozen",
            "standards_frozen",
            "speeds_frozen",
            "breaks",
            "roads",
            "off_map",
            "range",
        ]

    def _whole_city_fact(self, run: Run, name: str) -> Any:
        sees = gaps.sees_whole_city(self.context["request"].user, run.city_id)
        return run.facts.get(name) if sees else None

    @extend_schema_field(
        {
            "type": "object",
            "nullable": True,
            "description": "What closed and slowed roads did: closed_km, slowed_km and, by service, need and people who had"
            " a facility in reach on open roads and have none. Null without road rules.",
        }
    )
    def get_roads(self, run: Run) -> Any:
        return self._whole_city_fact(run, "roads")

    @extend_schema_field(
        {
            "type": "object",
            "nullable": True,
            "description": "By service: need farther than 500 m from every mapped street, and its share.",
        }
    )
    def get_off_map(self, run: Run) -> Any:
        return self._whole_city_fact(run, "off_map")

    @extend_schema_field(
        {
            "type": "string",
            "nullable": True,
            "description": "Reference of the newest finished range of need and gap: /api/v1/analyses/REF/ranges/ lists it.",
        }
    )
    def get_range(self, run: Run) -> str | None:
        newest = newest_range(run)
        return newest.ref if newest else None

    @extend_schema_field(
        {
            "type": "object",
            "description": "Class edges by service; counts of cells for those who may see the whole city.",
        }
    )
    def get_breaks(self, run: Run) -> dict[str, Any]:
        if gaps.sees_whole_city(self.context["request"].user, run.city_id):
            return run.breaks
        return {
            code: {
                "gap": {"edges": said["gap"]["edges"]},
                "coverage": {"edges": said["coverage"]["edges"]},
                "levels": said["levels"],
            }
            for code, said in run.breaks.items()
        }


class NewRunSerializer(serializers.Serializer):
    scenario = serializers.CharField(max_length=24, help_text="Reference of the scenario.")
    times_of_day = serializers.ListField(
        child=serializers.ChoiceField(choices=TimeOfDay.choices), required=False
    )
    profile = serializers.SlugRelatedField(
        slug_field="code", queryset=StandardProfile.objects.all(), required=False, allow_null=True
    )
    assignment = serializers.ChoiceField(
        choices=Assignment.choices, required=False, default=Assignment.NEAREST
    )
    reach_overrides = serializers.DictField(child=serializers.FloatField(), required=False)
    detour_factor = serializers.FloatField(min_value=1, max_value=3, required=False, default=1.3)
    speed_profile = serializers.SlugRelatedField(
        slug_field="code",
        queryset=SpeedProfile.objects.all(),
        required=False,
        allow_null=True,
        help_text="Code of a speed profile; the default one when not given.",
    )


class AreaResultSerializer(serializers.ModelSerializer):
    code = serializers.CharField(source="area.code", read_only=True)
    name = serializers.CharField(source="area.name", read_only=True)
    name_en = serializers.CharField(source="area.name_en", read_only=True)
    level = serializers.IntegerField(source="area.level", read_only=True)
    service = code_of()
    gap = serializers.IntegerField(read_only=True)

    class Meta:
        model = AreaResult
        fields = ["code", "name", "name_en", "level", "service", "people", "cells", *STATES]


class AreaGroupResultSerializer(AreaResultSerializer):
    group = serializers.CharField()

    class Meta:
        model = AreaGroupResult
        fields = ["code", "name", "name_en", "level", "service", "group", "people", *STATES]


class CellResultSerializer(serializers.ModelSerializer):
    cell = serializers.CharField(source="cell.code", read_only=True)
    service = code_of()
    gap = serializers.IntegerField(read_only=True)

    class Meta:
        model = CellResult
        fields = ["cell", "service", "people", *STATES]


class FacilityResultSerializer(serializers.ModelSerializer):
    facility = serializers.SlugRelatedField(slug_field="ref", read_only=True, allow_null=True)
    name = serializers.CharField(source="facility.name", read_only=True, allow_null=True, default=None)
    name_en = serializers.CharField(source="facility.name_en", read_only=True, allow_null=True, default=None)
    service = code_of()

    class Meta:
        model = FacilityResult
        fields = [
            "facility",
            "name",
            "name_en",
            "service",
            "capacity",
            "served",
            "late",
            "hours",
            "cells_in_reach",
            "reason",
        ]
