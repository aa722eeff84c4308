"""manage.py minimum_needs: what sheltered people need, by one profile or two side by side."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from facilities.models import ServiceType
from planning.choices import RunState
from planning.models import Run, StandardProfile
from planning.services.minimum_needs import SEEKING, SERVED, minimum_needs, sheltered_people
from planning.services.needs_answer import needs_answer, needs_lines
from planning.services.runs import default_profile


class Command(BaseCommand):
    help = "Quantities of water, food, toilets, space, beds and staff for so many people and days."

    def add_arguments(self, parser: ArgumentParser) -> None:
        whom = parser.add_mutually_exclusive_group(required=True)
        whom.add_argument("--people", type=int)
        whom.add_argument("--run", metavar="REF", help="the people of a finished run who seek shelter")
        parser.add_argument(
            "--service", metavar="CODE", help="with --run: the people whom this service serves there"
        )
        parser.add_argument("--days", type=int, default=30)
        parser.add_argument("--profile", metavar="CODE", help="the default one without it")
        parser.add_argument("--with", metavar="CODE", dest="other", help="a profile to stand beside it")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            answer = self._answer(options)
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        for line in needs_lines(answer):
            self.stdout.write(line)

    def _answer(self, options: dict[str, Any]) -> dict[str, Any]:
        profile = (
            self._found(StandardProfile, "code", options["profile"])
            if options["profile"]
            else default_profile()
        )
        other = self._found(StandardProfile, "code", options["other"]) if options["other"] else None
        people, sheltered = options["people"], None
        if options["run"]:
            run = self._found(
                Run.objects.filter(state=RunState.DONE).select_related("city", "snapshot"),
                "ref",
                options["run"],
            )
            service = self._found(ServiceType, "code", options["service"]) if options["service"] else None
            sheltered = sheltered_people(
                run=run, user=None, stage=SERVED if service else SEEKING, service=service
            )
            people = sheltered.people
        found = []
        if people or sheltered is None:
            found = minimum_needs(people=people, days=options["days"], profile=profile, other=other)
        return needs_answer(
            found, people=people, days=options["days"], profile=profile, other=other, sheltered=sheltered
        )

    @staticmethod
    def _found(rows: Any, field: str, value: str) -> Any:
        rows = rows.objects.all() if isinstance(rows, type) else rows
        found = rows.filter(**{field: value}).first()
        if found is None:
            raise CommandError(f"there is no {value}")
        return found
