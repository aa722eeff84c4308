"""The question of a plan on the API: end a search with the best so far, ask again with a limit moved, find places to name."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from planning.api.plan_serializers import PlanVersionSerializer
from planning.api.plans import NUMBER, REF, told, version_seen
from planning.api.scenarios import city_seen
from planning.selectors.plan_places import NamedOption, find_options
from planning.services import plans


class RelaxSerializer(serializers.Serializer):
    relaxation = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0,
        help_text="Position in the version's relaxations; left out: all those that only help together.",
    )


class PlaceSearchSerializer(serializers.Serializer):
    city = serializers.CharField()
    search = serializers.CharField()
    retire = serializers.BooleanField(required=False, default=False)


class VersionQuestionViewSet(viewsets.ViewSet):
    """What can be done with the question of one version."""

    permission_classes = [IsAuthenticated]

    @extend_schema(parameters=[REF, NUMBER], request=None, responses=PlanVersionSerializer)
    def finish(self, request: Request, plan_ref: str, number: int) -> Response:
        """Keep the best plan found so far: the search ends as soon as it has one, with the bound proved until then."""
        version = version_seen(request.user, plan_ref, number)
        version = plans.finish_version(user=request.user, version=version)
        return Response(PlanVersionSerializer(version, context={"request": request}).data)

    @extend_schema(parameters=[REF, NUMBER], request=RelaxSerializer, responses={202: OpenApiTypes.OBJECT})
    def relax(self, request: Request, plan_ref: str, number: int) -> Response:
        """Where no plan exists: the same question with one limit moved as far as it must be, as a new version."""
        form = RelaxSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        version = version_seen(request.user, plan_ref, number)
        return told(plans.suggest_relaxed(user=request.user, version=version, **form.validated_data))


class PlanOptionViewSet(viewsets.ViewSet):
    """Places and what can be done there, by name: the keys that a question calls must or banned."""

    permission_classes = [IsAuthenticated]

    @extend_schema(
        parameters=[
            OpenApiParameter("city", str, required=True),
            OpenApiParameter("search", str, required=True, description="Part of a name, or a reference."),
            OpenApiParameter("retire", bool, description="Also the retiring of roles."),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def list(self, request: Request) -> Response:
        form = PlaceSearchSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        city = city_seen(request.user, form.validated_data["city"])
        policies.demand(request.user, "plan.edit", city)
        words, retire = form.validated_data["search"], form.validated_data["retire"]
        rows = find_options(city, words, user=request.user, retire=retire)
        return Response({"options": [option_told(row) for row in rows]})


def option_told(row: NamedOption) -> dict[str, object]:
    return {
        "key": row.key, "kind": row.kind, "service": row.service.code, "name": row.name, "name_en": row.name_en,
        "area": row.area.code if row.area else None, "facility" if row.at_facility else "idle_asset": row.place_ref,
    }  # fmt: skip
