"""The registry's nouns on the API. Every write is one service call."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.filtering import StrictFilterBackend
from core.api.problems import problem
from core.api.viewsets import ReadViewSet
from core.models import City
from facilities import filters
from facilities.api import serializers as forms
from facilities.choices import BatchState
from facilities.models import Capability, CapacityRule, Facility, PeacetimeUse, ServiceType
from facilities.selectors import facilities as registry
from facilities.services import capabilities, intake, papers, proposals
from facilities.services import facilities as writing

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description='The record\'s ETag, like "3".'
)


def facility_seen(user: Any, ref: str) -> Facility:
    return get_object_or_404(registry.facilities_for(user), ref=ref)


class ReferenceViewSet(ReadViewSet):
    """Lists that every signed-in person may read."""

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset


class ServiceTypeViewSet(ReferenceViewSet):
    """Kinds of help, with the unit in which capacity and need are counted."""

    queryset = ServiceType.objects.all()
    serializer_class = forms.ServiceTypeSerializer
    lookup_field = "code"
    ordering_fields = ["sort_order", "code"]


class PeacetimeUseViewSet(ReferenceViewSet):
    """What places are used for in peacetime."""

    queryset = PeacetimeUse.objects.all()
    serializer_class = forms.PeacetimeUseSerializer
    lookup_field = "code"
    ordering_fields = ["sort_order", "code"]


class CapacityRuleViewSet(ReferenceViewSet):
    """How capacity follows from size: attribute x factor / divisor, with its source and certainty."""

    queryset = CapacityRule.objects.select_related("service", "use")
    serializer_class = forms.CapacityRuleSerializer
    filterset_class = filters.CapacityRuleFilter
    ordering_fields = ["id"]
    lookup_value_regex = "[0-9]{1,18}"


class FacilityViewSet(ReadViewSet):
    """Dual-use facilities with their emergency roles."""

    queryset = Facility.objects.select_related("use", "area", "city")
    serializer_class = forms.FacilitySerializer
    filterset_class = filters.FacilityFilter
    filter_backends = [StrictFilterBackend]
    lookup_field = "ref"
    geometry_field = "point"

    def get_serializer_class(self) -> type:
        return forms.FacilitySerializer if self.action == "list" else forms.FacilityDetailSerializer

    def get_queryset(self) -> QuerySet[Facility]:
        return registry.with_shown_roles(super().get_queryset())

    def filter_queryset(self, queryset: QuerySet[Facility]) -> QuerySet[Facility]:
        if self.action != "list":
            return registry.with_capacity(queryset, registry.RoleFilter())
        backend = StrictFilterBackend()
        super().filter_queryset(queryset)
        return backend.get_filterset(self.request, queryset, self).ordered

    def _answer(self, ref: str, status: int = 200) -> Response:
        record = get_object_or_404(self.filter_queryset(self.get_queryset()), ref=ref)
        headers = {"Location": f"/api/v1/facilities/{ref}/"} if status == 201 else {}
        return Response(forms.FacilityDetailSerializer(record).data, status=status, headers=headers)

    @extend_schema(request=forms.NewFacilitySerializer, responses={201: forms.FacilityDetailSerializer})
    def create(self, request: Request) -> Response:
        """Add a facility; its roles follow from the capacity rules of its use."""
        form = forms.NewFacilitySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        city = get_object_or_404(
            City.objects.filter(policies.visible_cities(request.user)), code=fields.pop("city")
        )
        made = writing.create_facility(
            user=request.user, city=city, reason=fields.pop("reason", ""), fields=fields
        )
        return self._answer(made.ref, 201)

    @extend_schema(
        request=forms.FacilityChangesSerializer,
        responses=forms.FacilityDetailSerializer,
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, ref: str) -> Response:
        """Change some fields, against the version that If-Match names."""
        facility = self.get_object()
        form = forms.FacilityChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        writing.update_facility(
            user=request.user, facility=facility, version=self.expected_version(request),
            reason=fields.pop("reason", ""), fields=fields,
        )  # fmt: skip
        return self._answer(ref)

    @extend_schema(
        request=forms.ReasonSerializer, responses=forms.FacilityDetailSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"])
    def close(self, request: Request, ref: str) -> Response:
        """Take a place out of use; it stays on record and supplies nothing."""
        facility = self.get_object()
        form = forms.ReasonSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        writing.close_facility(
            user=request.user,
            facility=facility,
            version=self.expected_version(request),
            **form.validated_data,
        )
        return self._answer(ref)

    @extend_schema(
        request=forms.RoleChangesSerializer, responses=forms.FacilityDetailSerializer,
        parameters=[OpenApiParameter("service", str, OpenApiParameter.PATH)],
    )  # fmt: skip
    @action(detail=True, methods=["put"], url_path="roles/(?P<service>[^/.]+)")
    def role(self, request: Request, ref: str, service: str) -> Response:
        """Add or change one role. A capacity sent here is declared; no rule overwrites it."""
        facility = self.get_object()
        kind = get_object_or_404(ServiceType, code=service)
        form = forms.RoleChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        changes = dict(form.validated_data)
        capabilities.set_capability(
            user=request.user,
            facility=facility,
            service=kind,
            reason=changes.pop("reason", ""),
            changes=changes,
        )
        return self._answer(ref)


class CapabilityViewSet(ReadViewSet):
    """Roles of facilities, one row each, with readiness."""

    queryset = Capability.objects.all()
    serializer_class = forms.CapabilitySerializer
    filterset_class = filters.CapabilityFilter
    ordering_fields = ["id", "capacity", "conversion_hours_declared", "conversion_hours_observed"]
    area_lookup, city_lookup = "facility__area", "facility__city"
    geometry_field = "facility__point"
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Capability]:
        if getattr(self, "swagger_fake_view", False):
            return Capability.objects.none()
        return registry.capabilities_for(self.request.user)


class _PaperViewSet(mixins.CreateModelMixin, mixins.DestroyModelMixin, ReadViewSet):
    area_lookup, city_lookup = "facility__area", "facility__city"
    ordering_fields = ["id", "valid_from", "valid_to"]
    lookup_value_regex = "[0-9]{1,18}"
    new_form: type
    add: Any

    def get_queryset(self) -> QuerySet:
        return super().get_queryset().select_related("facility__area")

    def create(self, request: Request) -> Response:
        form = self.new_form(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        facility = facility_seen(request.user, fields.pop("facility"))
        paper = type(self).add(user=request.user, facility=facility, **fields)
        return Response(self.get_serializer(paper).data, status=201)

    def perform_destroy(self, instance: Any) -> None:
        papers.remove_paper(user=self.request.user, paper=instance)


@extend_schema(request=forms.NewCertificateSerializer, methods=["POST"])
class CertificateViewSet(_PaperViewSet):
    """Certificates; a place whose certificates have all expired supplies nothing."""

    queryset = registry.Certificate.objects.all()
    serializer_class = forms.CertificateSerializer
    filterset_class = filters.CertificateFilter
    new_form = forms.NewCertificateSerializer
    add = staticmethod(papers.add_certificate)


@extend_schema(request=forms.NewAgreementSerializer, methods=["POST"])
class AgreementViewSet(_PaperViewSet):
    """Agreements; a place whose agreements have all expired supplies nothing."""

    queryset = registry.Agreement.objects.all()
    serializer_class = forms.AgreementSerializer
    filterset_class = filters.AgreementFilter
    new_form = forms.NewAgreementSerializer
    add = staticmethod(papers.add_agreement)


class ChangeProposalViewSet(ReadViewSet):
    """Changes that someone proposes; a steward accepts or rejects them."""

    queryset = registry.ChangeProposal.objects.select_related(
        "facility", "facility__area", "proposed_by", "decided_by"
    )
    serializer_class = forms.ChangeProposalSerializer
    filterset_class = filters.ProposalFilter
    ordering_fields = ["id", "created_at"]
    area_lookup, city_lookup = "facility__area", "facility__city"
    lookup_field = "ref"

    @extend_schema(request=forms.NewProposalSerializer, responses={201: forms.ChangeProposalSerializer})
    def create(self, request: Request) -> Response:
        form = forms.NewProposalSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        changes = {name: value for name, value in said["changes"].items() if name != "reason"}
        proposal = proposals.propose_change(
            user=request.user, facility=facility_seen(request.user, said["facility"]), version=said["base_version"],
            fields=changes, reason=said["reason"],
        )  # fmt: skip
        return Response(self.get_serializer(proposal).data, status=201)

    def _decide(self, request: Request, accept: bool) -> Response:
        proposal = self.get_object()
        form = forms.DecisionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        decided = proposals.decide_proposal(
            user=request.user, proposal=proposal, accept=accept, answer=form.validated_data.get("answer", "")
        )
        return Response(self.get_serializer(decided).data)

    @extend_schema(request=forms.DecisionSerializer, responses=forms.ChangeProposalSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, ref: str) -> Response:
        return self._decide(request, True)

    @extend_schema(request=forms.DecisionSerializer, responses=forms.ChangeProposalSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, ref: str) -> Response:
        return self._decide(request, False)


class ImportViewSet(ReadViewSet):
    """Files that were brought in or refused, with everything that was found in them."""

    queryset = registry.ImportBatch.objects.select_related("city", "layer", "created_by")
    serializer_class = forms.ImportBatchSerializer
    filterset_class = filters.ImportFilter
    ordering_fields = ["id", "created_at"]
    lookup_field = "ref"
    parser_classes = [MultiPartParser]

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return registry.imports_for(user).select_related("city", "layer", "created_by")

    def get_serializer_class(self) -> type:
        return forms.ImportBatchDetailSerializer if self.action == "retrieve" else forms.ImportBatchSerializer

    @extend_schema(
        request={"multipart/form-data": forms.NewImportSerializer},
        responses={201: forms.ImportBatchDetailSerializer},
    )
    def create(self, request: Request) -> Response:
        """Bring a file in, whole or not at all. A refused file answers 422 with every problem, and keeps its record."""
        form = forms.NewImportSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = dict(form.validated_data)
        cities = City.objects.filter(policies.visible_cities(request.user))
        city = get_object_or_404(cities, code=said.pop("city"))
        batch = intake.import_upload(
            user=request.user, city=city, upload=said.pop("file"), columns=said.pop("columns", {}), **said
        )
        body = forms.ImportBatchDetailSerializer(batch).data
        if batch.state == BatchState.REFUSED:
            title = _("The file was refused; nothing was written.")
            return problem(422, "import-refused", title, ref=batch.ref, problems=body["issues"])
        return Response(body, status=201, headers={"Location": f"/api/v1/imports/{batch.ref}/"})
