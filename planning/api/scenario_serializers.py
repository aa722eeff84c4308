"""Scenarios as JSON: what they say, and what a request may say of them."""

from __future__ import annotations

from rest_framework import serializers

from core.choices import Certainty, TimeOfDay
from facilities.choices import Hazard
from facilities.models import ServiceType
from planning.api.serializers import code_of
from planning.choices import Extent
from planning.models import Scenario


class ScenarioSerializer(serializers.ModelSerializer):
    city = code_of()
    services = code_of(many=True)
    areas = code_of(many=True)
    hazard_layer = code_of(allow_null=True)
    closed_facilities = serializers.SlugRelatedField(slug_field="ref", many=True, read_only=True)
    created_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    times_of_day = serializers.ListField(
        child=serializers.ChoiceField(choices=TimeOfDay.choices), read_only=True
    )

    class Meta:
        model = Scenario
        fields = [
            "ref", "code", "name", "name_en", "city", "hazard", "extent", "areas", "hazard_layer", "affected_share", "displaced_share",
            "zone_rates", "rate_source", "rate_certainty", "ratio_overrides", "services", "times_of_day", "close_inside_zone",
            "road_rules", "closed_facilities", "synthetic", "notes", "version", "created_by", "created_at", "updated_at",
        ]  # fmt: skip


class ScenarioChangesSerializer(serializers.Serializer):
    """Fields to change; what is not sent stays."""

    name = serializers.CharField(max_length=120, required=False)
    name_en = serializers.CharField(max_length=120, required=False, allow_blank=True)
    hazard = serializers.ChoiceField(choices=Hazard.choices, required=False)
    extent = serializers.ChoiceField(choices=Extent.choices, required=False)
    areas = serializers.ListField(
        child=serializers.CharField(max_length=24), required=False, help_text="Area codes."
    )
    hazard_layer = serializers.CharField(
        max_length=40, required=False, allow_null=True, help_text="Code of a hazard layer of the city."
    )
    affected_share = serializers.FloatField(min_value=0, max_value=1, required=False, allow_null=True)
    displaced_share = serializers.FloatField(min_value=0, max_value=1, required=False, allow_null=True)
    zone_rates = serializers.DictField(
        child=serializers.DictField(child=serializers.FloatField(min_value=0, max_value=1, allow_null=True)),
        required=False,
    )
    ratio_overrides = serializers.DictField(child=serializers.FloatField(), required=False)
    rate_source = serializers.CharField(max_length=300, required=False, allow_blank=True)
    rate_certainty = serializers.ChoiceField(choices=Certainty.choices, required=False)
    services = serializers.SlugRelatedField(
        slug_field="code", many=True, queryset=ServiceType.objects.all(), required=False
    )
    times_of_day = serializers.ListField(
        child=serializers.ChoiceField(choices=TimeOfDay.choices), required=False
    )
    close_inside_zone = serializers.BooleanField(required=False)
    closed_facilities = serializers.ListField(
        child=serializers.CharField(max_length=24), required=False, help_text="Facility references."
    )
    road_rules = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        help_text=(
            'Closed and slowed roads: {"kind": "zone", "zone_class": "deep", "road_classes": ["*"], "factor": null} closes,'
            ' factor 3 takes three times as long; "lines" with a GeoJSON geometry and buffer_m; "list" with source_ids.'
        ),
    )
    notes = serializers.CharField(required=False, allow_blank=True, max_length=5000)


class NewScenarioSerializer(ScenarioChangesSerializer):
    city = serializers.CharField(max_length=20)
    name = serializers.CharField(max_length=120)
    hazard = serializers.ChoiceField(choices=Hazard.choices)
    services = serializers.SlugRelatedField(slug_field="code", many=True, queryset=ServiceType.objects.all())
    times_of_day = serializers.ListField(child=serializers.ChoiceField(choices=TimeOfDay.choices))


class CopyScenarioSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    name_en = serializers.CharField(max_length=120, required=False, allow_blank=True)
