"""A dossier's content as files: PDF (WeasyPrint), DOCX (python-docx) and a workbook (xlsxwriter).

All three walk the same blocks; the sources of figures are a section like any other. Made again of the same content, DOCX and
workbook are the same bytes, and the PDF says the same words.
"""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import xlsxwriter
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from docx import Document
from docx.enum.section import WD_ORIENT
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from core.errors import DomainError
from core.templatetags.pingji import dt
from projects.services.dossier_content import (
    MONEY,
    TEXT,
    Column,
    Dossier,
    Figure,
    Paragraph,
    Photographs,
    Section,
    Span,
    Table,
    t,
)

# Fonts that office programs in China have; where they lack them they take another for the same scripts.
LATIN, BODY, HEADING = "Arial", "SimSun", "SimHei"
# The oldest moment a ZIP can hold: files made again are the same bytes.
ZIP_BEGIN = (1980, 1, 1, 0, 0, 0)
INK, LINK = RGBColor(0x17, 0x21, 0x2B), RGBColor(0x0B, 0x5F, 0x54)
Tell = Callable[[float], None]


def all_sections(dossier: Dossier) -> tuple[Section, ...]:
    """The sections with the list of sources as the last."""
    columns = (
        Column(_("No."), width=1), Column(_("What"), width=2), Column(_("Reference"), width=3), Column(_("Hash"), width=4),
        Column(_("Engine")), Column(_("Clause"), width=3),
    )  # fmt: skip
    rows = tuple(
        (t(str(one.number)), t(one.what), Span(one.ref, href=one.href), t(one.sha256), t(one.engine), t(one.clause))
        for one in dossier.sources
    )  # fmt: skip
    table = Table(_("Where each figure comes from"), columns, rows, _("Sources"))
    return (*dossier.sections, Section(_("Sources of figures"), (table,)))


def link_of(span: Span, dossier: Dossier) -> str:
    """The address a span leads to: its own, else that of its source."""
    if span.href:
        return span.href
    return dossier.sources[span.source - 1].href if span.source else ""


# --- PDF -------------------------------------------------------------------------------------------


def dossier_pdf(dossier: Dossier, tell: Tell = lambda share: None) -> bytes:
    try:
        # Loads Pango, which only the process that lays out needs.
        from weasyprint import HTML
    except OSError as missing:
        words = _(
            "This machine lacks the libraries that lay out documents (Pango); script/bootstrap installs them."
        )
        raise DomainError("no-pdf-here", words, status=503) from missing

    html = dossier_html(dossier)
    tell(0.5)
    content = HTML(string=html, url_fetcher=_nothing_outside).write_pdf()
    assert isinstance(content, bytes)
    return content


def _nothing_outside(url: str, *args: Any, **kwargs: Any) -> Any:
    """Only pictures that the document carries in itself."""
    if url.startswith("data:image/jpeg;base64,"):
        return {"string": base64.b64decode(url.partition(",")[2]), "mime_type": "image/jpeg"}
    raise ValueError(f"a dossier fetches nothing: {url}")


def dossier_html(dossier: Dossier) -> str:
    sections = [
        {
            "number": n,
            "title": one.title,
            "blocks": [_html_block(block, dossier) for block in one.blocks],
        }
        for n, one in enumerate(all_sections(dossier), start=1)
    ]
    last = len(sections)
    return render_to_string(
        "projects/dossier.html",
        {"dossier": dossier, "lang": dossier.language, "sections": sections, "last": last},
    )


def _html_block(block: Any, dossier: Dossier) -> dict[str, Any]:
    if isinstance(block, Paragraph):
        return {"kind": "paragraph", "block": {"note": block.note, "spans": [_html_span(one, dossier) for one in block.spans]}}  # fmt: skip
    if isinstance(block, Table):
        whole = sum(column.width for column in block.columns)
        rows = [_html_row(row, block, dossier) for row in block.rows]
        sums = _html_row(block.sums, block, dossier) if block.sums else []
        return {
            "kind": "table", "widths": [f"{column.width * 100 / whole:.2f}" for column in block.columns],
            "block": {"caption": block.caption, "columns": block.columns, "rows": rows, "sums": sums},
        }  # fmt: skip
    if isinstance(block, Figure):
        return {"kind": "figure", "block": block, "svg": block.picture.svg(block.words)}
    return {"kind": "photographs", "pictures": [(f"data:image/jpeg;base64,{base64.b64encode(data).decode()}", caption) for data, caption in block.pictures]}  # fmt: skip


def _html_row(row: Iterable[Span], block: Table, dossier: Dossier) -> list[dict[str, Any]]:
    """Cells stand as their column does: numbers to the right."""
    return [
        _html_span(one, dossier) | {"right": column.kind != TEXT}
        for one, column in zip(row, block.columns, strict=True)
    ]


def _html_span(span: Span, dossier: Dossier) -> dict[str, Any]:
    return {"text": span.text, "strong": span.strong, "source": span.source, "link": link_of(span, dossier)}  # fmt: skip


