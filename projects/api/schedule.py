"""Schedules, and the programme's money, on the API: what their pages show, with the same filters."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.viewsets import PlainViewSet
from core.models import City
from projects.api.money_serializers import CurveSerializer, curve_answer
from projects.filters import ProjectFilter
from projects.models import Project
from projects.selectors import pages, programme_money, schedule


class ScheduleRowSerializer(serializers.Serializer):
    """`reported_on`: begun, reported or asked for; `done_on`: seen on site, released, met, done. Late until today or `done_on`."""

    group = serializers.CharField()
    label = serializers.CharField()
    note = serializers.CharField(allow_blank=True)
    planned_from = serializers.DateField(allow_null=True)
    planned_on = serializers.DateField(allow_null=True)
    reported_on = serializers.DateField(allow_null=True)
    done_on = serializers.DateField(allow_null=True)
    late_days = serializers.IntegerField()


class ScheduleSerializer(serializers.Serializer):
    rows = ScheduleRowSerializer(many=True)


class DistrictMoneySerializer(serializers.Serializer):
    code = serializers.CharField(allow_blank=True)
    projects = serializers.IntegerField()
    cost_fen = serializers.IntegerField()
    planned_fen = serializers.IntegerField()
    approved_fen = serializers.IntegerField()
    released_fen = serializers.IntegerField()
    paid_fen = serializers.IntegerField()
    works_fen = serializers.IntegerField()


class YearSourceSerializer(serializers.Serializer):
    year = serializers.IntegerField()
    source = serializers.CharField()
    amount_fen = serializers.IntegerField()


class ProgrammeMoneySerializer(serializers.Serializer):
    """Refused and withdrawn projects are left out."""

    projects = serializers.IntegerField()
    total = DistrictMoneySerializer()
    districts = DistrictMoneySerializer(many=True)
    lines = YearSourceSerializer(many=True)
    curve = CurveSerializer()


class ProjectScheduleViewSet(PlainViewSet):
    queryset = Project.objects.all()
    serializer_class = ScheduleSerializer
    lookup_field = "ref"
    lookup_value_regex = "[^/]+"

    @extend_schema(responses=ScheduleSerializer)
    @action(detail=True, methods=["get"], pagination_class=None)
    def schedule(self, request: Request, ref: str) -> Response:
        """Milestones, tranches, cases, conditions and responsibilities: planned, reported, done, late."""
        project = get_object_or_404(pages.projects_visible_to(request.user), ref=ref)
        return Response({"rows": schedule.answer(schedule.of_project(project))})


CITY = OpenApiParameter(
    "city", str, required=True, description="code of the city; the filters of /projects/ hold too"
)


class ProgrammeFollowViewSet(PlainViewSet):
    """All projects of a city that match the filters of `/projects/`, together."""

    queryset = Project.objects.all()
    serializer_class = ProgrammeMoneySerializer

    def rows(self, request: Request) -> QuerySet[Project]:
        cities = City.objects.filter(policies.visible_cities(request.user))
        if not request.query_params.get("city"):
            raise ValidationError({"city": [_("Name the city.")]})
        city = get_object_or_404(cities, code=request.query_params["city"])
        params = request.query_params.copy()
        params.pop("city")
        found = ProjectFilter(params, queryset=pages.projects_visible_to(request.user, city), request=request)
        if not found.is_valid():
            raise serializers.ValidationError(found.errors)
        return found.qs

    @extend_schema(responses=ProgrammeMoneySerializer, parameters=[CITY])
    @action(detail=False, methods=["get"], pagination_class=None)
    def money(self, request: Request) -> Response:
        """Planned, approved, released, paid and done: by district, by year and source, by month."""
        said = programme_money.read(self.rows(request))
        names = [code for code, _label in said.matrix.sources]
        lines: list[dict[str, Any]] = [
            {"year": year, "source": code, "amount_fen": fen}
            for year, cells, _total in said.matrix.years
            for code, fen in zip(names, cells, strict=True)
            if fen is not None
        ]
        return Response(
            {
                "projects": said.projects, "total": DistrictMoneySerializer(said.total).data,
                "districts": DistrictMoneySerializer(said.districts, many=True).data, "lines": lines, "curve": curve_answer(said.curve),
            }
        )  # fmt: skip

    @extend_schema(responses=ScheduleSerializer, parameters=[CITY])
    @action(detail=False, methods=["get"], pagination_class=None)
    def schedule(self, request: Request) -> Response:
        """A row for each project: start, end, works begun, accepted, days late."""
        return Response({"rows": schedule.answer(schedule.programme(self.rows(request)))})
