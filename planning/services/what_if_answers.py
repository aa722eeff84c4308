"""What a what-if answers, the same on the API, the command and the map."""

from __future__ import annotations

import json
from typing import Any

import shapely

from planning.services.what_if import WhatIf

DEGREES = 6  # decimals, about a hand's breadth


def drawn(shape: shapely.Geometry) -> dict[str, Any]:
    """A shape as a GeoJSON geometry with no more decimals than mean anything."""
    return json.loads(shapely.to_geojson(shapely.set_precision(shape, 10.0**-DEGREES)))


def gain_said(found: WhatIf, cells: bool = False) -> dict[str, Any]:
    """What a what-if answers on the API and the command."""
    body: dict[str, Any] = {
        "run": found.run.ref, "saved": False, "service": found.service.code, "unit": found.service.unit,
        "at": [found.lon, found.lat], "capacity": found.capacity, "barrier_free_capacity": found.barrier_free_capacity,
        "hours": found.hours, "ready": found.ready, "supplies_nothing_because": found.reason,
        "reach": {"limit": found.limit, "unit": found.unit, "mode": found.mode},
        "newly_served": found.served_gain, "newly_late": found.late_gain, "newly_in_reach": found.newly_in_reach,
        "barrier_free_newly_served": found.special_served_gain, "people": round(found.people, 1), "taken": found.taken, "moved": found.moved,
        "in_reach": {"need": found.need_in_reach, "people": round(found.people_in_reach, 1)},
        "gap_before": found.gap_before, "gap_after": found.gap_after,
        "areas": [
            {
                "area": row.area.code, "name": row.area.name, "name_en": row.area.name_en, "newly_served": row.served_gain,
                "newly_late": row.late_gain, "need": row.need, "gap_before": row.gap_before, "gap_after": row.gap_after,
            }
            for row in found.areas
        ],
    }  # fmt: skip
    if cells:
        body["cells"] = cells_drawn(found)
    if found.shape is not None:
        body["shape"] = drawn(found.shape)
    return body


def cells_drawn(found: WhatIf) -> dict[str, Any]:
    columns = (found.cells[name].tolist() for name in ("lon", "lat", "gain"))
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [round(lon, DEGREES), round(lat, DEGREES)]},
                "properties": {"newly_served": gain},
            }
            for lon, lat, gain in zip(*columns, strict=True)
        ],
    }
