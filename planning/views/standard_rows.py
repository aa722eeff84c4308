"""The editor of a draft: one standard or one minimum need on a page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.errors import DomainError, InvalidInput
from core.views.pages import page
from facilities.models import ServiceType
from planning.choices import Phase, ProfileLevel, ProfileStatus
from planning.forms.standards import NeedForm, StandardForm
from planning.models import MinimumNeed, Standard, StandardProfile
from planning.selectors.standards import revision_of
from planning.services import standard_rows
from planning.views.standards import place_of, profile_seen, shown_rows


def _draft(request: HttpRequest, code: str) -> StandardProfile:
    profile = profile_seen(request, code)
    policies.demand(request.user, "standard.edit", place_of(profile))
    if profile.status != ProfileStatus.DRAFT:
        raise DomainError(
            "profile-published",
            _("Published standards stay as they are. Draft the next version and change that."),
        )
    return profile


@page
def standard_new(request: HttpRequest, code: str) -> HttpResponse:
    """A row of the draft's own; with `?service=&phase=` in place of what is above."""
    profile = _draft(request, code)
    service = ServiceType.objects.filter(code=request.GET.get("service", "")).first()
    phase = request.GET.get("phase", "")
    phase = phase if phase in Phase.values else ""
    above = standard_rows.inherited_standard(profile, service, phase) if service else None
    initial: dict[str, Any] = {"phase": phase}
    if above is not None:
        initial = StandardForm.initial_of(above) | {"reason": "", "ratio_text": "", "ratio_text_en": ""}
    form = StandardForm(request.POST or None, profile=profile, fixed=service is not None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            chosen = service or form.cleaned_data["service"]
            values = {"phase": form.cleaned_data["phase"]} | _whole(form, above)
            row = standard_rows.add_standard(
                user=request.user, profile=profile, service=chosen, values=values
            )
            return _done(request, row)
        except InvalidInput as error:
            form.take(error)
    return _shown(request, profile, form, service, above, None)


@page
def standard_edit(request: HttpRequest, code: str, pk: int) -> HttpResponse:
    profile = _draft(request, code)
    row = get_object_or_404(profile.standards.select_related("service"), pk=pk)
    above = standard_rows.inherited_standard(profile, row.service, row.phase)
    initial = StandardForm.initial_of(row) | {"revision": revision_of(row)}
    form = StandardForm(request.POST or None, profile=profile, fixed=True, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            row = standard_rows.change_standard(
                user=request.user, row=row, revision=form.cleaned_data["revision"], changes=form.values()
            )
            return _done(request, row)
        except InvalidInput as error:
            form.take(error)
    return _shown(request, profile, form, row.service, above, row)


@require_POST
@page
def standard_remove(request: HttpRequest, code: str, pk: int) -> HttpResponse:
    profile = _draft(request, code)
    row = get_object_or_404(profile.standards, pk=pk)
    standard_rows.remove_standard(user=request.user, row=row)
    messages.success(request, _("The row is gone. What is above holds again, if anything is."))
    return redirect("standard_profile", code=code)


@page
def need_new(request: HttpRequest, code: str) -> HttpResponse:
    """A minimum need of the draft's own; with `?need=&phase=` in place of what is above."""
    profile = _draft(request, code)
    above = standard_rows.inherited_need(profile, request.GET.get("need", ""), request.GET.get("phase", ""))
    initial = {} if above is None else NeedForm.initial_of(above) | {"reason": ""}
    form = NeedForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            keys = {name: form.cleaned_data[name] for name in ("code", "phase")}
            values = keys | (form.values() if above is not None else _all(form))
            standard_rows.add_need(user=request.user, profile=profile, values=values)
            return redirect("minimum_needs", code=code)
        except InvalidInput as error:
            form.take_problems(error)
    return _need_shown(request, profile, form, above, None)


@page
def need_edit(request: HttpRequest, code: str, pk: int) -> HttpResponse:
    profile = _draft(request, code)
    row = get_object_or_404(profile.minimum_needs, pk=pk)
    above = standard_rows.inherited_need(profile, row.code, row.phase)
    initial = NeedForm.initial_of(row) | {"revision": revision_of(row)}
    form = NeedForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            standard_rows.change_need(
                user=request.user, row=row, revision=form.cleaned_data["revision"], changes=form.values()
            )
            return redirect("minimum_needs", code=code)
        except InvalidInput as error:
            form.take_problems(error)
    return _need_shown(request, profile, form, above, row)


@require_POST
@page
def need_remove(request: HttpRequest, code: str, pk: int) -> HttpResponse:
    profile = _draft(request, code)
    standard_rows.remove_need(user=request.user, row=get_object_or_404(profile.minimum_needs, pk=pk))
    messages.success(request, _("The row is gone. What is above holds again, if anything is."))
    return redirect("minimum_needs", code=code)


def _whole(form: StandardForm, above: Standard | None) -> dict[str, Any]:
    """Where nothing is above, everything that was typed counts, also what is as the empty form had it."""
    if above is not None:
        return form.values()
    data = form.cleaned_data
    people = data["per_people"]
    said = {name: value for name, value in data.items() if name not in ("revision", "service", *form.AMOUNTS)}
    return said | {
        field: None if data[typed] is None else data[typed] / people for typed, field in form.AMOUNTS.items()
    }


def _all(form: NeedForm) -> dict[str, Any]:
    return {name: value for name, value in form.cleaned_data.items() if name != "revision"}


def _done(request: HttpRequest, row: Standard) -> HttpResponse:
    messages.success(request, _("Kept in the draft."))
    return redirect("standard_profile", code=row.profile.code)


def _shown(
    request: HttpRequest,
    profile: StandardProfile,
    form: StandardForm,
    service: ServiceType | None,
    above: Standard | None,
    row: Standard | None,
) -> HttpResponse:
    context = {
        "profile": profile, "form": form, "service": service, "row": row, "district": profile.level == ProfileLevel.DISTRICT,
        "above": shown_rows([above], profile)[0] if above else None,
    }  # fmt: skip
    return render(request, "planning/standard_edit.html", context, status=422 if form.is_bound else 200)


def _need_shown(
    request: HttpRequest,
    profile: StandardProfile,
    form: NeedForm,
    above: MinimumNeed | None,
    row: MinimumNeed | None,
) -> HttpResponse:
    context = {"profile": profile, "form": form, "above": above, "row": row}
    return render(request, "planning/need_edit.html", context, status=422 if form.is_bound else 200)
