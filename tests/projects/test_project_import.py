"""A list of projects comes in: headings of both languages, every wrong cell at once, taken over once, drafts only."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from core.choices import Role
from core.errors import DomainError
from core.models import Area, City, Job
from engine import crs
from facilities.models import ImportBatch
from projects.importers import project_list
from projects.models import OutboxEvent, Project
from projects.services import project_books, project_import_jobs, project_imports

pytestmark = pytest.mark.django_db

HEADS_ZH = ["项目代码", "项目名称", "服务类型", "建设性质", "建设地点", "经度", "纬度", "建设规模", "总投资（万元）", "中央预算内投资（万元）",
            "社会资本（万元）", "用地面积（平方米）", "建设单位", "牵头部门", "前期阶段", "计划开工", "计划竣工"]  # fmt: skip
HEADS_EN = ["Investment code", "Name *", "SERVICE", "Construction", "Site", "Longitude", "latitude", "Scale",
            "Total investment, 10,000 yuan", "Central budget, 10,000 yuan", "Private capital, 10,000 yuan", "Land, m²", "Builder",
            "Lead department", "Stage", "Start", "End"]  # fmt: skip
GOOD: list[Any] = ["2601-510104-04-01-123456", "文轩体育馆", "short_fixed_shelter", "改建", "锦江大道 1 号", 104.05, 30.05, 900, 2460,
                   1460, 1000, 5200, "城投公司", "发展改革委", "可研", "2027-03", "2028"]  # fmt: skip


def row(**more: Any) -> list[Any]:
    """The good row with some cells changed: by the Chinese heading without its bracket."""
    names = [project_list.plain(head) for head in HEADS_ZH]
    cells = list(GOOD)
    for name, value in more.items():
        cells[names.index(name)] = value
    return cells


def book(rows: list[list[Any]], heads: list[str] = HEADS_ZH) -> bytes:
    made = openpyxl.Workbook()
    made.active.append(heads)
    for line in rows:
        made.active.append(line)
    target = io.BytesIO()
    made.save(target)
    return target.getvalue()


@pytest.fixture
def kept(tmp_path: Path) -> Callable[..., Path]:
    def write(content: bytes, name: str = "list.xlsx") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def checked(town: City, people: dict[str, Any], kept: Callable[..., Path]) -> Callable[..., ImportBatch]:
    def run(
        rows: list[list[Any]], heads: list[str] = HEADS_ZH, datum: str = "WGS-84", user: Any = None
    ) -> ImportBatch:
        path = kept(book(rows, heads))
        return project_imports.check(
            user=user or people["lin"], city=town, path=path, file_name="list.xlsx", datum=datum
        )

    return run


def problems(batch: ImportBatch) -> list[tuple[int | None, str]]:
    return [(one.row, one.code) for one in batch.issues.order_by("row", "code")]


@pytest.mark.parametrize("heads", [HEADS_ZH, HEADS_EN])
def test_a_list_becomes_drafts_with_money_and_all_that_was_said(
    people: dict[str, Any], checked: Callable[..., ImportBatch], heads: list[str]
) -> None:
    batch = checked([row()], heads)
    assert (batch.state, batch.added, problems(batch)) == ("checked", 1, [])
    assert not Project.objects.exists()
    project_imports.apply(user=people["lin"], batch=batch)
    made = Project.objects.get()
    assert (made.investment_code, made.kind, made.origin, made.state) == (
        "2601-510104-04-01-123456",
        "convert",
        "import",
        "draft",
    )
    assert (made.cost_fen, made.units, made.land_m2) == (24_600_000_00, 900, 5200)
    assert (made.builder, made.lead_department, made.stage, made.site) == (
        "城投公司",
        "发展改革委",
        "可研",
        "锦江大道 1 号",
    )
    assert (made.starts_on.isoformat(), made.ends_on.isoformat()) == ("2027-03-01", "2028-12-31")
    assert made.area.code == "510104" and made.created_by == people["lin"]
    lines = [(one.year, one.source, one.amount_fen) for one in made.budget_lines.order_by("source")]
    assert lines == [(2027, "central", 14_600_000_00), (2027, "private", 10_000_000_00)]
    event = OutboxEvent.objects.get(kind="project.imported")
    assert event.project == made and event.payload["import"] == batch.ref


def test_the_same_file_twice_makes_nothing_twice(
    people: dict[str, Any], checked: Callable[..., ImportBatch]
) -> None:
    rows = [
        row(),
        row(项目代码=None, 项目名称="没有代码的", 建设地点="二号路"),
        row(项目代码="", 项目名称="没有地点的", 建设地点=None),
    ]
    for wanted in ((3, 0), (0, 3)):
        batch = project_imports.apply(user=people["lin"], batch=checked(rows))
        assert (batch.state, batch.added, batch.unchanged) == ("applied", *wanted)
    assert Project.objects.count() == 3
    assert set(Project.objects.values_list("version", flat=True)) == {1}


def test_taking_over_twice_is_once(people: dict[str, Any], checked: Callable[..., ImportBatch]) -> None:
    batch = checked([row()])
    for _again in range(2):
        done = project_imports.apply(user=people["lin"], batch=batch)
        assert (done.state, done.added) == ("applied", 1)
    assert Project.objects.count() == 1


def test_a_changed_row_changes_the_draft_and_empty_cells_leave_what_stands(
    people: dict[str, Any], checked: Callable[..., ImportBatch]
) -> None:
    project_imports.apply(user=people["lin"], batch=checked([row()]))
    batch = checked([row(建设规模=950, 建设单位=None, 社会资本=1100, 总投资=2560)])
    said = batch.mapping["preview"][0]
    assert said["action"] == "changed" and {one["field"] for one in said["changes"]} == {"units", "cost_fen"}
    project_imports.apply(user=people["lin"], batch=batch)
    made = Project.objects.get()
    assert (made.units, made.version, made.builder, made.cost_fen) == (950, 2, "城投公司", 25_600_000_00)
    assert sum(one.amount_fen for one in made.budget_lines.all()) == made.cost_fen


def test_a_project_that_was_handed_in_stays(
    people: dict[str, Any], checked: Callable[..., ImportBatch]
) -> None:
    project_imports.apply(user=people["lin"], batch=checked([row()]))
    Project.objects.update(state="review")
    batch = checked([row(建设规模=950)])
    assert (batch.state, problems(batch), batch.mapping["kept"]) == ("checked", [(2, "handed_in")], 1)
    project_imports.apply(user=people["lin"], batch=batch)
    assert Project.objects.get().units == 900


def test_every_wrong_cell_of_every_row_is_named_at_once_and_nothing_is_written(
    people: dict[str, Any], checked: Callable[..., ImportBatch]
) -> None:
    batch = checked([
        row(项目名称=None, 建设规模="很多", 计划开工="春天"),
        row(项目代码="2613-510104-04-01-123456", 服务类型="宇航站", 建设性质="种树"),
        row(项目代码="2601-510104-04-01-000001", 经度=30.05, 纬度=104.05, 项目名称="反了"),
        row(项目代码="2601-510104-04-01-000002", 总投资=1, 项目名称="和不对"),
        row(项目代码="2601-510104-04-01-000003", 总投资=None, 中央预算内投资=None, 社会资本=None, 项目名称="没有钱"),
        row(项目代码="2601-510104-04-01-000004", 经度=116.4, 纬度=39.9, 项目名称="在北京"),
        row(项目代码="2601-510104-04-01-000005", 计划开工="2029", 计划竣工="2028", 项目名称="倒了"),
        row(项目代码="2601-510104-04-01-000006", 建设规模=-3, 用地面积=-1, 项目名称="负的"),
        row(项目代码="2601-990104-04-01-000007", 项目名称="#REF!"),
    ])  # fmt: skip
    assert batch.state == "refused" and not Project.objects.exists()
    found = set(problems(batch))
    assert {
        (2, "value_missing"), (2, "not_a_number"), (2, "not_a_date"), (3, "choice_unknown"), (4, "swapped"),
        (5, "sum_differs"), (6, "value_missing"), (7, "outside_city"), (8, "dates_reversed"), (9, "too_small"), (9, "negative"),
        (10, "formula_error"),
    } <= found  # fmt: skip
    with pytest.raises(DomainError, match="errors"):
        project_imports.apply(user=people["lin"], batch=batch)


@pytest.mark.parametrize(
    "code", ["12345", "2613-510104-04-01-123456", "2601-990104-04-01-123456", "２６０１-abc", "%s%d"]
)
def test_a_bad_investment_code_is_named_with_its_row(checked: Callable[..., ImportBatch], code: str) -> None:
    batch = checked([row(), row(项目代码=code, 项目名称="坏代码")])
    assert batch.state == "refused" and problems(batch) == [(3, "bad-investment-code")]


def test_what_stands_twice_in_the_file_is_named_with_the_first_row(
    checked: Callable[..., ImportBatch],
) -> None:
    batch = checked(
        [
            row(),
            row(项目名称="另一个"),
            row(项目代码=None),
            row(项目代码="２６０１－510104－04－01－123456", 项目名称="全角"),
        ]
    )
    assert problems(batch) == [(3, "code_twice"), (4, "row_twice"), (5, "code_twice")]
    assert "2" in batch.issues.get(row=3).message


def test_coordinates_are_read_in_the_datum_that_is_declared(
    people: dict[str, Any], checked: Callable[..., ImportBatch]
) -> None:
    lon, lat = crs.from_wgs84([104.05], [30.05], "GCJ-02")
    batch = checked([row(经度=float(lon[0]), 纬度=float(lat[0]))], datum="GCJ-02")
    assert 300 < batch.median_shift_m < 800
    project_imports.apply(user=people["lin"], batch=batch)
    made = Project.objects.get()
    assert (made.point.x, made.point.y) == pytest.approx((104.05, 30.05), abs=1e-6)
    assert checked([row()], datum="").state == "refused"


def test_rows_of_another_district_are_refused_by_name(
    town: City, person: Callable[..., Any], checked: Callable[..., ImportBatch]
) -> None:
    area = Area.objects.get(code="510104")
    Area.objects.create(
        city=town, code="510105", name="青羊区", level=2, parent=area.parent, path="510100/510105/", geometry=area.geometry,
        label_point=area.label_point,
    )  # fmt: skip
    officer = person("du.jie", Role.PLANNER, area="510105")
    batch = checked([row()], user=officer)
    assert problems(batch) == [(2, "not_yours")] and "锦江区" in batch.issues.get().message
    mine = person("mei.li", Role.PLANNER, area="510104")
    assert checked([row()], user=mine).state == "checked"
    with pytest.raises(DomainError):
        checked([row()], user=person("wu.ming", Role.VIEWER))


def test_a_formula_nobody_has_computed_is_no_empty_cell(checked: Callable[..., ImportBatch]) -> None:
    batch = checked([row(用地面积="=1+1")])
    assert problems(batch) == [(2, "formula_without_value")]


def test_broken_empty_and_foreign_files_are_refused_in_words(
    town: City, people: dict[str, Any], kept: Callable[..., Path]
) -> None:
    for content, name, code in [
        (b"", "a.xlsx", "file_empty"), (b"no workbook", "b.xlsx", "file_broken"), (book([]), "c.xlsx", "file_empty"),
        (book([row()], ["甲"] * len(GOOD)), "d.xlsx", "column_unknown"), (b"%PDF", "e.pdf", "format_unknown"),
        (b"\xff\xfe\x00", "f.csv", "encoding_wrong"), (book([row()], ["项目名称", "名称", *HEADS_ZH[2:]]), "g.xlsx", ""),
    ]:  # fmt: skip
        batch = project_imports.check(user=people["lin"], city=town, path=kept(content, name), file_name=name, datum="WGS-84")  # fmt: skip
        if code:
            codes = {one.code for one in batch.issues.all()}
            assert batch.state == "refused" and (code in codes or code == "encoding_wrong"), (name, codes)


def test_the_users_own_workbook_comes_back_with_its_problems(
    people: dict[str, Any], checked: Callable[..., ImportBatch]
) -> None:
    batch = checked([row(), row(项目代码="x", 项目名称="坏代码", 建设规模="很多", 建设单位="=1+1")])
    told = openpyxl.load_workbook(io.BytesIO(project_books.with_problems(batch)))
    sheet = told.worksheets[0]
    column = sheet.max_column
    assert sheet.cell(3, 1).value == "x" and sheet.cell(3, HEADS_ZH.index("建设单位") + 1).value == "=1+1"
    assert sheet.cell(2, column).value is None and "很多" in sheet.cell(3, column).value
    assert sheet.cell(3, HEADS_ZH.index("建设规模") + 1).fill.start_color.rgb == "FFF6D5D2"
    assert told.worksheets[-1].max_row == batch.issues.count() + 1


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_form_and_the_export_can_be_read_again(
    town: City,
    people: dict[str, Any],
    kept: Callable[..., Path],
    checked: Callable[..., ImportBatch],
    language: str,
) -> None:
    project_imports.apply(
        user=people["lin"],
        batch=checked([row(), row(项目代码=None, 项目名称="第二个", 中央预算内投资=None, 社会资本=None)]),
    )
    with translation.override(language):
        empty = kept(project_books.template(), "form.xlsx")
        path = kept(
            project_books.workbook(Project.objects.select_related("service").order_by("pk")), "out.xlsx"
        )
        heads = project_list.header_of(empty)
        assert set(project_list.fields_of(heads)) == set(project_list.HEADINGS)
        batch = project_imports.check(user=people["lin"], city=town, path=path, file_name="out.xlsx", datum="WGS-84")  # fmt: skip
    assert (batch.state, batch.added, batch.changed, batch.unchanged) == ("checked", 0, 0, 2)


def test_amounts_keep_every_fen() -> None:
    assert project_list.fen_of_wan(1234.567891) == 1_234_567_891
    assert project_list.fen_of_wan(0.1 + 0.2) is None
    assert project_list.fen_of_wan(0.07) == 70_000


def test_thousands_of_rows_are_read_in_a_fixed_number_of_statements(
    town: City, people: dict[str, Any], kept: Callable[..., Path], django_assert_max_num_queries: Any
) -> None:
    rows = [
        row(项目代码=f"2601-510104-04-01-{number:06d}", 项目名称=f"项目{number}", 经度=104.001 + number % 90 / 1000, 建设规模=1 + number)
        for number in range(2_000)
    ]  # fmt: skip
    path = kept(book(rows))
    with django_assert_max_num_queries(40):
        batch = project_imports.check(
            user=people["lin"], city=town, path=path, file_name="l.xlsx", datum="WGS-84"
        )
    assert (batch.state, batch.added) == ("checked", 2_000) and len(batch.mapping["preview"]) == 200
    with django_assert_max_num_queries(140):
        project_imports.apply(user=people["lin"], batch=batch)
    assert (
        Project.objects.count() == 2_000
        and OutboxEvent.objects.filter(kind="project.imported").count() == 2_000
    )


CELLS = st.one_of(
    st.none(), st.text(max_size=12), st.floats(allow_nan=False), st.integers(-(10**12), 10**12), st.booleans(),
    st.sampled_from(["=1+1", "2027-13-40", "新建", "short_fixed_shelter", "104.05", "１２３", "%s", "'", "#N/A", "2601-510104-04-01-123456"]),
    st.dates(),
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.lists(CELLS, min_size=0, max_size=len(HEADS_ZH) + 2), max_size=6))
def test_whatever_is_in_the_cells_the_answer_is_in_words_and_nothing_is_half_written(
    town: City, people: dict[str, Any], tmp_path: Path, rows: list[list[Any]]
) -> None:
    clean = [
        [one if not isinstance(one, str) else "".join(c for c in one if c >= " ") for one in line]
        for line in rows
    ]
    try:
        content = book(clean)
    except (ValueError, openpyxl.utils.exceptions.IllegalCharacterError):
        return
    path = tmp_path / "fuzz.xlsx"
    path.write_bytes(content)
    before = Project.objects.count()
    batch = project_imports.check(
        user=people["lin"], city=town, path=path, file_name="fuzz.xlsx", datum="GCJ-02"
    )
    assert batch.state in ("refused", "checked") and (batch.errors > 0) == (batch.state == "refused")
    assert Project.objects.count() == before
    assert openpyxl.load_workbook(io.BytesIO(project_books.with_problems(batch))).sheetnames
    if batch.state == "checked":
        project_imports.apply(user=people["lin"], batch=batch)
        assert Project.objects.count() == before + batch.added


# --- page, API, command, job ---------------------------------------------------------------------------


@pytest.fixture
def as_() -> Callable[[Any], Client]:
    def signed(user: Any) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_through_the_page_from_file_to_drafts(
    town: City, people: dict[str, Any], as_: Any, language: str
) -> None:
    lin = as_(people["lin"])
    lin.cookies["django_language"] = language
    assert lin.get("/projects/import/").status_code == 200
    assert lin.get("/projects/import/template.xlsx").content[:2] == b"PK"
    bad = lin.post(
        "/projects/import/",
        {"file": SimpleUploadedFile("l.xlsx", book([row(建设规模="x")])), "datum": "WGS-84"},
        follow=True,
    )
    assert "x" in bad.content.decode()
    ref = ImportBatch.objects.get().ref
    assert lin.get(f"/projects/import/{ref}/problems.xlsx").content[:2] == b"PK"
    assert (
        lin.post(
            "/projects/import/", {"file": SimpleUploadedFile("l.xlsx", book([row()])), "datum": ""}
        ).status_code
        == 422
    )
    lin.post("/projects/import/", {"file": SimpleUploadedFile("l.xlsx", book([row()])), "datum": "WGS-84"})
    ref = ImportBatch.objects.order_by("-id")[0].ref
    page = lin.get(f"/projects/import/{ref}/").content.decode()
    assert "文轩体育馆" in page
    assert as_(people["chen"]).get(f"/projects/import/{ref}/").status_code == 404
    assert as_(people["wang"]).get("/projects/import/").status_code == 403
    for _again in range(2):
        assert lin.post(f"/projects/import/{ref}/apply/").status_code == 302
    assert Project.objects.count() == 1


def test_over_the_api(town: City, people: dict[str, Any]) -> None:
    client = APIClient()
    client.force_authenticate(people["lin"])
    address = "/api/v1/project-imports/"
    bad = client.post(
        address,
        {"city": "town", "datum": "WGS-84", "file": SimpleUploadedFile("l.xlsx", book([row(建设规模="x")]))},
        format="multipart",
    )
    assert bad.status_code == 201 and bad.json()["state"] == "refused"
    assert bad.json()["problems"][0] | {"message": ""} == {
        "level": "error",
        "row": 2,
        "column": "建设规模",
        "code": "not_a_number",
        "message": "",
        "value": "x",
    }
    assert client.post(f"{address}{bad.json()['ref']}/apply/").status_code == 422
    good = client.post(
        address,
        {"city": "town", "datum": "WGS-84", "file": SimpleUploadedFile("l.xlsx", book([row()]))},
        format="multipart",
    ).json()
    assert client.post(f"{address}{good['ref']}/apply/").json()["state"] == "applied"
    assert client.get(f"{address}template/").content[:2] == b"PK"
    assert client.get(f"{address}{bad.json()['ref']}/problems/").content[:2] == b"PK"
    assert client.get("/api/v1/imports/").json()["results"] == []
    client.force_authenticate(people["zhao"])
    assert client.get(f"{address}{good['ref']}/").status_code == 404


def test_the_command_checks_applies_and_fails_loudly(
    town: City, people: dict[str, Any], kept: Callable[..., Path], tmp_path: Path
) -> None:
    out = io.StringIO()
    call_command(
        "import_projects",
        str(kept(book([row()]))),
        "--as",
        "lin.wei",
        "--datum",
        "WGS-84",
        "--apply",
        "--json",
        stdout=out,
    )
    assert json.loads(out.getvalue())["state"] == "applied" and Project.objects.count() == 1
    marked = tmp_path / "marked.xlsx"
    with pytest.raises(CommandError, match="1 errors"):
        call_command(
            "import_projects", str(kept(book([row(建设规模="x")]))), "--as", "lin.wei", "--datum", "WGS-84", "--apply",
            "--problems", str(marked), stdout=io.StringIO(),
        )  # fmt: skip
    assert marked.read_bytes()[:2] == b"PK"
    with pytest.raises(CommandError, match="datum"):
        call_command("import_projects", str(marked), "--as", "lin.wei")
    call_command("import_projects", "--template", str(tmp_path / "form.xlsx"))
    assert (tmp_path / "form.xlsx").read_bytes()[:2] == b"PK"


def test_a_large_file_is_checked_and_taken_over_by_jobs_that_may_run_twice(
    town: City, people: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_import_jobs, "AT_ONCE_BYTES", 10)
    job = project_import_jobs.check_upload(
        user=people["lin"], city=town, upload=SimpleUploadedFile("l.xlsx", book([row()])), datum="WGS-84"
    )
    assert isinstance(job, Job)
    told: list[float] = []
    for _again in range(2):
        done = project_import_jobs._work(job, lambda share, words: told.append(share))  # type: ignore[arg-type]
    batch = ImportBatch.objects.get()
    assert done["result"]["state"] == "checked" and done["result_url"].endswith(f"/{batch.ref}/")
    second = project_import_jobs.take_over(user=people["lin"], batch=batch)
    assert isinstance(second, Job)
    for _again in range(2):
        project_import_jobs._work(second, lambda share, words: told.append(share))  # type: ignore[arg-type]
    assert Project.objects.count() == 1
