"""What every page view shares: a signed-in person, and refusals said in words."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core.errors import DomainError, Forbidden, InvalidInput

View = Callable[..., HttpResponse]


def page(view: View) -> View:
    """Ask for a login; turn a DomainError into a page (or a fragment for htmx) with its own words and status."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Forbidden as error:
            return render(request, "403.html", {"reason": error.message}, status=403)
        except DomainError as error:
            problems = error.problems if isinstance(error, InvalidInput) else []
            template = "components/refusal.html" if getattr(request, "htmx", False) else "refused.html"
            # htmx swaps only successful answers, and the words must reach the reader
            status = 200 if getattr(request, "htmx", False) else error.status
            return render(request, template, {"error": error, "problems": problems}, status=status)

    return login_required(guarded)


def page_of(request: HttpRequest, rows: Any, size: int = 25) -> Page:
    """The asked-for page of `rows`; a number out of range answers the nearest page."""
    return Paginator(rows, size).get_page(request.GET.get("page"))
