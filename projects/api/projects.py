"""Projects, cases and their money on the API: everything a page can do."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.viewsets import ReadViewSet
from core.models import City
from planning.models import PlanVersion
from projects.api import serializers as forms
from projects.api.case_serializers import CaseSerializer
from projects.api.drafts import DraftWrites
from projects.filters import ProjectFilter
from projects.models import Condition, Project
from projects.services import cases, drafts, routes
from projects.tables import ORDERINGS


class ProjectViewSet(DraftWrites, ReadViewSet):
    """Projects from plans or by hand, with their way through approval and their money."""

    queryset = Project.objects.select_related("city", "area", "service", "facility", "idle_asset").order_by(
        "-id"
    )
    serializer_class = forms.ProjectSerializer
    filterset_class = ProjectFilter
    ordering_fields = ORDERINGS
    lookup_field = "ref"
    geometry_field = "point"

    @extend_schema(request=forms.NewProjectSerializer, responses={201: forms.ProjectSerializer})
    def create(self, request: Request) -> Response:
        """A project that no plan asked for."""
        form = forms.NewProjectSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        city = get_object_or_404(
            City.objects.filter(policies.visible_cities(request.user)), code=fields.pop("city")
        )
        made = drafts.draft(user=request.user, city=city, **fields)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=forms.FromPlanSerializer, responses={201: forms.ProjectSerializer(many=True)})
    @action(detail=False, methods=["post"], url_path="from-plan")
    def from_plan(self, request: Request) -> Response:
        """Drafts from the interventions of a frozen version (all of it without `orders`)."""
        form = forms.FromPlanSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        cities = City.objects.filter(policies.visible_cities(request.user))
        version = get_object_or_404(
            PlanVersion.objects.select_related("plan__city"),
            plan__ref=said["plan"],
            number=said["version"],
            plan__city__in=cities,
        )
        made = drafts.from_plan(user=request.user, version=version, orders=said["orders"])
        return Response(self.get_serializer(made, many=True).data, status=201)

    @extend_schema(request=forms.SubmitSerializer, responses={201: CaseSerializer})
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, ref: str) -> Response:
        """Hand the project in; its facts and evidence are frozen with it."""
        form = forms.SubmitSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        route = routes.current(code=form.validated_data["route"])
        case = cases.submit(user=request.user, project=self.get_object(), route=route)
        return Response(CaseSerializer(case).data, status=201)

    @extend_schema(
        request=forms.NoteSerializer,
        responses=forms.ConditionSerializer,
        parameters=[OpenApiParameter("pk", int, OpenApiParameter.PATH)],
    )
    @action(detail=True, methods=["post"], url_path=r"conditions/(?P<pk>\d+)/settle")
    def settle(self, request: Request, ref: str, pk: int) -> Response:
        """Say how a condition was met."""
        form = forms.NoteSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        condition = get_object_or_404(
            Condition.objects.select_related("project", "step__case"), pk=pk, project=self.get_object()
        )
        met = cases.settle_condition(user=request.user, condition=condition, note=form.validated_data["note"])
        return Response(forms.ConditionSerializer(met).data)

    @extend_schema(responses=forms.ConditionSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def conditions(self, request: Request, ref: str) -> Response:
        return Response(forms.ConditionSerializer(self.get_object().conditions.all(), many=True).data)
