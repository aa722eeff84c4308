"""What could be done, and for how much: every intervention the registry, the idle assets and the rate card allow.

(a) a possible role -> convert; (b) a designated role that is ready -> extend; (c) a designated role that is late ->
stock, or whose papers lapsed -> upgrade; (d) what an idle asset offers -> build or convert; (e) only when asked: a
designated role that serves -> retire. A place that is shut or unsuited in one of the situations looked at is no option:
help that drowns with the need is no help.

**Sizes.** Where sizes are asked for and the rate card names steps, a place is offered in each of them. A step of share s
holds floor(s x units) and costs what its price says of so many units: the fixed part and the part by unit. Where the place
names one price for the whole, the card's fixed part (at most that price) is paid in any size and the rest in proportion.
Running cost, peacetime value and land go by the units. Steps of one place exclude each other.

**Retiring** costs what the card says of closing, takes the role's capacity away, and saves the card's running cost, told
as a negative running cost. It excludes extending or stocking the same role.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.world import CLOSING_KINDS, READYING_KINDS, Option
from inventory.choices import InterventionKind
from planning.bridge.frozen import Frozen
from planning.bridge.rate_card import UNKNOWN_RATE, Rate, RateCard
from planning.bridge.world import COUNTS, NOT_DESIGNATED, Change, Situation, role_reasons, sites_shut

__all__ = ["Candidate", "RateCard", "candidates", "engine_options"]

_LAPSED = (1, 2)  # positions of the two lapsed reasons in planning.bridge.world.REASONS
_SIZED = (InterventionKind.CONVERT, InterventionKind.EXTEND, InterventionKind.BUILD)


@dataclass(frozen=True)
class Candidate:
    """One possible intervention. `key` names it for ever: kind and the database id of the role or asset option, and for a
    size step its share ("build:o12@0.5"; "build:o12" is the whole).

    units: gained, or for retire those that go. running_fen_year: negative where it is saved. land_m2: idle land it takes,
    None where nobody has measured it. area: codes from the city down to the smallest area that holds the place.
    """

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
    running_fen_year: int = 0
    peacetime_fen_year: int = 0
    land_m2: int | None = 0
    area: tuple[str, ...] = ()

    @property
    def whole_key(self) -> str:
        """The key without its size."""
        return self.key.partition("@")[0]

    def change(self, order: int) -> Change:
        return Change(self.kind, self.site, self.service, self.units, self.hours, self.role, order)


@dataclass(frozen=True)
class _Asked:
    """What is looked at: services and kinds by code, whether in size steps."""

    services: Sequence[str]
    kinds: Sequence[str]
    sizes: bool
    in_play: dict[str, bool]
    limit: dict[str, float | None]


def candidates(
    situations: Sequence[Situation],
    rates: RateCard,
    services: Sequence[str],
    kinds: Sequence[str],
    *,
    sizes: bool = False,
) -> tuple[list[Candidate], dict[str, int]]:
    """Every option for these services and kinds, and how many were left out and why (unpriced, shut, rival). `sizes`:
    also in the steps of the rate card, where it has any; otherwise each place as a whole."""
    first = situations[0]
    blocked, shut, in_play = _blocked(situations)
    limit = {row["service"]: row["conversion_limit_hours"] for row in first.standards}
    asked = _Asked(services, kinds, sizes, in_play, limit)
    left_out = {"unpriced": 0, "shut": 0, "rival": 0}
    areas = _area_codes(first.frozen)
    found = _from_roles(situations, rates, asked, blocked, left_out)
    found += _from_assets(first, rates, asked, shut, left_out)
    site_area = np.asarray(first.frozen["site_area"]).tolist()
    return [replace(one, area=areas[site_area[one.site]]) for one in found], left_out


def _area_codes(frozen: Frozen) -> dict[int, tuple[str, ...]]:
    """Codes from the city down, by position of the smallest area; () for -1. Areas are in path order: parents first."""
    codes: dict[int, tuple[str, ...]] = {-1: ()}
    for position, (code, parent) in enumerate(
        zip(frozen.meta["areas"], np.asarray(frozen["area_parent"]).tolist(), strict=True)
    ):
        codes[position] = (*codes[parent], code)
    return codes


def _from_roles(
    situations: Sequence[Situation], rates: RateCard, asked: _Asked, blocked: np.ndarray, left_out: dict[str, int]
) -> list[Candidate]:  # fmt: skip
    frozen = situations[0].frozen
    reason = np.stack([role_reasons(one.frozen, one.question.scenario, one.shares) for one in situations])
    rivals = _rivals(situations, reason)
    crowded = _crowded(frozen)
    use_codes = frozen.meta["uses"]
    role = {
        name: np.asarray(frozen[f"role_{name}"]).tolist()
        for name in ("site", "service", "capacity", "hours", "cost", "exclusive", "capability")
    }
    uses = np.asarray(frozen["site_use"]).tolist()
    opening_hours = (frozen.site_column("readiness_minutes") / 60.0).tolist()
    found: list[Candidate] = []
    for row in range(frozen.roles):
        service = frozen.service_codes[role["service"][row]]
        if service not in asked.services or service not in asked.limit or not asked.in_play.get(service):
            continue
        capacity, site = int(role["capacity"][row] + 1e-6), role["site"][row]
        if capacity <= 0:
            continue
        use, mine = use_codes[uses[site]], set(reason[:, row].tolist())
        if InterventionKind.RETIRE in asked.kinds and COUNTS in mine and not mine & set(_LAPSED):
            if role["exclusive"][row] and site in crowded:
                # Another role would take its place: a change of use, not a closing.
                left_out["rival"] += 1
            elif (rate := rates.of(service, InterventionKind.RETIRE, use)) is None:
                left_out["unpriced"] += 1
            else:
                found.append(
                    _retiring(service, site, row, role["capability"][row], capacity, rate, frozen.sites + row)
                )
        if blocked[row]:
            left_out["shut"] += 1
            continue
        hours, cap, opening = role["hours"][row], asked.limit[service], opening_hours[site]
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
        if kind not in asked.kinds:
            continue
        rate = rates.of(service, kind, use)
        own_cost = role["cost"][row] if kind == InterventionKind.CONVERT else -1
        if rate is None and own_cost < 0:
            left_out["unpriced"] += 1
            continue
        rate = rate or UNKNOWN_RATE
        if kind == InterventionKind.EXTEND:
            units = int(capacity * (rate.max_share or 0.0) + 1e-6)
            if units <= 0:
                continue
        elif kind != InterventionKind.CONVERT or hours != hours:
            hours = float(np.fmin(hours, np.nan if rate.hours is None else rate.hours))
        if hours != hours:
            hours = 0.0 if cap is None else max(float(cap) - opening, 0.0)
        whole = Candidate(
            f"{kind}:c{role['capability'][row]}", str(kind), service, site, row, units, 0, float(hours),
            int(rate.lead_months), exclusive_key,
        )  # fmt: skip
        found += _sized(whole, rate, own_cost, asked.sizes)
    return found


def _retiring(
    service: str, site: int, row: int, capability: int, capacity: int, rate: Rate, exclusive_key: int
) -> Candidate:
    return Candidate(
        f"{InterventionKind.RETIRE}:c{capability}", str(InterventionKind.RETIRE), service, site, row, capacity,
        int(rate.cost_of(capacity)), 0.0, int(rate.lead_months), exclusive_key,
        running_fen_year=-int(rate.running_fen_unit * capacity),
    )  # fmt: skip


def _sized(whole: Candidate, rate: Rate, own_cost: int, sizes: bool) -> Iterator[Candidate]:
    """The option as a whole, or in each step of the rate card. `own_cost`: the place's price for the whole, -1 none."""
    steps = rate.steps if sizes and rate.steps and whole.kind in _SIZED else (1.0,)
    fixed = min(rate.fixed_fen, max(own_cost, 0))
    seen = {0}
    # The largest first, so that of two steps of as many units the one nearer the whole stays.
    for share in reversed(steps):
        units = whole.units if share == 1 else int(whole.units * share + 1e-6)
        if units in seen:
            continue
        seen.add(units)
        if own_cost < 0:
            cost = rate.cost_of(units)
        elif units == whole.units:
            cost = own_cost
        else:
            # Rounded up: a part never costs less than its share.
            cost = fixed - (-(own_cost - fixed) * units // whole.units)
        yield replace(
            whole, key=whole.key if share == 1 else f"{whole.key}@{share:g}", units=units, cost_fen=int(cost),
            running_fen_year=int(rate.running_fen_unit * units),
            peacetime_fen_year=int(rate.peacetime_fen_unit * units),
            land_m2=None if whole.land_m2 is None else -(-whole.land_m2 * units // whole.units),
        )  # fmt: skip


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


def _crowded(frozen: Frozen) -> set[int]:
    """Sites with more than one exclusive role: where one goes, another may come forward."""
    held = np.asarray(frozen["role_site"])[
        np.asarray(frozen["role_exclusive"]) & (np.asarray(frozen["role_capacity"]) >= 1)
    ]
    site, count = np.unique(held, return_counts=True)
    return set(site[count > 1].tolist())


def _from_assets(
    situation: Situation, rates: RateCard, asked: _Asked, shut: np.ndarray, left_out: dict[str, int]
) -> list[Candidate]:
    frozen = situation.frozen
    found: list[Candidate] = []
    land = land_of(frozen)
    columns = [
        np.asarray(frozen[f"option_{name}"]).tolist()
        for name in ("site", "service", "kind", "capacity", "cost", "hours", "lead", "id")
    ]
    for site, service_index, kind_index, capacity, cost, hours, lead, pk in zip(*columns, strict=True):
        service, kind = frozen.service_codes[service_index], frozen.meta["kinds"][kind_index]
        if (
            service not in asked.services
            or kind not in asked.kinds
            or not asked.in_play.get(service)
            or capacity < 1
        ):
            continue
        if kind not in (InterventionKind.BUILD, InterventionKind.CONVERT):
            continue
        if shut[site]:
            left_out["shut"] += 1
            continue
        cap = asked.limit.get(service)
        ready = (0.0 if cap is None else float(cap)) if hours != hours else float(hours)
        whole = Candidate(
            f"{kind}:o{pk}", kind, service, site, -1, int(capacity + 1e-6), int(cost), ready, int(lead), int(site), pk,
            land_m2=land[site] if kind == InterventionKind.BUILD else 0,
        )  # fmt: skip
        found += _sized(whole, rates.of(service, kind) or UNKNOWN_RATE, int(cost), asked.sizes)
    return found


def land_of(frozen: Frozen) -> list[int | None]:
    """Idle land of each site in whole m2, rounded up; None where it is not known, everywhere in a snapshot from before
    land was kept."""
    if "site_land_m2" not in frozen.arrays:
        return [None] * frozen.sites
    found = np.asarray(frozen["site_land_m2"])
    return [None if one != one else int(np.ceil(one)) for one in found.tolist()]


def engine_options(situation: Situation, listed: Sequence[Candidate]) -> list[Option]:
    """The candidates in the engine's words; roles by their position in the situation's world. Hours count from the
    activation: the minutes until somebody opens the place come first."""
    opening_hours = situation.frozen.site_column("readiness_minutes") / 60.0
    position = {int(row): number for number, row in enumerate(situation.roles.row) if row >= 0}
    service = {row["service"]: k for k, row in enumerate(situation.standards)}
    return [
        Option(
            one.site, service[one.service], one.kind, one.units, one.cost_fen, one.hours + float(opening_hours[one.site]),
            one.exclusive_key, position[one.role] if one.kind in READYING_KINDS + CLOSING_KINDS else -1, one.key,
        )
        for one in listed
    ]  # fmt: skip
