"""1,000 random tamperings of the audit, done as the owner of the database could, are all found; an untouched chain never is.
What cannot be found from inside (a whole older database put back) is found by an end that was written down elsewhere."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from core.models import Area, AuditCheck, AuditEntry, AuditHead, City
from core.services import audit, audit_chain
from core.services.audit_chain import Anchor, verify_chain

pytestmark = pytest.mark.django_db
COLUMNS = [field.attname for field in AuditEntry._meta.concrete_fields]
HEAD_COLUMNS = [field.attname for field in AuditHead._meta.concrete_fields if field.attname != "id"]


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))


@pytest.fixture
def owner(city: City) -> None:
    """What the owner of the database can do: no trigger stops him, no unique key is in his way."""
    sql("set constraints all immediate")
    for table in ("core_auditentry", "core_audithead"):
        sql(f"alter table {table} disable trigger user")
    with connection.cursor() as cursor:
        cursor.execute(
            "select conname from pg_constraint where conrelid = 'core_auditentry'::regclass and contype = 'u'"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'alter table core_auditentry drop constraint "{name}"')


@pytest.fixture
def chain(owner: None, city: City, person: Callable[..., Any]) -> City:
    """Eight entries from before seals, then thirty that are sealed, by several people, about a city and a district."""
    people = [person("lin", "planner"), person("wang", "reviewer"), None]
    AuditEntry.objects.all()._raw_delete("default")
    AuditHead.objects.all()._raw_delete("default")
    previous = ""
    for number in range(8):
        entry = AuditEntry(
            at=timezone.now() - timedelta(days=9 - number), user=people[number % 3], act="old.act", subject_type="core.city",
            subject_ref="51", city_code="51", before=None, after={"n": number}, previous_sha256=previous,
        )  # fmt: skip
        entry.sha256 = audit_chain.entry_sha256(entry)
        entry.save()
        previous = entry.sha256
    audit_chain.begin_head(AuditEntry, AuditHead)
    districts = list(Area.objects.filter(level=2))
    for number in range(30):
        audit.record(
            user=people[number % 3], act=f"test.{number % 4}", subject=[city, *districts][number % 3],
            before={"n": number, "文": None}, after={"n": number + 0.5, "words": ["é"]}, reason=f"because {number}",
        )  # fmt: skip
        if number == 19:
            OLDER.update(AuditHead.objects.values().get())
    return city


# --- the tamperings --------------------------------------------------------------------------------
# Each takes a seeded chance, does its worst, and answers a line that says what it did.


def rows() -> list[AuditEntry]:
    return list(AuditEntry.objects.order_by("id"))


def other_value(chance: random.Random, column: str, value: Any) -> Any:
    if column == "at":
        return value + timedelta(microseconds=chance.choice([1, -1, 10**6, 86_400 * 10**6]))
    if column in ("before", "after"):
        return json.dumps(chance.choice([{"n": -1}, {"n": 2, "x": True}, [], {"n": str(value)}, False]))
    if column in ("id", "number", "count", "last_id", "legacy_count"):
        return (value or 0) + chance.choice([1, -1, 1000, 100_000])
    if column == "user_id":
        from core.models import User

        return chance.choice([pk for pk in [None, *User.objects.values_list("pk", flat=True)] if pk != value])
    if column in ("previous_sha256", "sha256", "seal", "last_sha256", "legacy_sha256"):
        return chance.choice(["", "0" * 64, "".join(chance.choice("0123456789abcdef") for _ in range(64))])
    if column == "key_id":
        return chance.choice(["", "other", "0123456789ab"])
    return chance.choice([f"{value}x", "", "other"]) if value else "other"


def set_column(table: str, pk: int, column: str, value: Any) -> None:
    cast = "::jsonb" if column in ("before", "after") else ""
    sql(f"update {table} set {column} = %s{cast} where id = %s", value, pk)


def edit_a_column(chance: random.Random) -> str:
    entry, column = chance.choice(rows()), chance.choice(COLUMNS)
    now = getattr(entry, column)
    value = other_value(chance, column, now)
    while value == now:
        value = other_value(chance, column, now)
    if column == "id":
        # ids are unique: an empty one far away or just behind the last, or below the first
        value = chance.choice([entry.pk + 100_000, rows()[-1].pk + 1, -entry.pk])
    set_column("core_auditentry", entry.pk, column, value)
    return f"{column} of {entry.pk}"


def edit_the_head(chance: random.Random) -> str:
    head, column = AuditHead.objects.get(), chance.choice(HEAD_COLUMNS)
    now = getattr(head, column)
    value = other_value(chance, column, now)
    while value == now:
        value = other_value(chance, column, now)
    set_column("core_audithead", 1, column, value)
    return f"{column} of the end"


OLDER: dict[str, Any] = {}


def put_the_head_back(chance: random.Random) -> str:
    """A genuine copy of the end, from some entries ago; now and then with a tail cut off, but not to that very place."""
    for column in HEAD_COLUMNS:
        set_column("core_audithead", 1, column, OLDER[column])
    cut = chance.choice([0, 0, 3, 7])
    sql("delete from core_auditentry where id > (select max(id) from core_auditentry) - %s", cut)
    return f"an older end, {cut} cut off"


def rechain(from_id: int, *, head: bool) -> None:
    """Give every entry from here on the hash that a plain chain would have; the seals stay what they were."""
    previous = AuditEntry.objects.filter(pk__lt=from_id).order_by("-id").values_list("sha256", flat=True).first() or ""  # fmt: skip
    last = None
    for entry in AuditEntry.objects.filter(pk__gte=from_id).order_by("id"):
        entry.previous_sha256 = previous
        previous = audit_chain.entry_sha256(entry)
        sql("update core_auditentry set previous_sha256 = %s, sha256 = %s where id = %s", entry.previous_sha256, previous, entry.pk)  # fmt: skip
        last = entry.pk
    if head:
        sql("update core_audithead set last_sha256 = %s, last_id = coalesce(%s, last_id), count = (select count(*) from core_auditentry)", previous, last)  # fmt: skip


def edit_and_hash_all_anew(chance: random.Random) -> str:
    entry = chance.choice(rows())
    column = chance.choice(["reason", "act", "subject_ref", "after", "at", "area_path"])
    set_column("core_auditentry", entry.pk, column, other_value(chance, column, getattr(entry, column)))
    rechain(entry.pk, head=chance.random() < 0.5)
    return f"{column} of {entry.pk}, all hashed anew"


def delete_some(chance: random.Random) -> str:
    all_of = [entry.pk for entry in rows()]
    which = chance.choice(["first", "middle", "last", "tail", "several", "all"])
    gone = {
        "first": all_of[:1], "middle": [chance.choice(all_of[1:-1])], "last": all_of[-1:],
        "tail": all_of[-chance.randint(2, 25):], "several": chance.sample(all_of, chance.randint(2, 9)), "all": all_of,
    }[which]  # fmt: skip
    sql("delete from core_auditentry where id = any(%s)", gone)
    how = chance.choice(["", "rechained", "head", "no head"])
    if how == "rechained":
        rechain(min(gone), head=True)
    if how == "head":
        left = rows()
        sql("update core_audithead set count = %s, last_id = %s, last_sha256 = %s", len(left), left[-1].pk if left else 0, left[-1].sha256 if left else "")  # fmt: skip
    if how == "no head":
        sql("delete from core_audithead")
    return f"deleted {which} {how}"


def forged(chance: random.Random, place: int, number: int | None, previous: str) -> None:
    entry = AuditEntry(
        id=place, number=number, at=timezone.now(), act="money.release", subject_type="projects.project", subject_ref="PJ-1",
        city_code="51", area_path="", trail_ref="PJ-1" if number else "", before=None, after={"amount_fen": 9}, reason="",
        request_id="", previous_sha256=previous,
    )  # fmt: skip
    entry.sha256 = audit_chain.entry_sha256(entry)
    model = AuditEntry.objects.exclude(seal="").order_by("?").first()
    fits = chance.choice([("", ""), (model.seal, model.key_id), ("f" * 64, model.key_id)])
    entry.seal, entry.key_id = fits if number else ("", "")
    entry.save(force_insert=True)


def insert_in_the_middle(chance: random.Random) -> str:
    all_of = rows()
    at = chance.randrange(1, len(all_of))
    place = all_of[at].pk
    # make room, from the end, so that no id is there twice
    sql("update core_auditentry set id = id + 100000 where id >= %s", place)
    forged(chance, place, chance.choice([None, all_of[at].number, (all_of[at].number or at) + 1]), all_of[at - 1].sha256)  # fmt: skip
    how = chance.choice(["", "rechained", "rechained and head"])
    if how:
        rechain(place + 1, head="head" in how)
    return f"forged one before {place} {how}"


def insert_at_the_end(chance: random.Random) -> str:
    last, head = rows()[-1], AuditHead.objects.get()
    forged(chance, last.pk + 1, chance.choice([None, head.count + 1]), last.sha256)
    if told := chance.random() < 0.5:
        new = rows()[-1]
        sql("update core_audithead set count = count + 1, last_id = %s, last_sha256 = %s", new.pk, new.sha256)
    return f"forged one at the end, head {told}"


def swap(chance: random.Random) -> str:
    one, two = chance.sample(rows(), 2)
    what = chance.choice(["ids", "at", "contents", "numbers", "all but id and number"])
    if what == "ids":
        for old, new in ((one.pk, -1), (two.pk, one.pk), (-1, two.pk)):
            sql("update core_auditentry set id = %s where id = %s", new, old)
        return f"swapped ids {one.pk} {two.pk}"
    columns = {
        "at": ["at"], "numbers": ["number"], "contents": [name for name in COLUMNS if name != "id"],
        "all but id and number": [name for name in COLUMNS if name not in ("id", "number")],
    }[what]  # fmt: skip
    if [getattr(one, name) for name in columns] == [getattr(two, name) for name in columns]:
        return swap(chance)
    listed = ", ".join(columns)
    sql(
        f"update core_auditentry e set ({listed}) = (select {listed} from core_auditentry o where o.id ="
        f" case when e.id = %s then %s else %s end) where e.id in (%s, %s)",
        one.pk, two.pk, one.pk, one.pk, two.pk,
    )  # fmt: skip
    return f"swapped {what} of {one.pk} {two.pk}"


def move(chance: random.Random) -> str:
    entry = chance.choice(rows()[:-1])
    sql("update core_auditentry set id = %s where id = %s", rows()[-1].pk + 1, entry.pk)
    if again := chance.random() < 0.5:
        rechain(entry.pk, head=True)
    return f"moved {entry.pk} to the end, rechained {again}"


def double(chance: random.Random) -> str:
    entry = chance.choice(rows())
    last = rows()[-1].pk
    others = ", ".join(name for name in COLUMNS if name != "id")
    sql(f"insert into core_auditentry (id, {others}) select %s, {others} from core_auditentry where id = %s", last + 1, entry.pk)  # fmt: skip
    return f"copied {entry.pk} to the end"


def replace_the_tail(chance: random.Random) -> str:
    count = chance.randint(1, 20)
    tail = rows()[-count:]
    for entry in tail:
        set_column("core_auditentry", entry.pk, "reason", "as it should have been")
        set_column("core_auditentry", entry.pk, "at", entry.at + timedelta(hours=1))
    rechain(tail[0].pk, head=True)
    return f"replaced the last {count}"


def take_the_seals_away(chance: random.Random) -> str:
    """As if it had all been written before there were seals."""
    sql("update core_auditentry set number = null, seal = '', key_id = '', trail_ref = ''")
    rechain(rows()[0].pk, head=True)
    if chance.random() < 0.5:
        sql("update core_audithead set legacy_count = count, legacy_sha256 = last_sha256")
    return "took the seals away"


KINDS: list[tuple[Callable[[random.Random], str], int]] = [
    (edit_a_column, 320), (edit_the_head, 45), (put_the_head_back, 15), (edit_and_hash_all_anew, 100), (delete_some, 150), (insert_in_the_middle, 100),
    (insert_at_the_end, 70), (swap, 100), (move, 30), (double, 20), (replace_the_tail, 40), (take_the_seals_away, 10),
]  # fmt: skip


class Undo(Exception):
    """Takes a tampering back."""


def test_a_thousand_random_tamperings_are_all_found_and_the_untouched_chain_never(chain: City) -> None:
    chance = random.Random(20261121)
    todo = [kind for kind, count in KINDS for _number in range(count)]
    assert len(todo) == 1000
    chance.shuffle(todo)
    assert verify_chain().ok
    unseen, found = [], Counter[str]()
    for number, kind in enumerate(todo):
        said = ""
        try:
            with transaction.atomic():
                said = kind(chance)
                report = verify_chain()
                if report.ok:
                    unseen.append(said)
                found[report.kind] += 1
                assert str(audit_chain.words(report))
                raise Undo
        except Undo:
            pass
        if number % 50 == 0:
            assert verify_chain().ok, f"reported without a tampering, after: {said}"
    assert unseen == []
    assert sum(found.values()) == 1000
    # every kind of break that can be told from the others was met
    assert set(found) >= {
        "edited", "forged", "missing", "link", "cut-off", "added", "head-missing", "head-forged", "unsealed",
        "unknown-key", "legacy",
    }  # fmt: skip
    assert verify_chain().ok
    audit.record(user=None, act="after", subject=chain)
    report = verify_chain()
    assert (report.entries, report.ok) == (39, True)


# --- what is told, and what only an end written down elsewhere can find ----------------------------


@pytest.mark.parametrize(
    ("statement", "kind", "place"),
    [
        ("update core_auditentry set reason = 'x' where number = 12", "edited", 12),
        ("delete from core_auditentry where number = 12", "missing", 13),
        ("delete from core_auditentry where number in (12, 13, 14)", "missing", 15),
        ("update core_auditentry set seal = repeat('0', 64) where number = 20", "forged", 20),
        ("delete from core_auditentry where number > 35", "cut-off", 36),
        ("delete from core_audithead", "head-missing", None),
        ("update core_audithead set count = 7", "head-forged", None),
        (
            "update core_auditentry set reason = 'x' where id = (select min(id) from core_auditentry)",
            "edited",
            1,
        ),
    ],
)
def test_the_report_names_the_first_broken_entry_and_how(
    chain: City, statement: str, kind: str, place: int | None
) -> None:
    sql(statement)
    report = verify_chain()
    assert (report.kind, report.number) == (kind, place)
    if kind == "missing":
        assert report.missing == statement.count(",") + 1
    if kind == "cut-off":
        assert report.missing == 3
    out = StringIO()
    with pytest.raises(CommandError, match=kind):
        call_command("verify_audit", "--json", stdout=out)
    assert json.loads(out.getvalue())["kind"] == kind


def test_a_cut_off_end_stays_in_sight_when_the_platform_writes_on(chain: City) -> None:
    sql("delete from core_auditentry where number > 36")
    audit.record(user=None, act="after", subject=chain)
    report = verify_chain()
    assert (report.kind, report.missing) == ("missing", 2)


def test_a_forged_entry_behind_the_end_and_a_forged_end_stay_in_sight_when_the_platform_writes_on(chain: City) -> None:  # fmt: skip
    for break_it in (
        lambda: forged(random.Random(1), rows()[-1].pk + 1, 39, rows()[-1].sha256),
        lambda: sql("delete from core_auditentry where number = 38; update core_audithead set count = 37, last_sha256 = (select sha256 from core_auditentry where number = 37), last_id = (select id from core_auditentry where number = 37)"),
        lambda: sql("delete from core_audithead"),
    ):  # fmt: skip
        try:
            with transaction.atomic():
                break_it()
                sql("select setval(pg_get_serial_sequence('core_auditentry', 'id'), (select max(id) + 1 from core_auditentry))")  # fmt: skip
                for _number in range(2):
                    audit.record(user=None, act="after", subject=chain)
                assert not verify_chain().ok
                raise Undo
        except Undo:
            pass


def test_an_older_database_put_back_is_found_only_by_an_end_written_down_elsewhere(
    chain: City, tmp_path: Path
) -> None:
    """The one thing that neither hash nor seal can tell from inside: a genuine, older state."""
    older = AuditHead.objects.values().get()
    kept = rows()[-1]
    for _number in range(3):
        audit.record(user=None, act="after", subject=chain)
    end = verify_chain()
    ends = tmp_path / "ends.jsonl"
    audit_chain.write_anchor(Anchor(end.entries, end.last_sha256), ends)
    sql("delete from core_auditentry where id > %s", kept.pk)
    for column in HEAD_COLUMNS:
        set_column("core_audithead", 1, column, older[column])
    assert verify_chain().ok
    assert verify_chain([Anchor(end.entries, end.last_sha256)]).kind == "anchor-missing"
    with pytest.raises(CommandError, match="anchor-missing"):
        call_command("verify_audit", "--anchors", str(ends), stdout=StringIO())
    # and when it has grown on: the entry at that place is another one
    for _number in range(5):
        audit.record(user=None, act="other", subject=chain)
    assert verify_chain().ok
    assert verify_chain([Anchor(end.entries, end.last_sha256)]).kind == "anchor"
    with pytest.raises(CommandError, match="anchor"):
        call_command(
            "verify_audit", "--expect", end.last_sha256, "--count", str(end.entries), stdout=StringIO()
        )


def test_an_end_that_fits_is_found_in_order_and_a_line_that_cannot_be_read_is_not(
    chain: City, tmp_path: Path
) -> None:
    ends = tmp_path / "ends.jsonl"
    call_command("verify_audit", "--anchor", str(ends), stdout=StringIO())
    audit.record(user=None, act="after", subject=chain)
    call_command("verify_audit", "--anchors", str(ends), stdout=StringIO())
    ends.write_text(ends.read_text() + "nonsense\n")
    assert verify_chain(audit_chain.read_anchors(ends)).kind == "anchor"
    with pytest.raises(CommandError, match="go together"):
        call_command("verify_audit", "--expect", "0" * 64, stdout=StringIO())


def test_a_key_that_was_changed_is_told_and_one_kept_beside_it_is_enough(chain: City, settings: Any) -> None:
    old = settings.AUDIT_KEY
    settings.AUDIT_KEY = "another key, made today"
    assert verify_chain().kind == "unknown-key"
    audit.record(user=None, act="while the key before was forgotten", subject=chain)
    settings.AUDIT_KEYS_BEFORE = [old]
    audit.record(user=None, act="after", subject=chain)
    report = verify_chain()
    assert (report.entries, report.kind) == (40, "")
    # somebody who knows neither key cannot make one fit
    settings.AUDIT_KEY, settings.AUDIT_KEYS_BEFORE = "a guess", []
    assert not verify_chain().ok


def test_an_entry_tells_what_it_belongs_to(chain: City, client: Any, person: Any) -> None:
    class Project:
        ref = "PJ-7"

    class Thing:
        _meta = City._meta
        pk, project = 1, Project()

    entry = audit.record(user=None, act="thing.done", subject=Thing())
    assert entry.trail_ref == "PJ-7"
    client.force_login(person("gao", "auditor"))
    page = client.get("/audit/?project=PJ-7").content.decode()
    assert "thing.done" in page
    assert "old.act" not in page


def test_the_audit_page_says_what_the_last_check_found(chain: City, client: Any, person: Any) -> None:
    client.force_login(person("gao", "auditor"))
    assert "Not checked yet" in client.get("/audit/").content.decode()
    audit_chain.check_now()
    assert "none is missing" in client.get("/audit/").content.decode()
    sql("delete from core_auditentry where number = 12")
    assert audit_chain.check_now().kind == "missing"
    assert "Entries are missing before entry 13" in client.get("/audit/").content.decode()
    assert AuditCheck.objects.count() == 2
    client.force_login(person("lin2", "planner"))
    assert client.post("/audit/check/").status_code == 403
