import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from projects.services import alert_rules, duplicate_rules, routes, working_days, works_rules


class Command(BaseCommand):
    help = "Load the shipped approval routes and the working days. What is there already is never touched."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        years = working_days.load_calendar(until=timezone.localdate().year + 2)
        made = routes.load_shipped()
        duplicate_rules.load_shipped()
        works_rules.load_shipped()
        alert_rules.load_shipped()
        if options["json"]:
            self.stdout.write(json.dumps({"years": years, "routes": [str(route) for route in made]}))
        else:
            self.stdout.write(f"{years} years of working days, {len(made)} routes added")
