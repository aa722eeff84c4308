"""Population layers and census totals on the API: read, import, take into use, errors, reconciliation, scaling."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet
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
from core.choices import Certainty, TimeOfDay
from core.errors import DomainError
from core.filters import AreaFilter
from facilities.api.serializers import StrictSerializer
from planning.api import filters
from planning.api.layers import CityWide
from planning.api.scenarios import city_seen
from planning.api.serializers import code_of
from planning.choices import PeopleGroup
from planning.models import CensusTotal, PopulationLayer
from planning.selectors import population as selectors
from planning.services import population as services
from planning.services.census import import_upload as import_census_upload
from planning.services.population_imports import import_upload

PEOPLE_SCHEMA = {"type": "object", "additionalProperties": {"type": "number"}}
AREAS_SCHEMA = {
    "type": "object",
    "properties": {
        "area": {"type": "string"}, "name": {"type": "string"}, "name_en": {"type": "string"}, "people": {"type": "number"},
        "groups": PEOPLE_SCHEMA, "census": {"type": "integer", "nullable": True}, "census_groups": PEOPLE_SCHEMA,
        "difference": {"type": "number", "nullable": True},
        "share": {"type": "number", "nullable": True, "description": "Difference as a share of the census."},
    },
}  # fmt: skip
YEAR = OpenApiParameter("year", int, required=True, description="Year of the census.")


@extend_schema_field(PEOPLE_SCHEMA)
class GroupsField(serializers.JSONField):
    """People of each group that the layer tells apart."""


class PopulationLayerSerializer(WholeCityFields, serializers.ModelSerializer):
    city = code_of()
    groups = GroupsField(read_only=True)

    class Meta:
        model = PopulationLayer
        fields = [
            "id", "code", "name", "name_en", "city", "time_of_day", "people", "groups", "cells", "current", "method", "source",
            "certainty", "as_of", "error_share", "error_share_district", "error_source", "synthetic", "created_at",
        ]  # fmt: skip
        whole_city_fields: tuple[str, ...] = ("people", "groups", "cells")


class PopulationLayerDetailSerializer(PopulationLayerSerializer):
    made_from = code_of(allow_null=True)

    class Meta(PopulationLayerSerializer.Meta):
        fields = [*PopulationLayerSerializer.Meta.fields, "made_from", "facts"]
        whole_city_fields = ("people", "groups", "cells", "facts")


class NewPopulationLayerSerializer(StrictSerializer):
    """Sent as multipart/form-data. What is left out is as in a [[population]] layer of a city pack (docs/city-pack.md)."""

    city = serializers.CharField()
    code = serializers.CharField(max_length=40, help_text="An imported layer of this code is replaced.")
    file = serializers.FileField(
        help_text="Points (CSV, XLSX, GeoJSON), polygons (GeoJSON, GeoPackage) or a raster (GeoTIFF)."
    )
    time_of_day = serializers.ChoiceField(TimeOfDay.choices)
    dry_run = serializers.BooleanField(required=False, help_text="Check and place; write nothing.")
    kind = serializers.ChoiceField(["points", "polygons", "raster"], required=False)
    datum = serializers.CharField(
        required=False, max_length=16, help_text="Not needed for a raster that names its own."
    )
    columns = serializers.JSONField(
        required=False,
        help_text="JSON object, field -> column: people, lon, lat, age_0_14, age_60_up_share …",
    )
    raster = serializers.JSONField(required=False, help_text='JSON object {"band": 1, "nodata": -9999}.')
    grid = serializers.JSONField(
        required=False,
        help_text='JSON object {"shape": "h3", "resolution": 9} or {"shape": "square", "spacing_m": 250}; without it the city\'s cells.',
    )  # fmt: skip
    by = serializers.CharField(
        required=False, help_text="Code of the layer whose people weigh the spreading."
    )
    clip = serializers.BooleanField(required=False, help_text="Leave out what lies outside the city.")
    current = serializers.BooleanField(required=False, help_text="Take it into use.")
    groups_from_census = serializers.IntegerField(
        required=False, help_text="Year whose age shares tell the groups."
    )
    title = serializers.CharField(required=False, max_length=120)
    title_en = serializers.CharField(required=False, max_length=120)
    source = serializers.CharField(required=False, max_length=300)
    licence = serializers.CharField(required=False, max_length=300)
    as_of = serializers.DateField(required=False)
    certainty = serializers.ChoiceField(Certainty.choices, required=False)
    error_share = serializers.FloatField(required=False, min_value=0, max_value=0.99)
    error_share_district = serializers.FloatField(required=False, min_value=0, max_value=0.99)
    error_source = serializers.CharField(required=False, max_length=300)
    synthetic = serializers.BooleanField(required=False)
    encoding = serializers.CharField(required=False)
    delimiter = serializers.CharField(required=False, trim_whitespace=False)
    layer = serializers.CharField(required=False, help_text="Layer of a GeoPackage.")
    sheet = serializers.CharField(required=False)


class PopulationLayerEditSerializer(StrictSerializer):
    """Errors go together: what is left out stays as it is."""

    current = serializers.BooleanField(
        required=False, help_text="true: runs take this layer at its time of day."
    )
    error_share = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=0.99)
    error_share_district = serializers.FloatField(
        required=False, allow_null=True, min_value=0, max_value=0.99
    )
    error_source = serializers.CharField(required=False, allow_blank=True, max_length=300)


class ScaleSerializer(StrictSerializer):
    year = serializers.IntegerField(help_text="Year of the census.")
    code = serializers.SlugField(required=False, max_length=40, help_text="Of the new layer.")
    name = serializers.CharField(required=False, max_length=120)
    current = serializers.BooleanField(required=False, help_text="Take the new layer into use.")
    dry_run = serializers.BooleanField(required=False, help_text="Answer what it would give; write nothing.")


RECONCILIATION_SCHEMA = {
    "type": "object",
    "properties": {
        "layer": {"type": "string"}, "year": {"type": "integer"}, "source": {"type": "string"}, "certainty": {"type": "string"},
        "areas": {"type": "array", "items": AREAS_SCHEMA}, "without_census": {"type": "array", "items": AREAS_SCHEMA},
        "total": AREAS_SCHEMA | {"nullable": True}, "city_census": {"type": "integer", "nullable": True},
        "people": {"type": "number", "nullable": True},
    },
}  # fmt: skip
SCALING_SCHEMA = {
    "type": "object",
    "properties": {
        "layer": {"type": "string"}, "year": {"type": "integer"}, "factors": PEOPLE_SCHEMA, "people_before": {"type": "number"},
        "people": {"type": "number"}, "groups": PEOPLE_SCHEMA, "left_as_they_are": {"type": "number"},
        "unplaced": {"type": "array", "items": {"type": "string"}},
    },
}  # fmt: skip


class PopulationLayerViewSet(CityWide):
    """Where people are at a time of day, from one source. Cells: vector tiles at /tiles/population/."""

    queryset = PopulationLayer.objects.select_related("city", "made_from")
    serializer_class = PopulationLayerSerializer
    filterset_class = filters.PopulationLayerFilter
    ordering_fields = ["code", "people"]
    lookup_value_regex = r"\d{1,18}"
    parser_classes = [MultiPartParser, JSONParser]

    def get_serializer_class(self) -> type:
        return PopulationLayerSerializer if self.action == "list" else PopulationLayerDetailSerializer

    @extend_schema(
        request={"multipart/form-data": NewPopulationLayerSerializer}, responses={202: OpenApiTypes.OBJECT}
    )
    def create(self, request: Request) -> Response:
        """Import a layer, or with `dry_run` only check it. 202 with the job; its result holds people by district, or every
        problem."""
        form = NewPopulationLayerSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        # a form leaves out what it does not know; a switch that was not sent is not "off"
        said = {name: value for name, value in form.validated_data.items() if name in request.data}
        city = city_seen(request.user, said.pop("city"))
        code, upload, dry_run = said.pop("code"), said.pop("file"), said.pop("dry_run", False)
        if "as_of" in said:
            said["as_of"] = said["as_of"].isoformat()
        job = import_upload(
            user=request.user, city=city, code=code, upload=upload, options=said, dry_run=dry_run
        )
        return accepted(job, code=code)

    @extend_schema(request=PopulationLayerEditSerializer, responses=PopulationLayerDetailSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Take a layer into use, or say how far it may be off."""
        layer = self.get_object()
        form = PopulationLayerEditSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        if said.get("current") is False:
            raise DomainError(
                "layer-in-use", _("Take another layer into use instead; runs need one at each time."), status=422
            )  # fmt: skip
        names = ("error_share", "error_share_district", "error_source")
        if any(name in said for name in names):
            told = {name: said.get(name, getattr(layer, name)) for name in names}
            layer = services.set_errors(user=request.user, layer=layer, **told)
        if said.get("current"):
            layer = services.set_current(user=request.user, layer=layer)
        return Response(self.get_serializer(layer).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a layer that is not in use, that no scenario names and that no pack brings."""
        services.delete_layer(user=request.user, layer=self.get_object())
        return Response(status=204)

    @extend_schema(parameters=[YEAR], responses={200: RECONCILIATION_SCHEMA})
    @action(detail=True, methods=["get"])
    def reconciliation(self, request: Request, pk: str) -> Response:
        """The layer held against a census: people, census and difference by district, areas without census named."""
        layer = self.get_object()
        year = request.query_params.get("year", "")
        found = (
            selectors.reconcile(layer, int(year), request.user)
            if year.isdecimal() and len(year) < 5
            else None
        )
        if found is None:
            known = ", ".join(map(str, selectors.census_years(layer.city))) or "—"
            text = _("There is no census of that year. Known: %(known)s.")
            raise DomainError("census-missing", text % {"known": known}, status=404)
        return Response(found.as_dict())

    @extend_schema(
        request=ScaleSerializer, responses={200: SCALING_SCHEMA, 201: PopulationLayerDetailSerializer}
    )
    @action(detail=True, methods=["post"])
    def scale(self, request: Request, pk: str) -> Response:
        """A new layer scaled to a census, district by district; both are kept."""
        layer = self.get_object()
        form = ScaleSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = dict(form.validated_data)
        if said.pop("dry_run", False):
            found = services.preview_scaling(user=request.user, layer=layer, year=said["year"])
            return Response(found.as_dict())
        made = services.scale_layer(user=request.user, layer=layer, **said)
        return Response(self.get_serializer(made).data, status=201)


class CensusTotalSerializer(serializers.ModelSerializer):
    city = code_of()
    area = code_of()

    class Meta:
        model = CensusTotal
        fields = ["id", "city", "area", "year", "group", "people", "source", "certainty"]


class NewCensusSerializer(StrictSerializer):
    """Sent as multipart/form-data: a table of areas with people. Rows of other places are left alone."""

    city = serializers.CharField()
    file = serializers.FileField(help_text="CSV or XLSX.")
    columns = serializers.JSONField(
        help_text='JSON object, field -> column: code (or name), people, year, age_0_14_share …; "A + B" adds columns.'
    )
    year = serializers.IntegerField(required=False, min_value=1900, max_value=2100)
    source = serializers.CharField(required=False, max_length=300)
    certainty = serializers.ChoiceField(Certainty.choices, required=False)
    encoding = serializers.CharField(required=False)
    delimiter = serializers.CharField(required=False, trim_whitespace=False)
    sheet = serializers.CharField(required=False)
    dry_run = serializers.BooleanField(required=False, help_text="Check and count; write nothing.")


class CensusTotalFilter(django_filters.FilterSet):
    city = django_filters.CharFilter(field_name="city__code", label=_("city code"))
    area = AreaFilter(field_name="area", label=_("area code, with everything below it"))
    year = django_filters.NumberFilter()
    group = django_filters.ChoiceFilter(choices=PeopleGroup.choices)

    class Meta:
        model = CensusTotal
        fields: list[str] = []


class CensusTotalViewSet(ListViewSet):
    """People counted in an area, to hold population layers against. `group` empty: everybody."""

    queryset = CensusTotal.objects.select_related("city", "area")
    serializer_class = CensusTotalSerializer
    filterset_class = CensusTotalFilter
    ordering_fields = ["year", "people", "id"]
    lookup_field = "pk"
    export_name = "census-totals"
    parser_classes = [MultiPartParser, JSONParser]

    def get_queryset(self) -> QuerySet:
        return super().get_queryset().order_by("-year", "area__code", "group")

    @extend_schema(request={"multipart/form-data": NewCensusSerializer}, responses={201: OpenApiTypes.OBJECT})
    def create(self, request: Request) -> Response:
        """Import a census. 201 with what was stored; 422 with every problem of the table."""
        form = NewCensusSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = {name: value for name, value in form.validated_data.items() if name in request.data}
        city = city_seen(request.user, said.pop("city"))
        upload, dry_run = said.pop("file"), said.pop("dry_run", False)
        done = import_census_upload(
            user=request.user, city=city, upload=upload, options=said, dry_run=dry_run
        )
        return Response(done.as_dict(), status=200 if dry_run else 201)
