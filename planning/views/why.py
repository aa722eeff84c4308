"""The page "why this number": the sum, what binds, who is in reach, what could help."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import policies
from core.choices import TimeOfDay
from core.models import Area
from core.templatetags.pingji import local_name, num, pct, unit
from core.views.pages import page
from facilities.models import Facility, ServiceType
from inventory.choices import InterventionKind
from inventory.models import IdleAsset
from planning.choices import Driver, SupplyReason
from planning.models import AreaResult, Run
from planning.selectors import gaps
from planning.selectors.cells import cell_seen, result_of_cell
from planning.selectors.people_groups import group_in_area
from planning.selectors.ranges import ranges_of
from planning.services.demand import Asked, DemandRow, DemandRows
from planning.services.why import Why, why_number
from planning.views import mapwords
from planning.views.places import in_the_runs_city

SHOWN = 12
# What stops a role, in words, with the tone of its tag ("" is plain text).
STOPS = {
    "full": (gettext_lazy("full"), ""),
    "late": (gettext_lazy("takes people, but late"), "warn"),
    "full_and_late": (gettext_lazy("full, and late"), "warn"),
    "room_left_out_of_reach": (gettext_lazy("room left, but out of reach of those who are short"), ""),
    "barrier_free_full": (gettext_lazy("room left, but no barrier-free place"), "warn"),
    "no_capacity": (gettext_lazy("has no capacity in this role"), ""),
    "other_role": (gettext_lazy("taken by its other role"), "warn"),
    "none": (gettext_lazy("nobody here is short"), ""),
}
PEOPLE_WORDS = {
    Driver.RESIDENTS: gettext_lazy("Residents here"),
    Driver.PRESENT: gettext_lazy("People here"),
    Driver.AFFECTED: gettext_lazy("People here"),
    Driver.DISPLACED: gettext_lazy("People here"),
    Driver.SHELTERED: gettext_lazy("People here"),
}
SHARE_WORDS = {
    Driver.RESIDENTS: gettext_lazy("inside the extent of the scenario"),
    Driver.PRESENT: gettext_lazy("inside the extent of the scenario"),
    Driver.AFFECTED: gettext_lazy("affected, as the scenario says"),
    Driver.DISPLACED: gettext_lazy("affected and leaving home, as the scenario says"),
    Driver.SHELTERED: gettext_lazy("leaving home and seeking shelter, as the scenario says"),
}


def _binds(why: Why, row: AreaResult) -> tuple[str, str]:
    """The heading and the sentence of what holds most of the gap back."""
    usable = [one for one in why.roles if one.counts]
    facts = {
        "count": num(len(why.roles)), "usable": num(len(usable)), "full": num(sum(one.taken >= one.capacity for one in usable)),
        "out": pct(row.out_of_reach / row.need) if row.need else "—", "late": num(row.late), "hours": f"{why.standard['conversion_limit_hours'] or 0:g}",
    }  # fmt: skip
    if why.binds == "room":
        words = _("%(usable)s of %(count)s facilities in reach are usable, and %(full)s of them are full.")
        return _("What binds: room, not distance"), words % facts
    if why.binds == "barrier_free_room":
        return _("What binds: barrier-free places"), _(
            "Most of those who are short need a barrier-free place, and those in reach are taken."
        )
    if why.binds == "distance":
        return _("What binds: distance"), _(
            "For %(out)s of the need no usable facility lies within reach."
        ) % facts
    if why.binds == "time":
        words = _("%(late)s units have a place, but it opens later than the %(hours)s h of the standard.")
        return _("What binds: time to convert"), words % facts
    return _("Nothing binds"), _("All need here is served in time.")


def _rows(why: Why, user: Any) -> tuple[list[dict[str, Any]], int]:
    """The roles in reach that say most, with their facilities; places outside the person's areas are only counted."""
    mine = Facility.objects.filter(policies.visible(user)).select_related("use")
    places = mine.in_bulk([one.facility_id for one in why.roles])
    rows = []
    # what cannot take more says most: it comes before places with room that those who are short cannot reach
    for one in sorted(why.roles, key=lambda one: (one.reason == "room_left_out_of_reach", -one.capacity)):
        if one.facility_id not in places or len(rows) == SHOWN:
            continue
        words, tone = STOPS.get(one.reason) or (
            SupplyReason(one.reason).label if one.reason in SupplyReason.values else one.reason,
            "bad",
        )
        rows.append({**vars(one), "facility": places[one.facility_id], "reason": str(words), "tone": tone})
    return sorted(rows, key=lambda row: row["nearest"]), len(why.roles)


def _options(why: Why, user: Any) -> list[dict[str, Any]]:
    mine = policies.visible(user)
    facilities = Facility.objects.filter(mine).in_bulk(
        [one.facility_id for one in why.helps if one.facility_id]
    )
    assets = IdleAsset.objects.filter(mine).in_bulk([one.asset_id for one in why.helps if one.asset_id])
    rows = []
    for one in why.helps:
        place = facilities.get(one.facility_id) if one.facility_id else assets.get(one.asset_id)
        if place is None:
            continue
        href = f"/facilities/{place.ref}/" if one.facility_id else f"/inventory/idle/{place.ref}/"
        words = _("%(kind)s: %(place)s") % {
            "kind": InterventionKind(one.kind).label,
            "place": local_name(place),
        }
        note = _("%(units)s units; closes %(all)s in the whole city") % {
            "units": num(one.units),
            "all": num(one.everywhere),
        }
        rows.append(
            {
                "words": words,
                "note": note,
                "href": href,
                "units": one.here,
                "cost_fen": one.cost_fen,
                "lead_months": one.lead_months,
            }
        )
    return rows


