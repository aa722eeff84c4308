"""Profiles as files: TOML to carry one to another installation and back, tables of what differs for people."""

from __future__ import annotations

import csv
import datetime
import io
import json
import tomllib
from typing import Any

import xlsxwriter
from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, InvalidInput, Problem
from core.models import Area
from core.services import audit
from core.templatetags.pingji import certainty, local_name
from facilities.models import ServiceType
from planning.choices import Driver, NeedBasis, PeopleGroup, Phase, TravelMode
from planning.models import MinimumNeed, Standard, StandardProfile
from planning.selectors.deviations import Deviation, deviations
from planning.selectors.standards import effective_needs, effective_standards, thing_of
from planning.services.standard_checks import need_problems, standard_problems
from planning.services.standard_rows import NEED_FIELDS, STANDARD_FIELDS, words_of_ratio
from planning.services.standards import draft_profile, next_version

PROFILE_FIELDS = ("code", "name", "name_en", "level", "reason", "valid_from", "valid_to")
LARGEST_FILE = 2_000_000
PARAMETERS = {
    "driver": _("Counts"), "group": _("Only people"), "ratio": _("Units a person"), "ratio_low": _("Lowest likely"),
    "ratio_high": _("Highest likely"), "reach_limit": _("Reach"), "reach_unit": _("Unit of reach"), "mode": _("Travel"),
    "conversion_limit_hours": _("Ready within, h"), "weight": _("Weight in plans"), "amount": _("Amount"),
    "basis": _("Counted"), "unit_en": _("Unit"),
}  # fmt: skip
_LABELS: dict[str, Any] = {"driver": Driver, "group": PeopleGroup, "mode": TravelMode, "basis": NeedBasis}


def parameter_name(name: str) -> str:
    return str(PARAMETERS[name])


def value_words(parameter: str, value: Any) -> str:
    """A value of a parameter as people read it; empty for none."""
    if value in (None, ""):
        return ""
    if parameter in _LABELS:
        return str(_LABELS[parameter](value).label)
    return f"{value:,.6g}" if isinstance(value, int | float) else str(value)


def phase_words(phase: str) -> str:
    return str(Phase(phase).label) if phase else gettext("all the time")


def export_toml(profile: StandardProfile) -> str:
    """The profile's own rows and what it derives from, as `import_toml` reads them."""
    lines = ["[profile]"]
    said = {name: getattr(profile, name) for name in PROFILE_FIELDS}
    said["code"] = profile.family or profile.code
    said["parent"] = profile.parent.code if profile.parent else ""
    said["city"] = profile.area.city.code if profile.area else ""
    said["area"] = profile.area.code if profile.area else ""
    lines += _lines(said)
    for row in profile.standards.select_related("service"):
        told = {"service": row.service.code} | {name: getattr(row, name) for name in STANDARD_FIELDS}
        lines += ["", "[[standard]]", *_lines(told)]
    for need in profile.minimum_needs.all():
        lines += ["", "[[need]]", *_lines({name: getattr(need, name) for name in NEED_FIELDS})]
    return "\n".join(lines) + "\n"


def import_toml(*, user: Any, text: str) -> StandardProfile:
    """A draft from a file: a new family, or the next version of the family whose code it has. Nothing is written when
    anything is wrong; InvalidInput tells all of it, with the table and field."""
    if len(text) > LARGEST_FILE:
        raise DomainError("file-too-large", _("The file is larger than 2 MB."), status=422)
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DomainError(
            "file-unreadable", _("The file is not TOML: %(why)s") % {"why": error}, status=422
        ) from None
    head = said.get("profile")
    if not isinstance(head, dict) or set(said) - {"profile", "standard", "need"}:
        raise DomainError(
            "file-unreadable",
            _("The file needs one table [profile], and may have [[standard]] and [[need]]."),
            status=422,
        )
    with transaction.atomic():
        profile = _draft_of(user, head)
        profile.standards.all().delete()
        profile.minimum_needs.all().delete()
        _write_rows(user, profile, said.get("standard", []), said.get("need", []))
        audit.record(
            user=user, act="standard.import", subject=profile, ref=profile.code,
            after={"standards": len(said.get("standard", [])), "needs": len(said.get("need", []))},
        )  # fmt: skip
        profile.save(update_fields=["updated_at"])
    return profile


