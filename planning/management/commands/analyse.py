"""manage.py analyse: ask a finished run more than its four states."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from core.services import jobs
from planning.choices import AnalysisKind, RunState
from planning.models import Run
from planning.services.analyses import start_analysis
from planning.services.analysis_answers import analysis_answer, analysis_lines
from planning.services.answers import wait_for


class Command(BaseCommand):
    help = (
        "Analyse a run: coverage by hour after activation, loss of each facility, backup, accessibility, fairness, range."
        " A stored answer with the same settings is given, not computed again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help="reference of a finished run")
        parser.add_argument(
            "kind", metavar="KIND", choices=AnalysisKind.values, help=", ".join(AnalysisKind.values)
        )
        parser.add_argument("--hours", help="hours: those to keep, like 1,6,24,72")
        parser.add_argument("--share", type=float, help="hours: the share whose hour is looked for, like 0.9")
        parser.add_argument(
            "--pairs", type=int, help="loss: among how many of the worst every two are lost together"
        )
        parser.add_argument("--method", help="access: gaussian, e2sfca or 2sfca")
        parser.add_argument("--catchment", type=float, help="access: as a share of the reach, 0.05 to 1")
        parser.add_argument("--beta", type=float, help="access: of the Gaussian")
        parser.add_argument(
            "--zones", help="access: EDGE:WEIGHT pairs of E2SFCA, like 0.33:1,0.67:0.68,1:0.22"
        )
        parser.add_argument("--draws", type=int, help="range: how often the uncertain inputs are drawn")
        parser.add_argument("--seed", type=int, help="range: the same seed gives the same answer")
        parser.add_argument("--worst", type=float, help="equity: the share of need looked at as worst served")
        parser.add_argument(
            "--inline", action="store_true", help="compute in this process instead of a worker"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        run = (
            Run.objects.filter(ref=options["run"], state=RunState.DONE)
            .select_related("city", "scenario")
            .first()
        )
        if run is None:
            raise CommandError(f"no finished run {options['run']}")
        try:
            analysis, job = start_analysis(
                user=None, run=run, kind=options["kind"], params=self._params(options)
            )
            if job is not None and options["inline"]:
                jobs.perform(job.ref)
            if job is not None:
                wait_for(job, self.stderr.write)
            analysis.refresh_from_db()
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        answer = analysis_answer(analysis)
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        for line in analysis_lines(answer):
            self.stdout.write(line)

    def _params(self, options: dict[str, Any]) -> dict[str, Any]:
        """What was named; the rest takes the kind's defaults, and what the kind has not is refused by the service."""
        found = {
            name: options[name]
            for name in ("share", "pairs", "method", "catchment", "beta", "worst", "draws", "seed")
            if options[name] is not None
        }
        try:
            if options["hours"]:
                found["hours"] = [float(word) for word in options["hours"].split(",")]
            if options["zones"]:
                found["zones"] = [
                    [float(word) for word in pair.split(":")] for pair in options["zones"].split(",")
                ]
        except ValueError:
            raise CommandError(
                "--hours reads numbers with commas between, --zones EDGE:WEIGHT pairs"
            ) from None
        return found
