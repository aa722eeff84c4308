"""The way of an official through the pages: drafted, countersigned, returned, handed in again, approved with a condition,
money held and then free. In both languages."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from projects.models import CalendarYear, Case, Condition, Project, Release, ReturnItem

pytestmark = pytest.mark.django_db


def as_(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def answer(user: Any, case: Case, task: str, **said: Any) -> Any:
    """Both steps of the one-question page: check, then record."""
    client, address = as_(user), reverse("case_step", args=[case.ref, task])
    assert client.get(address).status_code == 200
    checked = client.post(address, said)
    assert checked.status_code == 200, checked.content.decode()[:3000]
    assert "Record it" in checked.content.decode()
    return client.post(address, said | {"go": "yes"})


@pytest.fixture
def handed_in(town, people: dict[str, Any]) -> Case:
    client = as_(people["lin"])
    made = client.post(
        reverse("project_new"),
        {
            "name": "文轩体育馆改造", "kind": "convert", "service": "short_fixed_shelter", "longitude": "104.05", "latitude": "30.05",
            "units": "900", "cost_yuan": "24600000.50", "investment_code": "2603-510104-04-01-482917",
        },
    )  # fmt: skip
    project = Project.objects.get()
    assert made.url == reverse("project_money_edit", args=[project.ref])
    assert project.cost_fen == 24_600_000_50
    assert project.area.code == "510104"
    sent = client.post(
        made.url,
        {
            "year": ["2026", "2027", ""], "source": ["central", "local", "central"], "amount": ["14600000.50", "10,000,000", ""],
            "tranche": ["合同签订", "通过转换检查"], "tranche_amount": ["10000000", "14600000.50"],
            "milestone": ["主体完成"], "planned_on": ["2027-03-01"], "percent": ["50"],
        },
    )  # fmt: skip
    assert sent.status_code == 302
    assert (
        client.post(reverse("project_submit", args=[project.ref]), {"route": "approval"}).status_code == 302
    )
    return Case.objects.get()


def test_a_project_is_returned_answered_approved_with_a_condition_and_its_money_waits_for_it(
    handed_in, people
):
    case, project = handed_in, handed_in.project
    answer(people["wang"], case, "completeness", outcome="done")
    answer(people["reform"], case, "reform", outcome="agree")
    back = {"outcome": "return", "reason": "消防疏散图缺失", "item": ["补充疏散图", "说明第二出口"]}
    done = answer(people["housing"], case, "housing", **back)
    assert done.url == reverse("case_step_done", args=[case.ref, 1, "housing"])
    confirmed = as_(people["housing"]).get(done.url).content.decode()
    assert "补充疏散图" in confirmed and "The case is back with lin.wei" in confirmed
    assert ReturnItem.objects.count() == 2

    lin = as_(people["lin"])
    assert "补充疏散图" in lin.get(reverse("case_answers", args=[case.ref])).content.decode()
    refused = lin.post(reverse("case_answers", args=[case.ref]), {"again": "yes"})
    assert refused.status_code == 422
    said = {f"item-{item.pk}": "已补充，见附图 3" for item in ReturnItem.objects.all()}
    assert lin.post(reverse("case_answers", args=[case.ref]), said | {"again": "yes"}).status_code == 302

    answer(people["wang"], case, "completeness", outcome="done")
    for department in ("reform", "natural_resources", "housing", "emergency", "finance"):
        answer(people[department], case, department.replace("_", "-"), outcome="agree")
    answer(people["finance"], case, "cost-review", outcome="done") if case.steps.filter(
        task__code="cost-review", state="open"
    ).exists() else None
    answer(people["wang"], case, "recommend", outcome="approve", reason="符合规划，缺口真实")
    asked = {
        "outcome": "conditions",
        "reason": "同意，接入第二水源",
        "condition": ["接入第二水源", ""],
        "condition_due": [(timezone.localdate() + timedelta(days=30)).isoformat(), ""],
    }
    answer(people["zhao"], case, "decide", **asked)
    project.refresh_from_db()
    assert (project.state, project.approved_fen) == ("approved", 24_600_000_50)

    lin.post(reverse("tranche_ask", args=[project.ref, 1]))
    money = Case.objects.get(tranche__number=1)
    answer(people["wang"], money, "finance", outcome="approve", reason="合同已签")
    address = reverse("case_step", args=[money.ref, "decide"])
    blocked = as_(people["zhao"]).post(address, {"outcome": "approve", "reason": "放款", "go": "yes"})
    assert blocked.status_code == 409
    assert "接入第二水源" in blocked.content.decode()
    assert not Release.objects.exists()
    condition = Condition.objects.get()
    settled = as_(people["wang"]).post(
        reverse("condition", args=[condition.pk]), {"note": "现场查看，照片 P-12"}
    )
    assert settled.status_code == 302
    answer(people["zhao"], money, "decide", outcome="approve", reason="条件已满足")
    assert Release.objects.get().amount_fen == 10_000_000_00
    page = lin.get(reverse("project", args=[project.ref])).content.decode()
    assert "Released" in page
    assert "条件已满足" in page


def test_who_may_not_do_a_task_sees_that_in_words_and_changes_nothing(handed_in, people):
    case = handed_in
    # Any reviewer may look whether the papers are complete; an approver and a planner may not.
    for name, status in (("zhao", 403), ("lin", 403), ("finance", 200)):
        found = as_(people[name]).get(reverse("case_step", args=[case.ref, "completeness"]))
        assert found.status_code == status
    assert as_(people["chen"]).get(reverse("project", args=[case.project.ref])).status_code == 404
    assert case.steps.filter(state="done").count() == 0


def test_an_answer_without_its_reason_or_items_is_told_at_once_and_keeps_what_was_typed(handed_in, people):
    address = reverse("case_step", args=[handed_in.ref, "completeness"])
    sent = as_(people["wang"]).post(address, {"outcome": "return", "reason": "图纸缺失", "item": [" "]})
    assert sent.status_code == 422
    assert "List what has to change" in sent.content.decode()
    assert "图纸缺失" in sent.content.decode()


def test_the_inbox_shows_only_what_its_owner_may_do(handed_in, people):
    assert "1 thing waits for you" in as_(people["wang"]).get(reverse("inbox")).content.decode()
    assert "Nothing waits for you" in as_(people["lin"]).get(reverse("inbox")).content.decode()


def test_lines_that_do_not_fit_the_cost_are_refused_and_stay_on_the_page(town, people, project):
    client = as_(people["lin"])
    sent = client.post(
        reverse("project_money_edit", args=[project.ref]),
        {
            "year": ["2026"],
            "source": ["local"],
            "amount": ["24600000"],
            "tranche": ["合同"],
            "tranche_amount": ["1"],
        },
    )
    assert sent.status_code == 422
    assert "do not add up" in sent.content.decode()
    assert "合同" in sent.content.decode()


def test_a_task_that_stays_is_told_to_the_one_above_once(handed_in, people, capsys):
    handed_in.steps.filter(state="open").update(due_on="2026-01-05")
    call_command("project", "escalate", "--as", "lin.wei", "--json")
    assert [row["task"] for row in json.loads(capsys.readouterr().out)] == ["completeness"]
    call_command("project", "escalate", "--as", "lin.wei", "--json")
    assert json.loads(capsys.readouterr().out) == []
    assert "Told to the one above" in as_(people["wang"]).get(reverse("inbox")).content.decode()


def test_the_same_answer_sent_twice_is_one_answer_and_shows_what_was_recorded(handed_in, people):
    address = reverse("case_step", args=[handed_in.ref, "completeness"])
    said = {"outcome": "done", "reason": "", "go": "yes"}
    done = reverse("case_step_done", args=[handed_in.ref, 1, "completeness"])
    client = as_(people["wang"])
    assert [client.post(address, said).url for _ in range(2)] == [done, done]
    assert handed_in.steps.filter(task__code="completeness", state="done").count() == 1
    # So with the button that hands in.
    lin = as_(people["lin"])
    again = lin.post(reverse("project_submit", args=[handed_in.project.ref]), {"route": "approval"})
    assert again.url == reverse("project", args=[handed_in.project.ref])
    assert Case.objects.count() == 1


def test_a_due_date_in_a_year_that_is_not_announced_says_so(handed_in, people):
    step = handed_in.steps.get(task__code="completeness")
    pages = [
        reverse("inbox"),
        reverse("project", args=[handed_in.project.ref]),
        reverse("case_step", args=[handed_in.ref, "completeness"]),
    ]
    client = as_(people["wang"])
    for announced in (True, False):
        CalendarYear.objects.filter(year=step.due_on.year).update(announced=announced)
        for page in pages:
            assert ("not yet announced" in client.get(page).content.decode()) is not announced, page


def test_the_case_page_asks_few_statements_however_long_its_history(handed_in, people):
    def statements() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert (
                as_(people["wang"]).get(reverse("project", args=[handed_in.project.ref])).status_code == 200
            )
        return len(seen)

    first = statements()
    step = handed_in.steps.get(task__code="reform")
    for number in range(20):
        Condition.objects.create(project=handed_in.project, step=step, text=f"c{number}")
    assert statements() <= first + 2
