"""Drafts on the API: changed, deleted, checked against what is near, brought in as a list; the programme's sums."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.filtering import refuse_unknown_filters, refuse_unknown_orderings
from core.api.jobs import JobSerializer
from core.api.responses import accepted
from core.api.viewsets import PlainViewSet, ReadViewSet
from core.models import City
from facilities.models import ImportBatch
from projects.api import draft_serializers as forms
from projects.api.serializers import ProjectSerializer
from projects.filters import DuplicateRuleFilter, ProjectFilter, ProjectImportFilter
from projects.models import DuplicateRule, Project
from projects.selectors import duplicates as near
from projects.selectors import pages, programme, project_imports
from projects.services import drafts, duplicate_rules, duplicates, project_books, project_import_jobs

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description='The ETag of the record, like "3".'
)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class DraftWrites:
    """PATCH and DELETE of a project, for its view set."""

    @extend_schema(request=forms.ProjectChangeSerializer, responses=ProjectSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, ref: str) -> Response:
        """Change a draft or a returned project, as it was read (If-Match). 409 tells what somebody else changed."""
        project: Project = self.get_object()  # type: ignore[attr-defined]
        expected = self.expected_version(request)  # type: ignore[attr-defined]
        form = forms.ProjectChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        version = project.version if expected is None else expected
        done = drafts.edit(user=request.user, project=project, version=version, **form.validated_data)
        return Response(self.get_serializer(done).data)  # type: ignore[attr-defined]

    @extend_schema(responses={204: None}, parameters=[IF_MATCH])
    def destroy(self, request: Request, ref: str) -> Response:
        """Delete a draft that was never handed in."""
        project: Project = self.get_object()  # type: ignore[attr-defined]
        expected = self.expected_version(request)  # type: ignore[attr-defined]
        version = project.version if expected is None else expected
        drafts.delete_draft(user=request.user, project=project, version=version)
        return Response(status=204)


class ProjectNearViewSet(PlainViewSet):
    """What stands or is planned near a project."""

    queryset = Project.objects.all()
    serializer_class = forms.DuplicatesSerializer
    lookup_field = "ref"
    lookup_value_regex = "[^/]+"
    pagination_class = None

    @extend_schema(methods=["GET"], responses=forms.DuplicatesSerializer)
    @extend_schema(methods=["POST"], request=None, responses=forms.DuplicatesSerializer)
    @action(detail=True, methods=["get", "post"])
    def duplicates(self, request: Request, ref: str) -> Response:
        """The newest check against building twice; POST checks now. The reason is written by PATCH of the project."""
        project = get_object_or_404(pages.projects_visible_to(request.user), ref=ref)
        if request.method == "POST":
            duplicates.check(user=request.user, project=project)
        return Response(forms.DuplicatesSerializer(near.said(project, request.user)).data)


_NARROWED = [
    OpenApiParameter(name, str, description=f"as in the list of projects: {name}")
    for name in ("city", "area", "service", "state", "kind", "origin", "plan", "search", "overdue")
]


class ProgrammeViewSet(PlainViewSet):
    """Sums over projects."""

    queryset = Project.objects.all()
    serializer_class = forms.ProgrammeSerializer
    pagination_class = None

    @extend_schema(responses=forms.ProgrammeSerializer, parameters=_NARROWED)
    def list(self, request: Request) -> Response:
        """In all and by state, district and service, of the projects that match; money in fen, gaps by unit."""
        refuse_unknown_orderings(request.query_params.getlist("ordering"), [])
        refuse_unknown_filters(request.query_params, {*ProjectFilter.base_filters, "format", "ordering"})
        seen = pages.projects_visible_to(request.user)
        filters = ProjectFilter(request.query_params, queryset=seen, request=request)
        if not filters.is_valid():
            raise ValidationError(filters.errors)
        found = programme.lines(filters.qs)
        keys = {"by_state": lambda one: one.state, "by_area": _area, "by_service": lambda one: one.service}
        said = {
            name: [_sums(sums, label) for label, sums in sorted(programme.grouped(found, key).items())]
            for name, key in keys.items()
        }
        return Response(forms.ProgrammeSerializer({"in_all": _sums(programme.total(found), ""), **said}).data)


def _area(one: programme.Line) -> str:
    """Code of the district."""
    return programme.district_of(one.area_path).strip("/").split("/")[-1]


def _sums(sums: programme.Totals, label: str) -> dict[str, Any]:
    def by_unit(counted: Counter[tuple[str, str]]) -> dict[str, int]:
        return {unit: amount for (unit, _name), amount in sorted(counted.items())}

    return {
        "label": label, "projects": sums.projects, "cost_fen": sums.cost_fen, "approved_fen": sums.approved_fen,
        "released_fen": sums.released_fen, "paid_fen": sums.paid_fen, "promised": by_unit(sums.promised),
        "realised": by_unit(sums.realised),
    }  # fmt: skip


class DuplicateRuleViewSet(ReadViewSet):
    """Rules against building twice: the city's own and those of every city. Published ones never change."""

    queryset = DuplicateRule.objects.select_related("city", "service", "drafted_by", "published_by")
    serializer_class = forms.DuplicateRuleSerializer
    filterset_class = DuplicateRuleFilter
    ordering_fields = ["version", "state"]

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        cities = City.objects.filter(policies.visible_cities(user))
        return queryset.filter(city=None) | queryset.filter(city__in=cities)

    @extend_schema(request=forms.NewDuplicateRuleSerializer, responses={201: forms.DuplicateRuleSerializer})
    def create(self, request: Request) -> Response:
        """Draft the next version of a city's rule for a service, or for all that have none of their own."""
        form = forms.NewDuplicateRuleSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = dict(form.validated_data)
        cities = City.objects.filter(policies.visible_cities(request.user))
        city = get_object_or_404(cities, code=said.pop("city"))
        made = duplicate_rules.draft(user=request.user, city=city, **said)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=None, responses=forms.DuplicateRuleSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        """Checks go by it from now on. Whoever drafted it does not publish it."""
        done = duplicate_rules.publish(user=request.user, rule=self.get_object())
        return Response(self.get_serializer(done).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Take back a draft."""
        duplicate_rules.drop(user=request.user, rule=self.get_object())
        return Response(status=204)


class ProjectImportViewSet(ReadViewSet):
    """Lists of projects as files: checked, looked at, taken over in one act."""

    queryset = ImportBatch.objects.select_related("city").prefetch_related("issues").order_by("-id")
    serializer_class = forms.ProjectImportSerializer
    filterset_class = ProjectImportFilter
    ordering_fields = ["ref", "created_at"]
    lookup_field = "ref"
    parser_classes = [MultiPartParser, JSONParser]

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(pk__in=project_imports.imports_of(user).values("pk"))

    @extend_schema(
        request={"multipart/form-data": forms.ProjectListSerializer},
        responses={201: forms.ProjectImportSerializer, 202: JobSerializer},
    )
    def create(self, request: Request) -> Response:
        """Check a list. Nothing is written to projects; a large file is checked by a job (202)."""
        form = forms.ProjectListSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        cities = City.objects.filter(policies.visible_cities(request.user))
        city = get_object_or_404(cities, code=said["city"])
        done = project_import_jobs.check_upload(
            user=request.user, city=city, upload=said["file"], datum=said["datum"]
        )
        return self._answer(done, 201)

    @extend_schema(request=None, responses={200: forms.ProjectImportSerializer, 202: JobSerializer})
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, ref: str) -> Response:
        """Take a checked list over, all of it or nothing. Twice is once."""
        return self._answer(project_import_jobs.take_over(user=request.user, batch=self.get_object()), 200)

    def _answer(self, done: Any, status: int) -> Response:
        if isinstance(done, ImportBatch):
            return Response(self.get_serializer(done).data, status=status)
        return accepted(done)

    @extend_schema(responses={(200, XLSX): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"], url_path="problems", pagination_class=None)
    def problems(self, request: Request, ref: str) -> HttpResponse:
        """The file itself with its problems marked."""
        return HttpResponse(project_books.with_problems(self.get_object()), content_type=XLSX)

    @extend_schema(responses={(200, XLSX): OpenApiTypes.BINARY})
    @action(detail=False, methods=["get"], url_path="template", pagination_class=None)
    def template(self, request: Request) -> HttpResponse:
        """The empty form in the caller's language."""
        return HttpResponse(project_books.template(), content_type=XLSX)
