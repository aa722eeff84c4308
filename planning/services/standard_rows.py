"""Writes the rows of a draft: standards and minimum needs, one at a time, against what the person has seen."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, InvalidInput
from core.services import audit
from core.templatetags.pingji import num, unit
from facilities.models import ServiceType
from planning.choices import Driver, PeopleGroup
from planning.models import MinimumNeed, Standard, StandardProfile
from planning.selectors.standards import effective_needs, effective_standards, revision_of, thing_of
from planning.services.standard_checks import need_problems, standard_problems
from planning.services.standards import locked_draft

STANDARD_FIELDS = (
    "phase", "driver", "group", "ratio", "ratio_low", "ratio_high", "per_people", "ratio_text", "ratio_text_en", "ratio_source",
    "ratio_clause", "ratio_certainty", "reach_limit", "reach_unit", "mode", "reach_source", "reach_clause", "reach_certainty",
    "conversion_limit_hours", "conversion_source", "conversion_clause", "conversion_certainty", "weight", "valid_from", "valid_to",
    "reason",
)  # fmt: skip
NEED_FIELDS = (
    "code", "name", "name_en", "unit", "unit_en", "basis", "amount", "phase", "source", "clause", "certainty", "reason", "sort_order",
)  # fmt: skip


def inherited_standard(profile: StandardProfile, service: ServiceType, phase: str) -> Standard | None:
    """What the profiles above say of a service and phase."""
    rows = effective_standards(profile.parent) if profile.parent else []
    return next((row for row in rows if thing_of(row) == (service.pk, phase)), None)


def inherited_need(profile: StandardProfile, code: str, phase: str) -> MinimumNeed | None:
    rows = effective_needs(profile.parent) if profile.parent else []
    return next((row for row in rows if thing_of(row) == (code, phase)), None)


def add_standard(
    *, user: Any, profile: StandardProfile, service: ServiceType, values: dict[str, Any]
) -> Standard:
    """A row of a draft's own: for a service the profiles above do not have, or in place of theirs. What `values` leaves out
    is as above. Raises InvalidInput with everything wrong, by field."""
    with transaction.atomic():
        profile = locked_draft(user, profile, None)
        phase = values.get("phase", "")
        if profile.standards.filter(service=service, phase=phase).exists():
            raise DomainError("standard-exists", _("The draft has a row for this service and phase already."))
        above = inherited_standard(profile, service, phase)
        start = (
            {}
            if above is None
            else {name: getattr(above, name) for name in STANDARD_FIELDS if name != "reason"}
        )
        if above is not None and "ratio" in values and not {"ratio_text", "ratio_text_en"} & set(values):
            start |= {"ratio_text": "", "ratio_text_en": ""}
        row = Standard(profile=profile, service=service)
        _write_standard(user, profile, row, start | _clauses(values), above, None)
    return row


def change_standard(*, user: Any, row: Standard, revision: int | None, changes: dict[str, Any]) -> Standard:
    """Change fields of a row of a draft. `revision`: of the row as the person has seen it (None: whatever it is)."""
    with transaction.atomic():
        profile = locked_draft(user, row.profile, None)
        row = _locked(Standard.objects.select_related("service"), row.pk, revision)
        above = inherited_standard(profile, row.service, changes.get("phase", row.phase))
        before = {name: getattr(row, name) for name in STANDARD_FIELDS}
        said = _clauses(changes)
        # Words that were made from the old number follow the new one.
        if "ratio" in said and not {"ratio_text", "ratio_text_en"} & set(said):
            said |= {"ratio_text": "", "ratio_text_en": ""}
        _write_standard(user, profile, row, said, above, before)
    return row


def remove_standard(*, user: Any, row: Standard, revision: int | None = None) -> None:
    """Take a row out of a draft: what the profiles above say holds again."""
    with transaction.atomic():
        profile = locked_draft(user, row.profile, None)
        row = _locked(Standard.objects.select_related("service"), row.pk, revision)
        before = {
            "service": row.service.code,
            "phase": row.phase,
            "ratio": row.ratio,
            "reach_limit": row.reach_limit,
        }
        row.delete()
        _close(user, profile, "standard.remove_row", before, None)


def add_need(*, user: Any, profile: StandardProfile, values: dict[str, Any]) -> MinimumNeed:
    """A minimum need of a draft's own. What `values` leaves out is as above."""
    with transaction.atomic():
        profile = locked_draft(user, profile, None)
        code, phase = values.get("code", ""), values.get("phase", "")
        if profile.minimum_needs.filter(code=code, phase=phase).exists():
            raise DomainError("need-exists", _("The draft has a row for this need and phase already."))
        above = inherited_need(profile, code, phase)
        start = (
            {} if above is None else {name: getattr(above, name) for name in NEED_FIELDS if name != "reason"}
        )
        row = MinimumNeed(profile=profile)
        _write_need(user, profile, row, start | _clauses(values), above, None)
    return row


def change_need(*, user: Any, row: MinimumNeed, revision: int | None, changes: dict[str, Any]) -> MinimumNeed:
    with transaction.atomic():
        profile = locked_draft(user, row.profile, None)
        row = _locked(MinimumNeed.objects.all(), row.pk, revision)
        above = inherited_need(profile, changes.get("code", row.code), changes.get("phase", row.phase))
        before = {name: getattr(row, name) for name in NEED_FIELDS}
        _write_need(user, profile, row, _clauses(changes), above, before)
    return row


