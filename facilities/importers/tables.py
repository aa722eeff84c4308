"""Read a table of any supported kind into arrays, with the row number each value came from.

`read_table` is the one door: CSV, GeoJSON, GeoPackage, Shapefile and XLSX come out as the same `Columns`. CSV is
read in blocks, so a file of millions of rows needs memory for the wanted columns only. Everything wrong is added to
a `Problems` collector with file, row (as a spreadsheet counts it: the header is row 1) and column.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from facilities.importers.columns import Column, Columns
from facilities.importers.delimited import read_delimited
from facilities.importers.features import read_features
from facilities.importers.problems import Problems
from facilities.importers.workbooks import read_workbook

FORMATS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".geojson": "geojson",
    ".json": "geojson",
    ".gpkg": "gpkg",
}
FORMATS |= {".shp": "shp", ".xlsx": "xlsx"}
# CSV, GeoPackage and Shapefile are streamed; these two have to be held in memory as a whole by their readers.
LARGEST_BYTES = {
    "xlsx": 64 * 2**20,
    "geojson": 128 * 2**20,
    "csv": 2 * 2**30,
    "gpkg": 4 * 2**30,
    "shp": 4 * 2**30,
}


def read_table(
    path: str | Path,
    format: str = "",
    encoding: str = "utf-8-sig",
    columns: Mapping[str, Column] | None = None,
    *,
    problems: Problems,
    label: str = "",
    layer: str = "",
    sheet: str = "",
    delimiter: str = ",",
    geometry: bool = False,
    largest_bytes: int | None = None,
) -> Columns | None:
    """Read the wanted columns of a file; None when it could not be read at all (the reason is in `problems`)."""
    path, columns = Path(path), dict(columns or {})
    label = label or path.name
    kind = (format or FORMATS.get(path.suffix.lower(), "")).lower()
    if kind not in LARGEST_BYTES:
        text = _("This kind of file is not read. Use CSV, GeoJSON, GeoPackage, Shapefile or XLSX.")
        problems.add("format_unknown", text, file=label)
        return None
    if not path.is_file():
        problems.add("file_missing", _("The file does not exist."), file=label)
        return None
    size, limit = path.stat().st_size, largest_bytes or LARGEST_BYTES[kind]
    if size == 0:
        problems.add("file_empty", _("The file is empty."), file=label)
        return None
    if size > limit:
        text = _(
            "The file has %(size)d MB; this kind of file is read up to %(limit)d MB. Save it as CSV or GeoPackage."
        )
        problems.add("file_too_large", text, file=label, size=size >> 20, limit=limit >> 20)
        return None
    if kind == "csv":
        return read_delimited(path, label, encoding, delimiter, columns, problems)
    if kind == "xlsx":
        return read_workbook(path, label, sheet, columns, problems)
    return read_features(path, label, encoding, layer, columns, geometry, problems)
