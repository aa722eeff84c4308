"""Addresses that are told what happens: set up, tried, looked after."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from core import policies
from core.errors import DomainError
from core.views.pages import page, page_of
from projects.choices import DeliveryState, EventKind
from projects.models import Delivery, Webhook
from projects.selectors import webhooks as selectors
from projects.services import deliveries, webhooks

SHEET_SECONDS = 86_400


def hook_seen(request: HttpRequest, pk: int) -> Webhook:
    policies.demand(request.user, "webhook.edit")
    return get_object_or_404(selectors.with_counts(selectors.webhooks_for(request.user)), pk=pk)


def _once(request: HttpRequest) -> None:
    """One form makes one address, and one secret: a secret is shown in the answer itself, so a reload sends the form again."""
    sheet = request.POST.get("sheet", "")[:40]
    if sheet and not cache.add(f"webhook-form:{request.user.pk}:{sheet}", 1, SHEET_SECONDS):
        raise DomainError("sent-twice", _("This form was sent before; what it made is in the list."))


@page
def webhook_list(request: HttpRequest) -> HttpResponse:
    policies.demand(request.user, "webhook.edit", request.city or None)
    rows = selectors.with_counts(selectors.webhooks_for(request.user, request.city or None))
    return render(request, "projects/webhooks.html", {"webhooks": rows})


def _form(request: HttpRequest, hook: Webhook | None, error: DomainError | None = None) -> HttpResponse:
    said = request.POST if request.method == "POST" else None
    chosen = said.getlist("kind") if said is not None else (hook.kinds if hook else [])
    context = {
        "hook": hook, "error": error, "name": said.get("name", "") if said is not None else (hook.name if hook else ""),
        "url": said.get("url", "") if said is not None else (hook.url if hook else "https://"),
        "active": "active" in said if said is not None else (hook.active if hook else True),
        "kinds": [(code, label, code in chosen) for code, label in EventKind.choices if code != EventKind.WEBHOOK_PING],
        "sheet": secrets.token_urlsafe(12),
    }  # fmt: skip
    return render(request, "projects/webhook_form.html", context, status=error.status if error else 200)


@never_cache
@page
def webhook_new(request: HttpRequest) -> HttpResponse:
    policies.demand(request.user, "webhook.edit", request.city or None)
    if request.method != "POST":
        return _form(request, None)
    try:
        _once(request)
        hook, secret = webhooks.add(
            user=request.user, city=request.city, name=request.POST.get("name", ""), url=request.POST.get("url", ""),
            kinds=request.POST.getlist("kind"),
        )  # fmt: skip
    except DomainError as refused:
        return _form(request, None, refused)
    return _record(request, hook_seen(request, hook.pk), secret)


@page
def webhook_edit(request: HttpRequest, pk: int) -> HttpResponse:
    hook = hook_seen(request, pk)
    if request.method != "POST":
        return _form(request, hook)
    try:
        webhooks.change(
            user=request.user, webhook=hook, name=request.POST.get("name", ""), url=request.POST.get("url", ""),
            kinds=request.POST.getlist("kind"), active="active" in request.POST,
        )  # fmt: skip
    except DomainError as refused:
        return _form(request, hook, refused)
    messages.success(request, _("Saved."))
    return redirect("webhook", pk)


def _record(request: HttpRequest, hook: Webhook, secret: str = "") -> HttpResponse:
    state = request.GET.get("state", "")
    if state not in DeliveryState.values:
        state = ""
    counts = {"waiting": hook.waiting, "sent": hook.sent, "dead": hook.dead}
    labels = dict(EventKind.choices)
    context: dict[str, Any] = {
        "hook": hook, "secret": secret, "state": state, "now": timezone.now(),
        "page": page_of(request, selectors.deliveries_of(hook, state=state)),
        "states": [(code, label, counts[code]) for code, label in DeliveryState.choices], "all": sum(counts.values()),
        "kinds": [labels.get(code, code) for code in hook.kinds], "at_most": deliveries.attempts_at_most(),
        "sheet": secrets.token_urlsafe(12),
    }  # fmt: skip
    return render(request, "projects/webhook.html", context)


@page
def webhook_record(request: HttpRequest, pk: int) -> HttpResponse:
    return _record(request, hook_seen(request, pk))


@never_cache
@require_POST
@page
def webhook_rotate(request: HttpRequest, pk: int) -> HttpResponse:
    hook = hook_seen(request, pk)
    _once(request)
    hours = request.POST.get("hours", "24")
    if not hours.isascii() or not hours.isdigit():
        raise DomainError("overlap-hours", _("A whole number of hours is needed."), status=422)
    secret = webhooks.rotate(user=request.user, webhook=hook, overlap_hours=int(hours[:6]))
    return _record(request, hook_seen(request, pk), secret)


@require_POST
@page
def webhook_ping(request: HttpRequest, pk: int) -> HttpResponse:
    webhooks.ping(user=request.user, webhook=hook_seen(request, pk))
    messages.success(request, _("A test message is in line; its delivery stands on top of the list."))
    return redirect("webhook", pk)


@require_POST
@page
def webhook_replay(request: HttpRequest, pk: int) -> HttpResponse:
    count = webhooks.replay_dead(user=request.user, webhook=hook_seen(request, pk))
    messages.success(request, ngettext("%(count)s delivery is in line again.", "%(count)s deliveries are in line again.", count) % {"count": count})  # fmt: skip
    return redirect("webhook", pk)


@require_POST
@page
def webhook_catch_up(request: HttpRequest, pk: int) -> HttpResponse:
    after = request.POST.get("after", "").strip()
    if not after.isascii() or not after.isdigit() or len(after) > 18:
        raise DomainError("bad-number", _("A whole number is needed: that of the last event the receiver has."), status=422)  # fmt: skip
    count = webhooks.catch_up(user=request.user, webhook=hook_seen(request, pk), after=int(after))
    messages.success(request, ngettext("%(count)s event was put in line.", "%(count)s events were put in line.", count) % {"count": count})  # fmt: skip
    return redirect("webhook", pk)


@page
def webhook_remove(request: HttpRequest, pk: int) -> HttpResponse:
    hook = hook_seen(request, pk)
    if request.method != "POST":
        return render(request, "projects/webhook_remove.html", {"hook": hook})
    webhooks.remove(user=request.user, webhook=hook)
    messages.success(request, _("%(name)s is told no more.") % {"name": hook.name})
    return redirect("webhooks")


@require_POST
@page
def delivery_replay(request: HttpRequest, pk: int) -> HttpResponse:
    delivery = get_object_or_404(
        Delivery.objects.select_related("webhook__city"), pk=pk, webhook__in=selectors.webhooks_for(request.user)
    )  # fmt: skip
    webhooks.replay(user=request.user, delivery=delivery)
    messages.success(request, _("It is in line again, with the same event id."))
    return redirect("webhook", delivery.webhook_id)


urlpatterns: list[URLPattern] = [
    path("webhooks/", webhook_list, name="webhooks"),
    path("webhooks/new/", webhook_new, name="webhook_new"),
    path("webhooks/deliveries/<int:pk>/replay/", delivery_replay, name="delivery_replay"),
    path("webhooks/<int:pk>/", webhook_record, name="webhook"),
    path("webhooks/<int:pk>/edit/", webhook_edit, name="webhook_edit"),
    path("webhooks/<int:pk>/rotate/", webhook_rotate, name="webhook_rotate"),
    path("webhooks/<int:pk>/ping/", webhook_ping, name="webhook_ping"),
    path("webhooks/<int:pk>/replay/", webhook_replay, name="webhook_replay"),
    path("webhooks/<int:pk>/catch-up/", webhook_catch_up, name="webhook_catch_up"),
    path("webhooks/<int:pk>/remove/", webhook_remove, name="webhook_remove"),
]
