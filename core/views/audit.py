"""The audit, for auditors and administrators."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core import policies
from core.filters import AuditFilter
from core.selectors.people import audit_visible_to
from core.views.pages import page, page_of


@page
def audit_list(request: HttpRequest) -> HttpResponse:
    policies.demand(request.user, "audit.view")
    filters = AuditFilter(request.GET, queryset=audit_visible_to(request.user), request=request)
    rows = filters.rows()
    return render(request, "core/audit.html", {"page": page_of(request, rows, 50), "filters": filters})
