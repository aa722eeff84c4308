"""What the API says of cases and inboxes, what it takes to do a task, and what is newer than a case's evidence."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from projects.choices import Outcome
from projects.models import Case, Step
from projects.selectors.inbox import Waiting


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


class WaitingSerializer(serializers.Serializer):
    """One thing that waits for the caller."""

    kind = serializers.CharField()
    title = serializers.CharField()
    title_en = serializers.CharField()
    href = serializers.CharField(help_text="address of the page that answers it")
    due_on = serializers.DateField(allow_null=True)
    overdue_days = serializers.IntegerField()
    project = serializers.CharField(source="project_ref")
    project_name = serializers.CharField()
    area = serializers.CharField()
    case = serializers.CharField(source="case_ref")
    task = serializers.CharField()
    deputy_of = serializers.SerializerMethodField()
    escalated = serializers.BooleanField()

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_deputy_of(self, row: Waiting) -> str | None:
        return row.deputy_of.username if row.deputy_of is not None else None


class FacetSerializer(serializers.Serializer):
    value = serializers.CharField()
    name = serializers.CharField()
    count = serializers.IntegerField(help_text="rows shown when this is chosen with the other filters")


class InboxSerializer(serializers.Serializer):
    """The inbox with its counts; each count equals what its filter shows."""

    count = serializers.IntegerField()
    total = serializers.IntegerField()
    overdue = serializers.IntegerField()
    this_week = serializers.IntegerField()
    kinds = FacetSerializer(many=True)
    dues = FacetSerializer(many=True)
    areas = FacetSerializer(many=True)
    results = WaitingSerializer(many=True)


def inbox_answer(found: Any) -> dict[str, Any]:
    """The same for the API and the command."""
    return dict(
        InboxSerializer(
            {
                "count": len(found.rows), "total": found.total, "overdue": found.overdue, "this_week": found.this_week,
                "kinds": found.kinds, "dues": found.dues, "areas": found.areas, "results": found.rows,
            }
        ).data
    )  # fmt: skip


class InvestmentCodeSerializer(serializers.Serializer):
    code = serializers.CharField(max_length=40)


class NewerFigureSerializer(serializers.Serializer):
    """One figure as frozen and as it stands now. Money in fen, needs in units of the service; null: not known."""

    code = serializers.CharField()
    label = serializers.CharField()
    unit = serializers.CharField(help_text="of the figures: a service's unit, fen, h, or empty for words")
    frozen = serializers.JSONField(allow_null=True)
    newer = serializers.JSONField(allow_null=True)
    changed = serializers.BooleanField()


class NewerEvidenceSerializer(serializers.Serializer):
    """One piece of evidence beside what answers the same question now."""

    kind = serializers.CharField()
    title = serializers.CharField()
    frozen_link = serializers.CharField()
    frozen_words = serializers.CharField()
    newer_link = serializers.CharField()
    newer_words = serializers.CharField()
    newer_on = serializers.DateTimeField(allow_null=True)
    figures = NewerFigureSerializer(many=True)


class NewerSerializer(serializers.Serializer):
    case = serializers.CharField()
    round = serializers.IntegerField()
    frozen_at = serializers.DateTimeField()
    summary = serializers.ListField(child=serializers.CharField())
    evidence = NewerEvidenceSerializer(many=True)


class ChangeSerializer(serializers.Serializer):
    """One field that differs between two rounds, in words. Lists say what is gone and what is new."""

    field = serializers.CharField()
    label = serializers.CharField()
    before = serializers.CharField()
    now = serializers.CharField()
    gone = serializers.ListField(child=serializers.CharField())
    new = serializers.ListField(child=serializers.CharField())


def newer_answer(found: Any) -> dict[str, Any]:
    """The same for the API and the command."""
    return dict(
        NewerSerializer(
            {
                "case": found.case.ref, "round": found.case.round, "frozen_at": found.frozen_at,
                "summary": found.summary, "evidence": found.evidence,
            }
        ).data
    )  # fmt: skip
