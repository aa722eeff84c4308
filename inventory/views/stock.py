"""Stock: what is where, the ledger, and recording a movement."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError, InvalidInput
from core.views.pages import page, page_of
from facilities.models import Facility
from facilities.selectors.facilities import facilities_for
from inventory.forms import MovementForm
from inventory.models import ItemType
from inventory.selectors.stock import levels_for, movements_for
from inventory.services.stock import record_movement


@page
def stock_list(request: HttpRequest) -> HttpResponse:
    facilities = facilities_for(request.user)
    if request.city:
        facilities = facilities.filter(city=request.city)
    ref = request.GET.get("facility", "")
    facility = facilities.filter(ref=ref).first() if ref else None
    levels = levels_for(request.user, facilities.filter(pk=facility.pk) if facility else facilities)
    movements = movements_for(request.user).filter(lot__facility__city=request.city or None)
    if facility:
        movements = movements.filter(lot__facility=facility)
    context = {
        "page": page_of(request, levels, 50), "movements": movements[:30], "facility": facility, "ref": ref,
        "may_move": policies.allows(request.user, "stock.move"),
    }  # fmt: skip
    return render(request, "inventory/stock.html", context)


@page
def stock_move(request: HttpRequest) -> HttpResponse:
    policies.demand(request.user, "stock.move")
    form = MovementForm(
        request.POST if request.method == "POST" else None,
        initial={"facility": request.GET.get("facility", "")},
    )
    if request.method == "POST" and form.is_valid():
        said = dict(form.cleaned_data)
        facility: Facility | None = (
            facilities_for(request.user).filter(ref=said.pop("facility").strip()).first()
        )
        item = get_object_or_404(ItemType, code=said.pop("item"))
        if facility is None:
            form.add_error("facility", _("No facility you may see has this reference."))
        else:
            try:
                line = record_movement(user=request.user, facility=facility, item=item, **said)
                messages.success(
                    request,
                    _("Recorded: %(quantity)+d %(unit)s.") % {"quantity": line.quantity, "unit": item.unit},
                )
                return redirect(f"/inventory/stock/?facility={facility.ref}")
            except InvalidInput as error:
                form.take_problems(error)
            except DomainError as error:
                form.add_error("quantity" if error.code == "not-enough" else None, str(error.message))
    return render(
        request, "inventory/movement_form.html", {"form": form}, status=422 if form.is_bound else 200
    )
