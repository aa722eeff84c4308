"""Cases and the inbox on the API: everything that the pages of an official can do."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.viewsets import PlainViewSet, ReadViewSet
from core.models import City
from projects.api import case_serializers as more
from projects.api import serializers as forms
from projects.filters import CaseFilter
from projects.models import Case, ReturnItem, Step
from projects.selectors import pages
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
    serializer_class = forms.CaseSerializer
    filterset_class = CaseFilter
    ordering_fields = ["ref", "submitted_at"]
    lookup_field = "ref"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(project__in=pages.projects_visible_to(user))

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


class InboxViewSet(PlainViewSet):
    """What waits for the caller: tasks, returned cases, conditions, works, alerts; overdue and soonest due first."""

    serializer_class = more.InboxSerializer

    @extend_schema(
        responses=more.InboxSerializer,
        parameters=[
            OpenApiParameter("city", str, description="code of a city; all when left out"),
            OpenApiParameter("kind", str, description="one of `kinds[].value`"),
            OpenApiParameter("due", str, enum=["overdue", "week"]),
            OpenApiParameter("area", str, description="code of the area the projects lie in"),
        ],
    )
    def list(self, request: Request) -> Response:
        """The inbox, with counts that equal what each filter shows."""
        code = request.query_params.get("city")
        city = (
            get_object_or_404(City.objects.filter(policies.visible_cities(request.user)), code=code)
            if code
            else None
        )
        return Response(more.inbox_answer(inbox(request.user, city, request.query_params)))
