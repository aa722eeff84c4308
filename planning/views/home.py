"""The first page: what waits, what falls short most, what was computed last, how old the inputs are."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from core import policies
from core.choices import AreaLevel
from core.views.pages import page
from planning.selectors import gaps
from planning.selectors import home as selectors
from planning.selectors.ranges import mark_ranges


@page
def home_page(request: HttpRequest) -> HttpResponse:
    city = request.city
    if not city:
        return render(request, "planning/no_city.html")
    who = {"user": request.user, "city": city}
    run = selectors.main_run(**who)
    services = gaps.services_of(run) if run else []
    service = services[0] if services else None
    widest = mark_ranges(selectors.widest_gaps(**who))
    context: dict[str, Any] = {
        "today": timezone.localdate(),
        "tasks": selectors.tasks(**who),
        "widest": widest,
        "ranged": any(getattr(row, "spread", None) for row in widest),
        "jobs": selectors.latest_jobs(**who),
        "layers": selectors.layers(city),
        "whole_city": gaps.sees_whole_city(request.user, city.pk),
        "run": run,
        "service": service,
        "districts": gaps.area_rows(run, service, user=request.user, level=AreaLevel.DISTRICT)
        if run and service
        else [],
        "may_import": policies.allows(request.user, "facility.import", city),
    }
    return render(request, "planning/home.html", context)
