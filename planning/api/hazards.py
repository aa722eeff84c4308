"""Hazard layers and their ground on the API: read, import, correct, delete; people inside each class."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.fields import MultiPolygonField
from core.api.responses import accepted
from core.api.viewsets import ListViewSet
from core.choices import Certainty
from core.models import City
from facilities.api.serializers import StrictSerializer
from facilities.choices import Hazard
from planning.api import filters
from planning.api.layers import CityWide
from planning.api.scenarios import city_seen
from planning.api.serializers import code_of
from planning.models import HazardLayer, HazardZone
from planning.selectors import hazards as selectors
from planning.services.hazard_imports import import_upload
from planning.services.hazards import delete_layer, edit_facts

CUT_OFFS_SCHEMA = {
    "type": "array",
    "description": "Of a raster, lowest first. A class begins at `from` and ends where the next one begins.",
    "items": {
        "type": "object",
        "properties": {
            "klass": {"type": "string"}, "from": {"type": "number"}, "severity": {"type": "integer", "minimum": 1},
        },
        "required": ["klass", "from", "severity"],
    },
}  # fmt: skip
CLASSES_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "klass": {"type": "string"}, "severity": {"type": "integer"},
            "from": {"type": "number", "nullable": True}, "to": {"type": "number", "nullable": True},
            "area_m2": {"type": "number"},
        },
    },
}  # fmt: skip


@extend_schema_field(CUT_OFFS_SCHEMA)
class CutOffsField(serializers.JSONField):
    """The classes of a raster, as JSON."""


class HazardLayerSerializer(serializers.ModelSerializer):
    city = code_of()
    cut_offs = CutOffsField(read_only=True)
    classes = serializers.SerializerMethodField()

    class Meta:
        model = HazardLayer
        fields = [
            "id", "code", "name", "name_en", "city", "hazard", "return_period_years", "source", "certainty", "unit",
            "cut_offs", "synthetic", "classes", "created_at",
        ]  # fmt: skip

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_classes(self, layer: HazardLayer) -> list[str]:
        return sorted({zone.klass for zone in layer.zones.all()})


class HazardLayerDetailSerializer(HazardLayerSerializer):
    ground = serializers.SerializerMethodField(
        help_text="Each class with its severity, limits and area, hardest first."
    )
    scenarios = serializers.SerializerMethodField(
        help_text="References of the scenarios that stand on the layer."
    )

    class Meta(HazardLayerSerializer.Meta):
        fields = [*HazardLayerSerializer.Meta.fields, "ground", "scenarios", "facts"]

    @extend_schema_field(CLASSES_SCHEMA)
    def get_ground(self, layer: HazardLayer) -> list[dict[str, Any]]:
        return [
            {name: row.get(name) for name in ("klass", "severity", "from", "to", "area_m2")}
            for row in selectors.classes_of(layer)
        ]

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_scenarios(self, layer: HazardLayer) -> list[str]:
        return [scenario.ref for scenario in selectors.scenarios_on(layer)]


class HazardZoneSerializer(serializers.ModelSerializer):
    layer = code_of()
    klass = serializers.CharField()
    geometry = MultiPolygonField()

    class Meta:
        model = HazardZone
        fields = ["id", "layer", "klass", "severity", "geometry"]


class NewHazardLayerSerializer(StrictSerializer):
    """Sent as multipart/form-data. What is left out is as in a [[hazards]] layer of a city pack (docs/city-pack.md)."""

    city = serializers.CharField()
    code = serializers.CharField(max_length=40, help_text="A layer of this code is replaced.")
    file = serializers.FileField(
        help_text="Polygons (GeoJSON, GeoPackage) or a raster (GeoTIFF, ASCII grid)."
    )
    hazard = serializers.ChoiceField(Hazard.choices)
    dry_run = serializers.BooleanField(required=False, help_text="Check and count; write nothing.")
    datum = serializers.CharField(
        required=False, max_length=16, help_text="Not needed for a raster that names its own."
    )
    columns = serializers.JSONField(
        required=False, help_text='JSON object of polygons: {"class": …, "severity": …}.'
    )
    severity = serializers.JSONField(
        required=False, help_text="JSON object of polygons: class -> severity from 1 on."
    )
    cut_offs = CutOffsField(required=False)
    band = serializers.IntegerField(required=False, min_value=1)
    nodata = serializers.FloatField(
        required=False, help_text="A further value of a raster that means no value."
    )
    simplify_m = serializers.FloatField(
        required=False, min_value=0, help_text="How far a raster's edges may move, m."
    )
    unit = serializers.CharField(required=False, max_length=20)
    layer = serializers.CharField(required=False, help_text="Layer of a GeoPackage.")
    encoding = serializers.CharField(required=False)
    title = serializers.CharField(required=False, max_length=120)
    title_en = serializers.CharField(required=False, max_length=120)
    return_period_years = serializers.IntegerField(required=False, min_value=1, max_value=1_000_000)
    source = serializers.CharField(required=False, max_length=300)
    licence = serializers.CharField(required=False, max_length=300)
    certainty = serializers.ChoiceField(Certainty.choices, required=False)
    synthetic = serializers.BooleanField(required=False)


class HazardFactsSerializer(StrictSerializer):
    """What is said about a layer; its ground only changes by an import."""

    name = serializers.CharField(required=False, max_length=120)
    name_en = serializers.CharField(required=False, allow_blank=True, max_length=120)
    return_period_years = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=1_000_000
    )
    source = serializers.CharField(required=False, allow_blank=True, max_length=300)
    certainty = serializers.ChoiceField(Certainty.choices, required=False)
    unit = serializers.CharField(required=False, allow_blank=True, max_length=20)


class PeopleInsideSerializer(serializers.Serializer):
    klass = serializers.CharField()
    time_of_day = serializers.CharField()
    district = serializers.CharField(help_text="Code of the district; empty outside of all.")
    people = serializers.FloatField()


class HazardLayerViewSet(CityWide):
    """Hazards with the classes of their zones. Ground: hazard-zones, or tiles at /tiles/zones/CODE/."""

    queryset = HazardLayer.objects.select_related("city", "layer").prefetch_related(
        Prefetch("zones", HazardZone.objects.defer("geometry"))
    )
    serializer_class = HazardLayerSerializer
    filterset_class = filters.HazardLayerFilter
    ordering_fields = ["code"]
    lookup_value_regex = r"\d{1,18}"
    parser_classes = [MultiPartParser, JSONParser]

    def get_serializer_class(self) -> type:
        return (
            HazardLayerDetailSerializer
            if self.action in ("retrieve", "partial_update")
            else HazardLayerSerializer
        )

    @extend_schema(
        request={"multipart/form-data": NewHazardLayerSerializer}, responses={202: OpenApiTypes.OBJECT}
    )
    def create(self, request: Request) -> Response:
        """Import a hazard layer, or replace the one of this code. 202 with the job; a refused file fails the job with
        every problem. A dry run ends with what would be written and every problem in the job's result."""
        form = NewHazardLayerSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        # a form leaves out what it does not know; a switch that was not sent is not "off"
        said = {name: value for name, value in form.validated_data.items() if name in request.data}
        city, code, upload = city_seen(request.user, said.pop("city")), said.pop("code"), said.pop("file")
        dry_run = said.pop("dry_run", False)
        return accepted(
            import_upload(
                user=request.user, city=city, code=code, upload=upload, options=said, dry_run=dry_run
            )
        )

    @extend_schema(request=HazardFactsSerializer, responses=HazardLayerDetailSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Correct what is said about a layer. Runs keep the ground they ran with."""
        form = HazardFactsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        layer = edit_facts(user=request.user, layer=self.get_object(), **form.validated_data)
        return Response(self.get_serializer(layer).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a layer that no scenario stands on."""
        delete_layer(user=request.user, layer=self.get_object())
        return Response(status=204)

    @extend_schema(responses=PeopleInsideSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def people(self, request: Request, pk: str) -> Response:
        """People inside each class by time of day and district, of the population layers in use, in your areas."""
        rows = selectors.people_inside(request.user, self.get_object())
        return Response(PeopleInsideSerializer(rows, many=True).data)


class HazardZoneViewSet(ListViewSet):
    """Ground that one class of a hazard covers; a higher severity wins where zones overlap. One class may have many rows."""

    queryset = HazardZone.objects.select_related("layer")
    serializer_class = HazardZoneSerializer
    filterset_class = filters.HazardZoneFilter
    ordering_fields = ["severity"]
    geometry_field = "geometry"
    lookup_field = "pk"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(layer__city__in=City.objects.filter(policies.visible_cities(user)))
