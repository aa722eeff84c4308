"""Bring a city a hazard layer from one file of polygons or one raster: check everything, then write all of it or nothing.

Options are the keys of a [[hazards]] layer of a city pack (docs/city-pack.md), so a file that loads here loads the same
way in a pack. A check (`dry_run`) reads and counts all, and tells every problem at once; the file is kept, so that what
was checked can be applied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import policies
from core.errors import DomainError, InvalidInput, Problem
from core.models import City, Job, User
from core.services import audit, jobs, uploads
from core.services.jobs import Progress
from facilities.importers.problems import WARNING, Problems
from facilities.services.imports import box_of, file_sha256
from planning.importers.hazards import ZoneRows, read_hazard
from planning.importers.packs import layer_of
from planning.models import HazardLayer
from planning.selectors.hazards import people_inside
from planning.services.hazards import keep_used_classes, write_layer
from planning.services.network_imports import in_words

KIND, FOLDER = "import_hazard", "hazards"
OPTIONS = (
    "hazard", "title", "title_en", "return_period_years", "source", "licence", "certainty", "unit", "datum", "columns",
    "severity", "cut_offs", "band", "nodata", "simplify_m", "encoding", "layer", "synthetic",
)  # fmt: skip
REFUSED = gettext_lazy("The hazard layer was not imported. Correct what is listed and try again.")


@dataclass
class HazardImport:
    """What an import did, or with a dry run would do. `layer` is None for a dry run; `replaces`: there is a layer of
    this code already; `problems`: everything that stands against it, only of a dry run."""

    city: City
    code: str
    layer: HazardLayer | None
    facts: dict[str, Any]
    warnings: list[Problem]
    problems: list[Problem]
    replaces: bool = False

    def as_dict(self) -> dict[str, Any]:
        return {
            "city": self.city.code,
            "code": self.code,
            "id": self.layer.pk if self.layer else None,
            "replaces": self.replaces,
            "facts": self.facts,
            "warnings": [warning.as_dict() for warning in self.warnings],
            "problems": [problem.as_dict() for problem in self.problems],
        }


def import_upload(
    *,
    user: Any,
    city: City,
    code: str,
    upload: Any,
    options: Mapping[str, Any] | None = None,
    dry_run: bool = False,
) -> Job:
    """Queue the import, or with `dry_run` the check, of a file that somebody sends. Refuses unknown options at once."""
    policies.demand(user, "hazard.import", city)
    chosen = checked_options(code, options or {})
    path = uploads.keep_upload(upload, kind=FOLDER, otherwise="hazard")
    return _queue(user, city, code, path, chosen, dry_run)


def _queue(user: Any, city: City, code: str, path: Path, options: dict[str, Any], dry_run: bool) -> Job:
    name = path.name
    with transaction.atomic():
        title = (
            _("Check the hazard layer in %(file)s") if dry_run else _("Import a hazard layer from %(file)s")
        )
        job, created = jobs.submit(
            kind=KIND, user=user, city=city, title=title % {"file": name},
            title_en=f"{'Check the' if dry_run else 'Import a'} hazard layer {'in' if dry_run else 'from'} {name}",
            queue="analysis",
            params={
                "path": str(path), "code": code, "options": options, "sha256": file_sha256(path), "dry_run": dry_run,
                "user": getattr(user, "pk", None),
            },
        )  # fmt: skip
        if created and not dry_run:
            after = {"job": job.ref, "file": name, "code": code}
            audit.record(user=user, act="hazard.request", subject=city, ref=code, after=after)
    return job


def apply_checked(*, user: Any, job: Job) -> Job:
    """Queue the import of the file that `job` has checked, with the same options."""
    policies.demand(user, "hazard.import", job.city)
    params = job.params
    if job.kind != KIND or job.state != "done" or (job.result or {}).get("problems"):
        raise DomainError("not-checked", _("The file has not passed its check."), status=409)
    if not Path(params["path"]).is_file():
        text = _("The checked file is gone: it was imported, or it was kept for too long. Choose it again.")
        raise DomainError("upload-gone", text, status=409)
    assert job.city is not None
    return _queue(user, job.city, params["code"], Path(params["path"]), params["options"], dry_run=False)


@jobs.kind(KIND)
def perform_import(job: Job, progress: Progress) -> dict[str, Any]:
    """Check or import the job's file. Safe to run twice: the ground is replaced as a whole."""
    params = job.params
    assert job.city is not None
    path = Path(params["path"])
    try:
        done = import_now(
            user=User.objects.filter(pk=params["user"]).first() if params["user"] else None, city=job.city,
            code=params["code"], path=path, options=params["options"], dry_run=params["dry_run"], say=progress,
            hold=progress.hold,
        )  # fmt: skip
    except InvalidInput as refused:
        raise DomainError("hazard-refused", in_words(refused), status=422) from None
    if params["dry_run"]:
        return {"result_url": f"/hazards/import/{job.ref}/?city={job.city.code}", "result": done.as_dict()}
    uploads.forget_upload(path, kind=FOLDER)
    if done.layer is not None:
        progress(0.9, _("Counting people inside"))
        # kept for the pages: whoever opens the layer next does not wait
        people_inside(None, done.layer)
    return {"result_url": f"/hazards/{done.code}/?city={job.city.code}", "result": done.as_dict()}


