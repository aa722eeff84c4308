import json
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core import policies
from core.models import City
from projects.api.money_serializers import curve_answer
from projects.selectors import pages, programme_money, schedule
from projects.services import programme_money_book


class Command(BaseCommand):
    help = """The money and the schedule of all projects of a city that a person may see.

    programme_money CITY --as lin.wei --json            sums, by district, by year and source, by month
    programme_money CITY --as lin.wei --xlsx FILE       the same as a workbook
    programme_money CITY --as lin.wei --schedule        a row for each project, with days late
    """

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("city")
        parser.add_argument("--as", dest="who", required=True, help="user name of the person who asks")
        parser.add_argument("--state", action="append", default=[])
        parser.add_argument("--xlsx", type=Path)
        parser.add_argument("--schedule", action="store_true")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["who"], is_active=True).first()
        if user is None:
            raise CommandError(f"no person {options['who']}")
        city = City.objects.filter(policies.visible_cities(user), code=options["city"]).first()
        if city is None:
            raise CommandError(f"no city {options['city']}")
        rows = pages.projects_visible_to(user, city)
        if options["state"]:
            rows = rows.filter(state__in=options["state"])
        answer: Any
        if options["schedule"]:
            answer = {"rows": schedule.answer(schedule.programme(rows))}
        else:
            said = programme_money.read(rows)
            if options["xlsx"]:
                options["xlsx"].write_bytes(programme_money_book.workbook(said, {}))
            answer = {
                "projects": said.projects, "total": said.total.__dict__, "districts": [one.__dict__ for one in said.districts],
                "lines": [[year, *cells, total] for year, cells, total in said.matrix.years], "curve": curve_answer(said.curve),
            }  # fmt: skip
        self.stdout.write(json.dumps(answer, ensure_ascii=False, default=str, indent=None if options["json"] else 2))  # fmt: skip
