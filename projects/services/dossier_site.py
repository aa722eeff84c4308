"""What became of a project, for its dossier: works, photos, inspections, findings, alerts, handover, gap closed."""

from __future__ import annotations

import io
from typing import Any

from django.core.files.storage import default_storage
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from PIL import Image, ImageOps, UnidentifiedImageError

from core.templatetags.pingji import local_name
from projects.models import Photo, Project
from projects.services import dossier_parts as parts
from projects.services.dossier_content import (
    NUMBER,
    WHOLE,
    Column,
    Paragraph,
    Photographs,
    Span,
    Table,
    figure,
    hours_figure,
    pairs,
    percent_figure,
    t,
    when,
)
from projects.services.dossier_parts import Basis

MOST_PHOTOS = 6
PHOTO_PIXELS = 480


def page_of(project: Project, name: str) -> str:
    """The page of a project where a figure is kept."""
    try:
        return reverse(name, args=[project.ref])
    except NoReverseMatch:
        return reverse("project", args=[project.ref])


def works(basis: Basis, project: Project) -> list[Any]:
    source = basis.sources.cite(f"works:{project.ref}", _("Works on site"), page_of(project, "project_works"), ref=project.ref)  # fmt: skip
    points = tuple(
        (
            Span(str(one.number), value=one.number, kind=NUMBER), t(local_name(one)), when(one.planned_on), percent_figure(one.works_percent, source),
            when(one.reported_on), when(one.reached_on), t(parts.people(one.seen_by)),
        )
        for one in project.milestones.select_related("seen_by").order_by("number")
    )  # fmt: skip
    reports = tuple(
        (t(f"{one.month:%Y-%m}"), percent_figure(one.works_percent, source), t(one.text), t(parts.people(one.reported_by)), when(one.reported_at))
        for one in project.reports.select_related("reported_by").order_by("month")
    )  # fmt: skip
    visits = list(project.inspections.select_related("done_by").prefetch_related("findings").order_by("planned_on", "id"))  # fmt: skip
    inspections = tuple(
        (t(one.ref), when(one.planned_on), when(one.done_on), percent_figure(one.works_percent, source), t(parts.people(one.done_by)), t(one.note))
        for one in visits
    )  # fmt: skip
    findings = tuple(
        (t(row.ref), t(row.text), t(row.get_severity_display()), when(row.due_on), t(row.get_state_display()), t(row.rectification))
        for one in visits
        for row in sorted(one.findings.all(), key=lambda found: found.pk)
    )  # fmt: skip
    blocks: list[Any] = [
        Table(
            _("Milestones: planned, reported, seen"),
            (
                Column(_("No.")), Column(_("Milestone"), width=3), Column(pgettext("day", "Planned")), Column(_("Works done by then"), NUMBER),
                Column(_("Reported")), Column(_("Seen on site")), Column(_("Seen by")),
            ),
            points, _("Milestones"),
        ),
        Table(
            _("Monthly progress as reported"),
            (Column(_("Month")), Column(_("Works done"), NUMBER), Column(_("What was done"), width=4), Column(_("Who")), Column(_("When"))),
            reports, _("Progress"),
        ),
        Table(
            _("Inspections"),
            (
                Column(_("Inspection")), Column(pgettext("day", "Planned")), Column(_("Done")), Column(_("Works seen"), NUMBER), Column(_("Who")),
                Column(_("Note"), width=3),
            ),
            inspections, _("Inspections"),
        ),
        Table(
            _("Findings and what was done about them"),
            (
                Column(_("Finding")), Column(_("What was found"), width=3), Column(_("Severity")), Column(_("Due")), Column(_("State")),
                Column(_("What was done"), width=3),
            ),
            findings, _("Findings"),
        ),
    ]  # fmt: skip
    photos = photographs(project)
    return [*blocks, photos] if photos else blocks


