"""The audit, for auditors and administrators."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from core import policies
from core.choices import JobState
from core.filters import AuditFilter
from core.models import Job
from core.selectors.people import audit_visible_to
from core.services import audit_chain, audit_checks
from core.views.pages import page, page_of


@page
def audit_list(request: HttpRequest) -> HttpResponse:
    policies.demand(request.user, "audit.view")
    filters = AuditFilter(request.GET, queryset=audit_visible_to(request.user), request=request)
    rows = filters.rows()
    check = audit_checks.newest_check()
    running = Job.objects.filter(
        kind="core.check_audit", state__in=[JobState.QUEUED, JobState.RUNNING], created_by=request.user
    ).first()
    context = {
        "page": page_of(request, rows, 50), "filters": filters, "check": check, "running": running,
        "words": audit_chain.words(check) if check else "",
    }  # fmt: skip
    return render(request, "core/audit.html", context)


@require_POST
@page
def audit_check(request: HttpRequest) -> HttpResponse:
    audit_checks.ask_for_check(user=request.user)
    return redirect("audit")
