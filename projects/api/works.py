"""Works on the API: everything that the pages of the works can do, photos as multipart/form-data."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.viewsets import ReadViewSet
from core.errors import DomainError
from core.models import Area, City
from projects.api import works_serializers as forms
from projects.filters import FindingFilter, InspectionFilter, PhotoFilter, ProjectFilter
from projects.models import Finding, Inspection, InspectionDraw, Photo, ProgressReport, Project, WorksRule
from projects.selectors import draws as drawn
from projects.selectors import site
from projects.selectors.works import with_shares
from projects.services import draws, inspections, milestones, photos, works, works_rules
from projects.services.inspections import FindingSaid
from projects.services.pictures import TYPES, read_all

MONTH = OpenApiParameter("month", str, OpenApiParameter.PATH, description="2026-10")
NUMBER = OpenApiParameter("number", int, OpenApiParameter.PATH)


def _said(form: type, request: Request) -> dict[str, Any]:
    read = form(data=request.data)
    read.is_valid(raise_exception=True)
    said = dict(read.validated_data)
    if "photos" in said:
        said["pictures"] = read_all(said.pop("photos"))
    return said


def _people(names: list[str]) -> list[Any]:
    found = {one.username: one for one in get_user_model().objects.filter(username__in=names, is_active=True)}
    if missing := [name for name in names if name not in found]:
        raise DomainError(
            "unknown-person", _("Nobody is called %(words)s.") % {"words": ", ".join(missing)}, status=422
        )
    return [found[name] for name in names]


class WorksViewSet(ReadViewSet):
    """Works by project: how far they are, months, milestones. Whoever reports a project does not look at it."""

    queryset = (
        Project.objects.filter(started_on__isnull=False)
        .select_related("city", "area", "service")
        .order_by("-id")
    )
    serializer_class = forms.WorksSerializer
    filterset_class = ProjectFilter
    ordering_fields = ["ref", "started_on"]
    lookup_field = "ref"
    parser_classes = [JSONParser, MultiPartParser]

    def get_queryset(self) -> QuerySet:
        rows = super().get_queryset()
        if self.action == "start" and not getattr(self, "swagger_fake_view", False):
            rows = self.visible_to(self.request.user, Project.objects.select_related("city", "area"))
        return with_shares(rows) if self.action == "list" else rows

    def get_serializer_class(self) -> type:
        return forms.WorksRowSerializer if self.action == "list" else forms.WorksSerializer

    @extend_schema(request=forms.StartInSerializer, responses=forms.WorksSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, ref: str) -> Response:
        """Begin the works; while nothing is reported, the first day can be corrected with a reason."""
        said, project = _said(forms.StartInSerializer, request), self.get_object()
        begin = works.correct_start if project.state == "works" else works.start
        return Response(self.get_serializer(begin(user=request.user, project=project, **said)).data)

    @extend_schema(methods=["GET"], responses=forms.ReportSerializer(many=True))
    @extend_schema(
        methods=["POST"], request=forms.ReportInSerializer, responses={201: forms.ReportSerializer}
    )
    @action(detail=True, methods=["get", "post"], pagination_class=None, filterset_class=None)
    def reports(self, request: Request, ref: str) -> Response:
        """Monthly reports; POST reports a month, once."""
        project = self.get_object()
        if request.method == "GET":
            return Response(forms.ReportSerializer(site.reports_of(project), many=True).data)
        said = _said(forms.ReportInSerializer, request)
        said["month"] = date.fromisoformat(f"{said['month']}-01")
        made = works.report(user=request.user, project=project, **said)
        return Response(forms.ReportSerializer(made).data, status=201)

    @extend_schema(
        request=forms.ReportCorrectionInSerializer, responses=forms.ReportSerializer, parameters=[MONTH]
    )
    @action(detail=True, methods=["post"], url_path=r"reports/(?P<month>\d{4}-\d{2})/correct")
    def correct(self, request: Request, ref: str, month: str) -> Response:
        """Say a month again, with a reason; what stood before is kept."""
        try:
            day = date.fromisoformat(f"{month}-01")
        except ValueError:
            raise Http404 from None
        report = get_object_or_404(ProgressReport, project=self.get_object(), month=day)
        made = works.correct_report(
            user=request.user, report=report, **_said(forms.ReportCorrectionInSerializer, request)
        )
        return Response(forms.ReportSerializer(made).data)

    @extend_schema(responses=forms.MilestoneSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def milestones(self, request: Request, ref: str) -> Response:
        """Milestones with the day that was approved and everything said since."""
        rows = self.get_object().milestones.prefetch_related("changes__said_by").order_by("number")
        return Response(forms.MilestoneSerializer(rows, many=True).data)

    def _milestone(self, number: int) -> Any:
        return get_object_or_404(
            self.get_object().milestones.select_related("project__area", "project__city"), number=number
        )

    @extend_schema(
        request=forms.MilestoneReportInSerializer, responses=forms.MilestoneSerializer, parameters=[NUMBER]
    )
    @action(detail=True, methods=["post"], url_path=r"milestones/(?P<number>\d+)/report")
    def report_milestone(self, request: Request, ref: str, number: int) -> Response:
        """Say that a milestone is there."""
        said = _said(forms.MilestoneReportInSerializer, request)
        made = milestones.report(user=request.user, milestone=self._milestone(number), **said)
        return Response(forms.MilestoneSerializer(made).data)

    @extend_schema(
        request=forms.MilestoneSeenInSerializer, responses=forms.MilestoneSerializer, parameters=[NUMBER]
    )
    @action(detail=True, methods=["post"], url_path=r"milestones/(?P<number>\d+)/see")
    def see_milestone(self, request: Request, ref: str, number: int) -> Response:
        """Say that a milestone was seen on site; by somebody of the other side."""
        said, milestone = _said(forms.MilestoneSeenInSerializer, request), self._milestone(number)
        name = said.pop("inspection")
        found = get_object_or_404(Inspection, ref=name, project=milestone.project) if name else None
        made = milestones.see(user=request.user, milestone=milestone, inspection=found, **said)
        return Response(forms.MilestoneSerializer(made).data)

    @extend_schema(request=forms.ReasonInSerializer, responses=forms.MilestoneSerializer, parameters=[NUMBER])
    @action(detail=True, methods=["post"], url_path=r"milestones/(?P<number>\d+)/send-back")
    def send_back(self, request: Request, ref: str, number: int) -> Response:
        """Looked at, and not there yet."""
        said = _said(forms.ReasonInSerializer, request)
        made = milestones.send_back(user=request.user, milestone=self._milestone(number), **said)
        return Response(forms.MilestoneSerializer(made).data)

    @extend_schema(
        request=forms.MilestoneMoveInSerializer, responses=forms.MilestoneSerializer, parameters=[NUMBER]
    )
    @action(detail=True, methods=["post"], url_path=r"milestones/(?P<number>\d+)/revise")
    def revise(self, request: Request, ref: str, number: int) -> Response:
        """Move the planned day, with a reason; the approved day stays readable."""
        said = _said(forms.MilestoneMoveInSerializer, request)
        made = milestones.revise(user=request.user, milestone=self._milestone(number), **said)
        return Response(forms.MilestoneSerializer(made).data)

    @extend_schema(request=forms.InspectionInSerializer, responses={201: forms.InspectionSerializer})
    @action(detail=True, methods=["post"])
    def inspections(self, request: Request, ref: str) -> Response:
        """Plan an inspection."""
        said = _said(forms.InspectionInSerializer, request)
        said["inspectors"] = _people(said["inspectors"])
        made = inspections.plan(user=request.user, project=self.get_object(), **said)
        return Response(forms.InspectionSerializer(made).data, status=201)


class InspectionViewSet(ReadViewSet):
    """Inspections on site. What was seen is written once; findings of it are put right and closed under /findings/."""

    queryset = (
        Inspection.objects.select_related("project__area", "project__city", "drawn", "done_by")
        .prefetch_related("inspectors", "findings")
        .order_by("-planned_on", "-id")
    )
    serializer_class = forms.InspectionSerializer
    filterset_class = InspectionFilter
    ordering_fields = ["planned_on", "done_on", "ref"]
    lookup_field = "ref"
    area_lookup, city_lookup = "project__area", "project__city"

    @extend_schema(request=forms.InspectionDoneInSerializer, responses=forms.InspectionSerializer)
    @action(detail=True, methods=["post"])
    def done(self, request: Request, ref: str) -> Response:
        """Write down what was seen: share of the works, milestones that are there, findings. Photos come under /photos/."""
        said, inspection = _said(forms.InspectionDoneInSerializer, request), self.get_object()
        said["inspectors"] = _people(said["inspectors"])
        said["findings"] = [FindingSaid(**one) for one in said["findings"]]
        numbers = said.pop("milestones")
        said["milestones"] = [get_object_or_404(inspection.project.milestones, number=one) for one in numbers]
        inspections.do(user=request.user, inspection=inspection, **said)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=forms.ReasonInSerializer, responses=forms.InspectionSerializer)
    @action(detail=True, methods=["post"], url_path="call-off")
    def call_off(self, request: Request, ref: str) -> Response:
        """An inspection that will not be made stays, with the reason."""
        said = _said(forms.ReasonInSerializer, request)
        made = inspections.call_off(user=request.user, inspection=self.get_object(), **said)
        return Response(self.get_serializer(made).data)

    @extend_schema(request=forms.FindingInSerializer, responses={201: forms.FindingSerializer})
    @action(detail=True, methods=["post"])
    def findings(self, request: Request, ref: str) -> Response:
        """A finding that comes after the inspection was written down."""
        said = FindingSaid(**_said(forms.FindingInSerializer, request))
        made = inspections.open_finding(user=request.user, inspection=self.get_object(), said=said)
        return Response(forms.FindingSerializer(made).data, status=201)


class FindingViewSet(ReadViewSet):
    """Findings: put right by one side, closed or opened again by the other."""

    queryset = (
        Finding.objects.select_related("inspection__project__area", "inspection__project__city", "closed_by")
        .prefetch_related("rectifications__done_by", "rectifications__checked_by")
        .order_by("due_on", "id")
    )
    serializer_class = forms.FindingSerializer
    filterset_class = FindingFilter
    ordering_fields = ["due_on", "ref"]
    lookup_field = "ref"
    area_lookup, city_lookup = "inspection__project__area", "inspection__project__city"
    parser_classes = [JSONParser, MultiPartParser]

    @extend_schema(request=forms.RectifyInSerializer, responses=forms.FindingSerializer)
    @action(detail=True, methods=["post"])
    def rectify(self, request: Request, ref: str) -> Response:
        """Say what was done."""
        inspections.rectify(
            user=request.user, finding=self.get_object(), **_said(forms.RectifyInSerializer, request)
        )
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=forms.FindingCheckInSerializer, responses=forms.FindingSerializer)
    @action(detail=True, methods=["post"])
    def check(self, request: Request, ref: str) -> Response:
        """Accept what was done, or open the finding again."""
        inspections.check(
            user=request.user, finding=self.get_object(), **_said(forms.FindingCheckInSerializer, request)
        )
        return Response(self.get_serializer(self.get_object()).data)


class PhotoViewSet(ReadViewSet):
    """Photos of the works with what was found about each. Kept byte for byte, never refused for what is found."""

    queryset = Photo.objects.select_related(
        "project__area", "project__city", "report", "inspection", "finding", "rectification__finding", "milestone", "rule", "added_by"
    ).order_by("-id")  # fmt: skip
    serializer_class = forms.PhotoSerializer
    filterset_class = PhotoFilter
    ordering_fields = ["id", "taken_at", "distance_m"]
    lookup_value_regex = r"\d{1,18}"
    area_lookup, city_lookup = "project__area", "project__city"
    geometry_field = "point"
    parser_classes = [MultiPartParser]

    @extend_schema(request=forms.PhotoInSerializer, responses={201: forms.PhotoSerializer(many=True)})
    def create(self, request: Request) -> Response:
        """Photos for a report that is there (`month`), for an inspection or one of its findings, or for the project alone."""
        form = forms.PhotoInSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        project = get_object_or_404(
            Project.objects.filter(policies.visible(request.user)).select_related("area", "city"),
            ref=said["project"],
        )
        holder: dict[str, Any] = {}
        if said["month"]:
            day = date.fromisoformat(f"{said['month']}-01")
            holder["report"] = get_object_or_404(ProgressReport, project=project, month=day)
        elif said["finding"]:
            found = get_object_or_404(
                Finding.objects.select_related("inspection"), inspection__project=project, ref=said["finding"]
            )
            holder = {"finding": found, "inspection": found.inspection}
        elif said["inspection"]:
            holder["inspection"] = get_object_or_404(Inspection, project=project, ref=said["inspection"])
        made = photos.add(user=request.user, project=project, uploads=said["photos"], **holder)
        return Response(self.get_serializer(made, many=True).data, status=201)

    def _file(self, file: Any, kind: str, name: str, download: bool) -> HttpResponse:
        if not file or not file.storage.exists(file.name):
            raise Http404
        answer = FileResponse(file.open("rb"), content_type=kind, as_attachment=download, filename=name)
        answer["X-Content-Type-Options"] = "nosniff"
        answer["Cache-Control"] = "private, max-age=86400, immutable"
        return answer

    @extend_schema(responses={(200, "image/*"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def original(self, request: Request, pk: str) -> HttpResponse:
        """The bytes as they came."""
        photo = self.get_object()
        return self._file(photo.file, TYPES.get(photo.form, "application/octet-stream"), photo.name, True)

    @extend_schema(responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def small(self, request: Request, pk: str) -> HttpResponse:
        """A small picture without position or time."""
        photo = self.get_object()
        return self._file(photo.thumbnail, "image/jpeg", f"{photo.pk}.jpg", False)


class DrawViewSet(ReadViewSet):
    """Draws of inspections: announced with their list, drawn with a seed that came later, computed again by anybody."""

    queryset = InspectionDraw.objects.order_by("-announced_at")
    serializer_class = forms.DrawSerializer
    filterset_class = None
    ordering_fields = ["announced_at", "ref"]
    lookup_field = "ref"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return drawn.draws_seen(user)

    @extend_schema(request=forms.DrawInSerializer, responses={201: forms.DrawSerializer})
    def create(self, request: Request) -> Response:
        """Freeze and publish the list with its weights, and name the event whose outcome will be the seed."""
        said = _said(forms.DrawInSerializer, request)
        cities = City.objects.filter(policies.visible_cities(request.user))
        city, code = get_object_or_404(cities, code=said.pop("city")), said.pop("area")
        area = get_object_or_404(Area, city=city, code=code) if code else None
        made = draws.announce(user=request.user, city=city, area=area, **said)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=forms.SeedInSerializer, responses=forms.DrawSerializer)
    @action(detail=True, methods=["post"])
    def draw(self, request: Request, ref: str) -> Response:
        """Enter the outcome; everything else follows from it."""
        said = _said(forms.SeedInSerializer, request)
        return Response(
            self.get_serializer(draws.draw(user=request.user, draw=self.get_object(), **said)).data
        )

    @extend_schema(request=forms.ReasonInSerializer, responses=forms.DrawSerializer)
    @action(detail=True, methods=["post"], url_path="call-off")
    def call_off(self, request: Request, ref: str) -> Response:
        """A draw whose event did not take place stays, with the reason."""
        said = _said(forms.ReasonInSerializer, request)
        return Response(
            self.get_serializer(draws.void(user=request.user, draw=self.get_object(), **said)).data
        )

    @extend_schema(responses=forms.DrawCheckSerializer)
    @action(detail=True, methods=["get"])
    def check(self, request: Request, ref: str) -> Response:
        """The draw computed again from what is published."""
        return Response(forms.DrawCheckSerializer(draws.check(self.get_object())).data)


class WorksRuleViewSet(ReadViewSet):
    """Limits for photos, periods for reports and findings, weights of the draw: versions, drafted by one and published by
    another."""

    queryset = WorksRule.objects.select_related("drafted_by", "published_by").order_by("-version")
    serializer_class = forms.WorksRuleSerializer
    filterset_class = None
    ordering_fields = ["version"]
    lookup_field = "version"
    lookup_value_regex = r"\d{1,9}"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset

    @extend_schema(request=forms.WorksRuleInSerializer, responses={201: forms.WorksRuleSerializer})
    def create(self, request: Request) -> Response:
        """Draft a version; only what changes is sent."""
        made = works_rules.draft(user=request.user, **_said(forms.WorksRuleInSerializer, request))
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=None, responses=forms.WorksRuleSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, version: str) -> Response:
        """Bring a draft into force."""
        return Response(
            self.get_serializer(works_rules.publish(user=request.user, rule=self.get_object())).data
        )
