"""Two versions side by side: what they stand on and were asked, what they find, and which interventions they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.models import Area, City
from facilities.models import ServiceType
from planning.choices import Aim, VersionState
from planning.models import Intervention, InterventionMoney, PlanVersion, Run
from planning.selectors import gaps
from planning.selectors.change_sets import Pair, pairs
from planning.selectors.comparisons import Difference, differences
from planning.selectors.plan_areas import PlanAreaRow, plan_area_rows

COMPUTED = (VersionState.DRAFT, VersionState.FROZEN)
# how one intervention stands in the two versions
ONLY_A, ONLY_B, BOTH, SIZE = "only_a", "only_b", "both", "size"
# what two answers are compared by: fen, units, a weighted number, a share, pieces
FEN, UNITS, NUMBER, SHARE, COUNT = "fen", "units", "number", "share", "count"


@dataclass(frozen=True)
class Figure:
    """One number of both versions; None where a version does not know it. `kind` says how it is written."""

    code: str
    label: Any
    kind: str
    a: float | None
    b: float | None
    service: ServiceType | None = None
    run: Run | None = None
    note_a: Any = ""
    note_b: Any = ""

    @property
    def change(self) -> float | None:
        return None if self.a is None or self.b is None else self.b - self.a


@dataclass(frozen=True)
class Base:
    """Something the two versions stand on, or were asked, differently: `weighty` where their figures cannot be set against
    each other without it."""

    code: str
    label: Any
    a: Any
    b: Any
    weighty: bool = True


@dataclass(frozen=True)
class SharedRun:
    """Baseline runs of the same scenario and time of day in both versions, with what differs between the two."""

    a: Pair
    b: Pair
    differences: list[Difference]

    @property
    def same_cells(self) -> bool:
        """May the results with the plans be set against each other cell by cell?"""
        return self.a.after is not None and self.b.after is not None


@dataclass(frozen=True)
class Step:
    """An intervention at one place in either version or both; `state` as above. The same place and kind in another size is
    one step."""

    state: str
    a: Intervention | None
    b: Intervention | None

    @property
    def known(self) -> Intervention:
        return self.a or self.b  # type: ignore[return-value]


@dataclass(frozen=True)
class PlanComparison:
    a: PlanVersion
    b: PlanVersion
    bases: list[Base]
    shared: list[SharedRun]
    only_in: tuple[list[Run], list[Run]]
    figures: list[Figure]
    money: list[Figure]
    steps: list[Step]

    def counts(self) -> dict[str, int]:
        states = [one.state for one in self.steps]
        return {state: states.count(state) for state in (ONLY_A, ONLY_B, BOTH, SIZE)}


def compare_versions(a: PlanVersion, b: PlanVersion, *, user: Any) -> PlanComparison:
    """Raises DomainError where the two cannot stand side by side. `user` None: a command of this machine."""
    for one in (a, b):
        if one.state not in COMPUTED:
            words = _("Version %(number)s of %(plan)s has no result to compare.")
            raise DomainError(
                "version-not-ready", words % {"number": one.number, "plan": one.plan.ref}, status=422
            )
    if a.plan.city_id != b.plan.city_id:
        raise DomainError("other-city", _("The plan belongs to another city."), status=422)
    if a.pk == b.pk:
        raise DomainError("same-version", _("These are the same version; choose another one."), status=422)
    sides = {_when(pair.before): pair for pair in pairs(a)}, {_when(pair.before): pair for pair in pairs(b)}
    shared = [
        SharedRun(sides[0][key], sides[1][key], differences(sides[0][key].before, sides[1][key].before))
        for key in sides[0]
        if key in sides[1]
    ]
    only = tuple(
        [pair.before for key, pair in mine.items() if key not in other]
        for mine, other in (sides, (sides[1], sides[0]))
    )
    rows = tuple(_interventions(one, user) for one in (a, b))
    return PlanComparison(
        a, b, _bases(a, b, shared, only), shared, only,  # type: ignore[arg-type]
        _figures(a, b, rows, shared, user), _money(rows), _steps(*rows),
    )  # fmt: skip


def _when(run: Run) -> tuple[int, str]:
    return run.scenario_id, run.time_of_day


def _interventions(version: PlanVersion, user: Any) -> list[Intervention]:
    rows = version.interventions.select_related("service", "facility", "idle_asset", "area")
    if user is not None:
        rows = rows.filter(policies.visible(user, area="area", city="version__plan__city"))
    return list(rows.order_by("order"))


# --- what they stand on ----------------------------------------------------------------------------


def _bases(
    a: PlanVersion, b: PlanVersion, shared: list[SharedRun], only: tuple[list[Run], ...]
) -> list[Base]:
    found: list[Base] = []

    def differ(code: str, label: Any, words: Callable[[PlanVersion], Any], weighty: bool = True) -> None:
        mine, other = words(a), words(b)
        if mine != other:
            found.append(Base(code, label, mine, other, weighty))

    if only[0] or only[1]:
        found.append(Base("runs", _("runs of the baseline"), _refs(a), _refs(b)))
    told: dict[tuple[str, str], Difference] = {}
    for one in shared:
        for difference in one.differences:
            told.setdefault((difference.code, str(difference.before) + str(difference.after)), difference)
    found += [Base(one.code, one.label, one.before, one.after) for one in told.values()]
    if prices := _prices(a, b):
        found.append(prices)
    differ("engine", _("engine"), lambda one: one.engine_version, False)
    differ("aim", _("aim"), lambda one: str(one.get_aim_display()))
    differ("rule", _("rule over scenarios"), lambda one: str(one.get_rule_display()))
    differ("services", _("services"), _services)
    differ("weights", _("weights by service"), lambda one: one.weights)
    differ("budget", _("budget"), lambda one: one.budget_fen, False)
    differ("question", _("limits and wishes"), lambda one: one.question, False)
    differ("kinds", _("interventions allowed"), lambda one: sorted(one.facts.get("kinds") or []), False)
    return found


def _refs(version: PlanVersion) -> str:
    return ", ".join(version.baseline_runs.order_by("ref").values_list("ref", flat=True))


def _services(version: PlanVersion) -> list[str]:
    return sorted(version.services.values_list("code", flat=True))


def _prices(a: PlanVersion, b: PlanVersion) -> Base | None:
    """How many rates of the card differ; which, the workbook of each version tells. None where none does. A card that grew
    new columns since is compared by those that both have."""
    cards = [{tuple(row[:3]): row[3:] for row in one.facts.get("rates") or []} for one in (a, b)]
    if not any(cards):
        return None
    if not all(cards):
        told = [_("%(count)s rates") % {"count": len(card)} if card else _("not recorded") for card in cards]
        return Base("prices", _("prices"), str(told[0]), str(told[1]))
    differing = 0
    for key in cards[0].keys() | cards[1].keys():
        mine, other = cards[0].get(key), cards[1].get(key)
        differing += mine is None or other is None or any(x != y for x, y in zip(mine, other, strict=False))
    if not differing:
        return None
    words = _("%(count)s rates of the card are others") % {"count": differing}
    return Base("prices", _("prices"), str(_("%(count)s rates") % {"count": len(cards[0])}), str(words))


# --- figures ---------------------------------------------------------------------------------------


def _figures(
    a: PlanVersion, b: PlanVersion, rows: tuple[list[Intervention], ...], shared: list[SharedRun], user: Any
) -> list[Figure]:
    versions = (a, b)
    whole = user is None or gaps.sees_whole_city(user, a.plan.city_id)

    def both(code: str, label: Any, kind: str, words: Callable[[int], float | None], **more: Any) -> Figure:
        return Figure(code, label, kind, words(0), words(1), **more)

    def summed(name: str) -> Callable[[int], float]:
        return lambda at: sum(getattr(one, name) for one in rows[at])

    found = [
        both("cost_fen", _("Cost"), FEN, summed("cost_fen")),
        both("interventions", _("Interventions"), COUNT, lambda at: len(rows[at])),
        both("running_fen_year", _("Running cost a year"), FEN, summed("running_fen_year")),
        both("peacetime_fen_year", _("Peacetime value a year"), FEN, summed("peacetime_fen_year")),
    ]
    if whole:
        found += [
            both("value", _("Weighted need newly served"), NUMBER, lambda at: versions[at].value),
            both("bound", _("No plan can serve more than"), NUMBER, lambda at: versions[at].bound),
            both("gap", _("Distance from the bound"), SHARE, lambda at: versions[at].gap),
        ]
        if a.aim == b.aim and a.aim != Aim.MOST:
            kind = FEN if a.aim == Aim.CHEAPEST else SHARE
            found += [
                both("aim_value", _("Value of the aim"), kind, lambda at: versions[at].aim_value),
                both("aim_bound", _("Bound of the aim"), kind, lambda at: versions[at].aim_bound),
            ]
    tables = [plan_area_rows(one, user=user) for one in versions]
    for one in shared:
        found += _by_run(one, tables)
    return found


def _by_run(shared: SharedRun, tables: list[list[PlanAreaRow]]) -> list[Figure]:
    """Of each service that both count in a run: what is closed, what stays short, and the worst area with the plan."""
    mine: list[dict[str, list[PlanAreaRow]]] = []
    for table, run in zip(tables, (shared.a.before, shared.b.before), strict=True):
        by_service: dict[str, list[PlanAreaRow]] = {}
        for row in table:
            if row.before_run.pk == run.pk:
                by_service.setdefault(row.service.code, []).append(row)
        mine.append(by_service)
    found = []
    for code, rows in mine[0].items():
        if code not in mine[1]:
            continue
        totals = [next(row for row in side if row.total) for side in (rows, mine[1][code])]
        kept = {"service": rows[0].service, "run": shared.a.before}
        found += [
            Figure("closed", _("Gap closed"), UNITS, *(row.closed for row in totals), **kept),
            Figure("left", _("Gap left"), UNITS, *(row.after and row.after.gap for row in totals), **kept),
            Figure(
                "coverage",
                _("Coverage"),
                SHARE,
                *(row.after and row.after.coverage for row in totals),
                **kept,
            ),
        ]
        worst = [_worst(side) for side in (rows, mine[1][code])]
        if any(worst):
            found.append(
                Figure(
                    "worst_area", _("Coverage of the worst area"), SHARE, *(one and one[1] for one in worst),
                    note_a=worst[0] and worst[0][0], note_b=worst[1] and worst[1][0], **kept,
                )
            )  # fmt: skip
    return found


def _worst(rows: list[PlanAreaRow]) -> tuple[Area, float] | None:
    """Of the widest areas that a person sees, the one where the smallest share is served with the plan."""
    known = [
        (row.after.coverage, row.area)
        for row in rows
        if row.top and row.area is not None and row.after is not None and row.after.coverage is not None
    ]
    if not known:
        return None
    share, area = min(known, key=lambda one: (one[0], one[1].path))
    return area, share


def _money(rows: tuple[list[Intervention], ...]) -> list[Figure]:
    """By year and source, as far as the versions are phased."""
    sums: list[dict[tuple[int, str], int]] = []
    for side in rows:
        own: dict[tuple[int, str], int] = {}
        for part in InterventionMoney.objects.filter(intervention__in=side):
            key = (part.year, part.source)
            own[key] = own.get(key, 0) + part.amount_fen
        sums.append(own)
    labels = dict(InterventionMoney._meta.get_field("source").choices or [])
    return [
        Figure(
            "money", _("%(year)s, %(source)s") % {"year": year, "source": str(labels[source])}, FEN,
            *(side.get((year, source), 0) if side else None for side in sums),
        )
        for year, source in sorted(sums[0].keys() | sums[1].keys())
    ]  # fmt: skip


# --- the change-sets -------------------------------------------------------------------------------


def place_key(one: Intervention) -> tuple[Any, ...]:
    """The same thing done at the same place, whatever its size."""
    if one.key:
        return (one.key.partition("@")[0],)
    return one.kind, one.service_id, one.facility_id, one.idle_asset_id


def _steps(a: list[Intervention], b: list[Intervention]) -> list[Step]:
    """What differs first: only in A, only in B, in another size or at another price, then what both share."""
    mine, other = ({place_key(one): one for one in side} for side in (a, b))
    found = [Step(ONLY_A, one, None) for key, one in mine.items() if key not in other]
    found += [Step(ONLY_B, None, one) for key, one in other.items() if key not in mine]
    both = [(one, other[key]) for key, one in mine.items() if key in other]
    changed = [(x, y) for x, y in both if (x.units, x.cost_fen) != (y.units, y.cost_fen)]
    found += [Step(SIZE, x, y) for x, y in changed]
    same = {id(x) for x, _y in changed}
    return found + [Step(BOTH, x, y) for x, y in both if id(x) not in same]


def named_version(words: str, *, user: Any, city: City | None = None) -> PlanVersion | None:
    """The version that "P-2026-0001:2" names, the newest computed one where no number stands; None where there is none
    that the person may see. `user` None: a command of this machine."""
    ref, _colon, number = words.replace("\x00", "").strip().partition(":")
    versions = PlanVersion.objects.filter(plan__ref=ref).select_related(
        "plan__city", "created_by", "frozen_by", "job"
    )
    if city is not None:
        versions = versions.filter(plan__city=city)
    if user is not None:
        versions = versions.filter(plan__city__in=City.objects.filter(policies.visible_cities(user)))
    if not number:
        return versions.filter(state__in=COMPUTED).order_by("-number").first()
    return versions.filter(number=int(number)).first() if number.isdigit() and len(number) < 6 else None
