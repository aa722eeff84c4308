"""manage.py scenario_templates: the templates that scenarios begin from, their variants and rates."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from planning.models import Scenario
from planning.selectors.scenario_templates import templates
from planning.services.outbreaks import outbreak_course


class Command(BaseCommand):
    help = "List the scenario templates with their variants, ranges and sources."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--course", default="", help="reference of a scenario: its outbreak day by day instead"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["course"]:
            self._course(options["course"], options["json"])
            return
        if options["json"]:
            told = {"templates": [one.as_dict() for one in templates()]}
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        for template in templates():
            self.stdout.write(f"{template.code}  {template.name_en}")
            for variant in template.variants:
                source = f"  [{variant.rate_certainty}] {variant.rate_source}" if variant.rate_source else ""
                self.stdout.write(f"  {variant.code}  {variant.name_en}{source}")
                for place, fact in variant.rate_facts.items():
                    if fact.get("low") is not None:
                        self.stdout.write(f"    {place}  {fact['low']:g}–{fact['high']:g}")

    def _course(self, ref: str, as_json: bool) -> None:
        scenario = Scenario.objects.filter(ref=ref).first()
        if scenario is None:
            raise CommandError(f"there is no scenario {ref}")
        try:
            course = outbreak_course(scenario=scenario)
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        if as_json:
            self.stdout.write(json.dumps({"scenario": ref, **course}))
            return
        for row in course["days"]:
            self.stdout.write(f"day {row['day']:4d}  {row['places']:10.1f} places for 10,000 residents")
        self.stdout.write(f"peak {course['peak_per_10000']:.1f} on day {course['peak_day']}")
