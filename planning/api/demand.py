"""What a run's need is made of, on the API: rows by area, service, phase and group; the official tables as a workbook."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from core.api.filtering import StrictFilterBackend, refuse_unknown_orderings
from core.api.viewsets import ListViewSet, PlainViewSet
from core.models import Area
from planning.api.runs import REF, runs_seen
from planning.choices import RunState
from planning.filters import DemandFilter
from planning.models import Run
from planning.selectors.batches import batches_visible_to
from planning.services.demand import ORDERINGS, Asked, DemandRows, areas_seen
from planning.services.tables_export import Book, tables_of_batch, tables_of_run

BATCH_REF = OpenApiParameter("batch_ref", str, OpenApiParameter.PATH)
ORDERING = OpenApiParameter(
    "ordering", str, description=f"One of {', '.join(ORDERINGS)}; a leading minus turns it round."
)


class DemandRowSerializer(serializers.Serializer):
    """People are whole layers' counts; null where a rate of the chain is missing."""

    code = serializers.CharField(source="area.code", read_only=True)
    name = serializers.CharField(source="area.name", read_only=True)
    name_en = serializers.CharField(source="area.name_en", read_only=True)
    level = serializers.IntegerField(source="area.level", read_only=True)
    service = serializers.CharField(source="service.code", read_only=True)
    unit = serializers.CharField(source="service.unit", read_only=True)
    part = serializers.ChoiceField(choices=["whole", "phase", "group"], read_only=True)
    phase = serializers.CharField(read_only=True)
    governs = serializers.BooleanField(
        read_only=True, help_text="The phase whose need is that of the run and of its gap."
    )
    group = serializers.CharField(read_only=True)
    people = serializers.FloatField(read_only=True, allow_null=True)
    inside = serializers.FloatField(read_only=True, allow_null=True)
    affected = serializers.FloatField(read_only=True, allow_null=True)
    displaced = serializers.FloatField(read_only=True, allow_null=True)
    seeking = serializers.FloatField(read_only=True, allow_null=True)
    driver = serializers.CharField(source="standard.driver", read_only=True)
    ratio = serializers.FloatField(read_only=True)
    need = serializers.IntegerField(read_only=True)
    need_p10 = serializers.IntegerField(read_only=True, allow_null=True)
    need_p50 = serializers.IntegerField(read_only=True, allow_null=True)
    need_p90 = serializers.IntegerField(read_only=True, allow_null=True)
    profile = serializers.CharField(
        source="rule.profile", read_only=True, help_text="Empty where the scenario sets the ratio."
    )
    ratio_source = serializers.CharField(source="rule.source", read_only=True)
    ratio_clause = serializers.CharField(source="rule.clause", read_only=True)
    ratio_certainty = serializers.CharField(source="rule.certainty", read_only=True)


@extend_schema(parameters=[REF, ORDERING])
class RunDemandViewSet(ListViewSet):
    """What the need is made of by area: people counted, inside, affected, displaced, seeking shelter, and the need with
    its standard and range. `?level=2&service=CODE`; `?part=phase` and `?part=group`, or `?phase=CODE&group=CODE`, tell the
    need by phase and by group. `?format=csv` exports."""

    queryset = Area.objects.order_by("path")
    serializer_class = DemandRowSerializer
    filterset_class = DemandFilter
    filter_backends = [StrictFilterBackend]
    export_name = "run-demand"
    lookup_field = "pk"

    def run(self) -> Run:
        runs = runs_seen(self.request.user).filter(state=RunState.DONE).select_related("snapshot")
        return get_object_or_404(runs, ref=self.kwargs["run_ref"])

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        self.found = self.run()
        return areas_seen(self.found, user)

    def filter_queryset(self, queryset: QuerySet) -> Any:
        asked = self.request.query_params.get("ordering", "")
        refuse_unknown_orderings([asked] if asked else [], ORDERINGS)
        areas = super().filter_queryset(queryset)
        filters = DemandFilter(self.request.query_params, queryset=areas, request=self.request)
        wanted = Asked(*(filters.chosen(name) for name in ("service", "phase", "group", "part")))
        return DemandRows(self.found, areas, wanted, asked)


class XlsxRenderer(BaseRenderer):
    """The view answers the workbook itself; an error that ends here is JSON."""

    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    format = "xlsx"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        return JSONRenderer().render(data, *args, **kwargs)


class RunTablesViewSet(PlainViewSet):
    """The official tables of a run as a workbook: T3 scenarios, T4 demand, T5 gaps, T13 standards and assumptions."""

    renderer_classes = [XlsxRenderer, JSONRenderer]

    @extend_schema(parameters=[REF], responses={(200, XlsxRenderer.media_type): OpenApiTypes.BINARY})
    def retrieve(self, request: Request, run_ref: str) -> HttpResponse:
        """In the language of the request (Accept-Language), as far as the person may see."""
        run = get_object_or_404(runs_seen(request.user).filter(state=RunState.DONE), ref=run_ref)
        return _file(tables_of_run(user=request.user, run=run))


class BatchTablesViewSet(PlainViewSet):
    """The same tables for every finished run of a batch, in one workbook."""

    renderer_classes = [XlsxRenderer, JSONRenderer]

    @extend_schema(parameters=[BATCH_REF], responses={(200, XlsxRenderer.media_type): OpenApiTypes.BINARY})
    def retrieve(self, request: Request, batch_ref: str) -> HttpResponse:
        """In the language of the request (Accept-Language), as far as the person may see."""
        batch = get_object_or_404(batches_visible_to(request.user), ref=batch_ref)
        return _file(tables_of_batch(user=request.user, batch=batch))


def _file(book: Book) -> HttpResponse:
    return HttpResponse(
        book.content, content_type=XlsxRenderer.media_type,
        headers={"Content-Disposition": f'attachment; filename="{book.name}"', "Cache-Control": "private, no-store"},
    )  # fmt: skip
