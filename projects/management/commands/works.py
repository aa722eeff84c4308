"""Works from the command line: the same rules hold as on the pages."""

from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from projects.management.commands._acting import ActingCommand
from projects.models import Finding, Inspection, Project, WorksRule
from projects.selectors import pages, site
from projects.selectors import works as seen
from projects.services import inspections, milestones, photos, works, works_rules
from projects.services.inspections import FindingSaid
from projects.services.pictures import read_bytes


def _day(text: str) -> date:
    return date.fromisoformat(text)


class Command(ActingCommand):
    help = """Works on site, as the person named by --as.

    works show PJ-2026-0001 --as wang.jun
    works waiting --as wang.jun
    works start PJ-2026-0001 2026-08-12 [--reason TEXT] --as lin.wei
    works report PJ-2026-0001 2026-09 35 "foundations" [--reason TEXT] [--photo FILE …] --as lin.wei
    works correct PJ-2026-0001 2026-09 33 "foundations" --reason TEXT [--photo FILE …] --as lin.wei
    works photos PJ-2026-0001 2026-09 FILE … --as lin.wei
    works milestone PJ-2026-0001 1 2026-10-22 [--reason TEXT] [--photo FILE …] --as lin.wei
    works see PJ-2026-0001 1 2026-10-25 [--inspection IN-2026-0001] --as wang.jun
    works send-back PJ-2026-0001 1 --reason TEXT --as wang.jun
    works move PJ-2026-0001 1 2026-11-30 --reason TEXT --as wang.jun
    works plan PJ-2026-0001 2026-11-10 --as wang.jun
    works inspect IN-2026-0001 2026-11-10 35 "as seen" [--seen 1] [--finding "safety|text|clause|2026-12-01"] --as wang.jun
    works call-off IN-2026-0001 --reason TEXT --as wang.jun
    works rectify F-2026-0001 "done" [--photo FILE …] --as lin.wei
    works close F-2026-0001 "seen" --as wang.jun
    works reopen F-2026-0001 "north side is missing" [--due 2026-12-01] --as wang.jun
    works limits [--set photo_distance_m=300 --source TEXT --certainty D --reason TEXT] [--publish VERSION] --as zhao.min
    """

    acts = (
        "show", "waiting", "start", "report", "correct", "photos", "milestone", "see", "send-back", "move", "plan",
        "inspect", "call-off", "rectify", "close", "reopen", "limits",
    )  # fmt: skip

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", default="")
        parser.add_argument("--photo", action="append", default=[], help="path of a picture")
        parser.add_argument("--inspection", default="")
        parser.add_argument(
            "--seen", action="append", type=int, default=[], help="number of a milestone that is there"
        )
        parser.add_argument("--finding", action="append", default=[], help="SEVERITY|TEXT|CLAUSE|DUE")
        parser.add_argument("--due", default="")
        parser.add_argument("--set", dest="values", action="append", default=[], help="NAME=VALUE")
        parser.add_argument("--source", default="")
        parser.add_argument("--certainty", default="D")
        parser.add_argument("--publish", type=int)

    # --- what is acted on --------------------------------------------------------------------------

    def _project(self, user: Any, ref: str) -> Project:
        found = pages.projects_visible_to(user).filter(ref=ref).first()
        if found is None:
            raise CommandError(f"no project {ref}")
        return found

    def _milestone(self, user: Any, words: list[str]) -> Any:
        found = self._project(user, words[0]).milestones.filter(number=int(words[1])).first()
        if found is None:
            raise CommandError(f"no milestone {words[1]}")
        return found

    def _inspection(self, user: Any, ref: str) -> Inspection:
        found = Inspection.objects.filter(ref=ref, project__in=pages.projects_visible_to(user)).first()
        if found is None:
            raise CommandError(f"no inspection {ref}")
        return found

    def _finding(self, user: Any, ref: str) -> Finding:
        found = Finding.objects.filter(
            ref=ref, inspection__project__in=pages.projects_visible_to(user)
        ).first()
        if found is None:
            raise CommandError(f"no finding {ref}")
        return found

    def _report(self, user: Any, words: list[str]) -> Any:
        found = self._project(user, words[0]).reports.filter(month=_day(f"{words[1]}-01")).first()
        if found is None:
            raise CommandError(f"no report of {words[1]}")
        return found

    def _pictures(self, paths: list[str]) -> list[Any]:
        found = []
        for one in paths:
            if not Path(one).is_file():
                raise CommandError(f"no file {one}")
            found.append(read_bytes(Path(one).name, Path(one).read_bytes()))
        return found

    # --- acts --------------------------------------------------------------------------------------

    def do_show(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        project = self._project(user, words[0])
        found = seen.summary(project)
        return {
            "project": project.ref, "state": project.state, "started_on": project.started_on, "percent": found.percent,
            "planned_percent": found.planned_percent,
            "shares": [{"on": day, "percent": share, "basis": basis} for day, share, basis in seen.percent_series(project)],
            "months_missing": [f"{month:%Y-%m}" for month in found.months_missing],
            "milestones": [
                {
                    "number": view.milestone.number, "name": view.milestone.name, "approved_on": view.approved_on,
                    "planned_on": view.milestone.planned_on, "reported_on": view.milestone.reported_on,
                    "reached_on": view.milestone.reached_on,
                }
                for view in site.milestone_views(project)
            ],
            "findings": [
                {"ref": one.ref, "state": one.state, "due_on": one.due_on, "text": one.text} for one in site.findings_of(project)
            ],
            "photos": [
                {
                    "id": view.photo.pk, "name": view.photo.name, "distance_m": view.photo.distance_m,
                    "problems": [one.words for one in view.problems],
                }
                for view in site.photo_views(list(site.photos_of(project)), user)
            ],
        }  # fmt: skip

    def do_waiting(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        return [
            {
                "kind": row["kind"],
                "title": row["title"],
                "due_on": row["due_on"],
                "project": row["project"].ref,
            }
            for row in seen.waiting_for(user, None)
        ]

    def do_start(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        project = self._project(user, words[0])
        begin = works.correct_start if project.state == "works" else works.start
        done = begin(user=user, project=project, started_on=_day(words[1]), reason=options["reason"])
        return {"project": done.ref, "started_on": done.started_on}

    def do_report(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        made = works.report(
            user=user, project=self._project(user, words[0]), month=_day(f"{words[1]}-01"), works_percent=float(words[2]),
            text=words[3], reason=options["reason"], pictures=self._pictures(options["photo"]),
        )  # fmt: skip
        return self._said(made)

    def do_correct(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        made = works.correct_report(
            user=user, report=self._report(user, words), works_percent=float(words[2]), text=words[3],
            reason=options["reason"], pictures=self._pictures(options["photo"]),
        )  # fmt: skip
        return self._said(made)

    def _said(self, made: Any) -> dict[str, Any]:
        return {
            "month": f"{made.month:%Y-%m}", "works_percent": made.works_percent, "version": made.version,
            "photos": [{"name": one.name, "problems": one.problems} for one in made.photos.all()],
        }  # fmt: skip

    def do_photos(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        report = self._report(user, words)
        with ExitStack() as held:
            files = []
            for one in words[2:]:
                if not Path(one).is_file():
                    raise CommandError(f"no file {one}")
                files.append(held.enter_context(Path(one).open("rb")))
            made = photos.add(user=user, project=report.project, uploads=files, report=report)
        return [{"name": one.name, "problems": one.problems} for one in made]

    def do_milestone(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        made = milestones.report(
            user=user, milestone=self._milestone(user, words), reported_on=_day(words[2]), text=options["reason"],
            pictures=self._pictures(options["photo"]),
        )  # fmt: skip
        return {"milestone": made.number, "reported_on": made.reported_on}

    def do_see(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        found = self._inspection(user, options["inspection"]) if options["inspection"] else None
        made = milestones.see(
            user=user, milestone=self._milestone(user, words), reached_on=_day(words[2]), text=options["reason"],
            inspection=found, pictures=self._pictures(options["photo"]),
        )  # fmt: skip
        return {"milestone": made.number, "reached_on": made.reached_on}

    def do_send_back(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        made = milestones.send_back(
            user=user, milestone=self._milestone(user, words), reason=options["reason"]
        )
        return {"milestone": made.number, "reported_on": made.reported_on}

    def do_move(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        made = milestones.revise(
            user=user,
            milestone=self._milestone(user, words),
            planned_on=_day(words[2]),
            reason=options["reason"],
        )
        return {"milestone": made.number, "planned_on": made.planned_on}

    def do_plan(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        made = inspections.plan(user=user, project=self._project(user, words[0]), planned_on=_day(words[1]))
        return {"inspection": made.ref, "planned_on": made.planned_on}

    def do_inspect(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        inspection = self._inspection(user, words[0])
        found = []
        for one in options["finding"]:
            severity, text, clause, due = [*one.split("|"), "", "", ""][:4]
            found.append(FindingSaid(text, severity, clause, _day(due) if due else None))
        made = inspections.do(
            user=user, inspection=inspection, done_on=_day(words[1]), works_percent=float(words[2]), note=words[3],
            milestones=list(inspection.project.milestones.filter(number__in=options["seen"])), findings=found,
            pictures=self._pictures(options["photo"]),
        )  # fmt: skip
        return {
            "inspection": made.ref, "works_percent": made.works_percent,
            "findings": list(made.findings.values("ref", "severity", "due_on")),
        }  # fmt: skip

    def do_call_off(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        made = inspections.call_off(
            user=user, inspection=self._inspection(user, words[0]), reason=options["reason"]
        )
        return {"inspection": made.ref, "called_off_at": made.called_off_at}

    def do_rectify(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        made = inspections.rectify(
            user=user,
            finding=self._finding(user, words[0]),
            text=words[1],
            pictures=self._pictures(options["photo"]),
        )
        return {"finding": words[0], "round": made.number}

    def do_close(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        made = inspections.check(
            user=user, finding=self._finding(user, words[0]), accepted=True, answer=words[1]
        )
        return {"finding": made.ref, "state": made.state}

    def do_reopen(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        made = inspections.check(
            user=user, finding=self._finding(user, words[0]), accepted=False, answer=words[1],
            due_on=_day(options["due"]) if options["due"] else None,
        )  # fmt: skip
        return {"finding": made.ref, "state": made.state, "due_on": made.due_on}

    def do_limits(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        if options["publish"]:
            rule = WorksRule.objects.filter(version=options["publish"]).first()
            if rule is None:
                raise CommandError(f"no version {options['publish']}")
            works_rules.publish(user=user, rule=rule)
        elif options["values"]:
            values = dict(one.split("=", 1) for one in options["values"])
            rule = works_rules.draft(
                user=user,
                values=values,
                source=options["source"],
                certainty=options["certainty"],
                reason=options["reason"],
            )
        else:
            rule = works_rules.current().rule or WorksRule()
        return {
            "version": rule.version, "state": rule.state, "on": timezone.localdate(),
            "values": {name: said["value"] for name, said in rule.values.items()},
        }  # fmt: skip
