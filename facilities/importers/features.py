"""GeoJSON, GeoPackage and Shapefile through GDAL. Rows are features, counted from 1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from django.utils.translation import gettext_lazy as _
from pyogrio.errors import DataLayerError, DataSourceError, FieldError

from facilities.importers.blocks import assemble, convert_block, missing_columns
from facilities.importers.columns import Column, Columns
from facilities.importers.problems import Problems


def read_features(
    path: Path,
    label: str,
    encoding: str,
    layer: str,
    columns: Mapping[str, Column],
    geometry: bool,
    problems: Problems,
) -> Columns | None:
    layer_name = layer or None
    # only a declared encoding is forced: files that carry their own (GeoPackage, .cpg) are believed
    codec = None if encoding in ("", "utf-8-sig") else encoding
    if path.suffix.lower() == ".shp" and codec is None and not path.with_suffix(".cpg").exists():
        codec = "utf-8"
    try:
        info = pyogrio.read_info(path, layer=layer_name, encoding=codec)
        header = [str(name) for name in info["fields"]]
        if missing_columns(header, columns, label, problems):
            return None
        wanted = sorted({column.source for column in columns.values()}, key=header.index)
        meta, _fids, shapes, fields = pyogrio.raw.read(
            path, layer=layer_name, columns=wanted, read_geometry=geometry, encoding=codec
        )
    except UnicodeDecodeError:
        text = _(
            'The file is not written in %(declared)s; it looks like %(looks)s. Declare encoding = "%(looks)s".'
        )
        problems.add("encoding_wrong", text, file=label, declared=codec or "utf-8", looks="gb18030")
        return None
    except (DataSourceError, DataLayerError, FieldError, ValueError, LookupError) as error:
        text = _("The file cannot be read: %(reason)s")
        problems.add("file_broken", text, file=label, reason=str(error)[:300])
        return None
    count = len(shapes) if shapes is not None else (len(fields[0]) if fields else 0)
    rows = np.arange(1, count + 1)
    by_source = dict(zip(meta["fields"], fields, strict=True))
    raw = {name: by_source[column.source] for name, column in columns.items()}
    for name, column in columns.items():  # object arrays hold str and None; text parsing wants a plain list
        if raw[name].dtype.kind not in "iufb" or column.kind == "date":
            raw[name] = list(raw[name])
    values = convert_block(raw, rows, columns, label, problems)
    forms = None
    if geometry:
        forms = shapely.force_2d(shapely.from_wkb(shapes)) if count else None
    blocks = [(rows, values)] if count else []
    return assemble(blocks, columns, label, header, problems, forms)
