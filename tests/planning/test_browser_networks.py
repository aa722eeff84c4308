"""The what-if on the map and the record of the roads, in a real browser."""

import pytest
from playwright.sync_api import expect

from planning.services import networks, what_if
from planning.services.network_reports import make_report
from tests.planning.test_networks import rows
from tests.planning.town import PLANE, SERVICE


@pytest.fixture
def ran(transactional_db, town, compute):
    what_if._kept.clear()
    town.night = compute(town)[0]
    yield town
    what_if._kept.clear()


def show(page, address):
    page.goto(address)
    if page.locator("#map-config").count():
        page.wait_for_selector("body[data-ready]", timeout=30_000)


def pin(x):
    lon, lat = PLANE.inverse([x], [0.0])
    return f"{lon[0]:.5f},{lat[0]:.5f}"


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_pin_on_the_map_says_who_would_be_served(ran, person, open_page, axe, language):
    page = open_page(user=person("lin", "planner"), language=language)
    show(page, f"/map/?run={ran.night.ref}")
    page.click("#what-if-open")
    card = page.locator("#what-if")
    expect(card.locator("form")).to_be_visible()
    page.locator("#map canvas").click(position={"x": 200, "y": 300})
    expect(card.locator("#what-if-drawing")).to_have_count(1)
    assert "pin=" in page.url
    # a click that sets the pin picks no area and opens no facility
    assert "area=" not in page.url and "/map/" in page.url
    page.locator(".pin-mark").focus()
    before = page.url
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function("before => location.href !== before", arg=before)
    card.locator("[data-close-what-if]").click()
    expect(card).to_be_hidden()
    assert "pin=" not in page.url
    assert axe(page) == []
    assert page.problems == [] and page.outside_calls == []


def test_the_address_keeps_the_pin_and_another_service_is_asked_of_it(ran, person, open_page, axe):
    page = open_page(user=person("lin", "planner"))
    show(page, f"/map/?run={ran.night.ref}&service={SERVICE}&pin={pin(300)}&cap=40&opens=24")
    card = page.locator("#what-if")
    expect(card).to_contain_text("Newly served: 20 places in 1 area.")
    card.locator("[name=cap]").fill("7")
    card.locator("form button.btn").click()
    expect(card).to_contain_text("It would take 7 of its 7 places.")
    assert "cap=7" in page.url
    assert axe(page) == []
    card.get_by_role("link", name="As a page").click()
    expect(page.locator("h1")).to_contain_text("Newly served")
    page.wait_for_selector("body[data-ready]", timeout=30_000)
    assert axe(page) == []
    assert page.problems == []


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_record_of_the_roads_is_drawn_and_accessible(ran, person, open_page, axe, language):
    streets = networks.make_streets(city=ran.city, parts=[("roads", rows())])
    network = networks.write_network(
        city=ran.city, streets=streets, layer=None, source="worked example", synthetic=True
    )
    make_report(network=network)
    page = open_page(user=person("lin", "planner"), language=language)
    for address in ("/networks/", f"/networks/{network.ref}/"):
        show(page, address)
        assert axe(page) == []
    assert page.problems == [] and page.outside_calls == []


@pytest.mark.parametrize(
    "address", ["/map/?pin={pin}&cap=40", "/runs/{run}/what-if/?pin={pin}", "/networks/"]
)
def test_nothing_scrolls_sideways_on_a_narrow_screen(ran, person, open_page, address):
    page = open_page(user=person("lin", "planner"), width=400)
    show(page, address.format(run=ran.night.ref, pin=pin(300)))
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
