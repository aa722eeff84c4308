"""manage.py plan_edit: change a plan's version by hand, or solve its question again around what is locked and banned."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import DomainError
from core.services import jobs
from planning.choices import VersionState
from planning.management.commands.plan_explain import version_named
from planning.services import plan_edits
from planning.services.answers import plan_answer, wait_for
from planning.services.explanation_words import broken_words


class Command(BaseCommand):
    help = "Make a new version: --add and --remove are measured as they are; --resolve searches again, with --lock, --ban and --free."

    def create_parser(self, prog_name: str, subcommand: str, **more: Any) -> CommandParser:
        # --version is the plan's here, not Django's
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **more)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ref", help="reference of the plan")
        parser.add_argument(
            "--version",
            dest="number",
            type=int,
            default=None,
            help="number of the version; the newest when not given",
        )
        parser.add_argument(
            "--add",
            action="append",
            default=[],
            metavar="KEY",
            help="key of an option (plan_explain, options/)",
        )
        parser.add_argument(
            "--remove",
            action="append",
            default=[],
            type=int,
            metavar="ORDER",
            help="number of an intervention",
        )
        parser.add_argument(
            "--lock", action="append", default=[], metavar="KEY", help="the next solve must hold it"
        )
        parser.add_argument(
            "--ban", action="append", default=[], metavar="KEY", help="the next solve may not hold it"
        )
        parser.add_argument(
            "--free", action="append", default=[], metavar="KEY", help="neither locked nor banned any more"
        )
        parser.add_argument("--resolve", action="store_true", help="search again from the version's plan")
        parser.add_argument("--budget-yuan", type=float, default=None)
        parser.add_argument("--seconds", type=int, default=None, help="time limit of the search")
        parser.add_argument(
            "--inline", action="store_true", help="compute in this process instead of a worker"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        version = version_named(options["ref"], options["number"])
        budget = None if options["budget_yuan"] is None else round(options["budget_yuan"] * 100)
        by_hand, asked = (
            options["add"] or options["remove"],
            options["lock"] or options["ban"] or options["free"],
        )
        if options["resolve"] and by_hand:
            raise CommandError(
                "--add and --remove are measured as they are; with --resolve use --lock and --ban"
            )
        if asked and not options["resolve"]:
            raise CommandError("--lock, --ban and --free are for --resolve")
        try:
            if options["resolve"]:
                new = plan_edits.resolve_version(
                    user=None, version=version, must=options["lock"], banned=options["ban"], free=options["free"], budget_fen=budget,
                    time_limit_seconds=options["seconds"],
                )  # fmt: skip
            else:
                new = plan_edits.edit_version(
                    user=None,
                    version=version,
                    remove=options["remove"],
                    add=options["add"],
                    budget_fen=budget,
                )
            if new.state == VersionState.COMPUTING:
                if options["inline"]:
                    jobs.perform(new.job.ref)
                wait_for(new.job, self.stderr.write)
                new.refresh_from_db()
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        answer = plan_answer(new) | {
            "version": new.number,
            "state": new.state,
            "breaks": new.facts.get("breaks") or [],
        }
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        if new.state == VersionState.NO_PLAN:
            self.stdout.write(f"{answer['ref']} version {new.number}: no plan keeps every limit")
            return
        self.stdout.write(
            f"{answer['ref']} version {new.number}  {len(answer['interventions'])} interventions  ¥{answer['cost_fen'] / 100:,.0f}"
            f"  value {answer['value']:,.1f} (was {version.value or 0:,.1f})  {answer['status']}"
        )
        for row in answer["breaks"]:
            self.stdout.write(f"  breaks {broken_words(row, new.plan.city)}")
