"""manage.py dossier: a project's dossier, or what was decided on in one of its cases, as PDF, DOCX or workbook."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import DomainError
from projects.models import Case, Project
from projects.selectors.pages import projects_visible_to
from projects.services import dossier


class Command(BaseCommand):
    help = "Write the dossier of a project (PJ-…), or of a case (C-…) as it was frozen. Without --as: everything, by this machine."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ref", help="PJ-2026-0001 or C-2026-0001")
        parser.add_argument("--format", choices=list(dossier.FORMATS), default="pdf")
        parser.add_argument("--language", choices=[code for code, _name in settings.LANGUAGES], default=settings.LANGUAGE_CODE)  # fmt: skip
        parser.add_argument(
            "--out", default="", metavar="FILE", help="named after the reference when left out"
        )
        parser.add_argument("--as", dest="who", default="", help="user name: only what this person may see")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        user = None
        projects = Project.objects.all()
        if options["who"]:
            user = get_user_model().objects.filter(username=options["who"], is_active=True).first()
            if user is None:
                raise CommandError(f"no person {options['who']}")
            projects = projects_visible_to(user)
        case = Case.objects.filter(ref=options["ref"], project__in=projects).select_related("project__city", "route", "tranche").first()  # fmt: skip
        project = case.project if case else projects.filter(ref=options["ref"]).first()
        if project is None:
            raise CommandError(f"no project and no case {options['ref']}")
        try:
            made = dossier.dossier_now(
                user=user, project=project, case=case, form=options["format"], language=options["language"]
            )
        except DomainError as refused:
            raise CommandError(f"{refused.code}: {refused.message}") from None
        path = Path(options["out"] or made.name)
        try:
            path.write_bytes(made.content)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None
        told = {"file": str(path), "bytes": len(made.content), "content_sha256": made.sha256}
        self.stdout.write(json.dumps(told) if options["json"] else f"{path}: {len(made.content)} bytes, content {made.sha256}")  # fmt: skip
