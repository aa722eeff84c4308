"""Photos of the works: kept byte for byte, judged by place, time and likeness, never refused for what is found.

The distance is on the spheroid (PostGIS geography). Two pictures are alike when their perceptual hashes differ in few of
64 bits; they are compared with every photo of every project. What was found is written with the photo and stays.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError, Forbidden
from core.services import audit
from engine.crs import great_circle_m, to_wgs84
from projects.models import Finding, Inspection, Milestone, Photo, ProgressReport, Project, Rectification
from projects.selectors.works import has_looked, has_reported, month_after
from projects.selectors.works_rules import Limits
from projects.services import events, works_rules
from projects.services.pictures import Picture, read_all, soon

# Most earlier pictures that are named with one that was sent again.
_MOST_NAMED = 3


def add(
    *,
    user: Any,
    project: Project,
    uploads: Sequence[Any],
    report: ProgressReport | None = None,
    inspection: Inspection | None = None,
    finding: Finding | None = None,
    milestone: Milestone | None = None,
) -> list[Photo]:
    """Photos that come after the report or inspection they belong to. Those of an inspection are its inspectors'."""
    looking = inspection is not None
    policies.demand(user, "works.inspect" if looking else "works.report", project)
    if (has_reported if looking else has_looked)(project, user):
        raise Forbidden(
            _("You stand on the other side of this project: one side reports, the other looks."), "two-sides"
        )
    if project.started_on is None:
        raise DomainError("works-not-begun", _("The works have not begun, or are over."))
    pictures = read_all(uploads)
    with transaction.atomic():
        made = keep(
            user=user, project=project, pictures=pictures, report=report, inspection=inspection, finding=finding,
            milestone=milestone,
        )  # fmt: skip
        audit.record(
            user=user,
            act="works.photos",
            subject=project,
            ref=project.ref,
            after={"photos": [{"sha256": one.sha256, "problems": one.problems} for one in made]},
        )
        if made and not looking:
            events.tell(
                project=project, kind="works.reported", ref=project.ref,
                payload={"month": f"{report.month:%Y-%m}" if report else None, "photos": len(made)},
            )  # fmt: skip
    return made


def keep(
    *,
    user: Any,
    project: Project,
    pictures: Sequence[Picture],
    report: ProgressReport | None = None,
    inspection: Inspection | None = None,
    finding: Finding | None = None,
    rectification: Rectification | None = None,
    milestone: Milestone | None = None,
) -> list[Photo]:
    """Judge and store pictures inside the caller's transaction. One that is there already is not stored twice."""
    if not pictures:
        return []
    limits = works_rules.current()
    with connection.cursor() as cursor:
        # Two who send the same picture at once are compared with each other too.
        cursor.execute("select pg_advisory_xact_lock(hashtext('projects_photo'))")
    holder = {
        "report": report, "inspection": inspection, "finding": finding, "rectification": rectification,
        "milestone": milestone,
    }  # fmt: skip
    there = set(project.photos.filter(**holder).values_list("sha256", flat=True))
    fresh = [one for one in pictures if one.sha256 not in there]
    first, last = _window(project, limits, report, inspection, rectification)
    made: list[Photo] = []
    written: list[str] = []
    try:
        for picture in fresh:
            metres, earlier = _compare(project, picture, limits)
            problems = _place_problems(project, picture, metres, limits)
            problems += _time_problems(project, picture, first, last, rectification)
            problems += _likeness_problems(earlier)
            photo = Photo(
                project=project, added_by=user, sha256=picture.sha256, likeness=picture.likeness, taken_at=picture.taken_at,
                point=picture.point, distance_m=metres, problems=problems, rule=limits.rule, name=picture.name,
                form=picture.form, size_bytes=len(picture.content), width_px=picture.width_px, height_px=picture.height_px,
                **holder,
            )  # fmt: skip
            photo.file.save(
                f"{project.ref}-{picture.sha256[:16]}.{picture.form}",
                ContentFile(picture.content),
                save=False,
            )
            written.append(str(photo.file.name))
            photo.thumbnail.save(
                f"{project.ref}-{picture.sha256[:16]}-s.jpg", ContentFile(picture.thumbnail), save=False
            )
            written.append(str(photo.thumbnail.name))
            photo.save()
            made.append(photo)
    except BaseException:
        for name in written:
            default_storage.delete(name)
        raise
    return made


