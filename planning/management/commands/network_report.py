"""manage.py network_report: measure a city's roads against its people and places, and print what was found."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.models import City
from core.selectors.cities import latest_city
from planning.models import RoadNetwork
from planning.selectors.networks import warning_words
from planning.services.network_reports import make_report


class Command(BaseCommand):
    help = "Measure a road network: distances to streets, islands, doubtful streets, detours, datum."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("city", nargs="?", default="", help="code; the city loaded last when empty")
        parser.add_argument("--network", default="", help="reference; the one in use when empty")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        code = options["city"]
        city = City.objects.filter(code=code).first() if code else latest_city()
        if city is None:
            raise CommandError(f"there is no city {code}".strip())
        networks = RoadNetwork.objects.filter(city=city).select_related("city", "layer")
        wanted = {"ref": options["network"]} if options["network"] else {"current": True}
        network = networks.filter(**wanted).first()
        if network is None:
            raise CommandError(f"{city.code} has no such road network")
        report = make_report(network=network)
        if options["json"]:
            self.stdout.write(json.dumps({"network": network.ref, "report": report}, ensure_ascii=False))
            return
        near, streets = report["distances"], report["streets"]
        self.stdout.write(
            f"{network.ref}  {streets['nodes']:,} nodes  {streets['streets']:,} streets  {streets['km']:,.0f} km"
        )
        for row in near["within"]:
            share = row["people"] / near["people"] if near["people"] else 0.0
            self.stdout.write(f"  people within {row['metres']:>4} m of a street  {share:>7.2%}")
        islands = report["islands"]
        self.stdout.write(f"  islands {islands['count']:,} with {islands['people']:,.0f} people")
        if report["detours"] and report["detours"]["ratio"]:
            ratio = report["detours"]["ratio"]
            self.stdout.write(
                f"  road / straight line  p5 {ratio['p5']:.2f}  p50 {ratio['p50']:.2f}  p95 {ratio['p95']:.2f}"
            )
        for warning in report["warnings"]:
            self.stdout.write(f"  warning: {warning_words(warning)}")
