"""The list and the record of facilities."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _

from core import policies
from core.choices import AreaLevel
from core.models import City
from core.templatetags.pingji import day, hours, is_chinese, local_name, num, unit
from core.views.pages import page
from facilities.choices import CapabilityStatus, ProposalState
from facilities.models import Facility
from facilities.selectors import facilities as registry
from facilities.selectors import places
from facilities.selectors.changes import history, history_count
from facilities.selectors.record_panels import panels_of
from facilities.tables import FacilityTable

SOON_DAYS = 90


@page
def facility_list(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "facilities/no_city.html")
    table = FacilityTable(request=request, city=request.city)
    rows = table.page()
    facets = table.facets() if table.valid else []
    query = request.GET.copy()
    for name in ("page", "city"):
        query.pop(name, None)
    exact = query.urlencode()
    api = f"/api/v1/facilities/?city={request.city.code}" + (f"&{exact}" if exact else "")
    return render(
        request,
        "facilities/list.html",
        {
            "page": rows, "sentence": table.sentence(rows.paginator.count), "facets": facets, "pills": table.pills(facets),
            "errors": table.filter.errors, "search": request.GET.get("search", ""),
            "capacity_min": request.GET.get("capacity_min", ""), "ordering": request.GET.get("ordering", ""),
            "kept": [(name, request.GET[name]) for name in ("near", "in_bbox", "facility_status", "ordering") if request.GET.get(name)],
            "api": api, "name_key": table.name_ordering(),
            "map_url": f"/map/?{exact}" if exact else "/map/",
            "may_add": policies.allows(request.user, "facility.edit"),
            "may_import": policies.allows(request.user, "facility.import", request.city),
            "open_proposals": registry.proposals_for(request.user).filter(state=ProposalState.OPEN, facility__city=request.city).count(),
        },
    )  # fmt: skip


def record_or_404(request: HttpRequest, ref: str) -> Facility:
    """The facility if the person may see it; the city around the page is that of the record."""
    facility = get_object_or_404(registry.facilities_for(request.user).select_related("layer"), ref=ref)
    request.city = facility.city
    return facility


@page
def facility_record(request: HttpRequest, ref: str) -> HttpResponse:
    facility = record_or_404(request, ref)
    roles = list(
        registry.capabilities_for(request.user)
        .filter(facility=facility)
        .select_related("service", "rule")
        .order_by("rank", "service__sort_order")
    )
    usable = [role for role in roles if role.status != CapabilityStatus.RETIRED]
    panels = panels_of(facility, request.user)
    return render(
        request,
        "facilities/record.html",
        {
            "facility": facility, "roles": roles, "exclusive": sum(role.exclusive for role in usable) > 1,
            "stats": _stats(facility, usable, [panel.stat for panel in panels if panel.stat]),
            "panels": [panel for panel in panels if panel.template],
            "size": places.size_of(facility), "history": history(facility), "history_count": history_count(facility),
            "summary": _summary(facility), "papers": _papers(facility),
            "proposals": list(facility.proposals.filter(state=ProposalState.OPEN).select_related("proposed_by")),
            "config": _map_config(request, facility, usable, panels),
            "may_edit": policies.allows(request.user, "facility.edit", facility),
            "may_propose": policies.allows(request.user, "facility.propose", facility),
        },
    )  # fmt: skip


def _stats(facility: Facility, roles: list[Any], said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Four numbers: what it gives, how soon, and what other apps say; else how many roles and when it was confirmed."""
    stats: list[dict[str, Any]] = []
    main = roles[0] if roles else None
    if main:
        basis = _rule_words(facility, main)
        stats.append(
            {
                "label": local_name(main.service),
                "value": num(main.capacity),
                "unit": unit(main.service),
                "note": basis,
            }
        )
        seen, told = main.conversion_hours_observed, main.conversion_hours_declared
        word = _("h, observed") if seen is not None else _("h, declared")
        value = seen if seen is not None else told
        note = (
            _("declared %(hours)s h") % {"hours": hours(told)}
            if seen is not None
            else _("never drilled, so nothing observed")
        )
        stats.append(
            {
                "label": _("Ready in"),
                "value": hours(value),
                "unit": word if value is not None else "",
                "note": note,
            }
        )
    stats += said[: 4 - len(stats)]
    spare = [
        {
            "label": _("Emergency roles"),
            "value": num(len(roles)),
            "unit": "",
            "note": _("by the capacity rules or declared"),
        },
        {"label": _("Last confirmed"), "value": day(facility.confirmed_on), "unit": "", "note": ""},
    ]
    return [*stats, *spare][:4]


def _rule_words(facility: Facility, role: Any) -> str:
    if role.capacity_source != "rule" or role.rule is None:
        return _("declared, not derived")
    return role.rule.formula


