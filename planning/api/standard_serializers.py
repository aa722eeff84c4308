"""Standards as JSON: what they say, and what a request may say of them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.choices import Certainty, TimeOfDay
from facilities.models import ServiceType
from planning.api.serializers import code_of
from planning.choices import Driver, NeedBasis, PeopleGroup, Phase, ProfileLevel, ReachUnit, TravelMode
from planning.models import MinimumNeed, Standard, StandardProfile
from planning.selectors.deviations import Deviation
from planning.selectors.standards import revision_of
from planning.services.standard_files import source_of

WHO = {"slug_field": "username", "read_only": True, "allow_null": True}


class WithRevision(serializers.Serializer):
    revision = serializers.SerializerMethodField(help_text="Send it as If-Match when you change the record.")

    @extend_schema_field(int)
    def get_revision(self, record: Any) -> int:
        return revision_of(record)


class StandardSerializer(WithRevision, serializers.ModelSerializer):
    profile = code_of()
    service = code_of()
    changed_by = serializers.SlugRelatedField(**WHO)
    reviewed_by = serializers.SlugRelatedField(**WHO)

    class Meta:
        model = Standard
        fields = [
            "id", "profile", "service", "phase", "driver", "group", "ratio", "ratio_low", "ratio_high", "per_people", "ratio_text",
            "ratio_text_en", "ratio_source", "ratio_clause", "ratio_certainty", "reach_limit", "reach_unit", "mode", "reach_source",
            "reach_clause", "reach_certainty", "conversion_limit_hours", "conversion_source", "conversion_clause",
            "conversion_certainty", "weight", "valid_from", "valid_to", "reason", "changed_by", "reviewed_by", "revision",
        ]  # fmt: skip


class MinimumNeedSerializer(WithRevision, serializers.ModelSerializer):
    profile = code_of()

    class Meta:
        model = MinimumNeed
        fields = [
            "id", "profile", "code", "name", "name_en", "unit", "unit_en", "basis", "amount", "phase", "source", "clause", "certainty",
            "reason", "sort_order", "revision",
        ]  # fmt: skip


class StandardProfileSerializer(WithRevision, serializers.ModelSerializer):
    parent = code_of(allow_null=True)
    area = code_of(allow_null=True)
    city = serializers.CharField(source="area.city.code", read_only=True, allow_null=True, default=None)
    created_by = serializers.SlugRelatedField(**WHO)
    reviewed_by = serializers.SlugRelatedField(**WHO)
    standards = StandardSerializer(many=True, read_only=True)

    class Meta:
        model = StandardProfile
        fields = [
            "code", "family", "version", "level", "name", "name_en", "parent", "city", "area", "status", "is_default", "valid_from",
            "valid_to", "reason", "created_by", "created_at", "updated_at", "reviewed_by", "published_at", "retired_at", "revision",
            "standards",
        ]  # fmt: skip


class ProfileFields(serializers.Serializer):
    """Fields of a draft; what is not sent stays."""

    name = serializers.CharField(max_length=120, required=False)
    name_en = serializers.CharField(max_length=120, required=False, allow_blank=True)
    level = serializers.ChoiceField(choices=ProfileLevel.choices, required=False)
    parent = serializers.CharField(
        max_length=60, required=False, allow_null=True, help_text="Code of a profile."
    )
    city = serializers.CharField(
        max_length=40, required=False, help_text="Code of the city that `area` lies in."
    )
    area = serializers.CharField(
        max_length=24, required=False, allow_null=True, help_text="Area code; null: everywhere."
    )
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    valid_from = serializers.DateField(required=False, allow_null=True)
    valid_to = serializers.DateField(required=False, allow_null=True)


class NewProfileSerializer(ProfileFields):
    code = serializers.SlugField(max_length=60, required=False)
    name = serializers.CharField(max_length=120)


class PublishSerializer(serializers.Serializer):
    make_default = serializers.BooleanField(required=False, default=False)


class RetireSerializer(serializers.Serializer):
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class StandardFields(serializers.Serializer):
    """Fields of a row of a draft; what is not sent stays, or is as in the profile above."""

    phase = serializers.ChoiceField(choices=Phase.choices, required=False, allow_blank=True)
    driver = serializers.ChoiceField(choices=Driver.choices, required=False)
    group = serializers.ChoiceField(choices=PeopleGroup.choices, required=False, allow_blank=True)
    ratio = serializers.FloatField(required=False, help_text="Units for each person counted.")
    ratio_low = serializers.FloatField(required=False, allow_null=True)
    ratio_high = serializers.FloatField(required=False, allow_null=True)
    per_people = serializers.IntegerField(required=False, min_value=1, max_value=10_000_000)
    ratio_text = serializers.CharField(max_length=120, required=False, allow_blank=True)
    ratio_text_en = serializers.CharField(max_length=120, required=False, allow_blank=True)
    ratio_source = serializers.CharField(max_length=200, required=False, allow_blank=True)
    ratio_clause = serializers.CharField(max_length=80, required=False, allow_blank=True)
    ratio_certainty = serializers.ChoiceField(choices=Certainty.choices, required=False)
    reach_limit = serializers.FloatField(required=False)
    reach_unit = serializers.ChoiceField(choices=ReachUnit.choices, required=False)
    mode = serializers.ChoiceField(choices=TravelMode.choices, required=False)
    reach_source = serializers.CharField(max_length=200, required=False, allow_blank=True)
    reach_clause = serializers.CharField(max_length=80, required=False, allow_blank=True)
    reach_certainty = serializers.ChoiceField(choices=Certainty.choices, required=False)
    conversion_limit_hours = serializers.FloatField(required=False, allow_null=True)
    conversion_source = serializers.CharField(max_length=200, required=False, allow_blank=True)
    conversion_clause = serializers.CharField(max_length=80, required=False, allow_blank=True)
    conversion_certainty = serializers.ChoiceField(
        choices=Certainty.choices, required=False, allow_blank=True
    )
    weight = serializers.FloatField(required=False)
    valid_from = serializers.DateField(required=False, allow_null=True)
    valid_to = serializers.DateField(required=False, allow_null=True)
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class NewStandardSerializer(StandardFields):
    profile = serializers.CharField(max_length=60, help_text="Code of a draft.")
    service = serializers.SlugRelatedField(slug_field="code", queryset=ServiceType.objects.all())


class NeedFields(serializers.Serializer):
    """Fields of a minimum need of a draft; what is not sent stays, or is as in the profile above."""

    code = serializers.SlugField(max_length=40, required=False)
    name = serializers.CharField(max_length=80, required=False)
    name_en = serializers.CharField(max_length=80, required=False, allow_blank=True)
    unit = serializers.CharField(max_length=20, required=False)
    unit_en = serializers.CharField(max_length=20, required=False, allow_blank=True)
    basis = serializers.ChoiceField(choices=NeedBasis.choices, required=False)
    amount = serializers.FloatField(required=False)
    phase = serializers.ChoiceField(choices=Phase.choices, required=False, allow_blank=True)
    source = serializers.CharField(max_length=200, required=False, allow_blank=True)
    clause = serializers.CharField(max_length=80, required=False, allow_blank=True)
    certainty = serializers.ChoiceField(choices=Certainty.choices, required=False)
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    sort_order = serializers.IntegerField(required=False, min_value=0, max_value=1000)


class NewNeedSerializer(NeedFields):
    profile = serializers.CharField(max_length=60, help_text="Code of a draft.")
    code = serializers.SlugField(max_length=40)


class DeviationSerializer(serializers.Serializer):
    """One number that differs; `own` and `above` are text where the parameter is one of a few words."""

    kind = serializers.CharField(help_text="changed, or added: the other profile has no such row.")
    service_or_need = serializers.CharField(source="code")
    phase = serializers.CharField(source="row.phase")
    parameter = serializers.CharField()
    own = serializers.JSONField()
    above = serializers.JSONField(allow_null=True)
    difference = serializers.FloatField(allow_null=True)
    share = serializers.FloatField(allow_null=True)
    own_certainty = serializers.CharField()
    above_certainty = serializers.CharField()
    reason = serializers.CharField(source="row.reason")
    source = serializers.SerializerMethodField()
    clause = serializers.SerializerMethodField()
    whose = serializers.CharField(source="row.profile.code")
    changed_by = serializers.CharField(source="changed_by.username", allow_null=True, default=None)
    reviewed_by = serializers.CharField(source="reviewed_by.username", allow_null=True, default=None)

    def get_source(self, one: Deviation) -> str:
        return source_of(one)[0]

    def get_clause(self, one: Deviation) -> str:
        return source_of(one)[1]


class AdoptSerializer(serializers.Serializer):
    scenarios = serializers.ListField(
        child=serializers.CharField(max_length=24),
        min_length=1,
        max_length=24,
        help_text="References of scenarios.",
    )
    times_of_day = serializers.ListField(
        child=serializers.ChoiceField(choices=TimeOfDay.choices), required=False
    )
    against = serializers.CharField(
        max_length=60,
        required=False,
        allow_null=True,
        help_text="Code of a profile; without it: what is in force.",
    )
    level = serializers.IntegerField(required=False, default=2, min_value=1, max_value=5)
    detour_factor = serializers.FloatField(min_value=1, max_value=3, required=False, default=1.3)


class ProfileFileSerializer(serializers.Serializer):
    toml = serializers.CharField(
        max_length=2_000_000, help_text="The profile as text, as its `file` gives it."
    )
