"""Ground that somebody drew elsewhere: GeoJSON, GeoPackage or a zipped Shapefile, as one MultiPolygon in WGS-84."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import Any

import shapely
from django.utils.translation import gettext_lazy as _

from facilities.importers.geometry import declared_datum, place_shapes
from facilities.importers.problems import Problems
from facilities.importers.tables import read_table

SUFFIXES = (".geojson", ".json", ".gpkg", ".shp", ".zip")
LARGEST_BYTES = 32 * 2**20
MOST_MEMBERS = 40


def read_extent(path: Path, datum: str, problems: Problems, *, label: str = "") -> Any | None:
    """All polygons of the file as one shapely (Multi)Polygon, longitude and latitude in WGS-84; None with the reasons in
    `problems`. `datum`: declared by the person, never guessed. Parts that overlap are joined: nobody is counted twice."""
    label = label or path.name
    known = declared_datum(datum, label, problems)
    if path.suffix.lower() not in SUFFIXES:
        text = _("This kind of file is not read. Use GeoJSON, GeoPackage or a zipped Shapefile.")
        problems.add("format_unknown", text, file=label)
        return None
    if known is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source = _unpacked(path, Path(folder), label, problems) if path.suffix.lower() == ".zip" else path
        if source is None:
            return None
        table = read_table(source, problems=problems, label=label, geometry=True, largest_bytes=LARGEST_BYTES)
    if table is None or problems.has_errors:
        return None
    if not len(table):
        problems.add("file_empty", _("The file holds no ground."), file=label)
        return None
    shapes, bad = place_shapes(table.shapes, known, table, problems)
    return None if bad.any() else shapely.union_all(shapes)


def _unpacked(path: Path, folder: Path, label: str, problems: Problems) -> Path | None:
    """The one Shapefile of an archive, written into `folder` with its companions under its own name."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
            large = sum(one.file_size for one in members) > LARGEST_BYTES or len(members) > MOST_MEMBERS
            shapes = [one for one in members if one.filename.lower().endswith(".shp")]
            if large:
                problems.add("file_too_large", _("The archive is too large to be one extent."), file=label)
                return None
            if len(shapes) != 1:
                text = _("The archive must hold one Shapefile (.shp with .shx and .dbf); it holds %(count)d.")
                problems.add("archive_shapes", text, file=label, count=len(shapes))
                return None
            stem = shapes[0].filename[:-4]
            for one in members:
                # Only files beside the .shp with its own name, under a name of ours: nothing leaves the folder.
                if one.filename[: len(stem)] == stem and "/" not in one.filename[len(stem) :]:
                    (folder / f"extent{one.filename[len(stem) :].lower()}").write_bytes(archive.read(one))
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError):
        problems.add("file_broken", _("The archive cannot be opened."), file=label)
        return None
    return folder / "extent.shp"
