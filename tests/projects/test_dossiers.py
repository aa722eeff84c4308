"""Dossiers: one content, three files that say the same; every figure names its source; what was decided on stays word for word."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import date
from typing import Any

import openpyxl
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils.translation import override
from docx import Document
from docx.oxml.ns import qn
from pypdf import PdfReader

from core.choices import Role
from core.errors import DomainError, Forbidden
from core.models import Area, Job
from core.services import jobs
from projects.models import BudgetLine, Case, DuplicateCheck, Project
from projects.selectors import files
from projects.services import dossier
from projects.services.dossier_content import MONEY, Dossier, Figure, Paragraph, Table, yuan_text
from projects.services.dossier_files import (
    all_sections,
    dossier_docx,
    dossier_html,
    dossier_pdf,
    dossier_xlsx,
)
from tests.projects.published import approve, build

pytestmark = pytest.mark.django_db
ALTERNATIVE = {
    "name": "兰原小学", "name_en": "Lanyuan school", "kind": "convert", "units": 700, "cost_fen": 14_570_000_00, "gain": 547.2,
    "reason": "value", "area_path": "510100/510105/", "service": "short_fixed_shelter",
}  # fmt: skip


@pytest.fixture
def told(project: Project, people: dict[str, Any], approval: Any) -> Project:
    """Approved with a condition after what a plan said, built, paid and handed over."""
    Project.objects.filter(pk=project.pk).update(
        alternatives=[ALTERNATIVE], description="体育馆加装隔断与应急供水", duplicate_reason="现有场馆步行距离过远",
        need={"runs": [{"run": "R-9", "scenario": "百年一遇洪水", "scenario_en": "Flood", "time_of_day": "day", "snapshot": "ab" * 32, "newly_served": 640}]},
    )  # fmt: skip
    approve(project, people, approval, conditions=[("接入第二水源", date(2026, 12, 15))])
    build(project, people)
    return project


def words_of(told: Dossier) -> list[str]:
    """Every piece of text of the content, as each file must have it."""
    said: list[str] = [told.title, told.subtitle]
    for section in all_sections(told):
        said.append(section.title)
        for block in section.blocks:
            if isinstance(block, Paragraph):
                said += [span.text for span in block.spans]
            elif isinstance(block, Table):
                said += [block.caption, *(column.head for column in block.columns)]
                said += [span.text for row in [*block.rows, block.sums] for span in row]
            elif isinstance(block, Figure):
                said.append(block.caption)
    return [one.strip() for one in said if one.strip()]


def bare(text: str) -> str:
    """Without spaces and line ends, which a page breaks where it likes."""
    return re.sub(r"[\s\u00ad]+", "", text)


def docx_text(content: bytes) -> str:
    return "".join(node.text or "" for node in Document(io.BytesIO(content)).element.body.iter(qn("w:t")))


def pdf_text(content: bytes) -> str:
    return "".join(one.extract_text() for one in PdfReader(io.BytesIO(content)).pages)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pdf_and_docx_say_every_word_of_the_same_content(told, people, language):
    found = dossier.content_of(user=people["lin"], project=told, language=language)
    with override(language):
        said = words_of(found)
        html, docx = bare(re.sub(r"<sup>.*?</sup>|<[^>]+>", "", dossier_html(found))), dossier_docx(found)
    text = bare(re.sub(r"\[\d+\]", "", docx_text(docx)))
    html = html.replace("&#x27;", "'").replace("&quot;", '"').replace("&amp;", "&")
    for one in said:
        assert bare(one) in html, one
        assert bare(re.sub(r"\[\d+\]", "", one)) in text, one


def test_the_pdf_is_laid_out_with_pages_and_chinese_that_can_be_read(told, people):
    found = dossier.content_of(user=people["lin"], project=told, language="zh-hans")
    with override("zh-hans"):
        content = dossier_pdf(found)
    reader = PdfReader(io.BytesIO(content))
    text = bare(pdf_text(content))
    assert len(reader.pages) >= 4
    for words in ("文轩体育馆改造", "PJ-1", "24,600,000.00", "锦江建工有限公司", "接入第二水源", "现有场馆步行距离过远", found.sha256[:12], f"1/{len(reader.pages)}"):  # fmt: skip
        assert words in text, words


def test_every_figure_is_a_link_to_a_numbered_source_in_both_files(told, people):
    found = dossier.content_of(user=people["lin"], project=told, language="en")
    numbers = {one.number: one for one in found.sources}
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    figures = [
        span
        for section in found.sections
        for block in section.blocks
        for row in ([block.spans] if isinstance(block, Paragraph) else [*block.rows, block.sums] if isinstance(block, Table) else [])
        for span in row
        if span.kind == MONEY and span.value is not None
    ]  # fmt: skip
    assert len(figures) > 20 and all(span.source in numbers for span in figures)
    assert all(one.href.startswith("http://127.0.0.1:8000/") for one in found.sources)
    with override("en"):
        docx, pdf = dossier_docx(found), dossier_pdf(found)
    hrefs = {one.href for one in found.sources if f"[{one.number}]" in docx_text(docx)}
    ties = {tie.target_ref for tie in Document(io.BytesIO(docx)).part.rels.values() if tie.is_external}
    assert hrefs and hrefs <= ties
    uris = {
        note.get_object()["/A"]["/URI"]
        for one in PdfReader(io.BytesIO(pdf)).pages
        for note in one.get("/Annots", [])
        if "/URI" in note.get_object().get("/A", {})
    }
    assert hrefs <= uris


def test_a_run_is_cited_with_snapshot_engine_and_the_case_with_its_hash(told, people):
    found = dossier.content_of(user=people["lin"], project=told, language="en")
    run = next(one for one in found.sources if one.ref == "R-9")
    assert run.sha256 == "ab" * 32 and run.href.endswith("/runs/R-9/")
    frozen = Case.objects.get(project=told, tranche=None).submissions.get()
    assert frozen.sha256 in {one.sha256 for one in found.sources}


def test_the_docx_has_headings_repeated_heads_page_numbers_and_fonts_for_chinese(told, people):
    found = dossier.content_of(user=people["lin"], project=told, language="zh-hans")
    with override("zh-hans"):
        read = Document(io.BytesIO(dossier_docx(found)))
    heads = [one.text for one in read.paragraphs if one.style.name == "Heading 1"]
    assert len(heads) == len(found.sections) + 1 and heads[0].startswith("1. ")
    assert read.tables and all(
        table.rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None for table in read.tables
    )
    footer = read.sections[0].footer._element.xml
    assert "PAGE" in footer and "NUMPAGES" in footer
    for name, east in (("Normal", "SimSun"), ("Heading 1", "SimHei")):
        fonts = read.styles[name].element.rPr.rFonts
        assert (fonts.get(qn("w:eastAsia")), fonts.get(qn("w:asciiTheme"))) == (east, None)
    assert len(read.inline_shapes) == 2
    assert all(shape._inline.docPr.get("descr") for shape in read.inline_shapes)


def test_the_workbook_has_money_as_numbers_that_add_up_to_the_fen(told, people):
    found = dossier.content_of(user=people["lin"], project=told, language="en")
    with override("en"):
        book = openpyxl.load_workbook(io.BytesIO(dossier_xlsx(found)))
    sheet = book["Payments"]
    amounts = [row[4] for row in sheet.iter_rows(min_row=3, values_only=True) if row[4] is not None]
    assert amounts == [3_000_000.01, 1000, -1000]
    assert sheet["E3"].number_format == "#,##0.00"
    assert [row[2] for row in book["Budget"].iter_rows(min_row=3, values_only=True) if row[2]] == [14_600_000, 10_000_000]  # fmt: skip


def test_amounts_are_written_exactly():
    assert [yuan_text(fen) for fen in (0, 5, 100, 2_460_000_001, -100_050)] == ["0.00", "0.05", "1.00", "24,600,000.01", "−1,000.50"]  # fmt: skip


def files_of_case(project: Project) -> tuple[str, bytes, bytes, str]:
    case = Case.objects.select_related("route", "tranche").get(project=project, tranche=None)
    project = Project.objects.get(pk=project.pk)
    case.project = project
    found = dossier.content_of(user=None, project=project, case=case, language="zh-hans")
    with override("zh-hans"):
        return found.sha256, dossier_docx(found), dossier_xlsx(found), pdf_text(dossier_pdf(found))


def test_the_dossier_of_a_decided_case_is_made_again_word_for_word_whatever_happens_to_the_project(
    told, people
):
    before = files_of_case(told)
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate; set session_replication_role = replica")
        Project.objects.filter(pk=told.pk).update(
            name="另一个名字", cost_fen=1, units=1, need={}, alternatives=[], description="改过", state="commissioned", gap_promised=3,
        )  # fmt: skip
        BudgetLine.objects.filter(project=told).update(amount_fen=7)
        told.milestones.all().update(name="别的", works_percent=1)
        told.tranches.all().update(name="别的")
        told.responsibilities.all().update(task="别的")
        told.conditions.all().update(state="waived", note="别的")
        cursor.execute("set session_replication_role = origin")
    DuplicateCheck.objects.create(project=told, found={"rows": []}, overlap_percent=99, needs_reason=True)
    assert files_of_case(told) == before


def test_the_same_content_gives_the_same_bytes_and_one_changed_fen_another_hash(told, people):
    one, two = (dossier.content_of(user=None, project=told, language="en") for _ in range(2))
    assert one.sha256 == two.sha256
    assert dossier_docx(one) == dossier_docx(two) and dossier_xlsx(one) == dossier_xlsx(two)
    with zipfile.ZipFile(io.BytesIO(dossier_docx(one))) as parts:
        assert {info.date_time for info in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate; set session_replication_role = replica")
        BudgetLine.objects.filter(project=told, source="central").update(amount_fen=14_600_000_01)
        cursor.execute("set session_replication_role = origin")
    assert dossier.content_of(user=None, project=told, language="en").sha256 != one.sha256


def test_a_district_reads_its_own_project_without_names_from_elsewhere(told, people, person):
    top = Area.objects.get(code="510100")
    Area.objects.create(city=told.city, code="510105", name="青羊区", level=2, parent=top, path="510100/510105/", geometry=top.geometry, label_point=top.label_point)  # fmt: skip
    own, other = person("he.jing", Role.VIEWER, area="510104"), person("mo.li", Role.VIEWER, area="510105")
    whole = words_of(dossier.content_of(user=people["lin"], project=told, language="zh-hans"))
    mine = words_of(dossier.content_of(user=own, project=told, language="zh-hans"))
    assert "兰原小学" in whole and "兰原小学" not in mine and "24,600,000.00" in mine
    with pytest.raises(Forbidden):
        dossier.content_of(user=other, project=told, language="zh-hans")
    case = Case.objects.get(project=told, tranche=None)
    kept = files.submission_document(own, "PJ-1", case.ref, 1)
    assert kept["left_out"] == 1 and "兰原小学" not in json.dumps(kept, ensure_ascii=False)
    assert files.submission_document(people["lin"], "PJ-1", case.ref, 1)["content"]["alternatives"] == [
        ALTERNATIVE
    ]


def test_a_pdf_asked_for_twice_is_one_job_and_then_a_file_until_the_project_changes(told, people):
    lin = people["lin"]
    ask = {"user": lin, "project": told, "form": "pdf", "language": "en"}
    first, again = dossier.ask_dossier(**ask), dossier.ask_dossier(**ask)
    assert isinstance(first, Job) and first == again
    jobs.perform(first.ref)
    made = dossier.ask_dossier(**ask)
    assert (
        isinstance(made, dossier.DossierFile)
        and made.content.startswith(b"%PDF-")
        and made.name == "PJ-1-en.pdf"
    )
    Project.objects.filter(pk=told.pk).update(name_en="Wenxuan gymnasium")
    told.refresh_from_db()
    assert isinstance(dossier.ask_dossier(**ask), Job)
    with pytest.raises(DomainError) as refused:
        dossier.ask_dossier(**{**ask, "form": "odt"})
    assert refused.value.code == "unknown-format"


def test_the_command_writes_both_languages_whatever_the_machine_speaks(told, tmp_path, capsys):
    for language, words in (("en", "What it costs"), ("zh-hans", "文轩体育馆改造")):
        path = tmp_path / f"{language}.docx"
        call_command(
            "dossier", "PJ-1", "--format", "docx", "--language", language, "--out", str(path), "--json"
        )
        assert words in docx_text(path.read_bytes())
    assert len(json.loads(capsys.readouterr().out.splitlines()[-1])["content_sha256"]) == 64
    with pytest.raises(CommandError, match="PJ-77"):
        call_command("dossier", "PJ-77")
    with pytest.raises(CommandError, match="no project"):
        call_command("dossier", "PJ-1", "--as", "chen.yu")
