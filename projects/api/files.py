"""A project's dossier and publication on the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.responses import accepted
from core.api.viewsets import ListViewSet, PlainViewSet
from core.models import City, Job
from projects.api import publication_serializers as forms
from projects.models import Publication
from projects.selectors import files
from projects.services import dossier, publications


class _FileRenderer(BaseRenderer):
    """The view answers the file itself; an error that ends here is JSON."""

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        return JSONRenderer().render(data, *args, **kwargs)


FILES = [
    type(f"{form.title()}Dossier", (_FileRenderer,), {"media_type": kind, "format": form})
    for form, kind in dossier.FORMATS.items()
]


class DossierViewSet(PlainViewSet):
    """A project, or what was decided on in one of its cases, as a document in which every figure names its source. It holds
    what you may see."""

    renderer_classes = [JSONRenderer, *FILES]
    serializer_class = serializers.Serializer

    @extend_schema(
        operation_id="project_dossier",
        parameters=[
            OpenApiParameter("project_ref", str, OpenApiParameter.PATH),
            OpenApiParameter("format", str, required=True, enum=list(dossier.FORMATS)),
            OpenApiParameter("lang", str, description="en or zh-hans; that of the request when left out."),
            OpenApiParameter("case", str, description="Only what was decided on in this case, as it was frozen."),
        ],
        responses={(200, kind): OpenApiTypes.BINARY for kind in dossier.FORMATS.values()} | {202: OpenApiTypes.OBJECT},
    )  # fmt: skip
    def list(self, request: Request, project_ref: str) -> Any:
        """200 with the file; 202 with the job that lays a PDF out: ask again when it is done."""
        project = files.project_seen(request.user, project_ref)
        asked = request.query_params
        case = files.case_of(project, asked["case"]) if asked.get("case") else None
        found = dossier.ask_dossier(
            user=request.user, project=project, case=case, form=asked.get("format", ""), language=asked.get("lang") or None,
        )  # fmt: skip
        if isinstance(found, Job):
            waits = accepted(found, project=project.ref)
            waits.content_type = JSONRenderer.media_type  # the file's type speaks of the file only
            return waits
        headers = {
            "Cache-Control": "private, no-store", "Content-Disposition": f'attachment; filename="{found.name}"',
            "X-Content-SHA256": found.sha256,
        }  # fmt: skip
        return HttpResponse(found.content, content_type=found.content_type, headers=headers)


def _city(request: Request, code: str) -> City:
    if not code:
        raise ValidationError({"city": [_("Name the city.")]})
    return get_object_or_404(City.objects.filter(policies.visible_cities(request.user)), code=code)


CITY = OpenApiParameter("city", str, required=True, description="Code of the city.")


class PublicationViewSet(ListViewSet):
    """What went out of approved projects, word for word, as OC4IDS (Open Contracting for Infrastructure Data 0.9.5); the
    newest stands without login at /open/<city>/oc4ids.json."""

    queryset = Publication.objects.select_related("city", "rule", "published_by").defer("content").order_by("-pk")  # fmt: skip
    serializer_class = forms.PublicationSerializer

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(city__in=City.objects.filter(policies.visible_cities(user)))

    @extend_schema(parameters=[CITY], responses=forms.PublicationPreviewSerializer)
    @action(detail=False, methods=["get"], pagination_class=None)
    def preview(self, request: Request) -> Response:
        """What would go out now, what is new in it, and what a reader would stumble over."""
        city = _city(request, request.query_params.get("city", ""))
        return Response(forms.preview_answer(publications.preview(user=request.user, city=city)))

    @extend_schema(request=forms.PublicationSendSerializer, responses={201: forms.PublicationSerializer})
    def create(self, request: Request) -> Response:
        """Send out what was looked at: `seen_sha256` of the preview. The same again answers the publication that is there."""
        said = self._read(forms.PublicationSendSerializer, request)
        made = publications.publish(user=request.user, city=_city(request, said["city"]), seen_sha256=said["seen_sha256"])  # fmt: skip
        return Response(forms.PublicationSerializer(made).data, status=201)

    @extend_schema(request=forms.PublicationTakeBackSerializer, responses={201: forms.PublicationSerializer})
    @action(detail=False, methods=["post"])
    def withdraw(self, request: Request) -> Response:
        """Nothing of the city is public any more."""
        said = self._read(forms.PublicationTakeBackSerializer, request)
        made = publications.withdraw(user=request.user, city=_city(request, said["city"]), reason=said["reason"])  # fmt: skip
        return Response(forms.PublicationSerializer(made).data, status=201)

    @extend_schema(request=forms.PublicationMarksSerializer, responses=forms.PublicationMarkedSerializer)
    @action(detail=False, methods=["post"])
    def marks(self, request: Request) -> Response:
        """Ask for projects to go out with the next publication, or take them back with a reason."""
        said = self._read(forms.PublicationMarksSerializer, request)
        changed = publications.mark(
            user=request.user, city=_city(request, said["city"]), refs=said["refs"], published=said["published"], reason=said["reason"],
        )  # fmt: skip
        return Response({"changed": [one.ref for one in changed], "published": said["published"]})

    @extend_schema(methods=["GET"], parameters=[CITY], responses=forms.PublicationRuleSerializer)
    @extend_schema(methods=["POST"], request=forms.PublicationRuleInSerializer, responses={201: forms.PublicationRuleSerializer})  # fmt: skip
    @action(detail=False, methods=["get", "post"], pagination_class=None)
    def rule(self, request: Request) -> Response:
        """The list of fields that go out, and in whose name. POST drafts its next version; another person publishes by it."""
        if request.method == "POST":
            said = self._read(forms.PublicationRuleInSerializer, request)
            made = publications.draft_rule(
                user=request.user, city=_city(request, said["city"]), prefix=said["prefix"], publisher=said["publisher"],
                licence=said["licence"], fields=said["paths"],
            )  # fmt: skip
            return Response(forms.PublicationRuleSerializer(made).data, status=201)
        city = _city(request, request.query_params.get("city", ""))
        found = publications.current_rule(city) or publications.proposed_rule(city)
        return Response(forms.PublicationRuleSerializer(found).data)

    def _read(self, form: type[serializers.Serializer], request: Request) -> dict[str, Any]:
        said = form(data=request.data)
        said.is_valid(raise_exception=True)
        return dict(said.validated_data)
