"""Projects, cases and their money on the API: everything a page can do."""

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
from core.api.viewsets import ListViewSet, ReadViewSet
from core.models import City
from planning.models import PlanVersion
from projects.api import serializers as forms
from projects.filters import CaseFilter, ProjectFilter
from projects.models import Case, Condition, Contract, Project, ReturnItem, Step
from projects.selectors import officers
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


class CaseViewSet(ReadViewSet):
    """Questions put to officials: approve a project, release a tranche. Each goes the way of one route version."""

    queryset = (
        Case.objects.select_related("project", "tranche", "route", "drafter")
        .prefetch_related(
            "steps__task__stage", "steps__done_by", "steps__done_for", "steps__return_items", "evidence"
        )
        .order_by("-id")
    )
    serializer_class = forms.CaseSerializer
    filterset_class = CaseFilter
    ordering_fields = ["ref", "submitted_at"]
    lookup_field = "ref"
    area_lookup = "project__area"
    city_lookup = "project__city"

    @extend_schema(
        request=forms.ActSerializer,
        responses=forms.CaseSerializer,
        parameters=[OpenApiParameter("task", str, OpenApiParameter.PATH)],
    )
    @action(detail=True, methods=["post"], url_path=r"steps/(?P<task>[-\w]+)")
    def act(self, request: Request, ref: str, task: str) -> Response:
        """Do an open task: say the outcome and why."""
        form = forms.ActSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = dict(form.validated_data)
        said["conditions"] = [(row["text"], row["due_on"]) for row in said["conditions"]]
        case = self.get_object()
        step = get_object_or_404(Step, case=case, round=case.round, task__code=task)
        cases.act(user=request.user, step=step, **said)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=forms.AnswerSerializer, responses=forms.CaseSerializer)
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, ref: str) -> Response:
        """Answer one change that was asked for."""
        form = forms.AnswerSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        item = get_object_or_404(
            ReturnItem.objects.select_related("step__case__project"),
            pk=form.validated_data["item"],
            step__case=self.get_object(),
        )
        cases.answer(user=request.user, item=item, text=form.validated_data["text"])
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None, responses=forms.CaseSerializer)
    @action(detail=True, methods=["post"])
    def resubmit(self, request: Request, ref: str) -> Response:
        """Hand a returned case in again."""
        cases.resubmit(user=request.user, case=self.get_object())
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=forms.WithdrawSerializer, responses=forms.CaseSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, ref: str) -> Response:
        """Take a case back before it is decided."""
        form = forms.WithdrawSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        cases.withdraw(user=request.user, case=self.get_object(), reason=form.validated_data["reason"])
        return Response(self.get_serializer(self.get_object()).data)


class InboxViewSet(ListViewSet):
    """Open tasks that the caller may do, soonest due first."""

    queryset = Step.objects.select_related("task__stage", "case", "done_by", "done_for").order_by(
        "due_on", "id"
    )
    serializer_class = forms.StepSerializer

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        mine = [step.pk for step, _stand in officers.open_steps_for(user)]
        return queryset.filter(pk__in=mine)
