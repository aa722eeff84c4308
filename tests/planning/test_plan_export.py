"""Files of a plan's version, read back and set against the database; rights; both languages; jobs."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import openpyxl
import pyogrio
import pypdf
import pytest
from django.core.files.storage import storages
from django.core.management import call_command
from django.test import Client

from core.errors import DomainError, Forbidden
from core.models import Job
from core.services import jobs
from planning.models import AreaResult, CellResult, InterventionMoney
from planning.services import explanations
from planning.services.plan_export import ask_export, export_now, exports_of, holds, kept_file
from planning.services.plan_freeze import content_sha256, freeze_version
from tests.planning.test_plans import suggested

LANGUAGES = ["en", "zh-hans"]


@pytest.fixture
def plan(priced: SimpleNamespace, compute: Any) -> SimpleNamespace:
    """A version with money in two years, and an explanation that rejects the yard and the hotel."""
    priced.runs = compute(priced)
    priced.version = suggested(priced, priced.runs, 70_000)
    for n, one in enumerate(priced.version.interventions.all()):
        one.year = 2027 + n % 2
        one.running_fen_year, one.peacetime_fen_year = 100 * (n + 1), 1000 * (n + 1)
        one.save()
        half = one.cost_fen // 2
        for source, fen in (("central", half), ("local", one.cost_fen - half)):
            InterventionMoney.objects.create(intervention=one, year=one.year, source=source, amount_fen=fen)
    job = explanations.start(user=None, version=priced.version)
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert job.state == "done", job.error
    priced.ref = priced.version.plan.ref
    return priced


def made(plan: SimpleNamespace, form: str, language: str = "en", user: Any = None) -> bytes:
    return export_now(user=user, version=plan.version, form=form, language=language).content


def sheet(content: bytes, key: str) -> list[dict[str, Any]]:
    """Rows of the sheet whose name begins with `key`, by their heads."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    page = next(book[name] for name in book.sheetnames if name.split(" ")[0] == key)
    rows = list(page.iter_rows(min_row=4, values_only=True))
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


# --- the workbook ----------------------------------------------------------------------------------


def test_t7_holds_every_intervention_and_every_alternative(plan: SimpleNamespace) -> None:
    rows = sheet(made(plan, "xlsx"), "T7")
    chosen = [row for row in rows if row["In the plan"] == "chosen"]
    for row, one in zip(chosen, plan.version.interventions.order_by("order"), strict=True):
        assert (row["No."], row["Site"], row["Capacity gained"], row["Need newly served"]) == (
            one.order, one.name_en, one.units, one.people_newly_served
        )  # fmt: skip
        assert round(row["Cost"] * 100) == one.cost_fen and row["Lead time"] == one.lead_months
        assert (row["Longitude"], row["Latitude"]) == pytest.approx((one.point.x, one.point.y))
        assert row["District"] == one.area.name_en and "usable in all 1 runs" in row["Hazard check"]
        assert str(one.people_newly_served) in row["Reason"] and "Without it" in row["Reason"]
    left = {row["Site"]: row for row in rows if row["In the plan"] == "not chosen"}
    assert set(left) == {"Old yard", "Place 4"}
    assert left["Old yard"]["Cost"] == 1000 and "more than the whole budget" in left["Old yard"]["Reason"]
    assert (
        left["Place 4"]["Land parcel"] == "existing premises"
        and left["Old yard"]["Land parcel"] == "IA-90001"
    )


def test_t8_splits_each_investment_by_source_to_the_fen(plan: SimpleNamespace) -> None:
    rows = sheet(made(plan, "xlsx"), "T8")
    assert len(rows) == 3
    for row, one in zip(rows, plan.version.interventions.order_by("order"), strict=True):
        parts = [
            round((row[name] or 0) * 100) for name in ("Central budget", "Local budget", "Source not named")
        ]
        assert sum(parts) == one.cost_fen == round(row["Investment"] * 100) and parts[2] == 0
        assert row["Start"] == one.year and row["Project code"] == f"{plan.ref}-1-{one.order:03d}"
        assert row["End"] == one.year + max(one.lead_months - 1, 0) // 12


