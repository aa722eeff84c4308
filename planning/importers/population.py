"""Every population layer of a pack on one set of cells: files that bring their cells, and files that are put on a grid."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import shapely
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty, TimeOfDay
from facilities.importers.columns import Columns
from facilities.importers.problems import Problems
from planning.importers.layer_tables import from_osm, has_shapes
from planning.importers.packs import Layer
from planning.importers.population_cells import Box, Cells, Read, one_set, read_cells
from planning.importers.population_grids import Grid, checked_grid, make_grid
from planning.importers.population_points import read_points
from planning.importers.population_polygons import by_centre, read_polygons, spread_total
from planning.importers.population_rasters import read_pixels
from planning.importers.population_sources import Sources, place
from planning.importers.rasters import is_raster

# What a file of people holds, when it does not bring its own cells.
SOURCE_KINDS = ("points", "polygons", "raster")
SHARES = ("error_share", "error_share_district")


def read_population(layers: list[Layer], problems: Problems, inside: Box, ground: Any = None) -> Cells | None:
    """Every population layer of a pack on one set of cells; cells that share a code are one cell. `ground`: the city's
    outline in degrees, that new grids cover."""
    before = problems.count("error")
    reads: list[Read] = []
    later: list[Layer] = []
    tables: dict[tuple, Columns | None] = {}
    for layer in layers:
        check_options(layer, problems)
        if not _has_cells(layer, problems) or layer.path is None:
            continue
        if layer.datum is None and kind_of(layer) != "raster":
            continue
        if _onto_cells(layer):
            later.append(layer)
            continue
        read = _read(layer, problems, inside, ground, tables, layers)
        if read is not None:
            reads.append(read)
    if not reads or problems.count("error") > before:
        if later and not reads:
            text = _("No other layer brings the cells that these people are put on.")
            problems.add("key_missing", text, file=later[0].label, column=f"{later[0].name}.spread.onto")
        return None
    cells = one_set(reads, problems)
    for layer in later:
        _put_on(cells, layer, problems, inside, ground)
    return cells if problems.count("error") == before else None


def kind_of(layer: Layer) -> str:
    """What the file holds: said by the layer, or by the kind of file."""
    said = str(layer.options.get("kind", ""))
    if said:
        return said
    if is_raster(layer.path) or "raster" in layer.options:
        return "raster"
    return "polygons" if has_shapes(layer) else "points"


def check_options(layer: Layer, problems: Problems) -> None:
    """What a layer says of itself beside its file; everything wrong goes to `problems` with the key as the column."""
    options = layer.options

    def wrong(key: str, text: Any, code: str = "key_missing", **words: Any) -> None:
        problems.add(code, text, file=layer.label, column=f"{layer.name}.{key}", **words)

    if options.get("time_of_day") not in TimeOfDay.values:
        text = _("The time of day must be one of: %(known)s.")
        wrong("time_of_day", text, known=", ".join(TimeOfDay.values))
    if options.get("kind", "points") not in SOURCE_KINDS:
        text = _('"%(cell)s" is not one of: %(known)s.')
        wrong("kind", text, "choice_unknown", cell=options["kind"], known=", ".join(SOURCE_KINDS))
    if options.get("certainty", "D") not in Certainty.values:
        text = _('"%(cell)s" is not one of: %(known)s.')
        wrong(
            "certainty", text, "choice_unknown", cell=options["certainty"], known=", ".join(Certainty.values)
        )
    as_of = options.get("as_of")
    if as_of is not None and not _is_date(as_of):
        wrong("as_of", _('"%(cell)s" is not a date.'), "not_a_date", cell=as_of)
    census = options.get("groups_from_census")
    if census is not None and (isinstance(census, bool) or not isinstance(census, int)):
        wrong("groups_from_census", _("Say the year of the census."))
    for key in SHARES:
        share = options.get(key)
        if share is not None and (
            isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1
        ):
            wrong(key, _("An error is a share of at least 0 and less than 1."), "share_invalid", cell=share)
        if share is not None and not str(options.get("error_source", "")).strip():
            wrong("error_source", _("Say where the error comes from."))


def _is_date(value: Any) -> bool:
    try:
        datetime.date.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def _has_cells(layer: Layer, problems: Problems) -> bool:
    """Whether the layer says what cells its people are in."""
    said = layer.options.get("cell") or layer.options.get("spread")
    if isinstance(said, dict) and (float(said.get("spacing_m", 0) or 0) > 0 or "spread" in layer.options):
        return True
    text = _(
        "Say the shape of the cells: cell = { shape, spacing_m }, or spread = { spacing_m } for polygons."
    )
    problems.add("key_missing", text, file=layer.label, column=f"{layer.name}.cell")
    return False


def _onto_cells(layer: Layer) -> bool:
    said = layer.options.get("spread")
    return isinstance(said, dict) and said.get("onto") == "cells"


def _read(
    layer: Layer,
    problems: Problems,
    inside: Box,
    ground: Any,
    tables: dict[tuple, Columns | None],
    layers: list[Layer],
) -> Read | None:
    if "spread" not in layer.options and not from_osm(layer):
        return read_cells(layer, layer.options["cell"], problems, inside, tables, layers)
    column = f"{layer.name}.spread"
    shape = checked_grid(
        layer.options.get("spread") or layer.options.get("cell"), problems, file=layer.label, column=column
    )
    if shape is None:
        return None
    if from_osm(layer):
        return spread_total(layer, shape, problems, inside)
    kind = kind_of(layer)
    if kind == "polygons" and shape["shape"] == "square" and shape.get("by", "centre") == "centre":
        sources = read_polygons(layer, problems, inside)
        return None if sources is None else by_centre(sources, shape, problems)
    return _on_new_grid(layer, shape, problems, inside, ground)


def _on_new_grid(
    layer: Layer, shape: dict[str, Any], problems: Problems, inside: Box, ground: Any
) -> Read | None:
    """Points, polygons or pixels on a grid of their own over the city."""
    sources = None
    if ground is None:
        sources = read_sources(layer, problems, inside, 0.0)
        if sources is None:
            return None
        ground = _box_of(sources)
    cells = make_grid(shape, ground, problems, file=layer.label)
    if cells is None:
        return None
    grid = Grid.of(cells)
    sources = sources or read_sources(layer, problems, inside, grid.width_m**2)
    if sources is None:
        return None
    placed = place(sources, grid, ground, problems)
    return Read(
        layer, cells.code, cells.lon, cells.lat, placed.people, cells.area_m2, sources.shift_m,
        shape | {"spacing_m": grid.width_m}, placed.groups, cells.corners, sources.method, placed.facts | {"grid": shape},
        len(sources.people),
    )  # fmt: skip


def read_sources(layer: Layer, problems: Problems, inside: Box, cell_m2: float) -> Sources | None:
    """The file's people by source, whatever it holds. `cell_m2`: size of the cells that a raster's pixels go to."""
    kind = kind_of(layer)
    if kind == "raster":
        return read_pixels(layer, problems, inside, cell_m2)
    return (read_polygons if kind == "polygons" else read_points)(layer, problems, inside)


def _box_of(sources: Sources) -> Any:
    if sources.shapes is not None:
        return shapely.union_all(sources.shapes)
    assert sources.lon is not None and sources.lat is not None
    return shapely.box(sources.lon.min(), sources.lat.min(), sources.lon.max(), sources.lat.max())


def _put_on(cells: Cells, layer: Layer, problems: Problems, inside: Box, ground: Any) -> None:
    """Add a layer to cells that are there, spread by area, or by the people that another layer has in each cell."""
    grid = Grid.of(cells)
    sources = read_sources(layer, problems, inside, grid.width_m**2)
    if sources is None:
        return
    weights = None
    by = str(layer.options["spread"].get("by", ""))
    if by and by not in cells.people:
        text = _('"%(cell)s" is not one of: %(known)s.')
        problems.add(
            "choice_unknown", text, file=layer.label, column=f"{layer.name}.spread.by", cell=by, known=", ".join(cells.people)
        )  # fmt: skip
        return
    if by:
        weights = np.nan_to_num(cells.people[by])
    put(cells, layer.name, sources, place(sources, grid, ground, problems, weights), by)


def put(cells: Cells, name: str, sources: Sources, placed: Any, by: str = "") -> None:
    """Write what was placed into the cells under the layer's name."""
    cells.people[name], cells.shifts[name] = placed.people, sources.shift_m
    cells.groups[name], cells.rows[name] = placed.groups, len(sources.people)
    cells.methods[name] = sources.method
    cells.facts[name] = placed.facts | ({"spread_by": by} if by else {})


__all__ = ["SOURCE_KINDS", "Cells", "check_options", "kind_of", "put", "read_population", "read_sources"]
