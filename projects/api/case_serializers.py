"""What the API says of an inbox, and of newer data about what a case was handed in with."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from projects.selectors.inbox import Waiting


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
