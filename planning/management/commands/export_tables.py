"""manage.py export_tables: the official tables of a run, or of a batch, as a workbook."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import translation

from core.errors import DomainError
from planning.models import Batch, Run
from planning.services.tables_export import tables_of_batch, tables_of_run


class Command(BaseCommand):
    help = "Write scenarios (T3), demand (T4), gaps (T5) and assumptions (T13) of a run at all its times of day as XLSX."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help="reference of a finished run, or of a batch")
        parser.add_argument("file", metavar="FILE", help="the workbook to write")
        parser.add_argument(
            "--language", choices=[code for code, _name in settings.LANGUAGES], default=settings.LANGUAGE_CODE
        )

    def handle(self, *args: Any, **options: Any) -> None:
        run = (
            Run.objects.filter(ref=options["run"])
            .select_related("city", "scenario", "profile", "snapshot")
            .first()
        )
        batch = None if run else Batch.objects.filter(ref=options["run"]).first()
        if run is None and batch is None:
            raise CommandError(f"there is no run or batch {options['run']}")
        try:
            with translation.override(options["language"]):
                book = tables_of_run(user=None, run=run) if run else tables_of_batch(user=None, batch=batch)
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        Path(options["file"]).write_bytes(book.content)
        self.stdout.write(f"{options['file']}  {len(book.content):,} bytes")
