"""The second stage of a scoring: who goes where, one service of one run a piece.

What the assignment of a service depends on is known before any of them starts (which roles count is settled by the need
of all services, not by their assignments), so the pieces are independent and joined they are the score of the whole
world, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from core.models import Job
from core.services import shards
from core.services.jobs import Progress
from engine import ENGINE_VERSION
from engine.coverage import joined_score, role_supply, score_service
from engine.tally import ServiceTally
from engine.world import Score
from planning.bridge import artefacts
from planning.bridge.asked import frozen_of, question_of
from planning.bridge.reach import searches_of
from planning.bridge.stored_bands import stored_bands
from planning.bridge.world import Situation, build_situation
from planning.choices import Assignment
from planning.models import Run

ASSIGN = "assign"
# Pairs of one service's assignment in memory: nearest-first takes about 35 bytes each, and goes on in bands beyond.
MOST_PAIRS_AT_ONCE = 60_000_000
MOST_PAIRS_BEST = 200_000_000
_Part = tuple[np.ndarray, np.ndarray, ServiceTally, bool]
_last: dict[str, Situation] = {}


def situation_kept(run: Run) -> Situation:
    """The world of a run; the last one asked for stays in this process for the next service of the same run."""
    key = f"{run.params_sha256} {run.snapshot_id}"
    if key not in _last:
        _last.clear()
        _last[key] = build_situation(frozen_of(run), question_of(run))
    return _last[key]


def forget_situation() -> None:
    """Give the memory back."""
    _last.clear()


def assign_in_pieces(
    job: Job, progress: Progress, runs: Sequence[Run], from_share: float, to_share: float
) -> None:
    """Find who goes where for every service of these runs, with every worker that has a hand free, and keep it."""
    told = [{"run": run.ref, "service": k} for run in runs for k in range(len(run.standards_frozen))]
    words = str(_("Assigning people: %(done)d of %(all)d"))
    shards.work_out(job, progress, ASSIGN, told, ASSIGN, from_share, to_share, words)


@shards.kind(ASSIGN, _("Assigning people"))
def assign(params: dict[str, Any], check: shards.Check) -> dict[str, Any]:
    run = Run.objects.select_related("snapshot").get(ref=params["run"])
    name = _name(run, params["service"])
    if not artefacts.exists(name):
        _keep(name, _score(run, params["service"]))
    return {}


def _score(run: Run, k: int) -> _Part:
    """Who goes where for one service; what does not fit into memory is looked at band by band, or refused."""
    situation = situation_kept(run)
    world = situation.world
    supply, _reason = role_supply(world)
    counts = (world.supply.role_service == k) & (supply > 0)
    pairs = int(np.diff(world.reach[k].indptr)[world.supply.role_site[counts]].sum())
    if run.assignment == Assignment.BEST and pairs > MOST_PAIRS_BEST:
        words = _(
            "The best possible assignment would weigh %(pairs)d million pairs of places and cells, more than the"
            " %(most)d million a worker can hold. Assign people to the nearest, set a shorter reach, or load the people in"
            " larger cells."
        )
        facts = {"pairs": round(pairs / 1e6), "most": MOST_PAIRS_BEST // 10**6}
        raise DomainError("assignment-too-large", words % facts)
    if run.assignment == Assignment.NEAREST and pairs > MOST_PAIRS_AT_ONCE:
        standard = situation.standards[k]
        search = searches_of(situation.frozen, situation.question)[standard["service"]]
        bands = stored_bands(world.reach[k], search.name, world.demand.cells, search.limit)
        reach: list[Any] = [*world.reach]
        reach[k] = bands
        world = replace(world, reach=tuple(reach))
    return score_service(world, k, run.assignment)


def scored(run: Run) -> tuple[Situation, Score]:
    """The world of a run and its score, joined from the pieces; one that is missing is worked out here."""
    situation = situation_kept(run)
    world = situation.world
    parts, minimised = [], run.assignment == "best"
    for k in range(world.services):
        try:
            part = _load(_name(run, k))
        except FileNotFoundError:
            part = _score(run, k)
        parts.append(part[:3])
        minimised &= part[3]
    supply, reason = role_supply(world)
    return situation, joined_score(world, supply, reason, parts, run.assignment, minimised)


def forget_pieces(run: Run) -> None:
    artefacts.forget(f"scores/{run.params_sha256}")


def _name(run: Run, service: int) -> str:
    return f"scores/{run.params_sha256}/{ENGINE_VERSION}-{service}"


def _keep(name: str, part: _Part) -> None:
    role, special, tally, minimised = part
    fields = tally._asdict()
    meta = {"travel": fields.pop("travel"), "minimised": bool(minimised)}
    # A cell needs fewer than two thousand million units: half the bytes.
    fields["states"] = fields["states"].astype(np.int32)
    if fields["special"] is None:
        fields.pop("special")
    else:
        fields["special"] = fields["special"].astype(np.int32)
    artefacts.keep(name, fields | {"role": role, "is_special": special}, meta)


def _load(name: str) -> _Part:
    arrays, meta = artefacts.load(name)
    fields: dict[str, Any] = {key: arrays.get(key) for key in ServiceTally._fields if key != "travel"}
    tally = ServiceTally(travel=meta["travel"], **fields)
    return arrays["role"], arrays["is_special"], tally, meta["minimised"]
