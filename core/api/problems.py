"""Every error of the API is problem+json (RFC 9457) with a stable code."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from core.errors import DomainError, InvalidInput


def problem(status: int, code: str, title: str, **extra: Any) -> Response:
    body = {"type": f"/help/errors/#{code}", "status": status, "code": code, "title": title, **extra}
    return Response(body, status=status, content_type="application/problem+json")


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, DomainError):
        set_rollback()
        extra = {"problems": [p.as_dict() for p in error.problems]} if isinstance(error, InvalidInput) else {}
        return problem(error.status, error.code, str(error.message), **error.extra, **extra)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    code = error.get_codes() if isinstance(error.get_codes(), str) else "invalid"
    title = str(error.detail) if not isinstance(error.detail, dict | list) else str(error.default_detail)
    extra = {"errors": error.detail} if isinstance(error.detail, dict | list) else {}
    response = problem(error.status_code, code.replace("_", "-"), title, **extra)
    if header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        response["Retry-After"] = str(int(wait))
    return response


def not_found(request: Any, exception: Any = None) -> JsonResponse:
    return JsonResponse(
        {"type": "/help/errors/#not-found", "status": 404, "code": "not-found", "title": "Not found"},
        status=404, content_type="application/problem+json",
    )  # fmt: skip
