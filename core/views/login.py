"""Sign-in, with a brake on guessing."""

import hashlib
from typing import Any

from django.conf import settings
from django.contrib.auth import views
from django.contrib.auth.forms import AuthenticationForm
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from core.models import User
from core.services import audit


def _key(*words: str) -> str:
    return "login:" + hashlib.sha256("\n".join(words).encode()).hexdigest()


def address_of(request: HttpRequest | None) -> str:
    """Where the request comes from; behind our own proxy, what that proxy saw."""
    if request is None:
        return ""
    forwarded = (
        request.META.get("HTTP_X_FORWARDED_FOR", "")
        if getattr(settings, "SECURE_PROXY_SSL_HEADER", None)
        else ""
    )
    return forwarded.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")


class BrakedForm(AuthenticationForm):
    """After some wrong passwords for one name from one address, that pair waits; so does an address that tries many names."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "too_many": _("Too many attempts. Wait %(minutes)d minutes and try again."),
    }

    def _counters(self) -> list[tuple[str, int]]:
        address = address_of(self.request)
        name = str(self.data.get("username", "")).strip().lower()[:150]
        return [
            (_key("pair", address, name), settings.LOGIN_ATTEMPTS),
            (_key("address", address), settings.LOGIN_ATTEMPTS * 10),
        ]

    def clean(self) -> dict[str, Any]:
        counters = self._counters()
        if any((cache.get(key) or 0) >= limit for key, limit in counters):
            raise ValidationError(
                self.error_messages["too_many"],
                code="too_many",
                params={"minutes": settings.LOGIN_WAIT_SECONDS // 60},
            )
        try:
            said = super().clean()
        except ValidationError:
            for key, limit in counters:
                cache.add(key, 0, settings.LOGIN_WAIT_SECONDS)
                try:
                    count = cache.incr(key)
                except ValueError:
                    continue
                if count == limit:
                    self._tell()
            raise
        cache.delete(counters[0][0])
        return said

    def _tell(self) -> None:
        """The audit learns of guessing at a real account."""
        person = User.objects.filter(username=self.data.get("username", "")[:150]).first()
        if person is not None:
            audit.record(user=None, act="login.braked", subject=person, ref=person.username)


class Login(views.LoginView):
    redirect_authenticated_user = True
    authentication_form = BrakedForm

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        if form.has_error("__all__", "too_many"):
            response.status_code = 429
            response["Retry-After"] = str(settings.LOGIN_WAIT_SECONDS)
        return response
