"""The official tables of runs as columns and rows: T3 scenarios, T4 demand, T5 gaps, T13 standards and assumptions.

The names follow the tables that a special plan of emergency shelters hands in. Every figure is that of the database or
of the documents frozen in the run; nothing is rounded here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.utils.translation import gettext as _

from core.choices import AreaLevel, TimeOfDay
from core.templatetags.pingji import local_name, unit
from facilities.choices import Hazard
from planning.bridge.situation import CHAIN
from planning.choices import Driver, Extent, ScenarioTemplate
from planning.models import HazardLayer, Run
from planning.selectors import official_tables as selectors
from planning.selectors.ranges import ranges_of
from planning.services import demand
from planning.services.runs import frozen_of

# How a value is written: in words, whole, with a decimal or more, as a share shown in percent.
TEXT, WHOLE, NUMBER, SHARE = "text", "whole", "number", "share"
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Column:
    head: str
    unit: str = ""
    kind: str = TEXT
    width: int = 12


@dataclass(frozen=True)
class Table:
    """`frozen`: how many columns stay in sight when the table is moved sideways."""

    key: str
    title: str
    note: str
    columns: list[Column]
    rows: Iterable[Row]
    frozen: int = 2


def time_label(code: str) -> str:
    return str(TimeOfDay(code).label)


def scenario_label(run: Run) -> str:
    return local_name(run.scenario_frozen) if run.scenario_frozen.get("name") else local_name(run.scenario)


def rate_of(scenario: dict[str, Any], klass: str, name: str) -> tuple[float | None, dict[str, Any]]:
    """A rate of the chain for one class of ground, and what is known about it: its own, else that of the scenario."""
    facts = scenario.get("rate_facts") or {}
    own = (scenario["zone_rates"].get(klass) or {}).get(name) if klass else None
    if own is not None:
        return float(own), facts.get(f"zone_rates.{klass}.{name}") or {}
    whole = scenario.get(f"{name}_share")
    return (None if whole is None else float(whole)), facts.get(f"{name}_share") or {}


# --- T3 --------------------------------------------------------------------------------------------


def scenario_table(runs: list[Run], user: Any) -> Table:
    """T3: one row for each run and class of ground."""
    columns = [
        Column(_("Reference"), width=10), Column(_("Scenario"), width=24), Column(_("Version"), kind=WHOLE, width=8), Column(_("Template"), width=20),
        Column(_("Hazard"), width=12), Column(_("Level or class"), width=16), Column(_("Severity"), kind=WHOLE, width=8),
        Column(_("Return period"), _("years"), WHOLE, 10), Column(_("Affected area"), "km²", NUMBER, 12), Column(_("Time of day"), width=10),
        Column(_("Population layer"), width=18), Column(_("Population base"), _("people"), WHOLE, 14),
        Column(_("Affected"), _("of the people there"), SHARE, 10), Column(_("Leave home"), _("of the affected"), SHARE, 10),
        Column(_("Lowest"), _("of the affected"), SHARE, 9), Column(_("Highest"), _("of the affected"), SHARE, 9),
        Column(_("Seek shelter"), _("of those who leave"), SHARE, 10), Column(_("People affected"), _("people"), WHOLE, 14),
        Column(_("People who leave home"), _("people"), WHOLE, 14), Column(_("Lasts"), "h", NUMBER, 8), Column(_("Source"), width=44),
        Column(_("Clause"), width=18), Column(_("Certainty"), width=9), Column(_("Run"), width=14),
    ]  # fmt: skip
    note = _("The population base is everybody present on that ground at that time, as far as you may see.")
    rows = [row for run in runs for row in _scenario_rows(run, user)]
    return Table("T3", _("Hazards and scenarios"), note, columns, rows)


def _scenario_rows(run: Run, user: Any) -> Iterator[Row]:
    scenario, found = run.scenario_frozen, demand.demand_of_run(run)
    rows = demand.DemandRows(run, demand.areas_seen(run, user))
    tops = rows.tops()
    place = {int(pk): n for n, pk in enumerate(found.area_id.tolist())}
    at = [place[area.pk] for area in tops]
    layer_id = frozen_of(run).meta["zones"].get(scenario["hazard_layer"] or "", {}).get("id")
    zones = scenario["extent"] == Extent.ZONES
    layer = HazardLayer.objects.filter(pk=layer_id).first() if zones and layer_id else None
    grounds = selectors.ground_by_class(layer.pk) if layer else {}
    present = next(
        (one for one in demand.layers_used(run, [Driver.PRESENT]) if one.time_of_day == run.time_of_day), None
    )
    for n, klass in enumerate(found.classes):
        _people, inside, affected, displaced, _seeking = found.ground[n][:, at].sum(axis=1).tolist()
        rates = {name: rate_of(scenario, klass, name) for name in CHAIN}
        left, facts = rates["displaced"]
        ground = grounds.get(klass)
        yield (
            scenario["ref"], scenario_label(run), run.scenario_version, str(ScenarioTemplate(scenario.get("template") or "custom").label),
            str(Hazard(scenario["hazard"]).label) if scenario["hazard"] in Hazard.values else scenario["hazard"],
            source_words(klass) if klass else str(Extent(scenario["extent"]).label), ground.severity if ground else None,
            layer.return_period_years if layer else None, ground.km2 if ground else None if zones else _extent_km2(run, scenario),
            time_label(run.time_of_day), local_name(present.layer) if present and present.layer else present.code if present else "",
            _known(inside), rates["affected"][0], left, facts.get("low"), facts.get("high"),
            rates["seeking"][0], _known(affected), _known(displaced), scenario.get("duration_hours"),
            source_words(facts.get("source") or scenario.get("rate_source")), facts.get("clause", ""),
            facts.get("certainty") or scenario.get("rate_certainty", ""), run.ref,
        )  # fmt: skip


def _extent_km2(run: Run, scenario: dict[str, Any]) -> float | None:
    codes = scenario["areas"] if scenario["extent"] == Extent.AREAS else None
    return selectors.extent_km2(run.city_id, codes, scenario.get("drawn"))


def _known(value: float) -> float | None:
    return None if value != value else value


def source_words(words: str | None) -> str:
    """Sources that ship with the platform are data in English; the catalogue has them. A lone % would break the lookup."""
    return _(words.replace("%", "%%")).replace("%%", "%") if words else ""


# --- T4 --------------------------------------------------------------------------------------------


def demand_table(runs: list[Run], user: Any) -> Table:
    """T4: one row for each run, service and area down to streets, with the need of each group."""
    groups = _groups_of(runs)
    labels = {code: demand.group_head(code) for code in groups}
    of_group = [
        Column(_("Need, %(group)s") % {"group": labels[code]}, _("units"), WHOLE, 12) for code in groups
    ]
    of_group += [
        Column(_("People inside, %(group)s") % {"group": labels[code]}, _("people"), WHOLE, 13)
        for code in groups
    ]
    columns = [
        Column(_("Area"), width=18), Column(_("Area code"), width=12), Column(_("Level"), width=12), Column(_("Service"), width=22), Column(_("Unit"), width=8),
        Column(_("Scenario"), width=24), Column(_("Time of day"), width=10), Column(_("People counted"), _("people"), WHOLE, 13),
        Column(_("Inside the scenario"), _("people"), WHOLE, 13), Column(_("Affected"), _("people"), WHOLE, 12),
        Column(_("Leave home"), _("people"), WHOLE, 12), Column(_("Seek shelter"), _("people"), WHOLE, 12), Column(_("Need"), _("units"), WHOLE, 12),
        Column(_("Low (P10)"), _("units"), WHOLE, 12), Column(_("Mid (P50)"), _("units"), WHOLE, 12), Column(_("High (P90)"), _("units"), WHOLE, 12),
        *of_group, Column(_("Counts"), width=18), Column(_("Ratio"), _("units a person"), NUMBER, 10), Column(_("Standard used"), width=40),
        Column(_("Phase that asks for most"), width=14), Column(_("Source"), width=36), Column(_("Clause"), width=20), Column(_("Certainty"), width=9),
        Column(_("Run"), width=14),
    ]  # fmt: skip
    note = _(
        "Ages add up to the need; 65 and over is part of 60 and over; barrier-free is part of the need across ages. An empty group: the population layer does not tell it apart. Low, mid and high come from the range analysis of the run; empty: it was not asked for."
    )
    rows = (row for run in runs for row in _demand_rows(run, user, groups))
    return Table("T4", _("Demand"), note, columns, rows, 4)


def _groups_of(runs: list[Run]) -> list[str]:
    """Every group that some run tells apart, children first, the barrier-free last."""
    found = {part.group for run in runs for part in demand.demand_of_run(run).parts if part.group}

    def place(code: str) -> tuple[int, int, str]:
        age = code.startswith("age_")
        return (0 if age else 1, int(code.split("_")[1]) if age else 0, code)

    return sorted(found, key=place)


def _demand_rows(run: Run, user: Any, groups: list[str]) -> Iterator[Row]:
    areas = demand.areas_seen(run, user).filter(level__lte=AreaLevel.STREET)
    rows = demand.DemandRows(run, areas, demand.Asked(parts=frozenset({"whole", "group"})))
    for (_code, area), parts in groupby(rows, key=lambda row: (row.service.code, row.area)):
        listed = list(parts)
        if area is None:
            continue
        whole = next(row for row in listed if row.part == "whole")
        by_group = {row.group: row for row in listed if row.part == "group"}
        own, rule = whole.own, whole.rule
        yield (
            local_name(area), area.code, area.get_level_display(), local_name(whole.service), unit(whole.service),
            scenario_label(run), time_label(run.time_of_day), whole.people, whole.inside, whole.affected, whole.displaced, whole.seeking, whole.need,
            whole.need_p10, whole.need_p50, whole.need_p90,
            *(by_group[code].need if code in by_group else None for code in groups),
            *(by_group[code].inside if code in by_group else None for code in groups),
            str(Driver(whole.standard["driver"]).label), whole.ratio * (own["ratio"] / whole.standard["ratio"] if own else 1.0),
            rule.words, demand.phase_label(whole.standard["phase"]), source_words(rule.source), source_words(rule.clause),
            rule.certainty, run.ref,
        )  # fmt: skip


# --- T5 --------------------------------------------------------------------------------------------


def gap_table(runs: list[Run], user: Any) -> Table:
    """T5: one row for each run, service and area down to streets, the widest gap of its level first."""
    columns = [
        Column(_("Rank"), kind=WHOLE, width=7), Column(_("Area"), width=18), Column(_("Area code"), width=12), Column(_("Level"), width=12),
        Column(_("Service"), width=22), Column(_("Unit"), width=8), Column(_("Scenario"), width=24), Column(_("Time of day"), width=10),
        Column(_("Demand"), _("units"), WHOLE, 12), Column(_("Supply"), _("usable units that stand here"), WHOLE, 13),
        Column(_("Served"), _("units"), WHOLE, 12), Column(_("Late"), _("units"), WHOLE, 12), Column(_("No room"), _("units"), WHOLE, 12),
        Column(_("Out of reach"), _("units"), WHOLE, 12), Column(_("Gap"), _("units"), WHOLE, 12), Column(_("Gap, low (P10)"), _("units"), WHOLE, 12),
        Column(_("Gap, mid (P50)"), _("units"), WHOLE, 12), Column(_("Gap, high (P90)"), _("units"), WHOLE, 12),
        Column(_("Coverage"), _("of the demand"), SHARE, 10), Column(_("People counted"), _("people"), WHOLE, 13), Column(_("Run"), width=14),
    ]  # fmt: skip
    note = _(
        "Served, late, no room and out of reach add up to the demand. Supply stands in the area; people also go to places across its border, so that supply less demand is not the gap. Rank: within the service, the level and what you may see."
    )
    rows = (row for run in runs for row in _gap_rows(run, user))
    return Table("T5", _("Gaps"), note, columns, rows, 3)


def _gap_rows(run: Run, user: Any) -> Iterator[Row]:
    areas = demand.areas_seen(run, user).filter(level__lte=AreaLevel.STREET)
    supply, spreads = selectors.usable_capacity(run), ranges_of(run)
    for row in selectors.ranked_results(run, areas=areas.values("pk")).defer("area__geometry").iterator():
        spread = spreads.get((row.service_id, row.area_id))
        gap = [spread.gap_p10, spread.gap_p50, spread.gap_p90] if spread else [None] * 3
        yield (
            row.rank, local_name(row.area), row.area.code, row.area.get_level_display(), local_name(row.service), unit(row.service), scenario_label(run),
            time_label(run.time_of_day), row.need, supply.get((row.service_id, row.area_id), 0), row.served, row.late, row.no_room, row.out_of_reach,
            row.gap, *gap, row.served / row.need if row.need else None, row.people, run.ref,
        )  # fmt: skip
