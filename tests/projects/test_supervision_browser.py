"""Supervision in a real browser: an alert is answered by keyboard alone; every page is accessible and fits a phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from core.choices import Role
from core.models import City, Organisation
from projects.models import SupervisionAlert
from projects.services import alert_rules, alerts
from tests.projects.histories import History, Pay, store

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hands(people: dict[str, Any], person: Callable[..., Any], town: City) -> dict[str, Any]:
    alert_rules.load_shipped()
    found = people | {
        "sun": person("sun.li", Role.STEWARD), "gao": person("gao.feng", Role.AUDITOR),
        "territory": person("of.territory", Role.VIEWER), "office": Organisation.objects.first(),
    }  # fmt: skip
    histories = [
        History(
            approved_on=date(2025, 3, 3), starts_on=date(2025, 4, 1), owners=["territory"],
            tranches=[(10_00, date(2025, 3, 4))], payments=[Pay(1, 4_00, date(2025, 9, 1), "另一家公司")],
        )
        for _n in range(30)
    ]  # fmt: skip
    store(town, histories, found)
    alerts.raise_alerts(city=town, today=date(2025, 10, 13))
    return found


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_of_supervision_is_accessible_and_fits_a_phone(
    hands: dict[str, Any], open_page: Any, axe: Any, language: str
) -> None:
    alert = SupervisionAlert.objects.filter(code="late-start").first()
    assert alert is not None
    alerts.explain(user=hands["territory"], alert=alert, text="Land came late; paper 14")
    wide = open_page(user=hands["gao"], language=language)
    narrow = open_page(user=hands["gao"], language=language, width=400, height=860)
    for address in (
        "/supervision/", "/supervision/?rule=payee&due=overdue", "/supervision/risk/", "/supervision/rules/",
        "/supervision/rules/idle-funds/", f"/supervision/alerts/{alert.pk}/",
    ):  # fmt: skip
        wide.goto(address)
        assert axe(wide) == [], address
        narrow.goto(address)
        assert narrow.evaluate("document.documentElement.scrollWidth") <= 400, address
    assert wide.problems == []
    assert wide.outside_calls == []


def test_an_alert_is_explained_and_accepted_by_keyboard_alone(hands: dict[str, Any], open_page: Any) -> None:
    alert = SupervisionAlert.objects.filter(code="late-start").first()
    assert alert is not None
    page = open_page(user=hands["territory"])
    page.goto(f"/supervision/alerts/{alert.pk}/")
    page.locator("#text").focus()
    page.keyboard.type("Land came late; paper 14")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Explained, to be judged by somebody else")
    judge = open_page(user=hands["gao"])
    judge.goto(f"/supervision/alerts/{alert.pk}/")
    judge.locator("input[value=close]").focus()
    judge.keyboard.press("Space")
    judge.keyboard.press("Tab")
    judge.keyboard.type("Paper 14 seen")
    judge.keyboard.press("Tab")
    judge.keyboard.press("Enter")
    judge.wait_for_selector("text=Explained and closed")
    alert.refresh_from_db()
    assert (alert.state, alert.closed_by, alert.closing_note) == ("closed", hands["gao"], "Paper 14 seen")
    assert page.problems == judge.problems == []
