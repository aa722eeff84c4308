"""Draws of inspections: announced, drawn, called off; and the limits of the works. Anybody of the city may compute a draw again."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.choices import Certainty
from core.errors import DomainError
from core.views.pages import page, page_of
from projects.choices import ProjectState
from projects.forms import works as forms
from projects.models import InspectionDraw, WorksRule
from projects.selectors import draws as drawn
from projects.selectors import pages
from projects.selectors.works_rules import VALUES, in_force, limits, shipped
from projects.services import draws, works_rules
from projects.views.supervision_tabs import supervision_tabs


@page
def draw_list(request: HttpRequest) -> HttpResponse:
    """Every draw that was announced, and the form that announces another."""
    if not request.city:
        return render(request, "planning/no_city.html")
    areas = drawn.areas_of(request.user, request.city)
    may = policies.holds(request.user, "inspection.draw", request.city.pk)
    form = forms.AnnounceForm(request.POST or None, areas=areas)
    error = None
    if request.method == "POST" and form.is_valid():
        try:
            made = draws.announce(user=request.user, city=request.city, **form.cleaned_data)
            messages.success(request, _("Announced. The list and its weights are frozen."))
            return redirect("draw", made.ref)
        except DomainError as refused:
            error = refused
    in_works = pages.projects_visible_to(request.user, request.city).filter(state=ProjectState.WORKS).count()
    return render(
        request, "projects/draws.html",
        {
            "page": page_of(request, drawn.draws_seen(request.user, request.city)), "form": form, "error": error, "may": may,
            "in_works": in_works, "tabs": supervision_tabs("draws"), "limits": limits(),
        },
        status=422 if error or (form.is_bound and form.errors) else 200,
    )  # fmt: skip


def _draw_seen(request: HttpRequest, ref: str) -> InspectionDraw:
    return get_object_or_404(drawn.draws_seen(request.user), ref=ref)


@page
def draw_page(request: HttpRequest, ref: str) -> HttpResponse:
    """One draw with its list: everything that is needed to compute it again."""
    one = _draw_seen(request, ref)
    may = policies.allows(request.user, "inspection.draw", one.area or one.city)
    form = forms.SeedForm(request.POST or None)
    error = None
    if request.method == "POST" and form.is_valid():
        try:
            draws.draw(user=request.user, draw=one, seed=form.cleaned_data["seed"])
            messages.success(request, _("Drawn. Each drawn project has an inspection."))
            return redirect("draw", ref)
        except DomainError as refused:
            error = refused
    return render(
        request, "projects/draw.html",
        {
            "draw": one, "form": form, "error": error, "may": may, "rows": drawn.rows_of(one, request.user),
            "check": draws.check(one),
            "tabs": supervision_tabs("draws"),
        },
        status=422 if error or (form.is_bound and form.errors) else 200,
    )  # fmt: skip


@page
@require_POST
def draw_void(request: HttpRequest, ref: str) -> HttpResponse:
    draws.void(user=request.user, draw=_draw_seen(request, ref), reason=request.POST.get("reason", ""))
    messages.success(request, _("Called off."))
    return redirect("draw", ref)


@page
def draw_file(request: HttpRequest, ref: str) -> HttpResponse:
    """The list as text: reference, tab, weight. `sha256sum` of it, with the number drawn as its last line, is the hash
    that was announced."""
    one = _draw_seen(request, ref)
    answer = HttpResponse(drawn.list_text(one), content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{one.ref}.txt"'
    return answer


@page
def works_rules_page(request: HttpRequest) -> HttpResponse:
    """The limits in force with where they come from, versions before and drafts; drafted by one, published by another."""
    may_edit = policies.allows(request.user, "alert_rule.edit")
    error = None
    if request.method == "POST":
        try:
            if number := request.POST.get("publish"):
                rule = get_object_or_404(WorksRule, version=int(number) if number.isdigit() else 0)
                works_rules.publish(user=request.user, rule=rule)
                messages.success(request, _("Published."))
            else:
                typed = {name: request.POST[name] for name in VALUES if request.POST.get(name, "").strip()}
                works_rules.draft(
                    user=request.user, values=typed, source=request.POST.get("source", ""),
                    certainty=request.POST.get("certainty", ""), reason=request.POST.get("reason", ""),
                )  # fmt: skip
                messages.success(request, _("Drafted. Somebody else publishes it."))
            return redirect("works_rules")
        except DomainError as refused:
            error = refused
    held = in_force()
    values: dict[str, Any] = held.values if held else shipped()
    rows = [
        {
            "name": name,
            "words": words,
            "unit": unit,
            "typed": request.POST.get(name, "") if error else "",
            **values[name],
        }
        for name, (words, unit, _least, _most) in VALUES.items()
    ]
    return render(
        request, "projects/works_rules.html",
        {
            "held": held, "rows": rows, "error": error, "may_edit": may_edit, "certainties": Certainty.choices,
            "may_publish": policies.allows(request.user, "alert_rule.publish"), "posted": request.POST if error else {},
            "versions": [(rule, _differences(rule, values)) for rule in WorksRule.objects.select_related("drafted_by", "published_by")],
        },
        status=error.status if error else 200,
    )  # fmt: skip


def _differences(rule: WorksRule, values: dict[str, Any]) -> list[tuple[Any, Any, Any]]:
    """(words, here, in force) of what differs from the version in force."""
    return [
        (VALUES[name][0], said["value"], values[name]["value"])
        for name, said in rule.values.items()
        if name in VALUES and said["value"] != values[name]["value"]
    ]


urlpatterns: list[URLPattern] = [
    path("supervision/draws/", draw_list, name="draws"),
    path("supervision/draws/<str:ref>/", draw_page, name="draw"),
    path("supervision/draws/<str:ref>/call-off/", draw_void, name="draw_void"),
    path("supervision/draws/<str:ref>/list.txt", draw_file, name="draw_file"),
    path("rules/works/", works_rules_page, name="works_rules"),
]
