"""What a run's need is made of, row by row: by area, service, phase and group, each only as far as the person may see.

The numbers are worked out once from the run's snapshot and kept beside it; the rows are made page by page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, overload

import numpy as np
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from core import policies
from core.choices import TimeOfDay
from core.errors import DomainError
from core.models import Area
from core.templatetags.pingji import local_name
from facilities.models import ServiceType
from planning.bridge.demand import (
    FORMAT,
    GROUP,
    LINKS,
    PHASE,
    WHOLE,
    Demand,
    Part,
    demand_of,
    keep_demand,
    kept_demand,
)
from planning.bridge.situation import counted_at, layer_told
from planning.choices import PeopleGroup, Phase, RunState
from planning.models import AreaRange, PopulationLayer, Run
from planning.selectors.ranges import ranges_of
from planning.services.runs import frozen_of

CHUNK = 500
ORDERINGS = ("area", "people", "inside", "affected", "displaced", "seeking", "need")


@lru_cache(maxsize=8)
def _open(name: str) -> Demand | None:
    return kept_demand(name)


def demand_of_run(run: Run) -> Demand:
    """The parts of a finished run's need by area. Raises DomainError for a run without results."""
    if run.state != RunState.DONE or run.snapshot is None:
        raise DomainError("run-not-done", _("Only a finished run tells its need."), status=404)
    name = f"demand/{run.params_sha256[:24]}-{FORMAT}"
    found = _open(name)
    if found is None:
        try:
            frozen = frozen_of(run)
        except FileNotFoundError:
            words = _("The snapshot of this run is gone. Run it again to see what its need is made of.")
            raise DomainError("no-snapshot", words, status=404) from None
        found = demand_of(frozen, run.scenario_frozen, run.standards_frozen, run.time_of_day)
        keep_demand(name, found)
        _open.cache_clear()
    return found


def group_label(code: str) -> str:
    """A group in the reader's language; `age_15_59` and the like are those whom no other group of the row holds."""
    if code in PeopleGroup.values:
        return str(PeopleGroup(code).label)
    if not code:
        return _("everybody")
    _age, low, high = code.split("_")
    if high == "up":
        return _("aged %(low)s and over") % {"low": low} if low != "0" else _("everybody else")
    return _("aged %(low)s–%(high)s") % {"low": low, "high": high}


def group_head(code: str) -> str:
    """The same, short enough for the head of a column."""
    return _("barrier-free") if code == PeopleGroup.BARRIER_FREE else group_label(code)


def phase_label(code: str) -> str:
    return str(Phase(code).label) if code else _("all the time")


@dataclass(frozen=True)
class Rule:
    """A ratio in words with its source; `profile` is empty where the scenario sets it."""

    profile: str
    words: str
    source: str
    clause: str
    certainty: str


@dataclass(frozen=True)
class DemandRow:
    """One part of the need in one area. People are None where a rate of the chain is missing; need in whole units of the
    service. `area` None: everything the person may see. `spread`: where the need may lie, None without a range analysis."""

    run: Run
    area: Area | None
    service: ServiceType
    part: str
    phase: str
    group: str
    governs: bool
    ratio: float
    people: float | None
    inside: float | None
    affected: float | None
    displaced: float | None
    seeking: float | None
    need: int
    standard: dict[str, Any]
    spread: AreaRange | None = None

    @property
    def need_p10(self) -> int | None:
        return self.spread.need_p10 if self.spread else None

    @property
    def need_p50(self) -> int | None:
        return self.spread.need_p50 if self.spread else None

    @property
    def need_p90(self) -> int | None:
        return self.spread.need_p90 if self.spread else None

    @property
    def group_label(self) -> str:
        return group_label(self.group)

    @property
    def phase_label(self) -> str:
        return phase_label(self.phase)

    @property
    def own(self) -> dict[str, Any] | None:
        """The ratio of the district around it, where the district has one and the scenario sets none."""
        if self.area is None or self.service.code in self.run.scenario_frozen["ratio_overrides"]:
            return None
        return own_ratio(self.standard, self.area.path)

    @property
    def rule(self) -> Rule:
        """Whose ratio it is, and where it comes from."""
        scenario = self.run.scenario_frozen
        if (set_to := scenario["ratio_overrides"].get(self.service.code)) is not None:
            words = _("set by the scenario: %(ratio)s a person") % {"ratio": f"{set_to:g}"}
            return Rule("", words, scenario["rate_source"], "", scenario["rate_certainty"])
        if own := self.own:
            words = _("the district's own: %(ratio)s a person") % {"ratio": f"{own['ratio']:g}"}
            return Rule(own["profile"], words, own["ratio_source"], "", own["ratio_certainty"])
        row = self.standard
        return Rule(
            row.get("profile") or self.run.profile.code, local_name(row, "ratio_text"), row["ratio_source"], row["ratio_clause"], row["ratio_certainty"]
        )  # fmt: skip

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.service.code, self.part, self.phase, self.group


