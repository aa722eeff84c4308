"""What a city pack says of its population layers, as rows of the database."""

from __future__ import annotations

import datetime
from typing import Any

from core.models import City, PackLayer
from planning.importers.packs import Layer
from planning.importers.population import Cells
from planning.models import PopulationLayer
from planning.services.population_cells import NewLayer, replace_cells

# Where a layer comes from: those that people made stay when a pack is loaded again.
FROM_PACK, FROM_IMPORT, FROM_SCALING = "pack", "import", "scaling"


def write_population(
    *, city: City, cells: Cells, layers: dict[str, tuple[Layer, PackLayer]]
) -> dict[str, int]:
    """Replace the layers of the pack and the cells; layers that somebody imported or scaled are put on the new cells.
    Returns rows by layer name."""
    own = list(
        PopulationLayer.objects.filter(city=city, facts__from__in=(FROM_IMPORT, FROM_SCALING)).order_by("id")
    )
    taken = {layer.time_of_day for layer in own if layer.current and layer.code not in layers}
    # a choice that somebody made between layers of the pack stays
    chosen = {
        (code, time)
        for code, time in PopulationLayer.objects.filter(
            city=city, current=True, code__in=layers
        ).values_list("code", "time_of_day")
        if layers[code][0].options["time_of_day"] == time
    }
    decided = taken | {time for _code, time in chosen}
    new = []
    for name, (layer, record) in layers.items():
        fields = fields_of(layer, record, cells)
        time = fields["time_of_day"]
        wanted = bool(layer.options.get("current", True)) and time not in decided
        fields["current"] = (name, time) in chosen or wanted
        if fields["current"]:
            decided.add(time)
        new.append(NewLayer(name, fields, layer.options.get("groups_from_census")))
    # what is no longer in use steps aside before another layer takes its place
    PopulationLayer.objects.filter(city=city, code__in=layers).update(current=False)
    written = replace_cells(city=city, cells=cells, layers=new, keep=own)
    return {name: written[name] for name in layers}


def fields_of(layer: Layer, record: PackLayer | None, cells: Cells) -> dict[str, Any]:
    """Fields of a layer by what its declaration says and its reading found."""
    options, name = layer.options, layer.name
    as_of = options.get("as_of")
    return {
        "name": str(options.get("title", name)), "name_en": str(options.get("title_en", "")),
        "time_of_day": options["time_of_day"], "layer": record, "synthetic": layer.synthetic,
        "method": cells.methods.get(name, "cells"), "source": layer.source[:300],
        "as_of": datetime.date.fromisoformat(str(as_of)) if as_of else None,
        "certainty": options.get("certainty", "D"), "error_share": options.get("error_share"),
        "error_share_district": options.get("error_share_district"), "error_source": str(options.get("error_source", ""))[:300],
        "facts": {"from": FROM_PACK} | cells.facts.get(name, {}),
    }  # fmt: skip
