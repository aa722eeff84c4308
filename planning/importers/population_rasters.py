"""Rasters of people (WorldPop, LandScan, a city's own): each pixel's count goes to the cells it lies on."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from facilities.importers.problems import Problems
from planning.choices import LayerMethod
from planning.importers.packs import Layer
from planning.importers.population_cells import Box
from planning.importers.population_sources import Sources
from planning.importers.rasters import Raster, read_raster


def read_pixels(layer: Layer, problems: Problems, inside: Box, cell_m2: float) -> Sources | None:
    """The pixels that hold people. Pixels smaller than a cell (`cell_m2`) go by their middle, larger ones by area.

    Counts of models are fractions and stay fractions; what lies outside the city is left out and counted."""
    assert layer.path is not None
    said = layer.options.get("raster", {})
    said = said if isinstance(said, dict) else {}
    raster = read_raster(
        layer.path, problems, label=layer.label, band=int(said.get("band", 1)), datum=layer.datum,
        nodata=said.get("nodata"), inside=inside,
    )  # fmt: skip
    if raster is None:
        return None
    return of_raster(layer, raster, problems, cell_m2)


def of_raster(layer: Layer, raster: Raster, problems: Problems, cell_m2: float) -> Sources | None:
    values = raster.values
    negative = raster.with_value & (values < 0)
    if negative.any():
        text = _(
            "%(count)d pixels hold fewer than 0 people (the lowest: %(cell)s). Declare the code for no value, or correct them."
        )
        lowest = f"{float(values[negative].min()):g}"
        problems.add("negative", text, file=layer.label, count=int(negative.sum()), cell=lowest)
        return None
    held = raster.with_value & (values > 0)
    row, column = np.nonzero(held)
    people = values[held]
    pixel_m2 = float(np.median(raster.areas_m2()))
    facts: dict[str, Any] = {
        "people_in_file": float(people.sum()), "sources": len(people), "pixel_m2": round(pixel_m2, 1),
        "nodata": list(raster.nodata), "datum": raster.datum, "by": "centre" if pixel_m2 <= cell_m2 else "area",
    }  # fmt: skip
    whole = bool((people == np.floor(people)).all())
    made = Sources(
        layer, LayerMethod.RASTER, people, {}, np.arange(len(people)), None, whole=whole, clip=True, facts=facts
    )  # fmt: skip
    if pixel_m2 <= cell_m2:
        made.lon, made.lat = raster.places(column + 0.5, row + 0.5)
    else:
        made.shapes = raster.outlines(held)
    return made
