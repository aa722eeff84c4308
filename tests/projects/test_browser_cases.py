"""The pages of an official in a real browser: accessible in both languages, on a phone and at 400 % zoom, by keyboard alone,
and without scripts."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from projects.choices import CaseState
from projects.models import Case, Condition, Project
from projects.services import cases, routes

pytestmark = pytest.mark.django_db(transaction=True)
# 1280 px at 400 % leaves 320 CSS px (WCAG 1.4.10).
PHONE, ZOOMED = (400, 860), (320, 256)


@pytest.fixture
def returned(project: Project, people: dict[str, Any]) -> Case:
    """A filing in its first round, returned with two items."""
    case = cases.submit(user=people["lin"], project=project, route=routes.current(code="filing"))
    cases.act(
        user=people["reform"],
        step=case.steps.get(task__code="recommend"),
        outcome="approve",
        reason="符合规划",
    )
    cases.act(
        user=people["zhao"], step=case.steps.get(task__code="decide"), outcome="return", reason="资料不全",
        items=["补充疏散图", "说明第二出口"],
    )  # fmt: skip
    return Case.objects.get(pk=case.pk)


@pytest.fixture
def second_round(returned: Case, people: dict[str, Any]) -> Case:
    """Answered, changed and handed in again, with a condition proposed: only the decision is left."""
    for step in returned.steps.filter(task__code="decide"):
        for item in step.return_items.all():
            cases.answer(user=people["lin"], item=item, text="已补充")
    Project.objects.filter(pk=returned.project_id).update(units=950)
    case = cases.resubmit(user=people["lin"], case=returned)
    cases.act(
        user=people["reform"], step=case.steps.get(round=2, task__code="recommend"), outcome="conditions", reason="可行",
        conditions=[("接入第二水源", None)],
    )  # fmt: skip
    return Case.objects.get(pk=case.pk)


def fits(page: Any) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_of_a_case_are_accessible_and_fit_a_phone_and_400_percent(
    returned, people, open_page, axe, language
):
    case, project = returned, returned.project
    lin_pages = [
        f"/projects/{project.ref}/",
        f"/cases/{case.ref}/answers/",
        "/inbox/",
        f"/cases/{case.ref}/newer/",
    ]
    walk(lin_pages, people["lin"], open_page, axe, language)
    for step in case.steps.filter(task__code="decide"):
        for item in step.return_items.all():
            cases.answer(user=people["lin"], item=item, text="已补充")
    cases.resubmit(user=people["lin"], case=case)
    recommend = f"/cases/{case.ref}/steps/recommend/"
    walk([recommend, f"{recommend}?outcome=return", "/inbox/"], people["reform"], open_page, axe, language)
    walk([recommend], people["lin"], open_page, axe, language)  # refused, in words
    step = Case.objects.get(pk=case.pk).steps.get(round=2, task__code="recommend")
    cases.act(user=people["reform"], step=step, outcome="approve", reason="可行")
    step = Case.objects.get(pk=case.pk).steps.get(round=2, task__code="decide")
    cases.act(
        user=people["zhao"],
        step=step,
        outcome="conditions",
        reason="同意",
        conditions=[("接入第二水源", None)],
    )
    done = f"/cases/{case.ref}/rounds/2/decide/"
    condition = f"/conditions/{Condition.objects.get().pk}/"
    walk([f"/projects/{project.ref}/", done, condition], people["zhao"], open_page, axe, language)


def walk(addresses: list[str], user: Any, open_page: Any, axe: Any, language: str) -> None:
    wide = open_page(user=user, language=language)
    narrow = [open_page(user=user, language=language, width=w, height=h) for w, h in (PHONE, ZOOMED)]
    for address in addresses:
        wide.goto(address)
        if wide.locator("#map").count():
            wide.wait_for_selector("body[data-ready]", timeout=30_000)
        assert axe(wide) == [], address
        assert wide.locator(".btn.main:visible").count() <= 1, address
        for page in narrow:
            page.goto(address)
            assert fits(page), (address, page.viewport_size)
    assert [one for one in wide.problems if "403" not in one] == [] and wide.outside_calls == []


def test_a_decision_is_made_by_keyboard_alone_and_tells_what_comes_next(second_round, people, open_page):
    page = open_page(user=people["zhao"])
    page.goto("/inbox/")
    tab_to(page, f"a[href$='/{second_round.ref}/steps/decide/']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/steps/decide/")
    # What was recommended stands ready: its condition is in the first row, its choice is made.
    expect(page.locator("input[value=conditions]")).to_be_checked()
    expect(page.locator("textarea[name=condition]").first).to_have_value("接入第二水源")
    expect(page.locator("textarea[name=item]").first).to_be_hidden()
    tab_to(page, "input[name=outcome]:checked")
    page.keyboard.press("ArrowDown")
    expect(page.locator("textarea[name=item]").first).to_be_visible()
    expect(page.locator("textarea[name=condition]").first).to_be_hidden()
    page.keyboard.press("ArrowUp")
    tab_to(page, "#reason")
    page.keyboard.type("Real need, fair price")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Is this right?")).to_be_visible()
    expect(page.get_by_text("Real need, fair price")).to_be_visible()
    tab_to(page, "button[value=yes]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/rounds/2/decide/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Recorded: Approve with conditions")
    case = Case.objects.get(pk=second_round.pk)
    assert case.state == CaseState.CONDITIONAL
    assert Condition.objects.get().text == "接入第二水源"


def tab_to(page: Any, selector: str, most: int = 80) -> None:
    for _press in range(most):
        if page.evaluate("chosen => document.activeElement?.matches(chosen) ?? false", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached with the keyboard")


def test_what_changed_between_rounds_is_told_in_words(second_round, people, open_page):
    for language, words in (
        ("en", ("Changed since round 1", "Units gained", "950", "before: 900")),
        ("zh-hans", ("950", "900")),
    ):
        page = open_page(user=people["zhao"], language=language)
        page.goto(f"/cases/{second_round.ref}/steps/decide/")
        for one in words:
            expect(page.locator("aside")).to_contain_text(one)


def test_a_question_is_answered_without_scripts(second_round, people, browser, live_server):
    from tests.conftest import sign_in

    context = browser.new_context(base_url=live_server.url, java_script_enabled=False, locale="en-GB")
    sign_in(context, people["zhao"], live_server.url)
    page = context.new_page()
    page.goto(f"/cases/{second_round.ref}/steps/decide/")
    page.locator("input[value=return]").check()
    page.locator("textarea[name=item]").first.fill("a plan of the exits")
    page.locator(".choice", has=page.locator("input[value=return]")).get_by_role(
        "button", name="One more row"
    ).click()
    expect(page.locator("textarea[name=item]").first).to_have_value("a plan of the exits")
    page.locator("textarea[name=item]").nth(1).fill("the second water source")
    # Forgotten: the reason. What was typed stays.
    page.get_by_role("button", name="Check your decision").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why")
    expect(page.locator("textarea[name=item]").nth(1)).to_have_value("the second water source")
    page.locator("#reason").fill("papers are missing")
    page.get_by_role("button", name="Check your decision").click()
    page.get_by_role("button", name="Record it").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Recorded: Return for changes")
    context.close()
    assert Case.objects.get(pk=second_round.pk).state == CaseState.RETURNED


def test_who_was_slower_is_told_kindly_and_keeps_the_words(second_round, people, person, open_page):
    other = person("qian.wu", "approver")
    page = open_page(user=other)
    page.goto(f"/cases/{second_round.ref}/steps/decide/")
    page.locator("input[value=refuse]").check()
    page.locator("#reason").fill("others are near enough")
    step = second_round.steps.get(round=2, task__code="decide")
    cases.act(user=people["zhao"], step=step, outcome="approve", reason="yes")
    page.get_by_role("button", name="Check your decision").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("zhao.min was quicker")
    expect(page.locator(".kept")).to_contain_text("others are near enough")
    # One's own second click shows what was recorded.
    again = open_page(user=people["zhao"])
    again.goto(f"/cases/{second_round.ref}/steps/decide/")
    again.wait_for_url("**/rounds/2/decide/")
