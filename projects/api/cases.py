"""Cases and the inbox on the API: everything that the pages of an official can do."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.filtering import refuse_unknown_filters, refuse_unknown_orderings
from core.api.viewsets import PlainViewSet, ReadViewSet
from core.models import City
from projects.api import case_serializers as more
from projects.api import serializers as forms
from projects.filters import CaseFilter
from projects.models import Case, ReturnItem, Step
from projects.selectors import changes, newer, pages
from projects.selectors.inbox import inbox
from projects.services import cases


class CaseViewSet(ReadViewSet):
    """Questions put to officials: approve a project, release a tranche. Each goes the way of one route version."""

    queryset = (
        Case.objects.select_related("project", "tranche", "route", "drafter")
        .prefetch_related(
            "steps__task__stage", "steps__done_by", "steps__done_for", "steps__return_items", "evidence"
        )
        .order_by("-id")
    )
    serializer_class = more.CaseSerializer
    filterset_class = CaseFilter
    ordering_fields = ["ref", "submitted_at"]
    lookup_field = "ref"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(project__in=pages.projects_visible_to(user))

    @extend_schema(
        request=more.ActSerializer,
        responses=more.CaseSerializer,
        parameters=[OpenApiParameter("task", str, OpenApiParameter.PATH)],
    )
    @action(detail=True, methods=["post"], url_path=r"steps/(?P<task>[-\w]+)")
    def act(self, request: Request, ref: str, task: str) -> Response:
        """Do an open task: say the outcome and why."""
        form = more.ActSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = dict(form.validated_data)
        said["conditions"] = [(row["text"], row["due_on"]) for row in said["conditions"]]
        case = self.get_object()
        step = get_object_or_404(Step, case=case, round=case.round, task__code=task)
        cases.act(user=request.user, step=step, **said)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=more.AnswerSerializer, responses=more.CaseSerializer)
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, ref: str) -> Response:
        """Answer one change that was asked for."""
        form = more.AnswerSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        item = get_object_or_404(
            ReturnItem.objects.select_related("step__case__project"),
            pk=form.validated_data["item"],
            step__case=self.get_object(),
        )
        cases.answer(user=request.user, item=item, text=form.validated_data["text"])
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None, responses=more.CaseSerializer)
    @action(detail=True, methods=["post"])
    def resubmit(self, request: Request, ref: str) -> Response:
        """Hand a returned case in again."""
        cases.resubmit(user=request.user, case=self.get_object())
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=more.WithdrawSerializer, responses=more.CaseSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, ref: str) -> Response:
        """Take a case back before it is decided."""
        form = more.WithdrawSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        cases.withdraw(user=request.user, case=self.get_object(), reason=form.validated_data["reason"])
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(responses=more.NewerSerializer)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def newer(self, request: Request, ref: str) -> Response:
        """What is newer than the evidence of the newest round: frozen figure beside newer figure, with links."""
        return Response(more.newer_answer(newer.of_case(self.get_object())))

    @extend_schema(responses=more.ChangeSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def changes(self, request: Request, ref: str) -> Response:
        """What changed between the newest round and the one before it, in the reader's words."""
        return Response(more.ChangeSerializer(changes.between_rounds(self.get_object()), many=True).data)


class ProjectCodeViewSet(PlainViewSet):
    """The investment code of a project that is being decided on and has none yet."""

    lookup_field = "ref"
    lookup_value_regex = "[^/]+"

    @extend_schema(request=more.InvestmentCodeSerializer, responses=forms.ProjectSerializer)
    @action(detail=True, methods=["post"], url_path="code")
    def code(self, request: Request, ref: str) -> Response:
        """Enter the national investment code while the case is on its way."""
        form = more.InvestmentCodeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        project = get_object_or_404(pages.projects_visible_to(request.user), ref=ref)
        entered = cases.enter_code(user=request.user, project=project, code=form.validated_data["code"])
        return Response(forms.ProjectSerializer(entered).data)


class InboxViewSet(PlainViewSet):
    """What waits for the caller: tasks, returned cases, conditions, works, alerts; overdue and soonest due first."""

    queryset = Step.objects.none()  # of rows from many tables; selectors.inbox gathers them
    serializer_class = more.InboxSerializer
    pagination_class = None

    @extend_schema(
        responses=forced_singular_serializer(more.InboxSerializer),
        parameters=[
            OpenApiParameter("city", str, description="code of a city; all when left out"),
            OpenApiParameter("kind", str, description="one of `kinds[].value`"),
            OpenApiParameter("due", str, enum=["overdue", "week"]),
            OpenApiParameter("area", str, description="code of the area the projects lie in"),
        ],
    )
    def list(self, request: Request) -> Response:
        """The inbox, with counts that equal what each filter shows."""
        refuse_unknown_orderings(request.query_params.getlist("ordering"), [])
        refuse_unknown_filters(request.query_params, {"area", "city", "due", "format", "kind", "ordering"})
        code = request.query_params.get("city")
        city = (
            get_object_or_404(City.objects.filter(policies.visible_cities(request.user)), code=code)
            if code
            else None
        )
        return Response(more.inbox_answer(inbox(request.user, city, request.query_params)))
