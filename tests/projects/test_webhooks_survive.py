"""Broker or worker killed between the decision and the webhook: nothing lost, nothing sent twice without the same id. With a
real worker and scheduler, a real broker, a real receiver, and real decisions."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import DomainError
from projects.choices import StepState
from projects.models import Case, Delivery, OutboxEvent, Project, Webhook
from projects.selectors import officers
from projects.services import cases, events, routes, webhooks
from tests.projects.receiving import Platform, Receiver, receiving, wait_until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(Receiver()) as made:
        yield made


@pytest.fixture
def platform(transactional_db: None, tmp_path: Path) -> Iterator[Platform]:
    made = Platform(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def hook(platform: Platform, project: Project, person: Any, town: Any, receiver: Receiver, settings: Any) -> Webhook:  # fmt: skip
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    return webhooks.add(user=person("tang.lei", "admin"), city=town, name="统一平台", url=receiver.url)[0]


@pytest.fixture
def ready_to_decide(hook: Webhook, project: Project, people: dict[str, Any]) -> Case:
    """A case whose only open task is the decision."""
    case = cases.submit(user=people["lin"], project=project, route=routes.current(code="approval"))
    while True:
        steps = list(case.steps.filter(round=case.round, state=StepState.OPEN).select_related("task", "case__project"))  # fmt: skip
        if [step.task.kind for step in steps] == ["decide"]:
            return case
        for step in steps:
            who = next(one for one in people.values() if officers.standing(one, step).may)
            for outcome in ("done", "agree", "approve"):
                try:
                    cases.act(user=who, step=step, outcome=outcome, reason="seen")
                except DomainError as refused:
                    assert refused.code == "unknown-outcome", refused
                else:
                    break


def decide(platform: Platform, case: Case) -> OutboxEvent:
    """Somebody decides in a process of its own, which sends word to the broker, or finds none."""
    platform.manage("project", "act", case.ref, "decide", "approve", "--reason", "needed", "--as", "zhao.min")
    case.refresh_from_db()
    assert case.state == "approved"
    return OutboxEvent.objects.get(kind="case.decide", subject_ref=case.ref)


def all_told() -> bool:
    return not Delivery.objects.exclude(state="sent").exists()


def expect_everything_once(receiver: Receiver) -> None:
    """Told apart by id, the receiver has every event exactly once, those of each project in their order."""
    told = list(Delivery.objects.order_by("number").values_list("event_id", "stream"))
    assert set(receiver.events) == {str(pk) for pk, _stream in told}
    for stream in {stream for _pk, stream in told}:
        wanted = [str(pk) for pk, one in told if one == stream]
        assert [pk for pk in receiver.events if pk in set(wanted)] == wanted
    by_id: dict[str, set[str]] = {}
    for message in receiver.messages:
        by_id.setdefault(message["event"]["id"], set()).add(str(message["event"]["payload"]))
    assert all(len(bodies) == 1 for bodies in by_id.values())


def test_a_worker_killed_between_the_decision_and_the_webhook_loses_nothing(
    platform: Platform, ready_to_decide: Case, receiver: Receiver
) -> None:
    platform.start_broker()
    worker = platform.start_worker()
    wait_until(all_told, 60, worker.log)
    before = set(receiver.events)
    worker.kill()
    decision = decide(platform, ready_to_decide)
    time.sleep(1.5)
    assert str(decision.id) not in receiver.events
    worker = platform.start_worker()
    wait_until(all_told, 60, worker.log)
    assert set(receiver.events) - before >= {str(decision.id)}
    expect_everything_once(receiver)


def test_a_worker_killed_between_sending_and_noting_it_sends_again_with_the_same_id(
    platform: Platform, ready_to_decide: Case, receiver: Receiver
) -> None:
    platform.start_broker()
    worker = platform.start_worker()
    wait_until(all_told, 60, worker.log)
    arrived: list[str] = []

    def dies_meanwhile(_seen: Receiver, event: dict[str, Any]) -> int:
        """The receiver takes the event, and before its answer is heard the worker is gone."""
        arrived.append(event["id"])
        if len(arrived) == 1:
            worker.kill()
        return 200

    receiver.behave = dies_meanwhile
    decision = decide(platform, ready_to_decide)
    wait_until(lambda: arrived, 30, worker.log)
    row = Delivery.objects.get(event=decision)
    assert (row.state, row.attempts) == ("waiting", 1)
    second = platform.start_worker()
    wait_until(all_told, 60, second.log)
    assert arrived.count(str(decision.id)) == 2
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("sent", 2)
    assert row.tries.first().error == "the sender stopped before it could note the answer"
    expect_everything_once(receiver)


def test_a_broker_that_is_down_at_the_decision_and_back_later_loses_nothing(
    platform: Platform, ready_to_decide: Case, receiver: Receiver
) -> None:
    broker = platform.start_broker()
    worker = platform.start_worker()
    wait_until(all_told, 60, worker.log)
    broker.kill()
    decision = decide(platform, ready_to_decide)
    time.sleep(2)
    platform.start_broker()
    wait_until(all_told, 90, worker.log)
    assert str(decision.id) in receiver.events
    expect_everything_once(receiver)


def test_a_storm_of_events_with_workers_and_brokers_killed_at_random_arrives_whole(
    platform: Platform, hook: Webhook, project: Project, town: Any, receiver: Receiver
) -> None:
    """Three projects, 45 events; the receiver refuses every fifth call; worker, broker and worker are killed meanwhile."""
    chance = random.Random(20261121)
    projects = [project]
    for number in (2, 3):
        other = Project.objects.get(pk=project.pk)
        other.pk, other.ref, other.investment_code, other._state.adding = None, f"PJ-{number}", "", True
        other.save()
        projects.append(other)
    calls: list[int] = []

    def moody(_seen: Receiver, _event: dict[str, Any]) -> int:
        calls.append(1)
        time.sleep(0.01)
        return 503 if len(calls) % 5 == 0 else 200

    receiver.behave = moody
    broker, worker = platform.start_broker(), platform.start_worker()
    for number in range(45):
        one = chance.choice(projects)
        events.tell(project=one, kind="works.reported", ref=one.ref, payload={"number": number})
        if number in (11, 37):
            time.sleep(chance.uniform(0.2, 1.2))
            worker.kill()
            worker = platform.start_worker()
        if number == 24:
            broker.kill()
            broker = platform.start_broker()
    wait_until(all_told, 150, worker.log)
    expect_everything_once(receiver)
    assert len(receiver.messages) > 45