def _draft_of(user: Any, head: dict[str, Any]) -> StandardProfile:
    known = {*PROFILE_FIELDS, "parent", "area", "city"}
    if unknown := set(head) - known:
        raise DomainError(
            "unknown-field",
            _("%(words)s cannot be changed.") % {"words": ", ".join(sorted(unknown))},
            status=422,
        )
    parent, area = None, None
    if code := head.get("parent"):
        parent = StandardProfile.objects.filter(code=code).first()
        if parent is None:
            raise DomainError(
                "no-such-profile", _("There is no profile %(code)s.") % {"code": code}, status=422
            )
    if code := head.get("area"):
        area = Area.objects.filter(code=code, city__code=head.get("city", "")).first()
        if area is None:
            raise DomainError("no-such-area", _("There is no area %(code)s.") % {"code": code}, status=422)
    code = str(head.get("code", ""))
    newest = StandardProfile.objects.filter(family=code).order_by("-version").first() if code else None
    if newest is not None:
        return next_version(user=user, profile=newest)
    fields = {name: head[name] for name in PROFILE_FIELDS if name in head}
    return draft_profile(user=user, parent=parent, area=area, **({"name": ""} | fields))


def _write_rows(user: Any, profile: StandardProfile, standards: list[Any], needs: list[Any]) -> None:
    """All rows, or none and everything that is wrong with them."""
    person = user if getattr(user, "is_authenticated", False) else None
    services = {one.code: one for one in ServiceType.objects.all()}
    above: dict[Any, Any] = {}
    above_needs: dict[Any, Any] = {}
    if profile.parent:
        above = {thing_of(row): row for row in effective_standards(profile.parent)}
        above_needs = {thing_of(row): row for row in effective_needs(profile.parent)}
    problems: list[Problem] = []
    made: list[Any] = []
    for table, fields, listed in (
        ("standard", {"service", *STANDARD_FIELDS}, standards),
        ("need", set(NEED_FIELDS), needs),
    ):
        seen = set()
        for number, values in enumerate(listed, 1):
            place = f"[[{table}]] {number}"
            if not isinstance(values, dict) or set(values) - fields:
                names = ", ".join(sorted(set(values) - fields)) if isinstance(values, dict) else table
                problems.append(
                    Problem(
                        "unknown-field",
                        gettext("%(words)s cannot be changed.") % {"words": names},
                        file=place,
                    )
                )
                continue
            try:
                row, found = _row_of(table, values, profile, services, above, above_needs)
            except (TypeError, ValueError, AttributeError):
                problems.append(Problem("value-type", _("A value is of the wrong kind."), file=place))
                continue
            problems += [Problem(one.code, one.message, file=place, column=one.column) for one in found]
            if row is None:
                continue
            if thing_of(row) in seen:
                problems.append(Problem("row-twice", _("The same row stands in the file twice."), file=place))
            seen.add(thing_of(row))
            made.append(row)
    if problems:
        raise InvalidInput(_("The file cannot be taken in as it is."), problems, "file-refused")
    for row in made:
        if isinstance(row, Standard):
            row.changed_by = person
            if not (row.ratio_text and row.ratio_text_en):
                chinese, english = words_of_ratio(row)
                row.ratio_text, row.ratio_text_en = row.ratio_text or chinese, row.ratio_text_en or english
    Standard.objects.bulk_create([row for row in made if isinstance(row, Standard)])
    MinimumNeed.objects.bulk_create([row for row in made if isinstance(row, MinimumNeed)])


