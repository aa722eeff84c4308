"""How the registry is written as JSON."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.fields import GeometryField, MultiPolygonField
from facilities.choices import CapabilityStatus, CapacitySource, FacilityStatus, Hazard, Readiness
from facilities.models import (
    Agreement,
    Capability,
    CapacityRule,
    Certificate,
    ChangeProposal,
    Facility,
    ImportBatch,
    PeacetimeUse,
    RowIssue,
    ServiceType,
)


class StrictSerializer(serializers.Serializer):
    """Refuses fields it does not know: a misspelt name must not be lost in silence."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            strange = sorted(set(map(str, data)) - set(self.fields))
            if strange:
                raise serializers.ValidationError({name: [_("There is no such field.")] for name in strange})
        return super().to_internal_value(data)


class ServiceTypeSerializer(serializers.ModelSerializer):
    class Meta:
        model = ServiceType
        fields = [
            "code",
            "name",
            "name_en",
            "domain",
            "unit",
            "unit_name",
            "shape",
            "description",
            "description_en",
        ]


class PeacetimeUseSerializer(serializers.ModelSerializer):
    class Meta:
        model = PeacetimeUse
        fields = ["code", "name", "name_en"]


class CapacityRuleSerializer(serializers.ModelSerializer):
    service = serializers.SlugRelatedField("code", read_only=True)
    use = serializers.SlugRelatedField("code", read_only=True)

    class Meta:
        model = CapacityRule
        fields = [
            "id", "service", "use", "attribute", "factor", "divisor", "conversion_hours", "exclusive", "rank", "formula",
            "source", "clause", "certainty",
        ]  # fmt: skip


class RoleSerializer(serializers.ModelSerializer):
    """A capability as part of its facility."""

    service = serializers.SlugRelatedField("code", read_only=True)
    unit = serializers.CharField(source="service.unit", read_only=True)
    readiness = serializers.ChoiceField(Readiness.choices, read_only=True)

    class Meta:
        model = Capability
        fields = [
            "service", "status", "capacity", "barrier_free_capacity", "unit", "capacity_source", "conversion_hours_declared",
            "conversion_hours_observed", "conversion_cost_fen", "hazards", "exclusive", "rank", "conditions", "readiness",
            "synthetic",
        ]  # fmt: skip


class CapabilitySerializer(RoleSerializer):
    facility = serializers.SlugRelatedField("ref", read_only=True)
    rule = serializers.CharField(source="rule.formula", read_only=True, default=None)

    class Meta(RoleSerializer.Meta):
        fields = ["id", "facility", *RoleSerializer.Meta.fields, "rule"]


class FacilitySerializer(serializers.ModelSerializer):
    city = serializers.SlugRelatedField("code", read_only=True)
    use = serializers.SlugRelatedField("code", read_only=True)
    area = serializers.CharField(source="area.code", read_only=True, default=None)
    area_name = serializers.CharField(source="area.name", read_only=True, default=None)
    lon = serializers.FloatField(source="point.x", read_only=True)
    lat = serializers.FloatField(source="point.y", read_only=True)
    capacity = serializers.FloatField(
        read_only=True, allow_null=True, help_text="Largest role that meets the filters."
    )
    roles = RoleSerializer(source="shown_roles", many=True, read_only=True)

    class Meta:
        model = Facility
        fields = [
            "ref", "city", "source_id", "name", "name_en", "use", "status", "area", "area_name", "address", "lon", "lat",
            "datum", "original_x", "original_y", "area_m2", "rooms", "beds", "units", "stars", "entry_minutes",
            "readiness_minutes", "owner", "operator",
            "contact", "synthetic", "confirmed_on", "version", "created_at", "updated_at", "capacity", "roles",
        ]  # fmt: skip


class FacilityDetailSerializer(FacilitySerializer):
    footprint = GeometryField(read_only=True, allow_null=True)

    class Meta(FacilitySerializer.Meta):
        fields = [*FacilitySerializer.Meta.fields, "footprint"]


class FacilityChangesSerializer(StrictSerializer):
    """Any of the fields; a position is `original_x`, `original_y` and `datum` together."""

    name = serializers.CharField(max_length=200, required=False)
    name_en = serializers.CharField(max_length=200, required=False, allow_blank=True)
    use = serializers.CharField(required=False)
    status = serializers.ChoiceField(FacilityStatus.choices, required=False)
    address = serializers.CharField(max_length=300, required=False, allow_blank=True)
    original_x = serializers.FloatField(required=False)
    original_y = serializers.FloatField(required=False)
    datum = serializers.CharField(max_length=16, required=False)
    area_m2 = serializers.FloatField(required=False, allow_null=True)
    rooms = serializers.IntegerField(required=False, allow_null=True)
    beds = serializers.IntegerField(required=False, allow_null=True)
    units = serializers.FloatField(required=False, allow_null=True)
    stars = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=7)
    entry_minutes = serializers.FloatField(
        required=False,
        min_value=0,
        max_value=240,
        help_text="Added to every trip that is measured in minutes.",
    )
    readiness_minutes = serializers.FloatField(
        required=False, min_value=0, max_value=14_400, help_text="Added to the hours of conversion."
    )
    owner = serializers.CharField(max_length=120, required=False, allow_blank=True)
    operator = serializers.CharField(max_length=120, required=False, allow_blank=True)
    contact = serializers.CharField(max_length=120, required=False, allow_blank=True)
    confirmed_on = serializers.DateField(required=False, allow_null=True)
    footprint = MultiPolygonField(required=False, allow_null=True)
    reason = serializers.CharField(required=False, allow_blank=True, help_text="Kept in the history.")


