"""Projects, cases and their money on the API: everything a page can do."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.viewsets import ReadViewSet
from core.models import City
from planning.models import PlanVersion
from projects.api import serializers as forms
from projects.filters import ProjectFilter
from projects.models import Condition, Contract, Project
from projects.services import cases, drafts, money, routes


class ProjectViewSet(ReadViewSet):
    """Projects from plans or by hand, with their way through approval and their money."""

    queryset = Project.objects.select_related("city", "area", "service", "facility", "idle_asset").order_by(
        "-id"
    )
    serializer_class = forms.ProjectSerializer
    filterset_class = ProjectFilter
    ordering_fields = ["ref", "cost_fen", "units", "created_at"]
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

    @extend_schema(request=forms.SubmitSerializer, responses={201: forms.CaseSerializer})
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, ref: str) -> Response:
        """Hand the project in; its facts and evidence are frozen with it."""
        form = forms.SubmitSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        route = routes.current(code=form.validated_data["route"])
        case = cases.submit(user=request.user, project=self.get_object(), route=route)
        return Response(forms.CaseSerializer(case).data, status=201)

    @extend_schema(methods=["GET"], responses=OpenApiTypes.OBJECT)
    @extend_schema(methods=["PUT"], request=forms.MoneyPlanSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get", "put"])
    def money(self, request: Request, ref: str) -> Response:
        """Lines, tranches and what blocks them, payments, sums. PUT replaces lines, and tranches while it is a draft."""
        project = self.get_object()
        if request.method == "PUT":
            form = forms.MoneyPlanSerializer(data=request.data)
            form.is_valid(raise_exception=True)
            said = form.validated_data
            lines = [(row["year"], row["source"], row["amount_fen"]) for row in said["lines"]]
            money.set_lines(user=request.user, project=project, lines=lines)
            if "tranches" in said:
                drafts.set_tranches(
                    user=request.user, project=project,
                    tranches=[(row["name"], row["amount_fen"]) for row in said["tranches"]],
                    milestones=[(row["name"], row["planned_on"], row["works_percent"]) for row in said["milestones"]],
                )  # fmt: skip
        return Response(forms.money_answer(project))

    @extend_schema(
        request=None,
        responses={201: forms.CaseSerializer},
        parameters=[OpenApiParameter("number", int, OpenApiParameter.PATH)],
    )
    @action(detail=True, methods=["post"], url_path=r"tranches/(?P<number>\d+)/ask")
    def ask(self, request: Request, ref: str, number: int) -> Response:
        """Ask for the release of a tranche."""
        tranche = get_object_or_404(self.get_object().tranches, number=number)
        return Response(
            forms.CaseSerializer(cases.ask_release(user=request.user, tranche=tranche)).data, status=201
        )

    @extend_schema(request=forms.PaymentInSerializer, responses={201: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"])
    def payments(self, request: Request, ref: str) -> Response:
        """Record a payment; the same key again answers the payment that is there."""
        form = forms.PaymentInSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said, project = dict(form.validated_data), self.get_object()
        tranche = get_object_or_404(project.tranches, number=said.pop("tranche"))
        number = said.pop("contract")
        contract = get_object_or_404(Contract, project=project, number=number) if number else None
        money.pay(user=request.user, tranche=tranche, contract=contract, **said)
        return Response(forms.money_answer(project), status=201)

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
