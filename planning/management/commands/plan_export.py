"""manage.py plan_export: a plan's version as XLSX, GeoPackage, GeoJSON or PDF."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from planning.management.commands.plan_compare import version_named
from planning.services.plan_export import FORMATS, export_now
from planning.services.plan_freeze import content_sha256


class Command(BaseCommand):
    help = "Write a plan's version to a file: workbook (T7, T8, T9 …), GeoPackage in CGCS2000, GeoJSON, or a document to print."

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        # --version is the plan's here, not Django's
        return super().create_parser(*args, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plan", metavar="REF", help="reference of the plan")
        parser.add_argument(
            "--version", dest="number", type=int, metavar="N", help="the newest computed one when left out"
        )
        parser.add_argument("--format", choices=list(FORMATS), default="xlsx")
        parser.add_argument(
            "--lang", choices=[code for code, _name in settings.LANGUAGES], default=settings.LANGUAGE_CODE
        )
        parser.add_argument(
            "--output",
            default="",
            metavar="FILE",
            help="named after plan, version and language when left out",
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        version = version_named(options["plan"] + (f":{options['number']}" if options["number"] else ""))
        try:
            made = export_now(user=None, version=version, form=options["format"], language=options["lang"])
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        path = Path(options["output"] or made.name)
        try:
            path.write_bytes(made.content)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None
        if options["json"]:
            told = {
                "plan": version.plan.ref, "version": version.number, "file": str(path), "bytes": len(made.content), "format": options["format"],
                "language": options["lang"], "content_sha256": version.content_sha256 or content_sha256(version),
            }  # fmt: skip
            self.stdout.write(json.dumps(told, ensure_ascii=False))
        else:
            self.stdout.write(f"{path}  {len(made.content):,} bytes")