def _summary(facility: Facility) -> list[dict[str, Any]]:
    shift = places.shift_of(facility)
    metric = facility.datum.startswith("EPSG:")
    original = (
        f"{facility.original_x:.2f}, {facility.original_y:.2f}"
        if metric
        else f"{facility.original_x:.6f}, {facility.original_y:.6f}"
    )
    moved = ""
    if shift is not None and shift >= 1:
        moved = _("moved %(metres)s m to WGS-84") % {"metres": num(shift)}
    elif shift is not None:
        moved = _("same place in WGS-84")
    rows = [
        {
            "term": _("Reference"),
            "value": facility.ref,
            "mono": True,
            "note": facility.source_id and _("%(id)s in the source") % {"id": facility.source_id},
        },
        {
            "term": _("Address"),
            "value": facility.address or "—",
            "note": local_name(facility.area) if facility.area else _("outside every known area"),
        },
        {"term": _("Position"), "value": f"{facility.point.x:.5f}, {facility.point.y:.5f}", "note": "WGS-84"},
        {
            "term": _("As declared"),
            "value": original,
            "note": " · ".join(part for part in (facility.datum, moved) if part),
        },
        {
            "term": _("From the street to the door"),
            "value": _("%(minutes)s min") % {"minutes": f"{facility.entry_minutes:g}"},
            "note": _("added to every trip in minutes"),
        },
        {
            "term": _("Until somebody opens"),
            "value": _("%(minutes)s min") % {"minutes": f"{facility.readiness_minutes:g}"},
            "note": _("added to the hours of conversion"),
        },
        {"term": _("Owner"), "value": facility.owner or "—"},
        {"term": _("Operator"), "value": facility.operator or "—", "note": facility.contact},
    ]
    if facility.layer:
        licence = facility.layer.licence or _("licence not stated")
        rows.append(
            {
                "term": _("Source"),
                "value": facility.layer.name,
                "note": f"{facility.layer.file_name} · {licence}",
            }
        )
    else:
        rows.append({"term": _("Source"), "value": _("entered in the registry")})
    rows.append(
        {
            "term": _("Version"),
            "value": str(facility.version),
            "href": f"/api/v1/facilities/{facility.ref}/",
            "note": _("opens in the API"),
        }
    )
    return rows


def _papers(facility: Facility) -> list[dict[str, Any]]:
    """Agreements and certificates with what their date means today."""
    today = timezone.localdate()
    rows = []
    for term, papers in (
        (_("Agreement"), facility.agreements.all()),
        (_("Certificate"), facility.certificates.all()),
    ):
        for paper in papers:
            left = (paper.valid_to - today).days if paper.valid_to else None
            tone, word = "", ""
            if left is not None and left < 0:
                tone, word = "bad", _("lapsed")
            elif paper.valid_from and paper.valid_from > today:
                tone, word = "warn", _("not yet in force")
            elif left is not None and left <= SOON_DAYS:
                tone, word = "warn", _("%(days)d days left") % {"days": left}
            name = " ".join(
                part for part in (getattr(paper, "kind", ""), getattr(paper, "number", "")) if part
            ) or getattr(paper, "party", "")
            until = _("to %(day)s") % {"day": day(paper.valid_to)} if paper.valid_to else _("without end")
            rows.append(
                {
                    "term": term,
                    "value": until,
                    "note": name,
                    "tone": tone,
                    "word": word,
                    "synthetic": getattr(paper, "synthetic", False),
                }
            )
    return rows


def _map_config(
    request: HttpRequest, facility: Facility, roles: list[Any], panels: list[Any]
) -> dict[str, Any]:
    city: City = facility.city
    tile = f"/tiles/%s/{{z}}/{{x}}/{{y}}.pbf?city={city.code}"
    lon, lat = facility.point.x, facility.point.y
    ring = next((panel for panel in panels if panel.ring_m), None)
    config = {
        "mode": "place", "show": "none", "chinese": is_chinese(), "center": [lon, lat], "zoom": 12.4 if ring else 13.5,
        "labels": places.labels_around(facility, request.user, english=not is_chinese()),
        "levels": {"district": int(AreaLevel.DISTRICT)},
        "tiles": {"areas": tile % "areas", "roads": tile % "roads", "water": tile % "water", "facilities": tile % "facilities"},
        "place": {"lon": lon, "lat": lat}, "big": 1,
        "label": ring.ring_words if ring else _("Where %(name)s is") % {"name": local_name(facility)},
        "words": {"noMap": _("This browser cannot draw the map. The table holds every value.")},
    }  # fmt: skip
    if ring:
        config["ring"] = {"lon": lon, "lat": lat, "metres": ring.ring_m}
    return config
