"""Alert rules: read from YAML, drafted as the next version, checked whole, published by somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import Certainty, OrganisationKind
from core.errors import DomainError, Forbidden, InvalidInput, Problem
from core.services import audit
from projects.choices import RouteState
from projects.models import AlertRule

SHIPPED = Path(settings.BASE_DIR) / "projects" / "rules" / "alerts.yaml"


@dataclass(frozen=True)
class Threshold:
    """What one number of a rule means, its unit, and between which whole numbers it makes sense."""

    label: Any
    unit: Any
    least: int
    most: int


_AGAIN = Threshold(_("asked about again, if it goes on, after"), _("days after it was closed"), 1, 3650)
_BACK = Threshold(_("looks back"), _("days"), 1, 3650)
# The numbers of each rule. Keys end with their unit.
THRESHOLDS: dict[str, dict[str, Threshold]] = {
    "late-start": {"late_days": Threshold(_("later than planned by more than"), _("days"), 0, 3650)},
    "lag": {
        "behind_points": Threshold(_("behind the plan by at least"), _("percentage points"), 1, 100),
        "again_days": _AGAIN,
    },
    "low-payment": {
        "below_percent": Threshold(_("paid of the budget due so far, less than"), "%", 1, 100),
        "after_days": Threshold(_("not before"), _("days after the approval"), 0, 3650),
        "again_days": _AGAIN,
    },
    "scope-shrink": {"less_percent": Threshold(_("fewer units than approved, by at least"), "%", 1, 100)},
    "overdue": {
        "milestone_days": Threshold(
            _("a milestone not seen on site after its day by more than"), _("days"), 0, 3650
        ),
        "end_days": Threshold(_("not commissioned after its end by more than"), _("days"), 0, 3650),
    },
    "paid-ahead": {
        "ahead_points": Threshold(_("paid ahead of the works by at least"), _("percentage points"), 1, 100),
        "again_days": _AGAIN,
    },
    "idle-funds": {
        "idle_months": Threshold(_("released for at least"), _("calendar months"), 1, 120),
        "left_percent": Threshold(_("of a tranche still there, at least"), "%", 1, 100),
        "again_days": _AGAIN,
    },
    "payee": {
        "from_yuan": Threshold(_("payments from"), _("yuan"), 0, 10**9),
        "look_back_days": _BACK,
    },
    "silence": {
        "silent_months": Threshold(_("months without a report, at least"), _("calendar months"), 1, 60),
        "again_days": _AGAIN,
    },
    "evidence": {
        "photos_count": Threshold(_("fewer photos that count than"), _("pictures"), 1, 100),
        "wait_days": Threshold(_("photos may follow within"), _("days"), 0, 365),
        "look_back_days": _BACK,
    },
    "far-from-site": {
        "away_m": Threshold(_("farther from the approved site than"), "m", 1, 100_000),
        "look_back_days": _BACK,
    },
    "capacity-below": {"built_percent": Threshold(_("built of what was approved, less than"), "%", 1, 100)},
}


def check(
    *, code: str, thresholds: Mapping[str, Any], answer: Any, escalate: Any, owner: str, certainty: str
) -> list[Problem]:
    """Everything that is wrong with these values for the rule `code`."""
    found: list[Problem] = []
    wanted = THRESHOLDS[code]
    for key in sorted(set(thresholds) - set(wanted)):
        found.append(Problem("unknown", _("This rule has no such threshold."), column=key))
    for key, meaning in wanted.items():
        value = thresholds.get(key)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not meaning.least <= int(value or 0) <= meaning.most:
            found.append(
                Problem(
                    "out-of-range",
                    _("A whole number from %(least)s to %(most)s.") % {"least": meaning.least, "most": meaning.most},
                    column=key,
                )
            )  # fmt: skip
    for key, days in (("answer_working_days", answer), ("escalate_working_days", escalate)):
        if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= 250:
            found.append(
                Problem(
                    "out-of-range",
                    _("A whole number from %(least)s to %(most)s.") % {"least": 1, "most": 250},
                    column=key,
                )
            )
    for key, value, known in (
        ("owner_level", owner, OrganisationKind.values),
        ("certainty", certainty, Certainty.values),
    ):
        if value not in known:
            found.append(Problem("unknown", _("One of %(words)s.") % {"words": ", ".join(known)}, column=key))
    return found


def _demand_right(problems: list[Problem]) -> None:
    if problems:
        raise InvalidInput(_("The rule cannot be used. Correct what is listed."), problems)


def current() -> list[AlertRule]:
    """The rules in force, in the order of THRESHOLDS."""
    rows = {rule.code: rule for rule in AlertRule.objects.filter(state=RouteState.PUBLISHED)}
    return [rows[code] for code in THRESHOLDS if code in rows]


def draft(
    *,
    user: Any,
    code: str,
    thresholds: Mapping[str, Any],
    answer_working_days: int,
    escalate_working_days: int,
    owner_level: str,
    source: str,
    certainty: str,
    reason: str,
) -> AlertRule:
    """Draft the next version of a rule, or change the draft that is there. Nothing is raised by it until it is published."""
    policies.demand(user, "alert_rule.edit")
    former = AlertRule.objects.filter(code=code).exclude(state=RouteState.DRAFT).order_by("-version").first()
    if former is None or code not in THRESHOLDS:
        raise DomainError("no-alert-rule", _("There is no rule %(code)s.") % {"code": code}, status=404)
    problems = check(
        code=code, thresholds=thresholds, answer=answer_working_days, escalate=escalate_working_days, owner=owner_level,
        certainty=certainty,
    )  # fmt: skip
    if not reason.strip():
        problems.append(Problem("missing", _("Say why it is changed."), column="reason"))
    if not source.strip():
        problems.append(Problem("missing", _("Say where the numbers come from."), column="source"))
    _demand_right(problems)
    values = {
        "name": former.name, "name_en": former.name_en, "thresholds": dict(thresholds),
        "answer_working_days": answer_working_days, "escalate_working_days": escalate_working_days,
        "owner_level": owner_level, "source": source.strip()[:300], "certainty": certainty, "reason": reason.strip(),
        "drafted_by": user,
    }  # fmt: skip
    try:
        with transaction.atomic():
            row = AlertRule.objects.select_for_update().filter(code=code, state=RouteState.DRAFT).first()
            if row is None:
                last = AlertRule.objects.filter(code=code).aggregate(last=Max("version"))["last"]
                row = AlertRule(code=code, version=last + 1, state=RouteState.DRAFT)
            for name, value in values.items():
                setattr(row, name, value)
            row.save()
            audit.record(
                user=user, act="alert_rule.draft", subject=row, ref=str(row), before=_said(former), after=_said(row),
                reason=row.reason,
            )  # fmt: skip
    except IntegrityError:
        raise DomainError("alert-rule-drafted", _("Somebody else has just drafted this rule.")) from None
    return row


def _said(rule: AlertRule) -> dict[str, Any]:
    return {
        "thresholds": rule.thresholds, "answer_working_days": rule.answer_working_days,
        "escalate_working_days": rule.escalate_working_days, "owner_level": rule.owner_level,
    }  # fmt: skip


def publish(*, user: Any, rule: AlertRule) -> AlertRule:
    """From the next run on this version raises alerts; the one before is retired. Not by whoever drafted it."""
    policies.demand(user, "alert_rule.publish")
    if rule.drafted_by_id == user.pk:
        raise Forbidden(_("Whoever drafted a rule does not publish it."), "drafter-may-not")
    return _publish(user, rule)


def _publish(user: Any, rule: AlertRule) -> AlertRule:
    with transaction.atomic():
        held = AlertRule.objects.select_for_update().get(pk=rule.pk)
        if held.state != RouteState.DRAFT:
            raise DomainError("alert-rule-not-draft", _("Only a draft can be published."))
        if user is not None and held.drafted_by_id == user.pk:
            raise Forbidden(_("Whoever drafted a rule does not publish it."), "drafter-may-not")
        AlertRule.objects.filter(code=held.code, state=RouteState.PUBLISHED).update(state=RouteState.RETIRED)
        AlertRule.objects.filter(pk=held.pk).update(
            state=RouteState.PUBLISHED, published_by=user, published_at=timezone.now()
        )
        held.refresh_from_db()
        audit.record(
            user=user,
            act="alert_rule.publish",
            subject=held,
            ref=str(held),
            after=_said(held),
            reason=held.reason,
        )
    return held


def discard(*, user: Any, rule: AlertRule) -> None:
    """Throw a draft away."""
    policies.demand(user, "alert_rule.edit")
    with transaction.atomic():
        gone, _rows = AlertRule.objects.filter(pk=rule.pk, state=RouteState.DRAFT).delete()
        if not gone:
            raise DomainError("alert-rule-not-draft", _("Only a draft can be thrown away."))
        audit.record(user=user, act="alert_rule.discard", subject=rule, ref=str(rule))


def load_shipped(*, path: Path = SHIPPED) -> list[AlertRule]:
    """The rules that come with the platform, published where no version of theirs is there yet. Nothing is touched."""
    have = set(AlertRule.objects.values_list("code", flat=True))
    made = []
    with transaction.atomic():
        for said in yaml.safe_load(path.read_text(encoding="utf-8")):
            if said["code"] in have:
                continue
            _demand_right(
                check(
                    code=said["code"], thresholds=said["thresholds"], answer=said["answer"], escalate=said.get("escalate", 5),
                    owner=said["owner"], certainty=said["certainty"],
                )
            )  # fmt: skip
            row = AlertRule.objects.create(
                code=said["code"], name=said["name"], name_en=said["name_en"], thresholds=said["thresholds"],
                answer_working_days=said["answer"], escalate_working_days=said.get("escalate", 5),
                owner_level=said["owner"], source=said["source"], certainty=said["certainty"],
            )  # fmt: skip
            made.append(_publish(None, row))
    return made
