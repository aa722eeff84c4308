"""Promised against realised: what a run would have served had a project never been carried out.

For the newest run of every scenario and time of day that counts finished works, the same world is scored once more without
them, with the run's own people, roads, standards and assignment. Realised = served with − served without, by service. Each
project alone, and all together: they share people, so the whole is not the sum (docs/algorithms/realised.md).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from core import policies
from core.errors import DomainError
from core.models import City, Job
from core.services import audit, jobs
from core.services.jobs import Progress
from engine.coverage import role_supply, score_service
from engine.incremental import Standing
from engine.world import World
from facilities.choices import FacilityStatus
from planning.bridge.without import RoleBack, Works, counted, roles_of, world_without
from planning.bridge.world import REASONS
from planning.choices import Assignment
from planning.models import DemandCell, Run
from planning.services import runs as scoring
from planning.services.analysis_case import Case, case_of
from projects.models import Commissioning, Project, RealisedGap
from projects.selectors.results import commissioned, counts_it, runs_to_read

KIND = "realise"
log = logging.getLogger(__name__)


def start(*, user: Any, city: City, queue: str = "analysis") -> tuple[Job, bool]:
    """Queue the reckoning of a city; `(job, created)`. The one that waits or runs is answered instead of a second one.
    `user` None: a command of this machine or a run that was just finished."""
    if user is not None:
        policies.demand(user, "run.start", city)
    if not commissioned(city).exists():
        raise DomainError("nothing-commissioned", _("No project has been accepted into the registry yet."))
    if not runs_to_read(city):
        raise DomainError("no-run", _("No finished run counts the accepted works yet; start a run first."))
    with transaction.atomic():
        job, created = jobs.submit(
            kind=KIND,
            user=user,
            city=city,
            title=_title("zh-hans"),
            title_en=_title("en"),
            params={"city": city.code},
            queue=queue,
        )
        if created and user is not None:
            audit.record(user=user, act="results.start", subject=city, after={"job": job.ref})
    return job, created


def _title(language: str) -> str:
    with override(language):
        return _("Promised against realised")


@scoring.when_scored
def queue_results(refs: Sequence[str]) -> None:
    """A run that was just finished may count what was accepted since: reckon anew, where that is cheap. What goes wrong
    here must not undo the run."""
    for city in City.objects.filter(
        pk__in=Run.objects.filter(ref__in=refs, plan_version=None).values("city")
    ):
        try:
            read = runs_to_read(city)
            if not {run.ref for run in read} & set(refs):
                continue
            best = any(run.assignment == Assignment.BEST for run in read)
            if best and DemandCell.objects.filter(city=city).count() > settings.AUTO_RANGE_MAX_CELLS:
                continue
            if commissioned(city).exists():
                start(user=None, city=city, queue="bulk")
        except Exception:
            log.exception("the gap that projects of %s closed was not reckoned", city.code)


@jobs.kind(KIND)
def realise(job: Job, progress: Progress) -> dict[str, Any]:
    """Write the rows of every run to be read, each run whole in one transaction. Safe to run twice."""
    city = City.objects.get(code=job.params["city"])
    read = runs_to_read(city)
    for number, run in enumerate(read):
        progress(number / len(read), _("Reading run %(ref)s") % {"ref": run.ref}, at_once=True)
        rows = reckon(run, progress.check)
        with transaction.atomic():
            progress.hold()
            RealisedGap.objects.filter(city=city, run=run).delete()
            RealisedGap.objects.bulk_create(rows, batch_size=1000)
    return {"result_url": "/projects/results/", "result": {"runs": [run.ref for run in read]}}


@dataclass(frozen=True)
class _One:
    commissioning: Commissioning
    works: Works


def works_of(found: Commissioning) -> Works:
    """What acceptance wrote, in the bridge's words."""
    place = found.written["place"]["before"]
    roles = [
        RoleBack(row["capability"], row["service"], row["before"], row["after"])
        for row in found.written["roles"]
    ]
    if place is None:
        return Works(found.facility_id or 0, roles, open_before=False)
    return Works(
        found.facility_id or 0, roles, place["status"] == FacilityStatus.ACTIVE, place["lapsed_agreement"],
        place["lapsed_certificate"],
    )  # fmt: skip