def photographs(project: Project) -> Photographs | None:
    """The newest few, small, and without what the camera wrote into them."""
    found = []
    for one in Photo.objects.filter(project=project).order_by("-taken_at", "-id")[:MOST_PHOTOS]:
        small = _small(one)
        if small is not None:
            distance = f"{_(', ')}{_('%(metres)s m from the site') % {'metres': round(one.distance_m)}}" if one.distance_m is not None else ""  # fmt: skip
            found.append((small, f"{when(one.taken_at).text}{distance}{_(', ')}SHA-256 {one.sha256[:12]}"))
    return Photographs(tuple(found)) if found else None


def _small(photo: Photo) -> bytes | None:
    if not photo.file or not default_storage.exists(str(photo.file.name)):
        return None
    try:
        with photo.file.open("rb") as source:
            picture = ImageOps.exif_transpose(Image.open(source)).convert("RGB")
    except (UnidentifiedImageError, OSError):
        return None
    picture.thumbnail((PHOTO_PIXELS, PHOTO_PIXELS))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


def alerts(project: Project) -> Table:
    columns = (
        Column(_("Rule"), width=2), Column(_("Raised")), Column(_("State")), Column(_("Owner")), Column(_("Explanation"), width=3),
        Column(_("What was found"), width=3),
    )  # fmt: skip
    rows = tuple(
        (t(local_name(one.rule)), when(one.raised_on), t(one.get_state_display()), t(parts.people(one.owner)), t(one.explanation), t(one.closing_note))
        for one in project.alerts.select_related("rule", "owner").order_by("raised_on", "id")
    )  # fmt: skip
    return Table(_("What needed an explanation"), columns, rows, _("Alerts"))


# --- handover --------------------------------------------------------------------------------------


def handover(basis: Basis, project: Project) -> list[Any]:
    done = getattr(project, "commissioning", None)
    source = basis.sources.cite(
        f"handover:{project.ref}", _("Handover"), page_of(project, "project_handover"), ref=project.ref
    )
    blocks: list[Any] = []
    if done is None:
        blocks.append(Paragraph((t(_("Not handed over yet.")),)))
    else:
        rows = [
            (_("Units as built"), figure(done.built_units, source, basis.unit)),
            (_("Conversion as tried"), hours_figure(done.conversion_hours, source)),
            (_("Conversion check passed"), t(_("yes") if done.check_passed else _("no"))),
            (_("Checked"), t(f"{when(done.checked_on).text}{_(', ')}{parts.people(done.checked_by)}" if done.checked_on else "")),
            (_("Accepted"), t(f"{when(done.accepted_at).text}{_(', ')}{parts.people(done.accepted_by)}" if done.accepted_at else "")),
            (_("Facility in the registry"), t(done.facility.ref, href=f"/facilities/{done.facility.ref}/") if done.facility else t("")),
        ]  # fmt: skip
        blocks.append(pairs(_("As built and as tried"), rows, _("Handover")))
    realised = tuple(_realised_row(basis, project, one, source) for one in project.realised.select_related("run__snapshot").order_by("computed_at", "id"))  # fmt: skip
    columns = (
        Column(_("Run")), Column(_("Computed")), Column(_("Promised"), WHOLE), Column(_("Served without it"), WHOLE),
        Column(_("Served with it"), WHOLE), Column(_("Gap closed"), WHOLE),
    )  # fmt: skip
    blocks.append(Table(_("Gap closed: promised and realised"), columns, realised, _("Realised")))
    return blocks


def _realised_row(basis: Basis, project: Project, one: Any, source: int) -> tuple[Span, ...]:
    run = one.run
    cited = basis.sources.cite(
        f"run:{run.ref}", _("Run"), f"/runs/{run.ref}/", ref=run.ref, sha256=run.snapshot.sha256 if run.snapshot else "",
        engine=run.engine_version,
    )  # fmt: skip
    return (
        t(run.ref, href=f"/runs/{run.ref}/"), when(timezone.localdate(one.computed_at)), figure(one.promised_units, source, basis.unit),
        figure(one.served_without_units, cited, basis.unit), figure(one.served_with_units, cited, basis.unit),
        figure(one.served_with_units - one.served_without_units, cited, basis.unit),
    )  # fmt: skip
