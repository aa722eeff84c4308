"""The chain of the audit: hashes, seals, and the check that finds what was changed (ADR 0023).

Three bonds, from weak to strong. The hash of an entry covers the hash before it: anybody can recompute the chain from an
export. The seal is an HMAC by a key that is not in the database: who can only write there cannot make one. The sealed end
(`AuditHead`) says how long the chain is. Against somebody who has the key too, or puts an older copy of the whole database
back, only an end written down elsewhere helps: `expect`.
"""

import hashlib
import hmac
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import AuditCheck, AuditEntry, AuditHead

log = logging.getLogger(__name__)

_FIELDS = (
    "id", "number", "at", "user_id", "act", "subject_type", "subject_ref", "city_code", "area_path", "trail_ref", "before",
    "after", "reason", "request_id", "previous_sha256", "sha256", "seal", "key_id",
)  # fmt: skip
_AT = {name: place for place, name in enumerate(_FIELDS)}
# What the hash of an unsealed entry, from before migration core/0007, covers.
_LEGACY = ("at", "user_id", "act", "subject_type", "subject_ref", "city_code", "area_path", "before", "after", "reason", "request_id", "previous_sha256")  # fmt: skip
_COVERED = _FIELDS[:15]


# --- hashes and seals ------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """What jsonb will give back for `value`: it knows one kind of number, so 2.0 and 2 must hash alike."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return value.replace("\x00", "")
    return value


def _sha256(row: Sequence[Any]) -> str:
    """Hash of everything an entry says, and of the hash before it. `row` in the order of _FIELDS."""
    sealed = row[_AT["number"]] is not None
    said: list[Any] = ["2"] if sealed else []
    for name in _COVERED if sealed else _LEGACY:
        value = row[_AT[name]]
        if name == "at":
            value = value.isoformat()
        elif name in ("before", "after"):
            value = plain(value)
        said.append(value)
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, cls=DjangoJSONEncoder)
    return hashlib.sha256(text.encode()).hexdigest()


def entry_sha256(entry: AuditEntry) -> str:
    return _sha256([getattr(entry, name) for name in _FIELDS])


def _keys() -> dict[str, bytes]:
    """Every key this installation knows, by fingerprint; the one in use first."""
    words = [settings.AUDIT_KEY or _kept_key(), *settings.AUDIT_KEYS_BEFORE]
    made = [hashlib.sha256(b"pingji audit " + word.encode()).digest() for word in words if word]
    return {hashlib.sha256(key).hexdigest()[:12]: key for key in made}


def _kept_key() -> str:
    """A key of its own, in a file that only this account reads, where no setting names one."""
    path = Path(settings.VAR_DIR) / "audit_key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two processes that begin at once: the one that made the file wins.
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as made:
                made.write(os.urandom(32).hex())
        except FileExistsError:
            pass
    return path.read_text().strip()


def _seal(text: str) -> tuple[str, str]:
    key_id, key = next(iter(_keys().items()))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), key_id


def _head_text(head: Any) -> str:
    return "|".join(["head", str(head.count), str(head.last_id), head.last_sha256, str(head.legacy_count), head.legacy_sha256])  # fmt: skip


def seal_entry(number: int, sha256: str) -> tuple[str, str]:
    """(seal, fingerprint of the key) of an entry."""
    return _seal(f"entry|{number}|{sha256}")


def seal_head(head: Any) -> tuple[str, str]:
    return _seal(_head_text(head))


def _seal_fits(seal: str, key_id: str, text: str, keys: dict[str, bytes]) -> str:
    """Nothing when it fits; else why not."""
    key = keys.get(key_id)
    if key is None:
        return "unknown-key" if key_id else "forged"
    return (
        ""
        if hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), seal)
        else "forged"
    )


def _legacy_digest(pairs: Sequence[tuple[int, str]]) -> str:
    return hashlib.sha256("\n".join(f"{pk} {sha256}" for pk, sha256 in pairs).encode()).hexdigest()


def begin_head(entries: Any = None, heads: Any = None) -> None:
    """The sealed end of a chain that has none yet. With the models of a migration: of the entries from before seals;
    without: only of an empty chain (a new database, or emptied tables). Entries without an end are a break."""
    legacy, entries, heads = entries is not None, entries or AuditEntry, heads or AuditHead
    if heads.objects.exists() or (not legacy and entries.objects.exists()):
        return
    pairs = list(entries.objects.order_by("id").values_list("id", "sha256"))
    head = heads(
        id=1, count=len(pairs), last_id=pairs[-1][0] if pairs else 0, last_sha256=pairs[-1][1] if pairs else "",
        legacy_count=len(pairs), legacy_sha256=_legacy_digest(pairs) if pairs else "",
    )  # fmt: skip
    head.seal, head.key_id = seal_head(head)
    head.save()


