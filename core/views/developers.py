"""For people who write programs against the platform."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core.views.pages import page

PROBLEM_CODES = (
    "not-authenticated", "token-reads-only", "permission-denied", "forbidden", "not-found", "invalid", "invalid-input",
    "not-acceptable", "unknown-filter", "unknown-ordering", "if-match-needed", "changed-meanwhile", "idempotency-key-reused", "idempotency-key-in-use",
    "coordinates-out-of-range", "geometry-invalid", "job-over", "internal",
)  # fmt: skip


@page
def developers(request: HttpRequest) -> HttpResponse:
    return render(
        request,
        "core/developers.html",
        {
            "base": request.build_absolute_uri("/").rstrip("/"),
            "here": request.city or None,
            "problem_codes": PROBLEM_CODES,
        },
    )
