import json
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date

from core.errors import DomainError, InvalidInput
from core.models import Organisation
from projects.api.handover_serializers import ResponsibilitySerializer
from projects.models import Responsibility
from projects.selectors import pages
from projects.selectors import responsibilities as read
from projects.services import responsibilities


class Command(BaseCommand):
    help = """Who answers for what, as the person named by --as: the same rules hold.

    responsibilities list [--due overdue] [--level enterprise] [--organisation CODE] [--person NAME] [--project PJ-…] --as lin.wei
    responsibilities name PJ-2026-0001 --level territory --organisation CODE --task TEXT [--person NAME] [--on 2026-12-01] --as lin.wei
    responsibilities enterprise PJ-2026-0001 --task NAME --as lin.wei       enter an enterprise that can be named
    responsibilities done ID --note TEXT --as wang.jun
    responsibilities remove ID --note WHY --as lin.wei
    """

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=["list", "name", "enterprise", "done", "remove"])
        parser.add_argument("subject", nargs="?", default="")
        parser.add_argument("--as", dest="who", required=True, help="user name of the person who acts")
        for name in ("due", "level", "organisation", "person", "project", "task", "on", "note"):
            parser.add_argument(f"--{name}", default="")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["who"], is_active=True).first()
        if user is None:
            raise CommandError(f"no person {options['who']}")
        try:
            answer = getattr(self, f"do_{options['act']}")(user, options["subject"], options)
        except InvalidInput as refused:
            lines = [f"{one.column}: {one.message}" for one in refused.problems]
            raise CommandError("\n".join([f"{refused.code}: {refused.message}", *lines])) from None
        except DomainError as refused:
            raise CommandError(f"{refused.code}: {refused.message}") from None
        self.stdout.write(
            json.dumps(answer, ensure_ascii=False, default=str, indent=None if options["json"] else 2)
        )

    def do_list(self, user: Any, subject: str, options: dict[str, Any]) -> Any:
        rows = read.narrowed(read.visible_to(user), {name: options[name] for name in read.FILTERS})
        rows = rows.filter(project__ref=options["project"]) if options["project"] else rows
        return ResponsibilitySerializer(rows, many=True).data

    def _project(self, user: Any, ref: str) -> Any:
        found = pages.projects_visible_to(user).filter(ref=ref).first()
        if found is None:
            raise CommandError(f"no project {ref}")
        return found

    def _one(self, user: Any, pk: str) -> Responsibility:
        found = read.visible_to(user).filter(pk=int(pk)).first() if pk.isdigit() else None
        if found is None:
            raise CommandError(f"no responsibility {pk}")
        return found

    def do_name(self, user: Any, ref: str, options: dict[str, Any]) -> Any:
        project = self._project(user, ref)
        organisation = Organisation.objects.filter(city=project.city, code=options["organisation"]).first()
        if organisation is None:
            raise CommandError(f"no organisation {options['organisation']}")
        made = responsibilities.name(
            user=user, project=project, level=options["level"], organisation=organisation, task=options["task"],
            person=responsibilities.person_named(options["person"]), due_on=parse_date(options["on"]) if options["on"] else None,
        )  # fmt: skip
        return ResponsibilitySerializer(made).data

    def do_enterprise(self, user: Any, ref: str, options: dict[str, Any]) -> Any:
        project = self._project(user, ref)
        made = responsibilities.add_enterprise(
            user=user, city=project.city, name=options["task"], area=project.area
        )
        return {"code": made.code, "name": made.name}

    def do_done(self, user: Any, pk: str, options: dict[str, Any]) -> Any:
        one = responsibilities.done(user=user, responsibility=self._one(user, pk), note=options["note"])
        return ResponsibilitySerializer(one).data

    def do_remove(self, user: Any, pk: str, options: dict[str, Any]) -> Any:
        responsibilities.remove(user=user, responsibility=self._one(user, pk), reason=options["note"])
        return {"removed": int(pk)}