def _row_of(
    table: str, values: dict[str, Any], profile: StandardProfile, services: dict[str, ServiceType], above: dict[Any, Any],
    above_needs: dict[Any, Any],
) -> tuple[Any, list[Problem]]:  # fmt: skip
    if table == "need":
        need = MinimumNeed(profile=profile, **values)
        return need, need_problems(need, above_needs.get(thing_of(need)), profile)
    service = services.get(values.get("service", ""))
    if service is None:
        words = gettext("There is no service %(code)s.") % {"code": values.get("service", "")}
        return None, [Problem("no-such-service", words, column="service")]
    fields = {name: value for name, value in values.items() if name != "service"}
    row = Standard(profile=profile, service=service, **fields)
    if missing := [name for name in ("ratio", "reach_limit") if getattr(row, name) is None]:
        return None, [Problem("value-missing", _("Fill this in."), column=name) for name in missing]
    return row, standard_problems(row, above.get(thing_of(row)), profile)


def _lines(values: dict[str, Any]) -> list[str]:
    return [f"{name} = {_toml(value)}" for name, value in values.items() if value is not None and value != ""]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False)


# --- what differs, as a table ------------------------------------------------------------------------


def deviation_heads() -> list[str]:
    return [
        gettext("Service or need"), gettext("Phase"), gettext("Parameter"), gettext("This profile"), gettext("Certainty"), gettext("Profile above"),
        gettext("Certainty"), gettext("Difference"), gettext("Difference, %"), gettext("Reason"), gettext("Changed by"), gettext("Reviewed by"),
        gettext("Whose row"), gettext("Source"), gettext("Clause"),
    ]  # fmt: skip


def deviation_row(one: Deviation) -> list[Any]:
    """A deviation as cells, in the order of `deviation_heads`."""
    source, clause = source_of(one)
    return [
        local_name(one.thing), phase_words(one.row.phase), parameter_name(one.parameter), _cell(one.parameter, one.own),
        one.own_certainty and f"{one.own_certainty} {certainty(one.own_certainty)}", _cell(one.parameter, one.above),
        one.above_certainty and f"{one.above_certainty} {certainty(one.above_certainty)}", one.difference,
        None if one.share is None else round(one.share * 100, 2), one.row.reason, str(one.changed_by or ""),
        str(one.reviewed_by or ""), one.row.profile.code, source, clause,
    ]  # fmt: skip


def source_of(one: Deviation) -> tuple[str, str]:
    """(source, clause) of the number that deviates."""
    if isinstance(one.row, MinimumNeed):
        return one.row.source, one.row.clause
    from planning.selectors.deviations import STANDARD_PARAMETERS

    part = STANDARD_PARAMETERS[one.parameter]
    return getattr(one.row, f"{part}_source"), getattr(one.row, f"{part}_clause")


def deviations_csv(profile: StandardProfile, against: StandardProfile | None = None) -> bytes:
    """With a byte order mark, so that spreadsheets read the Chinese."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(deviation_heads())
    for one in deviations(profile, against):
        writer.writerow(["" if cell is None else _harmless(cell) for cell in deviation_row(one)])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def deviations_workbook(profile: StandardProfile, against: StandardProfile | None = None) -> bytes:
    """One sheet of what differs, with the profiles and the day above it."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(
        buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    bold, wrap = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom"})
    sheet = book.add_worksheet(gettext("Deviations")[:31])
    above = against or profile.parent
    sheet.write(0, 0, f"{local_name(profile)} ({profile.code})", bold)
    sheet.write(
        1,
        0,
        gettext("compared with %(name)s") % {"name": f"{local_name(above)} ({above.code})" if above else "—"},
    )
    for column, (word, width) in enumerate(
        zip(deviation_heads(), (26, 14, 18, 14, 18, 14, 18, 12, 12, 44, 16, 16, 18, 34, 24), strict=True)
    ):
        sheet.set_column(column, column, width, wrap)
        sheet.write(3, column, word, head)
    for number, one in enumerate(deviations(profile, against), 4):
        for column, cell in enumerate(deviation_row(one)):
            if cell is not None:
                sheet.write(number, column, cell)
    sheet.freeze_panes(4, 1)
    book.close()
    return buffer.getvalue()


def _cell(parameter: str, value: Any) -> Any:
    return value if isinstance(value, int | float) else value_words(parameter, value)


def _harmless(cell: Any) -> Any:
    """A text that a spreadsheet would take for a formula is told apart from one."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" else cell
