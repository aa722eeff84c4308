"""What every view set of the API shares: rights, export, idempotent POST, ETag and If-Match.

A read-only noun:

    class FacilityViewSet(ReadViewSet):
        queryset = Facility.objects.select_related("area", "use")
        serializer_class = FacilitySerializer
        filterset_class = FacilityFilter
        lookup_field = "ref"
        geometry_field = "point"        # adds ?format=geojson

Writes call a service and answer with it; `self.expected_version(request)` is the version If-Match names.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.contrib.gis.db.models.functions import AsGeoJSON
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import mixins, viewsets
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.idempotency import Idempotent
from core.api.renderers import CsvRenderer, GeoJsonRenderer, csv_rows, geojson_rows
from core.errors import DomainError

CHUNK = 1000


class Visible:
    """Only what the person may see. `area_lookup` / `city_lookup` are the paths to those fields; None: no area."""

    area_lookup: str = "area"
    city_lookup: str = "city"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(policies.visible(user, area=self.area_lookup, city=self.city_lookup))

    def get_queryset(self) -> QuerySet:
        queryset = super().get_queryset()  # type: ignore[misc]
        if getattr(self, "swagger_fake_view", False):
            return queryset.none()
        return self.visible_to(self.request.user, queryset)  # type: ignore[attr-defined]


class Exports:
    """`?format=csv|geojson` on lists: every row that matches, streamed. `?page=` or `?page_size=` ask for one page of it."""

    geometry_field: str | None = None
    export_name: str | None = None

    def get_renderers(self) -> list[Any]:
        if "renderer_classes" in type(self).__dict__ or getattr(self, "action", None) != "list":
            return super().get_renderers()  # type: ignore[misc]
        return [JSONRenderer(), CsvRenderer(), *([GeoJsonRenderer()] if self.geometry_field else [])]

    def geometry_of_export(self) -> str:
        """The field that `?format=geojson` draws; may depend on the request."""
        return self.geometry_field or ""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        if request.accepted_renderer.format not in {"csv", "geojson"}:
            return super().list(request, *args, **kwargs)  # type: ignore[misc]
        rows = self.filter_queryset(self.get_queryset())  # type: ignore[attr-defined]
        form = request.accepted_renderer.format
        if form == "geojson":
            rows = rows.annotate(export_geojson=AsGeoJSON(self.geometry_of_export(), precision=6))
        if {"page", "page_size"} & set(request.query_params):
            rows = self.paginate_queryset(rows)  # type: ignore[attr-defined]
        body = self._csv(rows) if form == "csv" else self._geojson(rows)
        response = StreamingHttpResponse(
            body, content_type=f"{request.accepted_renderer.media_type}; charset=utf-8"
        )
        name = self.export_name or self.basename  # type: ignore[attr-defined]
        response["Content-Disposition"] = f'attachment; filename="{name}-{timezone.localdate()}.{form}"'
        response["Cache-Control"] = "private, no-store"
        return response

    def _chunks(self, rows: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Each row with what the serializer says of it."""
        stream = iter(rows.iterator(chunk_size=CHUNK) if isinstance(rows, QuerySet) else rows)
        while chunk := list(islice(stream, CHUNK)):
            yield from zip(chunk, self.get_serializer(chunk, many=True).data, strict=True)  # type: ignore[attr-defined]

    def _csv(self, rows: Any) -> Iterator[bytes]:
        columns = [name for name, field in self.get_serializer().fields.items() if not field.write_only]  # type: ignore[attr-defined]
        return csv_rows(columns, (dict(said) for _row, said in self._chunks(rows)))

    def _geojson(self, rows: Any) -> Iterator[bytes]:
        skip = {self.geometry_field, "geometry", "lon", "lat"}
        return geojson_rows(
            (
                said.get(self.lookup_field, row.pk),
                row.export_geojson,
                {key: value for key, value in said.items() if key not in skip},
            )  # type: ignore[attr-defined]
            for row, said in self._chunks(rows)
        )


class Versioned:
    """ETag from the record's `version`; writes must name the version they were made against."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        said = getattr(response, "data", None)
        if response.status_code < 300 and isinstance(said, dict) and isinstance(said.get("version"), int):
            response["ETag"] = f'"{said["version"]}"'
        return response

    def expected_version(self, request: Request) -> int | None:
        """The version in If-Match; None for `*`. Without the header the write is refused with 428."""
        header = request.headers.get("If-Match", "").strip()
        if header == "*":
            return None
        if found := re.fullmatch(r'(?:W/)?"(\d+)"', header):
            return int(found[1])
        if header:
            raise DomainError(
                "if-match-unreadable", _('If-Match must be the ETag of the record, like "3".'), status=400
            )
        raise DomainError(
            "if-match-needed",
            _("Send the record's ETag as If-Match, so that nobody else's change is lost."),
            status=428,
        )

    def demand_version(self, request: Request, record: Any) -> None:
        """412 unless If-Match names the record's version. Call it on a row that is locked."""
        expected = self.expected_version(request)
        if expected is not None and expected != record.version:
            raise DomainError(
                "changed-meanwhile",
                _("The record was changed meanwhile; read it again."),
                status=412,
                version=record.version,
            )


class ReadViewSet(Idempotent, Versioned, Exports, Visible, viewsets.ReadOnlyModelViewSet):
    """List and retrieve, with rights and exports. Long work and writes are added as actions that call services."""

    lookup_value_regex = "[^/]+"


class PlainViewSet(Idempotent, viewsets.GenericViewSet):
    """For nouns with rights of their own."""


class ListViewSet(Idempotent, Exports, Visible, mixins.ListModelMixin, viewsets.GenericViewSet):
    """A list without records of its own."""


__all__ = [
    "Exports",
    "Idempotent",
    "ListViewSet",
    "PlainViewSet",
    "ReadViewSet",
    "Response",
    "Versioned",
    "Visible",
]
