"""Trade-offs of a plan: the chart of plans between cost, coverage, fairness and peacetime value, linked to a map."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.errors import DomainError
from core.models import Area
from core.templatetags.pingji import is_chinese, local_name, money_unit, num, pct, yuan
from core.views.pages import page
from facilities.models import ServiceType
from inventory.choices import InterventionKind
from planning.choices import VersionState
from planning.forms.plan_fronts import FrontForm
from planning.models import Front
from planning.selectors import gaps
from planning.selectors.plan_fronts import front_in_view, versions_of_points
from planning.services import fronts as services
from planning.views import mapwords
from planning.views.plan_pages import version_asked, version_context


@page
def plan_fronts(request: HttpRequest, ref: str) -> HttpResponse:
    version = version_asked(request, ref)
    context = version_context(request, version, "plan_fronts")
    if not context["ready"]:
        return render(request, "planning/plan_fronts.html", context)
    return _rendered(request, version, context, FrontForm(version=version))


def _rendered(
    request: HttpRequest, version: Any, context: dict[str, Any], form: FrontForm, refusal: DomainError | None = None, status: int = 200
) -> HttpResponse:  # fmt: skip
    whole = gaps.sees_whole_city(request.user, version.plan.city_id)
    front = front_in_view(version, user=request.user, ref=request.GET.get("front", ""))
    context |= {
        "whole": whole,
        "front": front,
        "form": form if context["may_edit"] else None,
        "refusal": refusal,
    }
    if front is not None and front.state == VersionState.COMPUTING:
        context["running"] = front.job
    if front is not None and front.state == VersionState.DRAFT:
        rows = _rows(front)
        context |= {
            "rows": rows, "reading": _reading(front), "config": _config(request, front, rows),
            "api": f"/api/v1/fronts/{front.ref}/", "with_peacetime": any(one["peacetime_fen_year"] for one in front.points),
            "with_areas": any(one["worst_share"] is not None for one in front.points),
        }  # fmt: skip
    return render(request, "planning/plan_fronts.html", context, status=status)


def _rows(front: Front) -> list[dict[str, Any]]:
    codes = {one["worst_area"] for one in front.points if one["worst_area"]}
    areas = {
        one.code: one for one in Area.objects.filter(city=front.plan.city, code__in=codes).defer("geometry")
    }
    made = versions_of_points(front)
    return [
        one
        | {"count": len(one["keys"]), "area": areas.get(one["worst_area"]), "made": made.get(one["number"])}
        for one in front.points
    ]


def _reading(front: Front) -> str:
    if not front.points:
        return _("No plan within these limits serves anybody new.")
    cheap, dear = front.points[0], front.points[-1]
    return _("%(count)s plans from %(low)s to %(high)s, none of them beaten by another in all that counts.") % {
        "count": num(len(front.points)), "low": yuan(cheap["cost_fen"]), "high": yuan(dear["cost_fen"]),
    }  # fmt: skip


def _config(request: HttpRequest, front: Front, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the chart and the map need; every figure also stands in the table."""
    scale = 1e6 if is_chinese() else 1e8
    services = {one.code: local_name(one) for one in ServiceType.objects.all()}
    kinds = {code: str(label) for code, label in InterventionKind.choices}
    places = {
        key: {
            "name": place["name_en"] or place["name"] if not is_chinese() else place["name"], "lon": place["lon"], "lat": place["lat"],
            "words": _(", ").join([kinds.get(place["kind"], place["kind"]), services.get(place["service"], place["service"])]),
            "cost": yuan(place["cost_fen"]),
        }
        for key, place in (front.facts.get("places") or {}).items()
    }  # fmt: skip
    config = mapwords.base_config(request, front.plan.city)
    own = front.facts.get("this") or {}
    return config | {
        "label": _("Places of the chosen plan; the list beside the map names every one"),
        "points": [
            {
                "number": one["number"], "keys": one["keys"], "x": one["cost_fen"] / scale, "y": one["value"], "fair": one["worst_share"],
                "size": one["peacetime_fen_year"] / scale, "bound": one["bound"], "title": _told(one), "made": one["made"],
                "head": _("Plan %(number)s: %(cost)s") % {"number": one["number"], "cost": yuan(one["cost_fen"])},
            }
            for one in rows
        ],
        "lines": [[a, b * scale] for a, b in front.facts.get("lines", [])], "places": places,
        "own": {"x": own["cost_fen"] / scale, "y": own["value"]} if own.get("value") is not None else None,
        "top": front.facts["budget_fen"] / scale, "xTitle": _("Cost, %(unit)s") % {"unit": money_unit()},
        "yTitle": _("Weighted need newly served"),
        "chartLabel": _("Plans by cost and need newly served; the table below holds every value"),
        "said": {
            "own": _("this version"), "ceiling": _("no plan can serve more"), "both": _("in both"), "only": _("only in this plan"),
            "other": _("only in plan %s"), "places": _("%s places"),
        },
        "versionHref": reverse("plan", args=[front.plan.ref]) + "?version=",
    }  # fmt: skip


