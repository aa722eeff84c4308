"""Alerts, their rules and the runs of the rules on the API: everything the supervision pages can do."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.jobs import JobSerializer
from core.api.viewsets import PlainViewSet, ReadViewSet
from core.models import City
from projects.api import alert_serializers as forms
from projects.api.alert_filters import AlertFilter, AlertRuleFilter
from projects.models import AlertRule, Project, SupervisionAlert, SupervisionRun
from projects.selectors import pages
from projects.services import alert_rules, alert_runs, alerts, scope


class AlertViewSet(ReadViewSet):
    """What needs an explanation: raised by the rules, explained by its owner, judged by somebody else."""

    queryset = (
        SupervisionAlert.objects.select_related(
            "project__area", "project__city", "rule", "owner", "explained_by", "closed_by"
        )
        .prefetch_related("answers__by", "answers__done_for")
        .order_by("due_on", "id")
    )
    serializer_class = forms.AlertSerializer
    filterset_class = AlertFilter
    ordering_fields = ["due_on", "raised_on", "id"]
    area_lookup = "project__area"
    city_lookup = "project__city"

    def _again(self) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=forms.ExplainSerializer, responses=forms.AlertSerializer)
    @action(detail=True, methods=["post"])
    def explain(self, request: Request, pk: str) -> Response:
        """Say why it is so and what is done about it. Its owner does, or the owner's deputy."""
        form = forms.ExplainSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        alerts.explain(user=request.user, alert=self.get_object(), text=form.validated_data["text"])
        return self._again()

    @extend_schema(request=forms.JudgeSerializer, responses=forms.AlertSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        """Accept the explanation. Nobody who owned or explained it does."""
        form = forms.JudgeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        alerts.close(user=request.user, alert=self.get_object(), note=form.validated_data["note"])
        return self._again()

    @extend_schema(request=forms.JudgeSerializer, responses=forms.AlertSerializer)
    @action(detail=True, methods=["post"], url_path="send-back")
    def send_back(self, request: Request, pk: str) -> Response:
        """The explanation is not accepted: it is open again, due anew."""
        form = forms.JudgeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        alerts.send_back(user=request.user, alert=self.get_object(), note=form.validated_data["note"])
        return self._again()

    @extend_schema(request=forms.AssignSerializer, responses=forms.AlertSerializer)
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        """Somebody else is to explain it."""
        form = forms.AssignSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        alert = self.get_object()
        owner = get_object_or_404(get_user_model(), username=form.validated_data["owner"])
        alerts.assign(user=request.user, alert=alert, owner=owner, reason=form.validated_data["reason"])
        return self._again()


class AlertRuleViewSet(ReadViewSet):
    """The rules of supervision, every version of them. They are the same for every city of the installation."""

    queryset = AlertRule.objects.select_related("drafted_by", "published_by").order_by("code", "-version")
    serializer_class = forms.AlertRuleSerializer
    filterset_class = AlertRuleFilter

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset

    @extend_schema(request=forms.DraftRuleSerializer, responses={201: forms.AlertRuleSerializer})
    def create(self, request: Request) -> Response:
        """Draft the next version of a rule, or change the draft that is there."""
        form = forms.DraftRuleSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = alert_rules.draft(user=request.user, **form.validated_data)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=None, responses=forms.AlertRuleSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        """From the next run on this version raises alerts. Not by whoever drafted it."""
        return Response(
            self.get_serializer(alert_rules.publish(user=request.user, rule=self.get_object())).data
        )

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Throw a draft away."""
        alert_rules.discard(user=request.user, rule=self.get_object())
        return Response(status=204)


class SupervisionRunViewSet(ReadViewSet):
    """When the rules were run, by which versions, and what they found. Over a whole city: seen by those who see all of it."""

    queryset = SupervisionRun.objects.select_related("city", "started_by").order_by("-day", "-id")
    serializer_class = forms.SupervisionRunSerializer
    ordering_fields = ["day"]

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        cities = City.objects.filter(policies.visible_cities(user))
        return queryset.filter(
            city__in=[city.pk for city in cities if policies.sees_whole_city(user, city.pk)]
        )

    @extend_schema(request=forms.RunRulesSerializer, responses={202: JobSerializer})
    def create(self, request: Request) -> Response:
        """Run the rules for the city's present day, as a job."""
        form = forms.RunRulesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        city = get_object_or_404(
            City.objects.filter(policies.visible_cities(request.user)), code=form.validated_data["city"]
        )
        job = alert_runs.start(user=request.user, city=city)
        return Response(JobSerializer(job, context={"request": request}).data, status=202)


class ProjectScopeViewSet(PlainViewSet):
    """The scope of an approved project as it is now."""

    queryset = Project.objects.all()
    serializer_class = forms.ScopeSerializer
    lookup_field = "ref"
    lookup_value_regex = "[^/]+"
    pagination_class = None

    @extend_schema(request=forms.ScopeSerializer, responses=forms.ScopeNowSerializer)
    @action(detail=True, methods=["post"])
    def scope(self, request: Request, ref: str) -> Response:
        """Say how many units it will have now, and why. What was approved stays on record."""
        project = get_object_or_404(pages.projects_visible_to(request.user), ref=ref)
        form = forms.ScopeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(
            forms.ScopeNowSerializer(
                scope.change(user=request.user, project=project, **form.validated_data)
            ).data
        )
