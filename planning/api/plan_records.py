"""What people argue over on the API: a plan by area and service, two versions side by side, comments, files."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.renderers import CsvRenderer, csv_rows
from core.api.responses import accepted
from core.api.viewsets import PlainViewSet
from core.errors import DomainError
from core.models import Job
from planning.api.plans import NUMBER, REF, version_seen
from planning.models import PlanComment
from planning.selectors.plan_comments import comments_seen
from planning.selectors.plan_comparisons import compare_versions, named_version
from planning.services import plan_comments, plan_export
from planning.services.plan_answers import AREA_HEADS, area_answer, comparison_told


class PlanAreasViewSet(PlainViewSet):
    """A version by area, service and run: the four states before and with the plan, what it closes, and what is done there
    for how much. Districts and what lies outside every area add up to the total; only areas you may see."""

    renderer_classes = [JSONRenderer, CsvRenderer]
    serializer_class = serializers.Serializer

    @extend_schema(
        operation_id="plan_version_areas",
        parameters=[
            REF,
            NUMBER,
            OpenApiParameter("run", str, description="Only this run of the baseline."),
            OpenApiParameter("service", str, description="Only this service."),
            OpenApiParameter(
                "level", int, description="Only areas of this level (2 district, 3 street), with the totals."
            ),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def retrieve(self, request: Request, plan_ref: str, number: int) -> Any:
        """`?format=csv` for a spreadsheet."""
        ask = request.query_params
        level = ask.get("level", "")
        if level and level not in {"2", "3"}:
            raise DomainError("unknown-level", "level: 2 or 3", status=400)
        version = version_seen(request.user, plan_ref, number)
        rows = area_answer(
            version, user=request.user, run=ask.get("run", ""), service=ask.get("service", ""), level=int(level) if level else None,
        )  # fmt: skip
        if request.accepted_renderer.format == "csv":
            answer = StreamingHttpResponse(csv_rows(AREA_HEADS, rows), content_type="text/csv; charset=utf-8")
            name = f"{plan_ref}-{number}-areas-{timezone.localdate()}.csv"
            answer["Content-Disposition"] = f'attachment; filename="{name}"'
            answer["Cache-Control"] = "private, no-store"
            return answer
        return Response({"plan": plan_ref, "version": number, "rows": rows})


class PlanComparisonViewSet(PlainViewSet):
    """Two versions of a city side by side."""

    serializer_class = serializers.Serializer

    @extend_schema(
        operation_id="plan_version_compare",
        parameters=[REF, NUMBER, OpenApiParameter("with", str, required=True, description='The other version, like "P-2026-0001:2".')],
        responses=OpenApiTypes.OBJECT,
    )  # fmt: skip
    def retrieve(self, request: Request, plan_ref: str, number: int) -> Response:
        """What they stand on, figures with differences, and the interventions only in one, in both, or in another size."""
        version = version_seen(request.user, plan_ref, number)
        other = named_version(request.query_params.get("with", ""), user=request.user)
        if other is None:
            raise DomainError("unknown-version", "with: like P-2026-0001:2", status=404)
        return Response(comparison_told(compare_versions(version, other, user=request.user)))


class PlanCommentSerializer(serializers.ModelSerializer):
    order = serializers.IntegerField(
        source="intervention.order", read_only=True, allow_null=True, default=None,
        help_text="The intervention it speaks of; null: the version as a whole.",
    )  # fmt: skip
    created_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    resolved_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = PlanComment
        fields = ["id", "order", "text", "created_by", "created_at", "resolved_at", "resolved_by"]


class NewCommentSerializer(serializers.Serializer):
    text = serializers.CharField(max_length=plan_comments.MOST_CHARACTERS, trim_whitespace=False)
    order = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=32767)


class AnsweredSerializer(serializers.Serializer):
    answered = serializers.BooleanField(required=False, default=True)


class PlanCommentViewSet(PlainViewSet):
    """What people say about a version and its interventions. Everybody who may see the plan reads them; a frozen version can
    be commented on too."""

    serializer_class = PlanCommentSerializer
    queryset = PlanComment.objects.none()

    @extend_schema(
        operation_id="plan_comments",
        parameters=[REF, NUMBER, OpenApiParameter("order", int), OpenApiParameter("open", bool, description="Only those nobody has answered.")],
        responses=PlanCommentSerializer(many=True),
    )  # fmt: skip
    def list(self, request: Request, plan_ref: str, number: int) -> Response:
        """Oldest first."""
        rows = comments_seen(version_seen(request.user, plan_ref, number), user=request.user)
        order = request.query_params.get("order", "")
        if order:
            if not order.isdigit() or len(order) > 5:
                raise DomainError("unknown-order", "order: a number", status=400)
            rows = rows.filter(intervention__order=int(order))
        if request.query_params.get("open", "").lower() in ("1", "true", "yes"):
            rows = rows.filter(resolved_at=None)
        return Response({"count": rows.count(), "results": PlanCommentSerializer(rows, many=True).data})

    @extend_schema(
        operation_id="plan_comment_create", parameters=[REF, NUMBER], request=NewCommentSerializer, responses={201: PlanCommentSerializer},
    )  # fmt: skip
    def create(self, request: Request, plan_ref: str, number: int) -> Response:
        """The same words by the same person at the same place within ten minutes are one comment."""
        form = NewCommentSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        version = version_seen(request.user, plan_ref, number)
        comment = plan_comments.add_comment(user=request.user, version=version, **form.validated_data)
        return Response(PlanCommentSerializer(comment).data, status=201)

    @extend_schema(
        operation_id="plan_comment_resolve",
        parameters=[REF, NUMBER, OpenApiParameter("pk", int, OpenApiParameter.PATH)],
        request=AnsweredSerializer, responses=PlanCommentSerializer,
    )  # fmt: skip
    def resolve(self, request: Request, plan_ref: str, number: int, pk: int) -> Response:
        """Mark as answered, or open again with `answered` false."""
        form = AnsweredSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        version = version_seen(request.user, plan_ref, number)
        comment = plan_comments.mark_answered(
            user=request.user, version=version, comment_id=pk, answered=form.validated_data["answered"]
        )
        return Response(PlanCommentSerializer(comment).data)


class _FileRenderer(BaseRenderer):
    """The view answers the file itself; an error that ends here is JSON."""

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        return JSONRenderer().render(data, *args, **kwargs)


FILES = [
    type(f"{form.title()}File", (_FileRenderer,), {"media_type": kind, "format": form})
    for form, kind in plan_export.FORMATS.items()
]


class PlanExportViewSet(PlainViewSet):
    """A version as a file: `xlsx` workbook (T7, T8, T9, areas, money, prices, T13), `gpkg` GeoPackage in CGCS2000, `geojson`
    in WGS-84, `pdf` document to print. It holds what you may see."""

    renderer_classes = [JSONRenderer, *FILES]
    serializer_class = serializers.Serializer

    @extend_schema(
        operation_id="plan_version_export",
        parameters=[
            REF,
            NUMBER,
            OpenApiParameter("format", str, required=True, enum=list(plan_export.FORMATS)),
            OpenApiParameter("lang", str, description="en or zh-hans; that of the request when left out."),
        ],
        responses={(200, kind): OpenApiTypes.BINARY for kind in plan_export.FORMATS.values()}
        | {202: OpenApiTypes.OBJECT},
    )
    def retrieve(self, request: Request, plan_ref: str, number: int) -> Any:
        """200 with the file; 202 with the job where it takes longer: ask again when the job is done."""
        version = version_seen(request.user, plan_ref, number)
        found = plan_export.ask_export(
            user=request.user, version=version, form=request.query_params.get("format", ""), language=request.query_params.get("lang") or None,
        )  # fmt: skip
        if isinstance(found, Job):
            waits = accepted(found, plan=plan_ref, version=version.number)
            waits.content_type = JSONRenderer.media_type  # the file's type speaks of the file only
            return waits
        headers = {
            "Cache-Control": "private, no-store",
            "Content-Disposition": f'attachment; filename="{found.name}"',
        }
        if found.kept:
            return FileResponse(found.open(), content_type=found.content_type, headers=headers)
        return HttpResponse(found.content, content_type=found.content_type, headers=headers)
