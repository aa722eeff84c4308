"""Pages of people in a browser: drawn, accessible, narrow, by keyboard."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from planning.models import CensusTotal
from planning.services.population import scale_layer


@pytest.fixture
def counted(transactional_db: None, town: SimpleNamespace) -> SimpleNamespace:
    for area, people in ((town.left, 200), (town.right, 35)):
        CensusTotal.objects.create(
            city=town.city, area=area, year=2020, people=people, source="worked census"
        )
    scale_layer(user=None, layer=town.layers["night"], year=2020, code="fit")
    return town


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_of_people_are_accessible(
    counted: SimpleNamespace, person: Any, open_page: Any, axe: Any, language: str
) -> None:
    lin = person("lin", "planner")
    page = open_page(user=lin, language=language)
    for address in ("", "night/", "fit/", "fit/errors/", "night/scale/", "import/", "census/"):
        page.goto(f"/population/{address}")
        assert axe(page) == [], address
    assert page.problems == [] and page.outside_calls == []
    narrow = open_page(user=lin, language=language, width=360, height=740)
    for address in ("", "night/", "night/scale/", "import/", "census/"):
        narrow.goto(f"/population/{address}")
        assert narrow.evaluate("document.documentElement.scrollWidth") <= 360, address


def test_the_form_asks_only_what_the_file_needs(
    counted: SimpleNamespace, person: Any, open_page: Any, tmp_path: Path
) -> None:
    page = open_page(user=person("lin", "planner"))
    page.goto("/population/import/")
    columns, nodata = page.locator("#id_columns"), page.locator("#id_nodata")
    assert columns.is_visible() and not nodata.is_visible()
    page.get_by_label("A raster of people by pixel").check()
    assert nodata.is_visible() and not columns.is_visible()
    resolution = page.locator("#id_resolution")
    assert not resolution.is_visible()
    page.get_by_label("New hexagons (H3)").check()
    assert resolution.is_visible() and not page.locator("#id_spacing_m").is_visible()
    assert page.problems == []
