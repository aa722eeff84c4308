"""What the API says of projects and cases, and what it takes to move them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.fields import PointField
from facilities.models import ServiceType
from inventory.choices import InterventionKind
from projects.choices import Outcome
from projects.models import Case, Condition, Project, Step


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
            "approved_units", "starts_on", "ends_on", "gap_promised", "need", "plan", "alternatives", "created_at",
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


class FromPlanSerializer(serializers.Serializer):
    plan = serializers.CharField()
    version = serializers.IntegerField()
    orders = serializers.ListField(child=serializers.IntegerField(), required=False, default=list)


class SubmitSerializer(serializers.Serializer):
    route = serializers.SlugField(default="approval")


class StepSerializer(serializers.ModelSerializer):
    task = serializers.SlugRelatedField(slug_field="code", read_only=True)
    stage = serializers.CharField(source="task.stage.code", read_only=True)
    kind = serializers.CharField(source="task.kind", read_only=True)
    done_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    done_for = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    case = serializers.SlugRelatedField(slug_field="ref", read_only=True)

    class Meta:
        model = Step
        fields = [
            "case", "stage", "task", "kind", "round", "state", "outcome", "reason", "opened_at", "due_on", "escalated_at",
            "done_at", "done_by", "done_for",
        ]  # fmt: skip


class CaseSerializer(serializers.ModelSerializer):
    project = serializers.SlugRelatedField(slug_field="ref", read_only=True)
    tranche = serializers.SlugRelatedField(slug_field="number", read_only=True, allow_null=True)
    route = serializers.CharField(source="route.code", read_only=True)
    route_version = serializers.IntegerField(source="route.version", read_only=True)
    drafter = serializers.SlugRelatedField(slug_field="username", read_only=True)
    steps = serializers.SerializerMethodField()
    items = serializers.SerializerMethodField()
    evidence = serializers.SerializerMethodField()

    class Meta:
        model = Case
        fields = [
            "ref", "project", "tranche", "route", "route_version", "state", "round", "drafter", "submitted_at", "closed_at",
            "steps", "items", "evidence",
        ]  # fmt: skip

    @extend_schema_field(StepSerializer(many=True))
    def get_steps(self, row: Case) -> Any:
        return StepSerializer([step for step in row.steps.all() if step.round == row.round], many=True).data

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_items(self, row: Case) -> list[dict[str, Any]]:
        """What was asked to change in this round, and the answers."""
        return [
            {"id": item.pk, "step": step.task.code, "text": item.text, "answer": item.answer}
            for step in row.steps.all()
            if step.round == row.round
            for item in step.return_items.all()
        ]

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_evidence(self, row: Case) -> list[dict[str, Any]]:
        return [
            {"kind": one.kind, "title": one.title, "link": one.link, "sha256": one.sha256}
            for one in row.evidence.all()
            if one.round == row.round
        ]


class ConditionInSerializer(serializers.Serializer):
    text = serializers.CharField()
    due_on = serializers.DateField(required=False, allow_null=True, default=None)


class ActSerializer(serializers.Serializer):
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    reason = serializers.CharField(required=False, allow_blank=True, default="")
    items = serializers.ListField(child=serializers.CharField(), required=False, default=list)
    conditions = ConditionInSerializer(many=True, required=False, default=list)


class AnswerSerializer(serializers.Serializer):
    item = serializers.IntegerField()
    text = serializers.CharField()


class WithdrawSerializer(serializers.Serializer):
    reason = serializers.CharField()


class NoteSerializer(serializers.Serializer):
    note = serializers.CharField()


class ConditionSerializer(serializers.ModelSerializer):
    class Meta:
        model = Condition
        fields = ["id", "text", "due_on", "state", "note", "settled_at"]
