"""What if there were a facility here: the card on the map, and the same as a page with fields instead of a pin."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import policies
from core.errors import DomainError
from core.templatetags.pingji import hours, num, unit
from core.views.pages import page
from planning.choices import PeopleGroup, RunState
from planning.forms import WhatIfForm
from planning.models import AreaRange, Run
from planning.selectors import gaps
from planning.selectors.ranges import ranges_of, total_ranges
from planning.services.what_if import WhatIf, what_if
from planning.services.what_if_answers import cells_drawn, drawn
from planning.views import mapwords

AREAS_ON_CARD, USUAL_CAPACITY = 5, 200


@page
def what_if_page(request: HttpRequest, ref: str) -> HttpResponse:
    """`?part=card` answers the fragment for the map; `pin=lon,lat` or `lon` and `lat` say where."""
    run = get_object_or_404(
        gaps.runs_visible_to(request.user).select_related("snapshot", "plan_version"), ref=ref, state=RunState.DONE
    )  # fmt: skip
    request.city = run.city
    on_card = request.GET.get("part") == "card"
    services = gaps.services_of(run)
    code = request.GET.get("service", "")
    service = next((one for one in services if one.code == code), services[0] if services else None)
    standard = next((row for row in run.standards_frozen if service and row["service"] == service.code), None)
    asked = any(request.GET.get(name) for name in ("pin", "lon", "lat"))
    form = WhatIfForm(
        _values(request) if asked else None, services=services, initial=_initial(standard, service)
    )
    found, refusal = None, None
    if asked and service is not None and form.is_valid():
        fields = form.cleaned_data
        try:
            found = what_if(
                user=request.user, run=run, service=service, lon=fields["lon"], lat=fields["lat"], capacity=fields["cap"],
                barrier_free_capacity=fields["free"] or 0, hours=fields["opens"] or 0.0, with_shape=True,
            )  # fmt: skip
        except DomainError as error:
            refusal = error.message
    context: dict[str, Any] = {
        "run": run, "service": service, "standard": standard, "form": form, "found": found, "refusal": refusal,
        "sentence": _sentence(found) if found else "", "notes": _notes(found) if found else [],
        "areas": found.areas[:AREAS_ON_CARD] if found and on_card else found.areas if found else [],
        "more": max(len(found.areas) - AREAS_ON_CARD, 0) if found and on_card else 0,
        "spreads": _spreads(run, service, found), "spread": total_ranges(run, user=request.user).get(service.pk) if service else None,
        "may_run": policies.allows(request.user, "run.start", run.city), "grouped": _grouped(run, service),
        "drawing": {"shape": drawn(found.shape), "cells": cells_drawn(found)} if found and found.shape else None,
        "page_url": reverse("what_if", args=[run.ref]) + "?" + urlencode(_address(request, service)),
        "candidate_url": _candidate(request, found),
    }  # fmt: skip
    if on_card:
        return render(request, "planning/parts/what_if_card.html", context)
    if service is not None:
        config = mapwords.base_config(request, run.city) | {
            "mode": "place", "show": "gap", "keepPlace": False, "label": _("Map of the place and of who is newly served"),
        }  # fmt: skip
        classes = mapwords.run_classes(request.user, run, service)
        classes.pop("nothing", None)
        config |= classes
        config["tiles"]["cells"] = mapwords.cell_tiles(run, service)
        config["tiles"]["facilities"] = mapwords.facility_tiles(run.city, service)
        if found:
            config |= {"place": {"lon": found.lon, "lat": found.lat}, "drawing": context["drawing"]}
        context["config"] = config
    return render(request, "planning/what_if.html", context)


def _spreads(run: Run, service: Any, found: WhatIf | None) -> dict[int, AreaRange]:
    """By area: where need and gap of the run may lie."""
    if found is None or service is None:
        return {}
    held = ranges_of(run, service, [row.area for row in found.areas])
    return {area: one for (_service, area), one in held.items()}


def _initial(standard: dict[str, Any] | None, service: Any) -> dict[str, Any]:
    limit = standard["conversion_limit_hours"] if standard else None
    return {
        "cap": USUAL_CAPACITY,
        "opens": hours(limit) if limit else "0",
        "service": service.code if service else "",
    }


def _values(request: HttpRequest) -> dict[str, str]:
    """What the address says; a capacity and an hour that it leaves out are the usual ones."""
    values = {name: request.GET[name] for name in request.GET}
    values.setdefault("cap", str(USUAL_CAPACITY))
    if "pin" not in values and values.get("lon") and values.get("lat"):
        values["pin"] = ""
    if values.get("pin") and values["pin"].count(",") == 1 and not values.get("lon"):
        values["lon"], values["lat"] = values["pin"].split(",")
    return values


def _address(request: HttpRequest, service: Any) -> dict[str, str]:
    kept = {name: request.GET[name] for name in ("pin", "cap", "free", "opens") if request.GET.get(name)}
    return kept | ({"service": service.code} if service else {})


def _candidate(request: HttpRequest, found: WhatIf | None) -> str:
    """Where an idle asset is entered at this place; "" for who may not."""
    if found is None or not policies.allows(request.user, "idle_asset.edit"):
        return ""
    return reverse("idle_asset_new") + "?" + urlencode({"lon": f"{found.lon:.6f}", "lat": f"{found.lat:.6f}"})


def _grouped(run: Run, service: Any) -> bool:
    """Does the run tell people who need barrier-free places apart?"""
    rows = [row for row in run.totals if service is not None and row["service"] == service.code]
    return any((row.get("groups") or {}).get(PeopleGroup.BARRIER_FREE) for row in rows)


def _sentence(found: WhatIf) -> str:
    if found.served_gain <= 0:
        return _("Nobody would be newly served.")
    areas = sum(row.served_gain > 0 for row in found.areas)
    facts = {"units": num(found.served_gain), "unit": unit(found.service), "areas": num(areas)}
    if not areas:
        return _("Newly served: %(units)s %(unit)s.") % facts
    words = ngettext(
        "Newly served: %(units)s %(unit)s in %(areas)s area.",
        "Newly served: %(units)s %(unit)s in %(areas)s areas.",
        areas,
    )
    return words % facts


def _notes(found: WhatIf) -> list[str]:
    """Why no more, and what else moves."""
    facts = {
        "taken": num(found.taken), "capacity": num(found.capacity), "unit": unit(found.service), "late": num(found.late_gain),
        "earlier": num(-found.late_gain), "hours": hours(found.hours), "limit": hours(found.conversion_limit_hours),
        "need": num(found.need_in_reach), "people": num(found.people_in_reach), "fresh": num(found.newly_in_reach),
        "reason": found.reason, "moved": num(found.moved),
    }  # fmt: skip
    if found.reason:
        return [_("It would supply nothing: %(reason)s.") % facts]
    notes = [_("In its reach: %(people)s people, %(need)s %(unit)s of need.") % facts]
    if not found.ready:
        notes.append(_("It opens after %(hours)s h; the standard asks for %(limit)s h.") % facts)
    if found.late_gain > 0:
        notes.append(_("%(late)s %(unit)s would be served, but late.") % facts)
    elif found.late_gain < 0:
        notes.append(_("%(earlier)s %(unit)s that came late come in time.") % facts)
    notes.append(_("It would take %(taken)s of its %(capacity)s %(unit)s.") % facts)
    if found.moved > 0:
        notes.append(
            _("%(moved)s of them go to people who have a place elsewhere today: it is nearer.") % facts
        )
    if found.special_served_gain:
        facts["special"] = num(found.special_served_gain)
        notes.append(
            _("Of the newly served, %(special)s %(unit)s go to people who need barrier-free places.") % facts
        )
    if found.newly_in_reach:
        notes.append(_("%(fresh)s %(unit)s of need had nothing in reach before.") % facts)
    return notes
