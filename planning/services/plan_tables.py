"""The tables of a plan's version: T7 siting scheme and alternatives, T8 project list, T9 annual plan, before and after by
area, money by year and source, the rate card. Names as in the table set of a special plan; no figure is rounded here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from core.choices import AreaLevel
from core.templatetags.pingji import certainty, local_name, unit
from facilities.models import PeacetimeUse, ServiceType
from inventory.choices import InterventionKind
from planning.choices import FundSource
from planning.models import CostRate, Intervention
from planning.selectors.plan_areas import PlanAreaRow
from planning.services.answers import people_behind, ratios_of
from planning.services.official_tables import (
    NUMBER,
    SHARE,
    WHOLE,
    Column,
    Row,
    Table,
    scenario_label,
    source_words,
    time_label,
)
from planning.services.plan_facts import PlanFacts
from planning.services.plan_reasons import alternative_reason, chosen_reason


def yuan_of(fen: int | None) -> float | None:
    """Money in yuan for a spreadsheet; two decimals hold every fen exactly up to ten trillion yuan."""
    return None if fen is None else fen / 100


def kind_of_work(kind: str) -> str:
    """New building, conversion …, as project lists name it."""
    words = {
        InterventionKind.BUILD: _("new building"), InterventionKind.CONVERT: _("conversion of what is there"),
        InterventionKind.EXTEND: _("extension"), InterventionKind.UPGRADE: _("renewal"),
        InterventionKind.STOCK: _("designation, stock and drill"), InterventionKind.RETIRE: _("closing"),
    }  # fmt: skip
    return words.get(InterventionKind(kind), kind)


def units_of(one: Intervention) -> int:
    """Units gained; what is closed counts below zero."""
    return -one.units if one.kind == InterventionKind.RETIRE else one.units


def project_code(facts: PlanFacts, one: Intervention) -> str:
    """The trace of a proposal until it becomes a project with a code of its own."""
    return f"{facts.plan.ref}-{facts.version.number}-{one.order:03d}"


def siting_table(facts: PlanFacts) -> Table:
    """T7: the chosen places in order, then those that were weighed and left out."""
    columns = [
        Column(_("No."), kind=WHOLE, width=6), Column(_("Site"), width=28), Column(_("In the plan"), width=11), Column(_("Intervention"), width=14),
        Column(_("Service"), width=22), Column(_("District"), width=14), Column(_("Street"), width=16), Column(_("Place"), width=12),
        Column(_("Land parcel"), width=18), Column(_("Land area"), "m²", NUMBER, 11), Column(_("Capacity gained"), _("units"), WHOLE, 12),
        Column(_("Unit"), width=8), Column(_("Need newly served"), _("units"), WHOLE, 12), Column(_("People newly served"), _("people"), WHOLE, 12),
        Column(_("Cost"), _("yuan"), NUMBER, 14), Column(_("Running cost a year"), _("yuan"), NUMBER, 13),
        Column(_("Peacetime value a year"), _("yuan"), NUMBER, 13), Column(_("Ready after"), "h", NUMBER, 9),
        Column(_("Lead time"), _("months"), WHOLE, 9), Column(_("Hazard check"), width=28), Column(_("Reason"), width=60),
        Column(_("Longitude"), "°", NUMBER, 11), Column(_("Latitude"), "°", NUMBER, 11), Column(_("Option"), width=14),
    ]  # fmt: skip
    note = _(
        "Need newly served is told by the run where the place helps most; it must not be added up over places. Alternatives stand below the chosen places."
    )
    return Table("T7", _("Siting scheme"), note, columns, list(_siting_rows(facts)), 2)


def _siting_rows(facts: PlanFacts) -> Iterator[Row]:
    ratios = ratios_of(facts.version)
    for one in facts.interventions:
        place = one.facility or one.idle_asset
        asset = one.idle_asset
        yield (
            one.order, local_name(one), _("chosen"), str(one.get_kind_display()), local_name(one.service),
            _named(facts.area_at(one.area, AreaLevel.DISTRICT)), _named(facts.area_at(one.area, AreaLevel.STREET)), place.ref if place else "",
            asset.ref if asset else _("existing premises"), asset.land_m2 if asset else None, units_of(one), unit(one.service),
            one.people_newly_served, people_behind(one.people_newly_served, ratios.get(one.service.code)), yuan_of(one.cost_fen),
            yuan_of(one.running_fen_year), yuan_of(one.peacetime_fen_year), one.hours, one.lead_months,
            facts.hazard_checks.get(one.pk, ""), chosen_reason(facts, one), one.point.x, one.point.y, facts.key_of(one),
        )  # fmt: skip
    kinds = dict(InterventionKind.choices)
    for other in facts.alternatives:
        row, service = other.row, other.service
        yield (
            None, local_name(row), _("not chosen"), str(kinds.get(row["kind"], row["kind"])), local_name(service) if service else row["service"],
            _named(facts.area_at(other.area, AreaLevel.DISTRICT)), _named(facts.area_at(other.area, AreaLevel.STREET)), other.place_ref,
            other.place_ref if other.asset else _("existing premises"), other.asset.land_m2 if other.asset else None,
            row["units"], unit(service) if service else "", None, None, yuan_of(row["cost_fen"]), None, None, row.get("hours"), None, "",
            alternative_reason(facts, other), row["lon"], row["lat"], row["key"],
        )  # fmt: skip


def _named(area: Any) -> str:
    return local_name(area) if area is not None else ""


def project_table(facts: PlanFacts) -> Table:
    """T8: each intervention as a project to come, with its money by source."""
    columns = [
        Column(_("Project code"), width=18), Column(_("Project"), width=30), Column(_("Service"), width=22), Column(_("Type of work"), width=20),
        Column(_("Site"), width=26), Column(_("District"), width=14), Column(_("Scale"), _("units"), WHOLE, 10), Column(_("Unit"), width=8),
        Column(_("Investment"), _("yuan"), NUMBER, 14),
        *[Column(str(label), _("yuan"), NUMBER, 13) for _code, label in FundSource.choices],
        Column(_("Source not named"), _("yuan"), NUMBER, 13), Column(_("Land"), width=20), Column(_("Owner"), width=20),
        Column(_("Lead department"), width=16), Column(_("Stage"), width=16), Column(_("Start"), _("year"), WHOLE, 8), Column(_("End"), _("year"), WHOLE, 8),
        Column(_("Lead time"), _("months"), WHOLE, 9),
    ]  # fmt: skip
    note = _(
        "Proposals until they are approved: the code traces the plan's version. Lead department and investment code are given when a proposal becomes a project."
    )
    return Table("T8", _("Project list"), note, columns, list(_project_rows(facts)), 2)


def _project_rows(facts: PlanFacts) -> Iterator[Row]:
    stage = _("proposal, frozen") if facts.version.frozen_at else _("proposal, draft")
    for one in facts.interventions:
        parts: dict[str, int] = {}
        for part in facts.money.get(one.pk, []):
            parts[part.source] = parts.get(part.source, 0) + part.amount_fen
        asset = one.idle_asset
        owner = one.facility.owner if one.facility else str(asset.get_tenure_display()) if asset else ""
        land = str(asset.get_kind_display()) if asset else _("existing premises")
        start, end = span_of(one)
        yield (
            project_code(facts, one), project_name(one), local_name(one.service), kind_of_work(one.kind), local_name(one),
            _named(facts.area_at(one.area, AreaLevel.DISTRICT)), units_of(one), unit(one.service), yuan_of(one.cost_fen),
            *(yuan_of(parts.get(code)) for code in FundSource.values), yuan_of((one.cost_fen - sum(parts.values())) or None),
            land, owner, "", stage, start, end, one.lead_months,
        )  # fmt: skip


def project_name(one: Intervention) -> str:
    return _("%(place)s: %(kind)s, %(service)s") % {
        "place": local_name(one),
        "kind": str(one.get_kind_display()).lower(),
        "service": local_name(one.service),
    }


def span_of(one: Intervention) -> tuple[int | None, int | None]:
    """First and last year of the work, which begins with its year."""
    if one.year is None:
        return None, None
    return one.year, one.year + max(one.lead_months - 1, 0) // 12


def annual_table(facts: PlanFacts) -> Table:
    """T9: what is worked on in each year, with quarterly milestones and that year's money."""
    columns = [
        Column(_("Year"), kind=WHOLE, width=8), Column(_("Project"), width=36), Column(_("Project code"), width=18), Column(_("Target"), _("units"), WHOLE, 10),
        Column(_("Unit"), width=8), Column(_("First quarter"), width=16), Column(_("Second quarter"), width=16), Column(_("Third quarter"), width=16),
        Column(_("Fourth quarter"), width=16), Column(_("Funds of the year"), _("yuan"), NUMBER, 14),
        *[Column(str(label), _("yuan"), NUMBER, 13) for _code, label in FundSource.choices],
    ]  # fmt: skip
    phased = any(one.year for one in facts.interventions)
    note = (
        _(
            "Milestones follow from the lead time: work begins with the year, and a place counts from the quarter in which it is ready."
        )
        if phased
        else _("This version has not been put into years: phase it to get an annual plan.")
    )
    return Table("T9", _("Annual plan"), note, columns, list(_annual_rows(facts)), 2)


