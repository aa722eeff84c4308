"""manage.py load_city PATH: load a city pack, or list everything that is wrong with it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from core.errors import InvalidInput
from planning.services.city_packs import LoadReport, load_city


class Command(BaseCommand):
    help = "Load a city pack: PATH is a folder with city.toml, or the file itself."
    # a long job from a script: it needs the records, not the pages
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path")
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        say = (lambda _text: None) if options["json"] else (lambda text: self.stderr.write(text))
        try:
            report = load_city(path=options["path"], say=say)
        except InvalidInput as refused:
            if options["json"]:
                problems = [problem.as_dict() for problem in refused.problems]
                self.stdout.write(
                    json.dumps({"refused": str(refused), "problems": problems}, ensure_ascii=False)
                )
                raise CommandError(str(refused)) from None
            lines = [f"  {problem.place()}: {problem.message}" for problem in refused.problems]
            raise CommandError("\n".join([str(refused), *lines])) from None
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict(), ensure_ascii=False))
        else:
            self._print(report)

    def _print(self, report: LoadReport) -> None:
        for warning in report.warnings:
            self.stdout.write(f"{_('warning')}: {warning.place()}: {warning.message}")
        for layer in report.layers:
            shift = "" if layer.median_shift_m is None else f"  {layer.median_shift_m:.0f} m"
            state = f"{layer.rows:>9,}  {layer.state:<9}  {layer.seconds:>6.2f} s"
            self.stdout.write(f"{layer.name:<24} {layer.kind:<12} {state}  {layer.datum:<8}{shift}")
        self.stdout.write(f"{report.city.name} {report.city.name_en}: {report.message}")
