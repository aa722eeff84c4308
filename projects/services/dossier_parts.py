"""Parts that both dossiers share. They read the plain values of a submission, so that the live project and what was decided
on are told in the same words; `Basis.main` is the source that figures without a run rest on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from core import policies
from core.choices import Certainty, OrganisationKind
from core.models import Area, City, Organisation
from core.templatetags.pingji import joined, local_name, num, unit
from core.templatetags.pingji import reach as reach_words
from facilities.models import Facility, ServiceType
from inventory.choices import InterventionKind
from inventory.models import IdleAsset
from planning.choices import FundSource
from planning.models import Run
from planning.services.explanation_words import REASON_LABELS
from planning.services.official_tables import time_label
from projects.services.dossier_content import (
    MONEY,
    NUMBER,
    WHOLE,
    Column,
    Paragraph,
    Section,
    Sources,
    Span,
    Table,
    figure,
    hours_figure,
    money,
    money_words,
    pairs,
    percent_figure,
    summed,
    t,
    when,
)

OUTSIDE = gettext_lazy("a place outside your areas")


@dataclass
class Basis:
    """What a dossier is told from: the plain values, the city, whose eyes, and the sources so far."""

    content: dict[str, Any]
    city: City
    user: Any
    sources: Sources
    main: int = 0
    plan: int = 0
    # by run reference: the source of its figures
    runs: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.service = ServiceType.objects.filter(code=self.content["service"]).first()
        self.unit = unit(self.service) if self.service else ""
        self.paths = None if self.user is None else policies.visible_paths(self.user, self.city.pk)

    def sees(self, path: str | None) -> bool:
        """Names of places outside the reader's areas stay out of the reader's file."""
        return self.paths is None or not path or any(path.startswith(top) for top in self.paths)


def name_of(row: dict[str, Any]) -> str:
    return local_name(row)


def label(choices: Any, code: str) -> str:
    return str(dict(choices).get(code, code))


# --- need, runs, standards -------------------------------------------------------------------------


def cite_runs(
    basis: Basis, frozen: dict[str, dict[str, Any]], standards: list[dict[str, Any]]
) -> list[Table]:
    """The runs that the need rests on as sources, with need and gap as evidence kept them, and the standards of the service
    with their clauses. `frozen`: by run reference; `standards`: rows as frozen, those of the runs where there are none."""
    told = basis.content.get("need", {}).get("runs", [])
    refs = [row["run"] for row in told]
    kept = {
        run.ref: run for run in Run.objects.filter(ref__in=refs, city=basis.city).select_related("snapshot")
    }
    # Sums of a whole city are for those who may see all of it.
    whole = basis.user is None or policies.sees_whole_city(basis.user, basis.city.pk)
    rows, found = [], list(standards)
    for row in told:
        run, evidence = kept.get(row["run"]), frozen.get(row["run"], {})
        engine = evidence.get("engine") or (run.engine_version if run else "")
        basis.runs[row["run"]] = source = basis.sources.cite(
            f"run:{row['run']}", _("Run"), f"/runs/{row['run']}/", ref=row["run"], sha256=row.get("snapshot", ""), engine=engine,
        )  # fmt: skip
        city, area = (evidence.get("city") or {}) if whole else {}, evidence.get("area") or {}
        scenario = name_of({"name": row["scenario"], "name_en": row.get("scenario_en", "")})
        rows.append(
            (
                t(f"{scenario}{_(', ')}{time_label(row['time_of_day'])}"), t(row["run"], href=f"/runs/{row['run']}/"),
                t((row.get("snapshot") or "")[:12]), figure(city.get("need"), source), figure(city.get("gap"), source),
                figure(area.get("gap"), source), figure(row.get("newly_served"), source, basis.unit),
            )
        )  # fmt: skip
        if not standards and run is not None:
            found += run.standards_frozen
    tables = []
    if rows:
        columns = (
            Column(_("Scenario"), width=3), Column(_("Run"), width=2), Column(_("Snapshot"), width=2), Column(_("Need of the city"), WHOLE),
            Column(_("Gap of the city"), WHOLE), Column(_("Gap of the area"), WHOLE), Column(_("Newly served by this intervention"), WHOLE, 2),
        )  # fmt: skip
        tables.append(Table(_("Runs that the need rests on"), columns, tuple(rows), _("Runs")))
    lines, seen = [], set()
    for one in found:
        key = (
            one.get("profile"),
            one.get("group"),
            one.get("phase"),
            one.get("ratio"),
            one.get("reach_limit"),
        )
        if one.get("service") == basis.content["service"] and key not in seen:
            seen.add(key)
            lines.append(_standard_row(basis, one))
    if lines:
        needed = (
            Column(_("Standard")), Column(_("Required"), width=3), Column(_("Reach"), NUMBER), Column(_("Ready within"), NUMBER),
            Column(_("Source and clause"), width=4), Column(_("Certainty")),
        )  # fmt: skip
        tables.append(Table(_("Standards that hold for the service"), needed, tuple(lines), _("Standards")))
    return tables


def _standard_row(basis: Basis, one: dict[str, Any]) -> tuple[Span, ...]:
    clause = ", ".join(part for part in (one.get("ratio_source"), one.get("ratio_clause")) if part)
    source = basis.sources.cite(
        f"standard:{one.get('profile')}:{one['service']}:{one.get('group')}:{one.get('phase')}", _("Standard"),
        f"/standards/{one.get('profile')}/", ref=f"{one.get('profile')} · {one['service']}", clause=clause,
    )  # fmt: skip
    required = name_of({"name": one.get("ratio_text") or "", "name_en": one.get("ratio_text_en") or ""})
    reach = one.get("reach_limit")
    return (
        t(one.get("profile"), href=f"/standards/{one.get('profile')}/"),
        Span(required or num(one.get("ratio"), 3), source, one.get("ratio"), NUMBER),
        Span(reach_words(reach, one.get("reach_unit") or "m"), source, reach, NUMBER) if reach is not None else Span("—"),
        hours_figure(one.get("conversion_limit_hours"), source),
        t(clause), t(label(Certainty.choices, one.get("ratio_certainty", ""))),
    )  # fmt: skip


def lead(basis: Basis) -> tuple[Paragraph, ...]:
    """What is asked, why, what it costs: three lines."""
    said = basis.content
    asked = [
        t(_("What is asked: "), strong=True),
        t(f"{label(InterventionKind.choices, said['kind'])}{_(': ')}{local_name(basis.service) if basis.service else said['service']}, +"),
        figure(said["units"], basis.main, basis.unit),
    ]  # fmt: skip
    why = [t(_("Why: "), strong=True)]
    gap_source = next(iter(basis.runs.values()), basis.main)
    if said.get("gap_promised") is not None:
        why += [t(_("It closes a gap of ")), figure(said["gap_promised"], gap_source, basis.unit), t(_(". "))]
    elif said.get("description"):
        why.append(t(said["description"]))
    else:
        why.append(t(_("No gap was promised.")))
    cost = [t(_("What it costs: "), strong=True), money_words(said["cost_fen"], basis.main)]
    return tuple(Paragraph(tuple(spans)) for spans in (asked, why, cost))


def facts(basis: Basis, more: list[tuple[str, Span]] | None = None) -> Table:
    said, main = basis.content, basis.main
    area = Area.objects.filter(city=basis.city, code=said.get("area") or "-").defer("geometry").first()
    facility = Facility.objects.filter(ref=said.get("facility") or "-").first()
    asset = IdleAsset.objects.filter(ref=said.get("idle_asset") or "-").first()
    rows: list[tuple[str, Span]] = [
        (_("Name"), t(name_of(said))),
        (_("National investment code"), t(said.get("investment_code"))),
        (_("Intervention"), t(label(InterventionKind.choices, said["kind"]))),
        (_("Service"), t(local_name(basis.service) if basis.service else said["service"])),
        (_("Area"), t(local_name(area) if area else said.get("area"))),
        (_("Position, WGS-84"), t("{:.6f}, {:.6f}".format(*said["point"]))),
        (_("Facility"), t(local_name(facility), href=f"/facilities/{facility.ref}/") if facility else t(said.get("facility"))),
        (_("Idle asset"), t(local_name(asset)) if asset else t(said.get("idle_asset"))),
        (_("Units gained"), figure(said["units"], main, basis.unit)),
        (_("Gap closed as promised"), figure(said.get("gap_promised"), next(iter(basis.runs.values()), main), basis.unit)),
        (_("Ready after"), hours_figure(said.get("conversion_hours"), main)),
        (_("Cost asked for, yuan"), money(said["cost_fen"], main)),
        (_("Site in words"), t(said.get("site"))),
        (_("Who builds it"), t(said.get("builder"))),
        (_("Department in the lead"), t(said.get("lead_department"))),
        (_("Planned start"), when(said.get("starts_on"))),
        (_("Planned end"), when(said.get("ends_on"))),
        (_("Land"), figure(said.get("land_m2"), main, "m²", 1) if said.get("land_m2") is not None else t("")),
        (_("What is done"), t(said.get("description"))),
    ]  # fmt: skip
    return pairs(_("Facts of the project"), [*rows, *(more or [])], _("Facts"))


def alternatives(basis: Basis) -> list[Any]:
    listed = basis.content.get("alternatives") or []
    if not listed:
        return [Paragraph((t(_("No alternatives are recorded: the project did not come from a plan.")),))]
    columns = (
        Column(_("Place"), width=3), Column(_("Intervention")), Column(_("Units"), WHOLE), Column(_("Cost, yuan"), MONEY, 2),
        Column(_("Would add"), NUMBER), Column(_("Why not taken"), width=3),
    )  # fmt: skip
    rows = tuple(
        (
            t(name_of(one) if basis.sees(one.get("area_path")) else OUTSIDE), t(label(InterventionKind.choices, one.get("kind", ""))),
            figure(one.get("units"), basis.plan or basis.main), money(one.get("cost_fen"), basis.plan or basis.main),
            figure(one.get("gain"), basis.plan or basis.main, digits=1), t(REASON_LABELS.get(one.get("reason", ""), one.get("reason"))),
        )
        for one in listed
    )  # fmt: skip
    return [Table(_("Alternatives not taken, the nearest first"), columns, rows, _("Alternatives"))]


def duplicates(basis: Basis, told: dict[str, Any] | None, path: str) -> list[Any]:
    """What was found near it, and the written reason. `told`: the check as evidence keeps it, None where none was made."""
    if told is None:
        return [Paragraph((t(_("The check against building twice was not made.")),))]
    made = when(told["checked_at"]).text
    source = basis.sources.cite(
        f"duplicates:{told['check']}", _("Check against building twice"), path, ref=f"{_('check')} {told['check']}{_(', ')}{made}",
        sha256=told.get("sha256", ""),
    )  # fmt: skip
    blocks: list[Any] = [
        Paragraph(
            (
                t(_("Largest overlap of catchments with something of the same service: ")), percent_figure(told["overlap_percent"], source),
                t(_(". A written reason was needed.") if told["needs_reason"] else _(". No reason was needed.")),
            )
        )
    ]  # fmt: skip
    found = [*told["found"].get("rows", []), *told["found"].get("idle", [])]
    rows = tuple(
        (
            t(name_of(one) if basis.sees(one.get("area_path")) else OUTSIDE), t(_DUPLICATE_KINDS.get(one.get("kind", ""), one.get("kind"))),
            percent_figure(one.get("overlap_percent"), source), figure(one.get("distance_m"), source, "m"),
            figure(one.get("capacity"), source),
        )
        for one in found[:20]
    )  # fmt: skip
    if rows:
        columns = (
            Column(_("What is near"), width=3), Column(_("Kind")), Column(_("Overlap"), NUMBER), Column(_("Distance"), WHOLE),
            Column(_("Capacity"), WHOLE),
        )  # fmt: skip
        blocks.append(Table(_("Near the site"), columns, rows, _("Near the site")))
    if told.get("reason"):
        blocks.append(
            Paragraph((t(_("Why it is built although others are near: "), strong=True), t(told["reason"])))
        )
    return blocks


def check_told(check: Any, reason: str) -> dict[str, Any] | None:
    """A DuplicateCheck in the form that evidence keeps."""
    if check is None:
        return None
    return {
        "check": check.pk, "checked_at": check.checked_at.isoformat(), "overlap_percent": check.overlap_percent,
        "needs_reason": check.needs_reason, "reason": reason, "found": check.found,
    }  # fmt: skip


_DUPLICATE_KINDS: dict[str, Any] = {
    "facility": gettext_lazy("Facility"), "project": gettext_lazy("Project"),
    "intervention": gettext_lazy("Intervention of a plan"), "idle": gettext_lazy("Idle asset"),
}  # fmt: skip


# --- money, milestones, people ---------------------------------------------------------------------


def money_by_year(basis: Basis) -> Table:
    columns = (Column(_("Year")), Column(_("Source of money"), width=3), Column(_("Amount, yuan"), MONEY, 2))
    rows = tuple(
        (
            Span(str(year), value=year, kind=NUMBER),
            t(label(FundSource.choices, source)),
            money(fen, basis.main),
        )
        for year, source, fen, *_more in basis.content["money"]
    )
    return Table(
        _("Money by year and source"), columns, rows, _("Budget"), summed(rows, columns, basis.main) if rows else ()
    )  # fmt: skip


def tranches(basis: Basis) -> Table:
    columns = (Column(_("Tranche")), Column(_("Due when"), width=4), Column(_("Amount, yuan"), MONEY, 2), Column(_("Last one")))  # fmt: skip
    rows = tuple(
        (Span(str(row[0]), value=row[0], kind=NUMBER), t(row[1]), money(row[2], basis.main), t(_("yes") if row[3] else ""))
        for row in basis.content["tranches"]
    )  # fmt: skip
    return Table(
        _("Tranches"), columns, rows, _("Tranches"), summed(rows, columns, basis.main) if rows else ()
    )


def milestones(basis: Basis) -> Table:
    columns = (Column(_("No.")), Column(_("Milestone"), width=4), Column(pgettext("day", "Planned")), Column(_("Works done by then"), NUMBER))  # fmt: skip
    rows = tuple(
        (
            Span(str(row[0]), value=row[0], kind=NUMBER),
            t(row[1]),
            when(row[2]),
            percent_figure(row[3], basis.main),
        )
        for row in basis.content["milestones"]
    )
    return Table(_("Milestones as planned"), columns, rows, _("Milestones"))


def responsibilities(basis: Basis) -> Table:
    listed = basis.content.get("responsibilities") or []
    offices = {one.code: one for one in Organisation.objects.filter(code__in=[row[1] for row in listed])}
    columns = (Column(_("Level")), Column(_("Organisation"), width=2), Column(_("Task"), width=3), Column(_("Due")))  # fmt: skip
    rows = tuple(
        (
            t(label(OrganisationKind.choices, row[0])), t(local_name(offices[row[1]]) if row[1] in offices else row[1]), t(row[2]),
            when(row[3]),
        )
        for row in listed
    )  # fmt: skip
    return Table(_("Who answers for what"), columns, rows, _("Responsibilities"))


def section(title: str, *blocks: Any) -> Section | None:
    """A section without anything to say is left out; a table without rows says so."""
    said = [one for one in blocks if one is not None]
    return Section(title, tuple(shown(one) for one in said)) if said else None


def shown(block: Any) -> Any:
    if isinstance(block, Table) and not block.rows:
        return Paragraph((t(f"{block.caption}{_(': ')}{_('none')}"),), note=True)
    return block


def listed(sections: list[Section | None]) -> tuple[Section, ...]:
    return tuple(one for one in sections if one is not None)


def people(*found: Any) -> str:
    names = [local_name(one) or one.get_username() for one in found if one is not None]
    return joined(names) if names else ""


Tell = Callable[[float], None]
