"""Comments on a plan's version and its interventions: the page, and the part that an intervention's card holds."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from core.errors import DomainError
from core.views.pages import page
from planning.models import PlanVersion
from planning.selectors import change_sets
from planning.selectors.plan_comments import comments_seen
from planning.services import plan_comments as services
from planning.views.plan_pages import version_asked, version_context


@page
def plan_comments(request: HttpRequest, ref: str) -> HttpResponse:
    return _page(request, version_asked(request, ref, computed=False))


def _page(
    request: HttpRequest, version: PlanVersion, *, text: str = "", refused: Any = None, status: int = 200
) -> HttpResponse:
    order = _order(request)
    rows = list(comments_seen(version, user=request.user))
    waiting = [one for one in rows if one.resolved_at is None]
    context = version_context(request, version, "plan_comments") | {
        "always": True, "rows": _narrowed(rows, order), "waiting": len(waiting), "all": len(rows), "order": order, "text": text, "refused": refused,
        "may_comment": services.may_comment(request.user, version),
        "interventions": change_sets.interventions_of(version, user=request.user),
    }  # fmt: skip
    return render(request, "planning/plan_comments.html", context, status=status)


def _order(request: HttpRequest) -> int | None:
    words = request.POST.get("order", "") or request.GET.get("order", "")
    return int(words) if words.isdigit() and len(words) < 6 else None


def _narrowed(rows: list[Any], order: int | None) -> list[Any]:
    """Open ones first, then by age; of one intervention where one is named."""
    if order is not None:
        rows = [one for one in rows if one.intervention is not None and one.intervention.order == order]
    return sorted(rows, key=lambda one: (one.resolved_at is not None, one.created_at, one.pk))


@page
def plan_comments_card(request: HttpRequest, ref: str) -> HttpResponse:
    """What is said about one intervention, for its card."""
    version = version_asked(request, ref, computed=False)
    return _card(request, version)


def _card(request: HttpRequest, version: PlanVersion, *, text: str = "", refused: Any = None) -> HttpResponse:
    order = _order(request)
    context = {
        "plan": version.plan, "version": version, "order": order, "card": True, "text": text, "refused": refused,
        "rows": _narrowed(list(comments_seen(version, user=request.user)), order if order is not None else -1),
        "may_comment": services.may_comment(request.user, version),
    }  # fmt: skip
    return render(request, "planning/parts/plan_comment_list.html", context)


@require_POST
@page
def plan_comment_new(request: HttpRequest, ref: str) -> HttpResponse:
    version = version_asked(request, ref, computed=False)
    text = request.POST.get("text", "")
    try:
        services.add_comment(user=request.user, version=version, text=text, order=_order(request))
    except DomainError as refused:
        if refused.status != 422:
            raise
        # what was written is not lost
        if request.htmx:
            return _card(request, version, text=text, refused=refused)
        return _page(request, version, text=text, refused=refused, status=422)
    return _back(request, version)


@require_POST
@page
def plan_comment_answered(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    version = version_asked(request, ref, computed=False)
    services.mark_answered(
        user=request.user, version=version, comment_id=pk, answered=request.POST.get("answered") != "no"
    )
    return _back(request, version)


def _back(request: HttpRequest, version: PlanVersion) -> HttpResponse:
    if request.htmx:
        return _card(request, version)
    order = _order(request)
    query: dict[str, Any] = {"version": version.number}
    if order is not None and request.POST.get("narrow"):
        query["order"] = order
    return redirect(reverse("plan_comments", args=[version.plan.ref]) + "?" + urlencode(query))


urlpatterns: list[URLPattern] = [
    path("plans/<str:ref>/comments/", plan_comments, name="plan_comments"),
    path("plans/<str:ref>/comments/card/", plan_comments_card, name="plan_comments_card"),
    path("plans/<str:ref>/comments/new/", plan_comment_new, name="plan_comment_new"),
    path("plans/<str:ref>/comments/<int:pk>/answered/", plan_comment_answered, name="plan_comment_answered"),
]