@jobs.after(KIND)
def forget_after(job: Job) -> None:
    """An upload whose check or import was stopped is of no more use."""
    uploads.forget_upload(job.params["path"], kind=FOLDER)


def import_now(
    *, user: Any, city: City, code: str, path: str | Path, options: Mapping[str, Any] | None = None,
    dry_run: bool = False, say: Callable[[float, str], None] | None = None, hold: Callable[[], None] | None = None,
) -> HazardImport:  # fmt: skip
    """Import a file in this process. Raises InvalidInput with every problem; a dry run tells them in its answer instead.
    `user` None: this machine."""
    if user is not None:
        policies.demand(user, "hazard.import", city)
    chosen, tell = checked_options(code, options or {}), say or (lambda _share, _words: None)
    path, problems = Path(path), Problems()
    tell(0.05, _("Reading the file"))
    declared = layer_of(
        "hazards", 1, {**chosen, "name": code, "path": str(path)}, Path("/"), path.name, problems
    )
    declared.source = declared.source or path.name
    rows = read_hazard(declared, problems, box_of(city))
    before = HazardLayer.objects.filter(city=city, code=code).first()
    if before is not None:
        _check_replacement(before, rows, str(chosen.get("hazard", "")), path.name, problems)
    if dry_run:
        facts = rows.facts if rows else {}
        errors = [one for one in problems if one.level != WARNING]
        return HazardImport(city, code, None, facts, problems.of(WARNING), errors, before is not None)
    problems.raise_if_any(REFUSED)
    assert rows is not None
    tell(0.6, _("Writing the zones"))
    with transaction.atomic():
        if hold is not None:
            hold()
        layer = write_layer(city=city, rows=rows, declared=declared, record=None, user=user)
        after = {
            "file": path.name, "sha256": layer.facts["sha256"], "zones": len(rows.shape),
            "classes": [row["klass"] for row in rows.facts["classes"]],
        }  # fmt: skip
        was = (
            {"sha256": before.facts.get("sha256", ""), "file": before.facts.get("file", "")}
            if before
            else None
        )
        audit.record(user=user, act="hazard.import", subject=layer, ref=layer.code, before=was, after=after)
    return HazardImport(city, code, layer, layer.facts, problems.of(WARNING), [], before is not None)


def _check_replacement(
    before: HazardLayer, rows: ZoneRows | None, hazard: str, label: str, problems: Problems
) -> None:
    if hazard and hazard != before.hazard:
        text = gettext_lazy(
            'The layer "%(cell)s" is of another hazard (%(was)s). Take another code for the new one.'
        )
        problems.add(
            "hazard_differs",
            text,
            file=label,
            column="hazard",
            cell=before.code,
            was=before.get_hazard_display(),
        )
    if rows is not None:
        keep_used_classes(before, problems, label=label, classes=set(rows.klass.tolist()))


def checked_options(code: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without empty ones. Raises InvalidInput naming every one that is not known, and a bad code."""
    said = {name: value for name, value in options.items() if value not in (None, "", {}, [])}
    text = _("The key is not known. Known: %(known)s.") % {"known": ", ".join(OPTIONS)}
    problems = [Problem("key_unknown", text, column=name) for name in said if name not in OPTIONS]
    # "import" is the address of the import page
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", code) or code == "import":
        words = _('A code has up to 40 letters, digits, hyphens and underscores, and is not "import".')
        problems.append(Problem("code_invalid", words, column="code", value=code))
    for name, kinds in (("columns", Mapping), ("severity", Mapping), ("cut_offs", list)):
        if name in said and not isinstance(said[name], kinds):
            words = _("Write classes as a list.") if kinds is list else _("Write columns as field = column.")
            problems.append(Problem("choice_unknown", words, column=name))
    if problems:
        raise InvalidInput(_("These options are not known."), problems)
    return said