def test_t9_tells_each_year_its_projects_milestones_and_money(plan: SimpleNamespace) -> None:
    rows = sheet(made(plan, "xlsx"), "T9")
    assert [row["Year"] for row in rows] == sorted(row["Year"] for row in rows)
    for year in (2027, 2028):
        wanted = sum(InterventionMoney.objects.filter(year=year).values_list("amount_fen", flat=True))
        assert sum(round(row["Funds of the year"] * 100) for row in rows if row["Year"] == year) == wanted
    assert all(row["First quarter"].startswith("begins") for row in rows)


def test_quarters_follow_from_the_lead_time() -> None:
    from planning.services.plan_tables import milestone

    one = SimpleNamespace(year=2027, lead_months=14)
    told = [[milestone(one, year, quarter) for quarter in range(4)] for year in (2026, 2027, 2028)]  # type: ignore[arg-type]
    assert told == [
        ["", "", "", ""], ["begins", "work goes on", "work goes on", "work goes on"], ["ready", "", "", ""]
    ]  # fmt: skip
    assert milestone(SimpleNamespace(year=2027, lead_months=2), 2027, 0) == "begins, ready"  # type: ignore[arg-type]


def test_before_and_after_by_area_equal_the_results_of_the_runs(plan: SimpleNamespace) -> None:
    rows = sheet(made(plan, "xlsx"), "A")
    run, after = plan.runs[0], plan.version.runs.get()
    for row in rows:
        if row["Level"] == "total":
            assert (row["Gap, before"], row["Gap, with the plan"], row["Gap closed"]) == (55, 0, 55)
            assert round(row["Cost"] * 100) == 68_000
            continue
        for side, of in (("before", run), ("with the plan", after)):
            stored = AreaResult.objects.get(run=of, area__code=row["Area code"], service=plan.service)
            for head, name in (
                ("Need", "need"),
                ("Served", "served"),
                ("Late", "late"),
                ("No room", "no_room"),
                ("Out of reach", "out_of_reach"),
            ):
                assert row[f"{head}, {side}"] == getattr(stored, name)
    assert len(rows) == 3


def test_money_adds_up_to_the_cost_with_what_stands_in_no_year(plan: SimpleNamespace) -> None:
    first = InterventionMoney.objects.first()
    first.delete()
    rows = sheet(made(plan, "xlsx"), "M")
    *parts, total = rows
    assert round(total["Amount"] * 100) == 68_000
    assert sum(round(row["Amount"] * 100) for row in parts) == 68_000
    assert parts[-1]["Year"] is None and round(parts[-1]["Amount"] * 100) == first.amount_fen


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_file_says_what_it_stands_on(plan: SimpleNamespace, language: str) -> None:
    digest = content_sha256(plan.version)
    book = openpyxl.load_workbook(io.BytesIO(made(plan, "xlsx", language)))
    notes = "\n".join(
        str(cell) for row in book.worksheets[0].iter_rows(values_only=True) for cell in row if cell
    )
    about = json.loads(made(plan, "geojson", language))["plan"]
    for words in (notes, json.dumps(about, ensure_ascii=False)):
        for part in (
            digest,
            plan.runs[0].ref,
            plan.version.runs.get().ref,
            plan.runs[0].snapshot.short,
            plan.version.engine_version,
        ):
            assert part in words
    assert ("算例" if language == "zh-hans" else "Worked example") in notes
    assert about["content_sha256"] == digest and about["status"] == "optimal"
    names = book.sheetnames
    assert [name.split(" ")[0] for name in names[1:]] == ["T7", "T8", "T9", "A", "M", "P", "T13"]


# --- for map desks ---------------------------------------------------------------------------------


def test_geojson_holds_chosen_and_rejected_places_where_they_are(plan: SimpleNamespace) -> None:
    told = json.loads(made(plan, "geojson"))
    assert "crs" not in told and len(told["features"]) == 5
    by_order = {one["properties"]["order"]: one for one in told["features"] if one["properties"]["chosen"]}
    for one in plan.version.interventions.all():
        feature = by_order[one.order]
        assert feature["geometry"]["coordinates"] == pytest.approx([one.point.x, one.point.y], abs=1e-7)
        assert (feature["properties"]["cost_fen"], feature["properties"]["units"]) == (
            one.cost_fen,
            one.units,
        )
    assert {one["properties"]["name_en"] for one in told["features"] if not one["properties"]["chosen"]} == {
        "Old yard",
        "Place 4",
    }


