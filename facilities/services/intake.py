"""A file on its way into the registry: kept while its columns are mapped, checked, then written whole or not at all."""

from __future__ import annotations

import csv
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.postgres.functions import TransactionNow
from django.core import signing
from django.db import transaction
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError
from core.models import City
from engine import crs
from facilities.choices import BatchState
from facilities.importers.registry import FIELDS, FacilityMapping
from facilities.importers.tables import FORMATS
from facilities.models import Facility, ImportBatch
from facilities.services.capabilities import derive_capabilities
from facilities.services.imports import import_facilities

SALT = "facilities.intake"
KEPT_SECONDS = 24 * 3600


def _folder() -> Path:
    folder = Path(settings.MEDIA_ROOT) / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def keep_upload(*, user: Any, city: City, upload: Any, datum: str, encoding: str, synthetic: bool) -> str:
    """Store a file and answer a signed token that stands for it for a day. Refuses what could never be read."""
    policies.demand(user, "facility.import", city)
    suffix = Path(upload.name).suffix.lower()
    if suffix not in FORMATS or suffix == ".shp":
        raise DomainError(
            "format-unknown",
            _("This kind of file is not read. Use CSV, XLSX, GeoJSON or GeoPackage."),
            status=422,
        )
    if upload.size == 0:
        raise DomainError("file-empty", _("The file is empty."), status=422)
    if upload.size > settings.UPLOAD_MAX_BYTES:
        words = _(
            "The file has %(size)d MB; up to %(limit)d MB are taken. Split it, or load it as a city pack."
        )
        values = {"size": upload.size >> 20, "limit": settings.UPLOAD_MAX_BYTES >> 20}
        raise DomainError("file-too-large", words % values, status=413)
    try:
        known = crs.parse_datum(datum)
    except crs.UnknownDatum:
        words = _("Declare the datum: WGS-84, CGCS2000, GCJ-02, BD-09 or an EPSG code.")
        raise DomainError("unknown-datum", words, status=422) from None
    stored = f"{uuid.uuid4().hex}{suffix}"
    with (_folder() / stored).open("wb") as target:
        for block in upload.chunks():
            target.write(block)
    kept = {
        "stored": stored, "name": Path(upload.name).name[:200], "datum": known, "encoding": encoding or "utf-8-sig",
        "synthetic": synthetic, "city": city.code, "user": user.pk,
    }  # fmt: skip
    return signing.dumps(kept, salt=SALT)


def open_upload(*, user: Any, token: str) -> dict[str, Any]:
    """What a token stands for, with `path`; a DomainError when it is stale, forged or somebody else's."""
    try:
        kept = signing.loads(token, salt=SALT, max_age=KEPT_SECONDS)
    except signing.BadSignature:
        raise DomainError(
            "upload-gone", _("This upload is gone. Choose the file again."), status=404
        ) from None
    path = _folder() / kept["stored"]
    if kept["user"] != user.pk or not path.is_file():
        raise DomainError("upload-gone", _("This upload is gone. Choose the file again."), status=404)
    return {**kept, "path": path}


def header_of(kept: dict[str, Any]) -> list[str]:
    """The column names of a kept file; empty when it cannot be read (the check then says why)."""
    path: Path = kept["path"]
    try:
        if path.suffix in {".csv", ".txt", ".tsv"}:
            with path.open(encoding=kept["encoding"], newline="") as text:
                return [name.strip() for name in next(csv.reader(text, delimiter=delimiter_of(kept)), [])]
        if path.suffix == ".xlsx":
            import openpyxl

            book = openpyxl.load_workbook(path, read_only=True)
            try:
                first = next(book.worksheets[0].iter_rows(max_row=1, values_only=True), ())
            finally:
                book.close()
            return [str(name).strip() for name in first if name is not None]
        import pyogrio

        return [str(name) for name in pyogrio.read_info(path)["fields"]]
    except Exception:
        return []


def delimiter_of(kept: dict[str, Any]) -> str:
    return "\t" if kept["path"].suffix == ".tsv" else ","


# What headers of real files say, by field.
USUAL = {
    "id": {"id", "code", "source_id", "编号", "编码", "序号"}, "name": {"name", "facility", "名称", "设施名称"},
    "name_en": {"name_en", "english_name", "英文名称"}, "use": {"use", "type", "category", "类型", "类别", "平时功能"},
    "lon": {"lon", "lng", "longitude", "x", "经度"}, "lat": {"lat", "latitude", "y", "纬度"},
    "address": {"address", "地址"}, "area_m2": {"area_m2", "area", "total_area_m2", "面积", "建筑面积"},
    "rooms": {"rooms", "room_count", "客房数", "房间数"}, "beds": {"beds", "bed_count", "床位数", "床位"},
    "units": {"units"}, "stars": {"stars", "star", "星级"}, "owner": {"owner", "产权单位", "产权"},
    "operator": {"operator", "运营单位"}, "contact": {"contact", "phone", "联系电话", "电话"},
    "status": {"status", "状态"}, "confirmed_on": {"confirmed_on", "核实日期"},
}  # fmt: skip


def guess(header: list[str]) -> dict[str, str]:
    """Field -> column, where the name leaves no doubt. Only a proposal: the person sees and confirms it."""
    found: dict[str, str] = {}
    for field in FIELDS:
        for name in header:
            if name.strip().lower() in USUAL.get(field, {field}) and name not in found.values():
                found[field] = name
                break
    return found


def run_upload(
    *, user: Any, city: City, token: str, columns: dict[str, str], use: str, apply: bool
) -> ImportBatch:
    """Check a kept file, or write it. New places get the roles that the capacity rules give them."""
    kept = open_upload(user=user, token=token)
    mapping = FacilityMapping(
        columns={field: name for field, name in columns.items() if name and field in FIELDS}, use=use
    )
    with transaction.atomic():
        batch = import_facilities(
            user=user, city=city, path=kept["path"], file_name=kept["name"], mapping=mapping, datum=kept["datum"],
            encoding=kept["encoding"], delimiter=delimiter_of(kept), synthetic=kept["synthetic"], apply=apply,
        )  # fmt: skip
        if batch.state == BatchState.APPLIED:
            # What this transaction wrote carries its time.
            written = Facility.objects.filter(city=city, updated_at=TransactionNow()).values_list(
                "pk", flat=True
            )
            derive_capabilities(city=city, facility_ids=written, all_roles=False)
    if batch.state == BatchState.APPLIED:
        kept["path"].unlink(missing_ok=True)
    return batch


def import_upload(
    *,
    user: Any,
    city: City,
    upload: Any,
    datum: str,
    columns: dict[str, str],
    use: str = "",
    encoding: str = "",
    synthetic: bool = False,
    apply: bool = True,
) -> ImportBatch:
    """The whole way in one call, for programs. Columns that are not named are guessed from the header."""
    token = keep_upload(
        user=user, city=city, upload=upload, datum=datum, encoding=encoding, synthetic=synthetic
    )
    kept = open_upload(user=user, token=token)
    try:
        chosen = {**guess(header_of(kept)), **columns}
        return run_upload(user=user, city=city, token=token, columns=chosen, use=use, apply=apply)
    finally:
        kept["path"].unlink(missing_ok=True)
