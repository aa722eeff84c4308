"""What waits for a person."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from core.templatetags.pingji import local_name
from core.views.pages import page, page_of
from projects.selectors.inbox import Facet, inbox


@page
def inbox_page(request: HttpRequest) -> HttpResponse:
    found = inbox(request.user, request.city, request.GET.dict())
    groups = [
        _group(request, _("What to do"), "kind", found.kinds, found.chosen),
        _group(request, _("Due"), "due", found.dues, found.chosen),
        _group(request, _("Area"), "area", found.areas, found.chosen),
    ]
    return render(
        request,
        "projects/inbox.html",
        {"inbox": found, "groups": groups, "page": page_of(request, found.rows, 50)},
    )


def _group(
    request: HttpRequest, label: str, key: str, facets: list[Facet], chosen: dict[str, str]
) -> dict[str, Any]:
    """A filter as links: each keeps the other filters, the chosen one takes itself away."""
    rows = []
    for one in facets:
        query = request.GET.copy()
        query.pop("page", None)
        current = chosen.get(key) == one.value
        if current:
            query.pop(key, None)
        else:
            query[key] = one.value
        rows.append(
            {
                "label": local_name(one),
                "count": one.count,
                "current": current,
                "href": f"?{query.urlencode()}",
            }
        )
    return {"label": label, "facets": rows}
