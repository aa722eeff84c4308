"""Why places are in a plan or not, and the same question solved again around what is locked and banned."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.pagination import PagePagination
from core.api.responses import accepted
from core.api.viewsets import PlainViewSet
from core.errors import DomainError
from inventory.choices import InterventionKind
from planning.api.plans import NUMBER, REF, told, version_seen
from planning.selectors.explanations import ORDERINGS, REASONS, Wanted, listed, told_to
from planning.services import explanations
from planning.services.explanation_answers import explanation_answer, rejected_answer
from planning.services.plan_edits import resolve_version


class ResolveSerializer(serializers.Serializer):
    must = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, default=list, help_text="Keys of options that the plan must hold."
    )  # fmt: skip
    banned = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, default=list, help_text="Keys of options that it may not hold."
    )  # fmt: skip
    free = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, default=list,
        help_text="Keys that the version's question locks or bans and that are free again.",
    )  # fmt: skip
    budget_fen = serializers.IntegerField(min_value=1, max_value=10**15, required=False)
    time_limit_seconds = serializers.IntegerField(min_value=1, max_value=1800, required=False)
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)


class RejectedFilterSerializer(serializers.Serializer):
    kind = serializers.MultipleChoiceField(choices=InterventionKind.choices, required=False)
    service = serializers.ListField(child=serializers.CharField(), required=False)
    area = serializers.CharField(required=False, help_text="Code; the area and all inside it.")
    reason = serializers.MultipleChoiceField(choices=REASONS, required=False)
    search = serializers.CharField(required=False, help_text="Words of the name, key or reference.")
    ordering = serializers.ChoiceField(
        choices=[*ORDERINGS, *(f"-{name}" for name in ORDERINGS)], required=False
    )


class ExplanationViewSet(PlainViewSet):
    """Per chosen intervention: who has no other place, what is lost without it, and what comes next. Per rejected option:
    why, and what the best exchange would gain."""

    serializer_class = RejectedFilterSerializer

    @extend_schema(parameters=[REF, NUMBER], responses=OpenApiTypes.OBJECT)
    def retrieve(self, request: Request, plan_ref: str, number: int) -> Response:
        """State, facts, chosen interventions, and the count of rejected ones by reason."""
        return Response(explanation_answer(version_seen(request.user, plan_ref, number), user=request.user))

    @extend_schema(parameters=[REF, NUMBER], request=None, responses={202: OpenApiTypes.OBJECT, 200: OpenApiTypes.OBJECT})  # fmt: skip
    def ask(self, request: Request, plan_ref: str, number: int) -> Response:
        """Have a version explained that is not yet. 202 with the job, 200 with the explanation that is there."""
        version = version_seen(request.user, plan_ref, number)
        job = explanations.start(user=request.user, version=version)
        if job is not None:
            return accepted(job, plan=version.plan.ref, version=version.number)
        return Response(explanation_answer(version, user=request.user))

    @extend_schema(
        parameters=[REF, NUMBER, RejectedFilterSerializer, OpenApiParameter("page", int), OpenApiParameter("page_size", int)],
        responses=OpenApiTypes.OBJECT,
    )  # fmt: skip
    def rejected(self, request: Request, plan_ref: str, number: int) -> Response:
        """Options that are not in the plan, with the reason, page by page."""
        version = version_seen(request.user, plan_ref, number)
        form = RejectedFilterSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        found = told_to(version, user=request.user)
        if found is None:
            raise DomainError(
                "not-explained", _("This version is not explained yet; ask for it first."), status=409
            )
        paginator = PagePagination()
        page = paginator.paginate_queryset(
            listed(found.rejected, wanted(form.validated_data)), request, view=self
        )  # type: ignore[arg-type]
        return paginator.get_paginated_response([rejected_answer(row, found) for row in page or []])

    @extend_schema(parameters=[REF, NUMBER], request=ResolveSerializer, responses={202: OpenApiTypes.OBJECT, 200: OpenApiTypes.OBJECT})  # fmt: skip
    def resolve(self, request: Request, plan_ref: str, number: int) -> Response:
        """Ask the version's question again with options locked, banned or free; the search starts from its plan."""
        form = ResolveSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        version = version_seen(request.user, plan_ref, number)
        return told(resolve_version(user=request.user, version=version, **form.validated_data))


def wanted(said: dict[str, Any]) -> Wanted:
    return Wanted(
        kind=sorted(said.get("kind") or ()), service=said.get("service") or (), area=[said["area"]] if said.get("area") else (),
        reason=sorted(said.get("reason") or ()), search=said.get("search", ""), ordering=said.get("ordering", ""),
    )  # fmt: skip
