"""Hazard layers of a city pack: rasters with cut-offs beside polygons."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from core.errors import InvalidInput
from core.models import PackLayer, User
from planning.models import HazardLayer, Scenario
from planning.services.city_packs import load_city
from tests.packs.conftest import features, square

pytestmark = pytest.mark.django_db

RASTER = """
[[hazards]]
name = "depth"
path = "depth.tif"
hazard = "flood"
title = "百年一遇洪水"
title_en = "Flood of 100 years"
return_period_years = 100
unit = "m"
cut_offs = [{ klass = "shallow", from = 0.3, severity = 1 }, { klass = "deep", from = 1.5, severity = 2 }]
"""


def write(folder: Path, crs: str | None = "EPSG:4326") -> None:
    values = np.array([[0.1, 0.4, 1.5]], np.float32)
    place = Affine(0.01, 0, 104.0, 0, -0.01, 30.06)
    told = {"driver": "GTiff", "count": 1, "height": 1, "width": 3, "dtype": "float32"}
    with rasterio.open(folder / "depth.tif", "w", crs=crs, transform=place, **told) as out:
        out.write(values, 1)


def test_a_pack_brings_a_raster_hazard_with_its_cut_offs(pack: Callable[..., Path]) -> None:
    folder = pack(manifest=("[[facilities]]", f"{RASTER}\n[[facilities]]"))
    write(folder)
    assert load_city(path=folder).changed
    layer = HazardLayer.objects.get(code="depth")
    assert (layer.unit, layer.return_period_years, layer.name_en) == ("m", 100, "Flood of 100 years")
    assert sorted(layer.zones.values_list("klass", flat=True)) == ["deep", "shallow"]
    # the file names its own datum, and the layer's row tells it
    assert PackLayer.objects.get(name="depth").datum == "WGS-84"
    assert not load_city(path=folder).changed


def test_a_raster_without_a_datum_is_refused(pack: Callable[..., Path]) -> None:
    folder = pack(manifest=("[[facilities]]", f"{RASTER}\n[[facilities]]"))
    write(folder, crs=None)
    with pytest.raises(InvalidInput) as refused:
        load_city(path=folder)
    assert [problem.code for problem in refused.value.problems] == ["datum_missing"]


def test_cut_offs_belong_to_rasters(pack: Callable[..., Path]) -> None:
    folder = pack(
        manifest=("severity = { deep = 2 }", 'severity = { deep = 2 }\ncut_offs = [{ klass = "deep" }]')
    )
    with pytest.raises(InvalidInput) as refused:
        load_city(path=folder)
    assert [problem.code for problem in refused.value.problems] == ["key_unknown"]


def test_classes_of_one_severity_that_overlap_are_refused(pack: Callable[..., Path]) -> None:
    both = features(
        ({"class": "deep"}, square(104.0, 30.0, 104.06, 30.1)),
        ({"class": "fast"}, square(104.05, 30.0, 104.07, 30.1)),
    )
    folder = pack(
        manifest=("severity = { deep = 2 }", "severity = { deep = 2, fast = 2 }"), **{"flood.geojson": both}
    )
    with pytest.raises(InvalidInput) as refused:
        load_city(path=folder)
    (problem,) = refused.value.problems
    # 0.01° x 0.1° at 30° N: about 965 m x 11,085 m
    assert problem.code == "classes_overlap" and "10,69" in str(problem.message)


def test_a_class_that_an_edited_scenario_counts_on_stays(pack: Callable[..., Path]) -> None:
    load_city(path=pack())
    Scenario.objects.update(created_by=User.objects.create_user(username="lin"))
    folder = pack(
        manifest=("severity = { deep = 2 }", "severity = { high = 2 }"),
        **{"flood.geojson": features(({"class": "high"}, square(104.0, 30.0, 104.06, 30.1)))},
    )
    with pytest.raises(InvalidInput) as refused:
        load_city(path=folder)
    assert [problem.code for problem in refused.value.problems] == ["class_in_use"]
    assert HazardLayer.objects.get().zones.get().klass == "deep"
