"""Per-request context: an id for the logs and the audit, the city in view, and the content security policy."""

import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from core.services.audit import request_id

Respond = Callable[[HttpRequest], HttpResponse]

# maplibre's worker is a same-origin file; nothing is ever loaded from elsewhere.
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "worker-src 'self' blob:; connect-src 'self'; font-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'self'; "
    "form-action 'self'"
)


class RequestIdMiddleware:
    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        identifier = uuid.uuid4().hex[:16]
        # Lines in the log, entries in the audit and problem documents all name it.
        request.request_id = identifier
        token = request_id.set(identifier)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response["X-Request-Id"] = identifier
        return response


class CityMiddleware:
    """`request.city`: asked for by `?city=CODE`, else the one seen last, else the one loaded last."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        from core.selectors.cities import LazyCity

        request.city = LazyCity(request)
        return self.get_response(request)


class ContentSecurityPolicyMiddleware:
    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Content-Security-Policy", POLICY)
        response.setdefault(
            "Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"
        )
        return response
