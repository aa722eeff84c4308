"""manage.py front: trade-offs of a plan version; with --pick, make a version of one of the plans found."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from core.services import jobs
from planning.choices import VersionState
from planning.management.commands.plan_phase import fen, version_named
from planning.services import fronts
from planning.services.answers import plan_answer, wait_for
from planning.services.front_answers import front_answer


class Command(BaseCommand):
    help = "Plans between cost, coverage, fairness and peacetime value, none beaten by another, under a proven ceiling."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plan", metavar="REF")
        parser.add_argument("--number", type=int, help="version; the newest when not given")
        parser.add_argument(
            "--budget-yuan", default="", help="largest budget looked at; the version's when not given"
        )
        parser.add_argument("--seconds", type=int, default=120, help="time limit of the search")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument(
            "--pick", type=int, metavar="POINT", help="make a draft version of this plan of the front"
        )
        parser.add_argument(
            "--inline", action="store_true", help="compute in this process instead of a worker"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        version = version_named(options["plan"], options["number"])
        try:
            front = fronts.start_front(
                user=None, version=version, budget_fen=fen(options["budget_yuan"]) if options["budget_yuan"] else None,
                time_limit_seconds=options["seconds"], seed=options["seed"],
            )  # fmt: skip
            self._wait(front, VersionState.COMPUTING, options["inline"])
            if options["pick"] is not None:
                made = fronts.pick_point(user=None, front=front, point=options["pick"])
                self._wait(made, VersionState.COMPUTING, options["inline"])
                answer = plan_answer(made)
                said = f"{made.plan.ref} version {made.number}: {made.interventions.count()} interventions"
                self.stdout.write(json.dumps(answer, ensure_ascii=False) if options["json"] else said)
                return
        except ValueError:
            raise CommandError("--budget-yuan reads a number") from None
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        if options["json"]:
            self.stdout.write(json.dumps(front_answer(front), ensure_ascii=False))
            return
        for one in front.points:
            share = (
                ""
                if one["worst_share"] is None
                else f"  worst {one['worst_share']:.1%} in {one['worst_area']}"
            )
            self.stdout.write(
                f"{one['number']:>3}  ¥{one['cost_fen'] / 100:>14,.0f}  {one['value']:>12,.1f} of at most {one['bound']:>12,.1f}"
                f"  {len(one['keys']):>4} places  peacetime ¥{one['peacetime_fen_year'] / 100:,.0f}{share}"
            )

    def _wait(self, row: Any, waiting: str, inline: bool) -> None:
        if row.state == waiting and row.job:
            if inline:
                jobs.perform(row.job.ref)
            wait_for(row.job, self.stderr.write)
            row.refresh_from_db()
