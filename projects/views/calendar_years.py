"""Working days: a year as a wall calendar shows it, and the page that enters a notice."""

from __future__ import annotations

import re

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import policies
from core.errors import DomainError, InvalidInput
from core.views.pages import page
from projects.selectors import calendar as selectors
from projects.services import calendar_years


def _asked(request: HttpRequest) -> int:
    text = request.GET.get("year", "")
    return int(text) if re.fullmatch(r"20\d\d", text, re.ASCII) else timezone.localdate().year


@page
def calendar_page(request: HttpRequest) -> HttpResponse:
    view = selectors.year_view(_asked(request))
    context = {
        "view": view, "years": selectors.years(), "today": timezone.localdate(),
        "may_edit": policies.allows(request.user, "calendar.edit"),
    }  # fmt: skip
    return render(request, "projects/calendar.html", context)


@page
def calendar_edit(request: HttpRequest, year: int) -> HttpResponse:
    policies.demand(request.user, "calendar.edit")
    view = selectors.year_view(year)
    error, problems = None, []
    said = {
        "days": calendar_years.written(view.days), "source": view.year.source if view.year else "",
        "announced": bool(view.year and view.year.announced),
    }  # fmt: skip
    if request.method == "POST":
        said = {
            "days": request.POST.get("days", ""), "source": request.POST.get("source", ""),
            "announced": "announced" in request.POST,
        }  # fmt: skip
        try:
            done = calendar_years.enter_year(
                user=request.user, year=year, days=calendar_years.read_days(said["days"], year),
                announced=said["announced"], source=said["source"],
            )  # fmt: skip
        except DomainError as refused:
            error = refused
            problems = refused.problems if isinstance(refused, InvalidInput) else []
        else:
            words = _("%(year)s is entered.") % {"year": year}
            if done.moved:
                words += " " + ngettext("%(count)s open task is due later than before.", "%(count)s open tasks are due later than before.", done.moved) % {"count": done.moved}  # fmt: skip
            messages.success(request, words)
            return redirect(f"/rules/calendar/?year={year}")
    context = {"view": view, "said": said, "error": error, "problems": problems}
    return render(request, "projects/calendar_edit.html", context, status=error.status if error else 200)


urlpatterns: list[URLPattern] = [
    path("rules/calendar/", calendar_page, name="calendar"),
    path("rules/calendar/<int:year>/", calendar_edit, name="calendar_edit"),
]
