"""manage.py make_city DIR: write a believable synthetic city as a city pack."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from planning.services.synthetic_city import make_city


class Command(BaseCommand):
    help = "Write a seeded synthetic city as a city pack into DIR. The same people, seed and cells give the same bytes."
    # a long job from a script: it needs the records, not the pages
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR")
        parser.add_argument("--people", type=int, default=3_000_000)
        parser.add_argument("--seed", type=int, default=7)
        parser.add_argument("--cells", type=int, default=None)
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = make_city(
                folder=options["folder"],
                people=options["people"],
                seed=options["seed"],
                cells=options["cells"],
            )
        except DomainError as refused:
            raise CommandError(str(refused)) from None
        if options["json"]:
            self.stdout.write(json.dumps(made, ensure_ascii=False))
        else:
            for name, count in made.items():
                self.stdout.write(
                    f"{name:<14} {count:,}" if isinstance(count, int) else f"{name:<14} {count}"
                )