def remove_need(*, user: Any, row: MinimumNeed, revision: int | None = None) -> None:
    with transaction.atomic():
        profile = locked_draft(user, row.profile, None)
        row = _locked(MinimumNeed.objects.all(), row.pk, revision)
        before = {"need": row.code, "phase": row.phase, "amount": row.amount}
        row.delete()
        _close(user, profile, "standard.remove_need", before, None)


def words_of_ratio(row: Standard) -> tuple[str, str]:
    """The ratio as a sentence, in Chinese and in English: "20 rooms for 10,000 residents"."""
    said = []
    for language in ("zh-hans", "en"):
        with translation.override(language):
            amount = row.ratio * row.per_people
            people = str(PeopleGroup(row.group).label) if row.group else str(Driver(row.driver).label)
            if row.group:
                people = gettext("%(driver)s who are in the group: %(group)s") % {
                    "driver": Driver(row.driver).label, "group": people,
                }  # fmt: skip
            said.append(
                (
                    gettext("%(amount)s %(unit)s for each of the %(people)s")
                    if row.per_people == 1
                    else gettext("%(amount)s %(unit)s for %(count)s of the %(people)s")
                )
                % {
                    "amount": f"{amount:.6g}",
                    "unit": unit(row.service),
                    "count": num(row.per_people),
                    "people": people,
                }
            )
    return said[0][:120], said[1][:120]


def _write_standard(
    user: Any,
    profile: StandardProfile,
    row: Standard,
    values: dict[str, Any],
    above: Standard | None,
    before: dict[str, Any] | None,
) -> None:
    _set(row, values, STANDARD_FIELDS)
    if row.conversion_limit_hours is None:
        row.conversion_source = row.conversion_clause = row.conversion_certainty = ""
    problems = standard_problems(row, above, profile)
    if problems:
        raise InvalidInput(_("Some answers are missing or not possible."), problems, "standard-refused")
    if not (row.ratio_text and row.ratio_text_en):
        chinese, english = words_of_ratio(row)
        row.ratio_text, row.ratio_text_en = row.ratio_text or chinese, row.ratio_text_en or english
    if before is not None and "phase" in values and values["phase"] != before["phase"]:
        taken = profile.standards.filter(service=row.service, phase=row.phase).exclude(pk=row.pk)
        if taken.exists():
            raise DomainError("standard-exists", _("The draft has a row for this service and phase already."))
    row.changed_by, row.reviewed_by = (user if getattr(user, "is_authenticated", False) else None), None
    row.save()
    # Whom a service counts holds for all its phases.
    siblings = profile.standards.filter(service=row.service).exclude(pk=row.pk)
    siblings.exclude(driver=row.driver, group=row.group).update(
        driver=row.driver, group=row.group, changed_by=row.changed_by, reviewed_by=None
    )
    after = {"service": row.service.code} | {name: getattr(row, name) for name in STANDARD_FIELDS}
    _close(user, profile, "standard.row", before, after)


def _write_need(
    user: Any,
    profile: StandardProfile,
    row: MinimumNeed,
    values: dict[str, Any],
    above: MinimumNeed | None,
    before: dict[str, Any] | None,
) -> None:
    _set(row, values, NEED_FIELDS)
    problems = need_problems(row, above, profile)
    if problems:
        raise InvalidInput(_("Some answers are missing or not possible."), problems, "need-refused")
    taken = profile.minimum_needs.filter(code=row.code, phase=row.phase).exclude(pk=row.pk)
    if taken.exists():
        raise DomainError("need-exists", _("The draft has a row for this need and phase already."))
    row.save()
    _close(user, profile, "standard.need", before, {name: getattr(row, name) for name in NEED_FIELDS})


def _clauses(values: dict[str, Any]) -> dict[str, Any]:
    """Another source has another clause: that of the former source goes, unless a new one is given."""
    lost = {name.replace("source", "clause"): "" for name in values if name.endswith("source")}
    return lost | values


def _set(row: Standard | MinimumNeed, values: dict[str, Any], known: tuple[str, ...]) -> None:
    if unknown := set(values) - set(known):
        words = _("%(words)s cannot be changed.") % {"words": ", ".join(sorted(unknown))}
        raise DomainError("unknown-field", words, status=422)
    for name, value in values.items():
        setattr(row, name, value.strip() if isinstance(value, str) else value)


def _locked(rows: Any, pk: int, revision: int | None) -> Any:
    row = rows.select_for_update(of=("self",)).filter(pk=pk).first()
    if row is None:
        raise DomainError("row-gone", _("Somebody has taken this row out of the draft."), status=404)
    if revision is not None and revision != revision_of(row):
        raise DomainError(
            "changed-meanwhile", _("The row was changed meanwhile; read it again."), status=412, revision=revision_of(row)
        )  # fmt: skip
    return row


def _close(
    user: Any,
    profile: StandardProfile,
    act: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    """A profile changes with its rows: whoever publishes it must have seen them."""
    profile.save(update_fields=["updated_at"])
    audit.record(user=user, act=act, subject=profile, ref=profile.code, before=before, after=after)
