"""The main job from end to end, and its answer: what, how much, where."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from core.choices import JobState
from core.errors import DomainError
from core.models import City, Job
from core.services import jobs
from engine.world import STATES
from facilities.models import ServiceType
from facilities.selectors.capacity import capacity_table
from planning.choices import RunState, VersionState
from planning.models import PlanVersion, Run, Scenario
from planning.services import plans, runs

Say = Callable[[str], None]
DEFAULT_BUDGET_YUAN = 100_000_000
# A worker that is there takes a job within seconds; this long without one means that none listens.
NOBODY_AFTER_SECONDS = 45.0


def services_of(run: Run) -> list[dict[str, Any]]:
    return [{name: row[name] for name in ("service", "unit", "need", *STATES)} for row in run.totals]


def run_answer(run: Run) -> dict[str, Any]:
    answer = {
        "ref": run.ref,
        "scenario": run.scenario_frozen.get("name_en") or run.scenario.name,
        "time_of_day": run.time_of_day,
    }
    if run.state == RunState.REFUSED:
        answer["refused"] = [problem["message"] for problem in run.refusal]
    return answer | {"services": services_of(run)}


def ratios_of(version: PlanVersion) -> dict[str, float]:
    """Units a person needs, by service, as the version's baseline counted them."""
    found: dict[str, float] = {}
    for run in version.baseline_runs.order_by("pk"):
        for row in run.standards_frozen:
            ratio = run.scenario_frozen["ratio_overrides"].get(row["service"], row["ratio"])
            found.setdefault(row["service"], float(ratio))
    return found


def people_behind(units: int, ratio: float | None) -> int:
    """How many people's need that many units meet under the standard: 75 m² of relief store at 0.075 m² a person are
    1,000 people, one shelter place is one."""
    return round(units / ratio) if ratio else units


def plan_answer(version: PlanVersion) -> dict[str, Any]:
    rows = version.interventions.select_related("service").order_by("order")
    ratios = ratios_of(version)
    return {
        "ref": version.plan.ref,
        "budget_fen": version.budget_fen,
        "cost_fen": version.cost_fen,
        "value": version.value,
        "bound": version.bound,
        "gap": version.gap,
        "status": version.status,
        "version": version.number,
        "state": version.state,
        "aim": version.aim,
        "rule": version.rule,
        "question": version.question,
        "aim_value": version.aim_value,
        "aim_bound": version.aim_bound,
        "seed": version.seed,
        "seconds": version.seconds,
        "engine_version": version.engine_version,
        "by_run": version.facts.get("robust"),
        "price_of_robustness": version.facts.get("price_of_robustness"),
        "relaxations": version.facts.get("relaxations") or [],
        "interventions": [
            {
                "key": row.key, "year": row.year, "running_fen_year": row.running_fen_year,
                "peacetime_fen_year": row.peacetime_fen_year,
                "kind": row.kind, "service": row.service.code, "units": row.units, "name": row.name,
                "lon": round(row.point.x, 6), "lat": round(row.point.y, 6), "cost_fen": row.cost_fen,
                "people_newly_served": people_behind(row.people_newly_served, ratios.get(row.service.code)),
            }
            for row in rows
        ],
    }  # fmt: skip


def main_answer(
    *, city: City, runs: Iterable[Run], version: PlanVersion | None, seconds: dict[str, float]
) -> dict[str, Any]:
    """The one object that the main job prints."""
    return {
        "city": {"code": city.code, "name": city.name, "synthetic": city.synthetic},
        "capacity": [
            {name: row[name] for name in ("service", "use", "unit", "capacity")}
            for row in capacity_table(city)
        ],
        "runs": [run_answer(run) for run in runs],
        "plan": plan_answer(version) if version else None,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
    }


def wait_for(job: Job, say: Say, *, limit_seconds: float = 3600.0) -> Job:
    """Follow a job until it is over. Raises DomainError, in words, when it fails or nobody takes it."""
    started, told = time.monotonic(), ""
    while True:
        job.refresh_from_db()
        if job.over:
            break
        waited = time.monotonic() - started
        if (
            job.state == JobState.QUEUED
            and waited > NOBODY_AFTER_SECONDS
            and job.attempts == 0
            and not _others_run(job)
        ):
            raise DomainError(
                "no-worker",
                _(
                    "No worker took the job %(ref)s within %(seconds)d s. Is a Celery worker running on the queue %(queue)s, and does Redis answer?"
                )
                % {"ref": job.ref, "seconds": int(waited), "queue": job.queue},
            )
        if waited > limit_seconds:
            raise DomainError(
                "job-too-long",
                _("The job %(ref)s did not end within %(seconds)d s.")
                % {"ref": job.ref, "seconds": int(waited)},
            )
        if job.message and job.message != told:
            told = job.message
            say(f"  {job.progress:4.0%}  {told}")
        # A machine without a scheduler still takes up what lost its worker.
        jobs.look_after()
        time.sleep(0.2)
    if job.state != JobState.DONE:
        raise DomainError(
            job.error_code or "job-failed",
            _("The job %(ref)s did not finish: %(reason)s")
            % {"ref": job.ref, "reason": job.error or job.message},
        )
    return job


