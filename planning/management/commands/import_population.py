"""manage.py import_population FILE: people of a city by cell out of points, polygons or a raster, or what is wrong with it."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from core.choices import Certainty, TimeOfDay
from core.errors import DomainError, InvalidInput, Problem
from core.models import City
from planning.importers.population import SOURCE_KINDS
from planning.services.population_imports import PopulationImport, import_now


class Command(BaseCommand):
    help = (
        "Import a population layer: points or polygons with counts, or a raster (GeoTIFF) such as WorldPop."
    )
    # a long job from a script: it needs the records, not the pages
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file", help="CSV or XLSX of points; GeoJSON or GeoPackage; GeoTIFF or ASCII grid"
        )
        parser.add_argument("--city", required=True, help="code of the city")
        parser.add_argument("--code", required=True, help="code of the layer; an imported one is replaced")
        parser.add_argument("--time", required=True, choices=TimeOfDay.values)
        parser.add_argument("--kind", default="", choices=("", *SOURCE_KINDS))
        parser.add_argument("--datum", default="", help="WGS-84, CGCS2000, GCJ-02, BD-09 or EPSG:nnnn")
        parser.add_argument(
            "--columns", nargs="+", default=[], metavar="FIELD=COLUMN", help="people, lon, lat, age_0_14, age_60_up_share …"
        )  # fmt: skip
        parser.add_argument(
            "--grid", default="", help="square:250 (metres) or h3:9; the city's cells when left out"
        )
        parser.add_argument("--by", default="", help="layer whose people weigh the spreading of polygons")
        parser.add_argument("--band", type=int, help="of a raster; 1 when left out")
        parser.add_argument("--nodata", type=float, help="of a raster: a further value that means no value")
        parser.add_argument("--clip", action="store_true", help="leave out what lies outside the city")
        parser.add_argument(
            "--groups-from-census", type=int, metavar="YEAR", help="age groups by the shares of a census"
        )
        parser.add_argument("--name", default="")
        parser.add_argument("--name-en", default="")
        parser.add_argument("--source", default="")
        parser.add_argument("--as-of", default="", metavar="YYYY-MM-DD")
        parser.add_argument("--certainty", default="", choices=("", *Certainty.values))
        parser.add_argument("--error-share", type=float, help="0.1: the total is right within 10 %%")
        parser.add_argument("--error-share-district", type=float)
        parser.add_argument("--error-source", default="")
        parser.add_argument("--use", action="store_true", help="take it into use at its time of day")
        parser.add_argument("--synthetic", action="store_true", help="the people are made up")
        parser.add_argument("--encoding", default="")
        parser.add_argument("--delimiter", default="")
        parser.add_argument("--layer", default="", help="layer of a GeoPackage")
        parser.add_argument("--sheet", default="")
        parser.add_argument("--dry-run", action="store_true", help="check and place, write nothing")
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
                self._refuse(silent, _("The people would not be imported."), done.problems)
            if silent:
                self.stdout.write(json.dumps(done.as_dict(), ensure_ascii=False))
            else:
                self._print(done)

    def _refuse(self, silent: bool, said: str, problems: list[Problem]) -> None:
        if silent:
            told = {"refused": said, "problems": [problem.as_dict() for problem in problems]}
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            raise CommandError(said)
        lines = [f"  {problem.place()}: {problem.message}" for problem in problems]
        raise CommandError("\n".join([said, *lines]))

    def _print(self, done: PopulationImport) -> None:
        for warning in done.warnings:
            self.stdout.write(f"{_('warning')}: {warning.place()}: {warning.message}")
        for row in done.areas:
            self.stdout.write(f"{row['code']:<14} {row['people']:>14,.0f}  {row['name']} {row['name_en']}")
        left = done.facts.get("left_out", {}).get("people", 0)
        if left:
            self.stdout.write(f"{_('left out, outside the city')}: {left:,.0f}")
        what = _("checked, nothing written") if done.layer is None else done.code
        self.stdout.write(f"{what}: {done.people:,.0f} {_('people')}, {done.cells:,} {_('cells')}")


def _chosen(options: dict[str, Any]) -> dict[str, Any]:
    broken = [word for word in options["columns"] if "=" not in word]
    if broken:
        raise CommandError(_("Write FIELD=COLUMN, not: %(words)s.") % {"words": ", ".join(broken)})
    said = {
        name: options[name]
        for name in (
            "kind", "datum", "by", "source", "as_of", "certainty", "error_share", "error_share_district", "error_source",
            "groups_from_census", "encoding", "delimiter", "layer", "sheet",
        )
    }  # fmt: skip
    raster = {name: options[name] for name in ("band", "nodata") if options[name] is not None}
    return said | {
        "columns": dict(word.split("=", 1) for word in options["columns"]), "time_of_day": options["time"],
        "title": options["name"], "title_en": options["name_en"], "grid": _grid(options["grid"]), "raster": raster,
        "clip": options["clip"] or None, "current": options["use"] or None, "synthetic": options["synthetic"] or None,
    }  # fmt: skip


def _grid(word: str) -> dict[str, Any] | None:
    if not word:
        return None
    shape, _sign, size = word.partition(":")
    key = {"square": "spacing_m", "h3": "resolution"}.get(shape)
    try:
        if key:
            return {"shape": shape, key: float(size) if shape == "square" else int(size)}
    except ValueError:
        pass
    raise CommandError(_("Write the grid as square:250 or h3:9."))
