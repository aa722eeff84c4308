"""manage.py standards_what_if: what a draft of standards would change, by area and service, before anybody adopts it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.choices import TimeOfDay
from core.errors import DomainError
from core.services import jobs
from planning.models import Scenario, StandardProfile
from planning.services.standards_what_if import start_what_if, what_if_answer


class Command(BaseCommand):
    help = "Compute need and gap by a draft and by what is in force, and tell the difference by area and service."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("profile", metavar="CODE", help="code of the draft")
        parser.add_argument(
            "--scenario", metavar="REF", action="append", required=True, help="may be given several times"
        )
        parser.add_argument("--time", action="append", choices=TimeOfDay.values, default=[])
        parser.add_argument("--against", metavar="CODE", help="other standards than those in force")
        parser.add_argument(
            "--level", type=int, default=2, help="of the areas: 2 district, 3 street, 4 community"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        profile = self._profile(options["profile"])
        against = self._profile(options["against"]) if options["against"] else None
        found = {
            one.ref: one
            for one in Scenario.objects.filter(ref__in=options["scenario"]).select_related("city")
        }
        if missing := [ref for ref in options["scenario"] if ref not in found]:
            raise CommandError(f"no scenario {', '.join(missing)}")
        scenarios = [found[ref] for ref in dict.fromkeys(options["scenario"])]
        if len({one.city_id for one in scenarios}) > 1:
            raise CommandError("the scenarios are of several cities")
        ask = {
            "user": None, "city": scenarios[0].city, "profile": profile, "scenarios": scenarios, "times_of_day": options["time"],
            "against": against,
        }  # fmt: skip
        try:
            adoption = start_what_if(**ask)
            for job in adoption.jobs:
                jobs.perform(job.ref)
            # Stored runs are answered now: nothing is computed twice.
            adoption = start_what_if(**ask) if adoption.jobs else adoption
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        answer = what_if_answer(adoption, user=None, level=options["level"])
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        self.stdout.write(f"{answer['profile']} beside {answer['against']}")
        for pair in answer["pairs"]:
            self.stdout.write(
                f"{pair['scenario']} {pair['time_of_day']}: {pair['state']}  {pair['before']} -> {pair['after']}"
            )
            for words in pair["refusal"]:
                self.stdout.write(f"  {words}")
            for row in [*pair["services"], *pair["areas"]]:
                self.stdout.write(
                    f"  {row.get('area', ''):<14} {row['service']:<22} need {_number(row['need_before'])} -> {_number(row['need_after'])}"
                    f"   gap {_number(row['gap_before'])} -> {_number(row['gap_after'])}   {_number(row['gap_change'], '+')}"
                )

    @staticmethod
    def _profile(code: str) -> StandardProfile:
        found = StandardProfile.objects.select_related("parent", "area").filter(code=code).first()
        if found is None:
            raise CommandError(f"no profile {code}")
        return found


def _number(value: int | None, sign: str = "") -> str:
    return f"{'-':>9}" if value is None else f"{value:>{sign}9,}"
