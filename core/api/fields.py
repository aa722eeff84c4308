"""Serializer fields for geometry: GeoJSON in and out, checked (drf-gis takes places off the globe and bow-ties)."""

import json
from typing import Any

from django.contrib.gis.geos import GEOSGeometry
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core import policies
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


class WholeCityFields:
    """A serializer whose `Meta.whole_city_fields` count or sum a whole city: null for who may see only parts of it."""

    def city_id_of(self, row: Any) -> int:
        return row.city_id

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()  # type: ignore[misc]
        for name in self.Meta.whole_city_fields:  # type: ignore[attr-defined]
            fields[name].allow_null = True
            fields[name].help_text = "Null for those who may not see the whole city."
        return fields

    def to_representation(self, row: Any) -> dict[str, Any]:
        said = super().to_representation(row)  # type: ignore[misc]
        user = getattr(self.context.get("request"), "user", None)  # type: ignore[attr-defined]
        if not policies.sees_whole_city(user, self.city_id_of(row)):
            said |= dict.fromkeys(self.Meta.whole_city_fields)  # type: ignore[attr-defined]
        return said
