"""Help pages that belong to no app."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core.selectors.glossary import terms
from core.views.pages import page


@page
def glossary(request: HttpRequest) -> HttpResponse:
    return render(request, "help/glossary.html", {"terms": terms()})


@page
def methods(request: HttpRequest) -> HttpResponse:
    return render(request, "help/methods.html")
