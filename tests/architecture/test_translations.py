"""Both languages say the same, by the rules of each, and no text of a page is left out of the catalogue."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.template.base import Lexer, TokenType
from django.utils.translation import gettext, ngettext, override

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "locale/zh_Hans/LC_MESSAGES/django.po"
APPS = ("config", "core", "facilities", "inventory", "planning")
QUOTED = re.compile(r'^"(.*)"$')
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd]|(?<!\{)\{\w+\}")
HAN = r"[一-鿿]"
# Words of a page that are the same in every language: names of formats, systems, units and programs.
SAME_EVERYWHERE = re.compile(
    r"^(CSV|GeoJSON|XLSX|API|OpenAPI|JSON|TOML|HTTP|GET|POST|QGIS|WGS|EPSG|English|Pingji|SHA|km|min|manage\.py.*|P\d+|OC|IDS|YAML|ms|PJ|FA)$"
)


def _entries() -> list[dict[str, str]]:
    """One mapping per text: msgid, msgid_plural, msgstr (the only form Chinese has)."""
    found: list[dict[str, str]] = []
    field = ""
    for line in CATALOGUE.read_text(encoding="utf-8").splitlines():
        key, _space, rest = line.partition(" ")
        if key in {"msgctxt", "msgid", "msgid_plural", "msgstr", "msgstr[0]"}:
            field = key.removesuffix("[0]")
            if field == "msgctxt" or (field == "msgid" and (not found or "msgid" in found[-1])):
                found.append({})
            found[-1][field] = ""
            line = rest
        quoted = QUOTED.match(line)
        if quoted and field:
            found[-1][field] += ast.literal_eval(f'"{quoted[1]}"')
        elif not quoted:
            field = ""
    return [entry for entry in found if entry["msgid"]]


def test_a_translation_has_the_placeholders_of_its_text() -> None:
    wrong = []
    for entry in _entries():
        allowed = [set(PLACEHOLDER.findall(entry[key])) for key in ("msgid", "msgid_plural") if key in entry]
        if set(PLACEHOLDER.findall(entry["msgstr"])) not in allowed:
            wrong.append(entry["msgid"])
    assert wrong == []


def test_chinese_texts_use_chinese_punctuation_and_no_space_before_the_percent_sign() -> None:
    half_width = re.compile(rf"{HAN}\s*[,;:!?()]|[,;:!?(]\s*{HAN}|{HAN}\.(\s|$)|\s%(?![(s])|\.\.\.")
    # The filters of the API take coordinates with commas; a text that shows how to write them has them too.
    texts = [
        entry["msgstr"]
        for entry in _entries()
        if not re.search("west,south|longitude,latitude", entry["msgid"])
    ]
    assert [text for text in texts if half_width.search(text)] == []


def test_a_text_begins_and_ends_like_its_translation_where_pages_join_them() -> None:
    ends = [
        entry["msgid"]
        for entry in _entries()
        if entry["msgid"].strip().endswith(":") != entry["msgstr"].endswith("：")
    ]
    assert ends == []


@pytest.mark.parametrize(("count", "english"), [(1, "1 job running"), (2, "2 jobs running")])
def test_one_and_many_are_two_forms_in_english_and_one_in_chinese(count: int, english: str) -> None:
    def words() -> str:
        return ngettext("%(total)s job running", "%(total)s jobs running", count) % {"total": count}

    with override("en"):
        assert words() == english
    with override("zh-hans"):
        assert words() == f"{count} 项任务进行中"
        assert gettext("Map") == "地图"


# --- nothing is left out ---------------------------------------------------------------------------

ATTRIBUTE = re.compile(r'\b(?:aria-label|title|placeholder|alt)="([^"]*)"')
# What is set in the monospaced face is a code, an address or a field name.
UNREAD = re.compile(
    r"<(script|style|code|pre)\b.*?</\1>|<(\w+)\b[^>]*\bclass=\"mono\b[^>]*>.*?</\2>|<!--.*?-->", re.DOTALL
)


def _bare_texts(template: str) -> Iterator[str]:
    """What a reader would see of a template that no translation tag produced; a page's frame is a class name."""
    kept, translated, in_frame = [], False, False
    for token in Lexer(template).tokenize():
        if token.token_type == TokenType.BLOCK:
            tag = token.contents.split()[0]
            if tag in {"blocktrans", "blocktranslate", "comment"}:
                translated = True
            elif tag in {"endblocktrans", "endblocktranslate", "endcomment"}:
                translated = False
            elif tag in {"block", "endblock"}:
                in_frame = token.contents == "block frame"
            kept.append("\x00")
        elif token.token_type == TokenType.TEXT and not translated and not in_frame:
            kept.append(token.contents)
        else:
            kept.append("\x00")
    page = UNREAD.sub(" ", "".join(kept))
    yield from ATTRIBUTE.findall(page)
    yield from re.split(r"<[^>]*>|\x00|&\w+;", page)


def test_no_template_shows_words_that_no_language_can_change() -> None:
    bare = []
    for template in sorted((ROOT / "templates").rglob("*.html")):
        if template.name == "500.html":
            continue  # shown when nothing else works, so it says everything in both languages
        for text in _bare_texts(template.read_text(encoding="utf-8")):
            words = [
                word for word in re.findall(r"[A-Za-z][A-Za-z.]+", text) if not SAME_EVERYWHERE.match(word)
            ]
            if words and not text.strip().startswith(("manage.py", "script/", "/")):
                bare.append(f"{template.relative_to(ROOT)}: {text.strip()}")
    assert bare == []


SPOKEN = {"label", "help_text", "verbose_name", "verbose_name_plural", "empty_label"}


def test_no_form_record_or_refusal_speaks_only_english() -> None:
    bare = []
    for app in APPS:
        for source in sorted((ROOT / app).rglob("*.py")):
            # The reference of the API is in English, like its field names.
            if {"migrations", "api"} & set(source.parts):
                continue
            for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                said = [word.value for word in node.keywords if word.arg in SPOKEN]
                if getattr(node.func, "id", "") == "DomainError":
                    said += node.args[1:2]
                for value in said:
                    if (
                        isinstance(value, ast.Constant)
                        and isinstance(value.value, str)
                        and re.search("[a-z]{2}", value.value)
                    ):
                        bare.append(f"{source.relative_to(ROOT)}:{node.lineno}: {value.value}")
    assert bare == []


def test_no_module_calls_gettext_by_a_name_that_the_collector_of_texts_does_not_know() -> None:
    hidden = []
    for app in APPS:
        for source in sorted((ROOT / app).rglob("*.py")):
            for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
                    hidden += [
                        f"{source.relative_to(ROOT)}: {each.asname}"
                        for each in node.names
                        if each.asname not in (None, "_")
                    ]
    assert hidden == []


def _shipped_sources(value: object, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _shipped_sources(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _shipped_sources(inner, key)
    elif isinstance(value, str) and key.endswith(("source", "clause", "formula")):
        yield value


def test_every_source_clause_and_formula_that_ships_can_be_read_in_chinese() -> None:
    translated = {entry["msgid"].replace("%%", "%") for entry in _entries()}
    english = set()
    for shipped in ROOT.glob("*/reference/*.toml"):
        for text in _shipped_sources(tomllib.loads(shipped.read_text(encoding="utf-8"))):
            # the name of a file and its version are the same in every language
            if re.fullmatch(r"\S+\.\w+ @\w+", text):
                continue
            if re.search("[a-z]{3}", text) and text not in translated:
                english.add(f"{shipped.relative_to(ROOT)}: {text}")
    assert english == set()
