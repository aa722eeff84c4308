"""The ground of a scenario: read from a file that somebody sent, and told to a map."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import shapely
from django.contrib.gis.db.models.functions import AsGeoJSON
from django.db.models import Func
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.models import Area, City
from facilities.importers.problems import Problems
from planning.choices import Extent
from planning.importers.extents import LARGEST_BYTES, read_extent

# Degrees; about 50 m. A border on a small map needs no more corners.
SIMPLIFIED = 0.0005


def ground_of_upload(*, user: Any, city: City, upload: Any, datum: str) -> dict[str, Any]:
    """GeoJSON (WGS-84) of all polygons in an uploaded file. Raises InvalidInput with everything that is wrong with it."""
    policies.demand(user, "scenario.edit", city)
    name = Path(str(upload.name)).name or "extent"
    if upload.size > LARGEST_BYTES:
        raise DomainError(
            "file-too-large",
            _("The file has %(size)d MB; a ground of up to %(limit)d MB is read.")
            % {"size": upload.size >> 20, "limit": LARGEST_BYTES >> 20},
            status=413,
        )
    problems = Problems()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{Path(name).suffix.lower()}"
        with path.open("wb") as target:
            for block in upload.chunks():
                target.write(block)
        ground = read_extent(path, datum, problems, label=name)
    problems.raise_if_any(_("The ground in this file cannot be used."))
    told: dict[str, Any] = json.loads(shapely.to_geojson(ground))
    return told


class _Simplified(Func):
    function = "ST_SimplifyPreserveTopology"
    template = f"%(function)s(%(expressions)s, {SIMPLIFIED})"


def ground_on_map(*, city: City, document: dict[str, Any]) -> dict[str, Any]:
    """What a map draws of the ground: {"zones": code of the hazard layer or None, "features": GeoJSON collection}."""
    features: list[dict[str, Any]] = []
    if document["extent"] == Extent.AREAS:
        chosen = Area.objects.filter(city=city, code__in=document["areas"])
        shapes = chosen.annotate(shape=AsGeoJSON(_Simplified("geometry"), precision=5)).values_list("code", "shape")  # fmt: skip
        features = [
            {"type": "Feature", "properties": {"area": code}, "geometry": json.loads(shape)}
            for code, shape in shapes
        ]
    elif document["extent"] == Extent.DRAWN and document.get("drawn"):
        features = [{"type": "Feature", "properties": {}, "geometry": document["drawn"]}]
    zones = document["hazard_layer"] if document["extent"] == Extent.ZONES else None
    return {"zones": zones, "features": {"type": "FeatureCollection", "features": features}}
