"""The first stage of a scoring: every travel time it needs, searched once, by every worker that has a hand free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import Job
from core.services import shards
from core.services.jobs import Progress
from planning.bridge import artefacts
from planning.bridge.asked import frozen_of, question_of
from planning.bridge.reach import refuse_if_too_large, searches_of
from planning.bridge.searches import Search, Sweep, cells_snap, snap_name, sweeps_of
from planning.models import Run

SNAP, REACH, JOIN = "snap", "reach", "join"


def _searches(run: Run) -> dict[str, Search]:
    return searches_of(frozen_of(run), question_of(run))


def _searches_of_ref(ref: str) -> dict[str, Search]:
    return _searches(Run.objects.select_related("snapshot").get(ref=ref))


def prepare(job: Job, progress: Progress, runs: Sequence[Run], from_share: float, to_share: float) -> None:
    """Store every reach these runs (with a snapshot, saved) need and that is not stored yet. Raises DomainError when
    one would be larger than a worker can hold."""
    wanted: dict[str, tuple[Run, str, Search]] = {}
    for run in runs:
        for code, search in _searches(run).items():
            wanted.setdefault(search.name, (run, code, search))
    progress(from_share, str(_("Looking for travel times that are known")), at_once=True)
    sweeps = sweeps_of(search for _run, _code, search in wanted.values())
    if not sweeps:
        return
    for sweep in sweeps:
        for search in sweep.searches:
            refuse_if_too_large(search)
    part = (to_share - from_share) / 10
    _snap(job, progress, [wanted[one.searches[0].name] for one in sweeps], from_share, from_share + part)
    told: list[dict[str, Any]] = []
    for sweep in sweeps:
        asked = [[wanted[one.name][0].ref, wanted[one.name][1]] for one in sweep.searches]
        told += [{"asked": asked, "size": sweep.block, "block": block} for block in range(sweep.blocks)]
    # Blocks of different sweeps take turns, so that the last of the largest does not keep everybody waiting.
    told.sort(key=lambda one: one["block"])
    words = str(_("Travel times: %(done)d of %(all)d blocks"))
    shards.work_out(job, progress, REACH, told, REACH, from_share + part, to_share - part, words)
    joins = [
        {"asked": [[wanted[one.name][0].ref, wanted[one.name][1]] for one in sweep.searches], "size": sweep.block, "number": n}
        for sweep in sweeps
        for n in range(len(sweep.searches))
    ]  # fmt: skip
    words = str(_("Putting travel times together: %(done)d of %(all)d"))
    shards.work_out(job, progress, JOIN, joins, JOIN, to_share - part, to_share, words)


def _snap(
    job: Job,
    progress: Progress,
    asked: Sequence[tuple[Run, str, Search]],
    from_share: float,
    to_share: float,
) -> None:
    """Where the cells enter the network, once for walkers and once for drivers."""
    snaps: dict[str, dict[str, Any]] = {}
    for run, code, search in asked:
        if search.roads is not None:
            name = snap_name(search.frozen, search.roads.network_sha, search.mode)
            if not artefacts.exists(name):
                snaps.setdefault(name, {"run": run.ref, "service": code})
    words = str(_("Finding the streets people enter by"))
    shards.work_out(job, progress, SNAP, list(snaps.values()), SNAP, from_share, to_share, words)


def _sweep_of(params: dict[str, Any]) -> Sweep:
    """The same sweep as the parent cut, from the runs and services it names."""
    searches: list[Search] = []
    known: dict[str, dict[str, Search]] = {}
    for ref, code in params["asked"]:
        if ref not in known:
            known[ref] = _searches_of_ref(ref)
        searches.append(known[ref][code])
    return Sweep(searches, params["size"])


@shards.kind(SNAP, _("Streets people enter by"))
def snap(params: dict[str, Any], check: shards.Check) -> dict[str, Any]:
    search = _searches_of_ref(params["run"])[params["service"]]
    assert search.roads is not None
    cells_snap(search.frozen, search.roads.network_sha, search.mode)
    return {}


@shards.kind(REACH, _("Travel times"))
def reach(params: dict[str, Any], check: shards.Check) -> dict[str, Any]:
    return {"pairs": _sweep_of(params).do(params["block"], shards.engine_threads())}


@shards.kind(JOIN, _("Putting travel times together"))
def join(params: dict[str, Any], check: shards.Check) -> dict[str, Any]:
    sweep = _sweep_of(params)
    sweep.put_together(sweep.searches[params["number"]], shards.engine_threads())
    return {}
