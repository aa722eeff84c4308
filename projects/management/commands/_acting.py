"""What commands share that act as a person: who it is, and answers as JSON."""

import json
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import DomainError, InvalidInput


class ActingCommand(BaseCommand):
    """`COMMAND act words… --as PERSON [--json]`: each act is a method `do_<act>(user, words, options)` that answers what is
    printed. What the rules refuse is said with its code, every problem on a line."""

    acts: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=self.acts)
        parser.add_argument("words", nargs="*")
        parser.add_argument("--as", dest="who", required=True, help="user name of the person who acts")
        parser.add_argument("--json", action="store_true", help="one line of JSON")
        self.add_options(parser)

    def add_options(self, parser: CommandParser) -> None:
        """Options of one command."""

    def person(self, username: str) -> Any:
        found = get_user_model().objects.filter(username=username, is_active=True).first()
        if found is None:
            raise CommandError(f"no person {username}")
        return found

    def handle(self, *args: Any, **options: Any) -> None:
        user = self.person(options["who"])
        try:
            answer = getattr(self, f"do_{options['act'].replace('-', '_')}")(user, options["words"], options)
        except InvalidInput as refused:
            lines = [f"  {problem.place()}: {problem.message}" for problem in refused.problems]
            raise CommandError("\n".join([f"{refused.code}: {refused.message}", *lines])) from None
        except DomainError as refused:
            raise CommandError(f"{refused.code}: {refused.message}") from None
        except (IndexError, ValueError, TypeError):
            name = self.__class__.__module__.rsplit(".", 1)[-1]
            raise CommandError(f"{name} {options['act']} needs other words; see {name} --help") from None
        self.stdout.write(
            json.dumps(answer, ensure_ascii=False, default=str, indent=None if options["json"] else 2)
        )
