"""manage.py solve_location: classic location models on standard benchmark files, each answer with its proof."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError, InvalidInput
from planning.importers.location_files import FORMATS
from planning.services.location import ALIASES, MODELS, solve_file


class Command(BaseCommand):
    help = "Solve a classic location model on a file of OR-Library, a table of costs, or places."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--format", required=True, choices=FORMATS)
        parser.add_argument("--model", required=True, choices=[*MODELS, *ALIASES], metavar="|".join(MODELS))
        parser.add_argument("--p", type=int, help="number of sites; what the file says when it says so")
        parser.add_argument("--sites", type=Path, help="places of the sites, for --format points")
        parser.add_argument(
            "--limit", "--radius", type=float, help="a site covers what it serves at no more than this cost"
        )
        parser.add_argument("--cutoff", type=float, help="p-median: nobody is served at more than this cost")
        parser.add_argument(
            "--penalty", type=float, help="p-median: cost of whoever is not served; the cutoff by default"
        )
        parser.add_argument("--share", type=float, help="share of the weight to cover, for partial-cover")
        parser.add_argument(
            "--twice", type=float, default=0.5, help="worth of the second cover, for backup-cover"
        )
        parser.add_argument("--capacity", type=float, help='where the file says the word "capacity"')
        parser.add_argument(
            "--seconds", type=float, default=300.0, help="stop then with the best and its bound"
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("sites", "p", "limit", "cutoff", "penalty", "share", "twice", "capacity", "seconds", "seed")
        try:
            answer = solve_file(
                path=options["file"], file_format=options["format"], model=options["model"],
                **{name: options[name] for name in names},
            )  # fmt: skip
        except InvalidInput as refused:
            lines = [f"{problem.file}: {problem.message}" for problem in refused.problems]
            raise CommandError("\n".join([str(refused.message), *lines])) from None
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        self.stdout.write(f"{answer['model']}: {answer['status']}, by {answer['bound_source']}")
        self.stdout.write(f"  value {answer['value']}  bound {answer['bound']}  gap {answer['gap']}")
        self.stdout.write(f"  sites {', '.join(map(str, answer['sites']))}")
        self.stdout.write(
            f"  {answer['seconds']} s, seed {answer['seed']}, engine {answer['engine_version']}"
        )
