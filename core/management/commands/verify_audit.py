"""manage.py verify_audit: recompute the chain of hashes."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.services.audit import verify_chain


class Command(BaseCommand):
    help = "Check that no audit entry was changed or taken out. Compare the last hash with one written down elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        report = verify_chain()
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report)))
        elif report.broken is None:
            self.stdout.write(
                f"{report.entries} entries, all in order; last hash {report.last_sha256 or '(none)'}"
            )
        if report.broken is not None:
            raise CommandError(
                f"The chain breaks at entry {report.broken}, after {report.entries} good entries."
            )
