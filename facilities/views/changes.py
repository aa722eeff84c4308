"""Proposals: what waits for a steward, and the decision."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.views.pages import page, page_of
from facilities.choices import ProposalState
from facilities.forms import FacilityForm
from facilities.models import ChangeProposal
from facilities.selectors.facilities import proposals_for
from facilities.services.facilities import state
from facilities.services.proposals import decide_proposal


def _rows(proposal: ChangeProposal) -> list[dict[str, Any]]:
    """What differs from the record as it is now."""
    now = state(proposal.facility)
    fields = FacilityForm.base_fields
    return [
        {"label": fields[name].label if name in fields else name, "now": now.get(name), "then": value}
        for name, value in proposal.changes.items()
    ]


@page
def change_list(request: HttpRequest) -> HttpResponse:
    chosen = request.GET.get("state", ProposalState.OPEN)
    rows = proposals_for(request.user).select_related("facility__use")
    if request.city:
        rows = rows.filter(facility__city=request.city)
    if chosen in ProposalState.values:
        rows = rows.filter(state=chosen)
    shown = page_of(request, rows.order_by("-id"))
    for proposal in shown:
        proposal.rows = _rows(proposal)
        proposal.may_decide = proposal.state == ProposalState.OPEN and policies.allows(
            request.user, "facility.edit", proposal.facility
        )
        proposal.moved_on = (
            proposal.state == ProposalState.OPEN and proposal.base_version != proposal.facility.version
        )
    return render(
        request, "facilities/changes.html", {"page": shown, "state": chosen, "states": ProposalState.choices}
    )


@require_POST
@page
def change_decide(request: HttpRequest, ref: str) -> HttpResponse:
    proposal = get_object_or_404(proposals_for(request.user), ref=ref)
    accept = request.POST.get("decision") == "accept"
    decide_proposal(
        user=request.user, proposal=proposal, accept=accept, answer=request.POST.get("answer", "")
    )
    messages.success(request, _("Accepted; the record is changed.") if accept else _("Rejected."))
    return redirect("facility_changes")
