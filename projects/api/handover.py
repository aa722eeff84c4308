"""Handovers, realised gaps and responsibilities on the API: everything their pages can do."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.responses import accepted
from core.api.viewsets import ListViewSet, ReadViewSet
from core.errors import DomainError
from core.models import City, Organisation
from projects.api import handover_serializers as forms
from projects.choices import ProjectState
from projects.filters import ProjectFilter
from projects.models import Project, RealisedGap, Responsibility
from projects.selectors import checklist, pages
from projects.selectors import responsibilities as named
from projects.selectors.results import main_runs
from projects.services import handover, responsibilities, results


def _said(form: type, request: Request) -> dict[str, Any]:
    read = form(data=request.data)
    read.is_valid(raise_exception=True)
    return dict(read.validated_data)


def _city(request: Request, code: str) -> City:
    return get_object_or_404(City.objects.filter(policies.visible_cities(request.user)), code=code)


class HandoverViewSet(ReadViewSet):
    """Works that are handed over: reported as built, checked on site, accepted into the registry by three people."""

    queryset = (
        Project.objects.filter(state__in=[ProjectState.WORKS, ProjectState.COMMISSIONED])
        .select_related("city", "area", "service", "facility", "idle_asset", "commissioning")
        .order_by("-id")
    )
    serializer_class = forms.HandoverSerializer
    filterset_class = ProjectFilter
    ordering_fields = ["ref"]
    lookup_field = "ref"

    def get_serializer_class(self) -> Any:
        return forms.HandoverRowSerializer if self.action == "list" else forms.HandoverSerializer

    def _answer(self) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=forms.AsBuiltSerializer, responses=forms.HandoverSerializer)
    @action(detail=True, methods=["post"])
    def report(self, request: Request, ref: str) -> Response:
        """Report the works as built. Every problem is told at once."""
        handover.report(
            user=request.user, project=self.get_object(), **_said(forms.AsBuiltSerializer, request)
        )
        return self._answer()

    @extend_schema(responses=forms.ChecklistSerializer)
    @action(detail=True, methods=["get"])
    def checklist(self, request: Request, ref: str) -> Response:
        """What is looked at on site, with sources, and within how many hours the standard wants it ready."""
        project = self.get_object()
        told = {
            "checklist": checklist.checklist_name(),
            "limit_hours": checklist.limit_hours(project),
            "items": checklist.items_for(project),
        }
        return Response(forms.ChecklistSerializer(told).data)

    @extend_schema(request=forms.CheckInSerializer, responses={201: forms.HandoverSerializer})
    @action(detail=True, methods=["post"])
    def check(self, request: Request, ref: str) -> Response:
        """Record a trial of the conversion, passed or not; earlier ones stay."""
        handover.check(
            user=request.user, project=self.get_object(), **_said(forms.CheckInSerializer, request)
        )
        return Response(self.get_serializer(self.get_object()).data, status=201)

    @extend_schema(request=forms.AcceptInSerializer, responses=forms.HandoverSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, ref: str) -> Response:
        """Write the finished facility and its role into the registry. Sent twice it is one acceptance."""
        handover.accept(
            user=request.user, project=self.get_object(), **_said(forms.AcceptInSerializer, request)
        )
        return self._answer()


class RealisedViewSet(ListViewSet):
    """Gap closed by each accepted project in the newest run of every scenario, and by all together. POST reckons anew."""

    queryset = RealisedGap.objects.select_related("project__area", "run__scenario", "service")
    serializer_class = forms.RealisedSerializer
    list_params = ("project", "run", "service")
    # the joint row, without a project, comes last
    ordering = ["-run_id", "service_id", "project_id"]

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        cities = City.objects.filter(policies.visible_cities(user))
        whole = [city.pk for city in cities if policies.sees_whole_city(user, city.pk)]
        runs = [run.pk for city in cities for run in main_runs(city)]
        seen = policies.visible(user, area="project__area", city="project__city")
        rows = queryset.filter(run__in=runs).filter(
            Q(project=None, city__in=whole) | Q(project__isnull=False) & seen
        )
        asked = self.request.query_params
        fields = {
            "city": "city__code",
            "project": "project__ref",
            "run": "run__ref",
            "service": "service__code",
        }
        return rows.filter(**{field: asked[name] for name, field in fields.items() if asked.get(name)})

    @extend_schema(parameters=[OpenApiParameter(name, str) for name in list_params])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        return super().list(request, *args, **kwargs)

    @extend_schema(request=forms.CityInSerializer, responses={202: OpenApiTypes.OBJECT})
    def create(self, request: Request) -> Response:
        """Queue the reckoning of a city; the job under way is answered instead of a second one."""
        job, _created = results.start(
            user=request.user, city=_city(request, _said(forms.CityInSerializer, request)["city"])
        )
        return accepted(job)


class ResponsibilityViewSet(ReadViewSet):
    """Who answers for what, overdue first. `due`: open (default), overdue, done, all; `level`, `organisation`, `person`."""

    queryset = Responsibility.objects.all()
    serializer_class = forms.ResponsibilitySerializer
    lookup_field = "pk"
    lookup_value_regex = r"\d+"
    list_params = (*named.FILTERS, "project")

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        rows = named.visible_to(user)
        if self.action != "list":
            return rows
        asked = self.request.query_params
        rows = rows.filter(project__ref=asked["project"]) if asked.get("project") else rows
        rows = rows.filter(project__city__code=asked["city"]) if asked.get("city") else rows
        return named.narrowed(rows, {name: asked.get(name, "") for name in named.FILTERS})

    @extend_schema(
        parameters=[OpenApiParameter(name, str) for name in (*named.FILTERS, "project")],
        responses=forms.ResponsibilitySerializer(many=True),
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        return super().list(request, *args, **kwargs)

    def _organisation(self, city: City, code: str) -> Organisation:
        found = Organisation.objects.filter(city=city, code=code).first()
        if found is None:
            raise DomainError("unknown-organisation", named.NO_ORGANISATION, status=422)
        return found

    @extend_schema(request=forms.ResponsibilityInSerializer, responses={201: forms.ResponsibilitySerializer})
    def create(self, request: Request) -> Response:
        """Name who answers for a task of a project."""
        said = _said(forms.ResponsibilityInSerializer, request)
        project = get_object_or_404(pages.projects_visible_to(request.user), ref=said.pop("project"))
        said["organisation"] = self._organisation(project.city, said["organisation"])
        said["person"] = responsibilities.person_named(said["person"])
        made = responsibilities.name(user=request.user, project=project, **said)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=forms.ResponsibilityChangeSerializer, responses=forms.ResponsibilitySerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change an open one."""
        one, said = self.get_object(), _said(forms.ResponsibilityChangeSerializer, request)
        if "organisation" in said:
            said["organisation"] = self._organisation(one.project.city, said["organisation"])
        if "person" in said:
            said["person"] = responsibilities.person_named(said["person"])
        changed = responsibilities.change(user=request.user, responsibility=one, **said)
        return Response(self.get_serializer(changed).data)

    @extend_schema(request=forms.TakenOutSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def remove(self, request: Request, pk: str) -> Response:
        """Take out an open one, with a reason."""
        responsibilities.remove(
            user=request.user, responsibility=self.get_object(), **_said(forms.TakenOutSerializer, request)
        )
        return Response(status=204)

    @extend_schema(request=forms.DoneSerializer, responses=forms.ResponsibilitySerializer)
    @action(detail=True, methods=["post"])
    def done(self, request: Request, pk: str) -> Response:
        """Say what was done."""
        one = responsibilities.done(
            user=request.user, responsibility=self.get_object(), **_said(forms.DoneSerializer, request)
        )
        return Response(self.get_serializer(one).data)

    @extend_schema(request=forms.EnterpriseSerializer, responses={201: forms.OrganisationOutSerializer})
    @action(detail=False, methods=["post"])
    def enterprises(self, request: Request) -> Response:
        """Enter an enterprise that can be named."""
        said = _said(forms.EnterpriseSerializer, request)
        made = responsibilities.add_enterprise(
            user=request.user, city=_city(request, said.pop("city")), **said
        )
        return Response(forms.OrganisationOutSerializer(made).data, status=201)
