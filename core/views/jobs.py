"""Jobs: the list, one job, its progress as a fragment, and the request to stop it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from core.choices import JobState
from core.selectors import jobs as selectors
from core.services import jobs as services
from core.services import shards
from core.views.pages import page, page_of


def _then(request: HttpRequest) -> str:
    """Where the result opens, if the page that started the job said so; never outside this site."""
    address = request.GET.get("then", "")
    return address if url_has_allowed_host_and_scheme(address, allowed_hosts=None) else ""


@page
def job_list(request: HttpRequest) -> HttpResponse:
    services.look_after()
    state = request.GET.get("state", "")
    rows = selectors.job_rows(user=request.user, city=request.city or None, state=state)
    return render(
        request,
        "core/jobs.html",
        {"page": page_of(request, rows), "state": state, "states": JobState.choices},
    )


@page
def job_record(request: HttpRequest, ref: str) -> HttpResponse:
    services.look_after()
    job = get_object_or_404(selectors.jobs_visible_to(request.user), ref=ref)
    return render(request, "core/job.html", {"job": job, "pieces": shards.pieces_told(job)})


@page
def job_progress(request: HttpRequest, ref: str) -> HttpResponse:
    services.look_after()
    job = get_object_or_404(selectors.jobs_visible_to(request.user), ref=ref)
    no_worker = job.state == JobState.QUEUED and not selectors.worker_seen()
    told = {
        "job": job, "then": _then(request), "no_worker": no_worker, "pieces": shards.pieces_told(job),
        "with_stages": "stages" in request.GET,
    }  # fmt: skip
    response = render(request, "components/progress.html", told)
    if job.over:
        response["HX-Trigger"] = "jobs-changed"
    return response


@page
def jobs_running(request: HttpRequest) -> HttpResponse:
    return render(
        request, "components/jobs_running.html", {"running_jobs": selectors.running_count(request.user)}
    )


@require_POST
@page
def job_cancel(request: HttpRequest, ref: str) -> HttpResponse:
    job = get_object_or_404(selectors.jobs_visible_to(request.user), ref=ref)
    services.cancel(user=request.user, job=job)
    job.refresh_from_db()
    if request.htmx:
        return render(request, "components/progress.html", {"job": job, "then": _then(request)})
    return redirect("job", ref=ref)
