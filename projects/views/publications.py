"""Publication: the rule of what goes out, which projects, a look before, what went out; and the file for everybody."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import condition, require_POST, require_safe

from core import policies
from core.errors import DomainError
from core.views.pages import page, page_of
from projects.models import Publication
from projects.selectors import publications as seen
from projects.services import publications
from projects.services.publication_fields import BY_PATH, FIELDS, ILLUSTRATIVE_PREFIX
from projects.views.programme_tabs import programme_tabs

# How long a reader's cache may answer without asking; after that it asks whether anything changed.
FRESH_SECONDS = 300


@page
def publication_page(request: HttpRequest) -> HttpResponse:
    city = request.city
    if not city:
        return render(request, "planning/no_city.html")
    policies.demand(request.user, "view", city)
    rule = publications.current_rule(city)
    whole = policies.sees_whole_city(request.user, city.pk)
    found = publications.preview(user=request.user, city=city) if rule and whole else None
    return render(
        request, "projects/publication.html",
        {
            "rule": rule, "found": found, "fields": [BY_PATH[one] for one in rule.fields if one in BY_PATH] if rule else [],
            "page": page_of(request, seen.candidates(request.user, city, publications.PUBLISHABLE)), "history": seen.history(city)[:20],
            "tabs": programme_tabs("publication"), "illustrative": ILLUSTRATIVE_PREFIX, "address": f"/open/{city.code}/oc4ids.json", "whole": whole,
            "may_edit": policies.allows(request.user, "publication.edit", city),
            "may_mark": policies.holds(request.user, "publication.publish", city.pk),
            "may_publish": policies.allows(request.user, "publication.publish", city),
            "own_rule": rule is not None and rule.drafted_by_id == request.user.pk,
        },
    )  # fmt: skip


@page
def publication_preview(request: HttpRequest) -> HttpResponse:
    """The file as it would go out now, to read in the browser; or only one project of it."""
    if not request.city:
        return render(request, "planning/no_city.html")
    found = publications.preview(user=request.user, city=request.city)
    text = json.dumps(found.content, ensure_ascii=False, indent=1)
    return HttpResponse(text, content_type="application/json; charset=utf-8", headers={"Cache-Control": "private, no-store"})  # fmt: skip


@page
def publication_rule(request: HttpRequest) -> HttpResponse:
    """Draft the next version of the rule."""
    city = request.city
    policies.demand(request.user, "publication.edit", city)
    start = publications.proposed_rule(city)
    said: dict[str, Any] = {
        "prefix": start.prefix, "publisher": start.publisher, "licence": start.licence, "fields": start.fields
    }  # fmt: skip
    error = None
    if request.method == "POST":
        said = {name: request.POST.get(name, "") for name in ("prefix", "publisher", "licence")}
        said["fields"] = request.POST.getlist("fields")
        try:
            made = publications.draft_rule(user=request.user, city=city, **said)
            messages.success(
                request, _("Version %(number)s of the rule is in force.") % {"number": made.version}
            )
            return redirect("publication")
        except DomainError as refused:
            error = refused
    return render(
        request, "projects/publication_rule.html",
        {"said": said, "all_fields": FIELDS, "error": error, "next": start.version + 1, "illustrative": ILLUSTRATIVE_PREFIX},
        status=422 if error else 200,
    )  # fmt: skip


@require_POST
@page
def publication_mark(request: HttpRequest) -> HttpResponse:
    """Ask for projects to go out, or take them back."""
    published = request.POST.get("published") == "1"
    changed = publications.mark(
        user=request.user, city=request.city, refs=request.POST.getlist("ref"), published=published, reason=request.POST.get("reason", ""),
    )  # fmt: skip
    words = _("%(count)s projects are marked.") if published else _("%(count)s projects are taken back.")
    messages.success(request, words % {"count": len(changed)})
    return redirect("publication")


@require_POST
@page
def publication_publish(request: HttpRequest) -> HttpResponse:
    made = publications.publish(user=request.user, city=request.city, seen_sha256=request.POST.get("seen", ""))  # fmt: skip
    messages.success(request, _("Publication %(number)s is out.") % {"number": made.number})
    return redirect("publication")


@require_POST
@page
def publication_withdraw(request: HttpRequest) -> HttpResponse:
    publications.withdraw(user=request.user, city=request.city, reason=request.POST.get("reason", ""))
    messages.success(request, _("Nothing is public any more."))
    return redirect("publication")


# --- for everybody ---------------------------------------------------------------------------------


def _newest(request: HttpRequest, code: str) -> Publication | None:
    kept = getattr(request, "_publication", None)
    if kept is None:
        kept = request._publication = (seen.newest_public(code),)  # type: ignore[attr-defined]
    return kept[0]


def _etag(request: HttpRequest, code: str) -> str | None:
    found = _newest(request, code)
    return f'"{found.sha256}"' if found and found.projects else None


def _modified(request: HttpRequest, code: str) -> Any:
    found = _newest(request, code)
    return found.published_at if found and found.projects else None


@require_safe
@condition(etag_func=_etag, last_modified_func=_modified)
def open_file(request: HttpRequest, code: str) -> HttpResponse:
    """The newest publication of a city, without login. Only what was published: 404 where nothing ever was, 410 where it
    was taken back."""
    found = _newest(request, code)
    if found is None or not found.projects:
        status = 404 if found is None else 410
        title = (
            _("Nothing is published here.") if found is None else _("What was published here was taken back.")
        )
        answer = JsonResponse({"type": "about:blank", "title": title, "status": status}, status=status, content_type="application/problem+json")  # fmt: skip
        answer["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
        return answer
    headers = {
        "Cache-Control": f"public, max-age={FRESH_SECONDS}, must-revalidate", "Access-Control-Allow-Origin": "*",
        "Content-Disposition": f'inline; filename="oc4ids-{code}-{found.number}.json"', "X-Content-Type-Options": "nosniff",
        "Link": f'<{settings.SITE_URL}/open/{code}/oc4ids.json>; rel="canonical"',
    }  # fmt: skip
    return HttpResponse(publications.text_of(found.content), content_type="application/json; charset=utf-8", headers=headers)  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("publication/", publication_page, name="publication"),
    path("publication/rule/", publication_rule, name="publication_rule"),
    path("publication/preview.json", publication_preview, name="publication_preview"),
    path("publication/marks/", publication_mark, name="publication_mark"),
    path("publication/publish/", publication_publish, name="publication_publish"),
    path("publication/withdraw/", publication_withdraw, name="publication_withdraw"),
    path("open/<str:code>/oc4ids.json", open_file, name="open_file"),
]
