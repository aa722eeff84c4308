"""If one place fails, on the API: today against with the plan."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from core.api.responses import accepted
from facilities.models import ServiceType
from planning.api.plans import NUMBER, REF, version_seen
from planning.services.plan_losses import losses_answer, losses_of, start_losses

LOSSES = "plans/<str:plan_ref>/versions/<int:number>/losses/"


class LossesSerializer(serializers.Serializer):
    run = serializers.CharField(required=False, allow_blank=True, default="")


class PlanLossesViewSet(ViewSet):
    """Critical places of today and of the plan."""

    @extend_schema(
        parameters=[REF, NUMBER, OpenApiParameter("service", str, required=True), OpenApiParameter("run", str)],
        responses=OpenApiTypes.OBJECT,
    )  # fmt: skip
    def retrieve(self, request: Request, plan_ref: str, number: int) -> Response:
        """Places whose loss leaves somebody without the service, the worst with the plan first. `ready` is false until both
        analyses are there; POST starts them."""
        version = version_seen(request.user, plan_ref, number)
        service = get_object_or_404(ServiceType, code=request.query_params.get("service", ""))
        found = losses_of(
            user=request.user, version=version, service=service, run=request.query_params.get("run", "")
        )
        return Response(losses_answer(version, service, found))

    @extend_schema(
        parameters=[REF, NUMBER],
        request=LossesSerializer,
        responses={202: OpenApiTypes.OBJECT, 200: OpenApiTypes.OBJECT},
    )
    def create(self, request: Request, plan_ref: str, number: int) -> Response:
        """Lose each place of a baseline run and of its run with the plan. 202 with the last job and all `jobs`; 200 when
        both analyses are there."""
        form = LossesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        version = version_seen(request.user, plan_ref, number)
        jobs = start_losses(user=request.user, version=version, run=form.validated_data["run"])
        if jobs:
            return accepted(jobs[-1], jobs=[job.ref for job in jobs])
        return Response({"job": None, "jobs": []})


urlpatterns: list[URLPattern] = [
    path(LOSSES, PlanLossesViewSet.as_view({"get": "retrieve", "post": "create"}), name="plan-version-losses")
]
