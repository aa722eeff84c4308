"""manage.py plan_losses: if one place fails, today and with the plan."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from core.services import jobs
from facilities.models import ServiceType
from planning.management.commands.plan_phase import version_named
from planning.services.answers import wait_for
from planning.services.plan_losses import losses_answer, losses_of, start_losses


class Command(BaseCommand):
    help = "Critical places: who is no longer served in time when one of them fails, today and with the plan."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plan", metavar="REF")
        parser.add_argument("--number", type=int, help="version; the newest when not given")
        parser.add_argument(
            "--run", default="", help="baseline run; the first with a run of the plan when not given"
        )
        parser.add_argument("--service", required=True)
        parser.add_argument(
            "--inline", action="store_true", help="compute in this process instead of a worker"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        version = version_named(options["plan"], options["number"])
        service = ServiceType.objects.filter(code=options["service"]).first()
        if service is None:
            raise CommandError(f"no service {options['service']}")
        try:
            for job in start_losses(user=None, version=version, run=options["run"]):
                if options["inline"]:
                    jobs.perform(job.ref)
                wait_for(job, self.stderr.write)
            found = losses_of(user=None, version=version, service=service, run=options["run"])
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        if options["json"]:
            self.stdout.write(json.dumps(losses_answer(version, service, found), ensure_ascii=False))
            return
        self.stdout.write(
            f"{found.critical(False)} critical places today, {found.critical(True)} with the plan"
        )
        for one in found.places[:30]:
            today, planned = (
                f"{side.lost:>9,}" if side else f"{'-':>9}" for side in (one.today, one.planned)
            )
            self.stdout.write(f"  {today} -> {planned}  {one.place.name}{'  *' if one.changed else ''}")
