"""Scenarios on the API: read, write, copy. Every write is one service call."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.viewsets import ReadViewSet
from core.models import City
from planning.api import filters, scenario_serializers
from planning.api import serializers as forms
from planning.models import HazardLayer, Scenario
from planning.services import road_rules, scenarios

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description='The record\'s ETag, like "3".'
)


def city_seen(user: Any, code: str) -> City:
    return get_object_or_404(City.objects.filter(policies.visible_cities(user)), code=code)


def resolved(fields: dict[str, Any], city: City) -> dict[str, Any]:
    """Codes and references of a request as records of the city."""
    if "areas" in fields:
        fields["areas"] = forms.areas_named(fields["areas"], city.pk)
    if "closed_facilities" in fields:
        fields["closed_facilities"] = forms.facilities_named(fields["closed_facilities"], city.pk)
    if fields.get("hazard_layer"):
        layer = HazardLayer.objects.filter(city=city, code=fields["hazard_layer"]).first()
        if layer is None:
            raise serializers.ValidationError({"hazard_layer": [f"unknown: {fields['hazard_layer']}"]})
        fields["hazard_layer"] = layer
    return fields


class ScenarioViewSet(ReadViewSet):
    """A hazard, where it strikes, and what it does to people. A missing rate refuses the run; it is never zero."""

    queryset = Scenario.objects.select_related("city", "hazard_layer", "created_by").prefetch_related(
        "services", "areas", "closed_facilities"
    )
    serializer_class = scenario_serializers.ScenarioSerializer
    filterset_class = filters.ScenarioFilter
    ordering_fields = ["ref", "name", "updated_at"]
    lookup_field = "ref"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(city__in=City.objects.filter(policies.visible_cities(user)))

    def _answer(self, scenario: Scenario, status: int = 200) -> Response:
        record = self.get_queryset().get(pk=scenario.pk)
        headers = {"Location": f"/api/v1/scenarios/{record.ref}/"} if status == 201 else {}
        return Response(self.get_serializer(record).data, status=status, headers=headers)

    @extend_schema(
        request=scenario_serializers.NewScenarioSerializer,
        responses={201: scenario_serializers.ScenarioSerializer},
    )
    def create(self, request: Request) -> Response:
        """Write a new scenario. Rates left open stay open: a run that needs them is refused and names them."""
        form = scenario_serializers.NewScenarioSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        city = city_seen(request.user, fields.pop("city"))
        fields = resolved(fields, city)
        closed = fields.pop("closed_facilities", None)
        made = scenarios.create_scenario(user=request.user, city=city, **fields)
        if closed:
            made = scenarios.update_scenario(
                user=request.user, scenario=made, version=None, changes={"closed_facilities": closed}
            )
        return self._answer(made, 201)

    @extend_schema(
        request=scenario_serializers.ScenarioChangesSerializer,
        responses=scenario_serializers.ScenarioSerializer,
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, ref: str) -> Response:
        """Change some fields, against the version that If-Match names. Runs keep what they ran with."""
        scenario = self.get_object()
        form = scenario_serializers.ScenarioChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        changes = resolved(dict(form.validated_data), scenario.city)
        version = self.expected_version(request)
        return self._answer(
            scenarios.update_scenario(user=request.user, scenario=scenario, version=version, changes=changes)
        )

    @extend_schema(
        request=scenario_serializers.CopyScenarioSerializer,
        responses={201: scenario_serializers.ScenarioSerializer},
    )
    @action(detail=True, methods=["post"])
    def copy(self, request: Request, ref: str) -> Response:
        """A scenario of one's own to change."""
        form = scenario_serializers.CopyScenarioSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return self._answer(
            scenarios.copy_scenario(user=request.user, scenario=self.get_object(), **form.validated_data), 201
        )

    @extend_schema(
        responses={
            200: {
                "type": "object",
                "description": "GeoJSON: the streets that the road rules close or slow on today's roads, at most 5,000 of them;"
                " `streets` says how many there are, `shown` how many are here.",
            }
        },
    )
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def streets(self, request: Request, ref: str) -> Response:
        """Closed and slowed streets, closed ones first, then the longest."""
        return Response(road_rules.scenario_streets(scenario=self.get_object()))
