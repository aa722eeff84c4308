"""Cities, their areas, and what was read from which file."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers

from core import policies
from core.api.fields import GEOJSON_SCHEMA, GeometryField, WholeCityFields
from core.api.viewsets import ReadViewSet
from core.filters import AreaSetFilter, PackLayerFilter
from core.models import Area, City, PackLayer

WITH_GEOMETRY = OpenApiParameter(
    "geometry",
    OpenApiTypes.BOOL,
    description="`geometry=1` adds the boundary; without it GeoJSON draws the label point.",
)


class CitySerializer(serializers.ModelSerializer):
    bounds = serializers.SerializerMethodField()

    class Meta:
        model = City
        fields = ["code", "name", "name_en", "synthetic", "notes", "bounds", "pack_sha256", "loaded_at"]

    @extend_schema_field(
        {
            "type": "array",
            "items": {"type": "number"},
            "nullable": True,
            "description": "west, south, east, north",
        }
    )
    def get_bounds(self, city: City) -> list[float] | None:
        return [round(edge, 6) for edge in city.bounds.extent] if city.bounds else None


class CityViewSet(ReadViewSet):
    """Cities in which you hold a role."""

    queryset = City.objects.all()
    serializer_class = CitySerializer
    lookup_field = "code"
    ordering_fields = ["code", "name", "loaded_at"]

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(policies.visible_cities(user))


class AreaSerializer(serializers.ModelSerializer):
    city: Any = serializers.SlugRelatedField(slug_field="code", read_only=True)
    parent: Any = serializers.SlugRelatedField(slug_field="code", read_only=True, allow_null=True)
    level_name = serializers.CharField(source="get_level_display", read_only=True)
    lon = serializers.FloatField(source="label_point.x", read_only=True)
    lat = serializers.FloatField(source="label_point.y", read_only=True)

    class Meta:
        model = Area
        fields = [
            "id", "code", "name", "name_en", "city", "level", "level_name", "parent", "path", "area_km2", "synthetic",
            "valid_from", "valid_to", "lon", "lat",
        ]  # fmt: skip


@extend_schema_field(GEOJSON_SCHEMA)
class Boundary(GeometryField):
    pass


class AreaWithBoundarySerializer(AreaSerializer):
    geometry = Boundary(read_only=True)

    class Meta(AreaSerializer.Meta):
        fields = [*AreaSerializer.Meta.fields, "geometry"]


@extend_schema_view(
    list=extend_schema(parameters=[WITH_GEOMETRY]), retrieve=extend_schema(parameters=[WITH_GEOMETRY])
)
class AreaViewSet(ReadViewSet):
    """Administrative areas you may see, from the city down; codes are unique within a city, so `id` names one."""

    queryset = Area.objects.select_related("city", "parent")
    serializer_class = AreaSerializer
    filterset_class = AreaSetFilter
    geometry_field = "geometry"
    ordering_fields = ["code", "name", "level", "path", "area_km2"]
    lookup_value_regex = r"\d{1,18}"

    @property
    def wants_geometry(self) -> bool:
        request = getattr(self, "request", None)
        return request is not None and request.query_params.get("geometry", "") in {"1", "true"}

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        queryset = queryset.filter(policies.visible_areas(user))
        return queryset if self.wants_geometry else queryset.defer("geometry")

    def get_serializer_class(self) -> type[serializers.BaseSerializer]:
        form = (
            getattr(getattr(self.request, "accepted_renderer", None), "format", "json")
            if self.request
            else "json"
        )
        return AreaWithBoundarySerializer if self.wants_geometry and form == "json" else AreaSerializer

    def geometry_of_export(self) -> str:
        return "geometry" if self.wants_geometry else "label_point"


class PackLayerSerializer(WholeCityFields, serializers.ModelSerializer):
    city: Any = serializers.SlugRelatedField(slug_field="code", read_only=True)
    shifted = serializers.BooleanField(
        read_only=True, help_text="Coordinates were moved from a shifted datum."
    )

    class Meta:
        model = PackLayer
        fields = [
            "id", "city", "name", "kind", "file_name", "sha256", "datum", "shifted", "median_shift_m", "licence", "source",
            "synthetic", "rows", "warnings", "loaded_at",
        ]  # fmt: skip
        whole_city_fields = ("rows", "warnings")


class PackLayerViewSet(ReadViewSet):
    """What was read from which file of a city pack: source, licence, datum, how old."""

    queryset = PackLayer.objects.select_related("city")
    serializer_class = PackLayerSerializer
    filterset_class = PackLayerFilter
    ordering_fields = ["name", "kind", "rows", "loaded_at"]
    lookup_value_regex = r"\d{1,18}"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(city__in=City.objects.filter(policies.visible_cities(user)))
