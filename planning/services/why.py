"""Why this number: the sum behind one area's need, what stops each role in reach, and what would help most.

Everything is read from the run's own snapshot and kept score; each thing that could help is scored alone by the same
engine. Numbers are kept for an hour, words are made for the reader.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.core.cache import cache
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import policies
from core.choices import TimeOfDay
from core.errors import DomainError
from core.models import Area
from core.templatetags.pingji import local_name
from engine.coverage import score_world
from engine.explain import explain_cells
from engine.interventions import apply_options
from engine.world import Option, Score, Supply, World
from facilities.models import Facility, ServiceType
from inventory.choices import InterventionKind
from inventory.models import IdleAsset
from planning.bridge import artefacts
from planning.bridge.freeze import FACILITY
from planning.bridge.options import Candidate, RateCard, candidates, engine_options
from planning.bridge.situation import people_counted, ratio_of, share_counted
from planning.bridge.world import COUNTS, REASONS, Situation
from planning.choices import Driver, RunState, SupplyReason
from planning.models import AreaResult, PopulationLayer, Run, Standard
from planning.services.runs import changes_of, situation_of
from planning.services.siting import KINDS

ROLES_SHOWN, OPTIONS_SCORED, OPTIONS_SHOWN = 12, 8, 5
KEPT_SECONDS = 3600


@dataclass(frozen=True)
class RoleRow:
    """One role in reach of the area. `counts` is False when it supplies nothing in this run."""

    facility: Any
    nearest: float
    capacity: int
    taken: int
    taken_here: int
    hours: float | None
    counts: bool
    reason: str
    tone: str


@dataclass(frozen=True)
class Help:
    """One thing that would help, scored alone: `units` is the gap it closes in this area."""

    words: str
    note: str
    href: str
    units: int
    units_everywhere: int
    cost_fen: int
    lead_months: int
    key: str


@dataclass(frozen=True)
class Other:
    label: str
    gap: int
    href: str = ""
    note: str = ""


@dataclass
class Why:
    """The equation people x share x ratio = need - served = gap with its sources, and what stands behind it."""

    standard: Any
    limit: float
    limit_unit: str
    digits: int
    people: float
    people_label: str
    layer: str
    share: float
    share_words: str
    affected_share: float
    displaced_share: float
    ratio: float
    ratio_label: str
    ratio_shown: str
    ratio_words: str
    binds: str
    binds_title: str
    binds_words: str
    rows: list[RoleRow] = field(default_factory=list)
    all: int = 0
    left_out: int = 0
    options: list[Help] = field(default_factory=list)
    others: list[Other] = field(default_factory=list)


def why_number(*, run: Run, service: ServiceType, area: Area, user: Any, row: AreaResult | None = None) -> Why:
    """Explain one area's gap of one service in a finished run. The caller has checked that the person may see the area."""
    if run.state != RunState.DONE or service.code not in {entry["service"] for entry in run.totals}:
        raise DomainError("no-result", _("This run holds no result for the service."), status=404)
    key = f"why:{run.ref}:{run.params_sha256[:16]}:{service.code}:{area.pk}"
    numbers = cache.get(key)
    if numbers is None:
        numbers = _numbers(run, service.code, area)
        cache.set(key, numbers, KEPT_SECONDS)
    return _words(run, service, area, user, numbers)


# --- numbers ---------------------------------------------------------------------------------------


def kept_score(run: Run) -> Score:
    """The engine's answer as it was kept beside the run's rows."""
    arrays, meta = artefacts.load(run.facts["results"])
    wanted = {name: np.asarray(arrays[name]) for name in arrays if name != "people"}
    return Score(**wanted, travel_minimised=meta["travel_minimised"], assignment=meta["assignment"])


