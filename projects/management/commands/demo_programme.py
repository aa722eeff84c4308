"""manage.py demo_programme: projects of the synthetic city in every stage, to look at."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from core.models import City
from core.selectors.cities import latest_city
from projects.services.demo_programme import play


class Command(BaseCommand):
    help = "Play a demonstration programme in a synthetic city, in debug mode only (after serve_main_job)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--city", help="code of the city (default: the one loaded last)")
        parser.add_argument("--json", action="store_true", help="print one JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        city = City.objects.filter(code=options["city"]).first() if options["city"] else latest_city()
        if city is None:
            raise CommandError("There is no such city; load one first (manage.py serve_main_job).")
        try:
            made = play(city=city)
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        if options["json"]:
            self.stdout.write(json.dumps([{"ref": one.ref, "state": one.state} for one in made]))
            return
        for one in made:
            self.stdout.write(f"  {one.ref}  {one.get_state_display():<24} {one.name}")
