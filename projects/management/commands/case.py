import json
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import DomainError
from projects.api.case_serializers import CaseSerializer, ChangeSerializer, newer_answer
from projects.api.serializers import ProjectSerializer
from projects.models import Case
from projects.selectors import changes, newer, pages
from projects.services import cases


class Command(BaseCommand):
    help = """Cases from the command line, as the person named by --as (see also manage.py project).

    case show C-2026-0001 --as wang.jun
    case newer C-2026-0001 --as wang.jun       what is newer than its evidence
    case changes C-2026-0001 --as wang.jun     what changed since the round before
    case code PJ-2026-0001 2603-510104-04-01-482917 --as lin.wei
    """

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=["show", "newer", "changes", "code"])
        parser.add_argument("ref", help="reference of the case, or of the project for code")
        parser.add_argument("words", nargs="*")
        parser.add_argument("--as", dest="who", required=True, help="user name of the person who acts")
        parser.add_argument("--json", action="store_true", help="on one line")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["who"], is_active=True).first()
        if user is None:
            raise CommandError(f"no person {options['who']}")
        try:
            answer = self._answer(user, options)
        except DomainError as refused:
            raise CommandError(f"{refused.code}: {refused.message}") from None
        self.stdout.write(
            json.dumps(answer, ensure_ascii=False, default=str, indent=None if options["json"] else 2)
        )

    def _answer(self, user: Any, options: dict[str, Any]) -> Any:
        seen = pages.projects_visible_to(user)
        if options["act"] == "code":
            project = seen.filter(ref=options["ref"]).first()
            if project is None or len(options["words"]) != 1:
                raise CommandError("code needs a project and its investment code")
            entered = cases.enter_code(user=user, project=project, code=options["words"][0])
            return dict(ProjectSerializer(entered).data)
        case = Case.objects.filter(ref=options["ref"], project__in=seen).first()
        if case is None:
            raise CommandError(f"no case {options['ref']}")
        if options["act"] == "newer":
            return newer_answer(newer.of_case(case))
        if options["act"] == "changes":
            return ChangeSerializer(changes.between_rounds(case), many=True).data
        return dict(CaseSerializer(case).data)