def _others_run(job: Job) -> bool:
    """Somebody works: the job only waits its turn."""
    return Job.objects.filter(
        state=JobState.RUNNING, queue=job.queue, heartbeat_at__gt=timezone.now() - timedelta(seconds=30)
    ).exists()


def default_scenarios(city: City) -> list[Scenario]:
    """Those the pack names for its plan first, then the others, as the pack orders them."""
    return list(Scenario.objects.filter(city=city).order_by("ref"))


def run_defaults(*, city: City, say: Say, finish: Callable[[Job], Any]) -> list[Run]:
    """Every scenario of the city at every time of day it names, under the default standards."""
    found: list[Run] = []
    for scenario in default_scenarios(city):
        made, job = runs.start_runs(user=None, city=city, scenario=scenario)
        if job is not None:
            say(
                _("%(name)s: scoring, job %(ref)s")
                % {"name": scenario.name_en or scenario.name, "ref": job.ref}
            )
            finish(job)
        else:
            say(_("%(name)s: stored runs answer") % {"name": scenario.name_en or scenario.name})
        found += list(
            Run.objects.filter(pk__in=[run.pk for run in made])
            .select_related("scenario")
            .order_by("time_of_day")
        )
    return found


def plan_default(
    *, city: City, made: Sequence[Run], say: Say, finish: Callable[[Job], Any]
) -> PlanVersion | None:
    """The pack's first plan: its budget, its scenarios. None when no run was computed."""
    wanted = (city.notes or {}).get("plan") or {}
    codes = set(wanted.get("scenarios") or [])
    baseline = [
        run for run in made if run.state == RunState.DONE and (not codes or run.scenario.code in codes)
    ]
    if not baseline:
        return None
    services = ServiceType.objects.filter(code__in=wanted.get("services") or [])
    version = plans.suggest_plan(
        user=None, city=city, runs=baseline, budget_fen=round(float(wanted.get("budget_yuan", DEFAULT_BUDGET_YUAN)) * 100),
        name=wanted.get("title") or "首个补缺方案", name_en=wanted.get("title_en") or "First plan to close the gaps",
        services=list(services), time_limit_seconds=int(wanted.get("time_limit_seconds", 60)), seed=int(wanted.get("seed", 1)),
    )  # fmt: skip
    if version.state == VersionState.COMPUTING and version.job:
        say(_("Plan: looking for the best change-set, job %(ref)s") % {"ref": version.job.ref})
        finish(version.job)
        version.refresh_from_db()
    else:
        say(_("Plan: the stored one answers"))
    return version


def readable(answer: dict[str, Any]) -> list[str]:
    """The answer in lines for a person."""
    lines = [
        f"{answer['city']['name']} ({answer['city']['code']})"
        + (" " + _("synthetic") if answer["city"]["synthetic"] else "")
    ]
    lines.append(_("What it has or could have:"))
    for row in answer["capacity"]:
        lines.append(f"  {row['service']:<22} {row['use']:<18} {row['capacity']:>16,.1f} {row['unit']}")
    lines.append(_("What is needed, and how it ends (served, late, no room, out of reach):"))
    for run in answer["runs"]:
        lines.append(f"  {run['ref']}  {run['scenario']}, {run['time_of_day']}")
        lines += [f"    {_('refused')}: {problem}" for problem in run.get("refused", [])]
        for row in run["services"]:
            states = "  ".join(f"{row[name]:>11,}" for name in STATES)
            lines.append(f"    {row['service']:<22} {row['need']:>11,} {row['unit']:<7} = {states}")
    plan = answer["plan"]
    if plan is None:
        return [*lines, _("No plan: no run could be computed.")]
    gap = (
        _("no bound")
        if plan["gap"] is None
        else _("proved optimal")
        if plan["status"] == "optimal"
        else _("within %(share).2f %% of the best possible") % {"share": plan["gap"] * 100}
    )
    lines.append(
        _("What to do: %(ref)s, %(count)d interventions, ¥%(cost)s of ¥%(budget)s, %(gap)s")
        % {
            "ref": plan["ref"],
            "count": len(plan["interventions"]),
            "cost": f"{plan['cost_fen'] / 100:,.0f}",
            "budget": f"{plan['budget_fen'] / 100:,.0f}",
            "gap": gap,
        }
    )
    for number, row in enumerate(plan["interventions"][:20], start=1):
        lines.append(
            f"  {number:>3} {row['kind']:<8} {row['service']:<22} {row['units']:>8,}  ¥{row['cost_fen'] / 100:>12,.0f}  +{row['people_newly_served']:>7,}"
            f"  {row['lon']:.4f} {row['lat']:.4f}  {row['name']}"
        )
    if len(plan["interventions"]) > 20:
        lines.append(_("  … and %(count)d more") % {"count": len(plan["interventions"]) - 20})
    return lines
