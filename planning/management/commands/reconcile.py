"""manage.py reconcile --city CODE: a population layer held against a census, district by district; --scale makes a layer
that agrees with it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from core.errors import DomainError
from core.models import City
from planning.models import PopulationLayer
from planning.selectors.population import ReconciledArea, census_years, layer_in_use, reconcile
from planning.services.population import scale_layer


class Command(BaseCommand):
    help = "Hold a population layer against a census: people, census and difference by district."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--city", required=True, help="code of the city")
        parser.add_argument(
            "--layer", default="", help="code of the layer; that in use by night when left out"
        )
        parser.add_argument("--year", type=int, help="of the census; the newest when left out")
        parser.add_argument(
            "--scale", action="store_true", help="make a new layer scaled to the census; both are kept"
        )
        parser.add_argument("--code", default="", help="code of the scaled layer")
        parser.add_argument("--use", action="store_true", help="take the scaled layer into use")
        parser.add_argument("--json", action="store_true", help="print the answer as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        city = City.objects.filter(code=options["city"]).first()
        if city is None:
            raise CommandError(_("There is no city %(code)s.") % {"code": options["city"]})
        layer = (
            PopulationLayer.objects.filter(city=city, code=options["layer"]).first()
            if options["layer"]
            else layer_in_use(city)
        )
        if layer is None:
            raise CommandError(_("There is no such population layer."))
        years = census_years(city)
        year = options["year"] or (years[0] if years else 0)
        found = reconcile(layer, year)
        if found is None:
            known = ", ".join(map(str, years)) or "—"
            raise CommandError(_("There is no census of that year. Known: %(known)s.") % {"known": known})
        scaled = None
        if options["scale"]:
            try:
                scaled = scale_layer(
                    user=None, layer=layer, year=year, code=options["code"], current=options["use"]
                )
            except DomainError as refused:
                raise CommandError(str(refused.message)) from None
        if options["json"]:
            told = found.as_dict() | {
                "scaled": {"code": scaled.code, "people": scaled.people} if scaled else None
            }
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        for row in found.rows:
            self._line(row, row.area.code if row.area else "", row.area.name if row.area else "")
        if found.compared is not None:
            self._line(found.compared, "", _("together"))
        for row in found.without_census:
            name = row.area.name if row.area else _("outside every area")
            self.stdout.write(
                f"{row.area.code if row.area else '':<14} {row.layer.people:>14,.0f} {'—':>14}  {name}"
            )
        if scaled is not None:
            self.stdout.write(f"{scaled.code}: {scaled.people:,.0f} {_('people')}")

    def _line(self, row: ReconciledArea, code: str, name: str) -> None:
        share = "" if row.share is None else f"{100 * row.share:+.1f} %"
        self.stdout.write(
            f"{code:<14} {row.layer.people:>14,.0f} {row.census or 0:>14,} {row.difference or 0:>+14,.0f} {share:>9}  {name}"
        )
