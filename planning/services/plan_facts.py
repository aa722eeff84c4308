"""What every file of a plan's version tells: its interventions, money, areas and alternatives as far as a person may see,
and what all of it stands on. Worked out once for a file, in the language that is active."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError
from core.models import Area
from core.templatetags.pingji import joined, local_name
from facilities.models import Capability, ServiceType
from inventory.models import AssetOption, IdleAsset
from planning.models import (
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
