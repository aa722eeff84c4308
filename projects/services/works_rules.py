"""The limits of the works as versioned data: drafted by one, published by another, never changed afterwards."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import Certainty
from core.errors import DomainError, InvalidInput, Problem
from core.services import audit
from projects.choices import RouteState
from projects.models import WorksRule
from projects.selectors.works_rules import VALUES, WHOLE, Limits, in_force, limits_of, shipped


def load_shipped() -> list[WorksRule]:
    """Publish the limits that come with the platform where none are in force; what is there is never touched."""
    if WorksRule.objects.exists():
        return []
    try:
        with transaction.atomic():
            made = WorksRule.objects.create(
                version=1, state=RouteState.PUBLISHED, values=shipped(), source="projects/rules/works.yaml",
                certainty=Certainty.D, published_at=timezone.now(),
            )  # fmt: skip
            audit.record(user=None, act="works_rule.publish", subject=made, ref="1")
    except IntegrityError:  # somebody else was quicker
        return []
    return [made]


def current() -> Limits:
    """The limits in force, with their row: photos and draws say by which they were judged."""
    if in_force() is None:
        load_shipped()
    rule = in_force()
    if rule is None:
        raise DomainError("no-works-rule", _("No rule of the works is published."))
    return limits_of(rule.values, rule)


def draft(*, user: Any, values: dict[str, Any], source: str, certainty: str, reason: str) -> WorksRule:
    """A new version. `values`: those that change, by name; the others stay as they are in force. Each that changes
    takes this source and certainty."""
    policies.demand(user, "alert_rule.edit")
    held = current()
    problems = _wrong(values)
    if not source.strip():
        problems.append(
            Problem("no-source", _("Name the source of the values, or say that it is a proposal."))
        )
    if not reason.strip():
        problems.append(Problem("no-reason", _("Say why.")))
    if certainty not in Certainty.values:
        problems.append(Problem("unknown-certainty", _("The certainty is A, B, C or D.")))
    if problems:
        raise InvalidInput(
            _("Correct this: %(words)s") % {"words": " ".join(str(one.message) for one in problems)}, problems
        )
    old = held.rule.values
    fresh = {
        name: {"value": _number(name, values[name]), "certainty": certainty, "source": source.strip()}
        for name in values
        if _number(name, values[name]) != old[name]["value"]
    }
    if not fresh:
        raise DomainError("nothing-changed", _("Nothing differs from what is in force."), status=422)
    same = WorksRule.objects.filter(state=RouteState.DRAFT, drafted_by=user, values={**old, **fresh}).first()
    if same is not None:
        return same  # the button was pressed twice
    with transaction.atomic():
        number = (WorksRule.objects.aggregate(last=Max("version"))["last"] or 0) + 1
        try:
            with transaction.atomic():
                made = WorksRule.objects.create(
                    version=number, values={**old, **fresh}, source=source.strip(), certainty=certainty,
                    reason=reason.strip(), drafted_by=user,
                )  # fmt: skip
        except IntegrityError:
            raise DomainError(
                "version-taken", _("Somebody else drafted a version at the same moment. Look at it first.")
            ) from None
        audit.record(
            user=user, act="works_rule.draft", subject=made, ref=str(number), reason=reason.strip(),
            before={name: old[name]["value"] for name in fresh}, after={name: fresh[name]["value"] for name in fresh},
        )  # fmt: skip
    return made


def _number(name: str, value: Any) -> float | int:
    number = float(value)
    return round(number) if name in WHOLE or number.is_integer() else number


def _wrong(values: dict[str, Any]) -> list[Problem]:
    found = []
    for name, value in values.items():
        if name not in VALUES:
            found.append(
                Problem("unknown-value", _("“%(name)s” is not known.") % {"name": name}, column=name)
            )
            continue
        words, _unit, least, most = VALUES[name]
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if not least <= number <= most or (name in WHOLE and not number.is_integer()):
            text = (
                _("“%(words)s” is a whole number from %(least)s to %(most)s.")
                if name in WHOLE
                else _("“%(words)s” is a number from %(least)s to %(most)s.")
            )
            found.append(
                Problem(
                    "bad-value",
                    text % {"words": words, "least": f"{least:g}", "most": f"{most:g}"},
                    column=name,
                    value=str(value),
                )
            )
    return found


def publish(*, user: Any, rule: WorksRule) -> WorksRule:
    """From now on photos, reports, findings and draws go by this version; what was judged before stays as it is."""
    policies.demand(user, "alert_rule.publish")
    if rule.drafted_by_id == user.pk:
        raise DomainError("two-people", _("Whoever drafted a rule does not publish it."), status=403)
    with transaction.atomic():
        # One rule is in force at any time; who publishes waits for whoever else does.
        held = WorksRule.objects.select_for_update().filter(state=RouteState.PUBLISHED).first()
        if held is not None:
            if held.version > rule.version:
                raise DomainError("rule-overtaken", _("A later version is in force already."))
            WorksRule.objects.filter(pk=held.pk).update(state=RouteState.RETIRED)
        moved = WorksRule.objects.filter(pk=rule.pk, state=RouteState.DRAFT).update(
            state=RouteState.PUBLISHED, published_by=user, published_at=timezone.now()
        )
        if not moved:
            raise DomainError("rule-not-draft", _("Only a draft can be published."))
        audit.record(user=user, act="works_rule.publish", subject=rule, ref=str(rule.version))
    rule.refresh_from_db()
    return rule
