"""200 made-up histories give exactly the alerts that a second reading of the definitions gives, however the rules are run."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from core.models import City, Organisation
from projects.models import AlertRule, SupervisionAlert
from projects.services import alert_rules, alerts
from tests.projects.histories import History, Pay, Report, made_up, store
from tests.projects.second_reading import SHIPPED, STANDING, Reader, after_working_days, months_on

pytestmark = pytest.mark.django_db


@pytest.fixture
def hands(people: dict[str, Any], person: Callable[..., Any]) -> dict[str, Any]:
    """The people of the histories: sun reports, gao audits; one owner for each level of responsibility."""
    from core.choices import Role

    alert_rules.load_shipped()
    return people | {
        "sun": person("sun.li", Role.STEWARD), "gao": person("gao.feng", Role.AUDITOR),
        "territory": person("of.territory", Role.VIEWER), "department": person("of.department", Role.REVIEWER),
        "enterprise": person("of.enterprise", Role.VIEWER), "office": Organisation.objects.first(),
    }  # fmt: skip


def raised(history: History) -> set[tuple[str, str, date]]:
    return set(SupervisionAlert.objects.filter(project=history.pk).values_list("code", "occasion", "due_on"))


def matters(found: set[tuple[str, str, date]]) -> set[tuple[str, str]]:
    """Rule and occasion of what is one record or one day: when the rules were run does not matter for these."""
    return {(code, occasion) for code, occasion, _due in found if code not in STANDING}


def settle(alert: SupervisionAlert, hands: dict[str, Any], day: date) -> None:
    alerts.explain(user=alert.owner, alert=alert, text="weather; see photo 3")
    alerts.close(user=hands["gao"], alert=alert, note="seen", today=day)


def test_the_shipped_rules_are_those_of_the_page(town: City, hands: dict[str, Any]) -> None:
    for rule in AlertRule.objects.all():
        numbers, answer, level = SHIPPED[rule.code]
        assert sorted(rule.thresholds.values()) == sorted(numbers.values()), rule.code
        assert (rule.answer_working_days, rule.owner_level) == (answer, level)
    assert set(AlertRule.objects.values_list("code", flat=True)) == set(SHIPPED)


def test_200_histories_give_exactly_the_expected_alerts(town: City, hands: dict[str, Any]) -> None:
    histories = [made_up(seed) for seed in range(200)]
    store(town, histories, hands)
    readers = {one.pk: Reader(one) for one in histories}
    dice = random.Random(6)
    day, last = date(2025, 2, 3), date(2026, 7, 20)
    while day <= last:
        alerts.raise_alerts(city=town, today=day)
        for reader in readers.values():
            reader.run(day)
        for alert in SupervisionAlert.objects.filter(state="open").select_related("owner"):
            if dice.random() < (0.1 if alert.code in STANDING else 0.004):
                settle(alert, hands, day)
                mine = [one for one in readers[alert.project_id].held if one.code == alert.code]
                next(one for one in mine if one.occasion == alert.occasion).closed_on = day
        day += timedelta(days=dice.choice([1, 16, 31, 45]))
    for one in histories:
        assert raised(one) == readers[one.pk].answer(), (one, readers[one.pk].held)
    seen = Counter(SupervisionAlert.objects.values_list("code", flat=True))
    assert set(seen) == set(SHIPPED)
    assert min(seen.values()) >= 10, seen
    assert any(
        count > 1
        for count in Counter(
            SupervisionAlert.objects.filter(code="lag").values_list("project", "thing")
        ).values()
    ), "something came up again"


def test_run_day_by_day_or_once_at_the_end_one_time_matters_are_the_same(
    town: City, hands: dict[str, Any]
) -> None:
    """Where nothing is taken back, every alert that is about one record or one day is raised whenever the rules are run."""
    histories = [made_up(seed) for seed in range(300, 330)]
    for one in histories:
        one.built = None
        for pay in one.payments:
            pay.taken_back = None
    store(town, histories, hands)
    end = date(2026, 1, 15)
    found: list[list[set[tuple[str, str]]]] = []
    for days in ([end], [end - timedelta(days=n) for n in range(60, -1, -1)]):
        with transaction.atomic():
            for day in days:
                alerts.raise_alerts(city=town, today=day)
            found.append([matters(raised(one)) for one in histories])
            transaction.set_rollback(True)
    # Records older than a rule looks back are asked about only by who ran it in time.
    once, daily = found
    assert [a - b for a, b in zip(once, daily, strict=True)] == [set()] * len(histories)
    kept = {"late-start", "scope-shrink", "overdue"}
    assert [{m for m in a if m[0] in kept} for a in once] == [{m for m in a if m[0] in kept} for a in daily]
    recent = (end - timedelta(days=240)).isoformat()[:7]
    for code in ("evidence", "far-from-site"):
        assert [{m for m in a if m[0] == code and m[1][-7:] > recent} for a in once] == [
            {m for m in a if m[0] == code and m[1][-7:] > recent} for a in daily
        ]


def test_running_again_raises_nothing_again(town: City, hands: dict[str, Any]) -> None:
    store(town, [made_up(seed) for seed in range(40)], hands)
    first = alerts.raise_alerts(city=town, today=date(2026, 3, 2))
    assert first.raised > 40
    before = set(SupervisionAlert.objects.values_list("pk", "due_on", "owner"))
    again = alerts.raise_alerts(city=town, today=date(2026, 3, 2))
    assert again.raised == again.ended == 0
    assert set(SupervisionAlert.objects.values_list("pk", "due_on", "owner")) == before


# --- boundaries: a day or a fen on either side of each threshold ---------------------------------------

A = date(2025, 3, 3)
D = date(2025, 9, 30)
MILLION = 1_000_000_00
HOLIDAY = date(2025, 10, 4)


def days(count: int) -> timedelta:
    return timedelta(days=count)


def quiet(**more: Any) -> History:
    """A project that gives no rule anything to ask, but for what is said."""
    return History(**({"approved_on": A, "approved_fen": MILLION} | more))


def edges() -> Iterator[tuple[str, str, History, date, bool]]:
    """(rule, edge, history, day of the run, must it be raised?)"""
    for late, wanted in ((29, False), (30, False), (31, True)):
        for name, starts, counted in (("planned", A + days(40), A + days(40)), ("approval", A - days(9), A), ("no plan", None, A)):  # fmt: skip
            yield "late-start", f"{name} {late}", quiet(starts_on=starts), counted + days(late), wanted
            begun = quiet(starts_on=starts, started_on=counted + days(late))
            yield "late-start", f"{name}, begun {late}", begun, counted + days(200), wanted
    for percent, wanted in ((40.0, True), (40.04, True), (40.05, False), (40.1, False)):
        by_report = quiet(starts_on=A, ends_on=A + days(100), started_on=A, reports=[Report(A.replace(day=1), A + days(40), percent)])  # fmt: skip
        yield "lag", f"report {percent}", by_report, A + days(50), wanted
        both = quiet(starts_on=A, ends_on=A + days(100), started_on=A, reports=[Report(A.replace(day=1), A + days(40), 90)], inspections=[(A + days(40), percent)])  # fmt: skip
        yield "lag", f"seen {percent}", both, A + days(50), wanted
    yield "lag", "not begun", quiet(starts_on=A, ends_on=A + days(100)), A + days(50), False
    yield (
        "lag",
        "begins that day",
        quiet(starts_on=A, ends_on=A + days(100), started_on=A + days(10)),
        A + days(10),
        True,
    )
    steps = [(A + days(50), 20, None), (A + days(80), 20, None)]
    yield "lag", "flat stretch", quiet(starts_on=A, ends_on=A + days(100), started_on=A, milestones=steps, inspections=[(A, 10.0)]), A + days(60), True  # fmt: skip
    yield "lag", "flat stretch, a tenth more", quiet(starts_on=A, ends_on=A + days(100), started_on=A, milestones=steps, inspections=[(A, 10.1)]), A + days(60), False  # fmt: skip
    yield "lag", "no dates", quiet(started_on=A), A + days(400), False
    year = [(2025, MILLION // 2)]
    # On 30 September eight months of 2025 are over: 333,333.33 yuan are due, half of it is 166,666.67.
    for fen, wanted in ((166_666_66, True), (166_666_67, False)):
        paid = quiet(lines=year, tranches=[(MILLION // 2, A)], payments=[Pay(1, fen, D, "x")], contracts=[("x", A)])  # fmt: skip
        yield "low-payment", f"{fen}", paid, D, wanted
    late_paid = quiet(lines=year, tranches=[(MILLION // 2, A)], payments=[Pay(1, MILLION // 3, D + days(1), "x")], contracts=[("x", A)])  # fmt: skip
    yield "low-payment", "paid the day after", late_paid, D, True
    for after, wanted in ((89, False), (90, True)):
        yield "low-payment", f"after {after}", quiet(lines=year), A + days(after), wanted
    yield "low-payment", "nothing due in January", quiet(approved_on=date(2024, 9, 2), lines=[(2025, MILLION // 2)]), date(2025, 1, 31), False  # fmt: skip
    yield "low-payment", "a twelfth in February", quiet(approved_on=date(2024, 9, 2), lines=[(2025, MILLION // 2)]), date(2025, 2, 1), True  # fmt: skip
    for units, wanted in ((951, False), (950, True), (1001, False)):
        yield "scope-shrink", str(units), quiet(units=units), D, wanted
    for late, wanted in ((15, False), (16, True)):
        yield "overdue", f"milestone {late}", quiet(milestones=[(A + days(30), 0, None)], started_on=A), A + days(30 + late), wanted  # fmt: skip
        seen = quiet(milestones=[(A + days(30), 0, A + days(30 + late))], started_on=A)
        yield "overdue", f"milestone seen {late}", seen, D, wanted
    for late, wanted in ((0, False), (1, True)):
        yield "overdue", f"end {late}", quiet(ends_on=D), D + days(late), wanted
    for fen, wanted in ((499_999_99, False), (500_000_00, True)):
        ahead = quiet(started_on=A, inspections=[(A, 20.0)], tranches=[(600_000_00, A)], payments=[Pay(1, fen, A + days(5), "x")], contracts=[("x", A)])  # fmt: skip
        yield "paid-ahead", str(fen), ahead, A + days(6), wanted
        before = quiet(tranches=[(600_000_00, A)], payments=[Pay(1, fen - 200_000_00, A + days(5), "x")], contracts=[("x", A)])  # fmt: skip
        yield "paid-ahead", f"no works {fen}", before, A + days(5), wanted
    for day, wanted in ((date(2025, 8, 31), False), (date(2025, 9, 1), True)):
        half = quiet(tranches=[(10_00, date(2025, 3, 1)), (10_00, None)], payments=[Pay(1, 5_00, date(2025, 3, 5), "x")], contracts=[("x", date(2025, 2, 1))], approved_on=date(2025, 2, 3))  # fmt: skip
        yield "idle-funds", f"half left on {day}", half, day, wanted
    end_of_month = quiet(tranches=[(10_00, date(2025, 8, 31))], approved_on=date(2025, 2, 3))
    yield "idle-funds", "27 February", end_of_month, date(2026, 2, 27), False
    yield "idle-funds", "28 February", end_of_month, date(2026, 2, 28), True
    less = quiet(tranches=[(10_00, A)], payments=[Pay(1, 5_01, A, "x")], contracts=[("x", A)])
    yield "idle-funds", "less than half left", less, date(2026, 3, 3), False
    for name, contract, wanted in (
        ("the same name", ("城建 公司（集团）", A + days(9)), False), ("signed later", ("城建公司(集团)", A + days(10)), True),
        ("another", ("城建公司", A), True),
    ):  # fmt: skip
        to = quiet(tranches=[(10_00, A)], payments=[Pay(1, 10_00, A + days(9), "城建公司(集团)")], contracts=[contract])  # fmt: skip
        yield "payee", name, to, A + days(9), wanted
    none = quiet(tranches=[(10_00, A)], payments=[Pay(1, 10_00, A + days(9), "x")])
    yield "payee", "before it was paid", none, A + days(8), False
    yield "payee", "365 days on", none, A + days(9 + 365), True
    yield "payee", "366 days on", none, A + days(9 + 366), False
    for part, wanted in ((10_00, False), (9_99, True)):
        back = quiet(tranches=[(10_00, A)], payments=[Pay(1, 10_00, A + days(9), "x", (part, A + days(20)))])
        yield "payee", f"taken back {part}", back, A + days(20), wanted
    # Reports of August 2025 are due five working days after 31 August: 5 September. Begun in July, none made.
    silent = quiet(started_on=date(2025, 7, 31))
    yield "silence", "on the last day", silent, date(2025, 9, 5), False
    yield "silence", "the day after", silent, date(2025, 9, 6), True
    one = quiet(started_on=date(2025, 7, 31), reports=[Report(date(2025, 7, 1), date(2025, 9, 6), 5)])
    yield "silence", "July reported late", one, date(2025, 9, 6), False
    # September's is due after the holiday week with its make-up day: 14 October (11 October is worked).
    yield "silence", "before the holidays count", one, date(2025, 10, 14), False
    yield "silence", "after the holidays", one, date(2025, 10, 15), True
    for wait, wanted in ((3, False), (4, True)):
        bare = quiet(started_on=A, reports=[Report(A.replace(day=1), A + days(30), 5)])
        yield "evidence", f"after {wait}", bare, A + days(30 + wait), wanted
        came = quiet(started_on=A, reports=[Report(A.replace(day=1), A + days(30), 5, [(A + days(30 + wait), "", None)])])  # fmt: skip
        yield "evidence", f"photo after {wait}", came, A + days(60), wanted
    for wrong, wanted in (("no-time", False), ("far", False), ("same", True), ("outside-window", True)):
        spoilt = quiet(started_on=A, reports=[Report(A.replace(day=1), A + days(30), 5, [(A + days(30), wrong, None)])])  # fmt: skip
        yield "evidence", wrong, spoilt, A + days(60), wanted
    # A ten-thousandth of a degree of longitude is 9.65 m here: 0.00518 of them are 500 m, 0.00519 are 501.
    for east, wrong, wanted in ((0.00518, "", False), (0.00519, "", True), (0.00519, "shifted", False)):
        away = quiet(started_on=A, reports=[Report(A.replace(day=1), A + days(30), 5, [(A + days(30), wrong, (104.05 + east, 30.05))])])  # fmt: skip
        yield "far-from-site", f"{east} {wrong}", away, A + days(31), wanted
        yield "far-from-site", f"moved {east}", quiet(moved_to=(104.05 + east, 30.05)), D, east == 0.00519
    for units, wanted in ((949, True), (950, False)):
        yield "capacity-below", str(units), quiet(built=(units, D)), D, wanted
    yield "capacity-below", "not known yet", quiet(built=(1, D)), D - days(1), False


def test_exactly_at_each_threshold_and_a_day_or_a_fen_beside_it(town: City, hands: dict[str, Any]) -> None:
    cases = [(code, edge, deepcopy(one), day, wanted) for code, edge, one, day, wanted in edges()]
    assert {code for code, *_rest in cases} == set(SHIPPED)
    store(town, [history for _code, _edge, history, _day, _wanted in cases], hands)
    wrong = []
    for day in sorted({day for *_rest, day, _wanted in cases}):
        with transaction.atomic():
            alerts.raise_alerts(city=town, today=day)
            for code, edge, history, when, wanted in cases:
                if when == day:
                    ours = code in {one for one, _occasion, _due in raised(history)}
                    reader = Reader(history)
                    reader.run(day)
                    theirs = code in {held.code for held in reader.held}
                    if (ours, theirs) != (wanted, wanted):
                        wrong.append(
                            (code, edge, day, "ours", ours, "second reading", theirs, "wanted", wanted)
                        )
            transaction.set_rollback(True)
    assert wrong == []


@pytest.mark.parametrize("day", [HOLIDAY, date(2025, 9, 27), date(2025, 9, 30), date(2026, 2, 13)])
def test_an_answer_is_due_after_working_days_holidays_and_make_up_days_counted(
    town: City, hands: dict[str, Any], day: date
) -> None:
    one = quiet(approved_on=A, units=900)
    store(town, [one], hands)
    alerts.raise_alerts(city=town, today=day)
    due = SupervisionAlert.objects.get(code="scope-shrink").due_on
    # By hand, ten working days: 28 September and 11 October 2025, 14 and 28 February 2026 are worked.
    assert due == {
        HOLIDAY: date(2025, 10, 21), date(2025, 9, 27): date(2025, 10, 16), date(2025, 9, 30): date(2025, 10, 21),
        date(2026, 2, 13): date(2026, 3, 5),
    }[day]  # fmt: skip
    assert due == after_working_days(day, 10)


def test_months_end_on_their_last_day() -> None:
    assert months_on(date(2025, 8, 31), 6) == date(2026, 2, 28)
    with connection.cursor() as cursor:
        for start in (date(2025, 8, 31), date(2024, 2, 29), date(2025, 12, 30)):
            for count in (1, 2, 6, 12, 14):
                cursor.execute("select (%s + make_interval(months => %s))::date", [start, count])
                assert cursor.fetchone()[0] == months_on(start, count)
