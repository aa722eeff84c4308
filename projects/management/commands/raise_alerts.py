"""manage.py raise_alerts: run the alert rules over a city's programme, now and here."""

import json
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from core.models import City
from core.selectors.cities import latest_city
from projects.selectors.alerts import today_in
from projects.services import alerts, cases


class Command(BaseCommand):
    help = (
        "Run the alert rules over a city's programme for a day, and tell late tasks and late alerts to the one above. "
        "What was raised before is not raised again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--city", help="code of the city (default: the one loaded last)")
        parser.add_argument("--today", help="the day, like 2026-11-21 (default: today in the city)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        city = City.objects.filter(code=options["city"]).first() if options["city"] else latest_city()
        if city is None:
            raise CommandError("There is no such city; load one first (manage.py load_city PATH).")
        try:
            day = date.fromisoformat(options["today"]) if options["today"] else today_in(city)
        except ValueError:
            raise CommandError(f"{options['today']} is no date like 2026-11-21.") from None
        try:
            steps = cases.escalate(today=day, city=city)
            run = alerts.raise_alerts(city=city, today=day)
        except DomainError as refused:
            raise CommandError(f"{refused.code}: {refused.message}") from None
        told = {
            "city": city.code, "day": day.isoformat(), "projects": run.projects, "raised": run.raised, "ended": run.ended,
            "escalated": run.escalated, "steps_escalated": len(steps), "seconds": run.seconds, "rules": run.found,
        }  # fmt: skip
        if options["json"]:
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        self.stdout.write(
            f"{day}: {run.projects} projects, {run.raised} alerts raised, {run.ended} no longer so, {run.escalated} alerts "
            f"and {len(steps)} tasks told to the one above, {run.seconds:.2f} s"
        )
        for code, found in run.found.items():
            self.stdout.write(
                f"  {code:<15} v{found['version']}  {found['standing']:>6} there, {found['raised']:>6} raised"
            )
