"""Promised against realised, for the programme."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from core import policies
from core.views.pages import page
from projects.selectors import results as read
from projects.services import results
from projects.views.programme_tabs import programme_tabs


@page
def project_results(request: HttpRequest) -> HttpResponse:
    """What each accepted project promised and what the newest runs say of it; POST reckons anew."""
    if not request.city:
        return render(request, "planning/no_city.html")
    if request.method == "POST":
        job, created = results.start(user=request.user, city=request.city)
        messages.success(
            request,
            _("Reckoning as %(ref)s.") % {"ref": job.ref}
            if created
            else _("%(ref)s is under way.") % {"ref": job.ref},
        )
        return redirect("job", job.ref)
    return render(
        request, "projects/results.html",
        {
            "results": read.results(request.user, request.city, request.GET.get("run", "")), "tabs": programme_tabs("project_results"),
            "may_start": policies.allows(request.user, "run.start", request.city),
        },
    )  # fmt: skip


urlpatterns: list[URLPattern] = [path("projects/results/", project_results, name="project_results")]