def test_the_geopackage_is_in_cgcs2000_and_equals_the_database(plan: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "plan.gpkg"
    path.write_bytes(made(plan, "gpkg"))
    layers = {str(name) for name, _kind in pyogrio.list_layers(path)}
    assert layers == {"interventions", "candidates_not_chosen", "areas", "cells", "about"}
    for name in layers - {"about"}:
        assert pyogrio.read_info(path, layer=name)["crs"] == "EPSG:4490"

    def read(name: str) -> dict[str, np.ndarray]:
        meta, _fid, _shapes, columns = pyogrio.raw.read(path, layer=name)
        return dict(zip(meta["fields"], columns, strict=True))

    rows = read("interventions")
    stored = list(plan.version.interventions.order_by("order").values_list("order", "units", "cost_fen"))
    assert (
        list(zip(rows["order"].tolist(), rows["units"].tolist(), rows["cost_fen"].tolist(), strict=True))
        == stored
    )
    assert len(read("candidates_not_chosen")["option"]) == 2
    cells, run, after = read("cells"), plan.runs[0], plan.version.runs.get()
    assert len(cells["cell"]) == 4
    for side, of in (("before", run), ("after", after)):
        kept = {row.cell.code: row for row in CellResult.objects.filter(run=of).select_related("cell")}
        for n, code in enumerate(cells["cell"]):
            for name in ("need", "served", "late", "no_room", "out_of_reach", "gap"):
                assert cells[f"{name}_{side}"][n] == getattr(kept[code], name)
    areas = read("areas")
    assert areas["closed"].sum() == 55 and areas["cost_fen"].sum() == 68_000
    words = dict(zip(*read("about").values(), strict=True))
    assert words["content_sha256"] == content_sha256(plan.version)


# --- the document ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_document_holds_its_figures_tables_and_page_numbers(plan: SimpleNamespace, language: str) -> None:
    freeze_version(user=None, version=plan.version)
    reader = pypdf.PdfReader(io.BytesIO(made(plan, "pdf", language)))
    pages = [page.extract_text() for page in reader.pages]
    whole = "\n".join(pages)
    box = reader.pages[0].mediabox
    assert (round(box.width), round(box.height)) == (595, 842)  # A4
    assert all(f"{n} / {len(pages)}" in words for n, words in enumerate(pages, start=1))
    for one in plan.version.interventions.all():
        assert (one.name if language == "zh-hans" else one.name_en) in whole
    for number in ("115", "55", "80", "35"):
        assert number in whole
    assert plan.version.content_sha256[:12] in whole and plan.runs[0].ref in whole
    assert ("方案" if language == "zh-hans" else "Worked example") in whole
    fonts = {
        str(font["/BaseFont"])
        for page in reader.pages
        for font in (f.get_object() for f in page["/Resources"]["/Font"].values())
    }
    assert any("Noto" in name and "CJK" in name for name in fonts), fonts
    # maps are drawn, not pictures
    assert not any(page.images for page in reader.pages)


# --- rights ----------------------------------------------------------------------------------------


def test_a_district_gets_its_own_rows_in_every_file(
    plan: SimpleNamespace, person: Any, tmp_path: Path
) -> None:
    kim = person("kim", "planner", plan.left)
    rows = sheet(made(plan, "xlsx", user=kim), "T7")
    assert {row["Site"] for row in rows} == {"Place 1", "Old yard"}
    assert {
        one["properties"]["name_en"] for one in json.loads(made(plan, "geojson", user=kim))["features"]
    } == {"Place 1", "Old yard"}
    path = tmp_path / "kim.gpkg"
    path.write_bytes(made(plan, "gpkg", user=kim))
    meta, _fid, _shapes, columns = pyogrio.raw.read(path, layer="cells")
    assert sorted(dict(zip(meta["fields"], columns, strict=True))["cell"]) == ["c1", "c2"]
    words = "".join(
        page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made(plan, "pdf", user=kim))).pages
    )
    assert "Place 1" in words and "Place 2" not in words and "East" not in words
    with pytest.raises(Forbidden):
        made(plan, "xlsx", user=person("chen", ""))


def test_what_cannot_be_written_is_said(plan: SimpleNamespace) -> None:
    with pytest.raises(DomainError) as told:
        made(plan, "docx")
    assert told.value.code == "unknown-format"
    with pytest.raises(DomainError, match="zh-hans"):
        made(plan, "xlsx", "fr")


# --- jobs, page, API, command ----------------------------------------------------------------------