class NewFacilitySerializer(FacilityChangesSerializer):
    city = serializers.CharField()
    name = serializers.CharField(max_length=200)
    use = serializers.CharField()
    original_x = serializers.FloatField()
    original_y = serializers.FloatField()
    datum = serializers.CharField(max_length=16)


class ReasonSerializer(StrictSerializer):
    reason = serializers.CharField()


class RoleChangesSerializer(StrictSerializer):
    status = serializers.ChoiceField(CapabilityStatus.choices, required=False)
    capacity = serializers.FloatField(required=False, min_value=0)
    barrier_free_capacity = serializers.FloatField(
        required=False,
        allow_null=True,
        min_value=0,
        help_text="Null: not known, and then nothing is promised.",
    )
    capacity_source = serializers.ChoiceField(CapacitySource.choices, required=False)
    conversion_hours_declared = serializers.FloatField(required=False, allow_null=True, min_value=0)
    conversion_hours_observed = serializers.FloatField(required=False, allow_null=True, min_value=0)
    conversion_cost_fen = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=9_000_000_000_000_000_000
    )
    hazards = serializers.ListField(child=serializers.ChoiceField(Hazard.choices), required=False)
    exclusive = serializers.BooleanField(required=False)
    rank = serializers.IntegerField(required=False, min_value=1, max_value=100)
    conditions = serializers.CharField(max_length=300, required=False, allow_blank=True)
    reason = serializers.CharField(required=False, allow_blank=True)


class CertificateSerializer(serializers.ModelSerializer):
    facility = serializers.SlugRelatedField("ref", read_only=True)

    class Meta:
        model = Certificate
        fields = ["id", "facility", "kind", "number", "valid_from", "valid_to"]


class NewCertificateSerializer(StrictSerializer):
    facility = serializers.CharField()
    kind = serializers.CharField(max_length=80)
    number = serializers.CharField(max_length=80, required=False, allow_blank=True)
    valid_from = serializers.DateField(required=False, allow_null=True)
    valid_to = serializers.DateField(required=False, allow_null=True)


class AgreementSerializer(serializers.ModelSerializer):
    facility = serializers.SlugRelatedField("ref", read_only=True)

    class Meta:
        model = Agreement
        fields = ["id", "facility", "party", "valid_from", "valid_to", "synthetic"]


class NewAgreementSerializer(StrictSerializer):
    facility = serializers.CharField()
    party = serializers.CharField(max_length=120, required=False, allow_blank=True)
    valid_from = serializers.DateField(required=False, allow_null=True)
    valid_to = serializers.DateField(required=False, allow_null=True)


class ChangeProposalSerializer(serializers.ModelSerializer):
    facility = serializers.SlugRelatedField("ref", read_only=True)
    proposed_by = serializers.CharField(source="proposed_by.username", read_only=True)
    decided_by = serializers.CharField(source="decided_by.username", read_only=True, default=None)

    class Meta:
        model = ChangeProposal
        fields = [
            "ref", "facility", "changes", "reason", "base_version", "state", "proposed_by", "decided_by", "answer",
            "created_at", "decided_at",
        ]  # fmt: skip


class NewProposalSerializer(StrictSerializer):
    facility = serializers.CharField()
    base_version = serializers.IntegerField(min_value=1)
    changes = FacilityChangesSerializer()
    reason = serializers.CharField()


class DecisionSerializer(StrictSerializer):
    answer = serializers.CharField(required=False, allow_blank=True)


class RowIssueSerializer(serializers.ModelSerializer):
    class Meta:
        model = RowIssue
        fields = ["level", "row", "column", "code", "message", "value"]


class ImportBatchSerializer(serializers.ModelSerializer):
    city = serializers.SlugRelatedField("code", read_only=True)
    layer = serializers.CharField(source="layer.name", read_only=True, default=None)
    created_by = serializers.CharField(source="created_by.username", read_only=True, default=None)

    class Meta:
        model = ImportBatch
        fields = [
            "ref", "city", "layer", "file_name", "sha256", "datum", "mapping", "state", "rows", "added", "changed",
            "unchanged", "errors", "warnings", "median_shift_m", "created_by", "created_at",
        ]  # fmt: skip


class ImportBatchDetailSerializer(ImportBatchSerializer):
    issues = serializers.SerializerMethodField()

    class Meta(ImportBatchSerializer.Meta):
        fields = [*ImportBatchSerializer.Meta.fields, "issues"]

    @extend_schema_field(RowIssueSerializer(many=True))
    def get_issues(self, batch: ImportBatch) -> Any:
        """The first thousand."""
        return RowIssueSerializer(batch.issues.order_by("id")[:1000], many=True).data


class NewImportSerializer(StrictSerializer):
    """Sent as multipart/form-data. `columns` is a JSON object, field -> column name; what it leaves out is guessed."""

    city = serializers.CharField()
    file = serializers.FileField()
    datum = serializers.CharField(max_length=16)
    columns = serializers.JSONField(required=False)
    use = serializers.CharField(required=False, allow_blank=True, help_text="Peacetime use of every row.")
    encoding = serializers.ChoiceField(["utf-8-sig", "utf-8", "gb18030"], required=False)
    synthetic = serializers.BooleanField(required=False, default=False)
    apply = serializers.BooleanField(required=False, default=True, help_text="False only checks.")

    def validate_columns(self, value: Any) -> dict[str, str]:
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value.values()):
            raise serializers.ValidationError(_("Write it as a JSON object: field -> column name."))
        return value
