"""If one place fails: critical places of today and of the plan, on a map and in a table."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.templatetags.pingji import local_name, num, unit
from core.views.pages import page
from planning.selectors import change_sets, gaps
from planning.services import plan_losses as services
from planning.views import mapwords
from planning.views.comparisons import title_of
from planning.views.plan_pages import version_asked, version_context

SHOWN = 100


@page
def plan_losses(request: HttpRequest, ref: str) -> HttpResponse:
    version = version_asked(request, ref)
    context = version_context(request, version, "plan_losses")
    if not context["ready"]:
        return render(request, "planning/plan_losses.html", context)
    pairs = [one for one in change_sets.pairs(version) if one.after]
    context["pairs"] = pairs
    if not pairs:
        return render(request, "planning/plan_losses.html", context)
    pair = next((one for one in pairs if one.before.ref == request.GET.get("run")), None) or _opens_on(
        version, pairs, request.user
    )
    listed = gaps.services_of(pair.before)
    service = next((one for one in listed if one.code == request.GET.get("service")), None) or _of_plan(
        version, listed
    )
    if service is None:
        return render(request, "planning/plan_losses.html", context)
    found = services.losses_of(user=request.user, version=version, service=service, run=pair.before.ref)
    shown = found.places[:SHOWN]
    context |= {
        "losses": found, "service": service, "services": listed, "pair": pair, "places": shown,
        "runs": [{"ref": one.before.ref, "title": title_of(one.before), "here": one is pair} for one in pairs],
        "reading": _reading(found, service), "stats": _stats(found, service) if found.ready else [],
        "most": max((max(one.today.lost if one.today else 0, one.planned.lost if one.planned else 0) for one in shown), default=0),
        "may_start": policies.allows(request.user, "run.start", request.city),
        "api": f"/api/v1/plans/{ref}/versions/{version.number}/losses/?service={service.code}&run={pair.before.ref}",
    }  # fmt: skip
    if found.ready:
        context["config"] = _config(request, version, context)
    return render(request, "planning/plan_losses.html", context)


def _opens_on(version: Any, pairs: list[Any], user: Any) -> Any:
    """The run in which the plan closes most."""

    def closed(pair: Any) -> int:
        return max((one.closed or 0 for one in change_sets.outcomes(pair, user=user)), default=0)

    return max(pairs, key=closed)


def _of_plan(version: Any, listed: list[Any]) -> Any:
    """The service that most interventions give, as far as the run asks for it."""
    codes = list(version.interventions.values_list("service__code", flat=True))
    return max(listed, key=lambda one: codes.count(one.code), default=None)


def _reading(found: services.Losses, service: Any) -> str:
    if not found.ready:
        return _("Which places would be missed most, today and with the plan?")
    today, planned = found.worst(False), found.worst(True)
    if today is None and planned is None:
        return _("%(service)s: no single loss leaves anybody without.") % {"service": local_name(service)}
    facts = {
        "service": local_name(service), "unit": unit(service),
        "before": num(today.today.lost if today and today.today else 0),
        "after": num(planned.planned.lost if planned and planned.planned else 0),
        "place": local_name(planned.place) if planned else "—",
    }  # fmt: skip
    return (
        _(
            "%(service)s: the worst single loss takes %(after)s %(unit)s with the plan (%(place)s), %(before)s today."
        )
        % facts
    )


def _stats(found: services.Losses, service: Any) -> list[dict[str, Any]]:
    today, planned = found.worst(False), found.worst(True)
    stats = [
        {
            "label": _("Critical places"), "value": f"{num(found.critical(False))} → {num(found.critical(True))}", "unit": "",
            "note": _("whose loss leaves somebody without; today and with the plan"),
        }
    ]  # fmt: skip
    for one, label, side in (
        (today, _("Worst today"), "today"),
        (planned, _("Worst with the plan"), "planned"),
    ):
        told = getattr(one, side) if one else None
        stats.append(
            {
                "label": label, "value": num(told.lost if told else 0), "unit": unit(service),
                "note": _("%(people)s people lose cover if %(place)s fails") % {"people": num(told.people), "place": local_name(one.place)}
                if one and told else "",
            }
        )  # fmt: skip
    return stats


def _config(request: HttpRequest, version: Any, context: dict[str, Any]) -> dict[str, Any]:
    config = mapwords.base_config(request, version.plan.city)
    return config | {
        "label": _("Critical places; the table holds every value"),
        "places": [
            {
                "number": number, "lon": one.place.point.x, "lat": one.place.point.y, "name": local_name(one.place),
                "today": one.today.lost if one.today else 0, "planned": one.planned.lost if one.planned else 0,
            }
            for number, one in enumerate(context["places"], start=1) if one.place.point
        ],
        "most": context["most"],
    }  # fmt: skip


@require_POST
@page
def plan_losses_start(request: HttpRequest, ref: str) -> HttpResponse:
    version = version_asked(request, ref)
    run = request.POST.get("run", "")
    services.start_losses(user=request.user, version=version, run=run)
    query = f"?version={version.number}&run={run}&service={request.POST.get('service', '')}"
    return redirect(reverse("plan_losses", args=[ref]) + query)


urlpatterns: list[URLPattern] = [
    path("plans/<str:ref>/losses/", plan_losses, name="plan_losses"),
    path("plans/<str:ref>/losses/start/", plan_losses_start, name="plan_losses_start"),
]
