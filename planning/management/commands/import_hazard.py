"""manage.py import_hazard FILE: a hazard layer of a city out of polygons or a raster, or everything that is wrong with it."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from core.choices import Certainty
from core.errors import DomainError, InvalidInput
from core.models import City
from facilities.choices import Hazard
from planning.services.hazard_imports import HazardImport, import_now


class Command(BaseCommand):
    help = "Import a hazard layer: polygons with a class, or a raster (GeoTIFF, ASCII grid) with --cut-off."
    # a long job from a script: it needs the records, not the pages
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file", help="GeoJSON, GeoPackage or Shapefile of polygons; GeoTIFF or ASCII grid"
        )
        parser.add_argument("--city", required=True, help="code of the city")
        parser.add_argument("--code", required=True, help="code of the layer; one that exists is replaced")
        parser.add_argument("--hazard", required=True, choices=Hazard.values)
        parser.add_argument("--datum", default="", help="WGS-84, CGCS2000, GCJ-02, BD-09 or EPSG:nnnn")
        parser.add_argument("--class-column", default="", help="of polygons: the column of the class")
        parser.add_argument("--severity-column", default="", help="of polygons: the column of the severity")
        parser.add_argument(
            "--severity", nargs="+", default=[], metavar="CLASS=N", help="of polygons: severity by class"
        )
        parser.add_argument(
            "--cut-off",
            action="append",
            default=[],
            metavar="CLASS:FROM:SEVERITY",
            help="of a raster; once for each class",
        )
        parser.add_argument("--band", type=int, help="of a raster; 1 when left out")
        parser.add_argument("--nodata", type=float, help="of a raster: a further value that means no value")
        parser.add_argument("--simplify-m", type=float, help="of a raster: how far edges may move, m")
        parser.add_argument("--unit", default="", help="unit of a raster's values")
        parser.add_argument("--layer", default="", help="layer of a GeoPackage")
        parser.add_argument("--encoding", default="")
        parser.add_argument("--name", default="")
        parser.add_argument("--name-en", default="")
        parser.add_argument("--return-period", type=int, metavar="YEARS")
        parser.add_argument("--source", default="")
        parser.add_argument("--licence", default="")
        parser.add_argument("--certainty", default="", choices=("", *Certainty.values))
        parser.add_argument("--synthetic", action="store_true", help="the ground is made up")
        parser.add_argument("--dry-run", action="store_true", help="check and count, write nothing")
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        city = City.objects.filter(code=options["city"]).first()
        if city is None:
            raise CommandError(_("There is no city %(code)s.") % {"code": options["city"]})
        silent = options["json"]
        try:
            done = import_now(
                user=None, city=city, code=options["code"], path=Path(options["file"]).resolve(), options=_chosen(options),
                dry_run=options["dry_run"], say=None if silent else lambda _share, words: self.stderr.write(words),
            )  # fmt: skip
        except InvalidInput as refused:
            self._refuse(silent, str(refused), refused.problems)
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        else:
            if done.problems:
                self._refuse(silent, _("The hazard layer would not be imported."), done.problems)
            if silent:
                self.stdout.write(json.dumps(done.as_dict(), ensure_ascii=False))
            else:
                self._print(done)

    def _refuse(self, silent: bool, words: str, problems: list[Any]) -> None:
        if silent:
            said = {"refused": words, "problems": [problem.as_dict() for problem in problems]}
            self.stdout.write(json.dumps(said, ensure_ascii=False))
            raise CommandError(words)
        raise CommandError("\n".join([words, *(f"  {one.place()}: {one.message}" for one in problems)]))

    def _print(self, done: HazardImport) -> None:
        for warning in done.warnings:
            self.stdout.write(f"{_('warning')}: {warning.place()}: {warning.message}")
        for row in done.facts["classes"]:
            start = f"≥ {row['from']:g}" if "from" in row else ""
            self.stdout.write(
                f"{row['klass']:<20} {row['severity']:>3}  {start:>10}  {row['area_m2'] / 1e6:>12,.3f} km²"
            )
        for row in done.facts["overlaps"]:
            self.stdout.write(f"{row['winner']} / {row['other']}: {row['area_m2']:,.0f} m²")
        what = done.layer.code if done.layer else _("checked, nothing written")
        self.stdout.write(f"{done.city.name} {done.city.name_en}: {what}")


def _chosen(options: dict[str, Any]) -> dict[str, Any]:
    columns = {"class": options["class_column"], "severity": options["severity_column"]}
    said = {
        "title": options["name"], "title_en": options["name_en"], "return_period_years": options["return_period"],
        "columns": {name: column for name, column in columns.items() if column},
        "severity": dict(_parted(word, "=", "CLASS=N", 2) for word in options["severity"]),
        "cut_offs": [
            dict(zip(("klass", "from", "severity"), _parted(word, ":", "CLASS:FROM:SEVERITY", 3), strict=True))
            for word in options["cut_off"]
        ],
        "synthetic": options["synthetic"] or None,
    }  # fmt: skip
    for name in (
        "hazard", "datum", "band", "nodata", "simplify_m", "unit", "layer", "encoding", "source", "licence", "certainty",
    ):  # fmt: skip
        said[name] = options[name]
    return said


def _parted(word: str, sign: str, form: str, count: int) -> list[str]:
    parts = word.rsplit(sign, count - 1)
    if len(parts) != count:
        raise CommandError(f"{form}: {word}")
    return parts
