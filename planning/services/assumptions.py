"""T13: every standard and assumption behind runs, each number with its source, clause and certainty, who set it
otherwise than the profile above, why, and who approved it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from core.models import Area
from core.templatetags.pingji import day, local_name, unit
from facilities.models import ServiceType
from planning.bridge.situation import CHAIN
from planning.choices import Driver
from planning.models import Run, Standard, StandardProfile
from planning.selectors.standards import effective_standards
from planning.services import demand
from planning.services.official_tables import (
    NUMBER,
    Column,
    Row,
    Table,
    rate_of,
    scenario_label,
    source_words,
    time_label,
)


class _Profiles:
    """Profiles and their rows by code, read once for a workbook."""

    def __init__(self, runs: list[Run]) -> None:
        codes = {row["profile"] for run in runs for row in run.standards_frozen if row.get("profile")}
        codes |= {
            one["profile"] for run in runs for row in run.standards_frozen for one in row.get("local") or []
        }
        codes |= {run.profile.code for run in runs}
        related = ("parent", "reviewed_by", "area")
        self.by_code = {
            one.code: one for one in StandardProfile.objects.filter(code__in=codes).select_related(*related)
        }
        rows = Standard.objects.filter(profile__code__in=codes).select_related(
            "profile", "service", "reviewed_by"
        )
        self.rows = {(row.profile.code, row.service.code, row.phase): row for row in rows}
        self._above: dict[int, dict[tuple[str, str], Standard]] = {}

    def above(self, code: str, service: str, phase: str) -> Standard | None:
        """What the profile above says of the same number; None where it says nothing."""
        profile = self.by_code.get(code)
        if profile is None or profile.parent is None:
            return None
        held = self._above.setdefault(profile.parent.pk, {})
        if not held:
            held |= {(row.service.code, row.phase): row for row in effective_standards(profile.parent)}
        return held.get((service, phase))

    def approved(self, code: str, service: str, phase: str) -> tuple[str, str, str]:
        """(why it differs, who approved it, when), as far as it is known."""
        row, profile = self.rows.get((code, service, phase)), self.by_code.get(code)
        by = (row.reviewed_by if row else None) or (profile.reviewed_by if profile else None)
        when = day(profile.published_at) if profile and profile.published_at else ""
        reason = (row.reason if row else "") or (profile.reason if profile else "")
        return reason, local_name(by) if by else "", when

    def named(self, code: str) -> str:
        return local_name(self.by_code[code]) if code in self.by_code else code


def assumptions_table(runs: list[Run]) -> Table:
    """T13: the same number in several runs is told once."""
    columns = [
        Column(_("What"), width=26), Column(_("Service"), width=22), Column(_("Where"), width=16), Column(_("Value"), kind=NUMBER, width=11),
        Column(_("Unit"), width=18), Column(_("Lowest"), kind=NUMBER, width=10), Column(_("Highest"), kind=NUMBER, width=10), Column(_("In words"), width=40),
        Column(_("Source"), width=40), Column(_("Clause"), width=22), Column(_("Certainty"), width=9), Column(_("Profile or scenario"), width=28),
        Column(_("Local override"), width=14), Column(_("Value above"), kind=NUMBER, width=11), Column(_("Reason"), width=34),
        Column(_("Approved by"), width=16), Column(_("Approved on"), width=14),
    ]  # fmt: skip
    profiles = _Profiles(runs)
    services = ServiceType.objects.in_bulk(
        list({row["service"] for run in runs for row in run.standards_frozen}), field_name="code"
    )
    rows: dict[Row, None] = {}
    for run in runs:
        for standard in run.standards_frozen:
            rows |= dict.fromkeys(_standard_rows(run, standard, services[standard["service"]], profiles))
    for run in runs:
        rows |= dict.fromkeys(_scenario_rows(run, services))
    for run in runs:
        rows |= dict.fromkeys([*_layer_rows(run), *_setting_rows(run, services)])
    note = _(
        "A read in the text, B read in a copy, C not confirmed, D our proposal. A local override is a number that differs from the profile above."
    )
    return Table("T13", _("Standards and assumptions"), note, columns, list(rows), 2)


def _row(
    what: str, value: float | None, *, service: str = "", where: str = "", unit_words: str = "", low: float | None = None,
    high: float | None = None, words: str = "", source: str = "", clause: str = "", certainty: str = "", owner: str = "",
    above: float | None = None, differs: bool = False, reason: str = "", by: str = "", on: str = "",
) -> Row:  # fmt: skip
    return (
        what, service, where, value, unit_words, low, high, words, source_words(source), source_words(clause), certainty, owner,
        _("yes") if differs else "", above if differs else None, reason, by, on,
    )  # fmt: skip


def _standard_rows(run: Run, row: dict[str, Any], service: ServiceType, profiles: _Profiles) -> Iterator[Row]:
    code, phase = row.get("profile") or run.profile.code, row.get("phase", "")
    above = profiles.above(code, service.code, phase)
    reason, by, on = profiles.approved(code, service.code, phase)
    common: dict[str, Any] = {
        "service": local_name(service),
        "owner": profiles.named(code),
        "by": by,
        "on": on,
    }
    each = _("%(unit)s a person") % {"unit": unit(service)}

    def told(name: str) -> dict[str, Any]:
        value, other = row.get(name), getattr(above, name) if above else None
        differs = above is not None and other != value
        return {"above": other, "differs": differs, "reason": reason if differs else ""}

    yield _row(
        _("Ratio, %(counts)s") % {"counts": str(Driver(row["driver"]).label)}, row["ratio"], unit_words=each,
        low=row.get("ratio_low"), high=row.get("ratio_high"), words=local_name(row, "ratio_text"), source=row["ratio_source"],
        clause=row["ratio_clause"], certainty=row["ratio_certainty"], where=demand.phase_label(phase), **told("ratio"), **common,
    )  # fmt: skip
    for one in row.get("phases") or []:
        if one["phase"] == phase:
            continue
        _reason, by_, on_ = profiles.approved(code, service.code, one["phase"])
        yield _row(
            _("Ratio in another phase"), one["ratio"], unit_words=each, where=demand.phase_label(one["phase"]),
            certainty=one["ratio_certainty"], **(common | {"by": by_, "on": on_}),
        )  # fmt: skip
    names = dict(
        Area.objects.filter(
            city=run.city_id, code__in=[one["area"] for one in row.get("local") or []]
        ).values_list("code", "name")
    )
    for one in row.get("local") or []:
        if one["ratio"] == row["ratio"]:
            continue
        why, by_, on_ = profiles.approved(one["profile"], service.code, phase)
        yield _row(
            _("Ratio of a district"), one["ratio"], unit_words=each, where=names.get(one["area"], one["area"]),
            source=one["ratio_source"], certainty=one["ratio_certainty"], above=row["ratio"], differs=True,
            reason=one.get("reason") or why,
            **(common | {"owner": profiles.named(one["profile"]), "by": by_, "on": on_}),
        )  # fmt: skip
    yield _row(
        _("Reach"), row["reach_limit"], unit_words="m" if row["reach_unit"] == "m" else _("min"), source=row["reach_source"],
        clause=row["reach_clause"], certainty=row["reach_certainty"], **told("reach_limit"), **common,
    )  # fmt: skip
    if row["conversion_limit_hours"] is not None:
        yield _row(
            _("Ready within"), row["conversion_limit_hours"], unit_words="h", source=row["conversion_source"],
            clause=row["conversion_clause"], certainty=row["conversion_certainty"], **told("conversion_limit_hours"), **common,
        )  # fmt: skip


def _scenario_rows(run: Run, services: dict[str, ServiceType]) -> Iterator[Row]:
    scenario, owner = run.scenario_frozen, scenario_label(run)
    names = {
        "affected": _("Share affected"),
        "displaced": _("Share of the affected who leave home"),
        "seeking": _("Share of the displaced who seek shelter"),
    }
    for klass in scenario["zone_rates"] or [""]:
        for name in CHAIN:
            value, facts = rate_of(scenario, klass, name)
            if value is None:
                continue
            yield _row(
                names[name], value, where=source_words(klass), low=facts.get("low"), high=facts.get("high"), unit_words=_("share"),
                source=facts.get("source") or scenario.get("rate_source") or "", clause=facts.get("clause") or "",
                certainty=facts.get("certainty") or scenario.get("rate_certainty") or "", owner=owner,
            )  # fmt: skip
    for phase, share in (scenario.get("stay_shares") or {}).items():
        yield _row(
            _("Share still in need"),
            share,
            where=demand.phase_label(phase),
            unit_words=_("share"),
            owner=owner,
        )
    for code, ratio in (scenario.get("ratio_overrides") or {}).items():
        if code in services:
            words = _("%(unit)s a person") % {"unit": unit(services[code])}
            standard = next(row for row in run.standards_frozen if row["service"] == code)
            yield _row(
                _("Ratio set by the scenario"), ratio, service=local_name(services[code]), unit_words=words, owner=owner,
                source=scenario.get("rate_source") or "", certainty=scenario.get("rate_certainty") or "",
                above=standard["ratio"], differs=True,
            )  # fmt: skip
    for code, factor in (scenario.get("multipliers") or {}).items():
        if code in services:
            yield _row(_("Need multiplied by"), factor, service=local_name(services[code]), owner=owner)
    if scenario.get("duration_hours") is not None:
        yield _row(_("Lasts"), scenario["duration_hours"], unit_words="h", owner=owner)


def _layer_rows(run: Run) -> Iterator[Row]:
    for one in demand.layers_used(run):
        layer = one.layer
        yield _row(
            _("Population layer"), one.error_share, unit_words=_("likely error, share") if one.error_share is not None else "",
            where=time_label(one.time_of_day),
            words=(local_name(layer) + (_(", ") + str(layer.get_method_display()))) if layer else one.code,
            source=layer.source if layer else "", certainty=layer.certainty if layer else "", owner=one.code,
        )  # fmt: skip


def _setting_rows(run: Run, services: dict[str, ServiceType]) -> Iterator[Row]:
    for code, limit in run.reach_overrides.items():
        if code in services:
            row = next(one for one in run.standards_frozen if one["service"] == code)
            yield _row(
                _("Reach set for the run"), limit, service=local_name(services[code]), owner=run.ref, above=row["reach_limit"],
                unit_words="m" if row["reach_unit"] == "m" else _("min"), differs=True,
            )  # fmt: skip
    yield _row(_("Detour factor"), run.detour_factor, unit_words="×", certainty="D")
    yield _row(_("Assignment"), None, words=str(run.get_assignment_display()))
    if run.speeds_frozen:
        yield _row(_("Speeds"), None, words=local_name(run.speeds_frozen))