@dataclass(frozen=True)
class Asked:
    """Which rows: codes of services, phases, groups and parts; empty means all, and of parts the whole need alone."""

    services: frozenset[str] = frozenset()
    phases: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()

    def __contains__(self, part: Part) -> bool:
        if self.services and part.service not in self.services:
            return False
        if not (self.parts or self.phases or self.groups):
            return part.part == WHOLE
        by_name = (part.part == PHASE and part.phase in self.phases) or (
            part.part == GROUP and part.group in self.groups
        )
        return by_name or part.part in self.parts


def areas_seen(run: Run, user: Any) -> QuerySet[Area]:
    """Areas with results of the run that the person may see; all of them for a command (`user` None)."""
    areas = Area.objects.filter(city=run.city_id).defer("geometry").order_by("path")
    paths = None if user is None else policies.visible_paths(user, run.city_id)
    if paths is None:
        return areas
    inside = Q(pk__in=[])
    for path in paths:
        inside |= Q(path__startswith=path)
    return areas.filter(inside)


class DemandRows(Sequence[DemandRow]):
    """The rows for some areas of a run, by service, area and part. A row is made when it is looked at."""

    def __init__(
        self, run: Run, areas: Iterable[Area], asked: Asked | None = None, ordering: str = ""
    ) -> None:
        self.run, self.demand = run, demand_of_run(run)
        place = {int(pk): n for n, pk in enumerate(self.demand.area_id.tolist())}
        self.areas = [area for area in areas if area.pk in place]
        self.standards = {row["service"]: row for row in run.standards_frozen}
        self.services = ServiceType.objects.in_bulk(list(self.standards), field_name="code")
        wanted = [n for n, part in enumerate(self.demand.parts) if part in (asked or Asked())]
        at = np.array([place[area.pk] for area in self.areas], dtype=np.int64)
        here = np.arange(len(at))
        self._part, self._area, self._at = (np.empty(0, np.int64),) * 3
        codes = list(dict.fromkeys(self.demand.parts[n].service for n in wanted))
        for code in codes:
            mine = np.array([n for n in wanted if self.demand.parts[n].service == code])
            self._part = np.concatenate([self._part, np.tile(mine, len(at))])
            self._area = np.concatenate([self._area, np.repeat(here, len(mine))])
            self._at = np.concatenate([self._at, np.repeat(at, len(mine))])
        self._order(ordering)

    def _order(self, ordering: str) -> None:
        key = ordering.lstrip("-")
        if key not in ORDERINGS or not len(self._part):
            return
        if key == "area":
            values = self._area.astype(np.float64)
        elif key == "need":
            values = self.demand.need[self._part, self._at].astype(np.float64)
        else:
            values = np.nan_to_num(self.demand.chain[self._part, LINKS.index(key), self._at], nan=-1.0)
        order = np.argsort(-values if ordering.startswith("-") else values, kind="stable")
        self._part, self._area, self._at = self._part[order], self._area[order], self._at[order]

    def __len__(self) -> int:
        return len(self._part)

    @overload
    def __getitem__(self, index: int) -> DemandRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[DemandRow]: ...
    def __getitem__(self, index: int | slice) -> DemandRow | list[DemandRow]:
        if isinstance(index, int):
            return self._rows(slice(index, index + 1 or None))[0]
        return self._rows(index)

    def __iter__(self) -> Iterator[DemandRow]:
        for start in range(0, len(self), CHUNK):
            yield from self._rows(slice(start, start + CHUNK))

    def _rows(self, index: slice) -> list[DemandRow]:
        parts, areas, at = self._part[index].tolist(), self._area[index].tolist(), self._at[index]
        spreads = ranges_of(self.run, areas=[self.areas[n] for n in set(areas)]) if areas else {}
        chain = self.demand.chain[self._part[index], :, at]
        need = self.demand.need[self._part[index], at].tolist()
        return [
            self._row(part, self.areas[area], links, units, spreads)
            for part, area, links, units in zip(parts, areas, chain.tolist(), need, strict=True)
        ]

    def _row(
        self,
        number: int,
        area: Area | None,
        links: list[float],
        need: int,
        spreads: dict[tuple[int, int], AreaRange],
    ) -> DemandRow:
        part = self.demand.parts[number]
        service = self.services[part.service]
        # A range is that of the run's need: the whole, and the phase that governs it.
        ranged = area is not None and (part.part == WHOLE or part.governs)
        people = {name: None if value != value else value for name, value in zip(LINKS, links, strict=True)}
        return DemandRow(
            run=self.run, area=area, service=service, part=part.part, phase=part.phase, group=part.group, governs=part.governs,
            ratio=part.ratio, need=need, standard=self.standards[part.service],
            spread=spreads.get((service.pk, area.pk)) if area is not None and ranged else None, **people,
        )  # fmt: skip

    def total(self, asked: Asked | None = None) -> list[DemandRow]:
        """Every part asked for, over all areas of these rows together: an area inside another is counted once."""
        outer = self.tops()
        place = {int(pk): n for n, pk in enumerate(self.demand.area_id.tolist())}
        at = [place[area.pk] for area in outer]
        spreads = ranges_of(self.run, areas=outer) if len(outer) == 1 else {}
        rows = []
        for n, part in enumerate(self.demand.parts):
            if part in (asked or Asked()):
                links = self.demand.chain[n][:, at].sum(axis=1).tolist()
                row = self._row(
                    n,
                    outer[0] if len(outer) == 1 else None,
                    links,
                    int(self.demand.need[n, at].sum()),
                    spreads,
                )
                rows.append(row)
        return rows

    def tops(self) -> list[Area]:
        """The areas that lie in no other of these: together they hold everything, once."""
        found: list[Area] = []
        for area in sorted(self.areas, key=lambda one: one.path):
            if not found or not area.path.startswith(found[-1].path):
                found.append(area)
        return found

    def lookup(self) -> dict[tuple[Any, ...], int]:
        """(service, part, phase, group, area id) -> need, of every row."""
        keys = [(p.service, p.part, p.phase, p.group) for p in self.demand.parts]
        return {
            (*keys[part], self.areas[area].pk): int(self.demand.need[part, at])
            for part, area, at in zip(
                self._part.tolist(), self._area.tolist(), self._at.tolist(), strict=True
            )
        }


