from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_date

from planning.models import PlanVersion
from projects.api.case_serializers import CaseSerializer, inbox_answer
from projects.api.serializers import ProjectSerializer
from projects.management.commands._acting import ActingCommand
from projects.models import Case, Project, ReturnItem, Step
from projects.selectors import pages
from projects.selectors.inbox import inbox
from projects.services import cases, drafts, routes


class Command(ActingCommand):
    help = """Projects and their cases from the command line, as the person named by --as: the same rules hold.

    project list --as lin.wei
    project from-plan P-2026-0001 2 --order 3 --as lin.wei
    project submit PJ-2026-0001 --route approval --as lin.wei
    project inbox --as wang.jun [--kind decide] [--due overdue|week] [--area 510104]
    project act C-2026-0001 completeness done --as wang.jun
    project answer C-2026-0001 17 "added" --as lin.wei
    project resubmit C-2026-0001 --as lin.wei
    project ask PJ-2026-0001 1 --as lin.wei
    project settle PJ-2026-0001 4 "seen on site" --as wang.jun
    project escalate --as tang.lei           late tasks are told to the one above; run it once a day
    """

    acts = ("list", "show", "from-plan", "submit", "inbox", "act", "answer", "resubmit", "withdraw", "ask", "settle", "escalate")  # fmt: skip

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--order", type=int, action="append", default=[])
        parser.add_argument("--route", default="approval")
        parser.add_argument("--reason", default="")
        parser.add_argument("--item", action="append", default=[], help="what has to change, with a return")
        parser.add_argument("--condition", action="append", default=[], help="TEXT or TEXT|2026-12-15")
        parser.add_argument("--kind", default="", help="inbox: decide, recommend, condition …")
        parser.add_argument("--due", default="", choices=["", "overdue", "week"], help="inbox: only these")
        parser.add_argument("--area", default="", help="inbox: code of an area")

    def _project(self, user: Any, ref: str) -> Project:
        found = pages.projects_visible_to(user).filter(ref=ref).first()
        if found is None:
            raise CommandError(f"no project {ref}")
        return found

    def _case(self, user: Any, ref: str) -> Case:
        found = Case.objects.filter(ref=ref, project__in=pages.projects_visible_to(user)).first()
        if found is None:
            raise CommandError(f"no case {ref}")
        return found

    def do_list(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        rows = pages.projects_visible_to(user)
        return list(rows.values("ref", "name", "state", "units", "cost_fen", "approved_fen"))

    def do_show(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        project = self._project(user, words[0])
        return dict(ProjectSerializer(project).data) | {
            "cases": [dict(CaseSerializer(case).data) for case in project.cases.all()]
        }

    def do_from_plan(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        version = PlanVersion.objects.filter(plan__ref=words[0], number=int(words[1])).first()
        if version is None:
            raise CommandError(f"no version {words[1]} of {words[0]}")
        made = drafts.from_plan(user=user, version=version, orders=options["order"])
        return [{"ref": one.ref, "name": one.name, "cost_fen": one.cost_fen} for one in made]

    def do_submit(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        route = routes.current(code=options["route"])
        return CaseSerializer(
            cases.submit(user=user, project=self._project(user, words[0]), route=route)
        ).data

    def do_inbox(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        chosen = {"kind": options["kind"], "due": options["due"], "area": options["area"]}
        return inbox_answer(inbox(user, None, chosen))

    def do_act(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        case = self._case(user, words[0])
        step = Step.objects.filter(case=case, round=case.round, task__code=words[1]).first()
        if step is None:
            raise CommandError(f"no task {words[1]} in {case.ref}")
        conditions = [
            (text.partition("|")[0], parse_date(text.partition("|")[2])) for text in options["condition"]
        ]
        cases.act(
            user=user,
            step=step,
            outcome=words[2],
            reason=options["reason"],
            items=options["item"],
            conditions=conditions,
        )
        return CaseSerializer(self._case(user, words[0])).data

    def do_answer(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        item = ReturnItem.objects.filter(pk=int(words[1]), step__case=self._case(user, words[0])).first()
        if item is None:
            raise CommandError(f"no item {words[1]}")
        cases.answer(user=user, item=item, text=words[2])
        return CaseSerializer(self._case(user, words[0])).data

    def do_resubmit(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        return CaseSerializer(cases.resubmit(user=user, case=self._case(user, words[0]))).data

    def do_withdraw(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        case = cases.withdraw(user=user, case=self._case(user, words[0]), reason=options["reason"])
        return CaseSerializer(case).data

    def do_ask(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        tranche = self._project(user, words[0]).tranches.filter(number=int(words[1])).first()
        if tranche is None:
            raise CommandError(f"no tranche {words[1]}")
        return CaseSerializer(cases.ask_release(user=user, tranche=tranche)).data

    def do_settle(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        condition = self._project(user, words[0]).conditions.filter(pk=int(words[1])).first()
        if condition is None:
            raise CommandError(f"no condition {words[1]}")
        met = cases.settle_condition(user=user, condition=condition, note=words[2])
        return {"condition": met.text, "state": met.state}

    def do_escalate(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        return [
            {"case": step.case.ref, "task": step.task.code, "due_on": step.due_on}
            for step in cases.escalate()
        ]