def _numbers(run: Run, service: str, area: Area) -> dict[str, Any]:
    situation = situation_of(run, changes_of(run))
    score = kept_score(run)
    k = next(n for n, row in enumerate(situation.standards) if row["service"] == service)
    cells = np.flatnonzero(situation.frozen.cells_in(situation.frozen.areas_below([area.code])))
    told = explain_cells(situation.world, score, k, cells)
    driver = situation.standards[k]["driver"]
    people = people_counted(situation.frozen, driver, run.time_of_day)[cells]
    weight = people * share_counted(situation.shares, driver)[cells]
    inside = people * situation.shares.inside[cells]
    return {
        "people": float(people.sum()),
        "share": float(weight.sum() / people.sum()) if people.sum() else 0.0,
        "affected": _mean(situation.shares.affected[cells], inside),
        "displaced": _mean(situation.shares.displaced[cells], inside * np.nan_to_num(situation.shares.affected[cells])),
        "ratio": ratio_of(situation.question.scenario, situation.standards[k]),
        "limit": float(situation.world.standards[k].reach_limit),
        "binds": told.binds,
        "need": told.need, "served": told.served, "late": told.late, "no_room": told.no_room, "out_of_reach": told.out_of_reach,
        "roles": _roles(situation, told.roles),
        "roles_left_out": told.roles_left_out,
        "helps": _helps(run, situation, score, k, cells) if told.need > told.served and run.plan_version_id is None else [],
    }  # fmt: skip


def _mean(values: np.ndarray, weight: np.ndarray) -> float:
    held = np.isfinite(values) & (weight > 0)
    return float(np.average(values[held], weights=weight[held])) if held.any() else 0.0


def _roles(situation: Situation, roles: Any) -> list[dict[str, Any]]:
    """Largest first, as plain numbers; roles not designated are no facilities in reach, they are options."""
    frozen = situation.frozen
    rows = []
    for one in roles:
        reason = str(REASONS[int(situation.roles.reason[one.role])])
        if reason == SupplyReason.NOT_DESIGNATED:
            continue
        rows.append(
            {
                "kind": int(frozen["site_kind"][one.site]), "id": int(frozen["site_id"][one.site]), "nearest": one.nearest_cost,
                "capacity": one.capacity, "taken": one.taken, "taken_here": one.taken_here, "room": one.room,
                "hours": None if one.hours != one.hours else one.hours, "supply": one.supply, "reason": one.reason,
                "registry": reason,
            }
        )  # fmt: skip
    rows.sort(key=lambda row: (-row["capacity"], row["nearest"]))
    return rows


def _helps(run: Run, situation: Situation, score: Score, k: int, cells: np.ndarray) -> list[dict[str, Any]]:
    """The options that reach most of the gap here, each scored alone."""
    service = situation.standards[k]["service"]
    listed, _left_out = candidates([situation], RateCard.now(), [service], KINDS)
    gap = np.zeros(situation.frozen.cells, np.int64)
    gap[cells] = score.gap[k][cells]
    reach = situation.world.reach[k]
    before = np.concatenate([[0], np.cumsum(gap[reach.cell])])
    reached = before[reach.indptr[1:]] - before[reach.indptr[:-1]]
    ranked = sorted(listed, key=lambda one: (-min(one.units, int(reached[one.site])), one.cost_fen, one.key))
    world, place = _only(situation.world, score, k)
    found = []
    for one in ranked[:OPTIONS_SCORED]:
        if min(one.units, int(reached[one.site])) <= 0:
            break
        option = _alone(situation, one, place)
        after = score_world(apply_options(world, [option]), run.assignment, minimise_travel=False, check=False)
        found.append(
            {
                "key": one.key, "kind": one.kind, "place": int(situation.frozen["site_kind"][one.site]), "id": int(situation.frozen["site_id"][one.site]),
                "units": one.units, "cost_fen": one.cost_fen, "lead_months": one.lead_months, "hours": one.hours,
                "here": int(score.gap[k][cells].sum() - after.gap[0][cells].sum()), "everywhere": int(score.gap[k].sum() - after.gap[0].sum()),
            }
        )  # fmt: skip
    return sorted((row for row in found if row["here"] > 0), key=lambda row: (-row["here"], row["cost_fen"]))[:OPTIONS_SHOWN]


def _only(world: World, score: Score, k: int) -> tuple[World, dict[int, int]]:
    """The world of one service alone, exactly as it plays in the whole: roles taken by another use keep supplying 0."""
    supply = world.supply
    mine = np.flatnonzero(supply.role_service == k)
    capacity = np.where(supply.role_usable[mine], score.role_supply[mine], supply.role_capacity[mine])
    own = Supply(
        supply.x_m, supply.y_m, supply.role_site[mine], np.zeros(len(mine), np.int16), capacity, supply.role_hours[mine],
        supply.role_usable[mine], supply.role_rank[mine], np.zeros(len(mine), bool), supply.role_reason[mine],
    )  # fmt: skip
    demand = world.demand
    narrowed = type(demand)(demand.x_m, demand.y_m, demand.need[[k]], demand.people, demand.area)
    return World(narrowed, own, (world.standards[k],), (world.reach[k],)), {int(role): n for n, role in enumerate(mine)}


