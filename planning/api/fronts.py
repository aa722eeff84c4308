"""Trade-off fronts on the API: start one for a version, read it, end it early, make a version of one of its plans."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from core import policies
from core.api.responses import accepted
from planning.api.plans import NUMBER, REF, told, version_seen
from planning.choices import VersionState
from planning.models import Front
from planning.selectors.plan_fronts import fronts_seen
from planning.services import fronts
from planning.services.front_answers import front_answer

FRONTS = "plans/<str:plan_ref>/versions/<int:number>/fronts/"
FRONT = OpenApiParameter("front_ref", str, OpenApiParameter.PATH)


class NewFrontSerializer(serializers.Serializer):
    """budget_fen: the largest budget looked at, by default the version's."""

    budget_fen = serializers.IntegerField(required=False, allow_null=True, default=None)
    time_limit_seconds = serializers.IntegerField(default=120)
    seed = serializers.IntegerField(default=1, min_value=0, max_value=2**31 - 1)


class PickSerializer(serializers.Serializer):
    point = serializers.IntegerField(min_value=1)


class VersionFrontsViewSet(ViewSet):
    """Trade-offs of one version: for those who may see the whole city."""

    @extend_schema(parameters=[REF, NUMBER], responses=OpenApiTypes.OBJECT)
    def list(self, request: Request, plan_ref: str, number: int) -> Response:
        """Fronts of the version, newest first, without their plans."""
        version = version_seen(request.user, plan_ref, number)
        rows = fronts_seen(request.user).filter(version=version)
        return Response({"results": [front_answer(one, points=False) for one in rows]})

    @extend_schema(
        parameters=[REF, NUMBER],
        request=NewFrontSerializer,
        responses={202: OpenApiTypes.OBJECT, 200: OpenApiTypes.OBJECT},
    )
    def create(self, request: Request, plan_ref: str, number: int) -> Response:
        """Look for plans between cost, coverage, fairness and peacetime value. 202 with the job; 200 when it is there."""
        version = version_seen(request.user, plan_ref, number)
        policies.demand(request.user, "plan.edit", version.plan.city)
        form = NewFrontSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        front = fronts.start_front(user=request.user, version=version, **form.validated_data)
        if front.state == VersionState.COMPUTING and front.job:
            return accepted(front.job, front=front.ref)
        return Response({"job": None, "front": front.ref})


class FrontViewSet(ViewSet):
    """One front with its plans."""

    def found(self, request: Request, front_ref: str) -> Front:
        return get_object_or_404(fronts_seen(request.user), ref=front_ref)

    @extend_schema(parameters=[FRONT], responses=OpenApiTypes.OBJECT)
    def retrieve(self, request: Request, front_ref: str) -> Response:
        """Plans by rising cost, none beaten in all; lines of the ceiling: no plan serves more than a + b x cost_fen."""
        return Response(front_answer(self.found(request, front_ref)))

    @extend_schema(parameters=[FRONT], request=None, responses=OpenApiTypes.OBJECT)
    def finish(self, request: Request, front_ref: str) -> Response:
        """Keep what has been found so far."""
        front = fronts.finish_front(user=request.user, front=self.found(request, front_ref))
        return Response(front_answer(front, points=False))

    @extend_schema(
        parameters=[FRONT],
        request=PickSerializer,
        responses={202: OpenApiTypes.OBJECT, 200: OpenApiTypes.OBJECT},
    )
    def pick(self, request: Request, front_ref: str) -> Response:
        """A draft version with the change-set of a plan of the front; 202 with the job that scores it."""
        form = PickSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields: dict[str, Any] = form.validated_data
        return told(fronts.pick_point(user=request.user, front=self.found(request, front_ref), **fields))


urlpatterns: list[URLPattern] = [
    path(FRONTS, VersionFrontsViewSet.as_view({"get": "list", "post": "create"}), name="plan-version-fronts"),
    path("fronts/<str:front_ref>/", FrontViewSet.as_view({"get": "retrieve"}), name="front"),
    path("fronts/<str:front_ref>/finish/", FrontViewSet.as_view({"post": "finish"}), name="front-finish"),
    path("fronts/<str:front_ref>/pick/", FrontViewSet.as_view({"post": "pick"}), name="front-pick"),
]
