"""Readiness of a capability, and whether the right to use a place has lapsed: said once, in SQL, for page, API, tile
and engine alike.

A place with agreements none of which is in force has lost the right to be used; the same for certificates. A place
without any is not lapsed: nothing was promised that could end.
"""

from __future__ import annotations

import datetime
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.lookups import In
from django.utils import timezone

from facilities.choices import Readiness
from facilities.models import Agreement, Capability, Certificate, Facility


def in_force(as_of: datetime.date) -> Q:
    return (Q(valid_from=None) | Q(valid_from__lte=as_of)) & (Q(valid_to=None) | Q(valid_to__gte=as_of))


def _lapsed(model: type, facility: str, as_of: datetime.date) -> ExpressionWrapper:
    # IN, not EXISTS: PostgreSQL reads each paper once into a hash instead of looking them up role by role.
    papers = model.objects.order_by()
    holders, valid = papers.values("facility_id"), papers.filter(in_force(as_of)).values("facility_id")
    return ExpressionWrapper(
        Q(In(F(facility), holders)) & ~Q(In(F(facility), valid)), output_field=BooleanField()
    )


def lapsed_agreement(as_of: datetime.date, facility: str = "facility_id") -> ExpressionWrapper:
    return _lapsed(Agreement, facility, as_of)


def lapsed_certificate(as_of: datetime.date, facility: str = "facility_id") -> ExpressionWrapper:
    return _lapsed(Certificate, facility, as_of)


def capabilities_now(as_of: datetime.date | None = None) -> QuerySet[Capability]:
    """Capabilities with `lapsed_agreement`, `lapsed_certificate` and `readiness` as of a day (today when None).

    Lapsed beats everything; then what a drill showed beats what was declared.
    """
    day = as_of or timezone.localdate()
    return Capability.objects.annotate(
        lapsed_agreement=lapsed_agreement(day),
        lapsed_certificate=lapsed_certificate(day),
    ).annotate(
        readiness=Case(
            When(Q(lapsed_agreement=True) | Q(lapsed_certificate=True), then=Value(Readiness.LAPSED)),
            When(conversion_hours_observed=None, then=Value(Readiness.UNTRIED)),
            When(conversion_hours_observed__gt=F("conversion_hours_declared"), then=Value(Readiness.SLOWER)),
            default=Value(Readiness.PROVEN),
            output_field=CharField(),
        )
    )


def place_state(facility: Facility, on: datetime.date | None = None) -> dict[str, Any]:
    """What decides, besides the role itself, whether a place supplies anything."""
    day = on or timezone.localdate()
    row = (
        Facility.objects.filter(pk=facility.pk)
        .annotate(agreement=lapsed_agreement(day, "pk"), certificate=lapsed_certificate(day, "pk"))
        .values("status", "agreement", "certificate")
        .get()
    )
    return {
        "status": row["status"],
        "lapsed_agreement": row["agreement"],
        "lapsed_certificate": row["certificate"],
    }
