"""Reading a picture: is it one, when and where was it taken, what does it look like. Nothing of it is changed.

Position and time are those of EXIF (CIPA DC-008-2023). The likeness is a perceptual hash of 64 bits (pHash: signs of the
low frequencies of a discrete cosine transform of the picture at 32 x 32; Zauner 2010), as made by the library imagehash.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import imagehash
from django.conf import settings
from django.contrib.gis.geos import Point
from django.utils.translation import gettext_lazy as _
from PIL import ExifTags, Image, ImageOps, ImageStat, UnidentifiedImageError

from core.errors import DomainError, InvalidInput, Problem

MAX_BYTES = 25 * 1024 * 1024
# A JPEG is read at a part of its size; others have to be read whole, so that less of them fits into memory.
MAX_PIXELS = {"JPEG": 220_000_000, "MPO": 220_000_000, "PNG": 64_000_000, "WEBP": 64_000_000}
ENDINGS = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp"}
# What Pillow is let near; a picture of two views (MPO, some phones) comes through its reader of JPEG.
FORMATS = ["JPEG", "PNG", "WEBP"]
TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
MOST_AT_ONCE = 20
_THUMBNAIL_PX = 640
_READ_PX = 1280
# A picture of one tone (a cap left on, a white wall) has no frequencies to compare.
_PLAIN_DEVIATION = 3.0


@dataclass(frozen=True)
class Picture:
    """A picture as it came, and what it says of itself. `likeness` is a signed 64-bit number, None for one plain tone."""

    name: str
    content: bytes
    sha256: str
    form: str
    width_px: int
    height_px: int
    likeness: int | None
    taken_at: datetime | None
    point: Point | None
    thumbnail: bytes


def read_all(uploads: Sequence[Any]) -> list[Picture]:
    """Every upload as a picture, or InvalidInput that names each one that is none. The same file twice is one."""
    if len(uploads) > MOST_AT_ONCE:
        raise DomainError(
            "too-many-photos",
            _("Up to %(most)d photos are taken at once; these are %(count)d.")
            % {"most": MOST_AT_ONCE, "count": len(uploads)},
            status=422,
        )
    found: dict[str, Picture] = {}
    problems: list[Problem] = []
    for upload in uploads:
        try:
            one = read(upload)
            found.setdefault(one.sha256, one)
        except DomainError as refused:
            problems.append(Problem(refused.code, refused.message, file=str(getattr(upload, "name", ""))))
    if problems:
        words = " ".join(str(one.message) for one in problems)
        raise InvalidInput(words, problems, code="bad-photo")
    return list(found.values())


def read(upload: Any) -> Picture:
    """One picture from an uploaded or opened file; DomainError in words where it cannot be one."""
    name = str(getattr(upload, "name", "") or "photo").replace("\\", "/").rsplit("/", 1)[-1][:200]
    if getattr(upload, "size", 0) and upload.size > MAX_BYTES:
        raise _too_large(name, upload.size)
    upload.seek(0)
    content = upload.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise _too_large(name, len(content))
    if not content:
        raise _bad("empty-photo", _("%(name)s is empty."), name)
    return read_bytes(name, content)


def _too_large(name: str, size: int) -> DomainError:
    words = _("%(name)s has %(size)d MB; a photo may have up to %(most)d MB.")
    values = {"name": name, "size": size >> 20, "most": MAX_BYTES >> 20}
    return DomainError("photo-too-large", words % values, status=413)


def _bad(code: str, words: Any, name: str) -> DomainError:
    return DomainError(code, words % {"name": name}, status=422)


def read_bytes(name: str, content: bytes) -> Picture:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read(name, content)
    except UnidentifiedImageError:
        raise _bad(
            "not-a-photo",
            _(
                "%(name)s is no JPEG, PNG or WebP picture. Phones that keep HEIC can be set to JPEG (“most compatible”)."
            ),
            name,
        ) from None
    except Image.DecompressionBombError:
        raise _bad(
            "photo-too-many-pixels", _("%(name)s has more pixels than a camera takes."), name
        ) from None
    except DomainError:
        raise
    except (
        Exception
    ):  # a damaged file can make a decoder fail in any way; whatever it is, the file is the cause
        raise _bad(
            "damaged-photo", _("%(name)s is damaged and cannot be read. Send it again from the camera."), name
        ) from None


def _read(name: str, content: bytes) -> Picture:
    with Image.open(io.BytesIO(content), formats=FORMATS) as probe:
        form, size = str(probe.format), probe.size
        if size[0] * size[1] > MAX_PIXELS[form]:
            raise _bad("photo-too-many-pixels", _("%(name)s has more pixels than a camera takes."), name)
        if min(size) < 16:
            raise _bad("photo-too-small", _("%(name)s is too small to show anything."), name)
        probe.verify()
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        image.draft("RGB", (_READ_PX, _READ_PX))
        image.load()
        taken_at, point = _exif(image)
        upright = ImageOps.exif_transpose(image).convert("RGB")
    plain = max(ImageStat.Stat(upright.convert("L")).stddev) < _PLAIN_DEVIATION
    likeness = None if plain else _signed(int(str(imagehash.phash(upright)), 16))
    upright.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
    small = io.BytesIO()
    upright.save(small, "JPEG", quality=78, optimize=True)
    return Picture(
        name=name, content=content, sha256=hashlib.sha256(content).hexdigest(), form=ENDINGS[form], width_px=size[0],
        height_px=size[1], likeness=likeness, taken_at=taken_at, point=point, thumbnail=small.getvalue(),
    )  # fmt: skip


def _signed(bits: int) -> int:
    """64 bits as the database's bigint holds them."""
    return bits - (1 << 64) if bits >= 1 << 63 else bits


