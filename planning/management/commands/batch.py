"""manage.py batch: many scenarios as one job, ranked by what falls short."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.choices import JobState, TimeOfDay
from core.errors import DomainError
from core.models import City, Job
from core.services import jobs
from planning.choices import Assignment, RunState
from planning.management.commands.score import city_named
from planning.models import Batch, Scenario, SpeedProfile, StandardProfile
from planning.selectors.batches import MEASURES
from planning.services.answers import wait_for
from planning.services.batch_answers import batch_answer
from planning.services.batches import start_batch
from planning.services.sweeps import Sweep, sweep_named


class Command(BaseCommand):
    help = (
        "Score many scenarios of a city as one job and rank them. Stored runs are answered, not computed again;"
        " a scenario that lacks a rate is listed with what is missing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--city", default="", help="code; the city loaded last when empty")
        chosen = parser.add_mutually_exclusive_group()
        chosen.add_argument("--scenarios", default="", help="references or codes, with commas between")
        chosen.add_argument("--all", action="store_true", help="every scenario of the city; the default")
        chosen.add_argument(
            "--sweep",
            default="",
            metavar="REF:NUMBER:FROM:TO:STEPS",
            help="one number of a scenario in steps, like S-00001:displaced_share:0.05:0.30:6",
        )
        parser.add_argument("--times", default="", help="like day,night; those of each scenario when empty")
        parser.add_argument("--name", default="")
        parser.add_argument(
            "--profile", default="", help="code of the standards; the default ones when empty"
        )
        parser.add_argument("--speeds", default="", help="code of the speeds; the default ones when empty")
        parser.add_argument("--assignment", choices=Assignment.values, default=Assignment.NEAREST)
        parser.add_argument("--service", default="", help="rank by this service; by mean coverage when empty")
        parser.add_argument("--measure", choices=MEASURES, default="gap", help="what to rank by")
        parser.add_argument(
            "--inline", action="store_true", help="compute in this process instead of a worker"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        city = city_named(options["city"])
        try:
            batch = start_batch(
                user=None, city=city, name=options["name"], times_of_day=self._times(options["times"]),
                profile=self._one(StandardProfile, options["profile"], "standards"),
                speed_profile=self._one(SpeedProfile, options["speeds"], "speeds"),
                assignment=options["assignment"], **self._chosen(city, options),
            )  # fmt: skip
            self._wait(batch, options["inline"])
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        batch.refresh_from_db()
        answer = batch_answer(batch, user=None, service=options["service"], measure=options["measure"])
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        self._say(answer)

    def _chosen(self, city: City, options: dict[str, Any]) -> dict[str, Any]:
        if options["sweep"]:
            return {"sweep": self._sweep(city, options["sweep"])}
        return {"scenarios": self._scenarios(city, options["scenarios"])}

    def _sweep(self, city: City, words: str) -> Sweep:
        ref, _colon, rest = words.partition(":")
        return sweep_named(self._scenarios(city, ref)[0], rest)

    def _scenarios(self, city: City, words: str) -> list[Scenario]:
        known = list(Scenario.objects.filter(city=city).select_related("hazard_layer").order_by("ref"))
        if not words:
            return known
        by_name = {one.code: one for one in known if one.code} | {one.ref: one for one in known}
        named = [word.strip() for word in words.split(",") if word.strip()]
        if missing := [word for word in named if word not in by_name]:
            raise CommandError(f"there is no scenario {', '.join(missing)}")
        return [by_name[word] for word in named]

    def _times(self, words: str) -> list[str]:
        times = [word.strip() for word in words.split(",") if word.strip()]
        if unknown := set(times) - set(TimeOfDay.values):
            raise CommandError(f"--times knows {', '.join(TimeOfDay.values)}, not {', '.join(unknown)}")
        return times

    def _one(self, model: Any, code: str, what: str) -> Any:
        found = model.objects.filter(code=code).first() if code else None
        if code and found is None:
            raise CommandError(f"there are no {what} {code}")
        return found

    def _wait(self, batch: Batch, inline: bool) -> None:
        """For the batch's own job, then for other jobs that have runs of it in hand."""
        if batch.job is not None and inline:
            jobs.perform(batch.job.ref)
        own = [batch.job] if batch.job is not None else []
        others = Job.objects.filter(
            runs__batches=batch, runs__state=RunState.WAITING, state__in=[JobState.QUEUED, JobState.RUNNING]
        )
        for job in [*own, *others.exclude(pk__in=[one.pk for one in own]).distinct()]:
            wait_for(job, self.stderr.write)

    def _say(self, answer: dict[str, Any]) -> None:
        counts = ", ".join(f"{count} {state}" for state, count in answer["counts"].items() if count)
        self.stdout.write(f"{answer['ref']}  {answer['name']}: {counts}")
        for row in answer["rows"]:
            value = "" if row["value"] is None else f"  {row['value']:g}"
            rank = "—" if row["rank"] is None else str(row["rank"])
            self.stdout.write(
                f"{rank:>4}  {row['run']}  {row['name_en'] or row['name']}, {row['time_of_day']}{value}"
            )
            for problem in row["missing"]:
                self.stdout.write(f"        refused: {problem}")
            for one in row["services"]:
                share = "—" if one["coverage"] is None else f"{one['coverage']:.1%}"
                self.stdout.write(
                    f"        {one['service']:<22} need {one['need']:>11,}  gap {one['gap']:>11,}  coverage {share:>6}"
                    f"  worst {one['worst_area'] or '—'}"
                )
