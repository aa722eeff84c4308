"""A file of facilities that a steward brings: checked as a whole, written as a whole, every problem kept with its row."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import Forbidden
from core.models import AuditEntry, City, User
from facilities.importers.registry import FacilityMapping
from facilities.models import Capability, Facility, ImportBatch, RowIssue
from facilities.services.imports import import_facilities
from planning.services.city_packs import load_city

pytestmark = pytest.mark.django_db
COLUMNS = {"id": "编号", "name": "名称", "lon": "经度", "lat": "纬度", "rooms": "客房数"}
HEADER = "编号,名称,经度,纬度,客房数\n"


@pytest.fixture
def city(pack: Callable[..., Path]) -> City:
    return load_city(path=pack()).city


@pytest.fixture
def bring(city: City, tmp_path: Path) -> Callable[..., ImportBatch]:
    admin = User.objects.create_superuser("root", password="x")

    def call(text: str | bytes, **changes: Any) -> ImportBatch:
        path = tmp_path / "hotels.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8-sig"))
        given = {
            "user": admin, "city": city, "path": path, "file_name": "酒店.csv", "datum": "GCJ-02",
            "mapping": FacilityMapping(COLUMNS, use="hotel"), **changes,
        }  # fmt: skip
        return import_facilities(**given)

    return call


def test_a_good_file_is_written_with_the_roles_its_use_can_take(bring: Callable[..., ImportBatch]) -> None:
    before = Capability.objects.count()
    batch = bring(HEADER + "X1,江畔酒店,104.15,30.05,50\nX2,晨光酒店,104.12,30.03,40\n")
    assert (batch.state, batch.rows, batch.added, batch.errors) == ("applied", 2, 2, 0)
    assert batch.median_shift_m is not None and batch.median_shift_m > 200
    hotel = Facility.objects.get(source_id="X1")
    assert (hotel.name, hotel.rooms, hotel.datum, hotel.original_x) == ("江畔酒店", 50, "GCJ-02", 104.15)
    assert hotel.area is not None
    assert dict(hotel.capabilities.values_list("service__code", "status")) == {
        "isolation_lodging": "possible", "short_fixed_shelter": "possible",
    }  # fmt: skip
    assert Capability.objects.count() == before + 4, (
        "facilities that the file does not name keep the roles they had"
    )
    assert AuditEntry.objects.filter(act="facility.import").exists()


def test_the_same_file_again_changes_nothing(bring: Callable[..., ImportBatch]) -> None:
    text = HEADER + "X1,江畔酒店,104.15,30.05,50\n"
    ref = (bring(text), Facility.objects.get(source_id="X1").ref)[1]
    again = bring(text)
    assert (again.added, again.changed, again.unchanged) == (0, 0, 1)
    more = bring(HEADER + "X1,江畔酒店,104.15,30.05,60\n")
    assert (more.added, more.changed, Facility.objects.get(source_id="X1").ref) == (0, 1, ref)


def test_one_bad_row_refuses_the_whole_file_and_keeps_every_problem(
    bring: Callable[..., ImportBatch],
) -> None:
    batch = bring(HEADER + "X1,江畔酒店,104.15,30.05,50\nX2,,30.05,104.15,many\nX1,另一家,104.1,30.02,-3\n")
    assert (batch.state, batch.added) == ("refused", 0)
    found = set(RowIssue.objects.filter(batch=batch).values_list("code", "row", "column"))
    assert found == {
        ("value_missing", 3, "名称"), ("not_a_number", 3, "客房数"), ("negative", 4, "客房数"),
        ("swapped", 3, "经度, 纬度"), ("code_twice", 4, "编号"),
    }  # fmt: skip
    assert not Facility.objects.filter(source_id__startswith="X").exists()


def test_checking_alone_writes_no_facility(bring: Callable[..., ImportBatch]) -> None:
    batch = bring(HEADER + "X1,江畔酒店,104.15,30.05,50\n", apply=False)
    assert batch.state == "checked" and not Facility.objects.filter(source_id="X1").exists()


def test_a_file_without_a_datum_or_in_another_encoding_is_refused_with_a_reason(
    bring: Callable[..., ImportBatch],
) -> None:
    text = HEADER + "X1,江畔酒店,104.15,30.05,50\n"
    assert bring(text, datum="").issues.get().code == "datum_missing"
    assert bring(text.encode("gb18030")).issues.get().code == "encoding_wrong"
    assert bring(text.encode("gb18030"), encoding="gb18030").state == "applied"


def test_rows_without_ids_are_found_again_by_name_and_place(bring: Callable[..., ImportBatch]) -> None:
    columns = {name: column for name, column in COLUMNS.items() if name != "id"}
    mapping = FacilityMapping(columns, use="hotel")
    text = HEADER + ",江畔酒店,104.15,30.05,50\n"
    assert bring(text, mapping=mapping).added == 1
    assert bring(text, mapping=mapping).unchanged == 1


def test_somebody_without_the_right_may_not_import(bring: Callable[..., ImportBatch]) -> None:
    with pytest.raises(Forbidden):
        bring(HEADER + "X1,江畔酒店,104.15,30.05,50\n", user=User.objects.create_user("chen", password="x"))


def test_a_real_file_with_real_dirt_is_told_row_by_row(
    bring: Callable[..., ImportBatch], shared_data_dir: Path
) -> None:
    """5,973 shelters of another place: nothing is written, and the dirt is named instead of stopping the reader."""
    path = shared_data_dir / "import_samples" / "taiwan_shelters_v9.csv"
    columns = {"name": "避難收容處所名稱", "lon": "經度", "lat": "緯度"}
    batch = bring(path.read_bytes(), mapping=FacilityMapping(columns, use="school"), datum="WGS-84")
    assert batch.state == "refused" and batch.rows > 5_000 and batch.errors > 5_000
    assert RowIssue.objects.filter(batch=batch).count() < 200