def trusted_head() -> AuditHead | None:
    """The sealed end, if its seal fits. One that somebody changed is never sealed anew: it must stay in sight."""
    head = AuditHead.objects.filter(pk=1).first()
    if head is None or (why := _seal_fits(head.seal, head.key_id, _head_text(head), _keys())):
        log.error(
            "the audit's sealed end cannot be used (%s); verify_audit says more", why if head else "missing"
        )
        return None
    return head


def place_after(head: AuditHead | None) -> tuple[int, str]:
    """(number, hash) that the next entry follows: the sealed end, and not merely the newest row. Had somebody cut that
    off or put one behind it, the hole or the intruder stays in sight. Entries behind the end count where they are sealed
    and follow it: they were written while the end's key was not known."""
    if head is None:
        newest = AuditEntry.objects.order_by("-id").first()
        return ((newest.number or AuditEntry.objects.count()), newest.sha256) if newest else (0, "")
    number, sha256, keys = head.count, head.last_sha256, _keys()
    for row in AuditEntry.objects.filter(pk__gt=head.last_id).order_by("pk").values_list(*_FIELDS):
        said = row[_AT["sha256"]]
        if (
            row[_AT["number"]] != number + 1
            or row[_AT["previous_sha256"]] != sha256
            or _sha256(row) != said
            or _seal_fits(row[_AT["seal"]], row[_AT["key_id"]], f"entry|{number + 1}|{said}", keys)
        ):
            break
        number, sha256 = number + 1, said
    return number, sha256


# --- the check -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Anchor:
    """An end of the chain that was written down elsewhere: the hash of its `count`-th entry."""

    count: int
    sha256: str


@dataclass(frozen=True)
class ChainReport:
    """What the check found. `kind` is empty when every entry is as it was written; else `broken` is the id of the first
    entry that is not (None where the entry is gone), `number` its place in the chain, `missing` how many are gone."""

    entries: int
    broken: int | None
    last_sha256: str
    kind: str = ""
    number: int | None = None
    missing: int | None = None

    @property
    def ok(self) -> bool:
        return not self.kind


def words(report: Any) -> str:
    """The kind of break in a sentence. Takes a ChainReport or an AuditCheck."""
    number, entry, missing = (
        report.number,
        getattr(report, "broken", getattr(report, "entry", None)),
        report.missing,
    )
    fill = {"number": number, "id": entry, "missing": missing}
    return {
        "": _("Every entry is as it was written, and none is missing."),
        "edited": _("Entry %(number)s (id %(id)s) does not say any more what was written."),
        "forged": _("Entry %(number)s (id %(id)s) was not written by this platform: its seal does not fit."),
        "unsealed": _("Entry %(number)s (id %(id)s) has no seal: it was put in, or its seal was taken away."),
        "unknown-key": _("Entry %(number)s (id %(id)s) is sealed with a key that is not known here. If the key was changed, name the one before in AUDIT_KEYS_BEFORE."),
        "missing": _("Entries are missing before entry %(number)s (id %(id)s): %(missing)s."),
        "moved": _("Entry %(number)s (id %(id)s) stands in the wrong place, or twice."),
        "link": _("Entry %(number)s (id %(id)s) does not follow the entry before it: one was put in, taken out or moved here."),
        "legacy": _("The entries from before seals are not those that were sealed: one was put in, taken out, moved, or had its id changed."),
        "cut-off": _("The end is cut off from entry %(number)s on; entries missing: %(missing)s."),
        "added": _("Entry %(number)s (id %(id)s) stands behind the sealed end: the row that seals the end was put back to an earlier state."),
        "head-missing": _("The row that seals the end of the chain is missing."),
        "head-forged": _("The row that seals the end of the chain was changed: its seal does not fit."),
        "head-unknown-key": _("The end of the chain is sealed with a key that is not known here."),
        "anchor": _("Entry %(number)s is not the one whose hash was written down elsewhere: the chain was replaced or put back."),
        "anchor-missing": _("The chain ends before entry %(number)s, whose hash was written down elsewhere: its end was cut off or put back."),
    }[report.kind] % fill  # fmt: skip


