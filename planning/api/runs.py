"""Runs on the API: start, follow, and read the results by area, facility and cell."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet
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
from core.models import Area, City
from facilities.models import Facility, ServiceType
from planning.api import filters
from planning.api import serializers as forms
from planning.api.scenarios import city_seen
from planning.choices import RunState
from planning.models import AreaGroupResult, AreaResult, CellResult, DemandCell, FacilityResult, Run, Scenario
from planning.selectors import gaps
from planning.selectors.gaps import STATE_FIELDS
from planning.services.runs import start_runs
from planning.services.why_answers import why_area_answer, why_cell_answer, why_facility_answer

REF = OpenApiParameter("run_ref", str, OpenApiParameter.PATH)


def runs_seen(user: Any) -> QuerySet[Run]:
    return Run.objects.filter(city__in=City.objects.filter(policies.visible_cities(user)))


def totals_for(run: Run, user: Any) -> list[dict[str, Any]]:
    """The totals of what the person may see: the whole city, or the sum of their own areas."""
    if run.state != RunState.DONE:
        return []
    paths = policies.visible_paths(user, run.city_id)
    if paths is None or any(path.count("/") == 1 for path in paths):
        return [
            {
                name: row[name]
                for name in ("service", "unit", "people", *STATE_FIELDS, "groups")
                if name in row
            }
            for row in run.totals
        ]
    found = []
    for service in gaps.services_of(run):
        own = gaps.totals(run, service, user=user)
        if own is not None:
            found.append(
                {
                    "service": service.code,
                    "unit": service.unit,
                    **{name: getattr(own, name) for name in ("people", *STATE_FIELDS)},
                }
            )
    return found


class RunViewSet(ReadViewSet):
    """One call of the engine on one snapshot: need and its four states, which add up exactly."""

    queryset = Run.objects.select_related(
        "city", "scenario", "profile", "snapshot", "job", "plan_version__plan", "created_by", "speed_profile"
    )
    serializer_class = forms.RunSerializer
    filterset_class = filters.RunFilter
    ordering_fields = ["created_at", "finished_at", "ref"]
    lookup_field = "ref"

    def get_serializer_class(self) -> type:
        return forms.RunSerializer if self.action == "list" else forms.RunDetailSerializer

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(pk__in=runs_seen(user).values("pk"))

    @extend_schema(
        request=forms.NewRunSerializer, responses={202: OpenApiTypes.OBJECT, 200: OpenApiTypes.OBJECT}
    )
    def create(self, request: Request) -> Response:
        """Start one run a time of day. 202 with the job; 200 when stored runs answer already; 422 names missing rates."""
        form = forms.NewRunSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        cities = City.objects.filter(policies.visible_cities(request.user))
        scenario = get_object_or_404(
            Scenario.objects.filter(city__in=cities).select_related("city"), ref=fields.pop("scenario")
        )
        made, job = start_runs(
            user=request.user, city=city_seen(request.user, scenario.city.code), scenario=scenario, **fields
        )
        refs = [run.ref for run in made]
        refused = [run for run in made if run.state == RunState.REFUSED]
        if len(refused) == len(made):
            missing = [{"run": run.ref, **problem} for run in refused for problem in run.refusal]
            raise DomainError(
                "run-refused",
                missing[0]["message"] if missing else "refused",
                status=422,
                runs=refs,
                missing=missing,
            )
        return accepted(job, runs=refs) if job else Response({"job": None, "runs": refs})

    @extend_schema(
        parameters=[
            OpenApiParameter("service", str, required=True),
            OpenApiParameter("area", str, description="Code of an area: why its number is what it is."),
            OpenApiParameter("cell", str, description="Code of a cell instead of an area."),
            OpenApiParameter(
                "facility", str, description="Reference of a facility: why it serves what it serves."
            ),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    @action(detail=True, methods=["get"])
    def why(self, request: Request, ref: str) -> Response:
        """Why one number is what it is: people x share x ratio, what binds, roles in reach, what would help most."""
        run, ask = self.get_object(), request.query_params
        service = get_object_or_404(ServiceType, code=ask.get("service", ""))
        mine, seen = policies.visible(request.user), policies.visible_areas(request.user)
        if ask.get("facility"):
            facility = get_object_or_404(Facility.objects.filter(mine, city=run.city_id), ref=ask["facility"])
            return Response(why_facility_answer(run=run, facility=facility, service=service, seen=seen))
        if ask.get("cell"):
            cells = DemandCell.objects.filter(mine, city=run.city_id).select_related("area")
            cell = get_object_or_404(cells, code=ask["cell"])
            return Response(why_cell_answer(run=run, cell=cell, service=service, mine=mine))
        area = get_object_or_404(Area.objects.filter(seen, city=run.city_id), code=ask.get("area", ""))
        rows = AreaResult.objects.filter(policies.visible(request.user, area="area", city="area__city"))
        get_object_or_404(rows, run=run, area=area, service=service)
        return Response(why_area_answer(run=run, area=area, service=service, mine=mine))


class ResultViewSet(ListViewSet):
    """Rows of one finished run."""

    ordering_fields = ["need", "served", "late"]
    lookup_field = "pk"

    def run(self) -> Run:
        return get_object_or_404(
            runs_seen(self.request.user).filter(state=RunState.DONE), ref=self.kwargs["run_ref"]
        )

    def get_queryset(self) -> QuerySet:
        rows = super().get_queryset()
        return rows if getattr(self, "swagger_fake_view", False) else rows.filter(run=self.run())


@extend_schema(parameters=[REF])
class RunAreasViewSet(ResultViewSet):
    """Need and the four states by area. `?service=CODE&level=2`; `?format=csv|geojson` exports."""

    queryset = AreaResult.objects.select_related("area", "service").order_by("service", "area__path")
    serializer_class = forms.AreaResultSerializer
    filterset_class = filters.AreaResultFilter
    geometry_field = "area__geometry"
    export_name = "run-areas"
    city_lookup = "area__city"


@extend_schema(parameters=[REF])
class RunAreaGroupsViewSet(RunAreasViewSet):
    """The part of an area's need that only barrier-free places may serve; it is contained in the area's row. Empty where
    the population layer does not tell these people apart."""

    queryset = AreaGroupResult.objects.select_related("area", "service").order_by("service", "area__path")
    serializer_class = forms.AreaGroupResultSerializer
    filterset_class = filters.AreaGroupResultFilter
    export_name = "run-area-groups"


@extend_schema(parameters=[REF])
class RunCellsViewSet(ResultViewSet):
    """Cells with need. A cell that is not listed has people and no need, or nobody."""

    queryset = CellResult.objects.select_related("cell", "service").order_by("service", "cell__number")
    serializer_class = forms.CellResultSerializer
    filterset_class = filters.CellResultFilter
    geometry_field = "cell__geometry"
    export_name = "run-cells"
    area_lookup, city_lookup = "cell__area", "cell__city"

    def geometry_of_export(self) -> str:
        outlined = self.get_queryset().filter(cell__geometry__isnull=False).exists()
        return "cell__geometry" if outlined else "cell__point"


@extend_schema(parameters=[REF])
class RunFacilitiesViewSet(ResultViewSet):
    """What each role supplied, and why no more."""

    queryset = FacilityResult.objects.select_related("facility", "service").order_by(
        "service", F("capacity").desc(), "pk"
    )
    serializer_class = forms.FacilityResultSerializer
    filterset_class = filters.FacilityResultFilter
    ordering_fields = ["capacity", "served", "late"]
    geometry_field = "facility__point"
    export_name = "run-facilities"
    area_lookup, city_lookup = "facility__area", "facility__city"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(facility__isnull=False).filter(
            policies.visible(user, area=self.area_lookup, city=self.city_lookup)
        )
