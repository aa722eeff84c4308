"""Scenarios on the API: read, write, copy. Every write is one service call."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.viewsets import ReadViewSet
from core.errors import DomainError
from core.models import City
from planning.api import filters, scenario_serializers
from planning.models import Scenario, ScenarioVersion
from planning.services import road_rules, scenario_preview, scenario_versions, scenarios

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description='The record\'s ETag, like "3".'
)


def city_seen(user: Any, code: str) -> City:
    return get_object_or_404(City.objects.filter(policies.visible_cities(user)), code=code)


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
        told = dict(form.validated_data)
        city, note = city_seen(request.user, told.pop("city")), told.pop("note", "")
        return self._answer(
            scenarios.create_told(user=request.user, city=city, told=told, note=note), status=201
        )

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
        told = dict(form.validated_data)
        version, note = self.expected_version(request), told.pop("note", "")
        return self._answer(
            scenarios.update_told(user=request.user, scenario=scenario, version=version, told=told, note=note)
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
        request=scenario_serializers.ScenarioPreviewSerializer,
        responses={200: scenario_serializers.PreviewSerializer},
    )
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """People inside by time of day and district, the chain from them to those who seek shelter, and the need by
        service under the default standards. Nothing is stored; what is not sent takes its default."""
        form = scenario_serializers.ScenarioPreviewSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        told = dict(form.validated_data)
        city = city_seen(request.user, told.pop("city"))
        told.pop("note", None)
        return Response(scenario_preview.preview_told(user=request.user, city=city, told=told).as_dict())

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


class ScenarioVersionViewSet(ReadViewSet):
    """The stored versions of one scenario: what it said, who wrote it, when and why."""

    queryset = ScenarioVersion.objects.select_related("created_by").order_by("-version")
    serializer_class = scenario_serializers.ScenarioVersionSerializer
    lookup_field = "version"
    lookup_url_kwarg = "number"
    filterset_class = None
    ordering_fields = ["version"]

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(scenario=self._scenario(user))

    def _scenario(self, user: Any) -> Scenario:
        seen = Scenario.objects.filter(city__in=City.objects.filter(policies.visible_cities(user)))
        return get_object_or_404(seen.select_related("city"), ref=self.kwargs["scenario_ref"])

    @extend_schema(
        request=scenario_serializers.RestoreVersionSerializer,
        responses=scenario_serializers.ScenarioSerializer,
        parameters=[IF_MATCH],
    )
    def restore(self, request: Request, scenario_ref: str, number: int) -> Response:
        """What this version said, as a new version. If-Match names the scenario's present one."""
        form = scenario_serializers.RestoreVersionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        restored = scenarios.restore_version(
            user=request.user, scenario=self._scenario(request.user), number=number,
            version=self.expected_version(request), note=form.validated_data.get("note", ""),
        )  # fmt: skip
        return Response(scenario_serializers.ScenarioSerializer(restored).data)

    @extend_schema(
        responses=scenario_serializers.VersionChangesSerializer,
        parameters=[OpenApiParameter("with", int, description="The version to compare with; the one before when absent.")],
    )  # fmt: skip
    def changes(self, request: Request, scenario_ref: str, number: int) -> Response:
        """Field by field, what differs between another version and this one."""
        other = request.query_params.get("with", "")
        if other and not other.isdecimal():
            raise DomainError("bad-version", _("A version is a whole number."), status=400)
        older = int(other) if other else max(number - 1, 1)
        found = scenario_versions.compare_versions(
            scenario=self._scenario(request.user), older=older, newer=number
        )
        return Response({"older": older, "newer": number, "changes": found})
