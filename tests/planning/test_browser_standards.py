"""The editor of standards in a real browser: drawn, accessible, in both languages and narrow, and it works by hand."""

import re

import pytest
from playwright.sync_api import expect

from planning.models import Standard, StandardProfile
from planning.services import standard_rows, standards
from planning.services.reference import load_reference
from tests.planning.town import SERVICE


@pytest.fixture
def draft(transactional_db, town):
    StandardProfile.objects.filter(pk=town.profile.pk).update(family="worked", is_default=False)
    town.profile.standards.update(conversion_source="worked example", conversion_certainty="D")
    load_reference()
    made = standards.draft_profile(
        user=None,
        name="市标准",
        name_en="City rules",
        parent=StandardProfile.objects.get(code="cn-default"),
        reason="local plan",
    )
    standard_rows.add_standard(
        user=None, profile=made, service=town.service, values={"ratio": 1.25, "reason": "more room"}
    )
    return made


@pytest.mark.parametrize(("language", "width"), [("en", 1440), ("zh-hans", 1440), ("en", 360)])
def test_the_pages_of_standards_are_accessible(draft, person, open_page, axe, language, width):
    page = open_page(user=person("ada", "admin"), language=language)
    page.set_viewport_size({"width": width, "height": 900})
    row = Standard.objects.get(profile=draft)
    for address in (
        "/standards/", "/standards/city-rules/", f"/standards/city-rules/rows/{row.pk}/", "/standards/city-rules/deviations/",
        "/standards/city-rules/minimum-needs/?people=1010&days=20&with=sphere-2018", "/standards/city-rules/what-if/",
        "/standards/city-rules/publish/", "/standards/new/",
    ):  # fmt: skip
        page.goto(address)
        assert axe(page) == [], address


def test_a_planner_changes_a_ratio_and_reads_it_in_what_differs(draft, person, open_page):
    page = open_page(user=person("lin", "planner"))
    page.goto("/standards/city-rules/")
    page.get_by_role("link", name=re.compile("Set otherwise.*Isolation lodging")).click()
    page.get_by_label("Units", exact=True).fill("60")
    page.get_by_role("button", name="Keep in the draft").click()
    expect(page.get_by_text("Say why it differs from the profile above.", exact=True)).to_be_visible()
    page.get_by_label("Highest likely").fill("130")
    page.get_by_label("Reason").fill("As many as Shanghai needed in 2022.")
    page.get_by_role("button", name="Keep in the draft").click()
    page.wait_for_url("**/standards/city-rules/")
    page.get_by_role("link", name="What differs").click()
    expect(page.get_by_text("As many as Shanghai needed in 2022.").first).to_be_visible()
    row = Standard.objects.get(profile=draft, service__code="isolation_lodging")
    assert (row.ratio, row.ratio_high, row.per_people) == (0.006, 0.013, 10_000)
    assert Standard.objects.get(profile=draft, service__code=SERVICE).ratio == 1.25
