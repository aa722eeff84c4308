"""Batches on the API: many scenarios as one job, their rows ranked; and two runs side by side."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.responses import accepted
from core.api.viewsets import PlainViewSet, ReadViewSet
from core.choices import AreaLevel, TimeOfDay
from core.errors import DomainError
from core.filters import SharedFilter
from core.models import City
from planning.api.runs import runs_seen
from planning.api.scenarios import city_seen
from planning.choices import Assignment
from planning.models import Batch, Scenario, StandardProfile
from planning.selectors.batches import MEASURES, batches_visible_to
from planning.services.batch_answers import batch_answer, comparison_answer
from planning.services.batches import start_batch
from planning.services.sweeps import Sweep

RANKED = [
    OpenApiParameter("service", str, description="Rank by this service; without it by the mean coverage."),
    OpenApiParameter("measure", str, enum=list(MEASURES), description="What to rank by; the gap."),
]


class BatchFilter(SharedFilter):
    search_fields = ("ref", "name")

    class Meta:
        model = Batch
        fields: list[str] = []


class BatchSerializer(serializers.ModelSerializer):
    city = serializers.SlugRelatedField(slug_field="code", read_only=True)
    profile = serializers.SlugRelatedField(slug_field="code", read_only=True)
    job = serializers.SlugRelatedField(slug_field="ref", read_only=True, allow_null=True)
    created_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    runs = serializers.IntegerField(source="count", read_only=True)
    scenarios = serializers.IntegerField(read_only=True)
    done = serializers.IntegerField(read_only=True)
    waiting = serializers.IntegerField(read_only=True)
    refused = serializers.IntegerField(read_only=True)
    failed = serializers.IntegerField(read_only=True)

    class Meta:
        model = Batch
        fields = [
            "ref", "name", "city", "profile", "assignment", "sweep", "runs", "scenarios", "done", "waiting", "refused", "failed",
            "job", "created_by", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class BatchDetailSerializer(BatchSerializer):
    rows = serializers.ListField(child=serializers.DictField(), read_only=True)

    class Meta(BatchSerializer.Meta):
        fields = [*BatchSerializer.Meta.fields, "rows"]


class SweepSerializer(serializers.Serializer):
    scenario = serializers.CharField(help_text="Reference of the scenario whose number is varied.")
    path = serializers.CharField(
        help_text="The number's place: displaced_share, zone_rates.deep.displaced, multipliers.medical_point …"
    )
    steps = serializers.IntegerField(help_text="2 to 50 values, in equal steps.")

    def get_fields(self) -> dict[str, serializers.Field]:
        # "from" is a word of the language
        return super().get_fields() | {"from": serializers.FloatField(), "to": serializers.FloatField()}


class NewBatchSerializer(serializers.Serializer):
    city = serializers.CharField(help_text="Code of the city.")
    name = serializers.CharField(required=False, allow_blank=True, default="", max_length=120)
    scenarios = serializers.ListField(
        child=serializers.CharField(), required=False, default=list, max_length=1000,
        help_text="References of scenarios; every scenario of the city when empty and nothing is swept.",
    )  # fmt: skip
    sweep = SweepSerializer(required=False)
    times_of_day = serializers.ListField(
        child=serializers.ChoiceField(choices=TimeOfDay.choices), required=False, default=list,
        help_text="Empty: those that each scenario names.",
    )  # fmt: skip
    profile = serializers.SlugRelatedField(
        slug_field="code", queryset=StandardProfile.objects.all(), required=False, allow_null=True
    )
    assignment = serializers.ChoiceField(choices=Assignment.choices, default=Assignment.NEAREST)


class BatchViewSet(ReadViewSet):
    """Runs of many scenarios as one job. A stored run is answered, not computed again; a scenario that lacks a rate is
    part of the batch with what is missing. To cancel, cancel the job."""

    queryset = Batch.objects.none()
    serializer_class = BatchSerializer
    filterset_class = BatchFilter
    ordering_fields = ["created_at", "ref", "name"]
    lookup_field = "ref"

    def get_queryset(self) -> QuerySet:
        if getattr(self, "swagger_fake_view", False):
            return Batch.objects.none()
        return batches_visible_to(self.request.user)

    @extend_schema(
        request=NewBatchSerializer,
        responses={
            201: BatchSerializer,
            202: inline_serializer(
                "BatchQueued", {"job": serializers.DictField(), "batch": serializers.CharField()}
            ),
        },
    )
    def create(self, request: Request) -> Response:
        """Start a batch. 202 with the job; 201 with the batch when stored runs answer everything."""
        form = NewBatchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        city = city_seen(request.user, fields.pop("city"))
        sweep, refs = fields.pop("sweep", None), fields.pop("scenarios")
        if sweep and refs:
            raise DomainError("sweep-or-scenarios", "sweep or scenarios, not both", status=422)
        chosen: dict[str, Any] = {}
        if sweep:
            (scenario,) = scenarios_named(city, [sweep["scenario"]])
            chosen["sweep"] = Sweep(scenario, sweep["path"], sweep["from"], sweep["to"], sweep["steps"])
        else:
            chosen["scenarios"] = scenarios_named(city, refs)
        batch = start_batch(user=request.user, city=city, **chosen, **fields)
        if batch.job is not None and not batch.job.over:
            return accepted(batch.job, batch=batch.ref)
        told = self.get_serializer(self.get_queryset().get(pk=batch.pk)).data
        return Response(told, status=201, headers={"Location": f"/api/v1/batches/{batch.ref}/"})

    @extend_schema(parameters=RANKED, responses=BatchDetailSerializer)
    def retrieve(self, request: Request, ref: str) -> Response:
        """The batch with every run and its services, ranked: the largest gap (or what `measure` names) first."""
        batch, ask = self.get_object(), request.query_params
        service, measure = ask.get("service", ""), ask.get("measure", "gap")
        if measure not in MEASURES:
            raise DomainError("unknown-measure", f"measure: {', '.join(MEASURES)}", status=400)
        rows = batch_answer(batch, user=request.user, service=service, measure=measure)["rows"]
        return Response({**self.get_serializer(batch).data, "rows": rows})


def scenarios_named(city: City, refs: list[str]) -> list[Scenario]:
    """Scenarios of a city by reference or code, all of them when none is named. Raises DomainError."""
    known = list(Scenario.objects.filter(city=city).select_related("hazard_layer").order_by("ref"))
    if not refs:
        return known
    by_name = {one.code: one for one in known if one.code} | {one.ref: one for one in known}
    if missing := [ref for ref in refs if ref not in by_name]:
        raise DomainError("unknown-scenario", f"unknown: {', '.join(missing)}", status=422)
    return [by_name[ref] for ref in refs]


class RunComparisonViewSet(PlainViewSet):
    """Two runs side by side."""

    serializer_class = serializers.Serializer

    @extend_schema(
        operation_id="run_compare",
        parameters=[
            OpenApiParameter("run_ref", str, OpenApiParameter.PATH),
            OpenApiParameter("with", str, required=True, description="Reference of the other run."),
            OpenApiParameter("level", int, description="Only areas of this level."),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def retrieve(self, request: Request, run_ref: str) -> Response:
        """What differs, and need and gap of each area and service in the run (`before`) and in the other (`after`)."""
        mine = runs_seen(request.user).select_related(
            "scenario", "profile", "snapshot", "plan_version__plan", "city"
        )
        before = get_object_or_404(mine, ref=run_ref)
        after = get_object_or_404(mine, ref=request.query_params.get("with", ""))
        level = request.query_params.get("level", "")
        if level and level not in {str(one) for one in AreaLevel.values}:
            raise DomainError("unknown-level", "level: 1, 2, 3 or 4", status=400)
        return Response(
            comparison_answer(before, after, user=request.user, level=int(level) if level else None)
        )
