"""Analyses of a run on the API: ask, follow, and read by hour, facility, area and cell."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fields import WholeCityFields
from core.api.responses import accepted
from core.api.viewsets import ListViewSet, ReadViewSet
from core.choices import AreaLevel
from core.filters import AreaFilter, BboxFilter, SharedFilter
from planning.api import filters
from planning.api import serializers as forms
from planning.api.runs import runs_seen
from planning.choices import AnalysisKind, RunState
from planning.models import Analysis, AreaHourResult, AreaRange, AreaResult, CellResult, LossResult
from planning.selectors import analyses as selectors
from planning.selectors import ranges
from planning.services import analysis_columns
from planning.services.analyses import start_analysis

REF = OpenApiParameter("analysis_ref", str, OpenApiParameter.PATH)
RUN_REF = OpenApiParameter("run_ref", str, OpenApiParameter.PATH)


# --- filters ---------------------------------------------------------------------------------------


class AnalysisFilter(SharedFilter):
    search_fields = ("ref", "run__ref", "run__scenario__name", "run__scenario__name_en")
    city = django_filters.CharFilter(field_name="run__city__code", label=_("city code"))
    run = django_filters.CharFilter(field_name="run__ref", label=_("reference of the run"))
    kind = django_filters.MultipleChoiceFilter(choices=AnalysisKind.choices)
    state = django_filters.MultipleChoiceFilter(choices=RunState.choices)

    class Meta:
        model = Analysis
        fields: list[str] = []


class AreaHourFilter(django_filters.FilterSet):
    service = filters.by_code("service", _("code of the service"))
    area = AreaFilter(field_name="area", label=_("area code, with everything below it"))
    level = django_filters.MultipleChoiceFilter(field_name="area__level", choices=AreaLevel.choices)
    hour = django_filters.NumberFilter(label=_("hours after activation"))

    class Meta:
        model = AreaHourResult
        fields: list[str] = []


class AreaRangeFilter(django_filters.FilterSet):
    service = filters.by_code("service", _("code of the service"))
    area = AreaFilter(field_name="area", label=_("area code, with everything below it"))
    level = django_filters.MultipleChoiceFilter(field_name="area__level", choices=AreaLevel.choices)

    class Meta:
        model = AreaRange
        fields: list[str] = []


class LossFilter(django_filters.FilterSet):
    service = filters.by_code("service", _("code of the service"))
    area = AreaFilter(field_name="facility__area", label=_("area code, with everything below it"))
    in_bbox = BboxFilter(field_name="facility__point", label=_("west,south,east,north"))
    facility = django_filters.CharFilter(field_name="facility__ref", label=_("reference of the facility"))
    pairs = django_filters.BooleanFilter(
        field_name="other", lookup_expr="isnull", exclude=True, label=_("only pairs, or only single places")
    )

    class Meta:
        model = LossResult
        fields: list[str] = []


# --- what is said ----------------------------------------------------------------------------------


class AnalysisSerializer(WholeCityFields, serializers.ModelSerializer):
    run = serializers.SlugRelatedField(slug_field="ref", read_only=True)
    city = serializers.CharField(source="run.city.code", read_only=True)
    job = serializers.SlugRelatedField(slug_field="ref", read_only=True, allow_null=True)
    created_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = Analysis
        fields = [
            "ref", "run", "city", "kind", "params", "state", "facts", "engine_version", "seconds", "job", "created_by", "created_at",
            "finished_at",
        ]  # fmt: skip
        read_only_fields = fields
        whole_city_fields = ("facts",)

    def city_id_of(self, row: Analysis) -> int:
        return row.run.city_id

    def to_representation(self, row: Analysis) -> dict[str, Any]:
        said = super().to_representation(row)
        if row.kind == AnalysisKind.RANGE and said["facts"]:
            said["facts"] = ranges.facts_in_words(said["facts"])
        return said


class NewAnalysisSerializer(serializers.Serializer):
    kind = serializers.ChoiceField(choices=AnalysisKind.choices)
    params = serializers.DictField(
        required=False,
        default=dict,
        help_text="hours: hours, share. loss: pairs. access: method, catchment, beta, zones. equity: worst. range: draws, seed.",
    )


class AreaHourSerializer(serializers.ModelSerializer):
    code = serializers.CharField(source="area.code", read_only=True)
    name = serializers.CharField(source="area.name", read_only=True)
    name_en = serializers.CharField(source="area.name_en", read_only=True)
    level = serializers.IntegerField(source="area.level", read_only=True)
    service = forms.code_of()

    class Meta:
        model = AreaHourResult
        fields = ["code", "name", "name_en", "level", "service", "hour", "need", "served"]


class AreaRangeSerializer(serializers.ModelSerializer):
    code = serializers.CharField(source="area.code", read_only=True)
    name = serializers.CharField(source="area.name", read_only=True)
    name_en = serializers.CharField(source="area.name_en", read_only=True)
    level = serializers.IntegerField(source="area.level", read_only=True)
    service = forms.code_of()

    class Meta:
        model = AreaRange
        fields = [
            "code", "name", "name_en", "level", "service", "need", "need_p10", "need_p50", "need_p90", "gap", "gap_p10", "gap_p50",
            "gap_p90",
        ]  # fmt: skip


class LossSerializer(serializers.ModelSerializer):
    facility = serializers.SlugRelatedField(slug_field="ref", read_only=True)
    name = serializers.CharField(source="facility.name", read_only=True)
    name_en = serializers.CharField(source="facility.name_en", read_only=True)
    area = serializers.CharField(source="facility.area.code", read_only=True, default=None, allow_null=True)
    other = serializers.SlugRelatedField(slug_field="ref", read_only=True, allow_null=True)
    other_name = serializers.CharField(source="other.name", read_only=True, default=None, allow_null=True)
    service = forms.code_of()
    taken_over = serializers.SerializerMethodField()

    class Meta:
        model = LossResult
        fields = [
            "facility", "name", "name_en", "area", "other", "other_name", "service", "served", "lost", "taken_over",
        ]  # fmt: skip

    def get_taken_over(self, row: LossResult) -> int:
        """What others would take over in time."""
        return row.served - row.lost


class _WithColumns:
    """Rows of the run with the columns that the analysis adds, looked up in its arrays."""

    columns_of: Any

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()  # type: ignore[misc]
        analysis = self.context.get("analysis")  # type: ignore[attr-defined]
        for name in self.columns_of(analysis) if analysis is not None else []:
            fields[name] = serializers.FloatField(read_only=True, allow_null=True)
        return fields


class AnalysedAreaSerializer(_WithColumns, forms.AreaResultSerializer):
    columns_of = staticmethod(analysis_columns.area_columns)


class AnalysedCellSerializer(_WithColumns, forms.CellResultSerializer):
    columns_of = staticmethod(analysis_columns.cell_columns)


# --- views -----------------------------------------------------------------------------------------


class AnalysisViewSet(ReadViewSet):
    """One question about a finished run, answered from the run's own snapshot and settings."""

    queryset = Analysis.objects.select_related("run__city", "job", "created_by")
    serializer_class = AnalysisSerializer
    filterset_class = AnalysisFilter
    ordering_fields = ["created_at", "finished_at", "ref"]
    lookup_field = "ref"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(pk__in=selectors.analyses_seen(user).values("pk"))