def _window(
    project: Project,
    limits: Limits,
    report: ProgressReport | None,
    inspection: Inspection | None,
    rectification: Rectification | None,
) -> tuple[date | None, date | None]:
    """First and last day on which the picture may have been taken."""
    spare = timedelta(days=limits.photo_days)
    if report is not None:
        return report.month - spare, month_after(report.month) - timedelta(days=1) + spare
    if inspection is not None and inspection.done_on is not None:
        return inspection.done_on - spare, inspection.done_on + spare
    if rectification is not None:
        return rectification.finding.inspection.done_on, None
    return None, None


def _compare(project: Project, picture: Picture, limits: Limits) -> tuple[float | None, list[dict[str, Any]]]:
    """Metres from the site, and earlier photos of any project that are the same or alike, the nearest first."""
    point = picture.point
    with connection.cursor() as cursor:
        metres = None
        if point is not None:
            cursor.execute(
                "select ST_Distance(ST_SetSRID(ST_MakePoint(%s, %s), 4326)::geography, point::geography)"
                " from projects_project where id = %s",
                [point.x, point.y, project.pk],
            )
            metres = float(cursor.fetchone()[0])
        cursor.execute(
            """
            select jsonb_build_object('photo', f.id, 'project', p.ref, 'bits', f.bits, 'month', to_char(r.month, 'YYYY-MM'),
                'inspection', i.ref, 'finding', g.ref, 'milestone', m.number, 'same', f.sha256 = %(sha256)s)
            from (select *, case when sha256 = %(sha256)s then 0
                    else bit_count((likeness # %(likeness)s::bigint)::bit(64)) end as bits from projects_photo
                where sha256 = %(sha256)s or (likeness is not null and %(likeness)s::bigint is not null
                    and bit_count((likeness # %(likeness)s::bigint)::bit(64)) <= %(bits)s)) as f
            join projects_project p on p.id = f.project_id
            left join projects_progressreport r on r.id = f.report_id
            left join projects_rectification x on x.id = f.rectification_id
            left join projects_finding g on g.id = coalesce(f.finding_id, x.finding_id)
            left join projects_inspection i on i.id = coalesce(f.inspection_id, g.inspection_id)
            left join projects_milestone m on m.id = f.milestone_id
            order by f.sha256 <> %(sha256)s, f.bits, f.id limit %(most)s
            """,
            {
                "sha256": picture.sha256,
                "likeness": picture.likeness,
                "bits": limits.likeness_bits,
                "most": _MOST_NAMED,
            },
        )
        earlier = [row[0] if isinstance(row[0], dict) else json.loads(row[0]) for row in cursor.fetchall()]
    return metres, earlier


def _place_problems(
    project: Project, picture: Picture, metres: float | None, limits: Limits
) -> list[dict[str, Any]]:
    if picture.point is None or metres is None:
        return [{"code": "no-position"}]
    if metres <= limits.photo_distance_m:
        return []
    # Some cameras in China write the shifted grid of the map they show (GCJ-02) where EXIF asks for WGS-84.
    lon, lat = to_wgs84([picture.point.x], [picture.point.y], "GCJ-02")
    as_shifted = float(great_circle_m(lon, lat, [project.point.x], [project.point.y])[0])
    if as_shifted <= limits.photo_distance_m:
        return [{"code": "shifted", "metres": round(metres), "metres_shifted": round(as_shifted)}]
    return [{"code": "far", "metres": round(metres)}]


def _time_problems(
    project: Project,
    picture: Picture,
    first: date | None,
    last: date | None,
    rectification: Rectification | None,
) -> list[dict[str, Any]]:
    taken: datetime | None = picture.taken_at
    if taken is None:
        return [{"code": "no-time"}]
    day = timezone.localdate(taken)
    said: dict[str, Any] = {"taken": day.isoformat()}
    if soon(taken, timezone.now()):
        return [{"code": "in-future", **said}]
    if project.started_on is not None and day < project.started_on:
        return [{"code": "before-works", "began": project.started_on.isoformat(), **said}]
    if rectification is not None and first is not None and day < first:
        return [{"code": "before-finding", "found": first.isoformat(), **said}]
    if first is not None and last is not None and not first <= day <= last:
        return [{"code": "outside-window", "first": first.isoformat(), "last": last.isoformat(), **said}]
    return []


def _likeness_problems(earlier: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for one in earlier:
        facts = {key: value for key, value in one.items() if value is not None and key != "same"}
        if one["same"]:
            facts.pop("bits", None)
        found.append({"code": "same" if one["same"] else "alike", **facts})
    return found
