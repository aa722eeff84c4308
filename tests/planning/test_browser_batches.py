"""Batches and two runs side by side in a real browser: drawn, accessible, moved by keyboard, readable without a map."""

from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect

from planning.models import Scenario
from planning.services.batches import start_batch
from tests.planning.test_batches import done, more_scenarios
from tests.planning.town import SERVICE


@pytest.fixture
def pair(transactional_db: None, town: SimpleNamespace, compute: Any) -> SimpleNamespace:
    town.night, town.day = compute(town, ["night", "day"])
    return town


def compare(town: SimpleNamespace, **more: str) -> str:
    rest = "".join(f"&{name}={value}" for name, value in more.items())
    return f"/runs/{town.night.ref}/compare/?with={town.day.ref}{rest}"


def show(page: Any, address: str) -> None:
    page.goto(address)
    if page.locator("#map-config").count():
        page.wait_for_selector("body[data-ready]", timeout=30_000)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_divider_is_moved_by_keyboard_and_says_where_it_stands(
    pair: SimpleNamespace, person: Any, open_page: Any, axe: Any, language: str
) -> None:
    page = open_page(user=person("lin", "planner"), language=language)
    show(page, compare(pair))
    assert axe(page) == []
    divider, over = page.locator("#divider"), page.locator("#map-after")
    expect(divider).to_be_hidden()
    page.locator("input[name=show][value=swipe]").check(force=True)
    expect(divider).to_be_visible()
    expect(over).to_be_visible()
    assert "show=swipe" in page.url
    divider.focus()
    expect(divider).to_have_attribute("aria-valuenow", "50")
    for key, value in (
        ("ArrowLeft", "48"),
        ("PageUp", "58"),
        ("Home", "0"),
        ("ArrowLeft", "0"),
        ("End", "100"),
        ("PageDown", "90"),
    ):
        page.keyboard.press(key)
        expect(divider).to_have_attribute("aria-valuenow", value)
    assert "90" in (divider.get_attribute("aria-valuetext") or "")
    assert over.evaluate("part => part.style.clipPath").replace(" ", "").endswith("90%)")
    page.wait_for_function("document.querySelectorAll('#map-after canvas').length === 1")
    assert axe(page) == []
    assert page.problems == [] and page.outside_calls == []


def test_both_maps_go_where_one_goes(pair: SimpleNamespace, person: Any, open_page: Any) -> None:
    page = open_page(user=person("lin", "planner"))
    show(page, compare(pair, show="swipe"))
    page.locator("#zoom-in").click()
    page.wait_for_function(
        "document.querySelectorAll('.maplibregl-canvas').length === 2 && new URL(location.href).searchParams.get('show') === 'swipe'"
    )
    assert page.problems == []


def test_the_address_keeps_what_is_shown_and_the_legend_follows(
    pair: SimpleNamespace, person: Any, open_page: Any
) -> None:
    page = open_page(user=person("lin", "planner"))
    show(page, compare(pair, show="difference_need"))
    expect(page.locator("#legend-title")).to_contain_text("Change in need")
    page.locator("input[name=show][value=difference]").check(force=True)
    expect(page.locator("#legend-title")).to_contain_text("Change in gap")
    assert page.locator("#ramp li").count() == 5


def test_without_a_map_the_table_holds_every_value(
    pair: SimpleNamespace, person: Any, open_page: Any
) -> None:
    page = open_page(user=person("lin", "planner"))
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    show(page, compare(pair, show="swipe"))
    expect(page.locator(".no-map")).to_be_visible()
    expect(page.locator("#divider")).to_be_hidden()
    assert "−30" in page.locator("#twin").inner_text()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_of_a_batch_are_accessible_and_fit_a_phone(
    pair: SimpleNamespace, person: Any, open_page: Any, axe: Any, language: str
) -> None:
    two = more_scenarios(pair, 3)
    Scenario.objects.filter(pk=two[2].pk).update(displaced_share=None)
    batch = done(
        start_batch(user=None, city=pair.city, scenarios=Scenario.objects.order_by("pk"), detour_factor=1.0)
    )
    addresses = (
        "/batches/", "/batches/new/", f"/batches/{batch.ref}/?service={SERVICE}", f"/batches/{batch.ref}/?view=services",
        f"/batches/{batch.ref}/?view=districts", f"/runs/{pair.night.ref}/compare/",
    )  # fmt: skip
    lin = person("lin", "planner")
    wide, phone = (
        open_page(user=lin, language=language),
        open_page(user=lin, language=language, width=400, height=860),
    )
    for address in addresses:
        show(wide, address)
        assert axe(wide) == [], address
        show(phone, address)
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    assert wide.problems == [] and wide.outside_calls == []


def test_a_scenario_is_chosen_and_its_numbers_are_offered(
    pair: SimpleNamespace, person: Any, open_page: Any
) -> None:
    page = open_page(user=person("lin", "planner"))
    page.goto("/batches/new/")
    page.locator("input[name=kind][value=sweep]").check(force=True)
    page.select_option("select[name=scenario]", pair.scenario.ref)
    expect(page.locator("#id_path option[value=displaced_share]")).to_have_count(1)
    assert page.problems == []