def _alone(situation: Situation, one: Candidate, place: dict[int, int]) -> Option:
    whole = engine_options(situation, [one])[0]
    return Option(whole.site, 0, whole.kind, whole.units, whole.cost_fen, whole.hours, -1, place.get(whole.role, -1), one.key)


# --- words -----------------------------------------------------------------------------------------


def _words(run: Run, service: ServiceType, area: Area, user: Any, numbers: dict[str, Any]) -> Why:
    frozen = next(row for row in run.standards_frozen if row["service"] == service.code)
    standard = Standard(**{name: value for name, value in frozen.items() if name not in ("service", "unit")})
    driver, scenario = frozen["driver"], run.scenario_frozen
    time_of_day = TimeOfDay.NIGHT if driver == Driver.RESIDENTS else run.time_of_day
    layer = PopulationLayer.objects.filter(city=run.city_id, time_of_day=time_of_day).order_by("-id").first()
    labels = {
        Driver.RESIDENTS: _("Residents"), Driver.PRESENT: _("People here"), Driver.AFFECTED: _("People here"), Driver.DISPLACED: _("People here"),
    }  # fmt: skip
    ratio = numbers["ratio"]
    binds = {"distance": _("What binds: distance"), "room": _("What binds: room"), "time": _("What binds: time")}
    why = Why(
        standard=standard,
        limit=numbers["limit"],
        limit_unit=frozen["reach_unit"],
        digits=0 if frozen["reach_unit"] == "m" else 1,
        people=numbers["people"],
        people_label=labels[driver],
        layer=local_name(layer) if layer else "",
        share=numbers["share"],
        share_words=_share_words(driver, scenario, numbers),
        affected_share=numbers["affected"],
        displaced_share=numbers["displaced"],
        ratio=ratio,
        ratio_label=_("Units a person"),
        ratio_shown=f"{ratio:.4g}",
        ratio_words=_("set by the scenario") if service.code in scenario["ratio_overrides"] else local_name(frozen, "ratio_text"),
        binds=numbers["binds"],
        binds_title=binds.get(numbers["binds"], _("Nothing binds: all need is met")),
        binds_words=_binds_words(numbers),
    )
    why.rows, why.all = _role_rows(numbers, user, run)
    why.left_out = max(why.all - len(why.rows), 0)
    why.options = _option_rows(numbers, user, run)
    why.others = _others(run, service, area, user)
    return why


def _share_words(driver: str, scenario: dict[str, Any], numbers: dict[str, Any]) -> str:
    facts = {"affected": f"{numbers['affected']:.1%}", "displaced": f"{numbers['displaced']:.1%}", "source": scenario["rate_source"] or _("no source given")}
    if driver == Driver.DISPLACED:
        return _("%(affected)s affected, of them %(displaced)s leave home; %(source)s") % facts
    if driver == Driver.AFFECTED:
        return _("%(affected)s affected; %(source)s") % facts
    return _("all who are within the scenario")


def _binds_words(numbers: dict[str, Any]) -> str:
    counting = [row for row in numbers["roles"] if row["supply"] > 0]
    full = [row for row in counting if row["room"] <= 0]
    mute = [row for row in numbers["roles"] if row["supply"] <= 0]
    parts = []
    if numbers["binds"] == "none":
        return _("All need here is met in time.")
    if numbers["binds"] == "distance":
        parts.append(_("Most of the need that is not met lies out of reach of every usable facility."))
    elif numbers["binds"] == "room":
        parts.append(_("People here can reach a usable facility, but it has no room left for them."))
    else:
        parts.append(_("There is room, but it opens later than the standard allows."))
    parts.append(
        ngettext("%(count)d usable facility lies in reach", "%(count)d usable facilities lie in reach", len(counting)) % {"count": len(counting)}
        + ", "
        + ngettext("%(count)d of them is full.", "%(count)d of them are full.", len(full)) % {"count": len(full)}
    )
    if mute:
        parts.append(ngettext("%(count)d more supplies nothing.", "%(count)d more supply nothing.", len(mute)) % {"count": len(mute)})
    return " ".join(parts)


_ENGINE_REASONS = {
    "full": lambda: _("full"), "late": lambda: _("opens too late"), "full_and_late": lambda: _("full, and late"),
    "room_left_out_of_reach": lambda: _("has room, but those still short are out of its reach"),
    "room_left": lambda: _("has room left"), "none": lambda: _("nobody here is short"), "no_capacity": lambda: _("no capacity"),
    "other_role": lambda: str(SupplyReason.OTHER_ROLE.label),
}  # fmt: skip


