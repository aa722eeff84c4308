from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from projects.api.rules import CalendarDaySerializer, CalendarYearSerializer
from projects.management.commands._acting import ActingCommand
from projects.selectors import calendar as selectors
from projects.services import calendar_years


class Command(ActingCommand):
    help = """Working days by year.

    calendar list --as tang.lei
    calendar show 2027 --as tang.lei
    calendar enter 2027 FILE --source "国办发明电…" [--not-announced] --as tang.lei
        FILE: every day that differs from its weekday, one a line: 2027-10-04 off 国庆节 National Day
    """
    acts = ("list", "show", "enter")

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--source", default="")
        parser.add_argument("--not-announced", action="store_true")

    def do_list(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        return CalendarYearSerializer(selectors.years(), many=True).data

    def _said(self, number: int) -> dict[str, Any]:
        view = selectors.year_view(number)
        if view.year is None:
            raise CommandError(f"nothing is known of {number}")
        return dict(CalendarYearSerializer(view.year).data) | {
            "working_days": view.working, "days": CalendarDaySerializer(view.days, many=True).data,
        }  # fmt: skip

    def do_show(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        return self._said(int(words[0]))

    def do_enter(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        year, path = int(words[0]), Path(words[1])
        if not path.is_file():
            raise CommandError(f"there is no file {path}")
        days = calendar_years.read_days(path.read_text(encoding="utf-8"), year)
        done = calendar_years.enter_year(
            user=user, year=year, days=days, announced=not options["not_announced"], source=options["source"]
        )
        return self._said(year) | {"moved_tasks": done.moved}
