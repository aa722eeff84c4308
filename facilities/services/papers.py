"""Certificates and agreements: what lets a place be used in an emergency, and until when."""

from __future__ import annotations

import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from core import policies
from core.errors import InvalidInput, Problem
from core.services import audit
from facilities.models import Agreement, Certificate, Facility
from facilities.services.capabilities import touch


def _check_dates(valid_from: datetime.date | None, valid_to: datetime.date | None) -> None:
    if valid_from and valid_to and valid_to < valid_from:
        words = _("It ends before it begins.")
        raise InvalidInput(
            _("The paper cannot be saved."),
            [Problem("bad-period", words, column="valid_to", value=str(valid_to))],
        )


def _told(paper: Certificate | Agreement) -> dict[str, Any]:
    own = (
        {"kind": paper.kind, "number": paper.number}
        if isinstance(paper, Certificate)
        else {"party": paper.party}
    )
    return {**own, "valid_from": paper.valid_from, "valid_to": paper.valid_to}


@transaction.atomic
def add_certificate(
    *, user: Any, facility: Facility, kind: str, number: str = "",
    valid_from: datetime.date | None = None, valid_to: datetime.date | None = None,
) -> Certificate:  # fmt: skip
    policies.demand(user, "facility.edit", facility)
    return enter_certificate(
        user=user, facility=facility, kind=kind, number=number, valid_from=valid_from, valid_to=valid_to
    )


@transaction.atomic
def enter_certificate(
    *, user: Any, facility: Facility, kind: str, number: str = "",
    valid_from: datetime.date | None = None, valid_to: datetime.date | None = None,
) -> Certificate:  # fmt: skip
    """As add_certificate. No policy: for a service whose own right was asked, such as the acceptance of works."""
    _check_dates(valid_from, valid_to)
    paper = Certificate.objects.create(
        facility=facility, kind=kind, number=number, valid_from=valid_from, valid_to=valid_to
    )
    touch(facility)
    audit.record(user=user, act="certificate.add", subject=facility, after=_told(paper))
    return paper


@transaction.atomic
def add_agreement(
    *, user: Any, facility: Facility, party: str = "",
    valid_from: datetime.date | None = None, valid_to: datetime.date | None = None,
) -> Agreement:  # fmt: skip
    policies.demand(user, "facility.edit", facility)
    return enter_agreement(
        user=user, facility=facility, party=party, valid_from=valid_from, valid_to=valid_to
    )


@transaction.atomic
def enter_agreement(
    *, user: Any, facility: Facility, party: str = "",
    valid_from: datetime.date | None = None, valid_to: datetime.date | None = None,
) -> Agreement:  # fmt: skip
    """As add_agreement. No policy: for a service whose own right was asked."""
    _check_dates(valid_from, valid_to)
    paper = Agreement.objects.create(facility=facility, party=party, valid_from=valid_from, valid_to=valid_to)
    touch(facility)
    audit.record(user=user, act="agreement.add", subject=facility, after=_told(paper))
    return paper


@transaction.atomic
def remove_paper(*, user: Any, paper: Certificate | Agreement) -> None:
    """Take out a paper that was entered by mistake; the history keeps it."""
    policies.demand(user, "facility.edit", paper.facility)
    audit.record(
        user=user, act=f"{paper._meta.model_name}.remove", subject=paper.facility, before=_told(paper)
    )
    touch(paper.facility)
    paper.delete()