def _annual_rows(facts: PlanFacts) -> Iterator[Row]:
    lines: list[tuple[int, int, Row]] = []
    for one in facts.interventions:
        start, end = span_of(one)
        paid: dict[int, dict[str, int]] = {}
        for part in facts.money.get(one.pk, []):
            paid.setdefault(part.year, {})[part.source] = part.amount_fen
        years = set(paid) | (set(range(start, end + 1)) if start is not None and end is not None else set())
        for year in sorted(years):
            sources = paid.get(year, {})
            quarters = [milestone(one, year, quarter) for quarter in range(4)]
            row = (
                year, project_name(one), project_code(facts, one), units_of(one), unit(one.service), *quarters,
                yuan_of(sum(sources.values())), *(yuan_of(sources.get(code)) for code in FundSource.values),
            )  # fmt: skip
            lines.append((year, one.order, row))
    for _year, _order, row in sorted(lines, key=lambda line: line[:2]):
        yield row


def milestone(one: Intervention, year: int, quarter: int) -> str:
    """What a project reaches in a quarter (0 to 3) of a year: "" before it begins and after it is ready."""
    if one.year is None:
        return ""
    month = (year - one.year) * 12 + quarter * 3
    if month < 0 or month > max(one.lead_months - 1, 0):
        return ""
    ready = month + 3 >= one.lead_months
    if month == 0:
        return _("begins, ready") if ready else _("begins")
    return _("ready") if ready else _("work goes on")


