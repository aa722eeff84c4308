"""Bring in a list of projects: check it, and with --apply take it over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.files import File
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import DomainError
from core.models import City
from core.services.uploads import keep_upload
from projects.selectors.project_imports import file_of
from projects.services import project_books, project_import_jobs, project_imports


class Command(BaseCommand):
    help = "Check a list of projects (XLSX or CSV); with --apply take it over. Nothing is written when a row is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", help="the list; left out with --template")
        parser.add_argument("--as", dest="who", help="user name of whoever does it")
        parser.add_argument("--city", help="code; needed where there are several")
        parser.add_argument("--datum", help="CGCS2000, WGS-84, GCJ-02 or BD-09: declared, never guessed")
        parser.add_argument("--apply", action="store_true", help="take it over when nothing is wrong")
        parser.add_argument("--problems", metavar="XLSX", help="write the list with its problems here")
        parser.add_argument("--template", metavar="XLSX", help="write the empty form here and stop")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["template"]:
            Path(options["template"]).write_bytes(project_books.template())
            return
        for name in ("file", "who", "datum"):
            if not options[name]:
                raise CommandError(f"Say the {name}.".replace("the who", "who does it with --as"))
        user = get_user_model().objects.filter(username=options["who"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no user {options['who']}.")
        cities = City.objects.filter(code=options["city"]) if options["city"] else City.objects.all()
        if cities.count() != 1:
            raise CommandError("Say which city with --city.")
        path = Path(options["file"])
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        try:
            batch = self._done(user, cities[0], path, options)
        except DomainError as refused:
            raise CommandError(f"{refused.code}: {refused.message}") from None
        if options["problems"] and file_of(batch) is not None:
            Path(options["problems"]).write_bytes(project_books.with_problems(batch))
        issues = [
            {"level": one.level, "row": one.row, "column": one.column, "code": one.code, "message": one.message, "value": one.value}
            for one in batch.issues.order_by("row", "id")
        ]  # fmt: skip
        said = {
            "ref": batch.ref, "state": batch.state, "rows": batch.rows, "added": batch.added, "changed": batch.changed,
            "unchanged": batch.unchanged, "errors": batch.errors, "warnings": batch.warnings,
        }  # fmt: skip
        if options["json"]:
            self.stdout.write(json.dumps({**said, "problems": issues}, ensure_ascii=False))
        else:
            self.stdout.write("  ".join(f"{name}={value}" for name, value in said.items()))
            for one in issues:
                self.stdout.write(f"  {one['level']}: row {one['row']}, {one['column']}: {one['message']}")
        if batch.errors:
            raise CommandError(f"{batch.errors} errors; nothing was written.")

    def _done(self, user: Any, city: City, path: Path, options: dict[str, Any]) -> Any:
        with path.open("rb") as content:
            kept = keep_upload(File(content, name=path.name), kind=project_import_jobs.UPLOADS, limited=False)
        batch = project_imports.check(
            user=user, city=city, path=kept, file_name=path.name, datum=options["datum"]
        )
        if options["apply"] and not batch.errors:
            batch = project_imports.apply(user=user, batch=batch)
        return batch