def test_a_document_is_made_by_one_job_and_kept_for_who_asked(plan: SimpleNamespace, person: Any) -> None:
    lin = person("lin", "planner")

    def ask(user: Any = lin) -> Any:
        return ask_export(user=user, version=plan.version, form="pdf", language="zh-hans")

    job = ask()
    assert isinstance(job, Job) and ask().pk == job.pk
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert job.state == "done", job.error
    found = ask()
    assert not isinstance(found, Job) and found.open().read(5) == b"%PDF-"
    wang = person("wang", "reviewer")
    with pytest.raises(DomainError) as told:
        kept_file(user=wang, version=plan.version, job_ref=job.ref)
    assert told.value.status == 404 and isinstance(ask(wang), Job)


def test_a_kept_file_is_made_anew_when_the_draft_or_the_rights_change(
    plan: SimpleNamespace, person: Any
) -> None:
    kim = person("kim", "planner", plan.left)
    job = ask_export(user=kim, version=plan.version, form="pdf", language="en")
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert holds(job, user=kim, version=plan.version)
    kim.memberships.update(area=plan.right)
    del kim._memberships_in_force
    assert not holds(job, user=kim, version=plan.version)
    with pytest.raises(DomainError) as told:
        kept_file(user=kim, version=plan.version, job_ref=job.ref)
    assert told.value.code == "rights-changed"
    kim.memberships.update(area=plan.left)
    del kim._memberships_in_force
    plan.version.interventions.update(year=2029)
    assert not holds(job, user=kim, version=plan.version)


def test_files_that_nobody_came_back_for_go(plan: SimpleNamespace, person: Any) -> None:
    from datetime import timedelta

    from django.utils import timezone

    lin = person("lin", "planner")
    old = ask_export(user=lin, version=plan.version, form="pdf", language="en")
    jobs.perform(old.ref)
    Job.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=3))
    name = Job.objects.get(pk=old.pk).result["file"]
    new = ask_export(user=lin, version=plan.version, form="pdf", language="zh-hans")
    jobs.perform(new.ref)
    assert not storages["artefacts"].exists(name)
    assert set(exports_of(lin, plan.version)) == {("pdf", "en"), ("pdf", "zh-hans")}


def test_the_api_answers_files_and_jobs(plan: SimpleNamespace, person: Any, client: Client) -> None:
    client.force_login(person("lin", "planner"))
    url = f"/api/v1/plans/{plan.ref}/versions/1/export/"
    for form, kind in (("xlsx", "spreadsheetml"), ("geojson", "geo+json"), ("gpkg", "geopackage")):
        answer = client.get(f"{url}?format={form}&lang=zh-hans")
        assert answer.status_code == 200 and kind in answer["Content-Type"], form
        assert f"{plan.ref}-1-zh-hans.{form}" in answer["Content-Disposition"]
    waits = client.get(f"{url}?format=pdf")
    assert waits.status_code == 202 and waits["Location"].startswith("/api/v1/jobs/")
    jobs.perform(waits.json()["job"]["ref"])
    ready = client.get(f"{url}?format=pdf")
    assert ready.status_code == 200 and b"".join(ready.streaming_content)[:5] == b"%PDF-"
    assert client.get(f"{url}?format=docx").status_code in (404, 406, 422)
    assert client.get(f"{url}?format=xlsx&lang=fr").status_code == 422
    client.force_login(person("chen", ""))
    assert client.get(f"{url}?format=xlsx").status_code == 404


def test_the_page_offers_files_and_tells_the_record(
    plan: SimpleNamespace, person: Any, client: Client
) -> None:
    lin = person("lin", "planner")
    client.force_login(lin)
    url = f"/plans/{plan.ref}/"
    page = client.get(f"{url}files/?version=1").content.decode()
    assert content_sha256(plan.version) in page and "Freeze version 1" in page
    got = client.post(f"{url}exports/", {"version": 1, "format": "xlsx", "language": "zh-hans"})
    assert got.status_code == 200 and got.content[:2] == b"PK"
    assert client.post(f"{url}exports/", {"version": 1, "format": "pdf", "language": "en"}).status_code == 302
    job = Job.objects.get(kind="plan_export")
    assert 'role="progressbar"' in client.get(f"{url}files/?version=1").content.decode()
    jobs.perform(job.ref)
    assert f"/plans/{plan.ref}/exports/{job.ref}/" in client.get(f"{url}files/?version=1").content.decode()
    file = client.get(f"{url}exports/{job.ref}/")
    assert file.status_code == 200 and b"".join(file.streaming_content)[:5] == b"%PDF-"
    freeze_version(user=lin, version=plan.version)
    page = client.get(f"{url}files/?version=1").content.decode()
    assert "equals what was frozen" in page and "Freeze version 1" not in page
    client.force_login(person("wang", "reviewer"))
    assert client.get(f"{url}exports/{job.ref}/").status_code == 404


