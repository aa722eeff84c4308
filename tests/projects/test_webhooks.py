"""What happened is told: signed, in order, again until it is taken, and to nobody it must not be told to."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from core.errors import DomainError, Forbidden
from core.models import AuditEntry
from projects.choices import EventKind
from projects.models import Delivery, DeliveryAttempt, OutboxEvent, Project, Webhook
from projects.services import deliveries, events, webhook_wire, webhooks
from tests.projects.receiving import Receiver, receiving

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def quick(settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.WEBHOOK_TIMEOUT_SECONDS = 1
    settings.WEBHOOK_HOLD_SECONDS = 45


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(Receiver()) as made:
        yield made


@pytest.fixture
def admin(person: Any) -> Any:
    return person("tang.lei", "admin")


@pytest.fixture
def hook(project: Project, town: Any, admin: Any, receiver: Receiver) -> Webhook:
    return webhooks.add(user=admin, city=town, name="统一平台", url=receiver.url)[0]


def tell(project: Project, kind: str = "works.reported", **payload: Any) -> OutboxEvent:
    return events.tell(project=project, kind=kind, ref=project.ref, payload=payload)


def due_now(*rows: Delivery) -> None:
    """The wait is over."""
    Delivery.objects.filter(pk__in=[row.pk for row in rows] or Delivery.objects.values("pk")).update(
        next_at=timezone.now()
    )


# --- what is sent ----------------------------------------------------------------------------------


def test_an_event_arrives_once_signed_and_is_marked(hook: Webhook, project: Project, receiver: Receiver) -> None:  # fmt: skip
    event = tell(project, "money.paid", amount_fen=12_300)
    assert deliveries.deliver_due() == {"sent": 1, "failed": 0, "dead": 0}
    (message,) = receiver.messages
    assert message["event"] == {
        "id": str(event.id), "number": event.number, "kind": "money.paid", "city": "town", "project": "PJ-1",
        "subject": "PJ-1", "attempt": 1, "payload": {"project": "PJ-1", "amount_fen": 12_300},
        "created_at": message["event"]["created_at"],
    }  # fmt: skip
    head = message["headers"]
    assert (head["Pingji-Event-Id"], head["Pingji-Delivery-Attempt"]) == (str(event.id), "1")
    expected = hmac.new(
        hook.secret.encode(), f"{head['Pingji-Timestamp']}.".encode() + message["body"], hashlib.sha256
    ).hexdigest()
    assert head["Pingji-Signature"] == f"v1={expected}"
    row = Delivery.objects.get()
    assert (row.state, row.status, row.attempts, row.held_until) == ("sent", 200, 1, None)
    assert deliveries.deliver_due() == {"sent": 0, "failed": 0, "dead": 0}


def test_the_example_of_the_documentation_accepts_ours_and_refuses_all_else(
    hook: Webhook, project: Project, receiver: Receiver
) -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    room: dict[str, Any] = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], room)  # type: ignore[index]
    genuine = room["genuine"]
    tell(project)
    deliveries.deliver_due()
    message = receiver.messages[0]
    head, body = message["headers"], message["body"]
    assert genuine(hook.secret, head, body)
    assert not genuine("another secret", head, body)
    assert not genuine(hook.secret, head, body + b" ")
    old = str(int(head["Pingji-Timestamp"]) - 600)
    replayed = {
        **head, "Pingji-Timestamp": old, "Pingji-Signature": webhook_wire.signature(hook.secret, old, body),
    }  # fmt: skip
    assert not genuine(hook.secret, replayed, body)
    assert not genuine(hook.secret, {}, body)


def test_while_a_secret_is_changed_both_fit_and_afterwards_only_the_new_one(
    hook: Webhook, project: Project, receiver: Receiver, admin: Any
) -> None:
    old = hook.secret
    new = webhooks.rotate(user=admin, webhook=hook, overlap_hours=2)
    tell(project)
    deliveries.deliver_due()

    def fits(number: int, secret: str) -> bool:
        head, body = receiver.messages[number]["headers"], receiver.messages[number]["body"]
        wanted = webhook_wire.signature(secret, head["Pingji-Timestamp"], body)
        return wanted in head["Pingji-Signature"].split(",")

    assert old != new
    assert fits(0, old)
    assert fits(0, new)
    Webhook.objects.update(secret_before_until=timezone.now() - timedelta(seconds=1))
    tell(project)
    deliveries.deliver_due()
    assert (fits(1, old), fits(1, new)) == (False, True)


def test_only_the_kinds_asked_for_are_sent_and_only_of_the_city(
    hook: Webhook, project: Project, receiver: Receiver, admin: Any, town: Any
) -> None:
    webhooks.change(
        user=admin, webhook=hook, name=hook.name, url=hook.url, kinds=["money.paid"], active=True
    )  # fmt: skip
    tell(project, "works.reported")
    wanted = tell(project, "money.paid")
    deliveries.deliver_due()
    assert list(receiver.events) == [str(wanted.id)]


def test_what_was_rolled_back_is_not_told(hook: Webhook, project: Project) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        tell(project)
        raise RuntimeError
    assert not OutboxEvent.objects.filter(kind="works.reported").exists()
    assert not Delivery.objects.exists()


def test_every_kind_of_event_has_words_and_stands_in_the_documentation() -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    assert [kind for kind in EventKind.values if f"`{kind}`" not in page] == []
    assert all(str(EventKind(kind).label) != kind for kind in EventKind.values)


def test_every_kind_that_the_code_tells_is_in_the_list(project: Project) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        tell(project, "nonsense.happened")
    told = set()
    for path in [*(ROOT / "projects").rglob("*.py")]:
        for call in re.findall(r"\.tell\((.*?)kind=([^,]+),", path.read_text(encoding="utf-8"), re.DOTALL):
            told.update(re.findall(r'"([a-z]+\.[a-z]+)"', call[1]))
    assert told
    assert told <= set(EventKind.values)


# --- again, until it is taken ----------------------------------------------------------------------


def test_a_refusal_is_tried_again_with_the_same_id_and_a_new_attempt(
    hook: Webhook, project: Project, receiver: Receiver
) -> None:
    receiver.behave = lambda seen, _event: 500 if len(seen.messages) < 3 else 200
    event = tell(project)
    for _number in range(3):
        deliveries.deliver_due()
        due_now()
    assert [message["event"]["attempt"] for message in receiver.messages] == [1, 2, 3]
    assert {message["event"]["id"] for message in receiver.messages} == {str(event.id)}
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == ("sent", 3)
    first = row.tries.first()
    assert first.status == 500
    assert first.error == ("not now " * 200)[:300]


def test_the_waits_grow_over_about_a_day_and_then_it_is_given_up(
    hook: Webhook, project: Project, receiver: Receiver
) -> None:
    receiver.behave = lambda _seen, _event: 503
    tell(project)
    waited = []
    for _number in range(11):
        due_now()
        before = timezone.now()
        deliveries.deliver_due()
        waited.append((Delivery.objects.get().next_at - before).total_seconds())
    base = [10, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 28800]
    for wait, middle in zip(waited, base, strict=False):
        assert 0.8 * middle <= wait <= 1.2 * middle + 5
    assert 23 * 3600 < sum(base) < 24 * 3600
    row = Delivery.objects.get()
    assert (row.state, row.attempts, row.tries.count()) == ("dead", 11, 11)
    due_now()
    assert deliveries.deliver_due() == {"sent": 0, "failed": 0, "dead": 0}


def test_a_receiver_that_asks_to_wait_is_not_asked_before(settings: Any) -> None:
    assert webhook_wire._wait("120") == 120
    assert webhook_wire._wait("999999") == 3600
    assert [webhook_wire._wait(text) for text in (None, "", "-5", "soon", "٣", "Wed, 21 Oct 2026 07:28:00 GMT")] == [0] * 6  # fmt: skip


def test_gone_for_good_is_given_up_at_once(hook: Webhook, project: Project, receiver: Receiver) -> None:
    receiver.behave = lambda _seen, _event: 410
    tell(project)
    assert deliveries.deliver_due()["dead"] == 1


def test_what_was_given_up_is_listed_and_sent_again_one_by_one_or_all_with_the_same_ids(
    hook: Webhook, project: Project, receiver: Receiver, admin: Any, settings: Any
) -> None:
    settings.WEBHOOK_RETRY_SECONDS = []
    receiver.behave = lambda _seen, _event: 500
    ids = [str(tell(project, number=number).id) for number in range(3)]
    while deliveries.anything_due():
        deliveries.deliver_due()
    assert Delivery.objects.filter(state="dead").count() == 3
    receiver.behave = lambda _seen, _event: 200
    webhooks.replay(user=admin, delivery=Delivery.objects.get(event_id=ids[1]))
    deliveries.deliver_due()
    assert list(receiver.events) == [ids[1]]
    assert webhooks.replay_dead(user=admin, webhook=hook) == 2
    deliveries.deliver_due()
    assert sorted(receiver.events) == sorted(ids)
    with pytest.raises(DomainError, match="Nothing was given up"):
        webhooks.replay_dead(user=admin, webhook=hook)
    # the waits begin anew, the attempts are counted on
    again = Delivery.objects.get(event_id=ids[1])
    assert (again.attempts, again.replayed_at_attempt) == (2, 1)


def test_an_address_that_nobody_listens_at_is_switched_off_and_catches_up_later(
    hook: Webhook, project: Project, receiver: Receiver, admin: Any, settings: Any
) -> None:
    settings.WEBHOOK_RETRY_SECONDS = []
    settings.WEBHOOK_OFF_AFTER_DEAD = 3
    receiver.behave = lambda _seen, _event: 500
    first = [str(tell(project).id) for _number in range(3)]
    while deliveries.anything_due():
        deliveries.deliver_due()
    hook.refresh_from_db()
    assert (hook.active, hook.off_at is not None) == (False, True)
    assert AuditEntry.objects.filter(act="webhook.off").count() == 1
    missed = tell(project)
    assert not Delivery.objects.filter(event=missed).exists()
    receiver.behave = lambda _seen, _event: 200
    with pytest.raises(DomainError, match="switched off"):
        webhooks.ping(user=admin, webhook=hook)
    hook = webhooks.change(
        user=admin, webhook=hook, name=hook.name, url=hook.url, kinds=[], active=True
    )  # fmt: skip
    assert hook.off_at is None
    webhooks.catch_up(user=admin, webhook=hook, after=0)
    webhooks.replay_dead(user=admin, webhook=hook)
    deliveries.deliver_due()
    before = set(OutboxEvent.objects.filter(kind="money.lines").values_list("id", flat=True))
    assert set(receiver.events) == {*first, str(missed.id), *map(str, before)}


# --- order, and the others -------------------------------------------------------------------------


def test_events_of_one_project_keep_their_order_while_those_of_others_go_on(
    hook: Webhook, project: Project, town: Any, people: Any, receiver: Receiver
) -> None:
    other = Project.objects.get(pk=project.pk)
    other.pk, other.ref, other.investment_code, other._state.adding = None, "PJ-2", "", True
    other.save()
    first = tell(project, step=1)
    receiver.behave = lambda _seen, event: 500 if event["id"] == str(first.id) else 200
    second, beside = tell(project, step=2), tell(other, step=1)
    deliveries.deliver_due()
    deliveries.deliver_due()
    assert list(receiver.events) == [str(beside.id)]
    receiver.behave = lambda _seen, _event: 200
    due_now()
    deliveries.deliver_due()
    assert list(receiver.events) == [str(beside.id), str(first.id), str(second.id)]


def test_a_slow_receiver_keeps_nobody_else_waiting(
    hook: Webhook, project: Project, town: Any, admin: Any, receiver: Receiver, settings: Any
) -> None:
    """It answers only when the other address has everything: were that one waiting for it, both would wait for ever."""
    settings.WEBHOOK_TIMEOUT_SECONDS = 60

    def waits_for_the_other(_seen: Receiver, _event: Any) -> int:
        for _number in range(500):
            if len(receiver.messages) == 20:
                return 200
            time.sleep(0.1)
        return 500

    with receiving(Receiver(waits_for_the_other)) as slow:
        webhooks.add(user=admin, city=town, name="slow", url=slow.url)
        for number in range(20):
            tell(project, number=number)
        while deliveries.anything_due():
            deliveries.deliver_due()
    assert len(receiver.events) == len(slow.events) == 20
    assert not DeliveryAttempt.objects.exclude(status=200).exists()


def test_a_receiver_that_drips_its_answer_is_cut_off(hook: Webhook, project: Project, receiver: Receiver) -> None:  # fmt: skip
    """Each byte comes within the timeout, but the whole answer would take for ever."""
    drip = socket.socket()
    drip.bind(("127.0.0.1", 0))
    drip.listen()
    stop = threading.Event()

    def serve() -> None:
        line, _address = drip.accept()
        line.sendall(b"HTTP/1.1 200 OK\r\n")
        while not stop.is_set():
            try:
                line.sendall(b"X")
            except OSError:
                return
            time.sleep(0.2)

    threading.Thread(target=serve, daemon=True).start()
    Webhook.objects.update(url=f"http://127.0.0.1:{drip.getsockname()[1]}/")
    tell(project)
    assert deliveries.deliver_due() == {"sent": 0, "failed": 1, "dead": 0}
    assert DeliveryAttempt.objects.get().error == "no answer in time"
    stop.set()
    drip.close()


def test_two_hands_at_once_send_each_delivery_once(
    transactional_db: None, hook: Webhook, project: Project, receiver: Receiver
) -> None:
    ids = [str(tell(project, number=number).id) for number in range(12)]

    def hand() -> None:
        while deliveries.anything_due():
            deliveries.deliver_due()
        connection.close()

    hands = [threading.Thread(target=hand) for _number in range(3)]
    for each in hands:
        each.start()
    for each in hands:
        each.join()
    assert [message["event"]["id"] for message in receiver.messages] == ids


def test_a_hand_that_lost_its_lease_marks_nothing(hook: Webhook, project: Project, receiver: Receiver) -> None:  # fmt: skip
    def taken_over(_seen: Receiver, _event: Any) -> int:
        return 200

    tell(project)
    (held,) = deliveries._claim([], 8)
    flight = deliveries._Flight(held, held.held_until, time.monotonic() + 5)
    Delivery.objects.update(held_until=timezone.now() + timedelta(seconds=99))
    counts = {"sent": 0, "failed": 0, "dead": 0}
    deliveries._settle(flight, deliveries._send(flight), counts)
    assert counts == {"sent": 0, "failed": 0, "dead": 0}
    assert Delivery.objects.get().state == "waiting"


# --- where nothing is sent -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.org/", "webhook-address"),
        ("example.org/hooks", "webhook-address"),
        ("https://", "webhook-address"),
        ("https://example.org:99999/", "webhook-address"),
        ("https://lin:word@example.org/", "webhook-address-parts"),
        ("https://example.org/#x", "webhook-address-parts"),
        ("http://example.org/", "webhook-https"),
        ("https://127.0.0.1/", "webhook-address-private"),
        ("https://localhost/", "webhook-address-private"),
        ("https://10.1.2.3/", "webhook-address-private"),
        ("https://169.254.169.254/latest/meta-data", "webhook-address-private"),
        ("https://[::1]/", "webhook-address-private"),
        ("https://[::ffff:192.168.1.1]/", "webhook-address-private"),
        ("https://[64:ff9b::7f00:1]/", "webhook-address-private"),
        ("https://[2002:7f00:1::]/", "webhook-address-private"),
        ("https://0.0.0.0/", "webhook-address-private"),
        ("https://[fd00::1]/", "webhook-address-private"),
        ("https://224.0.0.1/", "webhook-address-private"),
    ],
)
def test_an_address_that_must_not_be_asked_is_refused_in_words(settings: Any, url: str, code: str) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    with pytest.raises(DomainError) as refused:
        webhook_wire.check_url(url)
    assert refused.value.code == code


def test_a_name_that_leads_into_a_private_network_is_not_asked(
    settings: Any, monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    """Also when only one of its addresses is private, and whatever spelling of the address the resolver takes."""
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    real = socket.getaddrinfo
    for answers in (["127.0.0.1"], ["93.184.216.34", "10.0.0.5"], ["::ffff:127.0.0.1"], []):
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda *_a, answers=answers, **_k: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in answers],
        )  # fmt: skip
        answer = webhook_wire.send("https://inside.example/", b"{}", {}, webhook_wire.Line())
        assert answer.status is None
        assert "nothing is sent to" in answer.error or "no address is known" in answer.error
    monkeypatch.setattr(socket, "getaddrinfo", real)
    port = receiver.url.split(":")[2].split("/")[0]
    for spelling in ("2130706433", "0x7f000001", "127.1", "0177.0.0.1"):
        answer = webhook_wire.send(f"http://{spelling}:{port}/", b"{}", {}, webhook_wire.Line())
        assert answer.status is None
    assert receiver.messages == []


def test_the_connection_goes_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver, settings: Any
) -> None:
    """A name that answers differently the second time is asked only once."""
    asked = []
    port = int(receiver.url.split(":")[2].split("/")[0])

    def answers(host: str, *_: Any, **__: Any) -> Any:
        asked.append(host)
        ip = "127.0.0.1" if len(asked) == 1 else "10.9.9.9"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))]

    real = socket.create_connection
    monkeypatch.setattr(socket, "getaddrinfo", answers)
    to = []

    def connect(address: Any, timeout: Any) -> socket.socket:
        to.append(address[0])
        plain = socket.socket()
        plain.settimeout(timeout)
        plain.connect(address)
        return plain

    monkeypatch.setattr(socket, "create_connection", connect)
    answer = webhook_wire.send(f"http://turning.example:{port}/", b'{"id": "1"}', {"Content-Type": "x"}, webhook_wire.Line())  # fmt: skip
    assert (answer.error, asked, to) == ("", ["turning.example"], ["127.0.0.1"])
    assert receiver.messages[0]["headers"]["Host"] == f"turning.example:{port}"
    assert real is not connect


def test_another_address_in_the_answer_is_not_followed(hook: Webhook, project: Project, receiver: Receiver) -> None:  # fmt: skip
    receiver.behave = lambda _seen, _event: 302
    tell(project)
    assert deliveries.deliver_due()["failed"] == 1
    assert len(receiver.messages) == 1
    assert "not followed" in Delivery.objects.get().error


# --- rights, the database, what is kept ------------------------------------------------------------


def test_only_an_administrator_of_the_whole_city_sets_up_addresses(town: Any, people: Any, person: Any, receiver: Receiver) -> None:  # fmt: skip
    local = person("local.admin", "admin", area="510104")
    for who in (*people.values(), local):
        with pytest.raises(Forbidden):
            webhooks.add(user=who, city=town, name="x", url=receiver.url)


def test_what_was_told_stays_as_it_was_told(hook: Webhook, project: Project) -> None:
    event = tell(project)
    with pytest.raises(IntegrityError, match="stays as it was told"), transaction.atomic():
        OutboxEvent.objects.filter(pk=event.pk).update(kind="money.paid")


def test_old_events_are_forgotten_but_nothing_that_still_waits(
    hook: Webhook, project: Project, receiver: Receiver, admin: Any
) -> None:
    gone = tell(project)
    deliveries.deliver_due()
    waiting, new = tell(project), tell(project)
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
        cursor.execute("delete from projects_outboxevent where kind = 'money.lines'")
        cursor.execute("alter table projects_outboxevent disable trigger event_stays")
        cursor.execute(
            "update projects_outboxevent set created_at = now() - interval '91 days' where id = any(%s)",
            [[gone.id, waiting.id]],
        )
        cursor.execute("alter table projects_outboxevent enable trigger event_stays")
    assert deliveries.forget_old() == 1
    assert set(OutboxEvent.objects.values_list("id", flat=True)) == {waiting.id, new.id}
    webhooks.remove(user=admin, webhook=hook)
    assert deliveries.forget_old() == 1


def test_the_secret_is_nowhere_in_the_audit(hook: Webhook, admin: Any) -> None:
    new = webhooks.rotate(user=admin, webhook=hook)
    text = json.dumps(list(AuditEntry.objects.values("before", "after", "reason")))
    assert hook.secret not in text
    assert new not in text


def test_numbers_become_visible_in_their_order(transactional_db: None, hook: Webhook, project: Project) -> None:  # fmt: skip
    """Two acts at once: whoever reads on after the last number seen misses nothing."""
    seen: list[list[int]] = []
    holds, go = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            tell(project, who="slow")
            holds.set()
            go.wait(10)
        connection.close()

    def fast() -> None:
        holds.wait(10)
        tell(project, who="fast")
        connection.close()

    threads = [threading.Thread(target=slow), threading.Thread(target=fast)]
    for each in threads:
        each.start()
    holds.wait(10)
    time.sleep(0.5)
    seen.append(list(OutboxEvent.objects.filter(payload__has_key="who").values_list("number", flat=True)))
    go.set()
    for each in threads:
        each.join()
    rows = list(
        OutboxEvent.objects.filter(payload__has_key="who").order_by("number").values_list("number", "payload__who")
    )  # fmt: skip
    assert seen == [[]]
    assert [who for _number, who in rows] == ["slow", "fast"]
