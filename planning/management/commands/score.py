"""manage.py score: run scenarios under the default standards and print what falls short, and how sure that is."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.choices import TimeOfDay
from core.errors import DomainError
from core.models import City
from core.selectors.cities import latest_city
from core.services import jobs
from planning.choices import AnalysisKind, Assignment, RunState
from planning.models import Analysis, Run, Scenario, SpeedProfile, StandardProfile
from planning.services import runs
from planning.services.analyses import start_analysis
from planning.services.analysis_answers import analysis_answer, analysis_lines, ranges_answer
from planning.services.analysis_range import SEED
from planning.services.answers import run_answer, wait_for


def city_named(code: str) -> City:
    city = City.objects.filter(code=code).first() if code else latest_city()
    if city is None:
        raise CommandError(f"there is no city {code}".strip())
    return city


class Command(BaseCommand):
    help = (
        "Score scenarios of a city: need and its four states. Stored runs are answered, not computed again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--city", default="", help="code; the city loaded last when empty")
        parser.add_argument("--scenario", default="", help="reference or code; every scenario when empty")
        parser.add_argument(
            "--time", choices=TimeOfDay.values, help="every time of the scenario when not given"
        )
        parser.add_argument("--assignment", choices=Assignment.values, default=Assignment.NEAREST)
        parser.add_argument(
            "--profile", default="", help="code of the standards; the default ones when empty"
        )
        parser.add_argument("--speeds", default="", help="code of the speeds; the default ones when empty")
        parser.add_argument(
            "--inline", action="store_true", help="compute in this process instead of a worker"
        )
        parser.add_argument(
            "--draws",
            type=int,
            default=0,
            help="ranges too: how often the uncertain inputs are drawn, like 1000",
        )
        parser.add_argument(
            "--seed", type=int, default=SEED, help="of the draws; the same gives the same answer"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        city = city_named(options["city"])
        scenarios = Scenario.objects.filter(city=city).order_by("ref")
        if wanted := options["scenario"]:
            scenarios = scenarios.filter(ref=wanted) | scenarios.filter(code=wanted)
        if not scenarios:
            raise CommandError("there is no such scenario")
        profile = StandardProfile.objects.filter(code=options["profile"]).first()
        if options["profile"] and profile is None:
            raise CommandError(f"there are no standards {options['profile']}")
        speeds = SpeedProfile.objects.filter(code=options["speeds"]).first()
        if options["speeds"] and speeds is None:
            raise CommandError(f"there are no speeds {options['speeds']}")
        found: list[Run] = []
        try:
            for scenario in scenarios:
                made, job = runs.start_runs(
                    user=None, city=city, scenario=scenario, times_of_day=[options["time"]] if options["time"] else (),
                    profile=profile, assignment=options["assignment"], speed_profile=speeds,
                )  # fmt: skip
                if job is not None and options["inline"]:
                    jobs.perform(job.ref)
                if job is not None:
                    wait_for(job, self.stderr.write)
                found += Run.objects.filter(pk__in=[run.pk for run in made]).select_related("scenario")
            ranges = self._ranges(found, options) if options["draws"] else []
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        answers = [run_answer(run) for run in found]
        if options["json"]:
            told: dict[str, Any] = {"city": city.code, "runs": answers}
            if options["draws"]:
                told |= ranges_answer(ranges)
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        for answer in answers:
            self.stdout.write(f"{answer['ref']}  {answer['scenario']}, {answer['time_of_day']}")
            for problem in answer.get("refused", []):
                self.stdout.write(f"  refused: {problem}")
            for row in answer["services"]:
                self.stdout.write(
                    f"  {row['service']:<22} need {row['need']:>11,}  served {row['served']:>11,}  late {row['late']:>9,}"
                    f"  no room {row['no_room']:>9,}  out of reach {row['out_of_reach']:>9,}  {row['unit']}"
                )
        for analysis in ranges:
            for line in analysis_lines(analysis_answer(analysis)):
                self.stdout.write(line)

    def _ranges(self, found: list[Run], options: dict[str, Any]) -> list[Analysis]:
        """The range of every finished run, computed like the runs themselves."""
        asked = []
        for run in found:
            if run.state != RunState.DONE:
                continue
            params = {"draws": options["draws"], "seed": options["seed"]}
            analysis, job = start_analysis(user=None, run=run, kind=AnalysisKind.RANGE, params=params)
            if job is not None and options["inline"]:
                jobs.perform(job.ref)
            asked.append((analysis, job))
        for analysis, job in asked:
            if job is not None:
                wait_for(job, self.stderr.write)
            analysis.refresh_from_db()
        return [analysis for analysis, _job in asked]
