"""Plans on the API: ask for a suggestion, read versions and interventions, compare before and after, edit, freeze."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.responses import accepted
from core.api.viewsets import ListViewSet, ReadViewSet
from core.errors import DomainError
from core.models import City
from planning.api import filters
from planning.api import plan_serializers as forms
from planning.api.runs import runs_seen
from planning.api.scenarios import city_seen
from planning.choices import RunState, VersionState
from planning.models import AreaResult, Intervention, Plan, PlanVersion, Run
from planning.selectors.gaps import STATE_FIELDS
from planning.services import plan_edits, plans
from planning.services.plan_freeze import freeze_version

REF = OpenApiParameter("plan_ref", str, OpenApiParameter.PATH)
NUMBER = OpenApiParameter("number", int, OpenApiParameter.PATH)


def version_seen(user: Any, ref: str, number: Any) -> PlanVersion:
    cities = City.objects.filter(policies.visible_cities(user))
    versions = PlanVersion.objects.filter(plan__city__in=cities, plan__ref=ref).select_related(
        "plan__city", "job"
    )
    return get_object_or_404(versions, number=number)


def runs_named(user: Any, refs: list[str], city: City) -> list[Run]:
    found = list(runs_seen(user).filter(city=city, ref__in=refs).select_related("scenario"))
    if missing := sorted(set(refs) - {run.ref for run in found}):
        raise DomainError("unknown-run", f"unknown: {', '.join(missing)}", status=422)
    return found


class PlanViewSet(ReadViewSet):
    """Plans with their versions. A version is an ordered change-set on frozen runs, with its value and a proven bound."""

    queryset = Plan.objects.select_related("city", "created_by").prefetch_related(
        "versions__baseline_runs",
        "versions__services",
        "versions__runs",
        "versions__job",
        "versions__plan",
        "versions__parent",
        "versions__frozen_by",
    )
    serializer_class = forms.PlanSerializer
    filterset_class = filters.PlanFilter
    ordering_fields = ["created_at", "ref"]
    lookup_field = "ref"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(city__in=City.objects.filter(policies.visible_cities(user)))

    @extend_schema(
        request=forms.NewPlanSerializer, responses={202: OpenApiTypes.OBJECT, 200: OpenApiTypes.OBJECT}
    )
    def create(self, request: Request) -> Response:
        """Ask what to build, how much and where. 202 with the job; 200 when a stored version answers already."""
        form = forms.NewPlanSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        city = city_seen(request.user, fields.pop("city"))
        fields["runs"] = runs_named(request.user, fields["runs"], city)
        return told(plans.suggest_plan(user=request.user, city=city, **fields))

    @extend_schema(
        request=forms.NewVersionSerializer, responses={202: OpenApiTypes.OBJECT, 200: OpenApiTypes.OBJECT}
    )
    @action(detail=True, methods=["post"])
    def suggest(self, request: Request, ref: str) -> Response:
        """A further version of this plan, for another budget, other runs or other weights."""
        plan = self.get_object()
        form = forms.NewVersionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        fields["runs"] = runs_named(request.user, fields["runs"], plan.city)
        if fields["parent"] is not None:
            fields["parent"] = version_seen(request.user, plan.ref, fields["parent"])
        return told(plans.suggest_plan(user=request.user, city=plan.city, plan=plan, **fields))


def told(version: PlanVersion) -> Response:
    if version.state == VersionState.COMPUTING and version.job:
        return accepted(version.job, plan=version.plan.ref, version=version.number)
    return Response({"job": None, "plan": version.plan.ref, "version": version.number})


class VersionViewSet(ListViewSet):
    """Versions of one plan, newest first; one version with its actions."""

    queryset = (
        PlanVersion.objects.select_related("plan", "job", "parent", "frozen_by")
        .prefetch_related("baseline_runs", "services", "runs")
        .order_by("-number")
    )
    serializer_class = forms.PlanVersionSerializer
    filterset_class = filters.VersionFilter
    ordering_fields = ["number"]

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        cities = City.objects.filter(policies.visible_cities(user))
        return queryset.filter(plan__city__in=cities, plan__ref=self.kwargs["plan_ref"])

    @extend_schema(parameters=[REF, NUMBER])
    def retrieve(self, request: Request, plan_ref: str, number: int) -> Response:
        return Response(self.get_serializer(get_object_or_404(self.get_queryset(), number=number)).data)

    @extend_schema(parameters=[REF, NUMBER], request=None, responses=forms.PlanVersionSerializer)
    def freeze(self, request: Request, plan_ref: str, number: int) -> Response:
        """From now on the version never changes."""
        freeze_version(user=request.user, version=version_seen(request.user, plan_ref, number))
        return self.retrieve(request, plan_ref=plan_ref, number=number)

    @extend_schema(
        parameters=[REF, NUMBER], request=forms.EditVersionSerializer, responses={202: OpenApiTypes.OBJECT}
    )
    def edit(self, request: Request, plan_ref: str, number: int) -> Response:
        """A new draft version without some interventions and with other options, scored again."""
        form = forms.EditVersionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        version = version_seen(request.user, plan_ref, number)
        return told(plan_edits.edit_version(user=request.user, version=version, **form.validated_data))

    @extend_schema(parameters=[REF, NUMBER], responses=OpenApiTypes.OBJECT)
    def open_options(self, request: Request, plan_ref: str, number: int) -> Response:
        """What could be added to the change-set, the largest first."""
        version = version_seen(request.user, plan_ref, number)
        policies.demand(request.user, "plan.edit", version.plan.city)
        return Response({"options": plan_edits.open_options(version=version)})

    @extend_schema(parameters=[REF, NUMBER, OpenApiParameter("level", int)], responses=OpenApiTypes.OBJECT)
    def before_after(self, request: Request, plan_ref: str, number: int) -> Response:
        """The four states of each area before and with the plan, by run and service."""
        version = version_seen(request.user, plan_ref, number)
        level = request.query_params.get("level", "2")
        return Response(
            {"rows": before_after_rows(version, request.user, int(level) if level.isdigit() else 2)}
        )


def before_after_rows(version: PlanVersion, user: Any, level: int) -> list[dict[str, Any]]:
    afters = {(run.scenario_id, run.time_of_day): run for run in version.runs.filter(state=RunState.DONE)}
    rows = []
    for run in version.baseline_runs.select_related("scenario").order_by("scenario_id", "time_of_day"):
        after = afters.get((run.scenario_id, run.time_of_day))
        if after is None:
            continue
        listed = AreaResult.objects.filter(run__in=[run, after], area__level=level).select_related(
            "area", "service"
        )
        listed = listed.filter(policies.visible(user, area="area", city="area__city")).order_by(
            "service__sort_order", "area__path"
        )
        both: dict[tuple[str, str], dict[str, Any]] = {}
        for row in listed:
            said = {name: getattr(row, name) for name in (*STATE_FIELDS, "gap")}
            key = (row.service.code, row.area.code)
            entry = both.setdefault(
                key,
                {
                    "run": run.ref,
                    "after_run": after.ref,
                    "service": key[0],
                    "area": key[1],
                    "name": row.area.name,
                    "name_en": row.area.name_en,
                },
            )
            entry["after" if row.run_id == after.pk else "before"] = said
        rows += both.values()
    return rows


@extend_schema(parameters=[REF, NUMBER])
class InterventionViewSet(ListViewSet):
    """The change-set of one version, in order: what is done where, its size, cost and what it adds."""

    queryset = Intervention.objects.select_related(
        "version", "service", "facility", "idle_asset", "area"
    ).order_by("order")
    serializer_class = forms.InterventionSerializer
    filterset_class = filters.InterventionFilter
    ordering_fields = ["order", "cost_fen", "units"]
    geometry_field = "point"
    export_name = "interventions"
    lookup_field = "pk"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        version = version_seen(user, self.kwargs["plan_ref"], self.kwargs["number"])
        return queryset.filter(version=version).filter(
            policies.visible(user, area="area", city="version__plan__city")
        )
