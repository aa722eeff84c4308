"""Photos: place and time compared with site and window, copies noticed in every project, bad files refused in words."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from unittest.mock import patch

import imagehash
import numpy as np
import pytest
from django.contrib.gis.geos import Point
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from PIL import Image, ImageEnhance

from core.errors import DomainError, InvalidInput
from engine.crs import from_wgs84
from projects.models import Photo, Project
from projects.selectors import site
from projects.services import inspections, photos, works
from projects.services.inspections import FindingSaid
from projects.services.pictures import read, read_all, read_bytes
from tests.projects.site_pictures import approved_on, exif, jpeg, scene, shot, upload

pytestmark = pytest.mark.django_db
OCTOBER = date(2026, 10, 1)


@pytest.fixture(autouse=True)
def today() -> Iterator[None]:
    with patch("django.utils.timezone.now", return_value=datetime(2026, 11, 21, 4, tzinfo=UTC)):
        yield


@pytest.fixture
def begun(project: Project, people: dict[str, Any], settings: Any, tmp_path: Any) -> Project:
    settings.MEDIA_ROOT = tmp_path
    approved = approved_on(datetime(2026, 8, 3, 2, tzinfo=UTC), project, people)
    return works.start(user=people["lin"], project=approved, started_on=date(2026, 8, 12), reason="自行施工")


def another(project: Project, ref: str = "PJ-2") -> Project:
    """A second project in works, ten kilometres off, of the same district."""
    made = Project.objects.get(pk=project.pk)
    made.pk, made.ref, made.investment_code, made.intervention = None, ref, "", None
    made.state, made.approved_fen, made.started_on, made._state.adding = (
        "draft",
        None,
        date(2026, 8, 12),
        True,
    )
    made.point = Point(104.15, 30.05, srid=4326)
    made.save()
    return made


def october(project: Project, user: Any, *uploads: Any) -> list[Photo]:
    made = works.report(
        user=user, project=project, month=OCTOBER, works_percent=20, text="基坑", pictures=read_all(uploads)
    )
    return list(made.photos.order_by("id"))


def codes(photo: Photo) -> list[str]:
    return [one["code"] for one in photo.problems]


# --- what a picture says of itself -----------------------------------------------------------------


def test_position_and_time_are_read_as_the_camera_wrote_them():
    one = read(shot(1, datetime(2026, 10, 12, 9, 30), lon=104.0512345, lat=30.0498765))
    assert one.taken_at == datetime(2026, 10, 12, 1, 30, tzinfo=UTC)
    assert (one.point.x, one.point.y) == pytest.approx((104.0512345, 30.0498765), abs=1e-7)
    assert (one.width_px, one.height_px, one.form) == (640, 480, "jpg")
    south = read(upload(jpeg(scene(1), lon=-70.5, lat=-33.25)))
    assert (south.point.x, south.point.y) == pytest.approx((-70.5, -33.25), abs=1e-7)
    local = read(upload(jpeg(scene(1), taken=datetime(2026, 10, 12, 9, 30), zone="")))
    assert local.taken_at == datetime(2026, 10, 12, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "said",
    [
        {"taken": "0000:00:00 00:00:00"},
        {"taken": "yesterday"},
        {"lon": 0.0, "lat": 0.0},
        {"lon": 500.0, "lat": 91.0},
    ],
)
def test_values_that_make_no_sense_count_as_not_written(said):
    one = read(upload(jpeg(scene(1), **said)))
    assert (one.taken_at, one.point) == (None, None)


def test_a_turned_picture_looks_like_itself():
    turned = scene(3).transpose(Image.Transpose.ROTATE_90)
    out, said = io.BytesIO(), exif()
    said[0x0112] = 6  # to be turned by 90 degrees clockwise, as phones write it
    turned.save(out, "JPEG", quality=90, exif=said)
    upright = read(upload(jpeg(scene(3)))).likeness
    assert bin((read(upload(out.getvalue())).likeness ^ upright) & (2**64 - 1)).count("1") <= 2


def test_copies_made_smaller_or_compressed_again_stay_within_the_limit_and_others_do_not():
    originals = [scene(number, (1280, 960)) for number in range(20)]
    likes = [read(upload(jpeg(one))).likeness for one in originals]

    def bits(a: int, b: int) -> int:
        return bin((a ^ b) & (2**64 - 1)).count("1")

    worst = 0
    for image, like in zip(originals, likes, strict=True):
        for copy in (
            jpeg(image.resize((640, 480)), quality=80),
            jpeg(image.resize((320, 240)), quality=60),
            jpeg(image, quality=25),
            jpeg(ImageEnhance.Brightness(image).enhance(1.15), quality=80),
        ):
            worst = max(worst, bits(read(upload(copy)).likeness, like))
    assert worst <= 4
    others = [bits(a, b) for n, a in enumerate(likes) for b in likes[n + 1 :]]
    assert min(others) > 12


def test_the_likeness_is_the_hash_of_the_library_and_a_plain_wall_has_none():
    image = scene(5, (256, 256))
    out = io.BytesIO()
    image.save(out, "PNG")
    one = read(upload(out.getvalue(), "a.png"))
    assert one.likeness % 2**64 == int(str(imagehash.phash(image)), 16)
    wall = Image.new("RGB", (300, 200), (200, 200, 198))
    assert read(upload(jpeg(wall))).likeness is None


@pytest.mark.parametrize(("form", "ending"), [("PNG", "png"), ("WEBP", "webp"), ("MPO", "jpg")])
def test_other_forms_of_phones_are_read_with_place_and_time(form, ending):
    out, said = io.BytesIO(), exif(datetime(2026, 10, 12, 9, 30), lon=104.05, lat=30.05)
    more = {"save_all": True, "append_images": [scene(2)]} if form == "MPO" else {}
    scene(1).save(out, form, exif=said.tobytes(), **more)  # pillow takes an Exif of parts alone for none
    one = read(upload(out.getvalue(), "IMG"))
    assert (one.form, one.taken_at) == (ending, datetime(2026, 10, 12, 1, 30, tzinfo=UTC))
    assert one.point.x == pytest.approx(104.05, abs=1e-6)


# --- bad files -------------------------------------------------------------------------------------


def bomb() -> bytes:
    """A PNG of a few kilobytes that says it has 40,000 x 40,000 pixels."""
    out = io.BytesIO()
    Image.new("1", (64, 64)).save(out, "PNG")
    content = bytearray(out.getvalue())
    content[16:24] = (40_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("note.jpg", b"this is no picture", "not-a-photo"),
        ("phone.heic", b"\x00\x00\x00\x18ftypheic" + b"\x00" * 200, "not-a-photo"),
        ("page.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "not-a-photo"),
        ("half.jpg", jpeg(scene(1))[:9_000], "damaged-photo"),
        ("empty.jpg", b"", "empty-photo"),
        ("dot.jpg", jpeg(Image.new("RGB", (4, 4))), "photo-too-small"),
        ("bomb.png", bomb(), "photo-too-many-pixels"),
    ],
)
def test_what_is_no_picture_is_refused_in_words_with_its_name(name, content, code):
    with pytest.raises(DomainError) as refused:
        read_bytes(name, content) if content else read(SimpleUploadedFile(name, content))
    assert refused.value.code == code
    assert name in str(refused.value.message)


def test_every_bad_file_is_named_at_once_and_nothing_is_stored(begun, people):
    report = works.report(user=people["lin"], project=begun, month=OCTOBER, works_percent=20, text="x")
    with pytest.raises(InvalidInput) as refused:
        photos.add(
            user=people["lin"], project=begun, report=report,
            uploads=[shot(1), upload(b"no", "a.jpg"), upload(jpeg(scene(2))[:900], "b.jpg")],
        )  # fmt: skip
    assert [one.file for one in refused.value.problems] == ["a.jpg", "b.jpg"]
    assert not Photo.objects.exists()
    with pytest.raises(DomainError, match="20"):
        photos.add(user=people["lin"], project=begun, report=report, uploads=[shot(n) for n in range(21)])


# --- place, time, likeness -------------------------------------------------------------------------


def test_a_photo_at_the_site_within_its_month_raises_no_question_and_is_kept_byte_for_byte(begun, people):
    content = jpeg(scene(1), taken=datetime(2026, 10, 12, 9, 30), lon=104.05, lat=30.05)
    (photo,) = october(begun, people["lin"], upload(content))
    assert photo.problems == []
    assert photo.distance_m == pytest.approx(0, abs=0.1)
    assert photo.file.read() == content
    with Image.open(photo.thumbnail) as small:
        assert max(small.size) <= 640
        assert not small.getexif()
    for change in (lambda: Photo.objects.update(problems=[]), lambda: Photo.objects.all().delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_distances_are_those_of_the_spheroid(begun, people):
    # One minute of latitude at 30 degrees north is 1,847.5 m on WGS-84 (M = 6,351,377 m), one of longitude 1,608.1 m.
    north, east, near = october(
        begun, people["lin"], shot(1, datetime(2026, 10, 2), lat=30.05 + 1 / 60),
        shot(2, datetime(2026, 10, 2), lon=104.05 + 1 / 60), shot(3, datetime(2026, 10, 2), lat=30.05 + 0.004),
    )  # fmt: skip
    assert north.distance_m == pytest.approx(1847.5, abs=1)
    assert east.distance_m == pytest.approx(1607.3, abs=1)
    assert [codes(one) for one in (north, east, near)] == [["far"], ["far"], []]
    words = [said.words for said in site.photo_views([north], people["lin"])[0].problems]
    assert words == ["taken 1.8 km from the site"]


def test_a_camera_that_writes_the_shifted_grid_is_told_from_one_that_was_elsewhere(begun, people):
    """GCJ-02 lies 369 m off here. Taken 332 m from the site in the same direction, 701 m as written."""
    lon, lat = from_wgs84([104.05], [30.05], "GCJ-02")
    true = (104.05 + 0.9 * (float(lon[0]) - 104.05), 30.05 + 0.9 * (float(lat[0]) - 30.05))
    lon, lat = from_wgs84([true[0]], [true[1]], "GCJ-02")
    (photo,) = october(
        begun, people["lin"], shot(1, datetime(2026, 10, 2), lon=float(lon[0]), lat=float(lat[0]))
    )
    assert codes(photo) == ["shifted"]
    assert (photo.problems[0]["metres"], photo.problems[0]["metres_shifted"]) == pytest.approx(
        (701, 332), abs=2
    )


@pytest.mark.parametrize(
    ("taken", "found"),
    [
        (datetime(2026, 9, 28, 0, 1), []),
        (datetime(2026, 9, 27, 23, 59), ["outside-window"]),
        (datetime(2026, 11, 3, 23, 59), []),
        (datetime(2026, 11, 4, 0, 1), ["outside-window"]),
        (datetime(2026, 8, 11, 12), ["before-works"]),
        (datetime(2027, 1, 1, 12), ["in-future"]),
        (None, ["no-time"]),
    ],
)
def test_a_photo_belongs_to_its_month_and_three_days_around_it(begun, people, taken, found):
    (photo,) = october(begun, people["lin"], shot(1, taken))
    assert codes(photo) == found


def test_a_photo_of_an_inspection_belongs_to_its_day_and_one_of_a_rectification_comes_after_it(begun, people):
    planned = inspections.plan(user=people["wang"], project=begun, planned_on=date(2026, 11, 10))
    inspections.do(
        user=people["wang"], inspection=planned, done_on=date(2026, 11, 10), works_percent=20, note="x",
        findings=[FindingSaid("x", "minor")],
        pictures=read_all([shot(1, datetime(2026, 11, 10, 9)), shot(2, datetime(2026, 10, 1, 9))]),
    )  # fmt: skip
    assert [codes(one) for one in planned.photos.order_by("id")] == [[], ["outside-window"]]
    made = inspections.rectify(
        user=people["lin"], finding=planned.findings.get(), text="done",
        pictures=read_all([shot(3, datetime(2026, 11, 9, 9)), shot(4, datetime(2026, 11, 12, 9))]),
    )  # fmt: skip
    assert [codes(one) for one in made.photos.order_by("id")] == [["before-finding"], []]


def test_the_same_picture_is_noticed_wherever_it_was_and_a_copy_of_it_too(begun, people):
    first = shot(1, datetime(2026, 10, 12))
    content = first.read()
    october(begun, people["lin"], upload(content))
    small = jpeg(scene(1).resize((320, 240)), quality=60, taken=datetime(2026, 10, 13), lon=104.15, lat=30.05)
    second = another(begun)
    added = photos.add(
        user=people["lin"],
        project=second,
        uploads=[upload(content), upload(small), shot(9, datetime(2026, 10, 13))],
    )
    same, alike, other = added
    assert codes(same) == ["far", "same"]
    assert codes(alike) == ["alike", "alike"]
    assert codes(other) == ["far"]
    assert {one["project"] for one in alike.problems} == {"PJ-1", "PJ-2"}
    words = [said.words for said in site.photo_views([same], people["lin"])[0].problems]
    assert words[1] == "the same picture as in report of 2026-10 of PJ-1"


def test_of_a_project_that_one_may_not_see_only_that_there_is_one_is_said(begun, people, person):
    from core.models import Area

    content = shot(1, datetime(2026, 10, 12)).read()
    october(begun, people["lin"], upload(content))
    second, top = another(begun), Area.objects.get(code="510100")
    elsewhere = Area.objects.create(
        city=begun.city, code="510105", name="青羊区", level=2, parent=top, path="510100/510105/",
        geometry=top.geometry, label_point=top.label_point,
    )  # fmt: skip
    Project.objects.filter(pk=second.pk).update(area=elsewhere)
    second.refresh_from_db()
    officer = person("there", "planner", area="510105")
    (photo,) = photos.add(user=officer, project=second, uploads=[upload(content)])
    said = site.photo_views([photo], officer)[0].problems[-1]
    assert (said.words, said.href) == ("the same picture as in another project", "")


def test_the_same_file_sent_twice_with_a_report_is_one_photo(begun, people):
    content = shot(1, datetime(2026, 10, 12)).read()
    report = works.report(user=people["lin"], project=begun, month=OCTOBER, works_percent=20, text="x")
    for _ in range(2):
        photos.add(
            user=people["lin"],
            project=begun,
            report=report,
            uploads=[upload(content), upload(content, "b.jpg")],
        )
    assert [codes(one) for one in Photo.objects.all()] == [[]]


def test_likeness_in_the_database_counts_the_bits_that_numpy_counts(begun, people):
    from django.db import connection

    random = np.random.default_rng(7)
    numbers = random.integers(-(2**63), 2**63 - 1, (200, 2), dtype=np.int64)
    with connection.cursor() as cursor:
        cursor.execute(
            "select bit_count((a # b)::bit(64)) from unnest(%s::bigint[], %s::bigint[]) as t(a, b)",
            [numbers[:, 0].tolist(), numbers[:, 1].tolist()],
        )
        counted = [row[0] for row in cursor.fetchall()]
    expected = np.unpackbits((numbers[:, 0] ^ numbers[:, 1]).view(np.uint8).reshape(200, 8), axis=1).sum(
        axis=1
    )
    assert counted == expected.tolist()


# --- who may see -----------------------------------------------------------------------------------


def test_photos_are_served_only_to_who_may_see_the_project(begun, people):
    content = jpeg(scene(1), taken=datetime(2026, 10, 12), lon=104.05, lat=30.05)
    (photo,) = october(begun, people["lin"], upload(content))
    for name in ("photo", "photo_small", "photo_original"):
        address = reverse(name, args=[photo.pk])
        stranger, officer = Client(), Client()
        assert stranger.get(address).status_code == 302
        stranger.force_login(people["chen"])
        assert stranger.get(address).status_code == 404
        officer.force_login(people["zhao"])
        assert officer.get(address).status_code == 200
    answer = officer.get(reverse("photo_original", args=[photo.pk]))
    assert b"".join(answer.streaming_content) == content
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "private" in answer["Cache-Control"]
