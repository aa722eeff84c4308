"""manage.py import_network CITY FILE: a new version of a city's roads, or everything that is wrong with the file."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from core.errors import DomainError, InvalidInput
from core.models import City
from planning.services.network_imports import FORMATS, NetworkImport, import_now


class Command(BaseCommand):
    help = "Import the roads of a city: OpenStreetMap (.osm, .osm.gz, .pbf), a table of nodes with --links, or drawn lines."
    # a long job from a script: it needs the records, not the pages
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("city", help="code of the city")
        parser.add_argument("file", help="OpenStreetMap file, drawing, or table of nodes")
        parser.add_argument("--links", help="table of links, for a table of nodes")
        parser.add_argument("--format", choices=FORMATS, default="auto")
        parser.add_argument(
            "--columns", nargs="+", default=[], metavar="FIELD=COLUMN",
            help="node, lon, lat; from, to, length, class, speed_kmh, oneway, both, walk, id",
        )  # fmt: skip
        parser.add_argument("--datum", default="", help="WGS-84, CGCS2000, GCJ-02, BD-09 or EPSG:nnnn")
        parser.add_argument(
            "--speeds", nargs="+", default=[], metavar="CLASS=KMH", help="default=30 for all others"
        )
        parser.add_argument("--profile", default="", help="speed profile for roads without a speed")
        parser.add_argument("--length-unit", default="", choices=("", "m", "km"))
        parser.add_argument("--drop", nargs="+", default=[], metavar="CLASS", help="classes to leave out")
        parser.add_argument(
            "--walk-only", nargs="+", default=[], metavar="CLASS", help="classes for walkers only"
        )
        parser.add_argument(
            "--no-walk", nargs="+", default=[], metavar="CLASS", help="classes without walkers"
        )
        parser.add_argument("--oneway", action="store_true", help="each link runs one way")
        parser.add_argument("--encoding", default="")
        parser.add_argument("--source", default="")
        parser.add_argument("--dry-run", action="store_true", help="check and count, write nothing")
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        city = City.objects.filter(code=options["city"]).first()
        if city is None:
            raise CommandError(f"there is no city {options['city']}")
        silent = options["json"]
        try:
            done = import_now(
                user=None, city=city, path=Path(options["file"]).resolve(),
                links_path=Path(options["links"]).resolve() if options["links"] else None, options=_chosen(options),
                dry_run=options["dry_run"], say=None if silent else lambda _share, words: self.stderr.write(words),
            )  # fmt: skip
        except InvalidInput as refused:
            if silent:
                problems = [problem.as_dict() for problem in refused.problems]
                said = {"refused": str(refused), "problems": problems}
                self.stdout.write(json.dumps(said, ensure_ascii=False))
                raise CommandError(str(refused)) from None
            lines = [f"  {problem.place()}: {problem.message}" for problem in refused.problems]
            raise CommandError("\n".join([str(refused), *lines])) from None
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        if silent:
            self.stdout.write(json.dumps(done.as_dict(), ensure_ascii=False))
        else:
            self._print(done)

    def _print(self, done: NetworkImport) -> None:
        for warning in done.warnings:
            self.stdout.write(f"{_('warning')}: {warning.place()}: {warning.message}")
        for name, facts in done.facts["classes"].items():
            speed = "" if facts["mean_kmh"] is None else f"{facts['mean_kmh']:>6.1f} km/h"
            self.stdout.write(f"{name or '—':<20} {facts['streets']:>8,}  {facts['km']:>10,.1f} km  {speed}")
        what = (
            _("checked, nothing written")
            if done.network is None
            else f"{done.network.ref}, {_('version')} {done.network.version}"
        )
        facts = done.facts
        self.stdout.write(
            f"{done.city.name} {done.city.name_en}: {what}: {facts['nodes']:,} {_('nodes')}, {facts['streets']:,} {_('streets')},"
            f" {facts['islands']:,} {_('islands')}"
        )


def _chosen(options: dict[str, Any]) -> dict[str, Any]:
    walk = {"only": options["walk_only"], "never": options["no_walk"]}
    return {
        "format": options["format"],
        "columns": _pairs(options["columns"]),
        "datum": options["datum"],
        "speeds_kmh": {name: _number(value) for name, value in _pairs(options["speeds"]).items()},
        "profile": options["profile"],
        "length_unit": options["length_unit"],
        "drop": options["drop"],
        "walk": {name: classes for name, classes in walk.items() if classes},
        "oneway": options["oneway"] or None,
        "encoding": options["encoding"],
        "source": options["source"],
    }


def _pairs(words: list[str]) -> dict[str, str]:
    broken = [word for word in words if "=" not in word]
    if broken:
        raise CommandError(f"write FIELD=COLUMN, not {', '.join(broken)}")
    return dict(word.split("=", 1) for word in words)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
