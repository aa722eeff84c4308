"""Files of a project: its dossier in both languages, dossiers of its cases, what was handed in, the evidence."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.models import Job
from core.views.pages import page
from projects.models import Case, Project
from projects.selectors import files
from projects.services import dossier
from projects.services.dossier import DossierFile
from projects.services.publications import PUBLISHABLE
from projects.views.project_tabs import project_tabs


@page
def project_files(request: HttpRequest, ref: str) -> HttpResponse:
    project = files.project_seen(request.user, ref)
    cases = files.cases_of(project)
    dossiers = [_dossier(request, project, None, cases)]
    dossiers += [_dossier(request, project, case, cases) for case in cases]
    return render(
        request, "projects/files.html",
        {
            "project": project, "tabs": project_tabs(project, "project_files"), "cases": cases, "dossiers": dossiers,
            "may_publish": policies.allows(request.user, "publication.publish", project) and project.state in PUBLISHABLE,
        },
    )  # fmt: skip


def _dossier(request: HttpRequest, project: Project, case: Case | None, cases: list[Case]) -> dict[str, Any]:
    """One row of files: each format with what stands for it in each language."""
    words = {"pdf": _("PDF, to print"), "docx": _("DOCX, to edit"), "xlsx": _("Workbook of its tables")}
    rows = []
    for form, label in words.items():
        sides = []
        for code, name in settings.LANGUAGES:
            job = dossier.newest_job(request.user, project, case, code) if form == "pdf" else None
            failed = job is not None and job.over and job.state != "done"
            sides.append({"code": code, "name": name, "job": job, "running": job is not None and not job.over, "failed": failed, "made": job is not None and bool(job.result.get("file"))})  # fmt: skip
        rows.append({"form": form, "label": label, "sides": sides})
    return {"case": case, "rows": rows}


@require_POST
@page
def project_dossier(request: HttpRequest, ref: str) -> HttpResponse:
    """The file at once, or back to the page that shows the job which makes it."""
    project = files.project_seen(request.user, ref)
    case = files.case_of(project, request.POST["case"]) if request.POST.get("case") else None
    found = dossier.ask_dossier(
        user=request.user, project=project, case=case, form=request.POST.get("format", ""), language=request.POST.get("language"),
    )  # fmt: skip
    if isinstance(found, Job):
        return redirect(f"{reverse('project_files', args=[ref])}#dossiers")
    return file_answer(found)


@page
def project_submission(request: HttpRequest, ref: str, case: str, number: int) -> HttpResponse:
    told = files.submission_document(request.user, ref, case, number)
    return json_answer(told, f"{case}-{number}.json")


@page
def project_evidence(request: HttpRequest, ref: str, pk: int) -> HttpResponse:
    told = files.evidence_document(request.user, ref, pk)
    return json_answer(told, f"{told['case']}-{told['round']}-{told['kind']}-{pk}.json")


def file_answer(found: DossierFile) -> HttpResponse:
    headers = {"Cache-Control": "private, no-store", "Content-Disposition": f'attachment; filename="{found.name}"'}  # fmt: skip
    return HttpResponse(found.content, content_type=found.content_type, headers=headers)


def json_answer(told: dict[str, Any], name: str) -> HttpResponse:
    headers = {"Cache-Control": "private, no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    text = json.dumps(told, ensure_ascii=False, indent=1)
    return HttpResponse(text, content_type="application/json; charset=utf-8", headers=headers)


urlpatterns: list[URLPattern] = [
    path("projects/<str:ref>/files/", project_files, name="project_files"),
    path("projects/<str:ref>/files/dossier/", project_dossier, name="project_dossier"),
    path("projects/<str:ref>/files/<str:case>/rounds/<int:number>.json", project_submission, name="project_submission"),
    path("projects/<str:ref>/files/evidence/<int:pk>.json", project_evidence, name="project_evidence"),
]  # fmt: skip
