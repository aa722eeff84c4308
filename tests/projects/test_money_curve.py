"""Money against work: every figure worked by hand, and the whole programme summed a second way."""

from __future__ import annotations

import io
import itertools
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation
from hypothesis import given
from hypothesis import strategies as st

from core.models import Area
from planning.choices import FundSource
from projects.models import BudgetLine, Inspection, Milestone, Payment, ProgressReport, Project, Release
from projects.selectors import money_curve, money_drawing, pages, programme_money, schedule
from projects.services import money
from tests.projects.money_steps import approve, release, tranche

DAY = date(2026, 11, 20)


def test_each_year_is_spread_as_the_planned_works_are_and_ends_on_its_lines():
    # 2026: 120 yuan. Works run from 1 July 2026 to 1 January 2027 and are half done on 1 October: 50 % in 92 days, then
    # 50 % in 92 days. July has 31/92 of the first half, so 31/184 of the year: 12000 fen x 31/184 = 2021.7 -> 2021.
    found = money_curve.planned_months(
        lines=[(2026, 8_000), (2026, 4_000), (2027, 500)], begins=date(2026, 7, 1), ends=date(2027, 1, 1),
        points=[(date(2026, 10, 1), 50)],
    )  # fmt: skip
    assert found[0] == (date(2026, 7, 1), 0)
    assert found[1] == (date(2026, 8, 1), 12_000 * 31 // 184)
    assert found[3] == (date(2026, 10, 1), 6_000)
    assert found[6] == (date(2027, 1, 1), 12_000)
    # 2027 has a line and no works: its one month of the axis holds it all
    assert found[-1] == (date(2027, 2, 1), 12_500)


@given(
    lines=st.lists(st.tuples(st.integers(2024, 2029), st.integers(1, 10**13)), min_size=1, max_size=8),
    begins=st.dates(date(2024, 1, 1), date(2028, 12, 31)), days=st.integers(0, 1500),
    points=st.lists(st.tuples(st.dates(date(2024, 1, 1), date(2030, 1, 1)), st.integers(0, 100)), max_size=5),
)  # fmt: skip
def test_the_plan_never_falls_and_ends_on_the_sum_of_the_lines_to_the_fen(lines, begins, days, points):
    ends = date.fromordinal(begins.toordinal() + days)
    found = money_curve.planned_months(lines=lines, begins=begins, ends=ends, points=points)
    amounts = [fen for _when, fen in found]
    assert amounts == sorted(amounts)
    assert amounts[-1] == sum(fen for _year, fen in lines)
    by_day = dict(found)
    for year in range(2024, 2030):
        if date(year + 1, 1, 1) in by_day:
            assert by_day[date(year + 1, 1, 1)] == sum(fen for y, fen in lines if y <= year)


@given(most=st.integers(0, 10**14))
def test_ticks_hold_the_largest_amount_and_are_about_five(most):
    ticks = money_drawing.ticks_of(most)
    assert ticks[0] == 0
    assert ticks[-1] >= most
    assert 2 <= len(ticks) <= 7
    assert len({second - first for first, second in itertools.pairwise(ticks)}) == 1


def pay(project: Project, people: dict[str, Any], fen: int, day: date, key: str) -> Payment:
    return money.pay(
        user=people["wang"],
        tranche=tranche(project, 1),
        amount_fen=fen,
        payee="锦江城投",
        paid_on=day,
        key=key,
    )


def report(project: Project, month: date, percent: float, people: dict[str, Any]) -> None:
    made = ProgressReport.objects.create(
        project=project, month=month, works_percent=percent, reported_by=people["lin"]
    )
    # entered on the third of the month after
    when = timezone.make_aware(datetime(*money_drawing.next_month(month).timetuple()[:2], 3, 9))
    ProgressReport.objects.filter(pk=made.pk).update(reported_at=when)


@pytest.mark.django_db
def test_payment_behind_work_is_as_it_should_be_and_ahead_of_it_needs_explanation(project, people, approval):
    approved = approve(project, people, approval)
    release(approved, 1, people)
    assert money_curve.curve(approved, DAY).finding == "nothing-paid"
    pay(approved, people, 3_000_000_00, date(2026, 9, 10), "a")
    assert money_curve.curve(approved, DAY).finding == "works-unknown"
    report(approved, date(2026, 9, 1), 20, people)
    said = money_curve.curve(approved, DAY)
    # 20 % of 24.6 million is 4.92 million, and 3 million are paid
    assert (said.works_fen, said.paid_fen, said.finding, said.works_how) == (
        4_920_000_00, 3_000_000_00, "behind", "reported",
    )  # fmt: skip
    # an inspector saw 10 %: that counts, and 2.46 million are less than what is paid
    Inspection.objects.create(
        project=approved, ref="IN-1", planned_on=DAY, done_on=date(2026, 11, 12), works_percent=10, done_by=people["wang"]
    )  # fmt: skip
    said = money_curve.curve(approved, DAY)
    assert (said.works_fen, said.finding, said.works_how) == (2_460_000_00, "ahead", "seen")
    assert "needs explanation" in said.sentence
    october, november = (next(row for row in said.months if row.first.month == one and row.first.year == 2026) for one in (10, 11))  # fmt: skip
    assert (october.paid_fen, october.works_fen, october.said_percent) == (3_000_000_00, None, 20)
    assert (november.paid_fen, november.works_fen) == (3_000_000_00, 2_460_000_00)
    later = [row for row in said.months if row.first > DAY]
    assert later
    assert all(row.paid_fen is None and row.planned_fen is not None for row in later)
    assert later[-1].planned_fen == 24_600_000_00


@pytest.mark.django_db
def test_the_chart_says_its_lines_in_words_in_both_languages(project, people, approval):
    approved = approve(project, people, approval)
    release(approved, 1, people)
    pay(approved, people, 3_000_000_00, date(2026, 9, 10), "a")
    report(approved, date(2026, 9, 1), 20, people)
    client = Client()
    client.force_login(people["wang"])
    body = client.get(reverse("project_money", args=[approved.ref])).content.decode()
    for words in ("Works done 4.92", "Released 8.00", "Paid 3.00", "Planned 24.6", "as it should be"):
        assert words in body
    with translation.override("zh-hans"):
        words = [word.text for _name, one in money_curve.curve(approved, DAY).drawings for word in one.words]
        assert any("492.0" in word for word in words)
    for _name, one in money_curve.curve(approved, DAY).drawings:
        ys = sorted(float(word.y) for word in one.words)
        assert all(below - above >= 14.9 for above, below in itertools.pairwise(ys))
        assert all(0 <= float(word.x) <= one.width for word in one.words)


# --- the programme ---------------------------------------------------------------------------------


@pytest.fixture
def programme(project, people, approval) -> list[Project]:
    approved = approve(project, people, approval)
    release(approved, 1, people)
    pay(approved, people, 3_000_000_01, date(2026, 9, 10), "a")
    pay(approved, people, 99, date(2026, 11, 2), "b")
    report(approved, date(2026, 9, 1), 33.3, people)
    found = [approved]
    for number in range(2, 8):
        one = Project.objects.create(
            city=approved.city, ref=f"PJ-{number}", name=f"项目{number}", kind="convert", units=10, cost_fen=100 * number + 1,
            service=approved.service, point=approved.point, area=Area.objects.get(code="510104") if number % 2 else None,
            state="refused" if number == 7 else "draft", starts_on=date(2026, number, 1), ends_on=date(2027, number, 15),
        )  # fmt: skip
        BudgetLine.objects.create(project=one, year=2026, source=FundSource.PRIVATE, amount_fen=60 * number)
        BudgetLine.objects.create(project=one, year=2028, source=FundSource.LOCAL, amount_fen=40 * number + 1)
        Milestone.objects.create(project=one, number=1, name="主体完成", planned_on=date(2026, number, 20))
        found.append(one)
    return found


@pytest.mark.django_db
def test_the_programmes_sums_equal_those_of_its_projects_to_the_fen(programme, people):
    rows = pages.projects_visible_to(people["wang"])
    with CaptureQueriesContext(
        connection,
    ) as asked:
        said = programme_money.read(rows, DAY)
    assert len(asked) == 1
    going = [one for one in programme if one.state != "refused"]
    curves = [money_curve.curve(one, DAY) for one in going]
    assert said.projects == len(going)
    assert (
        said.total.planned_fen
        == sum(money.totals(one)["budget_fen"] for one in going)
        == said.matrix.total_fen
    )
    assert said.total.released_fen == sum(one.released_fen for one in curves) == said.curve.released_fen
    assert said.total.paid_fen == sum(one.paid_fen for one in curves) == said.curve.paid_fen == 3_000_001_00
    assert said.total.works_fen == sum(one.works_fen or 0 for one in curves) == said.curve.works_fen
    lines = BudgetLine.objects.filter(project__in=going)
    for year, cells, total in said.matrix.years:
        assert total == sum(line.amount_fen for line in lines if line.year == year)
        for (code, _label), fen in zip(said.matrix.sources, cells, strict=True):
            assert (fen or 0) == sum(
                line.amount_fen for line in lines if (line.year, line.source) == (year, code)
            )
    assert {one.code: one.projects for one in said.districts} == {"510104": 3, "": 3}
    # month by month the sum of what each project's own chart says
    for row in said.curve.months:
        if row.first <= DAY:
            each = [next((m for m in one.months if m.first == row.first), None) for one in curves]
            assert row.paid_fen == sum(one.paid_fen or 0 for one in each if one)
            assert row.released_fen == sum(one.released_fen or 0 for one in each if one)


@pytest.mark.django_db
def test_the_programmes_money_is_a_page_and_a_workbook_of_the_same_figures(programme, people, person):
    client = Client()
    client.force_login(people["wang"])
    page = client.get(reverse("programme_money"))
    assert page.status_code == 200
    assert "6 projects" in page.content.decode()
    book = openpyxl.load_workbook(io.BytesIO(client.get(reverse("programme_money_workbook")).content))
    sheet = book["By district"]
    last = [cell.value for cell in list(sheet.rows)[-1]]
    assert last[:2] == ["In all", 6]
    assert round(last[6] * 100) == 3_000_001_00
    narrowed = client.get(reverse("programme_money"), {"state": "approved"}).content.decode()
    assert "1 project:" in narrowed
    # a district's officer sees the sums of that district only
    local = person("local.officer", "reviewer", area="510104")
    client.force_login(local)
    assert "3 projects" in client.get(reverse("programme_money")).content.decode()
    stranger = Client()
    stranger.force_login(people["chen"])
    assert "3,000,001" not in stranger.get(reverse("programme_money")).content.decode()


# --- schedules -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_schedule_tells_what_was_planned_said_seen_and_is_late(project, people, approval):
    approved = approve(project, people, approval)
    release(approved, 1, people)
    Milestone.objects.filter(project=approved, number=1).update(
        reported_on=date(2026, 9, 4),
        reported_by=people["lin"],
        reached_on=date(2026, 9, 11),
        seen_by=people["finance"],
    )
    said = schedule.of_project(Project.objects.get(pk=approved.pk), date(2027, 5, 31))
    rows = {(row["group"], row["label"]): row for row in schedule.answer(said)}
    first, second = rows["Milestones", "1. 主体完成"], rows["Milestones", "2. 竣工"]
    assert (first["planned_on"], first["reported_on"], first["done_on"], first["late_days"]) == (
        date(2026, 9, 1), date(2026, 9, 4), date(2026, 9, 11), 10,
    )  # fmt: skip
    assert (second["done_on"], second["late_days"]) == (None, 30)
    assert rows["Tranches", "1. 合同签订"]["done_on"] is not None
    assert rows["Conditions", "接入第二水源"]["planned_on"] == date(2026, 12, 15)
    client = Client()
    client.force_login(people["wang"])
    body = client.get(reverse("project_schedule", args=[approved.ref])).content.decode()
    assert "1. 主体完成" in body or "主体完成" in body


def test_places_on_the_axis_follow_the_calendar():
    axis = schedule.axis_of([date(2026, 1, 16), date(2026, 12, 31)], date(2026, 7, 1))
    assert axis.width == 12 * schedule.MONTH
    assert axis.at(date(2026, 1, 1)) == 0
    assert axis.at(date(2026, 7, 1)) == axis.today == 6 * schedule.MONTH
    assert axis.at(date(2026, 2, 15)) == schedule.MONTH + schedule.MONTH // 2
    assert schedule.axis_of([None], date(2026, 1, 1)) is None


@pytest.mark.django_db
def test_three_hundred_projects_are_drawn_with_a_fixed_number_of_statements(programme, people):
    like = programme[1]
    made = Project.objects.bulk_create(
        Project(
            city=like.city, ref=f"PX-{number}", name=f"项目{number}", kind="convert", units=1, cost_fen=1, service=like.service,
            point=like.point, area=programme[0].area, starts_on=date(2026, 1, 1), ends_on=date(2027, 1, 1),
        )
        for number in range(300)
    )  # fmt: skip
    Milestone.objects.bulk_create(
        Milestone(project=one, number=number, name="主体", planned_on=date(2026, number, 1)) for one in made for number in (3, 9)
    )  # fmt: skip
    with CaptureQueriesContext(connection) as asked:
        said = schedule.programme(pages.projects_visible_to(people["wang"]), today=DAY)
    assert said.count == 307
    assert len(asked) <= 3
    by_state = schedule.programme(pages.projects_visible_to(people["wang"]), by="state", today=DAY)
    assert [group.label for group in by_state.groups] == ["Draft", "Approved", "Refused"]
    client = Client()
    client.force_login(people["wang"])
    body = client.get(reverse("programme_schedule")).content.decode()
    assert body.count('role="img"') == 300  # the rest on the next page
    assert Release.objects.count() == 1