def area_table(facts: PlanFacts) -> Table:
    """Before and after by run, service and area, with the change-set's part in it."""
    states = [_("Need"), _("Served"), _("Late"), _("No room"), _("Out of reach"), _("Gap")]
    columns = [
        Column(_("Run"), width=14), Column(_("Service"), width=22), Column(_("Level"), width=10), Column(_("Area"), width=20), Column(_("Area code"), width=14),
        Column(_("Scenario"), width=22), Column(_("Time of day"), width=10), Column(_("Unit"), width=8),
        *[Column(_("%(state)s, before") % {"state": state}, _("units"), WHOLE, 12) for state in states],
        *[Column(_("%(state)s, with the plan") % {"state": state}, _("units"), WHOLE, 12) for state in states],
        Column(_("Gap closed"), _("units"), WHOLE, 12), Column(_("Coverage before"), "", SHARE, 10), Column(_("Coverage with the plan"), "", SHARE, 10),
        Column(_("Interventions"), kind=WHOLE, width=12), Column(_("Units gained"), _("units"), WHOLE, 12), Column(_("Cost"), _("yuan"), NUMBER, 14),
        Column(_("Run with the plan"), width=14),
    ]  # fmt: skip
    note = _(
        "Districts and what lies outside every area add up to the total. Cost belongs to the service and repeats in each run."
    )
    return Table(
        "A", _("Before and after by area"), note, columns, (_area_row(row) for row in facts.area_rows), 4
    )


