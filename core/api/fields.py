"""Serializer fields for geometry: GeoJSON in and out, checked (drf-gis takes places off the globe and bow-ties)."""

import json
from typing import Any

from django.contrib.gis.geos import GEOSGeometry
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.errors import DomainError
from core.services.geometry import checked_geometry

GEOJSON_SCHEMA = {
    "type": "object",
    "description": "GeoJSON geometry, WGS-84, longitude first.",
    "properties": {"type": {"type": "string"}, "coordinates": {"type": "array", "items": {}}},
    "required": ["type", "coordinates"],
}


@extend_schema_field(GEOJSON_SCHEMA)
class GeometryField(serializers.Field):
    """GeoJSON geometry; `kinds` limits the type."""

    def __init__(self, *, kinds: tuple[str, ...] = (), **options: Any) -> None:
        self.kinds = kinds
        super().__init__(**options)

    def to_internal_value(self, value: Any) -> GEOSGeometry:
        try:
            return checked_geometry(value, kinds=self.kinds)
        except DomainError as error:
            raise serializers.ValidationError(str(error.message), code=error.code) from error

    def to_representation(self, value: GEOSGeometry) -> Any:
        return json.loads(value.geojson)


class PointField(GeometryField):
    def __init__(self, **options: Any) -> None:
        super().__init__(kinds=("Point",), **options)


class MultiPolygonField(GeometryField):
    def __init__(self, **options: Any) -> None:
        super().__init__(kinds=("MultiPolygon",), **options)