@extend_schema(parameters=[RUN_REF])
class RunAnalysesViewSet(ListViewSet):
    """Analyses of one run; POST asks for one."""

    queryset = AnalysisViewSet.queryset.order_by("-id")
    serializer_class = AnalysisSerializer
    filterset_class = AnalysisFilter
    ordering_fields = ["created_at", "finished_at", "ref"]
    lookup_field = "ref"
    export_name = "analyses"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        run = get_object_or_404(runs_seen(user), ref=self.kwargs["run_ref"])
        return queryset.filter(run=run)

    @extend_schema(
        request=NewAnalysisSerializer,
        responses={
            201: AnalysisSerializer,
            202: inline_serializer(
                "AnalysisQueued",
                {"job": serializers.DictField(), "analysis": serializers.CharField()},
            ),
        },
    )
    def create(self, request: Request, run_ref: str) -> Response:
        """201 with the stored answer when this was asked before, else 202 with the job and the analysis's reference."""
        run = get_object_or_404(runs_seen(request.user).select_related("city", "scenario"), ref=run_ref)
        form = NewAnalysisSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        analysis, job = start_analysis(user=request.user, run=run, **form.validated_data)
        if job is not None:
            return accepted(job, analysis=analysis.ref)
        said = AnalysisSerializer(analysis, context={"request": request}).data
        return Response(said, status=201, headers={"Location": f"/api/v1/analyses/{analysis.ref}/"})


