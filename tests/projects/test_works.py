"""Works on site: begun, reported month by month, milestones seen by the other side, findings put right and closed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from unittest.mock import patch

import pytest
from django.db import DatabaseError, connection, connections, transaction

from core.errors import DomainError, Forbidden
from projects.models import (
    Contract,
    Finding,
    Inspection,
    MilestoneChange,
    OutboxEvent,
    ProgressReport,
    Project,
    Rectification,
    ReportVersion,
)
from projects.selectors import site
from projects.selectors import works as seen
from projects.services import inspections, milestones, works
from projects.services.inspections import FindingSaid
from tests.projects.site_pictures import approved_on

pytestmark = pytest.mark.django_db
AUGUST, SEPTEMBER, OCTOBER = date(2026, 8, 1), date(2026, 9, 1), date(2026, 10, 1)


@pytest.fixture(autouse=True)
def today() -> Iterator[None]:
    """All of this happens on 21 November 2026."""
    with patch("django.utils.timezone.now", return_value=datetime(2026, 11, 21, 4, tzinfo=UTC)):
        yield


@pytest.fixture
def approved(project: Project, people: dict[str, Any]) -> Project:
    return approved_on(datetime(2026, 8, 3, 2, tzinfo=UTC), project, people)


@pytest.fixture
def begun(approved: Project, people: dict[str, Any]) -> Project:
    Contract.objects.create(
        project=approved,
        number="HT-1",
        payee="蓉城建设",
        amount_fen=20_000_000_00,
        signed_on=date(2026, 8, 10),
    )
    return works.start(user=people["lin"], project=approved, started_on=date(2026, 8, 12))


def report(project: Project, user: Any, month: date, percent: float, **more: Any) -> ProgressReport:
    return works.report(
        user=user, project=project, month=month, works_percent=percent, text="基坑开挖", **more
    )


def inspect(
    project: Project, user: Any, percent: float = 30, day: date = date(2026, 11, 10), **more: Any
) -> Inspection:
    planned = inspections.plan(user=user, project=project, planned_on=day)
    return inspections.do(
        user=user, inspection=planned, done_on=day, works_percent=percent, note="现场查看", **more
    )


# --- start -----------------------------------------------------------------------------------------


def test_works_begin_after_approval_with_a_contract_or_a_reason(project, people):
    with pytest.raises(DomainError) as refused:
        works.start(user=people["lin"], project=project, started_on=date(2026, 8, 12))
    assert refused.value.code == "project-not-approved"
    approved = approved_on(datetime(2026, 8, 3, 2, tzinfo=UTC), project, people)
    for day, code in (
        (date(2026, 8, 12), "no-contract"),
        (date(2026, 8, 2), "start-before-approval"),
        (date(2026, 11, 22), "day-in-future"),
    ):
        with pytest.raises(DomainError) as refused:
            works.start(user=people["lin"], project=approved, started_on=day)
        assert refused.value.code == code
    with pytest.raises(Forbidden):
        works.start(user=people["wang"], project=approved, started_on=date(2026, 8, 12), reason="x")
    begun = works.start(user=people["lin"], project=approved, started_on=date(2026, 8, 12), reason="自行施工")
    assert (begun.state, begun.started_on) == ("works", date(2026, 8, 12))
    assert OutboxEvent.objects.get(kind="works.started").payload["contract"] is False
    with pytest.raises(DomainError) as refused:
        works.start(user=people["lin"], project=approved, started_on=date(2026, 8, 12), reason="x")
    assert refused.value.code == "works-begun"


def test_works_without_a_first_day_are_refused_by_the_database(approved):
    with pytest.raises(DatabaseError, match="first day"), transaction.atomic():
        Project.objects.filter(pk=approved.pk).update(state="works")


def test_the_first_day_is_corrected_only_until_something_is_reported(begun, people):
    works.correct_start(user=people["lin"], project=begun, started_on=date(2026, 8, 14), reason="笔误")
    assert Project.objects.get().started_on == date(2026, 8, 14)
    report(begun, people["lin"], AUGUST, 5)
    with pytest.raises(DomainError) as refused:
        works.correct_start(user=people["lin"], project=begun, started_on=date(2026, 8, 15), reason="again")
    assert refused.value.code == "works-reported"
    with pytest.raises(DatabaseError, match="first day"), transaction.atomic():
        Project.objects.update(started_on=date(2026, 8, 20))


# --- months ----------------------------------------------------------------------------------------


def test_a_month_is_reported_once_and_less_than_before_needs_a_reason(begun, people):
    first = report(begun, people["lin"], AUGUST, 12)
    assert report(begun, people["lin"], date(2026, 8, 19), 12) == first
    with pytest.raises(DomainError) as refused:
        report(begun, people["lin"], AUGUST, 13)
    assert refused.value.code == "report-there"
    with pytest.raises(DomainError, match="12 %") as refused:
        report(begun, people["lin"], SEPTEMBER, 11)
    assert refused.value.code == "works-go-back"
    report(begun, people["lin"], SEPTEMBER, 11, reason="返工：基坑支护重做")
    assert [one.works_percent for one in begun.reports.all()] == [12, 11]
    assert OutboxEvent.objects.filter(kind="works.reported").count() == 2
    with pytest.raises(DatabaseError, match="need a reason"), transaction.atomic():
        ProgressReport.objects.create(project=begun, month=OCTOBER, works_percent=3)


@pytest.mark.parametrize(
    ("month", "percent", "code"),
    [
        (date(2026, 12, 1), 10, "month-in-future"),
        (date(2026, 7, 1), 10, "month-before-works"),
        (AUGUST, 101, "bad-share"),
        (AUGUST, float("nan"), "bad-share"),
        (AUGUST, -1, "bad-share"),
    ],
)
def test_what_cannot_be_reported_is_told(begun, people, month, percent, code):
    with pytest.raises(DomainError) as refused:
        report(begun, people["lin"], month, percent)
    assert refused.value.code == code
    assert not ProgressReport.objects.exists()


def test_a_correction_is_a_new_version_and_what_stood_before_is_kept(begun, people):
    made = report(begun, people["lin"], AUGUST, 12)
    works.correct_report(
        user=people["lin"], report=made, works_percent=10, text="基坑开挖一半", reason="重复计量"
    )
    made.refresh_from_db()
    assert (made.version, made.works_percent, made.reason) == (2, 10, "重复计量")
    old = ReportVersion.objects.get()
    assert (old.version, old.works_percent, old.text, old.reported_by) == (1, 12, "基坑开挖", people["lin"])
    with pytest.raises(DomainError) as refused:
        works.correct_report(
            user=people["lin"], report=made, works_percent=9, text="x", reason="old page", version=1
        )
    assert refused.value.status == 412
    for change in (
        lambda: ReportVersion.objects.update(works_percent=1),
        lambda: ReportVersion.objects.all().delete(),
        lambda: ProgressReport.objects.update(works_percent=50),
        lambda: ProgressReport.objects.update(month=SEPTEMBER),
        lambda: ProgressReport.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


# --- milestones ------------------------------------------------------------------------------------


def test_a_milestone_is_reached_only_when_the_other_side_saw_it(begun, people):
    first = begun.milestones.get(number=1)
    with pytest.raises(DomainError) as refused:
        milestones.see(user=people["wang"], milestone=first, reached_on=date(2026, 10, 25))
    assert refused.value.code == "milestone-not-reported"
    milestones.report(user=people["lin"], milestone=first, reported_on=date(2026, 10, 22))
    with pytest.raises(Forbidden):
        milestones.see(user=people["lin"], milestone=first, reached_on=date(2026, 10, 25))
    milestones.send_back(user=people["wang"], milestone=first, reason="东侧未封闭")
    assert first.reported_on is None
    milestones.report(user=people["lin"], milestone=first, reported_on=date(2026, 10, 30))
    milestones.see(user=people["wang"], milestone=first, reached_on=date(2026, 11, 2), text="已查看")
    assert (first.reached_on, first.seen_by) == (date(2026, 11, 2), people["wang"])
    assert [one.act for one in MilestoneChange.objects.all()] == ["reported", "sent_back", "reported", "seen"]
    assert set(OutboxEvent.objects.values_list("kind", flat=True)) >= {"milestone.reported", "milestone.seen"}
    with pytest.raises(DatabaseError, match="seen stays"), transaction.atomic():
        begun.milestones.filter(number=1).update(reached_on=date(2026, 10, 1))


def test_whoever_reported_anything_of_a_project_sees_none_of_its_milestones(begun, people, person):
    both = person("both.sides", "steward", "reviewer")
    report(begun, both, AUGUST, 12)
    first = begun.milestones.get(number=1)
    milestones.report(user=people["lin"], milestone=first, reported_on=date(2026, 10, 22))
    with pytest.raises(Forbidden) as refused:
        milestones.see(user=both, milestone=first, reached_on=date(2026, 10, 25))
    assert refused.value.code == "two-sides"
    with pytest.raises(DatabaseError, match="does not report"), transaction.atomic():
        begun.milestones.filter(number=1).update(reached_on=date(2026, 10, 25), seen_by=both)
    inspect(begun, people["wang"])
    with pytest.raises(DatabaseError, match="does not report"), transaction.atomic():
        ProgressReport.objects.create(
            project=begun, month=SEPTEMBER, works_percent=50, reported_by=people["wang"]
        )


def test_a_day_moves_with_its_reason_and_the_approved_day_stays_readable(begun, people):
    first = begun.milestones.get(number=1)
    with pytest.raises(Forbidden):
        milestones.revise(user=people["lin"], milestone=first, planned_on=date(2026, 11, 30), reason="雨季")
    with pytest.raises(DomainError) as refused:
        milestones.revise(user=people["wang"], milestone=first, planned_on=date(2026, 11, 30), reason=" ")
    assert refused.value.code == "no-reason"
    milestones.revise(user=people["wang"], milestone=first, planned_on=date(2026, 11, 30), reason="雨季停工")
    milestones.revise(user=people["wang"], milestone=first, planned_on=date(2026, 12, 5), reason="材料迟到")
    view = site.milestone_views(begun)[0]
    assert (view.approved_on, view.milestone.planned_on) == (date(2026, 10, 21), date(2026, 12, 5))
    assert [one.text for one in view.changes] == ["雨季停工", "材料迟到"]
    for change in (
        lambda: begun.milestones.filter(number=1).update(planned_on=date(2027, 1, 1)),
        lambda: begun.milestones.filter(number=1).update(works_percent=1),
        lambda: begun.milestones.filter(number=2).delete(),
        lambda: MilestoneChange.objects.update(from_on=date(2027, 1, 1)),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


# --- inspections and findings ----------------------------------------------------------------------


def test_an_inspection_is_written_once_with_its_findings_and_milestones(begun, people, person):
    first = begun.milestones.get(number=1)
    milestones.report(user=people["lin"], milestone=first, reported_on=date(2026, 10, 22))
    said = [
        FindingSaid("临边防护缺失", "safety", "JGJ 80-2016 4.1.1"),
        FindingSaid("混凝土养护记录不全", "minor", due_on=date(2026, 12, 1)),
    ]
    done = inspect(begun, people["wang"], 25, milestones=[first], findings=said)
    first.refresh_from_db()
    assert (first.reached_on, first.seen_in) == (date(2026, 11, 10), done)
    # Three working days after Tuesday 10 November 2026: Friday 13 November.
    assert [one.due_on for one in Finding.objects.order_by("id")] == [date(2026, 11, 13), date(2026, 12, 1)]
    assert list(done.inspectors.all()) == [people["wang"]]
    with pytest.raises(DomainError) as refused:
        inspections.do(user=people["wang"], inspection=done, done_on=done.done_on, works_percent=9, note="x")
    assert refused.value.code == "inspection-over"
    for change in (
        lambda: Inspection.objects.update(works_percent=90),
        lambda: Inspection.objects.all().delete(),
        lambda: done.inspectors.clear(),
        lambda: done.inspectors.add(people["zhao"]),
        lambda: Finding.objects.update(text="nothing"),
        lambda: Finding.objects.update(due_on=date(2027, 1, 1)),
        lambda: Finding.objects.update(state="closed", closed_by=people["wang"]),
        lambda: Finding.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert seen.percent_series(begun) == [(date(2026, 11, 10), 25, "seen")]


def test_a_refused_part_of_an_inspection_leaves_nothing_of_it(begun, people):
    planned = inspections.plan(user=people["wang"], project=begun, planned_on=date(2026, 11, 10))
    unreported = begun.milestones.get(number=1)
    with pytest.raises(DomainError):
        inspections.do(
            user=people["wang"], inspection=planned, done_on=date(2026, 11, 10), works_percent=25, note="x",
            milestones=[unreported], findings=[FindingSaid("x", "minor")],
        )  # fmt: skip
    planned.refresh_from_db()
    assert planned.done_on is None
    assert not Finding.objects.exists()


def test_a_finding_is_put_right_refused_put_right_again_and_closed_by_the_other_side(begun, people):
    inspect(begun, people["wang"], findings=[FindingSaid("临边防护缺失", "safety")])
    finding = Finding.objects.get()
    assert seen.summary(begun).findings_overdue == 1
    with pytest.raises(Forbidden):
        inspections.rectify(user=people["wang"], finding=finding, text="done")
    inspections.rectify(user=people["lin"], finding=finding, text="已加装护栏")
    assert seen.summary(begun).findings_overdue == 0
    with pytest.raises(Forbidden):
        inspections.check(user=people["lin"], finding=finding, accepted=True, answer="ok")
    inspections.check(
        user=people["wang"], finding=finding, accepted=False, answer="北侧仍缺", due_on=date(2026, 11, 25)
    )
    assert (finding.state, finding.due_on, finding.rectified_by) == ("open", date(2026, 11, 25), None)
    inspections.rectify(user=people["lin"], finding=finding, text="北侧已补齐")
    inspections.check(user=people["wang"], finding=finding, accepted=True, answer="已查看")
    assert (finding.state, finding.closed_by) == ("closed", people["wang"])
    rounds = Rectification.objects.order_by("number")
    assert [(one.due_on, one.accepted, one.answer) for one in rounds] == [
        (date(2026, 11, 13), False, "北侧仍缺"),
        (date(2026, 11, 25), True, "已查看"),
    ]
    with pytest.raises(DomainError) as refused:
        inspections.check(user=people["wang"], finding=finding, accepted=True, answer="again")
    assert refused.value.code == "finding-not-rectified"
    with pytest.raises(DatabaseError), transaction.atomic():
        Rectification.objects.update(answer="other words")
    with pytest.raises(DatabaseError), transaction.atomic():
        Finding.objects.update(state="open")
    kinds = list(
        OutboxEvent.objects.filter(kind__startswith="finding")
        .order_by("created_at")
        .values_list("kind", flat=True)
    )
    assert kinds.count("finding.opened") == 2
    assert kinds.count("finding.closed") == 1


def test_a_plan_sent_twice_is_one(begun, people):
    for _ in range(2):
        inspections.plan(user=people["wang"], project=begun, planned_on=date(2026, 11, 30))
    inspections.plan(user=people["finance"], project=begun, planned_on=date(2026, 11, 30))
    assert Inspection.objects.count() == 2


def test_a_planned_inspection_is_called_off_with_a_reason_and_stays(begun, people):
    planned = inspections.plan(user=people["wang"], project=begun, planned_on=date(2026, 11, 30))
    inspections.call_off(user=people["wang"], inspection=planned, reason="暴雨")
    with pytest.raises(DomainError):
        inspections.do(
            user=people["wang"], inspection=planned, done_on=date(2026, 11, 20), works_percent=9, note="x"
        )
    with pytest.raises(DatabaseError), transaction.atomic():
        Inspection.objects.update(called_off_reason="")
    assert not Inspection.objects.get().done_on


# --- what is known and what waits ------------------------------------------------------------------


def test_the_summary_says_what_was_seen_before_what_was_said(begun, people):
    report(begun, people["lin"], AUGUST, 12)
    report(begun, people["lin"], OCTOBER, 40)
    inspect(begun, people["wang"], 25)
    found = seen.summary(begun)
    assert (found.percent, found.reported.works_percent, found.planned_percent) == (25, 40, 20)
    assert found.months_missing == [SEPTEMBER]
    assert (found.milestones_late, found.next_milestone.number) == (1, 1)
    assert seen.percent_series(begun) == [
        (date(2026, 8, 31), 12, "reported"), (date(2026, 10, 31), 40, "reported"), (date(2026, 11, 10), 25, "seen"),
    ]  # fmt: skip
    assert seen.shares_of([begun.pk]) == {begun.pk: seen.Share(25, "seen", date(2026, 11, 10))}


def test_everybody_is_asked_for_their_side_only(begun, people):
    def kinds(name: str) -> list[str]:
        return sorted(row["kind"] for row in seen.waiting_for(people[name], begun.city))

    assert kinds("lin") == ["milestone-report", "report"]
    # October's report is due five working days after its end: Friday 6 November 2026.
    due = {row["kind"]: row["due_on"] for row in seen.waiting_for(people["lin"], begun.city)}
    assert due == {"report": date(2026, 11, 6), "milestone-report": date(2026, 10, 21)}
    report(begun, people["lin"], OCTOBER, 20)
    milestones.report(
        user=people["lin"], milestone=begun.milestones.get(number=1), reported_on=date(2026, 11, 2)
    )
    inspect(begun, people["finance"], findings=[FindingSaid("x", "minor"), FindingSaid("y", "minor")])
    inspections.rectify(user=people["lin"], finding=Finding.objects.first(), text="done")
    inspections.plan(user=people["wang"], project=begun, planned_on=date(2026, 11, 30))
    assert kinds("lin") == ["finding"]
    assert kinds("wang") == ["finding-close", "inspection", "milestone"]
    assert kinds("zhao") == kinds("chen") == []


def test_a_district_officer_is_asked_only_for_that_district(begun, person):
    from core.models import Area

    top = Area.objects.get(code="510100")
    Area.objects.create(
        city=begun.city, code="510105", name="青羊区", level=2, parent=top, path="510100/510105/",
        geometry=top.geometry, label_point=top.label_point,
    )  # fmt: skip
    here, there = person("here", "planner", area="510104"), person("there", "planner", area="510105")
    assert [row["kind"] for row in seen.waiting_for(here, begun.city)] == ["report", "milestone-report"]
    assert seen.waiting_for(there, begun.city) == []


@pytest.mark.django_db(transaction=True)
def test_of_two_who_report_the_same_month_at_once_one_is_told(begun, people):
    barrier, said = threading.Barrier(2), []

    def send(percent: float) -> None:
        barrier.wait()
        try:
            report(begun, people["lin"], AUGUST, percent)
            said.append("made")
        except DomainError as refused:
            said.append(refused.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=(percent,)) for percent in (10, 11)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(said) == ["made", "report-there"]
    assert ProgressReport.objects.count() == 1
    assert connection.vendor == "postgresql"
