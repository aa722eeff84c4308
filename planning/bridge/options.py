"""What could be done, and for how much: every intervention the registry, the idle assets and the rate card allow.

(a) a possible role -> convert; (b) a designated role that is ready -> extend; (c) a designated role that is late ->
stock, or whose papers lapsed -> upgrade; (d) what an idle asset offers -> build or convert. A place that is shut or
unsuited in one of the situations looked at is no option: help that drowns with the need is no help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.world import Option
from inventory.choices import InterventionKind
from planning.bridge.world import COUNTS, NOT_DESIGNATED, Change, Situation, role_reasons, sites_shut
from planning.models import CostRate

_LAPSED = (1, 2)  # positions of the two lapsed reasons in planning.bridge.world.REASONS


@dataclass(frozen=True)
class Candidate:
    """One possible intervention. `key` names it for ever: kind and the database id of the role or asset option."""

    key: str
    kind: str
    service: str
    site: int
    role: int
    units: int
    cost_fen: int
    hours: float
    lead_months: int
    exclusive_key: int
    option_id: int = 0

    def change(self, order: int) -> Change:
        return Change(self.kind, self.site, self.service, self.units, self.hours, self.role, order)


@dataclass(frozen=True)
class RateCard:
    """Cost rates by (service, kind, peacetime use or "")."""

    rows: dict[tuple[str, str, str], tuple[int, int, float | None, float | None, int]]

    @classmethod
    def now(cls) -> RateCard:
        listed = CostRate.objects.values_list(
            "service__code",
            "kind",
            "use__code",
            "fixed_fen",
            "per_unit_fen",
            "max_share",
            "hours",
            "lead_months",
        )
        return cls({(service, kind, use or ""): tuple(rest) for service, kind, use, *rest in listed})  # type: ignore[misc]

    def of(
        self, service: str, kind: str, use: str
    ) -> tuple[int, int, float | None, float | None, int] | None:
        return self.rows.get((service, kind, use)) or self.rows.get((service, kind, ""))

    def frozen(self) -> list[list[object]]:
        return [[*key, *self.rows[key]] for key in sorted(self.rows)]


def candidates(
    situations: Sequence[Situation], rates: RateCard, services: Sequence[str], kinds: Sequence[str]
) -> tuple[list[Candidate], dict[str, int]]:
    """Every option for these services and kinds, and how many were left out and why (unpriced, shut, rival)."""
    first = situations[0]
    frozen = first.frozen
    codes = frozen.service_codes
    blocked, shut, in_play = _blocked(situations)
    reason = np.stack([role_reasons(one.frozen, one.question.scenario, one.shares) for one in situations])
    rivals = _rivals(situations, reason)
    limit = {row["service"]: row["conversion_limit_hours"] for row in first.standards}
    use_codes = frozen.meta["uses"]
    left_out = {"unpriced": 0, "shut": 0, "rival": 0}
    found: list[Candidate] = []
    role = {
        name: np.asarray(frozen[f"role_{name}"]).tolist()
        for name in ("site", "service", "capacity", "hours", "cost", "exclusive", "capability")
    }
    uses = np.asarray(frozen["site_use"]).tolist()
    opening_hours = (frozen.site_column("readiness_minutes") / 60.0).tolist()
    for row in range(frozen.roles):
        service = codes[role["service"][row]]
        if service not in services or service not in limit or not in_play.get(service):
            continue
        capacity, site = int(role["capacity"][row] + 1e-6), role["site"][row]
        if capacity <= 0:
            continue
        if blocked[row]:
            left_out["shut"] += 1
            continue
        use = use_codes[uses[site]]
        mine = set(reason[:, row].tolist())
        hours, cap = role["hours"][row], limit[service]
        opening = opening_hours[site]
        late = cap is not None and not hours + opening <= cap
        exclusive_key = site if role["exclusive"][row] else frozen.sites + row
        units = capacity
        if NOT_DESIGNATED in mine:
            kind = InterventionKind.CONVERT
            if role["exclusive"][row] and site in rivals:
                left_out["rival"] += 1
                continue
        elif mine & set(_LAPSED):
            kind = InterventionKind.UPGRADE
        elif mine == {COUNTS}:
            kind = InterventionKind.STOCK if late else InterventionKind.EXTEND
            exclusive_key = frozen.sites + row
        else:
            continue
        if kind not in kinds:
            continue
        rate = rates.of(service, kind, use)
        own_cost = role["cost"][row] if kind == InterventionKind.CONVERT else -1
        if rate is None and own_cost < 0:
            left_out["unpriced"] += 1
            continue
        fixed, per_unit, share, rate_hours, lead = rate or (0, 0, None, None, 3)
        if kind == InterventionKind.EXTEND:
            units = int(capacity * (share or 0.0) + 1e-6)
            if units <= 0:
                continue
        elif kind != InterventionKind.CONVERT or hours != hours:
            hours = float(np.fmin(hours, np.nan if rate_hours is None else rate_hours))
        if hours != hours:
            hours = 0.0 if cap is None else max(float(cap) - opening, 0.0)
        cost = own_cost if own_cost >= 0 else fixed + per_unit * units
        found.append(
            Candidate(
                f"{kind}:c{role['capability'][row]}",
                str(kind),
                service,
                site,
                row,
                units,
                int(cost),
                float(hours),
                int(lead),
                exclusive_key,
            )
        )
    found += _from_assets(first, services, kinds, shut, in_play, left_out, limit)
    return found, left_out


def _blocked(situations: Sequence[Situation]) -> tuple[np.ndarray, np.ndarray, dict[str, bool]]:
    """(r,) roles and (m,) sites that some situation with need rules out, and which services anybody needs."""
    frozen = situations[0].frozen
    blocked, shut = np.zeros(frozen.roles, bool), np.zeros(frozen.sites, bool)
    in_play: dict[str, bool] = {}
    codes = frozen.service_codes
    for one in situations:
        needed = {row["service"] for k, row in enumerate(one.standards) if one.world.demand.need[k].any()}
        for service in needed:
            in_play[service] = True
        reasons = role_reasons(one.frozen, one.question.scenario, one.shares)
        of_needed = (
            np.array([code in needed for code in codes], bool)[np.asarray(frozen["role_service"])]
            if frozen.roles
            else np.empty(0, bool)
        )
        blocked |= of_needed & ~np.isin(reasons, [COUNTS, NOT_DESIGNATED, *_LAPSED])
        if needed:
            shut |= sites_shut(one.frozen, one.question.scenario, one.shares)
    return blocked, shut, in_play


def _rivals(situations: Sequence[Situation], reason: np.ndarray) -> set[int]:
    """Sites where an exclusive role already serves in one of the situations: a second one would push it aside."""
    frozen = situations[0].frozen
    busy: set[int] = set()
    exclusive = np.asarray(frozen["role_exclusive"]) & (np.asarray(frozen["role_capacity"]) >= 1)
    service = np.asarray(frozen["role_service"])
    for number, one in enumerate(situations):
        needed = {row["service"] for k, row in enumerate(one.standards) if one.world.demand.need[k].any()}
        of_needed = np.array([code in needed for code in frozen.service_codes], bool)
        held = (
            exclusive
            & (reason[number] == COUNTS)
            & (of_needed[service] if len(service) else np.empty(0, bool))
        )
        busy |= set(np.asarray(frozen["role_site"])[held].tolist())
    return busy


def _from_assets(
    situation: Situation, services: Sequence[str], kinds: Sequence[str], shut: np.ndarray, in_play: dict[str, bool],
    left_out: dict[str, int], limit: dict[str, float | None],
) -> list[Candidate]:  # fmt: skip
    frozen = situation.frozen
    found = []
    columns = [
        np.asarray(frozen[f"option_{name}"]).tolist()
        for name in ("site", "service", "kind", "capacity", "cost", "hours", "lead", "id")
    ]
    for site, service_index, kind_index, capacity, cost, hours, lead, pk in zip(*columns, strict=True):
        service, kind = frozen.service_codes[service_index], frozen.meta["kinds"][kind_index]
        if service not in services or kind not in kinds or not in_play.get(service) or capacity < 1:
            continue
        if kind not in (InterventionKind.BUILD, InterventionKind.CONVERT):
            continue
        if shut[site]:
            left_out["shut"] += 1
            continue
        cap = limit.get(service)
        ready = (0.0 if cap is None else float(cap)) if hours != hours else float(hours)
        found.append(
            Candidate(
                f"{kind}:o{pk}",
                kind,
                service,
                site,
                -1,
                int(capacity + 1e-6),
                int(cost),
                ready,
                int(lead),
                int(site),
                pk,
            )
        )
    return found


def engine_options(situation: Situation, listed: Sequence[Candidate]) -> list[Option]:
    """The candidates in the engine's words; roles by their position in the situation's world. Hours count from the
    activation: the minutes until somebody opens the place come first."""
    opening_hours = situation.frozen.site_column("readiness_minutes") / 60.0
    position = {int(row): number for number, row in enumerate(situation.roles.row) if row >= 0}
    service = {row["service"]: k for k, row in enumerate(situation.standards)}
    return [
        Option(
            one.site, service[one.service], one.kind, one.units, one.cost_fen, one.hours + float(opening_hours[one.site]),
            one.exclusive_key,
            position[one.role] if one.kind in (InterventionKind.UPGRADE, InterventionKind.STOCK) else -1, one.key,
        )
        for one in listed
    ]  # fmt: skip