# --- DOCX ------------------------------------------------------------------------------------------


def dossier_docx(dossier: Dossier) -> bytes:
    document = Document()
    _styles(document, dossier.language)
    page = document.sections[0]
    page.orientation, page.page_width, page.page_height = WD_ORIENT.PORTRAIT, Mm(210), Mm(297)
    page.left_margin = page.right_margin = Mm(18)
    page.top_margin, page.bottom_margin = Mm(18), Mm(20)
    _footer(page, dossier)
    document.add_heading(dossier.title, level=0)
    first = document.add_paragraph(dossier.subtitle)
    if dossier.synthetic:
        first.add_run(f"  [{_('Synthetic city: every number is made up')}]").italic = True
    said = "".join(one.text for one in dossier.lead)
    document.add_paragraph(
        f"{said}{_('. ')}{_('As of %(when)s.') % {'when': dt(dossier.as_of)}}", style="Subtitle"
    )
    document.add_paragraph(f"{_('Hash of the content (SHA-256):')} {dossier.sha256}", style="Caption")
    for n, one in enumerate(all_sections(dossier), start=1):
        document.add_heading(f"{n}. {one.title}", level=1)
        for block in one.blocks:
            _docx_block(document, block, dossier)
    said_when = dossier.as_of.astimezone(UTC).replace(tzinfo=None)
    told = document.core_properties
    told.title, told.subject, told.comments = dossier.title, dossier.ref, dossier.sha256
    told.author, told.last_modified_by, told.language = "Pingji", "Pingji", dossier.language
    told.created = told.modified = said_when
    out = io.BytesIO()
    document.save(out)
    return _same_bytes(out.getvalue())


def _styles(document: Any, language: str) -> None:
    chinese = language.startswith("zh")
    for name, size, east, bold in (
        ("Normal", 10, BODY, False), ("Title", 20, HEADING, True), ("Heading 1", 14, HEADING, True), ("Heading 2", 11, HEADING, True),
        ("Subtitle", 10, BODY, False), ("Caption", 8.5, BODY, False),
    ):  # fmt: skip
        style = document.styles[name]
        style.font.name, style.font.size, style.font.bold = LATIN, Pt(size), bold
        style.font.italic = False
        style.font.color.rgb = INK
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for key in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{key}"), None)
        fonts.set(qn("w:ascii"), LATIN)
        fonts.set(qn("w:hAnsi"), LATIN)
        fonts.set(qn("w:cs"), LATIN)
        fonts.set(qn("w:eastAsia"), east)
        lang = style.element.get_or_add_rPr().find(qn("w:lang"))
        if lang is None:
            lang = OxmlElement("w:lang")
            style.element.get_or_add_rPr().append(lang)
        lang.set(qn("w:val"), "zh-CN" if chinese else "en-GB")
        lang.set(qn("w:eastAsia"), "zh-CN")


def _footer(page: Any, dossier: Dossier) -> None:
    line = page.footer.paragraphs[0]
    line.add_run(f"{dossier.ref} · {dossier.sha256[:12]} · ").font.size = Pt(8)
    for field in ("PAGE", "NUMPAGES"):
        run = line.add_run()
        run.font.size = Pt(8)
        for kind, words in (("begin", ""), ("", field), ("end", "")):
            if kind:
                mark = OxmlElement("w:fldChar")
                mark.set(qn("w:fldCharType"), kind)
            else:
                mark = OxmlElement("w:instrText")
                mark.set(qn("xml:space"), "preserve")
                mark.text = words
            run._r.append(mark)
        if field == "PAGE":
            line.add_run(" / ").font.size = Pt(8)


def _docx_block(document: Any, block: Any, dossier: Dossier) -> None:
    if isinstance(block, Paragraph):
        line = document.add_paragraph(style="Caption" if block.note else "Normal")
        for one in block.spans:
            _docx_span(line, one, dossier)
    elif isinstance(block, Table):
        document.add_heading(block.caption, level=2)
        _docx_table(document, block, dossier)
        document.add_paragraph()
    elif isinstance(block, Figure):
        document.add_heading(block.caption, level=2)
        _picture(document, block.picture.png(), Mm(170), block.words)
    elif isinstance(block, Photographs):
        for data, caption in block.pictures:
            _picture(document, data, Mm(80), caption)
            document.add_paragraph(caption, style="Caption")


def _picture(document: Any, data: bytes, width: Any, words: str) -> None:
    shape = document.add_picture(io.BytesIO(data), width=width)
    shape._inline.docPr.set("descr", words)


def _docx_span(line: Any, span: Span, dossier: Dossier, size: float = 0) -> None:
    address = link_of(span, dossier)
    if address and not span.strong:
        _hyperlink(line, span.text, address, size)
    else:
        run = line.add_run(span.text)
        run.bold = span.strong or None
        if size:
            run.font.size = Pt(size)
    if span.source:
        mark = line.add_run(f"[{span.source}]")
        mark.font.superscript = True
        if size:
            mark.font.size = Pt(size)