class PartViewSet(ListViewSet):
    """Rows of one finished analysis. `kinds` are those that have such rows."""

    kinds: tuple[str, ...] = ()
    lookup_field = "pk"

    def analysis(self) -> Analysis:
        found = get_object_or_404(
            selectors.analyses_seen(self.request.user).filter(state=RunState.DONE),
            ref=self.kwargs["analysis_ref"],
        )
        if found.kind not in self.kinds:
            raise Http404
        return found


@extend_schema(parameters=[REF])
class AnalysisHoursViewSet(PartViewSet):
    """Need served in each area by what is ready so many hours after activation."""

    kinds = (AnalysisKind.HOURS,)
    queryset = AreaHourResult.objects.all()
    serializer_class = AreaHourSerializer
    filterset_class = AreaHourFilter
    ordering_fields = ["need", "served", "hour"]
    geometry_field = "area__geometry"
    export_name = "analysis-hours"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return selectors.hour_rows(self.analysis(), user=user)


@extend_schema(parameters=[REF])
class AnalysisRangesViewSet(PartViewSet):
    """Need and gap of each area as the run has them, and where the draws of its uncertain inputs put them."""

    kinds = (AnalysisKind.RANGE,)
    queryset = AreaRange.objects.all()
    serializer_class = AreaRangeSerializer
    filterset_class = AreaRangeFilter
    ordering_fields = ["need", "need_p90", "gap", "gap_p90"]
    geometry_field = "area__geometry"
    export_name = "analysis-ranges"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return ranges.range_rows(self.analysis(), user=user)


@extend_schema(parameters=[REF])
class AnalysisLossesViewSet(PartViewSet):
    """What is no longer served in time when one facility falls out, or two together."""

    kinds = (AnalysisKind.LOSS,)
    queryset = LossResult.objects.all()
    serializer_class = LossSerializer
    filterset_class = LossFilter
    ordering_fields = ["lost", "served"]
    geometry_field = "facility__point"
    export_name = "analysis-losses"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return selectors.loss_rows(self.analysis(), user=user)


class _RowsOfTheRun(PartViewSet):
    """The run's own rows with what the analysis found beside them."""

    ordering_fields = ["need", "served"]

    def get_queryset(self) -> QuerySet:
        rows = super().get_queryset()
        return rows if getattr(self, "swagger_fake_view", False) else rows.filter(run=self.analysis().run)

    def get_serializer_context(self) -> dict[str, Any]:
        context = super().get_serializer_context()
        if not getattr(self, "swagger_fake_view", False):
            context["analysis"] = self.analysis()
        return context

    def get_serializer(self, *args: Any, **options: Any) -> Any:
        if args and options.get("many"):
            rows = list(args[0])
            self.look_up(self.analysis(), rows)
            args = (rows, *args[1:])
        return super().get_serializer(*args, **options)

    def look_up(self, analysis: Analysis, rows: list[Any]) -> None:
        raise NotImplementedError


@extend_schema(parameters=[REF])
class AnalysisAreasViewSet(_RowsOfTheRun):
    """Areas with need, the four states, and what the analysis found there."""

    kinds = (AnalysisKind.HOURS, AnalysisKind.BACKUP, AnalysisKind.ACCESS, AnalysisKind.EQUITY)
    queryset = AreaResult.objects.select_related("area", "service").order_by("service", "area__path")
    serializer_class = AnalysedAreaSerializer
    filterset_class = filters.AreaResultFilter
    geometry_field = "area__geometry"
    export_name = "analysis-areas"
    city_lookup = "area__city"

    def look_up(self, analysis: Analysis, rows: list[Any]) -> None:
        analysis_columns.fill_areas(analysis, rows)


@extend_schema(parameters=[REF])
class AnalysisCellsViewSet(_RowsOfTheRun):
    """Cells with need, and what the analysis found there."""

    kinds = (AnalysisKind.HOURS, AnalysisKind.BACKUP, AnalysisKind.ACCESS)
    queryset = CellResult.objects.select_related("cell", "service").order_by("service", "cell__number")
    serializer_class = AnalysedCellSerializer
    filterset_class = filters.CellResultFilter
    geometry_field = "cell__geometry"
    export_name = "analysis-cells"
    area_lookup, city_lookup = "cell__area", "cell__city"

    def geometry_of_export(self) -> str:
        outlined = self.get_queryset().filter(cell__geometry__isnull=False).exists()
        return "cell__geometry" if outlined else "cell__point"

    def look_up(self, analysis: Analysis, rows: list[Any]) -> None:
        analysis_columns.fill_cells(analysis, rows)
