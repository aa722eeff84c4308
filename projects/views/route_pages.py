"""Routes: their versions, one as a table and a picture, a draft written in YAML, published by a second person."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.errors import DomainError, InvalidInput
from core.templatetags.pingji import yuan
from core.views.pages import page
from facilities.models import ServiceType
from inventory.choices import InterventionKind
from projects.choices import RouteState, TaskKind
from projects.models import Route, RouteTask
from projects.selectors import routes as selectors
from projects.services import routes

START = """code: my-route
kind: approval
name: 审批
name_en: Approval
source: ""
certainty: D
stages:
  - code: review
    name: 审查
    name_en: Review
    tasks:
      - {code: recommend, order: 1, kind: recommend, role: reviewer, name: 提出审批建议, name_en: Recommendation, due: 5}
  - code: decision
    name: 决定
    name_en: Decision
    tasks:
      - {code: decide, order: 1, kind: decide, role: approver, name: 作出审批决定, name_en: Decision, due: 10}
"""


def condition_words(task: RouteTask) -> str:
    """When a task is asked for, in words; nothing where it always is."""
    only, words = task.condition, []
    if only.get("cost_from_fen") == 1:
        words.append(_("it costs anything"))
    elif "cost_from_fen" in only:
        words.append(_("from %(cost)s") % {"cost": yuan(only["cost_from_fen"])})
    if "cost_below_fen" in only:
        words.append(_("below %(cost)s") % {"cost": yuan(only["cost_below_fen"])})
    kinds = dict(InterventionKind.choices)
    words += [str(kinds.get(kind, kind)) for kind in only.get("kinds", [])]
    if names := only.get("services"):
        from core.templatetags.pingji import local_name

        known = {row.code: local_name(row) for row in ServiceType.objects.filter(code__in=names)}
        words += [known.get(name, name) for name in names]
    domains = {"shelter": _("shelter"), "lodging": _("lodging"), "medical": _("medical help"), "supply": _("supplies")}  # fmt: skip
    words += [domains.get(name, name) for name in only.get("domains", [])]
    return _(", ").join(words)


@page
def route_list(request: HttpRequest) -> HttpResponse:
    context = {"routes": selectors.routes(), "may_edit": policies.allows(request.user, "route.edit")}
    return render(request, "projects/routes.html", context)


def _found(code: str, version: int) -> Route:
    return get_object_or_404(selectors.routes(), code=code, version=version)


@page
def route_record(request: HttpRequest, code: str, version: int) -> HttpResponse:
    route = _found(code, version)
    stages = selectors.turns(route)
    for stage in stages:
        for turn in stage.turns:
            for task in turn.tasks:
                task.only_words = condition_words(task)
    draft = route.state == RouteState.DRAFT
    publishes = policies.allows(request.user, "route.publish")
    context = {
        "route": route, "stages": stages, "versions": selectors.routes().filter(code=code),
        "may_edit": policies.allows(request.user, "route.edit"), "draft": draft,
        "may_publish": draft and publishes and route.drafted_by_id != request.user.pk,
        "own_draft": draft and publishes and route.drafted_by_id == request.user.pk,
        "may_retire": route.state == RouteState.PUBLISHED and publishes,
        "text": routes.write_document(route.document),
    }  # fmt: skip
    return render(request, "projects/route.html", context)


@page
def route_draft(request: HttpRequest) -> HttpResponse:
    """Write a route, or send it as a file. Without anything given: the shape of one, or the version asked for."""
    policies.demand(request.user, "route.edit")
    error: DomainError | None = None
    problems: list[Any] = []
    text = START
    if request.method == "POST":
        text = request.POST.get("text", "")
        try:
            if (sent := request.FILES.get("file")) is not None:
                text = _text_of(sent)
            route = routes.store_draft(user=request.user, document=routes.read_document(text))
        except DomainError as refused:
            error = refused
            problems = refused.problems if isinstance(refused, InvalidInput) else []
        else:
            if route.state == RouteState.DRAFT:
                messages.success(request, _("The draft %(route)s is stored; somebody else publishes it.") % {"route": route})  # fmt: skip
            else:
                messages.info(request, _("This is word for word %(route)s; nothing was drafted.") % {"route": route})  # fmt: skip
            return redirect("route", route.code, route.version)
    elif (code := request.GET.get("code", "")) and (number := request.GET.get("version", "")).isdigit():
        text = routes.write_document(_found(code, int(number[:4])).document)
    context = {"text": text, "error": error, "problems": problems, "task_kinds": ", ".join(TaskKind.values)}
    return render(request, "projects/route_draft.html", context, status=error.status if error else 200)


def _text_of(sent: Any) -> str:
    from projects.services.route_checks import LARGEST_BYTES

    if sent.size > LARGEST_BYTES:
        raise DomainError("too-long", _("A route is a page of text, not a book."), status=422)
    try:
        return sent.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DomainError("bad-yaml", _("The file is no text in UTF-8."), status=422) from None


@require_POST
@page
def route_move(request: HttpRequest, code: str, version: int) -> HttpResponse:
    route, move = _found(code, version), request.POST.get("move", "")
    if move == "publish":
        routes.publish(user=request.user, route=route)
        messages.success(request, _("%(route)s is published; new cases go this way.") % {"route": route})
    elif move == "retire":
        routes.retire(user=request.user, route=route)
        messages.success(request, _("%(route)s is retired; running cases end on it.") % {"route": route})
    elif move == "drop":
        routes.drop_draft(user=request.user, route=route)
        messages.success(request, _("The draft is gone."))
        return redirect("routes")
    else:
        raise DomainError("unknown-move", _("A route can be published, retired or thrown away."), status=422)
    return redirect("route", code, version)


urlpatterns: list[URLPattern] = [
    path("rules/routes/", route_list, name="routes"),
    path("rules/routes/draft/", route_draft, name="route_draft"),
    path("rules/routes/<slug:code>/<int:version>/", route_record, name="route"),
    path("rules/routes/<slug:code>/<int:version>/move/", route_move, name="route_move"),
]
