import json
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date

from core.errors import DomainError, InvalidInput
from core.models import City
from projects.api.handover_serializers import HandoverSerializer, RealisedSerializer
from projects.models import Project, RealisedGap
from projects.selectors import checklist, pages
from projects.selectors.results import main_runs
from projects.services import handover, results


class Command(BaseCommand):
    help = """Handovers from the command line, as the person named by --as: the same rules hold.

    handover show PJ-2026-0001 --as lin.wei
    handover checklist PJ-2026-0001 --as wang.jun
    handover report PJ-2026-0001 --units 880 --hours 24 [--barrier-free 40] [--as-built FILE.json] --as sun.li
    handover check PJ-2026-0001 --units 880 --hours 22 --passed [--no ITEM] [--na ITEM=why] [--on 2026-11-20] --as wang.jun
    handover accept PJ-2026-0001 --check 1 [--although TEXT] --as zhao.min
    handover results [CITY] --as lin.wei            promised against realised
    handover reckon [CITY] --as lin.wei             score the newest runs without the finished works
    """

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "act", choices=["show", "checklist", "report", "check", "accept", "results", "reckon"]
        )
        parser.add_argument("ref", nargs="?", default="")
        parser.add_argument("--as", dest="who", required=True, help="user name of the person who acts")
        parser.add_argument("--units")
        parser.add_argument("--hours")
        parser.add_argument("--barrier-free")
        parser.add_argument("--as-built", help="JSON file; see docs/handover.md")
        parser.add_argument("--on", help="day of the trial; today")
        parser.add_argument("--passed", action="store_true")
        parser.add_argument("--no", action="append", default=[], help="item of the checklist that is not so")
        parser.add_argument("--na", action="append", default=[], help="item that does not apply, ITEM=why")
        parser.add_argument("--check", type=int)
        parser.add_argument("--although", default="")
        parser.add_argument("--note", default="")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["who"], is_active=True).first()
        if user is None:
            raise CommandError(f"no person {options['who']}")
        try:
            answer = getattr(self, f"do_{options['act']}")(user, options["ref"], options)
        except InvalidInput as refused:
            lines = [f"{one.column}: {one.message}" for one in refused.problems]
            raise CommandError("\n".join([f"{refused.code}: {refused.message}", *lines])) from None
        except DomainError as refused:
            raise CommandError(f"{refused.code}: {refused.message}") from None
        self.stdout.write(
            json.dumps(answer, ensure_ascii=False, default=str, indent=None if options["json"] else 2)
        )

    def _project(self, user: Any, ref: str) -> Project:
        found = (
            pages.projects_visible_to(user).select_related("facility", "idle_asset").filter(ref=ref).first()
        )
        if found is None:
            raise CommandError(f"no project {ref}")
        return found

    def _shown(self, user: Any, ref: str) -> Any:
        return dict(HandoverSerializer(self._project(user, ref)).data)

    def _city(self, user: Any, code: str) -> City:
        cities = City.objects.filter(code=code) if code else City.objects.all()
        found = cities.first()
        if found is None or (not code and cities.count() > 1):
            raise CommandError("name the city")
        return found

    def do_show(self, user: Any, ref: str, options: dict[str, Any]) -> Any:
        return self._shown(user, ref)

    def do_checklist(self, user: Any, ref: str, options: dict[str, Any]) -> Any:
        project = self._project(user, ref)
        items = [vars(one) for one in checklist.items_for(project)]
        return {
            "checklist": checklist.checklist_name(),
            "limit_hours": checklist.limit_hours(project),
            "items": items,
        }

    def do_report(self, user: Any, ref: str, options: dict[str, Any]) -> Any:
        as_built: dict[str, Any] = {}
        if options["as_built"]:
            try:
                with open(options["as_built"], encoding="utf-8") as file:
                    as_built = json.load(file)
            except (OSError, ValueError) as broken:
                raise CommandError(f"{options['as_built']}: {broken}") from None
        handover.report(
            user=user, project=self._project(user, ref), built_units=options["units"], reported_hours=options["hours"],
            barrier_free_units=options["barrier_free"], as_built=as_built, note=options["note"],
        )  # fmt: skip
        return self._shown(user, ref)

    def do_check(self, user: Any, ref: str, options: dict[str, Any]) -> Any:
        project = self._project(user, ref)
        notes = dict(text.partition("=")[::2] for text in options["na"])
        answers = {one.code: checklist.YES for one in checklist.items_for(project)}
        answers |= dict.fromkeys(options["no"], checklist.NO) | dict.fromkeys(notes, checklist.NA)
        handover.check(
            user=user, project=project, checked_on=parse_date(options["on"] or "") or timezone.localdate(),
            tried_units=options["units"] or 0, tried_hours=options["hours"] or 0, answers=answers, notes=notes,
            passed=options["passed"], note=options["note"],
        )  # fmt: skip
        return self._shown(user, ref)

    def do_accept(self, user: Any, ref: str, options: dict[str, Any]) -> Any:
        if options["check"] is None:
            raise CommandError("name the check that was read with --check")
        handover.accept(
            user=user,
            project=self._project(user, ref),
            check_number=options["check"],
            although=options["although"],
            note=options["note"],
        )
        return self._shown(user, ref)

    def do_results(self, user: Any, ref: str, options: dict[str, Any]) -> Any:
        city = self._city(user, ref)
        seen = pages.projects_visible_to(user, city).values("pk")
        rows = RealisedGap.objects.filter(
            city=city, run__in=[run.pk for run in main_runs(city)], project__in=seen
        )
        return RealisedSerializer(rows.select_related("project", "run__scenario", "service"), many=True).data

    def do_reckon(self, user: Any, ref: str, options: dict[str, Any]) -> Any:
        job, created = results.start(user=user, city=self._city(user, ref))
        return {"job": job.ref, "created": created}
