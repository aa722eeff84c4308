"""Standards: profiles with every number's source, clause and certainty."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from core.views.pages import page
from planning.selectors import scenarios as selectors


@page
def profile_list(request: HttpRequest) -> HttpResponse:
    context = {"profiles": selectors.profiles(), "speeds": selectors.speed_profiles()}
    return render(request, "planning/standards.html", context)


@page
def profile_record(request: HttpRequest, code: str) -> HttpResponse:
    profile = get_object_or_404(selectors.profiles(), code=code)
    runs = selectors.runs_with(profile, user=request.user, city=request.city)[:8] if request.city else []
    context = {"profile": profile, "standards": selectors.standards_of(profile), "runs": runs}
    return render(request, "planning/standard_profile.html", context)


@page
def help_standards(request: HttpRequest) -> HttpResponse:
    context = {
        "profiles": selectors.standards_by_profile(),
        "rules": selectors.capacity_rules(),
        "rates": selectors.cost_rates(),
    }
    return render(request, "help/standards.html", context)
