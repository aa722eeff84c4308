"""manage.py plan_areas: a plan's version by area and service."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from planning.management.commands.plan_compare import version_named
from planning.services.plan_answers import area_answer


class Command(BaseCommand):
    help = "Tell a plan's version by run, service and area: gap before and with the plan, what is closed, and for how much."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "version", metavar="REF[:NUMBER]", help="like P-2026-0001:2; the newest when no number stands"
        )
        parser.add_argument("--run", default="", help="only this run of the baseline")
        parser.add_argument("--service", default="", help="only this service")
        parser.add_argument(
            "--level", type=int, choices=[2, 3], help="only districts (2) or streets (3), with the totals"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        version = version_named(options["version"])
        try:
            rows = area_answer(
                version, user=None, run=options["run"], service=options["service"], level=options["level"]
            )
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        if options["json"]:
            told = {"plan": version.plan.ref, "version": version.number, "rows": rows}
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        for row in rows:
            where = row["name_en"] or row["name"] or row["row"]
            after = "—" if row["gap_after"] is None else f"{row['gap_after']:,}"
            closed = "—" if row["closed"] is None else f"{row['closed']:,}"
            self.stdout.write(
                f"{row['run']}  {row['service']:<22} {where:<32} gap {row['gap_before']:>10,} -> {after:>10}  closed {closed:>9}"
                f"  {row['interventions']:>4} for {row['cost_fen'] / 100:,.0f} yuan"
            )
