"""Deputies: who acts for whom, named and ended."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.errors import DomainError
from core.templatetags.pingji import local_name
from core.views.pages import page, page_of
from projects.models import Deputy
from projects.selectors import deputies as selectors
from projects.services import deputies


def _day(text: str, what: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DomainError("bad-date", _("%(what)s: a date is needed.") % {"what": what}, status=422) from None


def _chosen(people: Any, username: str, what: str) -> Any:
    found = next((one for one in people if one.get_username() == username), None)
    if found is None:
        raise DomainError("no-person", _("%(what)s: choose a person.") % {"what": what}, status=422)
    return found


def state_of(row: Deputy, today: date) -> tuple[str, str]:
    """(code, words) of a deputy on a day."""
    if row.ended_at is not None:
        return "ended", _("Ended early")
    if row.valid_to < today:
        return "over", _("Over")
    return ("later", _("Not yet")) if row.valid_from > today else ("now", _("In force"))


@page
def deputy_list(request: HttpRequest) -> HttpResponse:
    error = None
    city = request.city or None
    principals = selectors.principals_for(request.user, city) if city else []
    people = selectors.people_of(city) if city else []
    if request.method == "POST":
        try:
            row, others = deputies.name_deputy(
                user=request.user, principal=_chosen(principals, request.POST.get("principal", ""), _("For")),
                deputy=_chosen(people, request.POST.get("deputy", ""), _("Deputy")),
                valid_from=_day(request.POST.get("valid_from", ""), _("From")),
                valid_to=_day(request.POST.get("valid_to", ""), _("Until")), reason=request.POST.get("reason", ""),
            )  # fmt: skip
        except DomainError as refused:
            error = refused
        else:
            words = _("%(deputy)s stands in for %(principal)s.") % {
                "deputy": local_name(row.deputy) or row.deputy.username,
                "principal": local_name(row.principal) or row.principal.username,
            }
            messages.success(request, words)
            if others:
                names = ", ".join(local_name(one.deputy) or one.deputy.username for one in others)
                messages.warning(request, _("In the same time these stand in too: %(names)s. Each of them may act; whoever is first does it.") % {"names": names})  # fmt: skip
            return redirect("deputies")
    today = timezone.localdate()
    rows = page_of(request, selectors.deputies_visible_to(request.user), 50)
    for row in rows:
        row.standing = state_of(row, today)
        row.may_end = row.standing[0] in ("now", "later") and deputies.may_end(request.user, row)
    said = (
        request.POST if error else {"valid_from": today.isoformat(), "principal": request.user.get_username()}
    )
    context = {
        "page": rows, "principals": principals, "people": people, "error": error, "said": said, "today": today,
    }  # fmt: skip
    return render(request, "projects/deputies.html", context, status=error.status if error else 200)


@require_POST
@page
def deputy_end(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(selectors.deputies_visible_to(request.user), pk=pk)
    deputies.end(user=request.user, deputy=row)
    messages.success(request, _("Ended."))
    return redirect("deputies")


urlpatterns: list[URLPattern] = [
    path("rules/deputies/", deputy_list, name="deputies"),
    path("rules/deputies/<int:pk>/end/", deputy_end, name="deputy_end"),
]
