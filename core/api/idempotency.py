"""`Idempotency-Key` on POST: the same key, person and address answer what the first call answered, for 24 hours."""

import hashlib
from typing import Any

from django.core.cache import cache
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from core.errors import DomainError

KEPT_SECONDS = 24 * 3600
# A call that died holds its key this long at most.
RUNNING_SECONDS = 120
KEPT_HEADERS = ("Location", "ETag", "Retry-After", "Content-Type")


class Replayed(Exception):
    """Carries the answer that the first call gave."""

    def __init__(self, stored: dict[str, Any]) -> None:
        super().__init__("replayed")
        self.stored = stored

    def response(self) -> HttpResponse:
        response = HttpResponse(self.stored["content"], status=self.stored["status"])
        for name, value in self.stored["headers"].items():
            response[name] = value
        response["Idempotent-Replayed"] = "true"
        return response


class Idempotent:
    """Mixin for API views. Only answers below 400 are kept: after an error the same key may try again."""

    _idempotency: tuple[str, str] | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        asked = request.headers.get("Idempotency-Key", "") if request.method == "POST" else ""
        if not asked:
            return
        if len(asked) > 200:
            raise DomainError(
                "idempotency-key-too-long",
                _("The Idempotency-Key is longer than 200 characters."),
                status=400,
            )
        name = hashlib.sha256(f"{request.user.pk}\n{request.path}\n{asked}".encode()).hexdigest()
        key, body = f"idempotency:{name}", hashlib.sha256(request._request.body).hexdigest()
        if not cache.add(key, {"body": body, "running": True}, RUNNING_SECONDS):
            stored = cache.get(key) or {"body": body, "running": True}
            if stored["body"] != body:
                raise DomainError(
                    "idempotency-key-reused",
                    _("This Idempotency-Key was used with another body."),
                    status=422,
                )
            if stored.get("running"):
                raise DomainError(
                    "idempotency-key-in-use", _("The first call with this Idempotency-Key is still running.")
                )
            raise Replayed(stored)
        self._idempotency = (key, body)

    def handle_exception(self, error: Exception) -> Any:
        if isinstance(error, Replayed):
            return error.response()
        return super().handle_exception(error)  # type: ignore[misc]

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        if self._idempotency:
            if response.status_code < 400 and hasattr(response, "add_post_render_callback"):
                response.add_post_render_callback(self._keep)
            else:
                cache.delete(self._idempotency[0])
        return response

    def _keep(self, response: Any) -> None:
        key, body = self._idempotency or ("", "")
        headers = {name: response[name] for name in KEPT_HEADERS if name in response}
        cache.set(
            key,
            {
                "body": body,
                "status": response.status_code,
                "content": bytes(response.content),
                "headers": headers,
            },
            KEPT_SECONDS,
        )
