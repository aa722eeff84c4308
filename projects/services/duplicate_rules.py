"""Rules against building twice: drafted by one, published by another, never changed afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import Certainty
from core.errors import DomainError
from core.models import City
from core.services import audit
from facilities.models import ServiceType
from projects.choices import RouteState
from projects.models import DuplicateRule

SHIPPED = Path(settings.BASE_DIR) / "projects" / "rules" / "duplicates.yaml"


def draft(
    *,
    user: Any,
    city: City | None,
    service: ServiceType | None,
    overlap_percent: float,
    idle_radius_m: float,
    reason: str,
    source: str = "",
    certainty: str = Certainty.D,
) -> DuplicateRule:
    """The next version of the rule of a city for a service (None: for all that have none of their own)."""
    if user is not None:
        if city is None:
            raise DomainError("rule-needs-city", _("A rule is drafted for a city."), status=422)
        policies.demand(user, "duplicate_rule.edit", city)
    wrong = []
    if not 0 <= overlap_percent <= 100:
        wrong.append(str(_("the overlap is a share from 0 to 100 %")))
    if not 0 <= idle_radius_m <= 50_000:
        wrong.append(str(_("the distance of idle assets lies between 0 and 50,000 m")))
    if certainty not in Certainty.values:
        wrong.append(str(_("the certainty is A, B, C or D")))
    if not reason.strip():
        wrong.append(str(_("a reason is needed")))
    if len(source) > 300:
        wrong.append(str(_("the source has at most 300 characters")))
    if wrong:
        raise DomainError("bad-rule", _("Correct this: %(words)s.") % {"words": "; ".join(wrong)}, status=422)
    try:
        with transaction.atomic():
            newest = DuplicateRule.objects.filter(city=city, service=service).aggregate(last=Max("version"))
            made = DuplicateRule.objects.create(
                city=city, service=service, version=(newest["last"] or 0) + 1, overlap_percent=overlap_percent,
                idle_radius_m=idle_radius_m, reason=reason.strip(), source=source.strip(), certainty=certainty, drafted_by=user,
            )  # fmt: skip
            audit.record(
                user=user, act="duplicate_rule.draft", subject=made, ref=str(made.pk), after=_said(made)
            )
    except IntegrityError:
        raise DomainError("rule-drafted", _("Somebody else has just drafted this rule.")) from None
    return made


def publish(*, user: Any, rule: DuplicateRule) -> DuplicateRule:
    """From now on checks go by it; the version before is retired. Whoever drafted it does not publish it."""
    if user is not None:
        policies.demand(user, "duplicate_rule.publish", rule.city)
        if rule.drafted_by_id == user.pk:
            raise DomainError("two-people", _("Whoever drafted a rule does not publish it."), status=403)
        if rule.city_id is None and not user.is_superuser:
            raise DomainError("rule-needs-city", _("A rule is drafted for a city."), status=403)
    with transaction.atomic():
        same = DuplicateRule.objects.filter(city=rule.city, service=rule.service)
        list(same.order_by().select_for_update().values_list("pk", flat=True))
        same.filter(state=RouteState.PUBLISHED).exclude(pk=rule.pk).update(state=RouteState.RETIRED)
        moved = DuplicateRule.objects.filter(pk=rule.pk, state=RouteState.DRAFT).update(
            state=RouteState.PUBLISHED, published_at=timezone.now(), published_by=user
        )
        if not moved:
            raise DomainError("rule-not-draft", _("Only a draft can be published."))
        rule.refresh_from_db()
        audit.record(
            user=user, act="duplicate_rule.publish", subject=rule, ref=str(rule.pk), after=_said(rule)
        )
    return rule


def drop(*, user: Any, rule: DuplicateRule) -> None:
    """Take back a draft that nobody published."""
    policies.demand(user, "duplicate_rule.edit", rule.city)
    with transaction.atomic():
        gone, _each = DuplicateRule.objects.filter(pk=rule.pk, state=RouteState.DRAFT).delete()
        if not gone:
            raise DomainError("rule-not-draft", _("Only a draft can be taken back."))
        audit.record(user=user, act="duplicate_rule.drop", subject=rule, ref=str(rule.pk), before=_said(rule))


def load_shipped() -> list[DuplicateRule]:
    """The rules that come with the platform, for every city, where none for the service is there yet."""
    made = []
    for row in yaml.safe_load(SHIPPED.read_text(encoding="utf-8")):
        service = ServiceType.objects.get(code=row["service"]) if row["service"] else None
        with transaction.atomic():
            if DuplicateRule.objects.filter(city=None, service=service).exists():
                continue
            one = draft(
                user=None, city=None, service=service, overlap_percent=row["overlap_percent"],
                idle_radius_m=row["idle_radius_m"], reason=row["reason"], source=row["source"], certainty=row["certainty"],
            )  # fmt: skip
            made.append(publish(user=None, rule=one))
    return made


def _said(rule: DuplicateRule) -> dict[str, Any]:
    return {
        "city": rule.city.code if rule.city else None, "service": rule.service.code if rule.service else None,
        "version": rule.version, "overlap_percent": rule.overlap_percent, "idle_radius_m": rule.idle_radius_m,
        "certainty": rule.certainty, "reason": rule.reason, "source": rule.source,
    }  # fmt: skip
