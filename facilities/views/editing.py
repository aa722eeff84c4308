"""Adding and changing a facility. When two people save at once, the second sees what the first changed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.choices import Datum
from core.errors import InvalidInput
from core.templatetags.pingji import dt, local_name
from core.views.pages import page
from facilities.errors import ChangedMeanwhile
from facilities.forms import FacilityForm, RoleForm, plain
from facilities.models import Capability, Facility, ServiceType
from facilities.services import capabilities, proposals
from facilities.services import facilities as services
from facilities.views.facilities import record_or_404


def _form_page(request: HttpRequest, form: FacilityForm, **context: Any) -> HttpResponse:
    status = context.pop("status", 422 if form.is_bound and form.errors else 200)
    return render(
        request, "facilities/form.html", {"form": form, "datums": Datum.values, **context}, status=status
    )


@page
def facility_new(request: HttpRequest) -> HttpResponse:
    policies.demand(request.user, "facility.edit")
    form = FacilityForm(request.POST or None, new=True)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_facility(
                user=request.user,
                city=request.city,
                fields=form.changes(),
                reason=form.cleaned_data["reason"],
            )
            messages.success(
                request, _("%(name)s was added as %(ref)s.") % {"name": local_name(made), "ref": made.ref}
            )
            return redirect("facility", ref=made.ref)
        except InvalidInput as error:
            form.take_problems(error)
    return _form_page(
        request,
        form,
        title=_("Add a facility"),
        lead=_("Its emergency roles follow from the capacity rules of its use."),
        button=_("Add"),
    )


@page
def facility_edit(request: HttpRequest, ref: str) -> HttpResponse:
    facility = record_or_404(request, ref)
    policies.demand(request.user, "facility.edit", facility)
    context = {
        "facility": facility,
        "title": _("Edit %(name)s") % {"name": local_name(facility)},
        "button": _("Save"),
        "crumb": _("Edit"),
        "mode": "edit",
    }
    if request.method != "POST":
        return _form_page(request, FacilityForm(initial=FacilityForm.values_of(facility)), **context)
    form = FacilityForm(request.POST)
    if form.is_valid():
        try:
            services.update_facility(
                user=request.user, facility=facility, version=form.cleaned_data["version"], fields=form.changes(),
                reason=form.cleaned_data["reason"],
            )  # fmt: skip
            messages.success(request, _("Saved."))
            return redirect("facility", ref=ref)
        except ChangedMeanwhile as error:
            form, rows = _merge(request, form, error)
            return _form_page(
                request, form, **context, conflict=rows, conflict_words=error.message, status=409
            )
        except InvalidInput as error:
            form.take_problems(error)
    return _form_page(request, form, **context)


def _merge(
    request: HttpRequest, form: FacilityForm, error: ChangedMeanwhile
) -> tuple[FacilityForm, list[dict[str, Any]]]:
    """The form again, against the newest version: untouched fields take the other's value, touched ones keep yours."""
    typed = request.POST.copy()
    typed["version"] = str(error.version)
    rows = []
    for change in error.changes:
        name = change["field"]
        if name not in form.fields:
            continue
        yours = form.cleaned_data.get(name)
        yours = yours.isoformat() if hasattr(yours, "isoformat") else yours
        touched = (yours or None) != (change["base"] or None) and (yours or None) != (
            change["theirs"] or None
        )
        if not touched:
            typed[name] = "" if change["theirs"] is None else str(change["theirs"])
        at = parse_datetime(change.get("at") or "")
        rows.append(
            {
                "label": form.fields[name].label, "base": change["base"], "theirs": change["theirs"], "who": change["who"],
                "at": dt(at) if at else "", "yours": yours if touched else None, "touched": touched,
            }
        )  # fmt: skip
    return FacilityForm(typed), rows


@page
def facility_propose(request: HttpRequest, ref: str) -> HttpResponse:
    facility = record_or_404(request, ref)
    policies.demand(request.user, "facility.propose", facility)
    context = {
        "facility": facility, "title": _("Propose a change to %(name)s") % {"name": local_name(facility)},
        "lead": _("The record stays as it is until a steward accepts."), "button": _("Send the proposal"), "crumb": _("Propose"), "mode": "propose",
    }  # fmt: skip
    if request.method != "POST":
        return _form_page(
            request, FacilityForm(initial=FacilityForm.values_of(facility), reason_needed=True), **context
        )
    form = FacilityForm(request.POST, reason_needed=True)
    if form.is_valid():
        try:
            made = proposals.propose_change(
                user=request.user, facility=facility, version=form.cleaned_data["version"] or facility.version,
                fields=form.changes(), reason=form.cleaned_data["reason"],
            )  # fmt: skip
            messages.success(request, _("Proposal %(ref)s was sent to the stewards.") % {"ref": made.ref})
            return redirect("facility", ref=ref)
        except InvalidInput as error:
            form.take_problems(error)
    return _form_page(request, form, **context)


@require_POST
@page
def facility_close(request: HttpRequest, ref: str) -> HttpResponse:
    facility = record_or_404(request, ref)
    version = int(request.POST["version"]) if request.POST.get("version", "").isdecimal() else None
    services.close_facility(
        user=request.user, facility=facility, version=version, reason=request.POST.get("reason", "")
    )
    messages.success(request, _("Closed. It stays on record and supplies nothing."))
    return redirect("facility", ref=ref)


def _role_values(role: Capability) -> dict[str, Any]:
    cost = role.conversion_cost_fen
    return {
        "status": role.status, "capacity": plain(role.capacity) if role.capacity_source == "declared" else None,
        "barrier_free_capacity": plain(role.barrier_free_capacity),
        "conversion_hours_declared": plain(role.conversion_hours_declared),
        "conversion_hours_observed": plain(role.conversion_hours_observed),
        "cost_yuan": None if cost is None else plain(cost / 100), "hazards": role.hazards, "exclusive": role.exclusive, "conditions": role.conditions,
    }  # fmt: skip


@page
def role_edit(request: HttpRequest, ref: str, service: str) -> HttpResponse:
    facility: Facility = record_or_404(request, ref)
    policies.demand(request.user, "facility.edit", facility)
    kind = get_object_or_404(ServiceType, code=service)
    role = facility.capabilities.filter(service=kind).select_related("rule").first()
    form = RoleForm(
        request.POST if request.method == "POST" else None,
        initial=_role_values(role) if role else {"status": "possible", "exclusive": True},
    )
    if request.method == "POST" and form.is_valid():
        try:
            capabilities.set_capability(
                user=request.user,
                facility=facility,
                service=kind,
                changes=form.changes(),
                reason=form.cleaned_data["reason"],
            )
            messages.success(request, _("Saved."))
            return redirect("facility", ref=ref)
        except InvalidInput as error:
            form.take_problems(error)
    context = {"facility": facility, "service": kind, "role": role, "form": form}
    return render(request, "facilities/role_form.html", context, status=422 if form.is_bound else 200)


@page
def role_choice(request: HttpRequest, ref: str) -> HttpResponse:
    """Which role to add."""
    facility = record_or_404(request, ref)
    policies.demand(request.user, "facility.edit", facility)
    taken = facility.capabilities.values("service")
    return render(
        request,
        "facilities/role_choice.html",
        {"facility": facility, "services": ServiceType.objects.exclude(pk__in=taken)},
    )
