"""The page of the range of need and gap in a real browser: drawn, accessible, and fitting a phone."""

import pytest
from playwright.sync_api import expect

from core.services import jobs
from planning.models import PopulationLayer, Standard
from planning.services import runs
from planning.services.analyses import start_analysis


@pytest.fixture
def ranged(transactional_db, town):
    """A run whose inputs all have ranges, and its range."""
    town.scenario.rate_facts = {"displaced_share": {"low": 0.3, "high": 0.8, "source": "worked example"}}
    town.scenario.save()
    Standard.objects.update(ratio_low=0.9, ratio_high=1.2)
    PopulationLayer.objects.update(error_share=0.1, error_share_district=0.05)
    (run,), job = runs.start_runs(user=None, city=town.city, scenario=town.scenario, times_of_day=["night"])
    jobs.perform(job.ref)
    run.refresh_from_db()
    _analysis, job = start_analysis(user=None, run=run, kind="range", params={"draws": 100})
    jobs.perform(job.ref)
    return run


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_range_is_drawn_accessible_and_fits_a_phone(ranged, person, open_page, axe, language):
    lin, address = person("lin", "planner"), f"/runs/{ranged.ref}/analyses/range/"
    wide, narrow = (
        open_page(user=lin, language=language),
        open_page(user=lin, language=language, width=400, height=860),
    )
    wide.goto(address)
    # Gap and need of the city, and the gap of each of two districts.
    expect(wide.locator(".range-bar rect")).to_have_count(4)
    assert axe(wide) == []
    narrow.goto(address)
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 400
    assert wide.problems == [] and wide.outside_calls == []
