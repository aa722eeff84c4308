"""The page "why this facility serves what it serves" in one run."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from core import policies
from core.models import Area
from core.templatetags.pingji import hours, num, unit
from core.views.pages import page
from facilities.models import Facility, ServiceType
from planning.choices import RunState, SupplyReason
from planning.selectors import gaps
from planning.services.why_facility import WhyFacility, why_facility
from planning.views.analyses import tabs_of


@page
def why_facility_page(request: HttpRequest, ref: str, facility_ref: str, service_code: str) -> HttpResponse:
    run = get_object_or_404(gaps.runs_visible_to(request.user), ref=ref, state=RunState.DONE)
    mine = Facility.objects.filter(policies.visible(request.user), city=run.city_id).select_related(
        "area", "use"
    )
    facility = get_object_or_404(mine, ref=facility_ref)
    service = get_object_or_404(ServiceType, code=service_code)
    why = why_facility(run=run, facility=facility, service=service)
    areas = Area.objects.filter(policies.visible_areas(request.user)).select_related("parent")
    named = areas.in_bulk([one.area_id for one in why.areas])
    rows = [{**vars(one), "area": named[one.area_id]} for one in why.areas if one.area_id in named]
    title, words = binds(why, service)
    context: dict[str, Any] = {
        "run": run, "facility": facility, "service": service, "why": why, "rows": rows, "title": title, "words": words,
        "digits": 0 if why.standard["reach_unit"] == "m" else 1, "most": max((one.units for one in why.areas), default=0),
        "elsewhere": why.taken - sum(one["units"] for one in rows), "tabs": tabs_of(run, "", service.code),
    }  # fmt: skip
    return render(request, "planning/why_facility.html", context)


def binds(why: WhyFacility, service: ServiceType) -> tuple[str, str]:
    """The heading and the sentence of what keeps the facility from serving more."""
    told = {
        "supply": num(why.supply), "unit": unit(service), "left": num(why.left_over), "room": num(why.supply - why.taken),
        "hours": hours(why.hours), "limit": hours(why.standard["conversion_limit_hours"]), "rivals": num(why.rivals),
    }  # fmt: skip
    if why.binds == "full":
        words = _("All %(supply)s %(unit)s are taken; %(left)s in its reach are left without.") if why.left_over else _("All %(supply)s %(unit)s are taken, and nobody in its reach is left without.")  # fmt: skip
        return _("It is full"), words % told
    if why.binds in ("late", "full_and_late"):
        if why.hours is None:
            return _("It comes too late"), _(
                "Its conversion hours are unknown, so nobody can be promised a place in time."
            )
        return _("It comes too late"), _(
            "It is ready after %(hours)s h; the standard allows %(limit)s h."
        ) % told
    if why.binds == "everybody_placed":
        words = _(
            "%(room)s %(unit)s stay free: everybody in its reach has a place, here or at one of %(rivals)s others."
        )
        return _("Nobody else needs it"), words % told
    if why.binds == "nobody_in_reach":
        return _("Nobody is in reach"), _("No cell with need lies within its reach.")
    if why.binds in SupplyReason.values:
        return _("It supplies nothing"), _("Reason: %(reason)s.") % {"reason": SupplyReason(why.binds).label}
    return _("It supplies nothing"), _("It has no capacity in this role.")
