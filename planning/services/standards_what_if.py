"""What a draft would change before anybody adopts it: need and gap by area and service, by the draft and by what is in
force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, InvalidInput
from core.models import City, Job
from planning.bridge.situation import refusal_words
from planning.choices import Assignment, ProfileStatus, RunState
from planning.models import Run, Scenario, StandardProfile
from planning.selectors.comparisons import ComparedArea, ComparedTotals, compared_areas, compared_totals
from planning.selectors.standards import chain, effective_standards, governing_profile, is_local
from planning.services.runs import default_profile, start_runs
from planning.services.standard_checks import phase_problems


@dataclass(frozen=True)
class Pair:
    """One scenario at one time of day: the run by what is in force and the run by the draft."""

    before: Run
    after: Run

    @property
    def state(self) -> str:
        """done when both are; refused when one is; else waiting or failed."""
        states = {self.before.state, self.after.state}
        for state in (RunState.REFUSED, RunState.FAILED, RunState.WAITING):
            if state in states:
                return str(state)
        return str(RunState.DONE)

    def refusal(self) -> list[str]:
        """What keeps one of the two from being computed, in words; each once."""
        problems = [problem for run in (self.before, self.after) for problem in run.refusal]
        return list(dict.fromkeys(refusal_words(problem) for problem in problems))


@dataclass(frozen=True)
class Adoption:
    """`jobs` compute what is not stored yet."""

    profile: StandardProfile
    against: StandardProfile
    pairs: list[Pair]
    jobs: list[Job]


def compared_with(profile: StandardProfile) -> StandardProfile:
    """What a profile is held against when nobody says: the default; for a district's profile, or for the default itself,
    what holds there without it."""
    if is_local(profile):
        return governing_profile(profile)
    standard = default_profile()
    if standard.pk != profile.pk:
        return standard
    former = StandardProfile.objects.filter(family=profile.family, version__lt=profile.version)
    found = profile.parent or former.order_by("-version").first()
    if found is None:
        raise DomainError(
            "nothing-to-compare", _("These are the default standards; choose others to compare."), status=422
        )
    return found


def start_what_if(
    *,
    user: Any,
    city: City,
    profile: StandardProfile,
    scenarios: Sequence[Scenario],
    times_of_day: Sequence[str] = (),
    against: StandardProfile | None = None,
    assignment: str = Assignment.NEAREST,
    detour_factor: float = 1.3,
) -> Adoption:
    """Start, for each scenario and time of day, a run by the draft and one by what is in force; stored runs are taken as
    they are. A draft that was changed since gives new runs: a run freezes the standards it is judged by.

    A district's draft is looked at as if it were published: its ratios hold in its district, all else stays.
    """
    against = against or compared_with(profile)
    _check(city, profile, against, scenarios)
    pairs, jobs = [], []
    for scenario in scenarios:
        sides = []
        for one in (against, profile):
            runs, job = start_runs(
                user=user, city=city, scenario=scenario, times_of_day=times_of_day, profile=one, assignment=assignment,
                detour_factor=detour_factor,
            )  # fmt: skip
            sides.append(runs)
            jobs += [job] if job is not None else []
        pairs += [Pair(before, after) for before, after in zip(*sides, strict=True)]
    return Adoption(profile, against, pairs, list({job.pk: job for job in jobs}.values()))


def stored_pairs(*, profile: StandardProfile, city: City) -> list[Pair]:
    """The newest pair of runs of each scenario and time of day that was asked for before, newest first."""
    runs = Run.objects.filter(profile=profile, city=city, plan_version=None, variation={})
    after: dict[tuple[int, str], Run] = {}
    for run in runs.select_related("scenario", "profile", "job").order_by("-id")[:200]:
        after.setdefault((run.scenario_id, run.time_of_day), run)
    return pairs_of(list(after.values()), compared_with(profile))


def pairs_of(after: Sequence[Run], against: StandardProfile) -> list[Pair]:
    """Each run with the newest one that differs from it only in the standards."""
    found = []
    for run in after:
        before = (
            Run.objects.filter(
                profile=against, city=run.city_id, scenario=run.scenario_id, scenario_version=run.scenario_version,
                time_of_day=run.time_of_day, assignment=run.assignment, reach_overrides=run.reach_overrides,
                detour_factor=run.detour_factor, snapshot=run.snapshot_id, speeds_frozen=run.speeds_frozen, plan_version=None,
                variation={},
            )
            .select_related("scenario", "profile", "job").order_by("-id").first()
        )  # fmt: skip
        if before is not None:
            found.append(Pair(before, run))
    return found


def outdated(pair: Pair) -> bool:
    """Has the draft been changed since the run? Then the comparison speaks of a former state of it."""
    profile = pair.after.profile
    return bool(
        profile.updated_at
        and profile.status == ProfileStatus.DRAFT
        and profile.updated_at > pair.after.created_at
    )


def what_if_areas(pair: Pair, *, user: Any, level: int) -> list[ComparedArea]:
    """Need and gap of each area of a level and service that has need in one of the two runs, the largest change of the
    gap first."""
    rows = compared_areas(pair.before, pair.after, user=user, level=level, ranges=False)
    needed = [row for row in rows if any(side is not None and side.need for side in (row.before, row.after))]
    return sorted(needed, key=lambda row: (-abs(row.gap_change or 0), -abs(row.need_change or 0)))


def what_if_totals(pair: Pair, *, user: Any) -> list[ComparedTotals]:
    return compared_totals(pair.before, pair.after, user=user)


def what_if_answer(adoption: Adoption, *, user: Any, level: int) -> dict[str, Any]:
    """As the API and the command tell it."""
    return {
        "profile": adoption.profile.code,
        "against": adoption.against.code,
        "jobs": [job.ref for job in adoption.jobs],
        "pairs": [_pair_told(pair, user, level) for pair in adoption.pairs],
    }


def _pair_told(pair: Pair, user: Any, level: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "scenario": pair.after.scenario.ref, "time_of_day": pair.after.time_of_day, "state": pair.state,
        "before": pair.before.ref, "after": pair.after.ref, "refusal": pair.refusal(), "services": [], "areas": [],
    }  # fmt: skip
    if pair.state == RunState.DONE:
        told["services"] = [
            {"service": row.service.code, **_change(row)} for row in what_if_totals(pair, user=user)
        ]
        told["areas"] = [
            {"area": row.area.code, "name": row.area.name, "name_en": row.area.name_en, "service": row.service.code, **_change(row)}
            for row in what_if_areas(pair, user=user, level=level)
        ]  # fmt: skip
    return told


def _change(row: ComparedArea | ComparedTotals) -> dict[str, Any]:
    before, after = row.before, row.after
    return {
        "need_before": before.need if before else None, "need_after": after.need if after else None,
        "need_change": row.need_change, "gap_before": before.gap if before else None,
        "gap_after": after.gap if after else None, "gap_change": row.gap_change,
    }  # fmt: skip


def _check(
    city: City, profile: StandardProfile, against: StandardProfile, scenarios: Sequence[Scenario]
) -> None:
    if not scenarios:
        raise DomainError("no-scenario", _("Choose at least one scenario."), status=422)
    if profile.pk == against.pk:
        raise DomainError("same-profile", _("Choose other standards to compare with."), status=422)
    for one in (profile, against):
        if one.area is not None and one.area.city_id != city.pk:
            raise DomainError("other-city", _("The profile holds in another city."), status=422)
        if any(above.status == ProfileStatus.RETIRED for above in chain(one)[:1]):
            raise DomainError("profile-retired", _("These standards are retired; choose others."), status=422)
    if problems := phase_problems(effective_standards(profile)):
        raise InvalidInput(_("The draft cannot be tried out yet."), problems, "draft-incomplete")
