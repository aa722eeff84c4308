"""Files of a plan's version: made at once where that takes moments, else by a job that keeps the file for two days.

A file holds what the person who asked may see; nobody else gets it, and not that person either once the rights changed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import JobState
from core.errors import DomainError
from core.models import Job, User
from core.services import jobs
from core.services.jobs import Progress
from planning.models import CellResult, PlanExplanation, PlanVersion
from planning.selectors.change_sets import pairs
from planning.services.plan_book import plan_book
from planning.services.plan_facts import PlanFacts, facts_of
from planning.services.plan_freeze import content_sha256
from planning.services.plan_layers import plan_geojson, plan_geopackage
from planning.services.plan_pdf import plan_pdf

EXPORT = "plan_export"
FORMATS = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "gpkg": "application/geopackage+sqlite3",
    "geojson": "application/geo+json",
    "pdf": "application/pdf",
}
KEPT = timedelta(days=2)
# Beyond so many rows a file takes more than a few seconds and becomes a job.
CELLS_AT_ONCE, ROWS_AT_ONCE = 20_000, 4_000
Tell = Callable[[float], None]


@dataclass(frozen=True)
class PlanFile:
    """`content` read as a whole: the largest, a GeoPackage of a million cells, has some hundred megabytes on disk and comes
    from storage as a stream (`kept`) instead."""

    name: str
    content_type: str
    content: bytes = b""
    kept: str = ""

    def open(self) -> Any:
        return storages["artefacts"].open(self.kept)


def check_asked(form: str, language: str | None) -> str:
    """The language of the file; raises DomainError for what there is not."""
    if form not in FORMATS:
        raise DomainError(
            "unknown-format",
            _("A plan can be written as %(known)s.") % {"known": ", ".join(FORMATS)},
            status=422,
        )
    wanted = language or get_language() or settings.LANGUAGE_CODE
    if wanted not in dict(settings.LANGUAGES):
        raise DomainError(
            "unknown-language",
            _("Files are written in %(known)s.") % {"known": ", ".join(dict(settings.LANGUAGES))},
            status=422,
        )
    return wanted


def takes_long(version: PlanVersion, form: str) -> bool:
    """Is it work for a job?"""
    if form == "pdf":
        return True
    if form == "gpkg":
        runs = [pair.before.pk for pair in pairs(version)]
        return CellResult.objects.filter(run__in=runs)[: CELLS_AT_ONCE + 1].count() > CELLS_AT_ONCE
    rejected = (
        PlanExplanation.objects.filter(version=version).values_list("rejected", flat=True).first() or []
    )
    return len(rejected) + version.interventions.count() > ROWS_AT_ONCE


def export_now(*, user: Any, version: PlanVersion, form: str, language: str | None = None) -> PlanFile:
    """The file, made here and now. `user` None: a command of this machine."""
    language = check_asked(form, language)
    facts = facts_of(version, user=user)
    with override(language), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"plan.{form}"
        _write(facts, form, path, lambda share: None)
        return PlanFile(file_name(version, form, language), FORMATS[form], path.read_bytes())


def file_name(version: PlanVersion, form: str, language: str) -> str:
    return f"{version.plan.ref}-{version.number}-{language}.{form}"


def _write(facts: PlanFacts, form: str, path: Path, tell: Tell) -> None:
    if form == "gpkg":
        plan_geopackage(facts, path, tell)
    elif form == "pdf":
        path.write_bytes(plan_pdf(facts, tell))
    else:
        path.write_bytes(plan_book(facts) if form == "xlsx" else plan_geojson(facts))


def ask_export(*, user: Any, version: PlanVersion, form: str, language: str | None = None) -> PlanFile | Job:
    """The file where it takes moments, or where it was made already and still tells what the version says; else the job
    that makes it. Asking again while it is made answers the same job."""
    language = check_asked(form, language)
    facts_of(version, user=user)  # rights, and whether there is anything to write
    if not takes_long(version, form):
        return export_now(user=user, version=version, form=form, language=language)
    done = _made(user, version, form, language)
    if done is not None:
        return done
    job, _created = jobs.submit(
        kind=EXPORT, user=user, city=version.plan.city, title=version.plan.name, title_en=version.plan.name_en,
        params={"version": version.pk, "format": form, "language": language, "user": user.pk}, queue="bulk" if form == "gpkg" else "interactive",
    )  # fmt: skip
    return job


@jobs.kind(EXPORT)
def export(job: Job, progress: Progress) -> dict[str, Any]:
    """Make the file and keep it. Safe to run twice: each attempt writes a file of its own."""
    asked = job.params
    version = PlanVersion.objects.select_related("plan__city", "frozen_by").get(pk=asked["version"])
    user = User.objects.get(pk=asked["user"])
    _forget_old()
    with override(asked["language"]), tempfile.TemporaryDirectory() as folder:
        words = str(_("Writing the file"))
        progress(0.05, words, at_once=True)
        facts = facts_of(version, user=user)
        path = Path(folder) / f"plan.{asked['format']}"
        _write(facts, asked["format"], path, lambda share: progress(0.05 + 0.9 * share, words))
        progress.check()
        name = f"exports/{job.ref}-{job.worker_token[-8:]}.{asked['format']}"
        with path.open("rb") as source:
            kept = storages["artefacts"].save(name, File(source))
    return {
        "result_url": f"/plans/{version.plan.ref}/exports/{job.ref}/",
        "result": {
            "plan": version.plan.ref, "version": version.number, "file": kept, "bytes": storages["artefacts"].size(kept),
            "content_sha256": facts.digest, "rights": _rights(user, version),
        },
    }  # fmt: skip


def _rights(user: Any, version: PlanVersion) -> list[str] | None:
    return policies.visible_paths(user, version.plan.city_id)


def exports_of(user: Any, version: PlanVersion) -> dict[tuple[str, str], Job]:
    """The newest job of the person for each (format, language) of the version."""
    rows = Job.objects.filter(kind=EXPORT, created_by=user, params__version=version.pk).order_by("id")
    return {(job.params["format"], job.params["language"]): job for job in rows}


def holds(job: Job, *, user: Any, version: PlanVersion, digest: str | None = None) -> bool:
    """Is the file of this job there, made of what the version says now, with the rights the person has now?"""
    told = job.result
    return (
        job.state == JobState.DONE
        and bool(told.get("file"))
        and told.get("content_sha256") == (digest or version.content_sha256 or content_sha256(version))
        and told.get("rights") == _rights(user, version)
        and storages["artefacts"].exists(told["file"])
    )


def _made(user: Any, version: PlanVersion, form: str, language: str) -> PlanFile | None:
    job = exports_of(user, version).get((form, language))
    if job is None or not holds(job, user=user, version=version):
        return None
    return PlanFile(file_name(version, form, language), FORMATS[form], kept=job.result["file"])


def kept_file(*, user: Any, version: PlanVersion, job_ref: str) -> PlanFile:
    """What a job has made, for the person who asked for it. Raises DomainError."""
    policies.demand(user, "view", version.plan.city)
    job = Job.objects.filter(kind=EXPORT, ref=job_ref, created_by=user, params__version=version.pk).first()
    if job is None:
        raise DomainError("not-found", _("There is no such file here for you."), status=404)
    if job.state != JobState.DONE or not job.result.get("file"):
        raise DomainError(
            "file-not-ready", _("The file is not ready, or it is no longer kept; ask for it again.")
        )
    if job.result.get("rights") != _rights(user, version):
        raise DomainError(
            "rights-changed",
            _("Your rights have changed since the file was made; ask for it again."),
            status=403,
        )
    if not storages["artefacts"].exists(job.result["file"]):
        raise DomainError(
            "file-not-ready", _("The file is not ready, or it is no longer kept; ask for it again.")
        )
    name = file_name(version, job.params["format"], job.params["language"])
    return PlanFile(name, FORMATS[job.params["format"]], kept=job.result["file"])


def version_of_job(job_ref: str) -> int | None:
    """The version (id) whose file a job makes."""
    found = Job.objects.filter(kind=EXPORT, ref=job_ref).values_list("params__version", flat=True).first()
    return found if isinstance(found, int) else None


def _forget_old() -> None:
    """Files that nobody came back for within two days go."""
    old = Job.objects.filter(kind=EXPORT, finished_at__lt=timezone.now() - KEPT, result__has_key="file")
    for job in old[:50]:
        storages["artefacts"].delete(job.result["file"])
        left = {key: value for key, value in job.result.items() if key != "file"}
        Job.objects.filter(pk=job.pk).update(result=left)
