"""The templates that scenarios begin from, on the API. They are data of the platform: every signed-in person may read."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.filtering import StrictFilterBackend, refuse_unknown_orderings
from core.api.viewsets import PlainViewSet
from core.models import City
from planning.models import Scenario
from planning.selectors.scenario_templates import template_of, templates
from planning.services.outbreaks import outbreak_course
from planning.services.scenario_templates import document_for

CODE = OpenApiParameter("code", str, OpenApiParameter.PATH, description="Code of the template.")


class NamedSerializer(serializers.Serializer):
    code = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    name_en = serializers.CharField(read_only=True)


class TemplateClassSerializer(NamedSerializer):
    also = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Other names of the class."
    )
    starts_at = serializers.FloatField(read_only=True, allow_null=True)
    unit = serializers.CharField(read_only=True)


class TemplateVariantSerializer(NamedSerializer):
    rate_source = serializers.CharField(read_only=True)
    rate_certainty = serializers.CharField(read_only=True)
    affected_share = serializers.FloatField(read_only=True, allow_null=True)
    displaced_share = serializers.FloatField(read_only=True, allow_null=True)
    seeking_share = serializers.FloatField(read_only=True, allow_null=True)
    zone_rates = serializers.JSONField(read_only=True)
    model = serializers.JSONField(read_only=True)
    rate_facts = serializers.JSONField(
        read_only=True, help_text="Range and source of each number, by its place in the scenario."
    )


class TemplateFieldSerializer(serializers.Serializer):
    path = serializers.CharField(read_only=True, help_text="Key in the scenario's `model`.")
    kind = serializers.CharField(
        read_only=True, help_text="number, share, shares, by_class, choice or service."
    )
    name = serializers.CharField(read_only=True)
    name_en = serializers.CharField(read_only=True)
    help = serializers.CharField(read_only=True)
    help_en = serializers.CharField(read_only=True)
    unit = serializers.CharField(read_only=True)
    required = serializers.BooleanField(read_only=True)
    low = serializers.FloatField(read_only=True, allow_null=True)
    high = serializers.FloatField(read_only=True, allow_null=True)
    options = NamedSerializer(many=True, read_only=True)


class ScenarioTemplateSerializer(NamedSerializer):
    hazard = serializers.CharField(read_only=True)
    about = serializers.CharField(read_only=True)
    about_en = serializers.CharField(read_only=True)
    extent = serializers.CharField(read_only=True)
    services = serializers.ListField(child=serializers.CharField(), read_only=True)
    times_of_day = serializers.ListField(child=serializers.CharField(), read_only=True)
    close_inside_zone = serializers.BooleanField(read_only=True)
    duration_hours = serializers.FloatField(read_only=True, allow_null=True)
    classes = TemplateClassSerializer(many=True, read_only=True)
    variants = TemplateVariantSerializer(many=True, read_only=True)
    fields = TemplateFieldSerializer(many=True, read_only=True)  # type: ignore[assignment]


@extend_schema_view(
    list=extend_schema(responses=ScenarioTemplateSerializer(many=True)),
    retrieve=extend_schema(parameters=[CODE], responses=ScenarioTemplateSerializer),
)
class ScenarioTemplateViewSet(PlainViewSet):
    """Where a scenario may begin: rates with ranges and sources, and the inputs of the template's model."""

    queryset = Scenario.objects.none()  # templates are no records; what begins from one is a scenario
    serializer_class = ScenarioTemplateSerializer
    lookup_field = "code"
    lookup_value_regex = "[a-z_]{1,40}"

    def list(self, request: Request) -> Response:
        # As many as fit a page, in the order they are offered in: there is no other.
        refuse_unknown_orderings(request.query_params.getlist("ordering"), [])
        rows = StrictFilterBackend().filter_queryset(request, list(templates()), self)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        return Response(self.get_serializer(template_of(code)).data)

    @extend_schema(
        parameters=[
            CODE,
            OpenApiParameter("variant", str, description="Code of a variant; the first one when left out."),
            OpenApiParameter("city", str, description="Code of the city of the hazard layer."),
            OpenApiParameter(
                "hazard_layer", str, description="Code of a hazard layer whose classes get the rates."
            ),
        ],
        responses={200: {"type": "object", "description": "Field values for POST /scenarios/."}},
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def document(self, request: Request, code: str) -> Response:
        """The field values of a scenario that begins from the template: add a name and a city, change what differs, and
        POST it to /scenarios/."""
        asked: dict[str, Any] = {
            name: request.query_params.get(name, "") for name in ("variant", "city", "hazard_layer")
        }
        return Response(document_for(user=request.user, code=code, **asked))


class OutbreakDaySerializer(serializers.Serializer):
    """People for 10,000 residents on a day. Quarantined contacts are among the compartments too."""

    day = serializers.IntegerField(read_only=True)
    susceptible = serializers.FloatField(read_only=True)
    infected = serializers.FloatField(read_only=True)
    infectious_unfound = serializers.FloatField(read_only=True)
    infectious_found = serializers.FloatField(read_only=True)
    isolated = serializers.FloatField(read_only=True)
    recovered = serializers.FloatField(read_only=True)
    quarantined = serializers.FloatField(read_only=True)
    places = serializers.FloatField(read_only=True)
    beds = serializers.FloatField(read_only=True)


class OutbreakCourseSerializer(serializers.Serializer):
    peak_per_10000 = serializers.FloatField(read_only=True)
    peak_day = serializers.IntegerField(read_only=True)
    still_rising = serializers.BooleanField(
        read_only=True, help_text="The last day is the highest: the peak lies beyond."
    )
    days = OutbreakDaySerializer(many=True, read_only=True)


class ScenarioCourseViewSet(PlainViewSet):
    """The course of the outbreak behind a scenario of the template epidemic_curve."""

    queryset = Scenario.objects.all()
    serializer_class = OutbreakCourseSerializer

    @extend_schema(
        parameters=[OpenApiParameter("scenario_ref", str, OpenApiParameter.PATH)],
        responses=OutbreakCourseSerializer,
    )
    def retrieve(self, request: Request, scenario_ref: str) -> Response:
        """Day by day, for 10,000 residents."""
        cities = City.objects.filter(policies.visible_cities(request.user))
        scenario = get_object_or_404(Scenario.objects.filter(city__in=cities), ref=scenario_ref)
        return Response(self.get_serializer(outbreak_course(scenario=scenario)).data)
