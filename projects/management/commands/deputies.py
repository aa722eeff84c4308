from datetime import date
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from projects.api.rules import DeputySerializer
from projects.management.commands._acting import ActingCommand
from projects.selectors import deputies as selectors
from projects.services import deputies


class Command(ActingCommand):
    help = """Who acts for whom.

    deputies list --as wang.jun                                  one's own, and those of the people one has a say over
    deputies name PRINCIPAL DEPUTY --until 2026-12-24 [--from 2026-12-01] --reason "leave" --as wang.jun
    deputies end ID --as wang.jun
    """
    acts = ("list", "name", "end")

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="since", type=date.fromisoformat)
        parser.add_argument("--until", type=date.fromisoformat)
        parser.add_argument("--reason", default="")

    def do_list(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        return DeputySerializer(selectors.deputies_visible_to(user), many=True).data

    def do_name(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        principal, deputy = (self.person(word) for word in words)
        if options["until"] is None:
            raise CommandError("until when? --until 2026-12-24")
        row, others = deputies.name_deputy(
            user=user, principal=principal, deputy=deputy, valid_from=options["since"] or timezone.localdate(),
            valid_to=options["until"], reason=options["reason"],
        )  # fmt: skip
        return dict(DeputySerializer(row).data) | {"also": [one.deputy.get_username() for one in others]}

    def do_end(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        row = selectors.deputies_visible_to(user).filter(pk=int(words[0])).first()
        if row is None:
            raise CommandError(f"no deputy {words[0]}")
        return DeputySerializer(deputies.end(user=user, deputy=row)).data