@contextmanager
def _one_moment() -> Iterator[None]:
    """Entries that are written meanwhile must not look like additions: chain and end are read as of one moment."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
        yield


def verify_chain(expect: Sequence[Anchor] = ()) -> ChainReport:
    """Recompute every hash and seal from the first entry on, and compare the end with the sealed one and with `expect`."""
    with _one_moment():
        return _verified(expect)


def _verified(expect: Sequence[Anchor]) -> ChainReport:
    keys = _keys()
    head = AuditHead.objects.filter(pk=1).first()
    wanted: dict[int, list[str]] = {}
    for anchor in expect:
        wanted.setdefault(anchor.count, []).append(anchor.sha256)
    trusted = head is not None and not _seal_fits(head.seal, head.key_id, _head_text(head), keys)
    legacy_count = head.legacy_count if head is not None else 0
    previous, pk, sealed_seen = "", None, False
    sealed_before = head.legacy_sha256 if head is not None and trusted else ""
    legacy: list[tuple[int, str]] = []
    good = ChainReport(0, None, "")
    rows = AuditEntry.objects.order_by("id").values_list(*_FIELDS).iterator(chunk_size=2000)
    for place, row in enumerate(rows, start=1):
        pk, number, sha256 = row[0], row[_AT["number"]], row[_AT["sha256"]]
        bad = replace(good, broken=pk, number=place)
        if place == legacy_count + 1 and sealed_before and _legacy_digest(legacy) != sealed_before:
            return replace(bad, kind="legacy", broken=None, number=None)
        if number is None:
            # Without an end to trust only the order tells: nothing unsealed follows what is sealed.
            if place > legacy_count if trusted else sealed_seen:
                return replace(bad, kind="unsealed")
            legacy.append((pk, sha256))
        if _sha256(row) != sha256:
            return replace(bad, kind="edited")
        if number is not None:
            sealed_seen = True
            if why := _seal_fits(row[_AT["seal"]], row[_AT["key_id"]], f"entry|{number}|{sha256}", keys):
                return replace(bad, kind=why)
            if number > place:
                return replace(bad, kind="missing", number=number, missing=number - place)
            if number < place:
                return replace(bad, kind="moved", number=number)
        elif row[_AT["seal"]] or row[_AT["key_id"]] or row[_AT["trail_ref"]]:
            return replace(bad, kind="edited")
        if row[_AT["previous_sha256"]] != previous:
            return replace(bad, kind="link")
        if any(one != sha256 for one in wanted.pop(place, [])):
            return replace(bad, kind="anchor")
        previous = sha256
        good = ChainReport(place, None, previous)
    return _end(good, head, trusted, keys, legacy, pk, wanted)


def _end(
    good: ChainReport, head: Any, trusted: bool, keys: dict[str, bytes], legacy: list[tuple[int, str]], pk: Any, wanted: dict[int, list[str]]
) -> ChainReport:  # fmt: skip
    """Whether a chain that is good to its last entry ends where it should."""
    if head is None:
        return replace(good, kind="head-missing")
    if not trusted:
        return replace(good, kind="head-unknown-key" if head.key_id not in keys else "head-forged")
    if good.entries < head.count:
        return replace(good, kind="cut-off", number=good.entries + 1, missing=head.count - good.entries)
    if good.entries > head.count:
        return replace(good, kind="added", broken=pk, number=good.entries)
    if (
        head.legacy_count
        and len(legacy) == head.legacy_count
        and _legacy_digest(legacy) != head.legacy_sha256
    ):
        return replace(good, kind="legacy")
    if good.last_sha256 != head.last_sha256 or (pk or 0) != head.last_id or len(legacy) != head.legacy_count:
        return replace(good, kind="edited", broken=pk, number=good.entries)
    if 0 in wanted and any(wanted.pop(0)):
        return replace(good, kind="anchor", number=0)
    if late := [count for count in wanted if count > good.entries]:
        return replace(good, kind="anchor-missing", number=min(late))
    return good


def check_now() -> AuditCheck:
    """Verify the whole chain and keep what was found, for the audit page."""
    at, report = timezone.now(), verify_chain(read_anchors())
    return AuditCheck.objects.create(
        at=at, entries=report.entries, last_sha256=report.last_sha256, kind=report.kind, entry=report.broken,
        number=report.number, missing=report.missing,
    )  # fmt: skip


# --- ends written down elsewhere -------------------------------------------------------------------


def end_of_chain() -> Anchor:
    """The sealed end as it is now."""
    head = AuditHead.objects.filter(pk=1).first()
    return Anchor(head.count, head.last_sha256) if head is not None else Anchor(0, "")


def write_anchor(anchor: Anchor, path: Path | None = None, at: datetime | None = None) -> Path:
    """Add a line to the file of ends. It belongs where those who can write to the database cannot."""
    path = path or Path(settings.AUDIT_ANCHORS)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = {"at": (at or timezone.now()).isoformat(), "count": anchor.count, "sha256": anchor.sha256}
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(line) + "\n")
    return path


def read_anchors(path: Path | None = None) -> list[Anchor]:
    """The ends that were written down; a line that cannot be read counts as an end that does not fit."""
    path = path or Path(settings.AUDIT_ANCHORS)
    if not path.is_file():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip():
            continue
        try:
            said = json.loads(line)
            found.append(Anchor(int(said["count"]), str(said["sha256"])))
        except (ValueError, KeyError, TypeError):
            found.append(Anchor(1, "unreadable"))
    return found
