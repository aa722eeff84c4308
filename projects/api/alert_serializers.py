"""What the API says of alerts and their rules, and what it takes to answer them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.choices import Certainty, OrganisationKind
from projects.models import AlertAnswer, AlertRule, Project, SupervisionAlert, SupervisionRun
from projects.selectors import alert_words
from projects.services.alert_rules import THRESHOLDS


class AlertAnswerSerializer(serializers.ModelSerializer):
    by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    done_for = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = AlertAnswer
        fields = ["kind", "text", "by", "done_for", "at"]


class AlertSerializer(serializers.ModelSerializer):
    project = serializers.SlugRelatedField(slug_field="ref", read_only=True)
    rule = serializers.CharField(source="code", read_only=True)
    rule_version = serializers.IntegerField(source="rule.version", read_only=True)
    owner = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    explained_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    closed_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    says = serializers.SerializerMethodField()
    facts = serializers.SerializerMethodField()
    links = serializers.SerializerMethodField()
    history = serializers.SerializerMethodField()

    class Meta:
        model = SupervisionAlert
        fields = [
            "id", "project", "rule", "rule_version", "thing", "occasion", "says", "facts", "links", "state", "owner",
            "raised_on", "due_on", "ended_on", "escalated_at", "explanation", "explained_by", "explained_at", "closed_by",
            "closed_at", "closing_note", "history",
        ]  # fmt: skip

    def get_says(self, row: SupervisionAlert) -> str:
        """The facts in one sentence, in the language asked for."""
        return alert_words.sentence(row)

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_facts(self, row: SupervisionAlert) -> dict[str, Any]:
        """The figures as of the day it was raised; their units are the ends of their names."""
        return row.facts

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_links(self, row: SupervisionAlert) -> list[str]:
        return [link["href"] for link in alert_words.links(row)]

    @extend_schema_field(AlertAnswerSerializer(many=True))
    def get_history(self, row: SupervisionAlert) -> Any:
        return AlertAnswerSerializer(row.answers.all(), many=True).data


class ExplainSerializer(serializers.Serializer):
    text = serializers.CharField(max_length=5000)


class JudgeSerializer(serializers.Serializer):
    note = serializers.CharField(max_length=5000)


class AssignSerializer(serializers.Serializer):
    owner = serializers.CharField(help_text="User name of who is to explain it.")
    reason = serializers.CharField(max_length=1000)


class AlertRuleSerializer(serializers.ModelSerializer):
    thresholds = serializers.SerializerMethodField()
    drafted_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    published_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = AlertRule
        fields = [
            "id", "code", "version", "name", "name_en", "state", "thresholds", "answer_working_days", "escalate_working_days",
            "owner_level", "source", "certainty", "reason", "drafted_by", "published_by", "published_at",
        ]  # fmt: skip

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_thresholds(self, row: AlertRule) -> dict[str, Any]:
        """Each number with its meaning and unit."""
        return {
            key: {"value": row.thresholds.get(key), "unit": str(one.unit), "meaning": str(one.label)}
            for key, one in THRESHOLDS[row.code].items()
        }


class DraftRuleSerializer(serializers.Serializer):
    code = serializers.SlugField()
    thresholds = serializers.DictField(child=serializers.IntegerField())
    answer_working_days = serializers.IntegerField()
    escalate_working_days = serializers.IntegerField()
    owner_level = serializers.ChoiceField(choices=OrganisationKind.choices)
    source = serializers.CharField(max_length=300)
    certainty = serializers.ChoiceField(choices=Certainty.choices, default=Certainty.D)
    reason = serializers.CharField(max_length=2000)


class RunRulesSerializer(serializers.Serializer):
    city = serializers.CharField(help_text="Code of the city.")


class SupervisionRunSerializer(serializers.ModelSerializer):
    city = serializers.SlugRelatedField(slug_field="code", read_only=True)
    started_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    rules = serializers.SerializerMethodField()

    class Meta:
        model = SupervisionRun
        fields = [
            "id", "city", "day", "projects", "raised", "ended", "escalated", "rules", "seconds", "started_by", "ran_at",
        ]  # fmt: skip

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_rules(self, row: SupervisionRun) -> dict[str, Any]:
        """By rule: its version, how many matters are there on the day, how many alerts were raised."""
        return row.found


class ScopeSerializer(serializers.Serializer):
    units = serializers.IntegerField()
    reason = serializers.CharField(max_length=2000)


class ScopeNowSerializer(serializers.ModelSerializer):
    class Meta:
        model = Project
        fields = ["ref", "units", "approved_units", "version"]
