from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from planning.services.reference import load_reference


class Command(BaseCommand):
    help = "Load the service types, uses, capacity rules, standard profiles and cost rates that ship with the platform."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--overwrite", action="store_true", help="bring changed service types, uses, rules and rates back"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        added = load_reference(overwrite=options["overwrite"])
        self.stdout.write(", ".join(f"{count} {name}" for name, count in added.items()) + " added")
