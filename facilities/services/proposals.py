"""Proposals: whoever may not edit says what should change; a steward accepts or rejects it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError
from core.services import audit
from core.services.refs import next_ref
from facilities.choices import ProposalState
from facilities.models import ChangeProposal, Facility
from facilities.services.facilities import clean, state, update_facility


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as JSON keeps them."""
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in fields.items()
    }


@transaction.atomic
def propose_change(
    *, user: Any, facility: Facility, version: int, fields: dict[str, Any], reason: str
) -> ChangeProposal:
    """Keep what someone thinks should change; fields equal to the record are dropped."""
    policies.demand(user, "facility.propose", facility)
    if not reason.strip():
        raise DomainError("reason-needed", _("Say why this should change."), status=422)
    clean(fields, new=False)
    now = state(facility)
    told = {
        name: value
        for name, value in _told(fields).items()
        if value != now.get(name) and (value or now.get(name))
    }
    if not told:
        raise DomainError("nothing-changes", _("Nothing differs from the record."), status=422)
    if {"original_x", "original_y", "datum"} & set(told):
        told |= {name: _told(fields)[name] for name in ("original_x", "original_y", "datum")}
    proposal = ChangeProposal.objects.create(
        ref=next_ref("CP"),
        facility=facility,
        changes=told,
        reason=reason.strip(),
        base_version=version,
        proposed_by=user,
    )
    audit.record(
        user=user, act="proposal.add", subject=facility, before={name: now.get(name) for name in told},
        after={**told, "proposal": proposal.ref}, reason=reason,
    )  # fmt: skip
    return proposal


@transaction.atomic
def decide_proposal(*, user: Any, proposal: ChangeProposal, accept: bool, answer: str = "") -> ChangeProposal:
    """Accept: the change is made in the steward's name, against the record as it is now. Reject: an answer is owed."""
    policies.demand(user, "facility.edit", proposal.facility)
    if not accept and not answer.strip():
        raise DomainError("answer-needed", _("Say why the proposal is rejected."), status=422)
    state_now = ProposalState.ACCEPTED if accept else ProposalState.REJECTED
    taken = ChangeProposal.objects.filter(pk=proposal.pk, state=ProposalState.OPEN).update(
        state=state_now, decided_by=user, decided_at=timezone.now(), answer=answer.strip()
    )
    if not taken:
        raise DomainError("proposal-decided", _("This proposal is already decided."))
    if accept:
        update_facility(
            user=user, facility=proposal.facility, version=None, fields=proposal.changes,
            reason=_("Proposal %(ref)s: %(reason)s") % {"ref": proposal.ref, "reason": proposal.reason},
        )  # fmt: skip
    else:
        audit.record(
            user=user,
            act="proposal.reject",
            subject=proposal.facility,
            after={"proposal": proposal.ref},
            reason=answer,
        )
    proposal.refresh_from_db()
    return proposal
