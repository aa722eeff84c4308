"""Small lists of projects are read while one waits, large ones by a job; the same two acts behind both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.translation import gettext as _

from core.errors import DomainError
from core.models import City, Job
from core.services import jobs
from core.services.uploads import forget_upload, keep_upload
from facilities.models import ImportBatch
from projects.services import project_imports

KIND = "project_import"
UPLOADS = "projects"
# A list of a thousand rows has about so many bytes, and is read in a second or two.
AT_ONCE_BYTES = 250_000


def check_upload(*, user: Any, city: City, upload: Any, datum: str) -> ImportBatch | Job:
    """Keep a file and check it: the batch, or the job that will make it."""
    project_imports.demand(user, city)
    if Path(str(upload.name)).suffix.lower() not in (".xlsx", ".csv"):
        raise DomainError("format-unknown", _("A list of projects is read from XLSX or CSV."), status=422)
    if upload.size == 0:
        raise DomainError("file-empty", _("The file is empty."), status=422)
    path = keep_upload(upload, kind=UPLOADS, otherwise="projects.xlsx")
    if upload.size > AT_ONCE_BYTES:
        params = {
            "do": "check",
            "city": city.code,
            "path": str(path),
            "name": path.name,
            "datum": datum,
            "user": user.pk,
        }
        job, _made = jobs.submit(
            kind=KIND, user=user, city=city, params=params, queue="bulk", title=f"检查项目清单 {path.name}",
            title_en=f"Check the list of projects {path.name}",
        )  # fmt: skip
        return job
    try:
        return project_imports.check(user=user, city=city, path=path, file_name=path.name, datum=datum)
    except BaseException:
        forget_upload(path, kind=UPLOADS)
        raise


def take_over(*, user: Any, batch: ImportBatch) -> ImportBatch | Job:
    """Take a checked file over, at once or by a job. Twice is once: the second finds it taken over."""
    project_imports.demand(user, batch.city)
    path = Path(batch.mapping.get("path", "") or "/nowhere")
    if path.is_file() and path.stat().st_size > AT_ONCE_BYTES and batch.state == "checked":
        job, _made = jobs.submit(
            kind=KIND, user=user, city=batch.city, params={"do": "apply", "batch": batch.ref, "user": user.pk}, queue="bulk",
            title=f"采用项目清单 {batch.file_name}", title_en=f"Take over the list of projects {batch.file_name}",
        )  # fmt: skip
        return job
    return project_imports.apply(user=user, batch=batch)


@jobs.kind(KIND)
def _work(job: Job, progress: jobs.Progress) -> dict[str, Any]:
    said = job.params
    user = get_user_model().objects.get(pk=said["user"])
    progress(0.05, _("Reading the list"))
    if said["do"] == "apply":
        batch = project_imports.apply(user=user, batch=ImportBatch.objects.get(ref=said["batch"]))
    else:
        # A worker that died after writing has left its batch: the file lies in a folder of its own.
        found = ImportBatch.objects.filter(mapping__of="projects", mapping__path=said["path"]).first()
        batch = found or project_imports.check(
            user=user, city=City.objects.get(code=said["city"]), path=Path(said["path"]), file_name=said["name"],
            datum=said["datum"],
        )  # fmt: skip
    result = {"import": batch.ref, "state": batch.state, "rows": batch.rows, "errors": batch.errors}
    return {"result_url": reverse("project_import_record", args=[batch.ref]), "result": result}
