"""Plans: the list, one plan as an ordered change-set on the map, and the question that makes a new one."""

import math
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.templatetags.pingji import is_chinese, local_name, money_unit, num, pct, unit, yuan
from core.views.pages import page, page_of
from inventory.choices import InterventionKind
from planning.choices import VersionState
from planning.models import AreaRange
from planning.selectors import change_sets, gaps
from planning.selectors.ranges import total_ranges
from planning.services.plan_freeze import freeze_version
from planning.views import mapwords
from planning.views.plan_progress import unfinished

PLAN_SHOWS = ("difference", "before", "after")


@page
def plan_list(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    rows = change_sets.plans_visible_to(request.user, request.city)
    may_edit = policies.allows(request.user, "plan.edit", request.city)
    return render(request, "planning/plans.html", {"page": page_of(request, rows), "may_edit": may_edit})


def _stats(
    version: Any,
    interventions: list[Any],
    pair: change_sets.Pair | None,
    outcome: change_sets.Outcome | None,
    whole_city: bool,
    spread: AreaRange | None = None,
) -> list[dict[str, Any]]:
    stats: list[dict[str, Any]] = [
        {
            "label": _("Cost, %(count)s interventions") % {"count": num(len(interventions))},
            "value": yuan(sum(one.cost_fen for one in interventions)),
            "unit": _("of %(budget)s") % {"budget": yuan(version.budget_fen)},
            "note": _("proposed prices; see the rate card"),
        }
    ]
    if pair is not None and outcome is not None and outcome.after is not None:
        service, before, after = outcome.service, outcome.before, outcome.after
        best = change_sets.best_closed(version, interventions, pair.before, service)
        stats += [
            {
                "label": _("Gap closed, %(service)s") % {"service": local_name(service)},
                "value": num(outcome.closed),
                "unit": unit(service),
                "spread": {
                    "words": _("gap before"),
                    "low": spread.gap_p10,
                    "high": spread.gap_p90,
                    "href": reverse("analysis", args=[pair.before.ref, "range"]) + f"?service={service.code}",
                }
                if spread
                else None,
                "note": _("%(before)s → %(after)s, %(assignment)s; best possible assignment closes %(best)s")
                % {
                    "before": num(before.gap),
                    "after": num(after.gap),
                    "assignment": str(pair.before.get_assignment_display()).lower(),
                    "best": num(best),
                },
            },
            {
                "label": _("Coverage"),
                "value": f"{_percent(before)} → {_percent(after)}",
                "unit": "%",
                "note": _("served of %(need)s %(unit)s in need")
                % {"need": num(before.need), "unit": unit(service)},
            },
        ]
    stats.append(
        {
            "label": _("Against the best possible"),
            "value": _proof(version),
            "unit": "",
            "note": _("no plan in this budget can close more than %(bound)s (weighted)")
            % {"bound": num(version.bound)}
            if version.bound is not None and whole_city
            else ("" if version.bound is not None else _("the search gave no bound")),
        }
    )
    return stats


def _proof(version: Any) -> str:
    """How far from the best: rounded up, so that only a closed proof reads as the optimum."""
    if version.gap is None:
        return "—"
    if version.status == "optimal":
        return _("proved optimal")
    return _("within %(share)s") % {"share": pct(math.ceil(version.gap * 1000) / 1000)}


def _percent(totals: gaps.Totals) -> str:
    return f"{totals.served / totals.need * 100:.1f}" if totals.need else "—"


def _lead_bars(interventions: list[Any]) -> list[dict[str, Any]]:
    groups = change_sets.lead_groups(interventions)
    most = max((group.cost_fen for group in groups), default=1) or 1
    bars = []
    for group in groups:
        parts, left = [], 0.0
        for kind, cost in group.kinds:
            width = cost / most * 100
            parts.append({"kind": kind, "left": f"{left:.2f}", "width": f"{width:.2f}"})
            left += width
        label = _("%(months)s months") % {"months": group.up_to} if group.up_to else _("longer")
        bars.append({"label": label, "parts": parts, "cost_fen": group.cost_fen, "units": group.units})
    return bars


def _curve(version: Any, interventions: list[Any]) -> dict[str, Any]:
    scale = 1e6 if is_chinese() else 1e8
    points = [
        {
            "x": point["cost_fen"] / scale,
            "y": point["served"],
            "order": point["order"],
            "label": f"{yuan(point['cost_fen'])}: {num(point['served'])}",
        }
        for point in change_sets.money_curve(version, interventions)
    ]
    if version.value and version.bound and points[-1]["y"]:
        # For who sees the whole city this is the bound itself; for others it stands in proportion to what they see.
        points[0]["bound"] = points[-1]["bound"] = points[-1]["y"] * version.bound / version.value
    return {
        "points": points if len(points) > 1 else [], "this": len(points) - 1,
        "thisLabel": _("This plan: %(served)s") % {"served": num(points[-1]["y"])},
        "xTitle": _("Cost, %(unit)s") % {"unit": money_unit()}, "yTitle": _("Weighted need newly served, best possible assignment"),
        "label": _("Need newly served against cost; the change set holds every value"),
    }  # fmt: skip


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
        "stats": _stats(
            version, interventions, view["pair"] if view else None, view["outcome"] if view else None,
            gaps.sees_whole_city(request.user, plan.city_id),
            total_ranges(view["pair"].before, user=request.user).get(view["outcome"].service.pk) if view else None,
        ),
        "curve": _curve(version, interventions), "lead_bars": _lead_bars(interventions),
        "kinds": [(code, label) for code, label in InterventionKind.choices if code in used],
        "shows": list(zip(PLAN_SHOWS, (_("Difference"), _("Before"), _("After")), strict=True)),
        "show": request.GET.get("show") if request.GET.get("show") in PLAN_SHOWS else "difference",
    }  # fmt: skip
    context["config"] = _config(request, context, view)
    return render(request, "planning/plan.html", context)


def _config(request: HttpRequest, context: dict[str, Any], view: dict[str, Any] | None) -> dict[str, Any]:
    config = mapwords.base_config(request, request.city)
    config |= {
        "mode": "plan", "show": context["show"], "showFirst": "difference", "keepPlace": True,
        "label": _("Where the plan acts and what changes; the change set holds every value"),
        "pins": [
            {"order": one.order, "lon": one.point.x, "lat": one.point.y, "added": one.kind == InterventionKind.BUILD, "name": local_name(one)}
            for one in context["interventions"]
        ],
    }  # fmt: skip
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
