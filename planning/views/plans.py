"""Plans: the list, and one plan as an ordered change-set on the map."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.templatetags.pingji import local_name
from core.views.pages import page, page_of
from inventory.choices import InterventionKind
from planning.choices import VersionState
from planning.selectors import change_sets, gaps
from planning.selectors.ranges import total_ranges
from planning.services.explanation_words import broken_words
from planning.services.plan_freeze import freeze_version
from planning.views import mapwords
from planning.views.plan_card import basket_context, basket_keys, card_context, mark_of
from planning.views.plan_progress import unfinished
from planning.views.plan_stats import bars, by_year, curve, stats
from planning.views.plan_tabs import plan_tabs

PLAN_SHOWS = ("difference", "before", "after")


@page
def plan_list(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    rows = change_sets.plans_visible_to(request.user, request.city)
    may_edit = policies.allows(request.user, "plan.edit", request.city)
    return render(request, "planning/plans.html", {"page": page_of(request, rows), "may_edit": may_edit})


@page
def plan_record(request: HttpRequest, ref: str) -> HttpResponse:
    plan = get_object_or_404(change_sets.plans_visible_to(request.user, request.city), ref=ref)
    number = request.GET.get("version", "")
    version = change_sets.version_of(plan, int(number) if number.isdigit() else None)
    context: dict[str, Any] = {
        "plan": plan,
        "version": version,
        "versions": list(plan.versions.order_by("-number")),
        "may_edit": policies.allows(request.user, "plan.edit", request.city),
    }
    if version is not None and version.state in {
        VersionState.COMPUTING,
        VersionState.FAILED,
        VersionState.NO_PLAN,
    }:
        return unfinished(request, version, context)
    if version is None:
        return render(request, "planning/plan.html", context)
    interventions = change_sets.interventions_of(version, user=request.user)
    pairs = change_sets.pairs(version)
    views = [
        {"key": f"{pair.before.ref}.{outcome.service.code}", "pair": pair, "outcome": outcome,
         "label": _(", ").join([local_name(outcome.service), pair.before.get_time_of_day_display()])}
        for pair in pairs for outcome in change_sets.outcomes(pair, user=request.user)
    ]  # fmt: skip
    # open on what the plan changes most, in the run that its interventions are counted in
    counted = version.facts.get("newly_served_in")
    own = [one for one in views if one["pair"].before.ref == counted] or views
    best = max(own, key=lambda view: view["outcome"].closed or 0, default=None)
    view = next((one for one in views if one["key"] == request.GET.get("view")), best)
    used = {one.kind for one in interventions}
    context |= {
        "interventions": interventions, "pairs": pairs, "views": views, "view_key": view["key"] if view else "",
        "stats": stats(
            version, interventions, view["pair"] if view else None, view["outcome"] if view else None,
            gaps.sees_whole_city(request.user, plan.city_id),
            total_ranges(view["pair"].before, user=request.user).get(view["outcome"].service.pk) if view else None,
        ),
        "curve": curve(version, interventions), "bars": bars(interventions), "groups": by_year(interventions),
        "tabs": plan_tabs(version, "plan", user=request.user), "breaks": [broken_words(row, plan.city) for row in version.facts.get("breaks") or []],
        "profiles": list({pair.before.profile_id: pair.before.profile for pair in pairs}.values()),
        "closes": InterventionKind.RETIRE in used, "kinds": [(code, label) for code, label in InterventionKind.choices if code in used],
        "shows": list(zip(PLAN_SHOWS, (_("Difference"), _("Before"), _("After")), strict=True)),
        "show": request.GET.get("show") if request.GET.get("show") in PLAN_SHOWS else "difference",
    }  # fmt: skip
    order = request.GET.get("order", "")
    card = card_context(
        request,
        version,
        order=int(order) if order.isdigit() and len(order) < 6 else None,
        key=request.GET.get("option", ""),
    )
    context |= basket_context(request, version) | {"card": card}
    keys = basket_keys(context["basket"])
    context["marks"] = {
        one.order: mark_of(context["basket"].says(one.key or keys.get(one.order, "")))
        for one in interventions
    }
    context["followed"] = change_sets.followed(version, user=request.user)
    context["config"] = _config(request, context, view)
    return render(request, "planning/plan.html", context)


def _config(request: HttpRequest, context: dict[str, Any], view: dict[str, Any] | None) -> dict[str, Any]:
    config = mapwords.base_config(request, request.city)
    config |= {
        "mode": "plan", "show": context["show"], "showFirst": "difference", "keepPlace": True,
        "label": _("Where the plan acts and what changes; the change set holds every value"),
        "pins": [
            {"order": one.order, "lon": one.point.x, "lat": one.point.y, "added": one.kind == InterventionKind.BUILD, "name": local_name(one),
             "state": "closed" if one.kind == InterventionKind.RETIRE else ""}
            for one in context["interventions"]
        ],
        "card": reverse("plan_card", args=[context["plan"].ref]) + f"?version={context['version'].number}",
    }  # fmt: skip
    card = context["card"]
    if card is not None:
        config["lit"] = card["order"]
        if card.get("row"):
            config["place"] = {"lon": card["row"]["lon"], "lat": card["row"]["lat"]}
    if view is not None:
        pair, service = view["pair"], view["outcome"].service
        config |= mapwords.plan_classes(request.user, pair.before, service)
        config.pop("nothing", None)
        more = {"compare": pair.after.ref} if pair.after else {}
        config["tiles"]["cells"] = mapwords.cell_tiles(pair.before, service, **more)
    return config


@require_POST
@page
def plan_freeze(request: HttpRequest, ref: str) -> HttpResponse:
    plan = get_object_or_404(change_sets.plans_visible_to(request.user, request.city), ref=ref)
    number = request.POST.get("number", "")
    version = change_sets.version_of(plan, int(number) if number.isdigit() else None)
    freeze_version(user=request.user, version=version)
    return redirect("plan", ref=ref)