def _exif(image: Image.Image) -> tuple[datetime | None, Point | None]:
    """When and where, as far as the camera wrote it. Values that make no sense count as not written."""
    try:
        exif = image.getexif()
        said, gps = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    except Exception:  # broken EXIF is no reason to refuse a picture: it then has neither place nor time
        return None, None
    return _time(said), _place(gps)


def _time(said: dict[int, Any]) -> datetime | None:
    for when, zone in (
        (ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal),
        (ExifTags.Base.DateTimeDigitized, ExifTags.Base.OffsetTimeDigitized),
    ):
        try:
            day = datetime.strptime(str(said[when]).strip("\x00 "), "%Y:%m:%d %H:%M:%S")
        except (KeyError, ValueError):
            continue
        try:
            return datetime.strptime(
                f"{day:%Y-%m-%d %H:%M:%S}{str(said[zone]).strip(chr(0) + ' ')}", "%Y-%m-%d %H:%M:%S%z"
            )
        except (KeyError, ValueError):
            # Cameras without a zone are set to local time.
            return day.replace(tzinfo=ZoneInfo(settings.TIME_ZONE))
    return None


def _degrees(parts: Any, half: Any, negative: str) -> float:
    degrees, minutes, seconds = (float(one) for one in parts)
    value = degrees + minutes / 60 + seconds / 3600
    return -value if str(half).strip("\x00 ").upper() == negative else value


def _place(gps: dict[int, Any]) -> Point | None:
    try:
        lat = _degrees(gps[ExifTags.GPS.GPSLatitude], gps.get(ExifTags.GPS.GPSLatitudeRef, "N"), "S")
        lon = _degrees(gps[ExifTags.GPS.GPSLongitude], gps.get(ExifTags.GPS.GPSLongitudeRef, "E"), "W")
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    # 0, 0 is what a camera without reception writes; nan fails every comparison.
    if not (-90 <= lat <= 90 and -180 <= lon <= 180) or (lat == 0 and lon == 0):
        return None
    return Point(lon, lat, srid=4326)


def soon(moment: datetime, now: datetime) -> bool:
    """Does a moment lie in the future, by more than a clock that goes wrong a little?"""
    return moment > now + timedelta(hours=1)