def _told(one: dict[str, Any]) -> str:
    """A plan in a line, for the chart and who cannot see it."""
    parts = [
        _("Plan %(number)s: %(cost)s") % {"number": one["number"], "cost": yuan(one["cost_fen"])},
        _("%(served)s newly served, at most %(bound)s possible") % {"served": num(one["value"]), "bound": num(one["bound"])},
    ]  # fmt: skip
    if one["worst_share"] is not None:
        parts.append(_("worst served area %(share)s") % {"share": pct(one["worst_share"])})
    if one["peacetime_fen_year"]:
        parts.append(_("peacetime value %(sum)s a year") % {"sum": yuan(one["peacetime_fen_year"])})
    return _("; ").join(parts)


@require_POST
@page
def plan_front_start(request: HttpRequest, ref: str) -> HttpResponse:
    version = version_asked(request, ref)
    policies.demand(request.user, "plan.edit", request.city)
    form = FrontForm(request.POST, version=version)
    if not form.is_valid():
        context = version_context(request, version, "plan_fronts")
        return _rendered(request, version, context, form, status=422)
    front = services.start_front(
        user=request.user, version=version, budget_fen=form.budget_fen(), time_limit_seconds=form.cleaned_data["time_limit_seconds"]
    )  # fmt: skip
    return redirect(reverse("plan_fronts", args=[ref]) + f"?version={version.number}&front={front.ref}")


def _front(request: HttpRequest, ref: str) -> Front:
    version = version_asked(request, ref)
    front = front_in_view(version, user=request.user, ref=request.POST.get("front", ""))
    if front is None or front.ref != request.POST.get("front"):
        raise Http404
    return front


@require_POST
@page
def plan_front_finish(request: HttpRequest, ref: str) -> HttpResponse:
    front = services.finish_front(user=request.user, front=_front(request, ref))
    return redirect(reverse("plan_fronts", args=[ref]) + f"?version={front.version.number}&front={front.ref}")


@require_POST
@page
def plan_front_pick(request: HttpRequest, ref: str) -> HttpResponse:
    point = request.POST.get("point", "")
    made = services.pick_point(
        user=request.user, front=_front(request, ref), point=int(point) if point.isdigit() and len(point) < 9 else 0
    )  # fmt: skip
    return redirect(reverse("plan", args=[ref]) + f"?version={made.number}")


urlpatterns: list[URLPattern] = [
    path("plans/<str:ref>/trade-offs/", plan_fronts, name="plan_fronts"),
    path("plans/<str:ref>/trade-offs/start/", plan_front_start, name="plan_front_start"),
    path("plans/<str:ref>/trade-offs/finish/", plan_front_finish, name="plan_front_finish"),
    path("plans/<str:ref>/trade-offs/pick/", plan_front_pick, name="plan_front_pick"),
]
