"""The places that are not in a plan, with the reason in plain words."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from core import policies
from core.models import Area
from core.templatetags.pingji import local_name, num, signed
from core.views.pages import page, page_of
from facilities.models import ServiceType
from inventory.choices import InterventionKind
from planning.selectors.explanations import ORDERINGS, Told, Wanted, counted, listed, told_to
from planning.services import explanations
from planning.services.explanation_answers import COMPUTING, FAILED, state_of
from planning.services.explanation_words import REASON_LABELS, reason_words
from planning.views.plan_card import basket_context
from planning.views.plan_pages import version_asked, version_context


@page
def plan_rejected(request: HttpRequest, ref: str) -> HttpResponse:
    version = version_asked(request, ref)
    told = told_to(version, user=request.user)
    state = state_of(version, told)
    context = version_context(request, version, "plan_rejected") | basket_context(request, version)
    context |= {
        "state": state, "explain_job": explanations.job_of(version) if state in (COMPUTING, FAILED) else None, "told": told,
        "may_ask": policies.holds(request.user, "plan.comment", version.plan.city_id),
    }  # fmt: skip
    if told is None:
        return render(request, "planning/plan_rejected.html", context)
    wanted = _wanted(request.GET)
    rows = listed(told.rejected, wanted)
    shown = page_of(request, rows, 50)
    services = {
        row.code: row
        for row in ServiceType.objects.filter(code__in={row["service"] for row in told.rejected})
    }
    areas = {area.code: area for area in Area.objects.filter(city=version.plan.city, code__in={row["area"] for row in rows[shown.start_index() - 1 : shown.end_index()] if row["area"]})}  # fmt: skip
    kinds = dict(InterventionKind.choices)
    basket = context["basket"]
    context |= {
        "page": shown,
        "rows": [
            row | {
                "service_type": services.get(row["service"]), "kind_words": kinds.get(row["kind"], row["kind"]), "area_row": areas.get(row["area"]),
                "words": reason_words(row, told.names, aim=version.aim), "label": REASON_LABELS.get(row["reason"], row["reason"]),
                "says": basket.says(row["key"]), "swap_words": None if row["swap_net"] is None else _fine(row["swap_net"]),
                "gain_words": _fine(row["gain"]),
            }
            for row in shown
        ],
        "sentence": _sentence(told, len(rows)), "groups": _facets(told, wanted, services), "search": wanted.search,
        "pills": _pills(request.GET, wanted, services), "kept": [("version", str(version.number))],
        "api": f"/api/v1/plans/{version.plan.ref}/versions/{version.number}/explanation/rejected/?{_query(request.GET, 'version', 'page')}",
        "default": "-gain",
    }  # fmt: skip
    return render(request, "planning/plan_rejected.html", context)


def _fine(value: float) -> str:
    """With its sign; small ones to a tenth, so that no gain reads as none."""
    return signed(value, 0 if abs(value) >= 10 or not value else 1)


def _wanted(asked: QueryDict) -> Wanted:
    ordering = asked.get("ordering", "")
    return Wanted(
        kind=asked.getlist("kind"), service=asked.getlist("service"), area=asked.getlist("area"), reason=asked.getlist("reason"),
        search=asked.get("search", ""), ordering=ordering if ordering.removeprefix("-") in ORDERINGS else "-gain",
    )  # fmt: skip


def _sentence(told: Told, matching: int) -> str:
    if told.facts["no_swap_helps"]:
        proof = _(
            "It is proved that exchanging any one place of the plan for any one of these gains nothing."
        )
    elif not told.facts["complete"]:
        proof = _("Not every exchange was measured; those that were not are bounded.")
    else:
        proof = _("Some exchanges of one for one would help.")
    if (
        all(row["reason"] != "swap" for row in told.rejected)
        and not told.facts["no_swap_helps"]
        and told.facts["complete"]
    ):
        proof = ""
    return _("%(count)s of %(all)s places that are not in the plan.") % {
        "count": num(matching),
        "all": num(len(told.rejected)),
    } + (f" {proof}" if proof else "")


def _facets(told: Told, wanted: Wanted, services: dict[str, ServiceType]) -> list[dict[str, Any]]:
    kinds = dict(InterventionKind.choices)

    def options(name: str, label: Any, chosen: Any) -> list[dict[str, Any]]:
        return [
            {"value": value, "label": label(value), "count": count, "checked": value in chosen, "shape": None}
            for value, count in counted(told.rejected, name).items()
        ]

    return [
        {"legend": _("Reason"), "name": "reason", "options": options("reason", lambda v: REASON_LABELS.get(v, v), wanted.reason)},
        {"legend": _("Intervention"), "name": "kind", "options": options("kind", lambda v: kinds.get(v, v), wanted.kind)},
        {"legend": _("Service"), "name": "service", "options": options("service", lambda v: local_name(services[v]) if v in services else v, wanted.service)},
        {"legend": _("Area"), "name": "area", "options": _area_options(told, wanted)},
    ]  # fmt: skip


def _area_options(told: Told, wanted: Wanted) -> list[dict[str, Any]]:
    """Districts, or the areas one person may see, that hold rejected places."""
    counts: dict[str, int] = {}
    for row in told.rejected:
        codes = row["area_path"].strip("/").split("/")
        if len(codes) > 1:
            counts[codes[1]] = counts.get(codes[1], 0) + 1
    areas = {area.code: area for area in Area.objects.filter(city=told.version.plan.city, code__in=counts)}
    return [
        {"value": code, "label": local_name(areas[code]) if code in areas else code, "count": count, "checked": code in wanted.area, "shape": None}
        for code, count in sorted(counts.items(), key=lambda item: -item[1])
    ]  # fmt: skip


def _pills(asked: QueryDict, wanted: Wanted, services: dict[str, ServiceType]) -> list[dict[str, str]]:
    kinds = dict(InterventionKind.choices)
    found = [(_("Reason"), "reason", value, str(REASON_LABELS.get(value, value))) for value in wanted.reason]
    found += [(_("Intervention"), "kind", value, str(kinds.get(value, value))) for value in wanted.kind]
    found += [
        (_("Service"), "service", value, local_name(services[value]) if value in services else value)
        for value in wanted.service
    ]
    areas = {area.code: local_name(area) for area in Area.objects.filter(code__in=wanted.area)}
    found += [(_("Area"), "area", code, areas.get(code, code)) for code in wanted.area]
    if wanted.search:
        found.append((_("Search"), "search", wanted.search, wanted.search))
    return [
        {"label": f"{label}", "value": words, "query": _query(asked, "page", without=(name, value))}
        for label, name, value, words in found
    ]


def _query(asked: QueryDict, *names: str, without: tuple[str, str] | None = None) -> str:
    """The page's query without some names, or without one value of a name."""
    kept = asked.copy()
    for name in names:
        kept.pop(name, None)
    if without is not None:
        kept.setlist(without[0], [value for value in kept.getlist(without[0]) if value != without[1]])
    return kept.urlencode()


urlpatterns: list[URLPattern] = [path("plans/<str:ref>/rejected/", plan_rejected, name="plan_rejected")]