def _hyperlink(line: Any, text: str, address: str, size: float) -> None:
    tie = line.part.relate_to(address, RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
    link = OxmlElement("w:hyperlink")
    link.set(qn("r:id"), tie)
    run = line.add_run(text)
    run.font.color.rgb = LINK
    if size:
        run.font.size = Pt(size)
    link.append(run._r)
    line._p.append(link)


def _docx_table(document: Any, block: Table, dossier: Dossier) -> None:
    size = 8.0 if len(block.columns) > 3 else 9.0
    made = document.add_table(rows=1, cols=len(block.columns), style="Table Grid")
    made.alignment, made.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    whole = sum(column.width for column in block.columns)
    widths = [Mm(174 * column.width / whole) for column in block.columns]
    head = made.rows[0]
    # The head stands again on every page, and is a head to a reader by ear.
    mark = OxmlElement("w:tblHeader")
    mark.set(qn("w:val"), "true")
    head._tr.get_or_add_trPr().append(mark)
    for cell, column in zip(head.cells, block.columns, strict=True):
        run = cell.paragraphs[0].add_run(column.head)
        run.bold, run.font.size = True, Pt(size)
        _align(cell, column.kind)
    for number, row in enumerate([*block.rows, *([block.sums] if block.sums else [])]):
        line = made.add_row()
        whole_row = OxmlElement("w:cantSplit")
        line._tr.get_or_add_trPr().append(whole_row)
        for cell, span, column in zip(line.cells, row, block.columns, strict=True):
            _docx_span(cell.paragraphs[0], span, dossier, size)
            _align(cell, column.kind)
            if block.sums and number == len(block.rows):
                for run in cell.paragraphs[0].runs:
                    run.bold = True
    for line in made.rows:
        for cell, width in zip(line.cells, widths, strict=True):
            cell.width = width


def _align(cell: Any, kind: str) -> None:
    if kind != TEXT:
        cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT


def _same_bytes(content: bytes) -> bytes:
    """The parts of a ZIP with one fixed time, in their order."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            kept = zipfile.ZipInfo(info.filename, ZIP_BEGIN)
            kept.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(kept, old.read(info))
    return out.getvalue()


# --- workbook --------------------------------------------------------------------------------------


def dossier_xlsx(dossier: Dossier) -> bytes:
    """One sheet a noun, money in yuan with two decimals; tables of the same noun (rounds of cases) stand under each other."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    created = dossier.as_of.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    book.set_properties({"title": dossier.title, "comments": dossier.sha256, "created": datetime(*created.timetuple()[:6])})  # fmt: skip
    text = book.add_format({"valign": "top", "text_wrap": True})
    bold = book.add_format({"bold": True, "valign": "top", "text_wrap": True})
    right = book.add_format({"bold": True, "valign": "top", "align": "right", "text_wrap": True})
    forms = {
        MONEY: book.add_format({"num_format": "#,##0.00", "valign": "top"}),
        "whole": book.add_format({"num_format": "#,##0", "valign": "top"}),
        "number": book.add_format({"num_format": "#,##0.###", "valign": "top"}),
    }
    sheets: dict[str, tuple[Any, list[int]]] = {}
    for section in all_sections(dossier):
        for block in section.blocks:
            if isinstance(block, Table):
                _sheet(book, sheets, block, bold, right, text, forms)
    book.close()
    return _same_bytes(out.getvalue())


def _sheet(book: Any, sheets: dict[str, Any], block: Table, bold: Any, right: Any, text: Any, forms: dict[str, Any]) -> None:  # fmt: skip
    name = (block.sheet or block.caption)[:31]
    if name not in sheets:
        made = book.add_worksheet(name)
        for n, column in enumerate(block.columns):
            made.set_column(n, n, 8 + 6 * column.width)
        sheets[name] = (made, [0])
    sheet, at = sheets[name]
    sheet.write_string(at[0], 0, block.caption, bold)
    at[0] += 1
    for n, column in enumerate(block.columns):
        sheet.write_string(at[0], n, column.head, bold if column.kind == TEXT else right)
    for row in block.rows:
        at[0] += 1
        for n, span in enumerate(row):
            _cell(sheet, at[0], n, span, text, forms)
    at[0] += 2


def _cell(sheet: Any, row: int, n: int, span: Span, text: Any, forms: dict[str, Any]) -> None:
    """A figure as a number, money as yuan exactly to the fen; words never as a formula; what is unknown stays empty."""
    if span.kind == MONEY and span.value is not None:
        sheet.write_number(row, n, int(span.value) / 100, forms[MONEY])
    elif span.value is not None:
        sheet.write_number(row, n, span.value, forms[span.kind])
    elif span.text not in ("", "—"):
        sheet.write_string(row, n, span.text, text)
