"""Who am I, what may I do here, and my tokens."""

import secrets
from typing import cast

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from core.errors import DomainError
from core.forms import TokenForm
from core.models import ApiToken, User
from core.selectors.cities import cities_of
from core.services.tokens import make_token, revoke_token
from core.views.pages import page


@page
def account(request: HttpRequest) -> HttpResponse:
    held = (
        cast(User, request.user)
        .memberships.select_related("organisation__city", "area")
        .order_by("organisation__city", "area__path", "role")
    )
    return render(
        request,
        "core/account.html",
        {"held": held, "today": timezone.localdate(), "cities": cities_of(request.user)},
    )


@never_cache
@page
def tokens(request: HttpRequest) -> HttpResponse:
    key, form = "", TokenForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            # The key is shown in the answer itself, so a reload sends the form again: one form makes one token.
            sheet = request.POST.get("sheet", "")[:40]
            if sheet and not cache.add(f"token-form:{request.user.pk}:{sheet}", 1, 86400):
                raise DomainError(
                    "sent-twice", _("This form was sent before; the token it made is in the list.")
                )
            _token, key = make_token(user=request.user, **form.cleaned_data)
            form = TokenForm()
        except DomainError as error:
            form.add_error(None, str(error.message))
    status = 422 if form.errors else 200
    rows = cast(User, request.user).tokens.all()
    return render(
        request,
        "core/tokens.html",
        {"form": form, "key": key, "tokens": rows, "now": timezone.now(), "sheet": secrets.token_urlsafe(12)},
        status=status,
    )


@require_POST
@page
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=pk, user=request.user)
    revoke_token(user=request.user, token=token)
    messages.success(request, _("The token %(name)s works no more.") % {"name": token.name})
    return redirect("tokens")
