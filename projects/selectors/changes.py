"""What changed between two rounds of a case, in words a reviewer reads: the field's name, before and now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.choices import OrganisationKind
from core.models import Area
from core.templatetags.pingji import day, hours, local_name, num, yuan
from facilities.models import ServiceType
from inventory.choices import InterventionKind
from planning.choices import FundSource
from projects.models import Case, Project
from projects.selectors.submitted import content_of


@dataclass(frozen=True)
class Change:
    """One field. Lists come line by line: `gone` and `new` hold only what differs."""

    field: str
    label: Any
    before: str = ""
    now: str = ""
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()

    @property
    def listed(self) -> bool:
        return bool(self.gone or self.new)


LABELS: dict[str, Any] = {
    "name": gettext_lazy("Name"), "name_en": gettext_lazy("English name"), "description": gettext_lazy("What is done"),
    "investment_code": gettext_lazy("National investment code"), "kind": gettext_lazy("Intervention"),
    "service": gettext_lazy("Service"), "units": gettext_lazy("Units gained"), "conversion_hours": gettext_lazy("Ready after, h"),
    "cost_fen": gettext_lazy("Cost"), "starts_on": gettext_lazy("Start"), "ends_on": gettext_lazy("End"),
    "gap_promised": gettext_lazy("Gap closed as promised"), "land_m2": gettext_lazy("Land, m²"),
    "duplicate_reason": gettext_lazy("Why it is built although others are near"), "area": gettext_lazy("Area"),
    "facility": gettext_lazy("Facility"), "idle_asset": gettext_lazy("Idle asset"), "point": gettext_lazy("Position"),
    "need": gettext_lazy("Need and gap it answers"), "alternatives": gettext_lazy("Alternatives not taken"),
    "money": gettext_lazy("Budget lines"), "tranches": gettext_lazy("Tranches"), "milestones": gettext_lazy("Milestones"),
    "responsibilities": gettext_lazy("Responsibilities"), "tranche": gettext_lazy("Tranche asked for"),
    "site": gettext_lazy("Site in words"), "builder": gettext_lazy("Who builds it"),
    "lead_department": gettext_lazy("Department in the lead"), "stage": gettext_lazy("Stage, as the list has it"),
}  # fmt: skip


def between_rounds(case: Case, round_: int | None = None) -> list[Change]:
    """What differs between a round and the one before it; by default the newest. Nothing in the first round."""
    number = case.round if round_ is None else round_
    rows = {row.round: row.content for row in case.submissions.filter(round__in=[number - 1, number])}
    if number not in rows or number - 1 not in rows:
        return []
    before, now = rows[number - 1], rows[number]
    order = [*LABELS, *sorted({*before, *now} - set(LABELS))]
    return [_change(key, before.get(key), now.get(key)) for key in order if before.get(key) != now.get(key)]


def since_submission(case: Case) -> list[Change]:
    """What was changed in the project since the case was handed in last: what reviewers will see of the next round."""
    last = case.submissions.order_by("-round").first()
    if last is None:
        return []
    before, now = last.content, content_of(Project.objects.get(pk=case.project_id))
    keys = [*LABELS, *sorted(set(now) - set(LABELS))]
    return [
        _change(key, before.get(key), now[key]) for key in keys if key in now and before.get(key) != now[key]
    ]


def _change(field: str, before: Any, now: Any) -> Change:
    label = LABELS.get(field, field)
    line = _LINES.get(field)
    if line is not None:
        old, new = [line(row) for row in before or []], [line(row) for row in now or []]
        return Change(
            field,
            label,
            gone=tuple(one for one in old if one not in new),
            new=tuple(one for one in new if one not in old),
        )
    return Change(field, label, _value(field, before), _value(field, now))


def _value(field: str, value: Any) -> str:
    if value in (None, "", [], {}):
        return "—"
    plain: dict[str, Callable[[Any], str]] = {
        "cost_fen": yuan, "conversion_hours": hours, "starts_on": _day, "ends_on": _day, "units": num, "gap_promised": num,
        "land_m2": num, "kind": lambda code: _choice(InterventionKind, code),
        "service": lambda code: _named(ServiceType, code), "area": lambda code: _named(Area, code),
        "point": lambda pair: f"{pair[0]:.6f}, {pair[1]:.6f}",
        "need": lambda said: _("plan %(plan)s, version %(number)s, %(count)s runs") % {"plan": said.get("plan", "—"), "number": said.get("version", "—"), "count": len(said.get("runs", []))},
        "tranche": lambda said: f"{said.get('number')} · {said.get('name')} · {yuan(said.get('amount_fen'))}",
    }  # fmt: skip
    return plain[field](value) if field in plain else str(value)


def _day(text: Any) -> str:
    return day(date.fromisoformat(str(text)[:10])) if text else "—"


def _choice(listed: Any, code: str) -> str:
    return str(listed(code).label) if code in listed.values else str(code)


def _named(model: Any, code: str) -> str:
    row = model.objects.filter(code=code).first()
    return local_name(row) if row is not None else str(code)


def _money(row: Any) -> str:
    year, source, amount = row[:3]
    return f"{year} · {_choice(FundSource, source)} · {yuan(amount)}"


def _tranche(row: Any) -> str:
    number, name, amount, *rest = row
    last = f" · {_('last one')}" if rest and rest[0] else ""
    return f"{number} · {name} · {yuan(amount)}{last}"


def _milestone(row: Any) -> str:
    number, name, planned, percent = row[:4]
    return f"{number} · {name} · {_day(planned)} · {percent} %"


def _responsibility(row: Any) -> str:
    level, organisation, task, due = row[:4]
    return f"{_choice(OrganisationKind, level)} · {organisation} · {task} · {_day(due)}"


def _alternative(row: Any) -> str:
    return f"{local_name(row)} · {num(row.get('units'))} · {yuan(row.get('cost_fen'))}"


_LINES: dict[str, Callable[[Any], str]] = {
    "money": _money, "tranches": _tranche, "milestones": _milestone, "responsibilities": _responsibility,
    "alternatives": _alternative,
}  # fmt: skip
