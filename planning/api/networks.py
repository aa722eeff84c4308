"""Road networks on the API: versions, their quality report, their islands."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fields import WholeCityFields
from core.api.responses import accepted
from core.api.viewsets import ListViewSet
from core.filters import AreaFilter, BboxFilter
from facilities.api.serializers import StrictSerializer
from planning.api import filters
from planning.api.layers import CityWide
from planning.api.scenarios import city_seen
from planning.api.serializers import code_of
from planning.models import NetworkIsland, RoadNetwork
from planning.selectors import networks as selectors
from planning.services.network_imports import FORMATS, import_upload
from planning.services.network_reports import request_report

REF = OpenApiParameter("network_ref", str, OpenApiParameter.PATH)


class RoadNetworkSerializer(serializers.ModelSerializer):
    city = code_of()
    warnings = serializers.SerializerMethodField(help_text="How many things the report warns of.")

    class Meta:
        model = RoadNetwork
        fields = [
            "ref", "city", "version", "source", "sha256", "nodes", "edges", "length_km", "largest_part_share", "synthetic",
            "current", "warnings", "reported_at", "created_at",
        ]  # fmt: skip

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_warnings(self, network: RoadNetwork) -> int | None:
        return len(network.report["warnings"]) if network.report else None


class WarningSerializer(serializers.Serializer):
    code = serializers.CharField()
    words = serializers.CharField()


class RoadNetworkDetailSerializer(WholeCityFields, RoadNetworkSerializer):
    warnings = serializers.SerializerMethodField()

    class Meta(RoadNetworkSerializer.Meta):
        fields = [*RoadNetworkSerializer.Meta.fields, "facts", "report"]
        whole_city_fields = ("report",)

    @extend_schema_field(WarningSerializer(many=True))
    def get_warnings(self, network: RoadNetwork) -> list[dict[str, str]]:
        return selectors.warnings_of(network, self.context["request"].user)


class NewNetworkSerializer(StrictSerializer):
    """Sent as multipart/form-data. What is left out is as in a [[roads]] layer of a city pack (docs/city-pack.md)."""

    city = serializers.CharField()
    file = serializers.FileField(
        help_text="OpenStreetMap (.pbf, .osm, .osm.gz), drawn lines, or a table of nodes."
    )
    links = serializers.FileField(required=False, help_text="The table of links beside a table of nodes.")
    format = serializers.ChoiceField(FORMATS, required=False)
    datum = serializers.CharField(required=False, max_length=16)
    columns = serializers.JSONField(required=False, help_text="JSON object, field -> column name.")
    speeds_kmh = serializers.JSONField(
        required=False, help_text="JSON object, class -> km/h; default: all others."
    )
    profile = serializers.CharField(required=False, help_text="Speed profile for roads without a speed.")
    length_unit = serializers.ChoiceField(["m", "km"], required=False)
    oneway = serializers.BooleanField(required=False)
    drop = serializers.JSONField(required=False, help_text="JSON list of classes to leave out.")
    ranks = serializers.JSONField(
        required=False, help_text="JSON object, class -> 1 (widest on the map) to 4."
    )
    encoding = serializers.CharField(required=False)
    delimiter = serializers.CharField(required=False, trim_whitespace=False)
    layer = serializers.CharField(required=False, help_text="Layer of a GeoPackage.")
    source = serializers.CharField(required=False, max_length=300)
    licence = serializers.CharField(required=False, max_length=300)
    synthetic = serializers.BooleanField(required=False)


class NetworkIslandSerializer(serializers.ModelSerializer):
    area = code_of(allow_null=True)
    lon = serializers.FloatField(source="point.x", read_only=True)
    lat = serializers.FloatField(source="point.y", read_only=True)

    class Meta:
        model = NetworkIsland
        fields = ["number", "area", "people", "cells", "facilities", "nodes", "length_km", "lon", "lat"]


class NetworkIslandFilter(django_filters.FilterSet):
    area = AreaFilter(field_name="area", label=_("area code, with everything below it"))
    in_bbox = BboxFilter(field_name="geometry", label=_("west,south,east,north"))
    people_min = django_filters.NumberFilter(field_name="people", lookup_expr="gte", label=_("at least"))

    class Meta:
        model = NetworkIsland
        fields: list[str] = []


class RoadNetworkViewSet(CityWide):
    """Versions of a city's roads, each named by the hash of its arrays. The report says how good they are for the
    city's people and places; it is made after each import, and again on request."""

    queryset = RoadNetwork.objects.select_related("city", "layer")
    serializer_class = RoadNetworkSerializer
    filterset_class = filters.RoadNetworkFilter
    ordering_fields = ["created_at", "version"]
    lookup_field = "ref"
    parser_classes = [MultiPartParser, JSONParser]

    def get_serializer_class(self) -> type:
        return RoadNetworkDetailSerializer if self.action == "retrieve" else RoadNetworkSerializer

    @extend_schema(
        request={"multipart/form-data": NewNetworkSerializer}, responses={202: OpenApiTypes.OBJECT}
    )
    def create(self, request: Request) -> Response:
        """Import a new version of a city's roads. 202 with the job; a refused file fails the job with every problem."""
        form = NewNetworkSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        # a form leaves out what it does not know; a switch that was not sent is not "off"
        said = {name: value for name, value in form.validated_data.items() if name in request.data}
        city = city_seen(request.user, said.pop("city"))
        upload, links = said.pop("file"), said.pop("links", None)
        return accepted(import_upload(user=request.user, city=city, upload=upload, links=links, options=said))

    @extend_schema(request=None, responses={202: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"])
    def report(self, request: Request, ref: str) -> Response:
        """Measure the network again, against the people and places of today. 202 with the job."""
        network = self.get_object()
        return accepted(request_report(user=request.user, network=network), network=network.ref)


@extend_schema(parameters=[REF])
class NetworkIslandViewSet(ListViewSet):
    """Patches of roads that the largest part cannot reach and be reached from. `?format=geojson` draws them."""

    queryset = NetworkIsland.objects.select_related("area")
    serializer_class = NetworkIslandSerializer
    filterset_class = NetworkIslandFilter
    ordering_fields = ["people", "length_km", "number"]
    lookup_field = "number"
    geometry_field = "geometry"
    export_name = "road-islands"
    city_lookup = "network__city"

    def get_queryset(self) -> QuerySet:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        seen: Any = selectors.networks_visible_to(self.request.user)
        return rows.filter(network=get_object_or_404(seen, ref=self.kwargs["network_ref"]))
