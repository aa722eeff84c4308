"""Every error of the API is problem+json (RFC 9457) with a stable code."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase, HttpResponsePermanentRedirect
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import set_rollback

from core.errors import DomainError, InvalidInput
from core.services.audit import request_id

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


def document(status: int, code: str, title: str, **extra: Any) -> dict[str, Any]:
    return {
        "type": f"/developers/#{code}",
        "status": status,
        "code": code,
        "title": title,
        "request_id": request_id.get(),
        **extra,
    }


def problem(status: int, code: str, title: str, **extra: Any) -> Response:
    return Response(document(status, code, title, **extra), status=status, content_type=MEDIA_TYPE)


def plain_problem(status: int, code: str, title: str, **extra: Any) -> JsonResponse:
    """For what never reaches the framework: unknown addresses, tiles."""
    return JsonResponse(
        document(status, code, title, **extra),
        status=status,
        content_type=MEDIA_TYPE,
        json_dumps_params={"ensure_ascii": False},
    )


def problem_handler(error: Exception, context: dict[str, Any]) -> Response:
    request = context.get("request")
    if request is not None:
        # Whatever form was asked for, a problem is JSON.
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    if isinstance(error, DomainError):
        set_rollback()
        extra = {"problems": [p.as_dict() for p in error.problems]} if isinstance(error, InvalidInput) else {}
        return problem(error.status, error.code, str(error.message), **error.extra, **extra)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        set_rollback()
        log.error("%s broke", getattr(request, "path", "the API"), exc_info=error)
        return problem(500, "internal", _("Something broke on our side; nothing was half-saved."))
    set_rollback()
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else "invalid"
    title = str(error.detail) if not isinstance(error.detail, dict | list) else str(error.default_detail)
    said: dict[str, Any] = {"errors": error.detail} if isinstance(error.detail, dict | list) else {}
    response = problem(error.status_code, code.replace("_", "-"), title, **said)
    if header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        response["Retry-After"] = str(int(wait))
    return response


@csrf_exempt
def nothing_here(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    """Under /api/: a missing slash is put right without losing the body; anything else is a problem."""
    if not request.path.endswith("/"):
        try:
            known = resolve(f"{request.path_info}/").func is not nothing_here
        except Resolver404:
            known = False
        if known:
            query = request.META.get("QUERY_STRING")
            response = HttpResponsePermanentRedirect(f"{request.path}/{'?' + query if query else ''}")
            response.status_code = 308
            return response
    return plain_problem(404, "not-found", _("There is nothing at this address."))