def _groups(run: Run, area: Area, service: ServiceType) -> list[DemandRow]:
    """The need here by group, as far as the population layer tells groups apart."""
    return list(DemandRows(run, [area], Asked(frozenset({service.code}), parts=frozenset({"group"}))))


def _others(run: Run, area: Area, service: ServiceType, user: Any) -> list[dict[str, Any]]:
    """The gap of the same place at the other time of day."""
    rows = []
    for code, label in TimeOfDay.choices:
        other = gaps.same_run_at(run, code, user=user) if code != run.time_of_day else None
        if other is None:
            continue
        result = gaps.area_results(other, service, user=user).filter(area=area).first()
        if result is not None:
            href = reverse("why", args=[area.code, service.code]) + f"?run={other.ref}"
            rows.append(
                {"label": _("Gap, %(when)s") % {"when": str(label).lower()}, "gap": result.gap, "href": href}
            )
    return rows


def _local(why: Why, request: HttpRequest) -> list[dict[str, Any]]:
    """Ratios of districts that hold here, with the names of district and profile."""
    codes = {row["area"] for row in why.local}
    areas = {one.code: one for one in Area.objects.filter(city=request.city, code__in=codes)} if codes else {}
    return [row | {"place": areas.get(row["area"])} for row in why.local]


def _ratio(ratio: float, service: ServiceType) -> tuple[str, str]:
    """The ratio as people say it: a person, or for so many people, so that no zeros trail."""
    for people in (1, 1000, 10_000):
        if ratio * people >= 0.1:
            break
    if people == 1:
        return f"{ratio:g}", _("%(unit)s a person") % {"unit": unit(service)}
    return f"{ratio * people:g}", _("%(unit)s for %(people)s people") % {
        "unit": unit(service),
        "people": num(people),
    }


@page
@in_the_runs_city
def why_page(request: HttpRequest, area_code: str, service_code: str) -> HttpResponse:
    run = gaps.run_in_view(user=request.user, city=request.city, ref=request.GET.get("run", ""))
    area = get_object_or_404(
        Area.objects.filter(policies.visible_areas(request.user)), city=request.city, code=area_code
    )
    service = get_object_or_404(ServiceType, code=service_code)
    row = gaps.area_results(run, service, user=request.user).filter(area=area).first() if run else None
    if run is None or row is None:
        raise Http404
    cell = None
    if code := request.GET.get("cell", ""):
        cell = cell_seen(user=request.user, city=request.city, code=code)
        if cell is None:
            raise Http404
        row = result_of_cell(run=run, cell=cell, service=service)
    why = why_number(run=run, area=area, service=service, cell=cell)
    rows, count = _rows(why, request.user)
    title, words = _binds(why, row)
    shown, ratio_words = _ratio(why.ratio, service)
    answer = {
        "standard": why.standard, "limit": why.limit, "limit_unit": why.standard["reach_unit"], "share": why.share,
        "digits": 0 if why.standard["reach_unit"] == "m" else 1,
        "people_label": PEOPLE_WORDS[Driver(why.standard["driver"])], "share_words": SHARE_WORDS[Driver(why.standard["driver"])],
        "ratio_label": _("Units a person") if why.ratio >= 0.1 else _("Units for many people"), "ratio_shown": shown, "ratio_words": ratio_words,
        "binds_title": title, "binds_words": words, "rows": rows, "all": count, "left_out": count - len(rows),
        "options": _options(why, request.user), "others": [] if cell else _others(run, area, service, request.user),
        "layer": run.get_time_of_day_display().lower(), "local": _local(why, request),
    }  # fmt: skip
    spread = None if cell else ranges_of(run, service, [area]).get((service.pk, area.pk))
    context = {
        "groups": [] if cell else _groups(run, area, service), "spread": spread, "range_url": reverse("analysis", args=[run.ref, "range"]) + f"?service={service.code}",
        "may_run": policies.allows(request.user, "run.start", request.city),
        "run": run, "area": area, "service": service, "row": row, "why": answer, "config": _config(request, run, area, service),
        "may_plan": policies.allows(request.user, "plan.edit", request.city),
        "barrier_free": None if cell else group_in_area(run, service, area, user=request.user), "cell": cell,
        "place": _("cell %(code)s") % {"code": cell.code} if cell else local_name(area),
    }  # fmt: skip
    return render(request, "planning/why.html", context)


def _config(request: HttpRequest, run: Run, area: Area, service: ServiceType) -> dict[str, Any]:
    config = mapwords.base_config(request, request.city)
    west, south, east, north = area.geometry.extent
    config |= {
        "mode": "why", "show": "gap", "bounds": [[west, south], [east, north]], "area": area.code,
        "label": _("%(area)s and the facilities near it") % {"area": local_name(area)},
    }  # fmt: skip
    config |= mapwords.run_classes(request.user, run, service)
    config.pop("nothing", None)
    config["tiles"]["cells"] = mapwords.cell_tiles(run, service)
    config["tiles"]["facilities"] = mapwords.facility_tiles(request.city, service)
    return config
