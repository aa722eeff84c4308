"""CSV in blocks: memory for the wanted columns only, exact row numbers, any declared encoding."""

from __future__ import annotations

import csv
import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
from django.utils.translation import gettext_lazy as _

from facilities.importers.blocks import assemble, convert_block, missing_columns
from facilities.importers.columns import Column, Columns
from facilities.importers.problems import Problems

BLOCK_ROWS = 50_000
_GUESSES = ("gb18030", "big5", "shift_jis")


def read_delimited(
    path: Path, label: str, encoding: str, delimiter: str, columns: Mapping[str, Column], problems: Problems
) -> Columns | None:
    try:
        "".encode(encoding)
    except LookupError:
        text = _('The encoding "%(encoding)s" is not known.')
        problems.add("encoding_unknown", text, file=label, encoding=encoding)
        return None
    row = 0
    blocks: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []
    # a UTF-8 file may start with a mark that is not part of the first column's name
    encoding = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    try:
        with open(path, encoding=encoding, newline="") as lines, _no_collector():
            reader = csv.reader(lines, delimiter=delimiter)
            header = [name.strip() for name in next(reader, [])]
            row = 1
            if not any(header):
                problems.add("file_empty", _("The file is empty."), file=label)
                return None
            if missing_columns(header, columns, label, problems):
                return None
            places = {name: header.index(column.source) for name, column in columns.items()}
            while block := list(islice(reader, BLOCK_ROWS)):
                numbers = np.arange(row + 1, row + 1 + len(block))
                row += len(block)
                block, numbers = _well_formed(block, numbers, len(header), label, problems)
                if block:
                    by_place = list(zip(*block, strict=True))
                    raw = {name: by_place[place] for name, place in places.items()}
                    blocks.append((numbers, convert_block(raw, numbers, columns, label, problems)))
    except UnicodeError:
        _wrong_encoding(path, label, encoding, problems)
        return None
    except csv.Error as error:
        text = _("The line cannot be split into columns: %(reason)s. Check the quotation marks.")
        problems.add("line_broken", text, file=label, row=row + 1, reason=str(error))
        return None
    return assemble(blocks, columns, label, header, problems)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Millions of short lists without a cycle among them: the cycle collector would only walk over them, half the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _well_formed(
    block: list[list[str]], numbers: np.ndarray, width: int, label: str, problems: Problems
) -> tuple[list[list[str]], np.ndarray]:
    """Blank lines are skipped; a line with another number of cells than the header is a problem."""
    if set(map(len, block)) == {width}:
        return block, numbers
    good = []
    for i, cells in enumerate(block):
        if len(cells) == width:
            good.append(i)
        elif any(cell.strip() for cell in cells):
            text = _("The row has %(has)d cells, the header has %(wanted)d.")
            problems.add("row_width", text, file=label, row=numbers[i], has=len(cells), wanted=width)
    return [block[i] for i in good], numbers[good]


def _wrong_encoding(path: Path, label: str, encoding: str, problems: Problems) -> None:
    """Name the first row that does not read, and the encoding the file looks like."""
    codec = "utf-8" if encoding == "utf-8-sig" else encoding
    bad_row, bad = None, b""
    with open(path, "rb") as lines:
        start = lines.read(4)
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = _(
                'The file is not written in %(declared)s; it looks like %(looks)s. Declare encoding = "%(looks)s".'
            )
            problems.add("encoding_wrong", text, file=label, declared=encoding, looks="utf-16")
            return
        lines.seek(0)
        for number, line in enumerate(lines, start=1):
            try:
                line.decode(codec)
            except UnicodeError:
                bad_row, bad = number, line
                break
        lines.seek(0)
        sample = lines.read(1 << 20)
    looks = next((guess for guess in _GUESSES if _reads_as(sample, guess) and _reads_as(bad, guess)), None)
    if looks:
        text = _(
            'The file is not written in %(declared)s; it looks like %(looks)s. Declare encoding = "%(looks)s".'
        )
        problems.add("encoding_wrong", text, file=label, row=bad_row, declared=encoding, looks=looks)
    else:
        text = _("The file is not written in %(declared)s. Declare its encoding.")
        problems.add("encoding_wrong", text, file=label, row=bad_row, declared=encoding)


def _reads_as(sample: bytes, encoding: str) -> bool:
    sample = sample[: sample.rfind(b"\n") + 1] or sample
    try:
        sample.decode(encoding)
    except UnicodeError:
        return False
    return True
