"""Hazard layers in a real browser: drawn, readable, and over the colours of a run."""

import pytest
from playwright.sync_api import expect

from planning.models import HazardLayer
from tests.planning.test_hazard_layers import bring, metres, raster_options, write
from tests.planning.test_hazard_pages import DEPTH
from tests.planning.town import SERVICE


@pytest.fixture
def flood(transactional_db, town, tmp_path) -> HazardLayer:
    return bring(town, write(tmp_path / "a.tif", **metres(DEPTH, -250, 250, 500)), **raster_options()).layer


def show(page, address):
    page.goto(address)
    if page.locator("#map-config").count():
        page.wait_for_selector("body[data-ready]", timeout=60_000)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_of_hazards_are_accessible(flood, person, open_page, axe, language):
    page = open_page(user=person("lin", "planner"), language=language)
    for address in ("/hazards/", "/hazards/flood/", "/hazards/import/", "/hazards/flood/facts/"):
        show(page, address)
        assert axe(page) == [], address
    page.goto("/hazards/import/")
    begins = page.locator("[name=from_1]")
    expect(begins).to_be_hidden()
    page.check("[name=kind][value=raster]")
    expect(begins).to_be_visible()
    assert axe(page) == []
    assert page.problems == [] and page.outside_calls == []


def test_the_zones_lie_over_the_colours_of_a_run(flood, town, person, compute, open_page, axe):
    scenario = town.scenario
    scenario.extent, scenario.hazard, scenario.hazard_layer = "zones", "flood", flood
    scenario.zone_rates = {name: {"affected": 1, "displaced": 0.5} for name in ("shallow", "deep")}
    scenario.save()
    run = compute(town)[0]
    page = open_page(user=person("lin", "planner"))
    show(page, f"/map/?run={run.ref}&service={SERVICE}")
    with page.expect_response(lambda answer: "/tiles/zones/flood/" in answer.url):
        page.check("#show-zones")
    assert "zones=1" in page.url
    expect(page.locator("#dock")).to_contain_text("deep")
    assert axe(page) == []
    page.uncheck("#show-zones")
    assert "zones=" not in page.url
    assert page.problems == [] and page.outside_calls == []
