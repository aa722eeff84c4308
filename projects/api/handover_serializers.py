"""What the API says of handovers, of what projects really closed, and of who answers for what; and what it takes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from projects.models import Commissioning, ConversionCheck, Project, RealisedGap, Responsibility
from projects.selectors import checklist
from projects.selectors import handover as read
from projects.selectors.results import reasons_of


class ConversionCheckSerializer(serializers.ModelSerializer):
    checked_by: Any = serializers.SlugRelatedField(slug_field="username", read_only=True)

    class Meta:
        model = ConversionCheck
        fields = ["number", "checked_on", "checked_by", "checklist", "tried_units", "tried_hours", "items", "passed", "reasons", "note", "recorded_at"]  # fmt: skip


class RemarkSerializer(serializers.Serializer):
    code: Any = serializers.CharField()
    words: Any = serializers.CharField()
    blocks: Any = serializers.BooleanField()
    supplies_nothing: Any = serializers.BooleanField()


class CommissioningSerializer(serializers.ModelSerializer):
    """A report and what became of it."""

    handed_by: Any = serializers.SlugRelatedField(slug_field="username", read_only=True)
    checked_by: Any = serializers.SlugRelatedField(slug_field="username", read_only=True)
    accepted_by: Any = serializers.SlugRelatedField(slug_field="username", read_only=True)
    facility: Any = serializers.SlugRelatedField(slug_field="ref", read_only=True)
    checks: Any = ConversionCheckSerializer(many=True, read_only=True)

    class Meta:
        model = Commissioning
        fields = [
            "built_units", "barrier_free_units", "reported_hours", "as_built", "note", "handed_by", "handed_at", "conversion_hours",
            "check_passed", "checked_on", "checked_by", "accepted_by", "accepted_at", "facility", "written", "checks",
        ]  # fmt: skip


class HandoverRowSerializer(serializers.ModelSerializer):
    """One project that is handed over. stage: waiting, report, check, failed, accept, accepted."""

    service: Any = serializers.SlugRelatedField(slug_field="code", read_only=True)
    stage = serializers.SerializerMethodField()
    built_units: Any = serializers.IntegerField(
        source="commissioning.built_units", default=None, read_only=True
    )

    class Meta:
        model = Project
        fields = ["ref", "name", "name_en", "state", "kind", "service", "units", "approved_units", "built_units", "stage"]  # fmt: skip

    def get_stage(self, project: Project) -> str:
        return read.stage_of(project, getattr(project, "commissioning", None))


class HandoverSerializer(HandoverRowSerializer):
    """With the report, every check, and what to know before the acceptance."""

    remarks = serializers.SerializerMethodField()
    commissioning: Any = CommissioningSerializer(read_only=True, default=None, allow_null=True)

    class Meta(HandoverRowSerializer.Meta):
        fields = [*HandoverRowSerializer.Meta.fields, "remarks", "commissioning"]

    @extend_schema_field(RemarkSerializer(many=True))
    def get_remarks(self, project: Project) -> list[dict[str, Any]]:
        """Empty before a check was passed and after the acceptance."""
        found = getattr(project, "commissioning", None)
        if found is None or read.stage_of(project, found) != "accept":
            return []
        return [dict(RemarkSerializer(one).data) for one in read.before_acceptance(project, found)]


class AsBuiltSerializer(serializers.Serializer):
    """Checked as a whole by the service, which names every problem at once (see docs/handover.md)."""

    built_units: Any = serializers.IntegerField()
    reported_hours: Any = serializers.FloatField(required=False, allow_null=True, default=None)
    barrier_free_units: Any = serializers.IntegerField(required=False, allow_null=True, default=None)
    as_built: Any = serializers.DictField(
        required=False, default=dict,
        help_text="facility, or name, name_en, use, address, owner, operator, contact of a new place; area_m2, rooms, beds; "
        "agreements [{party, valid_from, valid_to}], certificates [{kind, number, valid_from, valid_to}], "
        "goods [{item, quantity, lot_number, expires_on}]",
    )  # fmt: skip
    note: Any = serializers.CharField(required=False, allow_blank=True, default="")


class CheckInSerializer(serializers.Serializer):
    checked_on: Any = serializers.DateField()
    tried_units: Any = serializers.IntegerField(required=False, default=0)
    tried_hours: Any = serializers.FloatField(required=False, default=0.0)
    answers: Any = serializers.DictField(
        child=serializers.ChoiceField(choices=list(checklist.ANSWERS)),
        help_text="By item code of the checklist.",
    )
    notes: Any = serializers.DictField(
        child=serializers.CharField(allow_blank=True), required=False, default=dict
    )
    passed: Any = serializers.BooleanField()
    note: Any = serializers.CharField(required=False, allow_blank=True, default="")


class AcceptInSerializer(serializers.Serializer):
    check_number: Any = serializers.IntegerField(help_text="The check that was read.")
    although: Any = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        help_text="Why it is accepted although it would count nothing.",
    )
    note: Any = serializers.CharField(required=False, allow_blank=True, default="")


class ChecklistItemSerializer(serializers.Serializer):
    code: Any = serializers.CharField()
    name: Any = serializers.CharField()
    name_en: Any = serializers.CharField()
    required: Any = serializers.BooleanField()
    # `source` is an argument of every field, hence the long way round
    origin: Any = serializers.CharField(source="source")
    certainty: Any = serializers.CharField()


class ChecklistSerializer(serializers.Serializer):
    checklist: Any = serializers.CharField()
    limit_hours: Any = serializers.FloatField(allow_null=True)
    items: Any = ChecklistItemSerializer(many=True)


class RealisedSerializer(serializers.ModelSerializer):
    """Served with and without, by project, run and service; project null: all accepted ones of the city together."""

    project: Any = serializers.SlugRelatedField(slug_field="ref", read_only=True)
    run: Any = serializers.SlugRelatedField(slug_field="ref", read_only=True)
    scenario: Any = serializers.CharField(source="run.scenario.ref")
    time_of_day: Any = serializers.CharField(source="run.time_of_day")
    service: Any = serializers.SlugRelatedField(slug_field="code", read_only=True)
    realised_units: Any = serializers.IntegerField(source="realised")
    difference_units: Any = serializers.IntegerField(source="promised_difference", allow_null=True)
    reasons = serializers.SerializerMethodField()

    class Meta:
        model = RealisedGap
        fields = [
            "project", "run", "scenario", "time_of_day", "service", "promised_units", "served_with_units", "served_without_units",
            "realised_units", "difference_units", "reasons", "facts", "computed_at",
        ]  # fmt: skip

    def get_reasons(self, row: RealisedGap) -> list[str]:
        return reasons_of(row) if row.project_id and not row.facts.get("aside") else []


class ResponsibilitySerializer(serializers.ModelSerializer):
    project: Any = serializers.SlugRelatedField(slug_field="ref", read_only=True)
    organisation: Any = serializers.SlugRelatedField(slug_field="code", read_only=True)
    organisation_name: Any = serializers.CharField(source="organisation.name", read_only=True)
    person: Any = serializers.SlugRelatedField(slug_field="username", read_only=True)
    done_by: Any = serializers.SlugRelatedField(slug_field="username", read_only=True)

    class Meta:
        model = Responsibility
        fields = ["id", "project", "level", "organisation", "organisation_name", "person", "task", "due_on", "done_at", "done_by", "note"]  # fmt: skip


class ResponsibilityInSerializer(serializers.Serializer):
    project: Any = serializers.CharField()
    level: Any = serializers.CharField()
    organisation: Any = serializers.CharField(help_text="Code of an organisation of this level.")
    task: Any = serializers.CharField()
    person: Any = serializers.CharField(required=False, allow_blank=True, default="")
    due_on: Any = serializers.DateField(required=False, allow_null=True, default=None)


class ResponsibilityChangeSerializer(serializers.Serializer):
    level: Any = serializers.CharField(required=False)
    organisation: Any = serializers.CharField(required=False)
    task: Any = serializers.CharField(required=False)
    person: Any = serializers.CharField(required=False, allow_blank=True)
    due_on: Any = serializers.DateField(required=False, allow_null=True)


class DoneSerializer(serializers.Serializer):
    note: Any = serializers.CharField()


class TakenOutSerializer(serializers.Serializer):
    reason: Any = serializers.CharField()


class EnterpriseSerializer(serializers.Serializer):
    city: Any = serializers.CharField()
    name: Any = serializers.CharField(max_length=120)
    name_en: Any = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")


class OrganisationOutSerializer(serializers.Serializer):
    code: Any = serializers.CharField()
    name: Any = serializers.CharField()
    kind: Any = serializers.CharField()


class CityInSerializer(serializers.Serializer):
    city: Any = serializers.CharField()
