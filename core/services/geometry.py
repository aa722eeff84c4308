"""Refuses geometry that a library would take: places off the globe, borders that cross themselves, empty shapes."""

import json
from typing import Any

from django.contrib.gis.gdal import GDALException
from django.contrib.gis.geos import GEOSException, GEOSGeometry, MultiPolygon, Point
from django.utils.translation import gettext as _

from core.errors import DomainError

MAX_VERTICES = 200_000


def refuse(code: str, message: str) -> DomainError:
    return DomainError(code, message, status=422)


def checked_point(lon: float, lat: float) -> Point:
    """A WGS-84 point from numbers; raises DomainError."""
    try:
        lon, lat = float(lon), float(lat)
    except (TypeError, ValueError):
        raise refuse("coordinates-not-numbers", _("Longitude and latitude must be numbers.")) from None
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise refuse(
            "coordinates-out-of-range",
            _(
                "(%(lon)s, %(lat)s) is not on the globe: longitude comes first, from -180 to 180, then latitude, from -90 to 90."
            )
            % {"lon": lon, "lat": lat},
        )
    return Point(lon, lat, srid=4326)


def checked_geometry(value: Any, *, kinds: tuple[str, ...] = ()) -> GEOSGeometry:
    """WGS-84 geometry from GeoJSON (dict or text) or GEOS; `kinds` limits the type ("Point", "MultiPolygon" …).

    A Polygon is taken where a MultiPolygon is asked for. Raises DomainError.
    """
    if isinstance(value, GEOSGeometry):
        shape = value
    else:
        try:
            text = json.dumps(value, allow_nan=False) if isinstance(value, dict) else str(value)
            shape = GEOSGeometry(text, srid=4326) if isinstance(value, dict) else GEOSGeometry(text)
        except (ValueError, TypeError, GEOSException, GDALException):
            raise refuse("geometry-unreadable", _("This is not GeoJSON geometry.")) from None
    if shape.srid not in {None, 4326}:
        raise refuse("geometry-datum", _("Geometry must be WGS-84 longitude and latitude."))
    shape.srid = 4326
    if shape.empty:
        raise refuse("geometry-empty", _("The geometry is empty."))
    if shape.num_coords > MAX_VERTICES:
        raise refuse(
            "geometry-too-large",
            _("The geometry has more than %(count)d vertices.") % {"count": MAX_VERTICES},
        )
    west, south, east, north = shape.extent
    # Written so that NaN fails it too.
    if not (west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise refuse(
            "coordinates-out-of-range",
            _(
                "The geometry leaves the globe: longitude comes first, from -180 to 180, then latitude, from -90 to 90."
            ),
        )
    if not shape.valid:
        raise refuse(
            "geometry-invalid", _("The shape is not valid: %(reason)s.") % {"reason": shape.valid_reason}
        )
    if "MultiPolygon" in kinds and shape.geom_type == "Polygon":
        shape = MultiPolygon(shape, srid=4326)
    if kinds and shape.geom_type not in kinds:
        raise refuse(
            "geometry-kind",
            _("Expected %(expected)s, got %(found)s.")
            % {"expected": " / ".join(kinds), "found": shape.geom_type},
        )
    return shape