@pytest.mark.parametrize(
    ("form", "begins"), [("xlsx", b"PK"), ("gpkg", b"SQLite"), ("geojson", b"{"), ("pdf", b"%PDF-")]
)
def test_the_command_writes_every_format(
    plan: SimpleNamespace, tmp_path: Path, capsys: Any, form: str, begins: bytes
) -> None:
    path = tmp_path / f"out.{form}"
    call_command(
        "plan_export",
        plan.ref,
        "--version",
        "1",
        "--format",
        form,
        "--lang",
        "zh-hans",
        "--output",
        str(path),
        "--json",
    )
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(path) and told["bytes"] == path.stat().st_size
    assert told["content_sha256"] == content_sha256(plan.version) and path.read_bytes().startswith(begins)


def test_the_api_tells_who_froze_a_version_and_its_hash(
    plan: SimpleNamespace, person: Any, client: Client
) -> None:
    lin = person("lin", "planner")
    client.force_login(lin)
    freeze_version(user=lin, version=plan.version)
    told = client.get(f"/api/v1/plans/{plan.ref}/versions/1/").json()
    assert (told["frozen_by"], told["content_sha256"]) == ("lin", plan.version.content_sha256)


@pytest.mark.parametrize(
    ("aim", "value", "bound", "words"),
    [
        ("most", 55.0, 60.0, ("55", "60")), ("cheapest", 6_800_000.0, 6_000_000.0, ("68,000", "60,000")),
        ("fairest", 0.9, 0.95, ("90.0", "95.0")),
    ],
)  # fmt: skip
def test_the_proof_is_told_in_the_words_of_the_aim(
    plan: SimpleNamespace, person: Any, aim: str, value: float, bound: float, words: tuple[str, str]
) -> None:
    from planning.services.plan_facts import facts_of
    from planning.services.plan_words import proof_words

    one = plan.version
    one.aim, one.status, one.gap = aim, "within", 0.05
    one.value = one.aim_value = value
    one.bound = one.aim_bound = bound
    said = proof_words(facts_of(one, user=None))
    assert "5.0" in said and all(
        word in said.replace("¥68 k", "68,000").replace("¥60 k", "60,000") for word in words
    )
    # a bound of the whole city is not for a district
    assert words[1] not in proof_words(facts_of(one, user=person("kim", "planner", plan.left)))
    one.gap = None
    assert "has not been proved" in proof_words(facts_of(one, user=None))


def test_limits_are_told_in_words(plan: SimpleNamespace) -> None:
    from planning.services.plan_words import question_lines

    plan.version.question = {
        "target": 0.9, "area_target": {"T1": 0.85}, "number": {"least": 1, "most": 20}, "number_by_kind": {"build": {"most": 3}},
        "number_by_area": {"T2": {"least": 1}}, "funds": {"special_bond": {"limit_fen": 100_000_00, "kinds": ["build"]}},
        "years": [{"year": 2027, "budget_fen": 100_000_00}], "must": [f"convert:c{plan.roles[3].pk}"], "banned": [f"build:o{plan.option.pk}@0.5", "build:o999999"],
        "spacing_m": {"build": 500}, "running_limit_fen_year": 100, "sizes": True, "tail": 0.2,
    }  # fmt: skip
    told = dict(question_lines(plan.version))
    assert (
        told["Places that must be in"] == "Place 4"
        and told["Places that may not be in"] == "Old yard, build:o999999"
    )
    assert "West" in told["Share to be served by area"] and "East" in told["Number by area"]
    assert told["Special bond"] == "¥100 k, only for build" and told["Budget by year"] == "2027: ¥100 k"
    assert told["Number of interventions"] == "at least 1, at most 20"
    # every limit of a question has its words
    assert len(told) == 4 + len(plan.version.question)
