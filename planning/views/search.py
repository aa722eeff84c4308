"""The search in the bar."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from core.views.pages import page
from planning.selectors.search import hits


@page
def search_page(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    words = request.GET.get("q", "").strip()
    found = hits(user=request.user, city=request.city, words=words)
    if len(found) == 1 and found[0].ref.lower() == words.lower():
        return redirect(found[0].href)
    return render(request, "planning/search.html", {"words": words, "hits": found})
