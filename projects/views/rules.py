"""Everything an office decides once and works by afterwards, on one page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from core import policies
from core.views.pages import page


def rule_pages(user: Any, city: Any) -> list[dict[str, Any]]:
    """Pages of rules, in the order a project meets them."""
    rows: list[tuple[str, str, str, bool]] = [
        ("standards", _("Standards"), _("How much of each service people need, how near and how soon."), True),
        ("duplicate_rules", _("Against building twice"), _("When something near is the same again, and a reason is needed."), True),
        ("routes", _("Routes"), _("Stages and tasks of a case: who, in which order, within how many working days."), True),
        ("calendar", _("Working days"), _("Holidays and make-up days that due dates are counted by."), True),
        ("deputies", _("Deputies"), _("Who acts for whom, and how long."), True),
        ("works_rules", _("Works"), _("How far from the site and how late a photo may be, and what else reports are judged by."), True),
        ("alert_rules", _("Alerts"), _("Limits at which a project needs explanation."), True),
        ("publication", _("Publication"), _("Which fields of a project go out to the public."), policies.allows(user, "publication.edit") or policies.allows(user, "publication.publish")),
        ("webhooks", _("Webhooks"), _("Which systems are told what happens."), policies.allows(user, "webhook.edit", city or None)),
    ]  # fmt: skip
    return [
        {"href": reverse(name), "label": label, "words": words} for name, label, words, shown in rows if shown
    ]


@page
def rules_index(request: HttpRequest) -> HttpResponse:
    return render(request, "projects/rules.html", {"rules": rule_pages(request.user, request.city)})


urlpatterns: list[URLPattern] = [path("rules/", rules_index, name="rules")]
