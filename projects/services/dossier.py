"""The dossier of a project or of one case, asked for as a file: at once, or by a job where it is laid out (PDF).

A file says what the reader may see: names of places outside the reader's areas stay out. Nobody else gets it, and not that
person either once the rights changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from core import policies
from core.choices import JobState
from core.errors import DomainError
from core.models import Job, User
from core.services import jobs
from core.services.jobs import Progress
from projects.models import Case, Project
from projects.services.dossier_case import case_dossier
from projects.services.dossier_content import Dossier
from projects.services.dossier_files import dossier_docx, dossier_pdf, dossier_xlsx
from projects.services.dossier_project import project_dossier

DOSSIER = "project_dossier"
FORMATS = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
KEPT = timedelta(days=2)


@dataclass(frozen=True)
class DossierFile:
    name: str
    content_type: str
    content: bytes
    sha256: str


def check_asked(form: str, language: str | None) -> str:
    """The language of the file; raises DomainError for what there is not."""
    if form not in FORMATS:
        raise DomainError(
            "unknown-format",
            _("A dossier can be written as %(known)s.") % {"known": ", ".join(FORMATS)},
            status=422,
        )
    wanted = (language or get_language() or settings.LANGUAGE_CODE).lower()
    if wanted not in dict(settings.LANGUAGES):
        raise DomainError(
            "unknown-language",
            _("Files are written in %(known)s.") % {"known": ", ".join(dict(settings.LANGUAGES))},
            status=422,
        )
    return wanted


def content_of(*, user: Any, project: Project, case: Case | None = None, language: str | None = None) -> Dossier:  # fmt: skip
    """What the dossier says, in the language asked for. `user` None: a command of this machine."""
    wanted = check_asked("pdf", language)
    if user is not None:
        policies.demand(user, "view", project)
    if case is not None and not case.submissions.exists():
        raise DomainError("no-submission", _("Nothing was handed in with this case."), status=404)
    with override(wanted):
        if case is not None:
            return case_dossier(case, user=user, language=wanted)
        return project_dossier(project, user=user, language=wanted)


def dossier_now(
    *, user: Any, project: Project, case: Case | None = None, form: str, language: str | None = None
) -> DossierFile:
    """The file, made here and now."""
    wanted = check_asked(form, language)
    told = content_of(user=user, project=project, case=case, language=wanted)
    return _written(told, form)


def _written(told: Dossier, form: str) -> DossierFile:
    write = {"pdf": dossier_pdf, "docx": dossier_docx, "xlsx": dossier_xlsx}[form]
    with override(told.language):
        content = write(told)
    return DossierFile(f"{told.ref}-{told.language}.{form}", FORMATS[form], content, told.sha256)


def ask_dossier(
    *, user: Any, project: Project, case: Case | None = None, form: str, language: str | None = None
) -> DossierFile | Job:
    """The file; of a PDF the one that was made and still says what the project says now, else the job that makes it.
    Asking again while it is made answers the same job."""
    wanted = check_asked(form, language)
    told = content_of(user=user, project=project, case=case, language=wanted)
    if form != "pdf":
        return _written(told, form)
    made = newest_job(user, project, case, wanted)
    if made is not None and holds(made, user=user, project=project, sha256=told.sha256):
        return _kept(made)
    job, _created = jobs.submit(
        kind=DOSSIER, user=user, city=project.city, title=project.name, title_en=project.name_en,
        params={"project": project.pk, "case": case.pk if case else None, "language": wanted, "user": user.pk}, queue="interactive",
    )  # fmt: skip
    return job


@jobs.kind(DOSSIER)
def make_dossier(job: Job, progress: Progress) -> dict[str, Any]:
    """Lay the PDF out and keep it. Safe to run twice: each attempt writes a file of its own."""
    asked = job.params
    project = Project.objects.select_related("city", "service", "area", "facility", "idle_asset").get(pk=asked["project"])  # fmt: skip
    case = project.cases.select_related("route", "tranche").get(pk=asked["case"]) if asked["case"] else None
    user = User.objects.get(pk=asked["user"])
    _forget_old()
    words = str(_("Writing the file"))
    progress(0.05, words, at_once=True)
    told = content_of(user=user, project=project, case=case, language=asked["language"])
    progress(0.2, words)
    with override(asked["language"]):
        content = dossier_pdf(told, lambda share: progress(0.2 + 0.7 * share, words))
    progress.check()
    name = f"exports/{job.ref}-{job.worker_token[-8:]}.pdf"
    kept = storages["artefacts"].save(name, ContentFile(content))
    return {
        "result_url": f"/projects/{project.ref}/files/#dossiers",
        "result": {
            "project": project.ref, "dossier": told.ref, "file": kept, "bytes": len(content), "content_sha256": told.sha256,
            "rights": policies.visible_paths(user, project.city_id),
        },
    }  # fmt: skip


def newest_job(user: Any, project: Project, case: Case | None, language: str) -> Job | None:
    return (
        Job.objects.filter(
            kind=DOSSIER, created_by=user, params__project=project.pk, params__case=case.pk if case else None, params__language=language,
        ).order_by("-id").first()
    )  # fmt: skip


def holds(job: Job, *, user: Any, project: Project, sha256: str) -> bool:
    """Is the file of this job there, made of what the dossier says now, with the rights the person has now?"""
    told = job.result
    return (
        job.state == JobState.DONE and bool(told.get("file")) and told.get("content_sha256") == sha256
        and told.get("rights") == policies.visible_paths(user, project.city_id) and storages["artefacts"].exists(told["file"])
    )  # fmt: skip


def _kept(job: Job) -> DossierFile:
    with storages["artefacts"].open(job.result["file"]) as source:
        content = source.read()
    name = f"{job.result['dossier']}-{job.params['language']}.pdf"
    return DossierFile(name, FORMATS["pdf"], content, job.result["content_sha256"])


def _forget_old() -> None:
    """Files that nobody came back for within two days go."""
    old = Job.objects.filter(kind=DOSSIER, finished_at__lt=timezone.now() - KEPT, result__has_key="file")
    for job in old[:50]:
        storages["artefacts"].delete(job.result["file"])
        left = {key: value for key, value in job.result.items() if key != "file"}
        Job.objects.filter(pk=job.pk).update(result=left)
