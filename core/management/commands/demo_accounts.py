"""manage.py demo_accounts: one account for each role, passwords printed once."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from core.models import City
from core.selectors.cities import latest_city
from core.services.demo import create_demo_accounts


class Command(BaseCommand):
    help = "Make demonstration accounts for a city, in debug mode only. Existing ones keep their passwords."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--city", help="code of the city (default: the one loaded last)")
        parser.add_argument("--reset", action="store_true", help="give every account a new password")
        parser.add_argument("--json", action="store_true", help="print one JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        city = City.objects.filter(code=options["city"]).first() if options["city"] else latest_city()
        if city is None:
            raise CommandError("There is no such city; load one first (manage.py load_city PATH).")
        try:
            accounts = create_demo_accounts(city, reset=options["reset"])
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        if options["json"]:
            self.stdout.write(json.dumps([account._asdict() for account in accounts], ensure_ascii=False))
            return
        if not accounts:
            self.stdout.write("The demonstration accounts exist already; --reset gives them new passwords.")
            return
        self.stdout.write("Demonstration accounts; the passwords are shown only now:")
        for account in accounts:
            self.stdout.write(
                f"  {account.username:<10} {account.password:<14} {account.name}, {account.role}"
            )
