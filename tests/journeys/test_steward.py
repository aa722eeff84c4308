"""Sun keeps the registry: a bad file, a good file, a proposal from a planner, a record corrected and found again."""

import re
from typing import Any

from playwright.sync_api import expect

from core.models import AuditEntry
from facilities.models import Facility

HEADER = "编号,名称,经度,纬度,客房数\n"
BAD = (
    HEADER + "H1,江畔酒店,104.001,30.601,五十\nH2,晨光酒店,30.602,104.002,40\nH2,晨光酒店,104.002,30.602,40\n"
)
GOOD = HEADER + "H1,江畔酒店,104.001,30.601,50\nH2,晨光酒店,104.002,30.602,40\n"


def bring(page: Any, text: str, name: str) -> None:
    page.goto("/facilities/import/")
    page.locator("[name=file]").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": text.encode("gb18030")}
    )
    page.locator("[name=datum]").fill("GCJ-02")
    page.locator("[name=encoding]").first.select_option("gb18030")
    page.get_by_role("button", name="Next: columns").click()
    page.wait_for_url("**/facilities/import/*/")
    page.locator("#use").select_option("hotel")
    page.get_by_role("button", name="Check the file").click()
    page.wait_for_url("**/imports/**")


def test_sun_is_told_every_bad_row_and_brings_in_the_corrected_file(
    town: Any, person: Any, open_page: Any, axe: Any
) -> None:
    page = open_page(user=person("sun", "steward"))
    before = Facility.objects.count()
    bring(page, BAD, "hotels.csv")
    expect(page.locator("h1")).to_contain_text("nothing was written")
    for word in ("五十", "H2", "hotels.csv"):
        expect(page.locator("main")).to_contain_text(word)
    assert axe(page) == [] and Facility.objects.count() == before

    bring(page, GOOD, "hotels.csv")
    expect(page.locator("h1")).to_contain_text("All 2 rows can be brought in")
    assert Facility.objects.count() == before
    page.get_by_role("button", name="Bring in 2 rows").click()
    expect(page.locator("h1")).to_contain_text("2 added")
    assert Facility.objects.count() == before + 2
    expect(page.locator("aside").last).to_contain_text("GCJ-02")

    page.locator(".seek").fill("江畔")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="江畔酒店").first.click()
    expect(page.locator("h1")).to_contain_text("江畔酒店")
    expect(page.locator("main")).to_contain_text("GCJ-02")
    page.wait_for_selector("body[data-ready]")
    assert page.problems == [] and page.outside_calls == []


def test_a_planner_proposes_a_change_and_sun_accepts_it(
    town: Any, person: Any, open_page: Any, axe: Any
) -> None:
    gym = town.places[0]
    lin = open_page(user=person("lin", "planner"))
    lin.goto(f"/facilities/{gym.ref}/")
    expect(lin.get_by_role("link", name="Edit", exact=True)).to_have_count(0)
    lin.get_by_role("link", name="Propose a change").click()
    lin.locator("[name=name_en]").fill("Riverside park")
    lin.locator("[name=reason]").fill("The sign at the gate says so.")
    lin.locator("main form .btn.main").click()
    lin.wait_for_load_state("networkidle")
    gym.refresh_from_db()
    assert gym.name_en == "Place 1"

    sun = open_page(user=person("sun", "steward"))
    sun.goto("/")
    sun.get_by_role("link", name="Decide on 1 proposed change").click()
    expect(sun.locator(".proposal")).to_contain_text("Riverside park")
    assert axe(sun) == []
    sun.get_by_role("button", name="Accept").click()
    expect(sun.locator(".proposal")).to_have_count(0)
    gym.refresh_from_db()
    assert gym.name_en == "Riverside park"
    sun.goto(f"/facilities/{gym.ref}/#history")
    expect(sun.locator("#history")).to_contain_text("Sun")
    assert AuditEntry.objects.filter(act__startswith="facility.").exists()
    assert lin.problems == [] and sun.problems == []


def test_a_filter_a_page_and_a_language_stay_in_the_address(town: Any, person: Any, open_page: Any) -> None:
    page = open_page(user=person("sun", "steward"))
    page.goto("/facilities/")
    page.get_by_role("checkbox", name=re.compile("Hotel")).check()
    page.wait_for_url("**use=hotel**")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="简体中文").click()
    page.wait_for_selector("html[lang=zh-hans]")
    assert "use=hotel" in page.url
    expect(page.locator("tbody tr")).to_have_count(1)
    assert not re.search(r"\b(Filters|Facility|Capacity|Export)\b", page.locator("main").inner_text())
    page.go_back()
    page.go_back()
    assert page.locator("tbody tr").count() >= 1
    assert page.problems == []
