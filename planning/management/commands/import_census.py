"""manage.py import_census FILE: people by area and year out of a table, to hold population layers against."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from core.choices import Certainty
from core.errors import DomainError, InvalidInput
from core.models import City
from planning.services.census import import_census


class Command(BaseCommand):
    help = "Import census totals from CSV or XLSX; rows of other places are left alone."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="table of areas with people")
        parser.add_argument("--city", required=True, help="code of the city")
        parser.add_argument(
            "--columns", nargs="+", required=True, metavar="FIELD=COLUMN",
            help='code or name, people, year, age_0_14_share …; quote a sum: "age_60_up_share=A + B"',
        )  # fmt: skip
        parser.add_argument("--year", type=int, help="of the census, where no column holds it")
        parser.add_argument("--source", default="")
        parser.add_argument("--certainty", default="", choices=("", *Certainty.values))
        parser.add_argument("--encoding", default="")
        parser.add_argument("--delimiter", default="")
        parser.add_argument("--sheet", default="")
        parser.add_argument("--dry-run", action="store_true", help="check and count, write nothing")
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        city = City.objects.filter(code=options["city"]).first()
        if city is None:
            raise CommandError(_("There is no city %(code)s.") % {"code": options["city"]})
        broken = [word for word in options["columns"] if "=" not in word]
        if broken:
            raise CommandError(_("Write FIELD=COLUMN, not: %(words)s.") % {"words": ", ".join(broken)})
        said = {
            name: options[name] for name in ("year", "source", "certainty", "encoding", "delimiter", "sheet")
        }
        said["columns"] = dict(word.split("=", 1) for word in options["columns"])
        try:
            done = import_census(
                user=None, city=city, path=Path(options["file"]).resolve(), options=said, dry_run=options["dry_run"]
            )  # fmt: skip
        except InvalidInput as refused:
            if options["json"]:
                told = {"refused": str(refused), "problems": [one.as_dict() for one in refused.problems]}
                self.stdout.write(json.dumps(told, ensure_ascii=False))
                raise CommandError(str(refused)) from None
            lines = [f"  {one.place()}: {one.message}" for one in refused.problems]
            raise CommandError("\n".join([str(refused), *lines])) from None
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        if options["json"]:
            self.stdout.write(json.dumps(done.as_dict(), ensure_ascii=False))
            return
        for warning in done.warnings:
            self.stdout.write(f"{_('warning')}: {warning.place()}: {warning.message}")
        years = ", ".join(map(str, done.years))
        self.stdout.write(
            f"{years}: {done.people:,} {_('people')}, {done.areas} {_('areas')} ({', '.join(done.groups)})"
        )
