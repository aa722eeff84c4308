"""manage.py plan_comment: read, write and answer comments on a plan's version."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from core.models import User
from planning.management.commands.plan_compare import version_named
from planning.models import PlanComment
from planning.selectors.plan_comments import comments_seen
from planning.services import plan_comments


class Command(BaseCommand):
    help = (
        "List the comments on a plan's version; with --text write one, with --answered mark one as answered."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "version", metavar="REF[:NUMBER]", help="like P-2026-0001:2; the newest when no number stands"
        )
        parser.add_argument("--text", default="", help="write this")
        parser.add_argument("--order", type=int, help="about the intervention with this number")
        act = parser.add_mutually_exclusive_group()
        act.add_argument("--answered", type=int, metavar="ID", help="mark this comment as answered")
        act.add_argument("--open-again", type=int, metavar="ID", help="it is open again")
        parser.add_argument("--user", default="", help="in whose name; nobody's when empty")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        version = version_named(options["version"])
        user = User.objects.filter(username=options["user"]).first() if options["user"] else None
        if options["user"] and user is None:
            raise CommandError(f"there is no user {options['user']}")
        try:
            if options["text"]:
                rows = [
                    plan_comments.add_comment(
                        user=user, version=version, text=options["text"], order=options["order"]
                    )
                ]
            elif options["answered"] is not None or options["open_again"] is not None:
                answered = options["answered"] is not None
                pk = options["answered"] if answered else options["open_again"]
                rows = [
                    plan_comments.mark_answered(user=user, version=version, comment_id=pk, answered=answered)
                ]
            else:
                found = comments_seen(version, user=user)
                if options["order"] is not None:
                    found = found.filter(intervention__order=options["order"])
                rows = list(found)
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        if options["json"]:
            told = {
                "plan": version.plan.ref,
                "version": version.number,
                "comments": [_told(row) for row in rows],
            }
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        for row in rows:
            about = f"No. {row.intervention.order}" if row.intervention else "version"
            by = row.created_by.username if row.created_by else "—"
            state = "answered" if row.resolved_at else "open"
            self.stdout.write(
                f"{row.pk:>6}  {row.created_at:%Y-%m-%d %H:%M}  {by}  {about}  {state}\n        {row.text}"
            )


def _told(row: PlanComment) -> dict[str, Any]:
    return {
        "id": row.pk,
        "order": row.intervention.order if row.intervention else None,
        "text": row.text,
        "created_by": row.created_by.username if row.created_by else None,
        "created_at": row.created_at.isoformat(),
        "resolved_at": row.resolved_at.isoformat() if row.resolved_at else None,
        "resolved_by": row.resolved_by.username if row.resolved_by else None,
    }
