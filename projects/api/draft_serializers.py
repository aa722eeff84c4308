"""Drafts, what is found near them, lists that are brought in and rules against building twice, as the API says them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.choices import Certainty
from facilities.models import ImportBatch, RowIssue, ServiceType
from inventory.choices import InterventionKind
from projects.models import DuplicateRule


class ProjectChangeSerializer(serializers.Serializer):
    """What may be changed of a draft; what is left out stays. Place, service and kind only where no plan said them."""

    name = serializers.CharField(max_length=200, required=False)
    name_en = serializers.CharField(max_length=200, required=False, allow_blank=True)
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    site = serializers.CharField(max_length=200, required=False, allow_blank=True)
    builder = serializers.CharField(max_length=160, required=False, allow_blank=True)
    lead_department = serializers.CharField(max_length=120, required=False, allow_blank=True)
    stage = serializers.CharField(max_length=60, required=False, allow_blank=True)
    investment_code = serializers.CharField(max_length=40, required=False, allow_blank=True)
    kind = serializers.ChoiceField(choices=InterventionKind.choices, required=False)
    service = serializers.SlugRelatedField(
        slug_field="code", queryset=ServiceType.objects.all(), required=False
    )
    longitude = serializers.FloatField(min_value=-180, max_value=180, required=False)
    latitude = serializers.FloatField(min_value=-90, max_value=90, required=False)
    units = serializers.IntegerField(min_value=1, max_value=10**9, required=False)
    cost_fen = serializers.IntegerField(min_value=0, max_value=10**15, required=False)
    conversion_hours = serializers.FloatField(min_value=0, max_value=100_000, required=False, allow_null=True)
    land_m2 = serializers.FloatField(min_value=0, max_value=10**9, required=False, allow_null=True)
    starts_on = serializers.DateField(required=False, allow_null=True)
    ends_on = serializers.DateField(required=False, allow_null=True)
    duplicate_reason = serializers.CharField(max_length=10_000, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if unknown := sorted(set(self.initial_data) - set(self.fields)):
            raise serializers.ValidationError(dict.fromkeys(unknown, "This cannot be changed."))
        return attrs


class FoundRowSerializer(serializers.Serializer):
    """Something near that could do the same. Without `ref` and `name`: it lies in a district that the caller may not see."""

    kind = serializers.ChoiceField(choices=["facility", "project", "intervention", "idle"])
    ref = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_blank=True)
    name_en = serializers.CharField(allow_blank=True)
    area = serializers.CharField(required=False)
    state = serializers.CharField(help_text="active, a state of projects, chosen, or an intervention")
    words = serializers.CharField(help_text="The state in the caller's language.")
    distance_m = serializers.IntegerField()
    capacity = serializers.IntegerField()
    overlap_percent = serializers.FloatField(
        required=False, help_text="Of the people in the project's reach."
    )
    circle_percent = serializers.FloatField(required=False, help_text="Of the area of a circle.")
    free_units = serializers.IntegerField(required=False, help_text="Left free in the newest run.")
    cost_fen = serializers.IntegerField(required=False)
    above = serializers.BooleanField(help_text="Beyond the rule.")


class DuplicatesSerializer(serializers.Serializer):
    """The newest check of a project; `checked_at` null: never checked."""

    project = serializers.CharField()
    checked_at = serializers.DateTimeField(allow_null=True)
    needs_reason = serializers.BooleanField()
    reason = serializers.CharField(allow_blank=True)
    overlap_percent = serializers.FloatField(allow_null=True)
    rule_percent = serializers.FloatField(allow_null=True)
    idle_radius_m = serializers.FloatField(allow_null=True)
    basis = serializers.ChoiceField(choices=["roads", "straight", "none"], allow_null=True)
    people = serializers.IntegerField(allow_null=True, help_text="In reach of the project.")
    gap = serializers.DictField(
        allow_null=True, help_text="Units of need in these cells by state, and the run."
    )
    counts = serializers.DictField(child=serializers.IntegerField())
    rows = FoundRowSerializer(many=True)
    idle = FoundRowSerializer(many=True)


class DuplicateRuleSerializer(serializers.ModelSerializer):
    city = serializers.SlugRelatedField(slug_field="code", read_only=True, allow_null=True)
    service = serializers.SlugRelatedField(slug_field="code", read_only=True, allow_null=True)
    drafted_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    published_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = DuplicateRule
        fields = [
            "id", "city", "service", "version", "state", "overlap_percent", "idle_radius_m", "reason", "source", "certainty",
            "drafted_by", "published_by", "published_at",
        ]  # fmt: skip


class NewDuplicateRuleSerializer(serializers.Serializer):
    city = serializers.CharField()
    service = serializers.SlugRelatedField(
        slug_field="code", queryset=ServiceType.objects.all(), required=False, allow_null=True, default=None
    )
    overlap_percent = serializers.FloatField(min_value=0, max_value=100)
    idle_radius_m = serializers.FloatField(min_value=0, max_value=50_000)
    reason = serializers.CharField(max_length=2000)
    source = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    certainty = serializers.ChoiceField(choices=Certainty.choices, default=Certainty.D)


class ProjectListSerializer(serializers.Serializer):
    """Sent as multipart/form-data."""

    city = serializers.CharField()
    file = serializers.FileField()
    datum = serializers.ChoiceField(choices=["CGCS2000", "WGS-84", "GCJ-02", "BD-09"])


class RowProblemSerializer(serializers.ModelSerializer):
    class Meta:
        model = RowIssue
        fields = ["level", "row", "column", "code", "message", "value"]


class ProjectImportSerializer(serializers.ModelSerializer):
    """A list of projects: what it would do (`checked`), did (`applied`), or why not (`refused`). All problems are listed."""

    city = serializers.SlugRelatedField(slug_field="code", read_only=True)
    kept = serializers.SerializerMethodField()
    preview = serializers.SerializerMethodField()
    problems = RowProblemSerializer(source="issues", many=True, read_only=True)

    class Meta:
        model = ImportBatch
        fields = [
            "ref", "city", "file_name", "sha256", "datum", "state", "rows", "added", "changed", "unchanged", "kept", "errors",
            "warnings", "median_shift_m", "created_at", "preview", "problems",
        ]  # fmt: skip

    @extend_schema_field(serializers.IntegerField())
    def get_kept(self, row: ImportBatch) -> int:
        """Rows of projects that were handed in already."""
        return int(row.mapping.get("kept", 0))

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_preview(self, row: ImportBatch) -> list[dict[str, Any]]:
        """The first 200 rows and what each does."""
        return list(row.mapping.get("preview", []))


class SumsSerializer(serializers.Serializer):
    """Sums over projects; money in fen, gaps by unit."""

    label = serializers.CharField()
    projects = serializers.IntegerField()
    cost_fen = serializers.IntegerField()
    approved_fen = serializers.IntegerField()
    released_fen = serializers.IntegerField()
    paid_fen = serializers.IntegerField()
    promised = serializers.DictField(
        child=serializers.IntegerField(), help_text="Gap closed as promised, by unit."
    )
    realised = serializers.DictField(
        child=serializers.IntegerField(), help_text="Gap closed as counted, by unit."
    )


class ProgrammeSerializer(serializers.Serializer):
    in_all = SumsSerializer()
    by_state = SumsSerializer(many=True)
    by_area = SumsSerializer(many=True)
    by_service = SumsSerializer(many=True)