def _area_row(row: PlanAreaRow) -> Row:
    def states(side: Any) -> tuple[int | None, ...]:
        names = ("need", "served", "late", "no_room", "out_of_reach", "gap")
        return tuple(getattr(side, name) if side is not None else None for name in names)

    level = _("total") if row.total else str(AreaLevel(row.area.level).label) if row.area else ""
    area = "" if row.total else local_name(row.area) if row.area else _("outside every area")
    return (
        row.before_run.ref, local_name(row.service), level, area, row.area.code if row.area else "", scenario_label(row.before_run),
        time_label(row.before_run.time_of_day), unit(row.service), *states(row.before), *states(row.after), row.closed,
        row.before.coverage, row.after.coverage if row.after else None, row.works.count, row.works.units, yuan_of(row.works.cost_fen),
        row.after_run.ref if row.after_run else "",
    )  # fmt: skip


def money_table(facts: PlanFacts) -> Table:
    """Money by year and source; what no source pays stands apart, so that the whole is the plan's cost."""
    columns = [
        Column(_("Year"), kind=WHOLE, width=10),
        Column(_("Source of money"), width=24),
        Column(_("Amount"), _("yuan"), NUMBER, 16),
    ]
    sources = dict(FundSource.choices)
    rows: list[Row] = [
        (year, str(sources.get(source, source)), yuan_of(fen))
        for (year, source), fen in facts.by_year_and_source().items()
    ]
    left = facts.total_fen() - sum(facts.by_year_and_source().values())
    if left:
        rows.append((None, _("not yet put into years and sources"), yuan_of(left)))
    rows.append((None, _("total"), yuan_of(facts.total_fen())))
    return Table(
        "M", _("Money by year and source"), _("The total is the cost of the interventions."), columns, rows, 1
    )


def rate_table(facts: PlanFacts) -> Table:
    """The rate card as it was when the version was computed; sources as they stand in the card today."""
    columns = [
        Column(_("Service"), width=24), Column(_("Intervention"), width=14), Column(_("Peacetime use"), width=18), Column(_("Fixed cost"), _("yuan"), NUMBER, 14),
        Column(_("Cost a unit"), _("yuan"), NUMBER, 14), Column(_("At most, share of capacity"), "", SHARE, 12), Column(_("Ready after"), "h", NUMBER, 10),
        Column(_("Lead time"), _("months"), WHOLE, 10), Column(_("Source"), width=44), Column(_("Certainty"), width=9), Column(_("In words"), width=18),
    ]  # fmt: skip
    services = {one.code: local_name(one) for one in ServiceType.objects.all()}
    uses = {one.code: local_name(one) for one in PeacetimeUse.objects.all()}
    kinds = dict(InterventionKind.choices)
    today = {
        (one.service.code, one.kind, one.use.code if one.use else ""): one
        for one in CostRate.objects.select_related("service", "use")
    }
    rows: list[Row] = []
    for frozen in facts.version.facts.get("rates") or []:
        service, kind, use, fixed, each, most, hours, lead = frozen[:8]
        known = today.get((service, kind, use))
        rows.append(
            (
                services.get(service, service), str(kinds.get(kind, kind)), uses.get(use, use), yuan_of(fixed), yuan_of(each), most, hours, lead,
                source_words(known.source) if known else "", known.certainty if known else "", certainty(known.certainty) if known else "",
            )
        )  # fmt: skip
    note = (
        _(
            "Proposed prices as they stood when the version was computed; a place that names its own price keeps it."
        )
        if rows
        else _("This version keeps no rate card of its own.")
    )
    return Table("P", _("Prices"), note, columns, rows, 2)
