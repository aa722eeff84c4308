"""manage.py scenario_templates: the templates that scenarios begin from, their variants and rates."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from planning.selectors.scenario_templates import templates


class Command(BaseCommand):
    help = "List the scenario templates with their variants, ranges and sources."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
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
