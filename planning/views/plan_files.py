"""Files and record of a plan's version: downloads, what was frozen by whom with its hash, and the history of versions."""

from typing import Any

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.models import Job
from core.views.pages import page
from planning.choices import VersionState
from planning.models import PlanVersion
from planning.selectors.plan_history import version_history
from planning.services import plan_export
from planning.services.plan_export import PlanFile
from planning.services.plan_freeze import content_sha256
from planning.views.plan_pages import version_asked, version_context


@page
def plan_files(request: HttpRequest, ref: str) -> HttpResponse:
    version = version_asked(request, ref, computed=False)
    context = version_context(request, version, "plan_files")
    digest = content_sha256(version) if context["ready"] else ""
    context |= {
        "always": True, "digest": digest, "frozen": version.state == VersionState.FROZEN,
        "holds": version.content_sha256 == digest if version.content_sha256 else None,
        "history": version_history(version.plan, user=request.user),
        "files": _files(request, version, digest) if context["ready"] else [],
        "api": f"/api/v1/plans/{ref}/versions/{version.number}/export/",
    }  # fmt: skip
    return render(request, "planning/plan_files.html", context)


def _files(request: HttpRequest, version: PlanVersion, digest: str) -> list[dict[str, Any]]:
    """Each format with what stands for it in each language: a file to take, a job that makes one, or a button."""
    words = {
        "xlsx": (_("Workbook"), _("T7 siting scheme with alternatives, T8 project list, T9 annual plan, areas, money, prices, T13")),
        "pdf": (_("Document to print"), _("A4 with maps: figures, question, change-set, areas, money, proof, assumptions")),
        "gpkg": (_("GeoPackage"), _("interventions, candidates not chosen, areas and cells before and with the plan; CGCS2000 (EPSG:4490)")),
        "geojson": (_("GeoJSON"), _("interventions and candidates not chosen; WGS-84 (EPSG:4326)")),
    }  # fmt: skip
    made = plan_export.exports_of(request.user, version)
    found = []
    for form, (label, what) in words.items():
        long = plan_export.takes_long(version, form)
        sides = []
        for code, name in settings.LANGUAGES:
            job = made.get((form, code)) if long else None
            ready = job is not None and plan_export.holds(
                job, user=request.user, version=version, digest=digest
            )
            sides.append(
                {
                    "code": code, "name": name, "job": job, "ready": ready, "running": job is not None and not job.over,
                    "failed": job is not None and job.over and job.state != "done", "long": long,
                    "bytes": job.result.get("bytes") if job is not None and ready else None,
                }
            )  # fmt: skip
        found.append({"form": form, "label": label, "what": what, "sides": sides})
    return found


@require_POST
@page
def plan_export_new(request: HttpRequest, ref: str) -> HttpResponseBase:
    """The file at once, or back to the page that shows the job which makes it."""
    version = version_asked(request, ref)
    found = plan_export.ask_export(
        user=request.user, version=version, form=request.POST.get("format", ""), language=request.POST.get("language") or get_language(),
    )  # fmt: skip
    if isinstance(found, Job):
        return redirect(f"{reverse('plan_files', args=[ref])}?version={version.number}#files")
    return file_answer(found)


@page
def plan_export_file(request: HttpRequest, ref: str, job_ref: str) -> HttpResponseBase:
    """What a job has made."""
    pk = plan_export.version_of_job(job_ref)
    number = PlanVersion.objects.filter(pk=pk, plan__ref=ref).values_list("number", flat=True).first()
    if number is None:
        raise Http404
    request.GET = request.GET.copy()
    request.GET["version"] = str(number)
    version = version_asked(request, ref)
    return file_answer(plan_export.kept_file(user=request.user, version=version, job_ref=job_ref))


def file_answer(found: PlanFile) -> HttpResponseBase:
    """A download; a kept file as a stream."""
    headers = {"Cache-Control": "private, no-store"}
    if found.kept:
        return FileResponse(
            found.open(),
            as_attachment=True,
            filename=found.name,
            content_type=found.content_type,
            headers=headers,
        )
    headers["Content-Disposition"] = f'attachment; filename="{found.name}"'
    return HttpResponse(found.content, content_type=found.content_type, headers=headers)


urlpatterns: list[URLPattern] = [
    path("plans/<str:ref>/files/", plan_files, name="plan_files"),
    path("plans/<str:ref>/exports/", plan_export_new, name="plan_export"),
    path("plans/<str:ref>/exports/<str:job_ref>/", plan_export_file, name="plan_export_file"),
]