def reckon(run: Run, check: Any = lambda: None) -> list[RealisedGap]:
    """The rows of one run, not saved: a row for each project and service that changes without it, and the joint rows."""
    case = case_of(run)
    found = [
        _One(one, works_of(one))
        for one in commissioned(run.city).select_related("project__service", "project__intervention")
        if counts_it(run, one)
    ]
    present = [one for one in found if counted(case.frozen, one.works)]
    if not present:
        return []
    served = served_without_of(case)
    with_all = case.score.served.sum(axis=1)
    ids, rows, promised = case.frozen.service_ids, [], dict.fromkeys(case.codes, 0)
    for one in present:
        check()
        project = one.commissioning.project
        without, facts = served([one.works]), _facts(case, one)
        promise, basis = promised_in(project, run)
        if project.service.code in promised and promise is not None:
            promised[project.service.code] += promise
        for k, code in enumerate(case.codes):
            own = code == project.service.code
            if own or without[k] != with_all[k]:
                rows.append(
                    RealisedGap(
                        city_id=run.city_id, project=project, run=run, service_id=ids[code], promised_units=promise if own else None,
                        served_with_units=int(with_all[k]), served_without_units=int(without[k]),
                        facts=(facts | {"promised_from": basis}) if own else {"aside": True},
                    )
                )  # fmt: skip
    together = served([one.works for one in present])
    for k, code in enumerate(case.codes):
        alone = [row for row in rows if row.service_id == ids[code]]
        if alone or together[k] != with_all[k]:
            rows.append(
                RealisedGap(
                    city_id=run.city_id, project=None, run=run, service_id=ids[code], promised_units=promised[code],
                    served_with_units=int(with_all[k]), served_without_units=int(together[k]),
                    facts={"projects": len(present), "sum": sum(row.realised for row in alone), "need": int(case.need[k].sum())},
                )
            )  # fmt: skip
    return rows


def served_without_of(case: Case) -> Any:
    """A function from works to served units (k,) without them, in the run's own assignment. Nearest first repairs the one
    assignment kept open (docs/algorithms/incremental.md); the best possible one is scored anew where supply changes."""
    standing = (
        Standing(case.situation.world, case.score) if case.run.assignment == Assignment.NEAREST else None
    )

    def served(works: Iterable[Works]) -> np.ndarray:
        world, sites = world_without(case.situation, works)
        if standing is not None:
            return standing.rescored(world, sites).score.served.sum(axis=1)
        return _served_anew(case, world)

    return served


def _served_anew(case: Case, world: World) -> np.ndarray:
    """Served units (k,) by the best possible assignment; services whose supply is the same keep their answer."""
    served = case.score.served.sum(axis=1).astype(np.int64)
    before, after = case.situation.world, world
    (old, _reason), (new, _other) = role_supply(before), role_supply(after)
    r = before.supply.roles
    changed = np.zeros(after.supply.roles, bool)
    changed[r:] = True
    changed[:r] = (old != new[:r]) | (before.supply.role_hours != after.supply.role_hours[:r])
    if before.supply.role_special_capacity is not None and after.supply.role_special_capacity is not None:
        changed[:r] |= before.supply.role_special_capacity != after.supply.role_special_capacity[:r]
    for k in np.unique(after.supply.role_service[changed]):
        _role, _special, tally, _minimised = score_service(world, int(k), case.run.assignment)
        served[k] = int(tally.states[0].sum())
    return served


def promised_in(project: Project, run: Run) -> tuple[int | None, str]:
    """What the plan promised for this scenario and time of day, and where that was read: "run" (the plan's run of the same
    question), "plan" (its best run) or "" (nothing was promised)."""
    told = project.need.get("runs") or []
    by_ref = {row["run"]: row.get("newly_served") for row in told}
    same = Run.objects.filter(
        ref__in=by_ref, scenario_id=run.scenario_id, time_of_day=run.time_of_day
    ).values_list("ref", flat=True)
    for ref in same:
        if by_ref[ref] is not None:
            return int(by_ref[ref]), "run"
    return (project.gap_promised, "plan") if project.gap_promised is not None else (None, "")


def _facts(case: Case, one: _One) -> dict[str, Any]:
    """What explains a difference: how much was built, what the run says of the place, who asks for help now and then."""
    project, found = one.commissioning.project, one.commissioning
    code = project.service.code
    at = roles_of(case.situation, one.works, code)
    score, roles = case.score, case.situation.roles
    k = case.codes.index(code) if code in case.codes else None
    reason = sorted({str(REASONS[int(roles.reason[role])]) for role in at})
    then = _need_then(project, case.run, code)
    approved = project.approved_units if project.approved_units is not None else project.units
    return {
        "built_units": found.built_units, "approved_units": approved, "tried_hours": found.conversion_hours,
        "promised_hours": project.conversion_hours, "capacity": int(score.role_supply[at].sum()),
        "taken": int(score.role_served[at].sum()), "late": int(score.role_late[at].sum()), "reasons": reason,
        "need": int(case.need[k].sum()) if k is not None else None, "need_then": then, "in_question": k is not None,
    }  # fmt: skip


def _need_then(project: Project, run: Run, code: str) -> int | None:
    """The need of the service in the plan's run of the same scenario and time of day."""
    refs = [row["run"] for row in project.need.get("runs") or []]
    then = Run.objects.filter(ref__in=refs, scenario_id=run.scenario_id, time_of_day=run.time_of_day).first()
    totals = then.totals if then is not None else []
    return next((int(row["need"]) for row in totals if row["service"] == code), None)
