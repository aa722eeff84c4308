"""Plain values of OC4IDS: what of a project is read, amounts, moments, and how parts of a document come together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

from django.utils import timezone

from projects.choices import CaseState
from projects.models import Project, RealisedGap

Document = dict[str, Any]


class Facts:
    """One project with what its rows say, read beforehand (see `publications.rows`): no query happens here."""

    def __init__(self, project: Project, prefix: str) -> None:
        self.project = project
        self.id = f"{prefix}-{project.ref}"
        self.lines = sorted(project.budget_lines.all(), key=lambda one: (one.year, one.source))
        self.tranches = sorted(project.tranches.all(), key=lambda one: one.number)
        self.milestones = sorted(project.milestones.all(), key=lambda one: one.number)
        self.contracts = sorted(project.contracts.all(), key=lambda one: (one.signed_on, one.pk))
        self.payments = sorted(project.payments.all(), key=lambda one: (one.paid_on, one.pk))
        self.commissioning = getattr(project, "commissioning", None)
        self.realised: RealisedGap | None = max(
            project.realised.all(), key=lambda one: (one.computed_at, one.pk), default=None
        )
        self.seen = sorted(
            (one for one in project.inspections.all() if one.done_on and one.works_percent is not None),
            key=lambda one: (one.done_on, one.pk),
        )
        self.case = next(
            (
                one
                for one in sorted(project.cases.all(), key=lambda one: -one.pk)
                if one.tranche_id is None and one.state in (CaseState.APPROVED, CaseState.CONDITIONAL)
            ),
            None,
        )

    @property
    def accepted(self) -> Any:
        """The handover, once somebody has accepted it."""
        done = self.commissioning
        return done if done is not None and done.accepted_at is not None else None

    def organisations(self, level: str) -> list[Any]:
        found: dict[str, Any] = {}
        for one in sorted(self.project.responsibilities.all(), key=lambda row: row.pk):
            if one.level == level:
                found.setdefault(one.organisation.code, one.organisation)
        return list(found.values())


def value(fen: int) -> Document:
    """Fen as yuan. A whole number where there are no fen; else the nearest double, whose shortest decimal is the amount
    itself up to 10^13 yuan (the limit of a project's cost)."""
    yuan, rest = divmod(fen, 100)
    return {"amount": yuan if rest == 0 else fen / 100, "currency": "CNY"}


def moment(said: date | datetime | None) -> str | None:
    """RFC 3339, in the installation's time zone; a day is its first moment."""
    if said is None:
        return None
    if not isinstance(said, datetime):
        said = timezone.make_aware(datetime.combine(said, time.min))
    return timezone.localtime(said).replace(microsecond=0).isoformat()


def known(**said: Any) -> Document:
    """Without what is not known: an unknown is left out, never written as nothing or zero."""
    return {key: one for key, one in said.items() if one not in (None, "", [], {})}


def a_day(said: date | None) -> Document:
    return known(startDate=moment(said), endDate=moment(said))


def merge(into: Any, other: Any) -> Any:
    """`into` with what `other` says: objects by key, lists of objects by `id` (several writers fill the same contract)."""
    if isinstance(into, dict) and isinstance(other, dict):
        for key, one in other.items():
            into[key] = merge(into[key], one) if key in into else one
        return into
    if isinstance(into, list) and isinstance(other, list):
        kept = {_key(one): n for n, one in enumerate(into)}
        for one in other:
            at = kept.get(_key(one))
            if at is None:
                kept[_key(one)] = len(into)
                into.append(one)
            else:
                into[at] = merge(into[at], one)
        return into
    return other


def _key(one: Any) -> Any:
    return (one.get("id"), one.get("scheme")) if isinstance(one, dict) else one


def leaves(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of every value, without the places in lists."""
    if isinstance(document, dict):
        for key, one in document.items():
            yield from leaves(one, f"{path}.{key}" if path else key)
    elif isinstance(document, list):
        for one in document:
            yield from leaves(one, path)
    else:
        yield path, document
