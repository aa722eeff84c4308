"""Puts two runs side by side: what differs in what they asked, and need and gap by area and service."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.models import Area
from facilities.models import ServiceType
from planning.choices import RunState
from planning.models import AreaRange, AreaResult, Run
from planning.selectors import gaps
from planning.selectors.ranges import ranges_of


@dataclass(frozen=True)
class ComparedArea:
    """An area and service in two runs. A side is None where that run knows no such area; a range is None where nobody
    asked for it. All in whole service units."""

    area: Area
    service: ServiceType
    before: AreaResult | None
    after: AreaResult | None
    before_range: AreaRange | None = None
    after_range: AreaRange | None = None

    @property
    def need_change(self) -> int | None:
        return None if self.before is None or self.after is None else self.after.need - self.before.need

    @property
    def gap_change(self) -> int | None:
        return None if self.before is None or self.after is None else self.after.gap - self.before.gap

    @property
    def ranges_overlap(self) -> bool | None:
        """Do the two gaps' ranges from P10 to P90 share a number? Then the change may be no change. None: not known."""
        one, other = self.before_range, self.after_range
        if one is None or other is None:
            return None
        return one.gap_p10 <= other.gap_p90 and other.gap_p10 <= one.gap_p90


@dataclass(frozen=True)
class ComparedTotals:
    """A service in two runs, summed over what the person may see; a side is None where that run does not count it."""

    service: ServiceType
    before: gaps.Totals | None
    after: gaps.Totals | None

    @property
    def need_change(self) -> int | None:
        return None if self.before is None or self.after is None else self.after.need - self.before.need

    @property
    def gap_change(self) -> int | None:
        return None if self.before is None or self.after is None else self.after.gap - self.before.gap


@dataclass(frozen=True)
class Difference:
    """Something two runs were asked differently: `code`, what people call it, and the two answers: words, or a mapping or
    record with `name` and `name_en`."""

    code: str
    label: str
    before: Any
    after: Any


def differences(before: Run, after: Run) -> list[Difference]:
    """What differs in what two runs were asked, the weightiest first. Empty: they were asked the same."""
    found: list[Difference] = []

    def differ(code: str, label: Any, words: Callable[[Run], Any], same: Callable[[Run], Any]) -> None:
        if same(before) != same(after):
            found.append(Difference(code, str(label), words(before), words(after)))

    differ("scenario", _("scenario"), lambda run: run.scenario_frozen, lambda run: run.scenario_id)
    if before.scenario_id == after.scenario_id and before.variation == after.variation:
        differ("version", _("version of the scenario"), lambda run: str(run.scenario_version), _document)
    differ("variation", _("number varied"), _varied, lambda run: run.variation)
    differ("time_of_day", _("time of day"), Run.get_time_of_day_display, lambda run: run.time_of_day)
    common = {row["service"] for row in before.standards_frozen} & {
        row["service"] for row in after.standards_frozen
    }
    differ(
        "profile",
        _("standards"),
        lambda run: run.profile,
        lambda run: (run.profile_id, [row for row in run.standards_frozen if row["service"] in common]),
    )
    differ("plan", _("plan"), _plan, lambda run: run.plan_version_id)
    differ("assignment", _("assignment"), Run.get_assignment_display, lambda run: run.assignment)
    differ("reach", _("reach"), _reach, lambda run: (run.reach_overrides, run.detour_factor))
    differ("speeds", _("speeds"), lambda run: run.speeds_frozen, lambda run: run.speeds_frozen)
    differ(
        "snapshot",
        _("data"),
        lambda run: run.snapshot.short if run.snapshot else "—",
        lambda run: run.snapshot_id,
    )
    return found


def _document(run: Run) -> dict[str, Any]:
    return {key: value for key, value in run.scenario_frozen.items() if key not in ("name", "name_en")}


def _varied(run: Run) -> str:
    return ", ".join(f"{place} = {value:g}" for place, value in run.variation.items()) or str(_("as written"))


def _plan(run: Run) -> Any:
    version = run.plan_version
    if version is None:
        return str(_("today's registry"))
    plan, number = version.plan, version.number
    return {"name": f"{plan.name} {number}", "name_en": f"{plan.name_en or plan.name} {number}"}


def _reach(run: Run) -> str:
    told = [f"{code} {limit:g}" for code, limit in sorted(run.reach_overrides.items())]
    return ", ".join([*told, f"× {run.detour_factor:g}"])


def demand_comparable(before: Run, after: Run) -> list[ServiceType]:
    """The services that both runs count. Raises DomainError when the two cannot stand side by side."""
    for run in (before, after):
        if run.state != RunState.DONE:
            words = _("The run %(ref)s has no result to compare.") % {"ref": run.ref}
            raise DomainError("run-not-done", words, status=422)
    if before.city_id != after.city_id:
        raise DomainError("runs-differ", _("The runs belong to different cities."), status=422)
    if before.pk == after.pk:
        raise DomainError("same-run", _("These are the same run; choose another one."), status=422)
    codes = {row["service"] for row in before.totals} & {row["service"] for row in after.totals}
    if not codes:
        raise DomainError("no-common-service", _("The two runs have no service in common."), status=422)
    return list(ServiceType.objects.filter(code__in=codes).order_by("sort_order", "code"))


def compared_areas(
    before_run: Run,
    after_run: Run,
    *,
    user: Any,
    services: Collection[ServiceType] | None = None,
    level: int | None = None,
    ranges: bool = True,
) -> list[ComparedArea]:
    """Every area and service of two finished runs, by service and then in the order of the areas; only areas the person
    may see (`user` None: a command of this machine). `services` None: all that either run counts. Two queries, and four
    more for the ranges."""
    rows = AreaResult.objects.filter(run__in=[before_run, after_run]).filter(_seen(user))
    if services is not None:
        rows = rows.filter(service__in=list(services))
    if level is not None:
        rows = rows.filter(area__level=level)
    sides: dict[tuple[int, int], dict[int, AreaResult]] = {}
    for row in rows.select_related("area", "area__parent", "service").order_by(
        "service__sort_order", "service__code", "area__path"
    ):
        sides.setdefault((row.service_id, row.area_id), {})[row.run_id] = row
    old, new = (ranges_of(run) if ranges else {} for run in (before_run, after_run))
    found = []
    for key, pair in sides.items():
        before, after = pair.get(before_run.pk), pair.get(after_run.pk)
        known = before or after
        assert known is not None
        found.append(ComparedArea(known.area, known.service, before, after, old.get(key), new.get(key)))
    return found


def compared_totals(before_run: Run, after_run: Run, *, user: Any) -> list[ComparedTotals]:
    """Each service that either run counts, in the order of the services: the whole city for those who may see it (`user`
    None: a command of this machine), else the sum of the person's own areas."""
    codes = {row["service"] for run in (before_run, after_run) for row in run.totals}
    found = []
    for service in ServiceType.objects.filter(code__in=codes).order_by("sort_order", "code"):
        before, after = (
            gaps.stored_totals(run, service) if user is None else gaps.totals(run, service, user=user)
            for run in (before_run, after_run)
        )
        if before is not None or after is not None:
            found.append(ComparedTotals(service, before, after))
    return found


def _seen(user: Any) -> Q:
    return Q() if user is None else policies.visible(user, area="area", city="area__city")
