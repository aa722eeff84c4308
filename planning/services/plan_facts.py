"""What every file of a plan's version tells: its interventions, money, areas and alternatives as far as a person may see,
and what all of it stands on. Worked out once for a file, in the language that is active."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError
from core.models import Area
from core.templatetags.pingji import day, dt, joined, local_name, num, pct, yuan
from facilities.models import Capability, ServiceType
from inventory.choices import InterventionKind
from inventory.models import AssetOption, IdleAsset
from planning.choices import Aim, FundSource, VersionState
from planning.models import (
    CostRate,
    FacilityResult,
    Intervention,
    InterventionMoney,
    PlanVersion,
    Run,
)
from planning.selectors.change_sets import Pair, interventions_of, pairs
from planning.selectors.explanations import Told, told_to
from planning.selectors.plan_areas import PlanAreaRow, plan_area_rows
from planning.selectors.plan_comparisons import COMPUTED
from planning.services.official_tables import scenario_label, source_words, time_label
from planning.services.plan_freeze import content_sha256


@dataclass(frozen=True)
class Alternative:
    """An option that is not in the plan: what it would have been and where. `row`: as the explanation tells it to this
    reader."""

    row: dict[str, Any]
    service: ServiceType | None
    area: Area | None
    asset: IdleAsset | None

    @property
    def place_ref(self) -> str:
        return self.row["facility"] or self.row["idle_asset"] or ""


@dataclass
class PlanFacts:
    """`user` None: a command of this machine, which sees the whole city."""

    version: PlanVersion
    user: Any

    @property
    def plan(self) -> Any:
        return self.version.plan

    @property
    def city(self) -> Any:
        return self.version.plan.city

    @cached_property
    def whole(self) -> bool:
        return self.user is None or policies.sees_whole_city(self.user, self.city.pk)

    @cached_property
    def title(self) -> str:
        return _("%(plan)s, version %(number)s") % {
            "plan": local_name(self.plan),
            "number": self.version.number,
        }

    @cached_property
    def digest(self) -> str:
        return self.version.content_sha256 or content_sha256(self.version)

    @cached_property
    def interventions(self) -> list[Intervention]:
        if self.user is not None:
            return interventions_of(self.version, user=self.user)
        rows = self.version.interventions.select_related(
            "service", "area", "facility", "facility__use", "idle_asset"
        )
        return list(rows.order_by("order"))

    @cached_property
    def money(self) -> dict[int, list[InterventionMoney]]:
        """Parts of each intervention, by its id, in order of year and source."""
        found: dict[int, list[InterventionMoney]] = {}
        rows = InterventionMoney.objects.filter(intervention__in=self.interventions)
        for part in rows.order_by("year", "source"):
            found.setdefault(part.intervention_id, []).append(part)
        return found

    @cached_property
    def pairs(self) -> list[Pair]:
        return pairs(self.version)

    @cached_property
    def runs(self) -> list[Run]:
        rows = self.version.baseline_runs.select_related(
            "scenario", "profile", "snapshot", "city", "snapshot__network"
        )
        return list(rows.order_by("scenario_id", "time_of_day"))

    @cached_property
    def area_rows(self) -> list[PlanAreaRow]:
        return plan_area_rows(self.version, user=self.user)

    @cached_property
    def told(self) -> Told | None:
        """The explanation of the change-set as it is, as far as the person may see; None where there is none yet."""
        return told_to(self.version, user=self.user)

    @cached_property
    def alternatives(self) -> list[Alternative]:
        """Options not chosen, where the version has been explained; only at places the person may see."""
        return _alternatives(self)

    def key_of(self, one: Intervention) -> str:
        """The option an intervention comes from; older versions keep the keys beside their facts."""
        keys = self.version.facts.get("keys") or []
        return one.key or (keys[one.order - 1] if one.order <= len(keys) else "")

    def total_fen(self) -> int:
        return sum(one.cost_fen for one in self.interventions)

    def by_year_and_source(self) -> dict[tuple[int, str], int]:
        sums: dict[tuple[int, str], int] = {}
        for parts in self.money.values():
            for part in parts:
                key = (part.year, part.source)
                sums[key] = sums.get(key, 0) + part.amount_fen
        return dict(sorted(sums.items()))

    @cached_property
    def hazard_checks(self) -> dict[int, str]:
        """Of each intervention by its id: in how many of the runs its place is usable with the plan, else why it is not."""
        return _hazard_checks(self)

    @cached_property
    def areas_around(self) -> dict[str, Area]:
        """Areas of the interventions and of what holds them, by path."""
        paths: set[str] = set()
        for area in [one.area for one in self.interventions] + [one.area for one in self.alternatives]:
            codes = area.path.strip("/").split("/") if area else []
            paths |= {"/".join(codes[: n + 1]) + "/" for n in range(len(codes))}
        found = Area.objects.filter(city=self.city, path__in=paths).defer("geometry")
        return {area.path: area for area in found}

    def area_at(self, area: Area | None, level: int) -> Area | None:
        """The area itself or the one around it at this level."""
        codes = area.path.strip("/").split("/") if area else []
        for n in range(len(codes)):
            around = self.areas_around.get("/".join(codes[: n + 1]) + "/")
            if around is not None and around.level == level:
                return around
        return None


def facts_of(version: PlanVersion, *, user: Any) -> PlanFacts:
    """Raises Forbidden, and DomainError for a version that has no result."""
    if user is not None:
        policies.demand(user, "view", version.plan.city)
    if version.state not in COMPUTED:
        raise DomainError("version-not-ready", _("Only a computed version has files."), status=422)
    return PlanFacts(version, user)


# --- what it stands on -----------------------------------------------------------------------------


def proof_words(facts: PlanFacts) -> str:
    """How good the plan is known to be, and no better."""
    version = facts.version
    if version.status == "optimal" and version.gap is not None:
        return _("Proved optimal: no plan within the same limits does better (to one in a million).")
    if version.gap is None:
        return _("No bound is known: how far the plan is from the best possible has not been proved.")
    share = pct(math.ceil(version.gap * 1000) / 1000)
    said = _("Within %(share)s of the best possible, proved by a bound.") % {"share": share}
    if not facts.whole:
        return said
    more = ""
    if version.aim == Aim.MOST and version.value is not None and version.bound is not None:
        more = _(
            "Weighted need newly served: %(value)s; no plan within the same limits serves more than %(bound)s."
        ) % {"value": num(version.value), "bound": num(version.bound)}
    elif version.aim == Aim.CHEAPEST and version.aim_value is not None and version.aim_bound is not None:
        more = _("It costs %(value)s; no plan that keeps the targets costs less than %(bound)s.") % {
            "value": yuan(int(version.aim_value)),
            "bound": yuan(int(version.aim_bound)),
        }
    elif version.aim == Aim.FAIREST and version.aim_value is not None and version.aim_bound is not None:
        more = _("The worst served area reaches %(value)s; no plan lifts it above %(bound)s.") % {
            "value": pct(version.aim_value),
            "bound": pct(version.aim_bound),
        }
    return _("%(first)s %(second)s") % {"first": said, "second": more} if more else said


def price_words(facts: PlanFacts) -> str:
    """Where the prices come from."""
    sources = sorted(
        {
            source_words(one)
            for one in CostRate.objects.order_by().values_list("source", flat=True).distinct()
            if one
        }
    )
    words = _("Prices named by the place itself, else the rate card of proposed prices (%(sources)s).")
    return words % {"sources": joined(sources) or _("no source named")}


def question_lines(version: PlanVersion) -> list[tuple[str, str]]:
    """The question and its limits in words; nothing where nothing was limited."""
    question = version.question or {}
    found = [
        (_("Aim"), str(version.get_aim_display())),
        (_("Rule over scenarios"), str(version.get_rule_display())),
        (_("Budget"), yuan(version.budget_fen)),
    ]
    services = list(version.services.all())
    found.append(
        (
            _("Services"),
            joined([local_name(one) for one in services]) or _("all services of the runs"),
        )
    )
    kinds = dict(InterventionKind.choices)
    if allowed := version.facts.get("kinds"):
        found.append(
            (_("Interventions allowed"), joined([str(kinds.get(one, one)).lower() for one in allowed]))
        )
    if version.weights:
        names = {one.code: local_name(one) for one in ServiceType.objects.filter(code__in=version.weights)}
        words = [f"{names.get(code, code)} × {weight:g}" for code, weight in sorted(version.weights.items())]
        found.append((_("Weights by service"), joined(words)))
    return found + [line for name, value in question.items() for line in _limit_lines(version, name, value)]


def _limit_lines(version: PlanVersion, name: str, value: Any) -> Iterable[tuple[str, str]]:
    kinds, sources = dict(InterventionKind.choices), dict(FundSource.choices)

    def span(limit: dict[str, Any]) -> str:
        parts = []
        if limit.get("least") is not None:
            parts.append(_("at least %(count)s") % {"count": num(limit["least"])})
        if limit.get("most") is not None:
            parts.append(_("at most %(count)s") % {"count": num(limit["most"])})
        return joined(parts)

    def area(code: str) -> str:
        found = Area.objects.filter(city=version.plan.city_id, code=code).defer("geometry").first()
        return local_name(found) if found else code

    if name == "target":
        yield _("Share to be served"), pct(value)
    elif name == "area_target":
        if isinstance(value, dict):
            yield (
                _("Share to be served by area"),
                joined([f"{area(code)} {pct(one)}" for code, one in value.items()]),
            )
        else:
            yield _("Share to be served in each area"), pct(value)
    elif name == "tail":
        yield _("Worst share of the scenarios"), pct(value)
    elif name == "run_weights":
        yield _("Weights of the runs"), joined([f"{ref} × {one:g}" for ref, one in value.items()])
    elif name == "number":
        yield _("Number of interventions"), span(value)
    elif name == "number_by_kind":
        yield (
            _("Number by kind"),
            joined([f"{kinds.get(code, code)}: {span(one)}" for code, one in value.items()]),
        )
    elif name == "number_by_area":
        yield _("Number by area"), joined([f"{area(code)}: {span(one)}" for code, one in value.items()])
    elif name == "funds":
        for code, fund in value.items():
            limit = (
                yuan(fund["limit_fen"])
                if fund.get("limit_fen") is not None
                else _("without a limit of its own")
            )
            only = joined([str(kinds.get(one, one)).lower() for one in fund.get("kinds") or []])
            yield (
                str(sources.get(code, code)),
                limit + (_(", only for %(kinds)s") % {"kinds": only} if only else ""),
            )
    elif name == "years":
        yield (
            _("Budget by year"),
            joined([f"{row['year']}: {yuan(row['budget_fen'])}" for row in value]),
        )
    elif name in ("must", "banned"):
        yield (
            (_("Places that must be in") if name == "must" else _("Places that may not be in")),
            joined(place_names(value)),
        )
    elif name == "spacing_m":
        yield (
            _("Least distance"),
            joined([f"{kinds.get(code, code)} {num(one)} m" for code, one in value.items()]),
        )
    elif name == "land_m2_by_area":
        yield _("Idle land by area"), joined([f"{area(code)} {num(one)} m²" for code, one in value.items()])
    elif name == "running_limit_fen_year":
        yield _("Running cost a year, at most"), yuan(value)
    elif name == "running_years":
        yield _("Years of running cost counted"), num(value)
    elif name == "peacetime_weight":
        yield _("Weighted need that ¥10,000 a year of peacetime value is worth"), f"{value:g}"
    elif name == "area_level":
        yield _("Areas that targets speak of"), _("level %(level)s") % {"level": value}
    else:
        labels = {
            "carry_over": _("Money left over goes to the next year"), "sizes": _("Size steps"), "retire": _("Roles may be closed"),
            "price_of_robustness": _("Price of robustness"),
        }  # fmt: skip
        if name in labels:
            yield labels[name], _("yes") if value else _("no")


def place_names(keys: Iterable[str]) -> list[str]:
    """Names of the places that option keys mean, in their order; a key whose place is gone stands for itself."""
    known = places_of_keys(keys)
    return [local_name(known[key][0]) if key in known else key for key in keys]


def places_of_keys(keys: Iterable[str]) -> dict[str, tuple[Any, ServiceType, Any]]:
    """(place, service, capability or asset option) of option keys such as "convert:c12" and "build:o3@0.5"."""
    wanted: dict[str, tuple[str, int]] = {}
    for key in keys:
        number = key.partition(":")[2].partition("@")[0]
        if number[:1] in ("c", "o") and number[1:].isdigit():
            wanted[key] = (number[0], int(number[1:]))
    roles = Capability.objects.select_related("facility__area", "facility__use", "service").in_bulk(
        [pk for kind, pk in wanted.values() if kind == "c"]
    )
    offers = AssetOption.objects.select_related("asset__area", "service").in_bulk(
        [pk for kind, pk in wanted.values() if kind == "o"]
    )
    found: dict[str, tuple[Any, ServiceType, Any]] = {}
    for key, (kind, pk) in wanted.items():
        if kind == "c" and pk in roles:
            found[key] = (roles[pk].facility, roles[pk].service, roles[pk])
        elif kind == "o" and pk in offers:
            found[key] = (offers[pk].asset, offers[pk].service, offers[pk])
    return found


def basis_lines(facts: PlanFacts) -> list[tuple[str, str]]:
    """What every figure stands on, for the foot of every file."""
    version = facts.version
    state = str(version.get_state_display())
    if version.state == VersionState.FROZEN:
        state = _("frozen on %(when)s by %(who)s") % {
            "when": dt(version.frozen_at),
            "who": local_name(version.frozen_by) if version.frozen_by else _("a command"),
        }
    found = [
        (_("Plan"), f"{local_name(facts.plan)} ({facts.plan.ref})"),
        (_("Version"), f"{version.number}, {state}"),
        (_("Content, SHA-256"), facts.digest),
        (_("Engine"), version.engine_version),
        (_("Seed"), str(version.seed)),
        (_("Proof"), proof_words(facts)),
        (_("Prices"), price_words(facts)),
    ]
    for pair in facts.pairs:
        run = pair.before
        snapshot = run.snapshot
        words = _(
            "%(before)s before, %(after)s with the plan; %(scenario)s version %(number)s, %(time)s; standards %(profile)s; snapshot %(snapshot)s of %(day)s; engine %(engine)s; %(assignment)s"
        ) % {
            "before": run.ref, "after": pair.after.ref if pair.after else "—", "scenario": scenario_label(run), "number": run.scenario_version,
            "time": time_label(run.time_of_day).lower(), "profile": local_name(run.profile), "snapshot": snapshot.short if snapshot else "—",
            "day": day(snapshot.as_of) if snapshot else "—", "engine": run.engine_version,
            "assignment": str(run.get_assignment_display()).lower(),
        }  # fmt: skip
        found.append((_("Baseline"), words))
    if facts.city.synthetic:
        found.append((_("Note"), _("Every number is made up: this is a synthetic city.")))
    found.append((_("Printed"), dt(timezone.now())))
    return found


# --- alternatives and checks -----------------------------------------------------------------------


def _alternatives(facts: PlanFacts) -> list[Alternative]:
    rows = facts.told.rejected if facts.told else []
    services = {
        one.code: one for one in ServiceType.objects.filter(code__in={row["service"] for row in rows})
    }
    paths = {row["area_path"] for row in rows if row["area_path"]}
    areas = Area.objects.filter(city=facts.city, path__in=paths).defer("geometry")
    by_path = {area.path: area for area in areas}
    refs = {row["idle_asset"] for row in rows if row["idle_asset"]}
    assets = {one.ref: one for one in IdleAsset.objects.filter(city=facts.city, ref__in=refs)}
    return [
        Alternative(
            row, services.get(row["service"]), by_path.get(row["area_path"]), assets.get(row["idle_asset"])
        )
        for row in rows
    ]


def _hazard_checks(facts: PlanFacts) -> dict[int, str]:
    afters = {pair.after.pk: pair.after for pair in facts.pairs if pair.after is not None}
    at_facilities = {
        (one.facility_id, one.service_id): one.pk for one in facts.interventions if one.facility_id
    }
    own = {one.pk for one in facts.interventions}
    rows: QuerySet[FacilityResult] = FacilityResult.objects.filter(run__in=list(afters)).filter(
        Q(facility__in={facility for facility, _service in at_facilities}) | Q(intervention__in=own)
    )
    told: dict[int, list[tuple[str, str]]] = {}
    labels = dict(FacilityResult._meta.get_field("reason").choices or [])
    for run, service, facility, intervention, reason in rows.values_list(
        "run_id", "service_id", "facility_id", "intervention_id", "reason"
    ):
        pk = intervention if intervention in own else at_facilities.get((facility, service))
        if pk is not None:
            told.setdefault(pk, []).append((afters[run].ref, reason))
    found = {}
    for pk, checks in told.items():
        bad = sorted({(ref, reason) for ref, reason in checks if reason != "counts"})
        if bad:
            found[pk] = joined([f"{ref}: {labels.get(reason, reason)}" for ref, reason in bad])
        else:
            count = len({ref for ref, _reason in checks})
            found[pk] = _("usable in all %(count)s runs that need it") % {"count": count}
    return found
