"""X2: a hundred scenarios, day and night, as one batch on a city of ten thousand cells: two workers against one."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import _rows
from tests.bench._database import own_database
from tests.bench._workers import Peak, workers
from tests.bench.scale import DIGEST, SERVICES, city_made, versions

__all__ = ["run", "versions"]

TARGET = 1.3
MOST_SECONDS = 30 * 60.0
MOST_BYTES = 2 << 30


def run(size: str) -> list[_rows.Row]:
    people, cells, scenarios, rounds = _rows.of(
        size, (1_500_000, 10_000, 100, 1), (300_000, 4_000, 24, 1), (60_000, 2_000, 4, 1)
    )
    mark = f"bench-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="pingji-batch-") as folder:
        # Before the settings are read: workers and this process share the queues' prefix and the artefacts.
        os.environ |= {"VAR_DIR": folder, "CACHE_PREFIX": mark}
        with own_database():
            city = city_made(Path(folder), people, cells, 0)
            made = scenarios_made(city, scenarios)
            return _measure(size, Path(folder), city, made, rounds)


def scenarios_made(city: Any, count: int) -> list[Any]:
    """Half of them everywhere with shares from 2 to 30 %, a quarter in the zones of the city's flood layer, a quarter
    there with the streets of one class closed, so that travel times are searched anew."""
    from facilities.models import ServiceType
    from planning.models import HazardLayer, Scenario

    services = list(ServiceType.objects.filter(code__in=SERVICES))
    flood = (
        HazardLayer.objects.filter(city=city, hazard="flood").first()
        or HazardLayer.objects.filter(city=city).first()
    )
    classes = list(flood.zones.values_list("klass", flat=True).distinct()) if flood else []
    found = []
    for n in range(count):
        zones = bool(classes) and n % 2 == 1
        share = round(0.02 + 0.28 * n / max(count - 1, 1), 6)
        scenario = Scenario.objects.create(
            city=city, ref=f"S-BENCH-{n}", name=f"bench {n}", hazard="flood" if zones else "earthquake",
            extent="zones" if zones else "everywhere", hazard_layer=flood if zones else None, affected_share=1,
            displaced_share=share, times_of_day=["night", "day"],
            road_rules=[{"kind": "zone", "zone_class": classes[n // 4 % len(classes)], "road_classes": ["*"], "factor": None, "hazard_layer": flood.code, "min_severity": None}]
            if zones and n % 4 == 3 else [],
        )  # fmt: skip
        scenario.services.set(services)
        found.append(Scenario.objects.get(pk=scenario.pk))
    return found


def _measure(size: str, folder: Path, city: Any, made: list[Any], rounds: int) -> list[_rows.Row]:
    seen: dict[str, Any] = {}
    peaks: list[Peak] = []

    def score(count: int) -> float:
        seconds, digest, told = _score(city, made, count, folder, peaks)
        seen.setdefault("digest", digest)
        _rows.demand(
            digest == seen["digest"], f"{count} workers wrote other rows: {digest} not {seen['digest']}"
        )
        seen[f"told {count}"] = told
        return seconds

    # The first search of a fresh installation compiles its kernels; that is nobody's speed.
    if size != _rows.TINY:
        score(2)
        peaks.clear()
    seconds = _rows.compare(
        {"two": lambda: score(2), "one": lambda: score(1)}, rounds, timed=lambda side: side()
    )
    own = max(one.anonymous for one in peaks)
    if size == _rows.FULL:
        _rows.demand(own <= MOST_BYTES, f"a worker needed {own / 2**30:.2f} GiB")
        _rows.demand(max(seconds["one"]) < MOST_SECONDS, f"one worker took {max(seconds['one']):.0f} s")
    what = (
        f"{len(made)} scenarios, night and day, {city.cells.count():,} cells, {len(SERVICES)} services, one batch: asked,"
        " searched, scored, written"
    )
    check = (
        f"the same {seen['digest'][0]:,} rows; a worker held at most {own / 2**20:.0f} MiB of its own;"
        f" one {seen['told 1']}; two {seen['told 2']}"
    )
    return [_rows.row("X2-batch", what, seconds["two"], "one worker", seconds["one"], TARGET, check)]


def _score(city: Any, made: list[Any], count: int, folder: Path, peaks: list[Peak]) -> tuple[float, Any, str]:
    """Seconds from asking to the last row of a batch that finds nothing prepared, the digest of its rows, its stages."""
    from django.db import connection

    from core.models import Job
    from planning.bridge import artefacts
    from planning.models import Batch, CellResult, Run
    from planning.services.batches import start_batch

    for name in ("reach", "snaps", "scores", "results"):
        artefacts.forget(name)
    Batch.objects.all().delete()
    CellResult.objects.all().delete()
    Run.objects.all().delete()
    with workers(count, folder) as peak:
        started = time.perf_counter()
        batch = start_batch(user=None, city=city, scenarios=made)
        asked = time.perf_counter() - started
        assert batch.job is not None
        while not Job.objects.get(pk=batch.job_id).over:
            time.sleep(0.1)
        seconds = time.perf_counter() - started
    job = Job.objects.get(pk=batch.job_id)
    _rows.demand(job.state == "done", f"the job is {job.state}: {job.error}")
    states = set(batch.runs.values_list("state", flat=True))
    _rows.demand(states == {"done"}, f"runs are {sorted(states)}")
    peaks.append(peak)
    order = list(batch.entries.order_by("position").values_list("run", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(DIGEST, [order])
        digest = cursor.fetchone()
    stages = ", ".join(f"{row['stage']} {row['seconds']} s" for row in job.result["pieces"])
    return seconds, digest, f"asked {asked:.1f} s, {stages}"
