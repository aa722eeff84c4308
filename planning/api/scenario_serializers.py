"""Scenarios as JSON: what they say, and what a request may say of them.

A request is only held to its shape here; what the values may be is checked in one place, the services, so that one
answer names everything that is wrong."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.fields import GEOJSON_SCHEMA
from core.choices import Certainty, TimeOfDay
from facilities.choices import Hazard
from planning.api.serializers import code_of
from planning.choices import Extent, ScenarioTemplate
from planning.models import Scenario, ScenarioVersion


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
    drawn = serializers.SerializerMethodField(help_text="GeoJSON MultiPolygon, WGS-84; null without.")

    class Meta:
        model = Scenario
        fields = [
            "ref", "code", "name", "name_en", "city", "hazard", "template", "model", "extent", "areas", "hazard_layer", "drawn",
            "affected_share", "displaced_share", "seeking_share", "zone_rates", "rate_source", "rate_certainty", "rate_facts",
            "population_layers", "duration_hours", "stay_shares", "multipliers", "ratio_overrides", "services", "times_of_day",
            "close_inside_zone", "close_from_severity", "road_rules", "closed_facilities", "synthetic", "notes", "version",
            "created_by", "created_at", "updated_at",
        ]  # fmt: skip

    @extend_schema_field({**GEOJSON_SCHEMA, "nullable": True})
    def get_drawn(self, scenario: Scenario) -> Any:
        return json.loads(scenario.drawn.json) if scenario.drawn else None


@extend_schema_field({**GEOJSON_SCHEMA, "nullable": True})
class DrawnField(serializers.JSONField):
    """GeoJSON ground: geometry, feature or collection of polygons."""


class ScenarioChangesSerializer(serializers.Serializer):
    """Fields to change; what is not sent stays."""

    name = serializers.CharField(max_length=120, required=False)
    name_en = serializers.CharField(max_length=120, required=False, allow_blank=True)
    hazard = serializers.ChoiceField(choices=Hazard.choices, required=False)
    template = serializers.ChoiceField(choices=ScenarioTemplate.choices, required=False)
    model = serializers.DictField(
        required=False, help_text="Inputs of the template's model; empty: the rates are set by hand."
    )
    extent = serializers.ChoiceField(choices=Extent.choices, required=False)
    areas = serializers.ListField(
        child=serializers.CharField(max_length=24), required=False, help_text="Area codes."
    )
    hazard_layer = serializers.CharField(
        max_length=40, required=False, allow_null=True, help_text="Code of a hazard layer of the city."
    )
    drawn = DrawnField(
        required=False,
        allow_null=True,
        help_text="GeoJSON polygons, WGS-84, longitude first; for extent drawn.",
    )
    affected_share = serializers.FloatField(
        required=False, allow_null=True, help_text="Of the people inside, 0 to 1."
    )
    displaced_share = serializers.FloatField(
        required=False, allow_null=True, help_text="Of the affected, 0 to 1."
    )
    seeking_share = serializers.FloatField(
        required=False, allow_null=True, help_text="Of the displaced, 0 to 1."
    )
    zone_rates = serializers.DictField(
        child=serializers.DictField(child=serializers.FloatField(allow_null=True)),
        required=False,
        help_text='By class of the hazard layer: {"deep": {"affected": 1, "displaced": 0.05, "seeking": 0.5}}.',
    )
    rate_facts = serializers.DictField(
        child=serializers.DictField(),
        required=False,
        help_text=(
            'Range and source of each number, by its place: {"zone_rates.deep.displaced": {"low": 0.03, "high": 0.08,'
            ' "source": "…", "clause": "", "certainty": "B"}}.'
        ),
    )
    population_layers = serializers.DictField(
        child=serializers.CharField(max_length=40),
        required=False,
        help_text='{"night": "census-2020"}; a time that is not named takes the layer in use.',
    )
    duration_hours = serializers.FloatField(
        required=False, allow_null=True, help_text="Null: every phase counts."
    )
    stay_shares = serializers.DictField(
        child=serializers.FloatField(),
        required=False,
        help_text='Share still in need by phase: {"d4_15": 0.6}.',
    )
    multipliers = serializers.DictField(
        child=serializers.FloatField(), required=False, help_text='Need multiplied: {"medical_point": 1.5}.'
    )
    ratio_overrides = serializers.DictField(child=serializers.FloatField(), required=False)
    rate_source = serializers.CharField(max_length=300, required=False, allow_blank=True)
    rate_certainty = serializers.ChoiceField(choices=Certainty.choices, required=False)
    services = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, help_text="Codes of service types."
    )
    times_of_day = serializers.ListField(
        child=serializers.ChoiceField(choices=TimeOfDay.choices), required=False
    )
    close_inside_zone = serializers.BooleanField(required=False)
    close_from_severity = serializers.IntegerField(
        required=False,
        allow_null=True,
        help_text="Places supply nothing from this severity on; null: in every class.",
    )
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
    note = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=300,
        help_text="What changed and why, kept with the version.",
    )


class NewScenarioSerializer(ScenarioChangesSerializer):
    city = serializers.CharField(max_length=20)
    name = serializers.CharField(max_length=120)
    hazard = serializers.ChoiceField(choices=Hazard.choices)
    services = serializers.ListField(
        child=serializers.CharField(max_length=60), help_text="Codes of service types."
    )
    times_of_day = serializers.ListField(child=serializers.ChoiceField(choices=TimeOfDay.choices))


class ScenarioPreviewSerializer(ScenarioChangesSerializer):
    """A scenario that is being written: as much of it as is known."""

    city = serializers.CharField(max_length=20)


class CopyScenarioSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    name_en = serializers.CharField(max_length=120, required=False, allow_blank=True)


class RestoreVersionSerializer(serializers.Serializer):
    note = serializers.CharField(max_length=300, required=False, allow_blank=True)


class ScenarioVersionSerializer(serializers.ModelSerializer):
    created_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    created_at = serializers.DateTimeField(read_only=True)

    class Meta:
        model = ScenarioVersion
        fields = ["version", "note", "created_by", "created_at", "document"]


class ChangedFieldSerializer(serializers.Serializer):
    field = serializers.CharField(help_text="Place in the document, like zone_rates.deep.displaced.")
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class VersionChangesSerializer(serializers.Serializer):
    older = serializers.IntegerField()
    newer = serializers.IntegerField()
    changes = ChangedFieldSerializer(many=True)


class RangeOfPeopleSerializer(serializers.Serializer):
    low = serializers.FloatField(allow_null=True)
    mid = serializers.FloatField()
    high = serializers.FloatField(allow_null=True)


class ChainSerializer(serializers.Serializer):
    time_of_day = serializers.ChoiceField(choices=TimeOfDay.choices)
    layer = serializers.CharField(help_text="Population layer that is counted.")
    inside = serializers.FloatField(help_text="People on the ground of the scenario.")
    groups = serializers.DictField(
        child=serializers.FloatField(),
        help_text="Of the people inside, the groups that the layer tells apart.",
    )
    affected = RangeOfPeopleSerializer(allow_null=True, help_text="Null: a rate is missing.")
    displaced = RangeOfPeopleSerializer(allow_null=True)
    seeking = RangeOfPeopleSerializer(allow_null=True)


class InsideDistrictSerializer(serializers.Serializer):
    code = serializers.CharField()
    name = serializers.CharField()
    name_en = serializers.CharField()
    inside = serializers.DictField(child=serializers.FloatField(), help_text="People by time of day.")


class PreviewNeedSerializer(serializers.Serializer):
    service = serializers.CharField()
    unit = serializers.CharField()
    certainty = serializers.CharField(help_text="Of the ratio in the standards.")
    driver = serializers.CharField()
    by_time = serializers.DictField(
        child=serializers.IntegerField(allow_null=True),
        help_text="Whole units by time of day; null: not known.",
    )
    missing = serializers.ListField(
        child=serializers.CharField(), help_text="What keeps the need from being told."
    )


class PreviewSerializer(serializers.Serializer):
    city = serializers.CharField()
    people = serializers.FloatField(help_text="The most people inside at any time of day.")
    cells = serializers.IntegerField()
    chains = ChainSerializer(many=True)
    districts = InsideDistrictSerializer(many=True)
    profile = serializers.CharField(allow_null=True)
    need = PreviewNeedSerializer(many=True)
    problems = serializers.ListField(child=serializers.DictField())
