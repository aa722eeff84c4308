"""Lists as CSV and GeoJSON, written row by row: a city's whole registry never stands in memory at once.

A view set names them in `renderer_classes`; `core.api.viewsets.Exports` streams the rows.
"""

import codecs
import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from rest_framework.renderers import BaseRenderer

# A spreadsheet runs a cell that starts so as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Streamed(BaseRenderer):
    """Rows are streamed by the view; anything else that ends here (an error) is JSON."""

    charset = "utf-8"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        return dumps(data).encode()


class CsvRenderer(_Streamed):
    media_type = "text/csv"
    format = "csv"


class GeoJsonRenderer(_Streamed):
    media_type = "application/geo+json"
    format = "geojson"


def dumps(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"))


class _Echo:
    def write(self, text: str) -> str:
        return text


def cell(value: Any) -> Any:
    """One value as a CSV cell: nothing for None, JSON for what has parts, no live formulas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return dumps(value)
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return value


def csv_rows(columns: list[str], rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """A header and one line a row, with the byte order mark that spreadsheets need for Chinese."""
    writer = csv.writer(_Echo())
    yield codecs.BOM_UTF8 + writer.writerow(columns).encode()
    for row in rows:
        yield writer.writerow([cell(row.get(column)) for column in columns]).encode()


def geojson_rows(rows: Iterable[tuple[Any, str | None, dict[str, Any]]]) -> Iterator[bytes]:
    """A FeatureCollection from `(id, geometry as GeoJSON text, properties)`. Longitude, latitude, WGS-84."""
    yield b'{"type":"FeatureCollection","features":['
    comma = ""
    for identifier, geometry, properties in rows:
        feature = f'{comma}\n{{"type":"Feature","id":{dumps(identifier)},"geometry":{geometry or "null"},"properties":{dumps(properties)}}}'
        yield feature.encode()
        comma = ","
    yield b"\n]}\n"
