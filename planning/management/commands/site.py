"""manage.py site: suggest what to build, how much and where, under a budget."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from core.services import jobs
from facilities.models import ServiceType
from planning.choices import RunState, VersionState
from planning.management.commands.score import city_named
from planning.models import Run
from planning.services import plans
from planning.services.answers import plan_answer, wait_for


class Command(BaseCommand):
    help = "Suggest a plan on finished runs: the change-set that leaves the least weighted gap within the budget."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--city", default="")
        parser.add_argument("--runs", nargs="+", required=True, metavar="REF")
        parser.add_argument("--budget-yuan", type=float, required=True)
        parser.add_argument(
            "--service", action="append", default=[], help="code; every service of the runs when not given"
        )
        parser.add_argument(
            "--kind",
            action="append",
            default=[],
            help="convert, extend, upgrade, build, stock; all when not given",
        )
        parser.add_argument("--weight", action="append", default=[], metavar="SERVICE=VALUE")
        parser.add_argument("--name", default="方案")
        parser.add_argument("--seconds", type=int, default=60, help="time limit of the solver")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument(
            "--inline", action="store_true", help="compute in this process instead of a worker"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        city = city_named(options["city"])
        chosen = list(
            Run.objects.filter(city=city, ref__in=options["runs"], state=RunState.DONE).select_related(
                "scenario"
            )
        )
        if missing := set(options["runs"]) - {run.ref for run in chosen}:
            raise CommandError(f"no finished run {', '.join(sorted(missing))}")
        try:
            weights = {part.partition("=")[0]: float(part.partition("=")[2]) for part in options["weight"]}
            version = plans.suggest_plan(
                user=None, city=city, runs=chosen, budget_fen=round(options["budget_yuan"] * 100), name=options["name"],
                services=list(ServiceType.objects.filter(code__in=options["service"])), kinds=options["kind"], weights=weights,
                time_limit_seconds=options["seconds"], seed=options["seed"],
            )  # fmt: skip
            if version.state == VersionState.COMPUTING:
                if options["inline"]:
                    jobs.perform(version.job.ref)
                wait_for(version.job, self.stderr.write)
                version.refresh_from_db()
        except ValueError:
            raise CommandError("--weight reads SERVICE=VALUE") from None
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        answer = plan_answer(version)
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        self.stdout.write(
            f"{answer['ref']}  {len(answer['interventions'])} interventions  ¥{answer['cost_fen'] / 100:,.0f} of ¥{answer['budget_fen'] / 100:,.0f}"
            f"  value {answer['value']:,.1f}  bound {answer['bound'] or 0:,.1f}  {answer['status']}"
        )
        for row in answer["interventions"]:
            self.stdout.write(
                f"  {row['kind']:<8} {row['service']:<22} {row['units']:>8,} +{row['people_newly_served']:>7,}  ¥{row['cost_fen'] / 100:>12,.0f}  {row['name']}"
            )
