"""Years and money of a plan version on the API, and phasing a draft anew."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from core.api.responses import accepted
from planning.api.plans import NUMBER, REF, version_seen
from planning.selectors.plan_money import plan_money
from planning.services.plan_money_answers import money_answer
from planning.services.plan_years import phase_again

MONEY = "plans/<str:plan_ref>/versions/<int:number>/money/"


class YearSerializer(serializers.Serializer):
    year = serializers.IntegerField()
    budget_fen = serializers.IntegerField()


class FundSerializer(serializers.Serializer):
    limit_fen = serializers.IntegerField(allow_null=True, required=False)
    kinds = serializers.ListField(child=serializers.CharField(), required=False)


class PhaseSerializer(serializers.Serializer):
    """Yearly budgets, whether what a year leaves over may be spent in the next, and sources by name."""

    years = YearSerializer(many=True)
    carry_over = serializers.BooleanField(default=True)
    funds = serializers.DictField(child=FundSerializer(), required=False, default=dict)


class PlanMoneyViewSet(ViewSet):
    """What is done when, what it costs, who pays, and how coverage grows."""

    @extend_schema(parameters=[REF, NUMBER], responses=OpenApiTypes.OBJECT)
    def retrieve(self, request: Request, plan_ref: str, number: int) -> Response:
        """Interventions with year and money by source; sums by year; the phasing of the whole plan for who may see all of
        the city."""
        version = version_seen(request.user, plan_ref, number)
        return Response(money_answer(version, plan_money(version, user=request.user)))

    @extend_schema(
        parameters=[REF, NUMBER, OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
        request=PhaseSerializer, responses={202: OpenApiTypes.OBJECT},
    )  # fmt: skip
    def phase(self, request: Request, plan_ref: str, number: int) -> Response:
        """Give a draft new years and money for other budgets and sources. 202 with the job; its change-set stays."""
        form = PhaseSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        version = version_seen(request.user, plan_ref, number)
        fields: dict[str, Any] = dict(form.validated_data)
        fields["years"] = [dict(row) for row in fields["years"]]
        fields["funds"] = {name: dict(fund) for name, fund in fields["funds"].items()}
        job = phase_again(user=request.user, version=version, **fields)
        return accepted(job, plan=plan_ref, version=number)


urlpatterns: list[URLPattern] = [
    path(MONEY, PlanMoneyViewSet.as_view({"get": "retrieve"}), name="plan-version-money"),
    path(f"{MONEY}phase/", PlanMoneyViewSet.as_view({"post": "phase"}), name="plan-version-phase"),
]
