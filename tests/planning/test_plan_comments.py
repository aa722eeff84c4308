"""Comments on a plan: who may write, who reads which, and that nothing is said twice."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from core.errors import DomainError, Forbidden
from core.models import AuditEntry
from planning.models import PlanComment
from planning.selectors.plan_comments import comments_seen, open_count
from planning.services.plan_comments import add_comment, mark_answered
from tests.planning.test_plans import suggested


@pytest.fixture
def plan(priced: SimpleNamespace, compute: Any) -> SimpleNamespace:
    priced.version = suggested(priced, compute(priced), 70_000)
    priced.west = priced.version.interventions.get(kind="extend").order
    priced.east = priced.version.interventions.get(kind="stock").order
    priced.url = f"/api/v1/plans/{priced.version.plan.ref}/versions/1/comments/"
    return priced


@pytest.mark.parametrize("role", ["planner", "reviewer", "approver", "admin"])
def test_those_who_work_on_plans_may_comment(plan: SimpleNamespace, person: Any, role: str) -> None:
    comment = add_comment(user=person("one", role), version=plan.version, text=" Why here? ")
    assert (comment.text, comment.created_by.username) == ("Why here?", "one")
    assert AuditEntry.objects.filter(act="plan.comment").count() == 1


@pytest.mark.parametrize("role", ["viewer", "steward", "auditor", ""])
def test_others_may_not(plan: SimpleNamespace, person: Any, role: str) -> None:
    with pytest.raises(Forbidden):
        add_comment(user=person("one", role), version=plan.version, text="Why here?")
    assert not PlanComment.objects.exists()


def test_everybody_who_may_see_the_plan_reads(plan: SimpleNamespace, person: Any) -> None:
    add_comment(user=person("lin", "planner"), version=plan.version, text="Why here?")
    assert open_count(plan.version, user=person("he", "viewer")) == 1
    assert open_count(plan.version, user=person("chen", "")) == 0


def test_a_district_reads_what_is_said_of_its_own_places_and_of_the_whole(
    plan: SimpleNamespace, person: Any
) -> None:
    lin, kim = person("lin", "planner"), person("kim", "planner", plan.left)
    for order in (None, plan.west, plan.east):
        add_comment(user=lin, version=plan.version, text="Why?", order=order)
    assert {one.intervention and one.intervention.order for one in comments_seen(plan.version, user=kim)} == {
        None,
        plan.west,
    }
    add_comment(user=kim, version=plan.version, text="Ours", order=plan.west)
    with pytest.raises(DomainError, match=str(plan.east)):
        add_comment(user=kim, version=plan.version, text="Theirs", order=plan.east)
    hidden = PlanComment.objects.get(intervention__order=plan.east)
    with pytest.raises(DomainError) as told:
        mark_answered(user=kim, version=plan.version, comment_id=hidden.pk)
    assert told.value.status == 404


def test_the_same_words_twice_are_one_comment_but_other_words_or_places_are_not(
    plan: SimpleNamespace, person: Any
) -> None:
    lin = person("lin", "planner")
    first = add_comment(user=lin, version=plan.version, text="Why here?")
    assert add_comment(user=lin, version=plan.version, text="Why here?").pk == first.pk
    add_comment(user=lin, version=plan.version, text="Why here?", order=plan.west)
    add_comment(user=person("wang", "reviewer"), version=plan.version, text="Why here?")
    mark_answered(user=lin, version=plan.version, comment_id=first.pk)
    again = add_comment(user=lin, version=plan.version, text="Why here?")
    assert again.pk != first.pk and PlanComment.objects.count() == 4


@pytest.mark.parametrize("text", ["", " \n ", "x" * 4001])
def test_nothing_and_too_much_are_refused_in_words(plan: SimpleNamespace, text: str) -> None:
    with pytest.raises(DomainError) as told:
        add_comment(user=None, version=plan.version, text=text)
    assert told.value.status == 422


def test_a_comment_is_answered_once_and_may_be_opened_again(plan: SimpleNamespace, person: Any) -> None:
    wang, zhao = person("wang", "reviewer"), person("zhao", "approver")
    comment = add_comment(user=wang, version=plan.version, text="Why here?")
    told = mark_answered(user=zhao, version=plan.version, comment_id=comment.pk)
    assert told.resolved_by == zhao and told.resolved_at is not None
    assert mark_answered(user=wang, version=plan.version, comment_id=comment.pk).resolved_by == zhao
    assert (
        mark_answered(user=wang, version=plan.version, comment_id=comment.pk, answered=False).resolved_at
        is None
    )
    with pytest.raises(Forbidden):
        mark_answered(user=person("he", "viewer"), version=plan.version, comment_id=comment.pk)


def test_the_api_lists_creates_and_answers(plan: SimpleNamespace, person: Any, client: Client) -> None:
    client.force_login(person("lin", "planner"))
    body = {"text": "Why here?", "order": plan.west}
    made = client.post(plan.url, body, content_type="application/json")
    assert made.status_code == 201 and made.json()["order"] == plan.west
    pk = made.json()["id"]
    assert client.post(plan.url, body, content_type="application/json").json()["id"] == pk
    assert client.get(plan.url + f"?order={plan.east}").json()["count"] == 0
    answered = client.post(f"{plan.url}{pk}/resolve/", {}, content_type="application/json").json()
    assert answered["resolved_by"] == "lin"
    assert client.get(plan.url).json()["count"] == 1 and client.get(plan.url + "?open=1").json()["count"] == 0
    assert client.post(plan.url, {"text": " "}, content_type="application/json").status_code in (400, 422)
    assert (
        client.post(plan.url, {"text": "x", "order": 99}, content_type="application/json").json()["code"]
        == "unknown-order"
    )
    client.force_login(person("he", "viewer"))
    assert client.post(plan.url, {"text": "x"}, content_type="application/json").status_code == 403
    client.force_login(person("chen", ""))
    assert client.get(plan.url).status_code == 404


def test_the_page_keeps_what_was_written_when_it_is_refused(
    plan: SimpleNamespace, person: Any, client: Client
) -> None:
    client.force_login(person("lin", "planner"))
    url = f"/plans/{plan.version.plan.ref}/comments/"
    long = "wort " * 900
    page = client.post(url + "new/", {"version": 1, "text": long})
    assert page.status_code == 422 and long[:200] in page.content.decode()
    assert (
        client.post(url + "new/", {"version": 1, "text": "Why <b>here</b>?", "order": plan.west}).status_code
        == 302
    )
    page = client.get(url + "?version=1").content.decode()
    assert "Why &lt;b&gt;here&lt;/b&gt;?" in page and 'class="tag">1<' in page
    pk = PlanComment.objects.get().pk
    client.post(f"{url}{pk}/answered/", {"version": 1, "answered": "yes"})
    assert PlanComment.objects.get().resolved_by.username == "lin"
    card = client.get(f"{url}card/?version=1&order={plan.west}").content.decode()
    assert "Why &lt;b&gt;here" in card and "hx-post" in card
    client.force_login(person("he", "viewer"))
    assert "<textarea" not in client.get(url + "?version=1").content.decode()


def test_the_command_lists_writes_and_answers(plan: SimpleNamespace, capsys: Any) -> None:
    ref = f"{plan.version.plan.ref}:1"
    call_command("plan_comment", ref, "--text", "From a script", "--order", "1", "--json")
    pk = json.loads(capsys.readouterr().out)["comments"][0]["id"]
    call_command("plan_comment", ref, "--answered", str(pk), "--json")
    told = json.loads(capsys.readouterr().out)["comments"][0]
    assert told["text"] == "From a script" and told["resolved_at"]
    call_command("plan_comment", ref)
    assert "answered" in capsys.readouterr().out
