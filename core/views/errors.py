"""Errors that no view answered: pages for people, problem documents for programs."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader
from django.utils.translation import gettext as _

from core.api.problems import plain_problem

FOR_PROGRAMS = ("/api/", "/tiles/")


def _for_program(request: HttpRequest) -> bool:
    return request.path.startswith(FOR_PROGRAMS)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if _for_program(request):
        return plain_problem(404, "not-found", _("There is nothing at this address."))
    return render(request, "404.html", status=404)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if _for_program(request):
        return plain_problem(403, "permission-denied", _("Your roles do not allow this here."))
    return render(request, "403.html", status=403)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if _for_program(request):
        return plain_problem(400, "invalid", _("The request cannot be read."))
    return render(request, "core/sorry.html", {"title": _("The request cannot be read")}, status=400)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that lay open longer than its session."""
    if _for_program(request):
        return plain_problem(403, "csrf-failed", _("The request lacks the token of the page it came from."))
    title = _("This page was open too long")
    words = _("Nothing was saved. Open the page again, fill in the form and send it.")
    return render(request, "core/sorry.html", {"title": title, "words": words}, status=403)


def broken(request: HttpRequest) -> HttpResponse:
    if _for_program(request):
        return plain_problem(500, "internal", _("Something broke on our side; nothing was half-saved."))
    # No context processors: what broke may be one of them.
    return HttpResponse(loader.get_template("500.html").template.render(_empty()), status=500)


def _empty() -> object:
    from django.template import Context

    return Context({})
