"""Search over everything: a page, and the same list as a fragment."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from core.selectors.search import search
from core.views.pages import page


@page
def search_page(request: HttpRequest) -> HttpResponse:
    """One hit that is called exactly so opens at once (Enter in the search field)."""
    query = request.GET.get("q", "").strip()[:200]
    found = search(user=request.user, city=request.city or None, query=query)
    hits = [hit for each in found for hit in each.hits]
    exact = [hit for hit in hits if hit.ref and hit.ref.lower() == query.lower()]
    if len(exact) == 1 and not request.htmx:
        return redirect(exact[0].url)
    template = "core/parts/hits.html" if request.htmx else "core/search.html"
    return render(request, template, {"query": query, "found": found, "total": len(hits)})
