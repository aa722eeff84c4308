"""manage.py what_if: who would be served by a facility that is not there, on top of a finished run. Stores nothing."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from facilities.models import ServiceType
from planning.models import Run
from planning.services.what_if import what_if
from planning.services.what_if_answers import gain_said


class Command(BaseCommand):
    help = "Score a finished run with one more facility; nothing is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", help="reference of a finished run")
        parser.add_argument("--service", default="", help="code; the first of the run when empty")
        parser.add_argument("--at", required=True, help="longitude,latitude")
        parser.add_argument("--capacity", required=True, type=int, help="units of the service")
        parser.add_argument("--barrier-free", type=int, default=0, help="the barrier-free part of it")
        parser.add_argument("--hours", type=float, default=0.0, help="hours after activation until it opens")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        run = (
            Run.objects.select_related("city", "snapshot", "plan_version").filter(ref=options["run"]).first()
        )
        if run is None:
            raise CommandError(f"there is no run {options['run']}")
        code = options["service"] or next((row["service"] for row in run.standards_frozen), "")
        service = ServiceType.objects.filter(code=code).first()
        if service is None:
            raise CommandError(f"there is no service {code}")
        try:
            lon, lat = (float(word) for word in options["at"].split(","))
        except ValueError:
            raise CommandError("--at takes longitude,latitude") from None
        try:
            found = what_if(
                user=None, run=run, service=service, lon=lon, lat=lat, capacity=options["capacity"],
                barrier_free_capacity=options["barrier_free"], hours=options["hours"],
            )  # fmt: skip
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        if options["json"]:
            self.stdout.write(json.dumps(gain_said(found), ensure_ascii=False))
            return
        self.stdout.write(
            f"{run.ref}  {code} at {lon:.5f},{lat:.5f}: newly served {found.served_gain:,}  late {found.late_gain:,}"
            f"  gap {found.gap_before:,} -> {found.gap_after:,}  (not saved)"
        )
        if found.reason:
            self.stdout.write(f"  supplies nothing: {found.reason}")
        for row in found.areas:
            name = row.area.name_en or row.area.name
            self.stdout.write(
                f"  {name:<28} newly served {row.served_gain:>9,}  still short {row.gap_after:>9,}"
            )