@dataclass(frozen=True)
class LayerUsed:
    """A population layer that the run counted, as it is called and as the snapshot froze it."""

    time_of_day: str
    layer: PopulationLayer | None
    code: str
    groups: list[str]
    error_share: float | None

    @property
    def time_label(self) -> str:
        return str(TimeOfDay(self.time_of_day).label)


def layers_used(run: Run, drivers: Iterable[str] | None = None) -> list[LayerUsed]:
    """The layers behind the people of the run, one for each time of day that its standards (or `drivers`) look at."""
    meta = frozen_of(run).meta
    looked = [row["driver"] for row in run.standards_frozen] if drivers is None else drivers
    asked = list(dict.fromkeys(counted_at(run.scenario_frozen, one, run.time_of_day) for one in looked))
    told = [
        (time, layer) for time, code in asked if (layer := layer_told(meta, time, code) or {}).get("code")
    ]
    layers = PopulationLayer.objects.in_bulk([layer["id"] for _time, layer in told])
    return [
        LayerUsed(
            time,
            layers.get(layer["id"]),
            layer["code"],
            list(layer.get("groups", [])),
            layer.get("error_share"),
        )
        for time, layer in told
    ]


def own_ratio(standard: dict[str, Any], path: str) -> dict[str, Any] | None:
    """The district's own ratio that holds in an area, the narrowest; None where the city's holds."""
    codes = path.strip("/").split("/")
    rows = [row for row in standard.get("local") or [] if row["area"] in codes]
    return max(rows, key=lambda row: codes.index(row["area"])) if rows else None
