"""Pictures made by hand for tests of the works: scenes that differ, with the EXIF a phone writes."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import numpy as np
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import ExifTags, Image, ImageFilter


def scene(number: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """A picture with large shapes and fine grain, another for each number."""
    random = np.random.default_rng(number)
    coarse = random.integers(0, 255, (7, 9, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    grain = Image.fromarray(random.integers(0, 60, (size[1], size[0], 3), dtype=np.uint8))
    return Image.blend(image, grain, 0.15).filter(ImageFilter.SMOOTH)


def _parts(value: float) -> tuple[float, float, float]:
    degrees = int(value)
    minutes = int((value - degrees) * 60)
    return float(degrees), float(minutes), round((value - degrees - minutes / 60) * 3600, 4)


def exif(
    taken: datetime | str | None = None,
    lon: float | None = None,
    lat: float | None = None,
    zone: str = "+08:00",
) -> Image.Exif:
    said = Image.Exif()
    sub = said.get_ifd(ExifTags.IFD.Exif)
    if taken is not None:
        sub[ExifTags.Base.DateTimeOriginal] = (
            taken if isinstance(taken, str) else f"{taken:%Y:%m:%d %H:%M:%S}"
        )
        if zone:
            sub[ExifTags.Base.OffsetTimeOriginal] = zone
    if lon is not None and lat is not None:
        gps = said.get_ifd(ExifTags.IFD.GPSInfo)
        gps[ExifTags.GPS.GPSLatitudeRef] = "N" if lat >= 0 else "S"
        gps[ExifTags.GPS.GPSLatitude] = _parts(abs(lat))
        gps[ExifTags.GPS.GPSLongitudeRef] = "E" if lon >= 0 else "W"
        gps[ExifTags.GPS.GPSLongitude] = _parts(abs(lon))
    return said


def jpeg(image: Image.Image, quality: int = 88, **said: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, exif=exif(**said))
    return out.getvalue()


def upload(content: bytes, name: str = "IMG_0001.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="image/jpeg")


def shot(
    number: int, taken: datetime | str | None = None, lon: float | None = 104.05, lat: float | None = 30.05
) -> Any:
    """An upload of scene `number`, by default at the site of the test project."""
    return upload(jpeg(scene(number), taken=taken, lon=lon, lat=lat), f"IMG_{number:04d}.jpg")


def approved_on(day: datetime, project: Any, people: dict[str, Any]) -> Any:
    """The project with three milestones, approved on a day of the past by the shortest route."""
    from unittest.mock import patch

    from core.models import Membership
    from projects.models import Case, Milestone
    from projects.selectors import officers
    from projects.services import cases, routes

    Membership.objects.update(valid_from=datetime(2026, 1, 1).date())
    for number, (name, month, percent) in enumerate(
        [("基础完成", 10, 20), ("主体完成", 12, 60), ("竣工验收", 12, 100)], start=1
    ):
        Milestone.objects.create(
            project=project, number=number, name=name, name_en=["Foundations", "Shell", "Works done"][number - 1],
            planned_on=datetime(2026, month, 20 + number).date(), works_percent=percent,
        )  # fmt: skip
    words = {"provide": "done", "check": "done", "countersign": "agree"}
    with patch("django.utils.timezone.now", return_value=day):
        case = cases.submit(user=people["lin"], project=project, route=routes.current(code="filing"))
        while Case.objects.get(pk=case.pk).state == "open":
            step = case.steps.filter(state="open").select_related("task").first()
            one = next(one for one in people.values() if officers.standing(one, step).may)
            cases.act(user=one, step=step, outcome=words.get(step.task.kind, "approve"), reason="as seen")
    project.refresh_from_db()
    return project