def _role_rows(numbers: dict[str, Any], user: Any, run: Run) -> tuple[list[RoleRow], int]:
    """The largest roles, nearest first, as far as the person may see them; and how many there are."""
    ids = [row["id"] for row in numbers["roles"] if row["kind"] == FACILITY]
    visible = Facility.objects.filter(pk__in=ids, city=run.city_id).filter(policies.visible(user))
    places: dict[int, Any] = {place.pk: place for place in visible}
    rows = [row for row in numbers["roles"] if row["kind"] == FACILITY and row["id"] in places]
    shown = sorted(rows[:ROLES_SHOWN], key=lambda row: row["nearest"])
    found = []
    for row in shown:
        counts = row["registry"] == str(REASONS[COUNTS]) and row["supply"] > 0
        if row["registry"] == str(REASONS[COUNTS]):
            reason, tone = _ENGINE_REASONS.get(row["reason"], lambda: "")(), "warn" if row["reason"] in ("late", "full_and_late") else ""
        else:
            reason, tone = str(SupplyReason(row["registry"]).label), "bad"
        found.append(RoleRow(places[row["id"]], row["nearest"], row["capacity"], row["taken"], row["taken_here"], row["hours"], counts, reason, tone))
    return found, len(rows)


def _option_rows(numbers: dict[str, Any], user: Any, run: Run) -> list[Help]:
    facilities = {p.pk: p for p in Facility.objects.filter(pk__in=[r["id"] for r in numbers["helps"] if r["place"] == FACILITY]).filter(policies.visible(user))}
    assets = {p.pk: p for p in IdleAsset.objects.filter(pk__in=[r["id"] for r in numbers["helps"] if r["place"] != FACILITY]).filter(policies.visible(user))}
    words = {
        InterventionKind.CONVERT: _("Convert %(place)s"), InterventionKind.EXTEND: _("Extend %(place)s"), InterventionKind.BUILD: _("Build at %(place)s"),
        InterventionKind.UPGRADE: _("Renew what lapsed at %(place)s"), InterventionKind.STOCK: _("Stock and drill %(place)s"),
    }  # fmt: skip
    found = []
    for row in numbers["helps"]:
        place: Any = (facilities if row["place"] == FACILITY else assets).get(row["id"])
        if place is None:
            continue
        note = _("%(units)s units, ready after %(hours)s h; closes %(all)s in the whole city") % {
            "units": f"{row['units']:,}", "hours": f"{row['hours']:g}", "all": f"{row['everywhere']:,}",
        }  # fmt: skip
        href = f"/facilities/{place.ref}/" if row["place"] == FACILITY else f"/inventory/idle/{place.ref}/"
        found.append(
            Help(
                words[row["kind"]] % {"place": local_name(place)}, note, href, row["here"], row["everywhere"], row["cost_fen"],
                row["lead_months"], row["key"],
            )
        )  # fmt: skip
    return found


def _others(run: Run, service: ServiceType, area: Area, user: Any) -> list[Other]:
    """The same place at the other time of day, and after the newest plan that stands on this run."""
    rows = AreaResult.objects.filter(area=area, service=service, run__state=RunState.DONE, run__city=run.city_id).select_related("run")
    found = []
    twin = (
        rows.filter(run__scenario=run.scenario_id, run__plan_version=None, run__assignment=run.assignment, run__snapshot=run.snapshot_id)
        .exclude(run__time_of_day=run.time_of_day).order_by("-run_id").first()
    )  # fmt: skip
    if twin:
        href = f"{reverse('why', args=[area.code, service.code])}?run={twin.run.ref}"
        found.append(Other(_("By night") if twin.run.time_of_day == TimeOfDay.NIGHT else _("By day"), twin.gap, href))
    after = (
        rows.filter(run__plan_version__baseline_runs=run.pk, run__time_of_day=run.time_of_day, run__scenario=run.scenario_id)
        .select_related("run__plan_version__plan").order_by("-run_id").first()
    )  # fmt: skip
    if after and policies.allows(user, "view", area):
        version = after.run.plan_version
        found.append(Other(_("After the plan"), after.gap, f"/plans/{version.plan.ref}/?version={version.number}", f"{local_name(version.plan)}, {version.number}"))
    return found
