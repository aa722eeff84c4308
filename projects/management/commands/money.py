import json
import uuid
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date

from core.errors import DomainError
from projects.api.money_serializers import (
    ContractSerializer,
    MoveSerializer,
    PaymentSerializer,
    curve_answer,
    money_answer,
)
from projects.models import Condition, ConditionMove, Contract, Milestone, Payment, Project, Tranche
from projects.selectors import money_curve, pages, schedule
from projects.services import amounts, cases, contracts, money, ties


class Command(BaseCommand):
    help = """The money of projects from the command line, as the person named by --as: the same rules hold.
    Amounts are yuan with at most two decimals.

    money show PJ-2026-0001 --as lin.wei                sums, lines, tranches, contracts, payments
    money curve PJ-2026-0001 --as lin.wei               planned, released, paid, done by month
    money schedule PJ-2026-0001 --as lin.wei            planned, reported, seen, late
    money lines PJ-2026-0001 2026:central:14600000 2027:local:10000000.50 --as lin.wei
    money ask PJ-2026-0001 1 --as lin.wei               ask for the release of tranche 1
    money contract PJ-2026-0001 HT-01 --payee NAME --code 91350100M000100Y43 --yuan 5000000 --on 2026-11-01 --as lin.wei
    money supplement PJ-2026-0001 HT-01 BC-1 --yuan -20000 --on 2026-12-01 --reason WHY --as lin.wei
    money pay PJ-2026-0001 1 --yuan 1000.50 --payee NAME --contract HT-01 --on 2026-11-20 --key K --as wang.jun
    money take-back PJ-2026-0001 17 --yuan 4 --reason WHY --key K2 --as wang.jun
    money tie PJ-2026-0001 2 --condition 5 --milestone 1 --as wang.jun
    money move PJ-2026-0001 5 1 2 --reason WHY --as wang.jun        condition 5 shall hold tranche 2, not 1
    money agree PJ-2026-0001 3 --reason WHY --as zhao.min           or: refuse
    """

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "act",
            choices=["show", "curve", "schedule", "lines", "ask", "contract", "supplement", "pay", "take-back", "tie", "move", "agree", "refuse"],
        )  # fmt: skip
        parser.add_argument("ref", help="reference of the project")
        parser.add_argument("words", nargs="*")
        parser.add_argument("--as", dest="who", required=True, help="user name of the person who acts")
        parser.add_argument("--yuan", default="")
        parser.add_argument("--payee", default="")
        parser.add_argument("--code", default="", help="unified social credit code of the payee")
        parser.add_argument("--contract", default="", help="number of the contract")
        parser.add_argument("--on", default="", help="the day it was signed or paid")
        parser.add_argument("--key", default="", help="the same key again is the same payment")
        parser.add_argument("--reason", default="")
        parser.add_argument("--note", default="")
        parser.add_argument("--condition", type=int, action="append", default=[])
        parser.add_argument("--milestone", type=int, action="append", default=[], help="its number")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["who"], is_active=True).first()
        if user is None:
            raise CommandError(f"no person {options['who']}")
        project = pages.projects_visible_to(user).filter(ref=options["ref"]).first()
        if project is None:
            raise CommandError(f"no project {options['ref']}")
        try:
            answer = getattr(self, f"do_{options['act'].replace('-', '_')}")(user, project, options["words"], options)  # fmt: skip
        except DomainError as refused:
            raise CommandError(f"{refused.code}: {refused.message}") from None
        except (IndexError, ValueError):
            raise CommandError(f"money {options['act']} needs other words; see money --help") from None
        self.stdout.write(
            json.dumps(answer, ensure_ascii=False, default=str, indent=None if options["json"] else 2)
        )

    def _tranche(self, project: Project, number: str) -> Tranche:
        return self._found(project.tranches.select_related("project__area").filter(number=int(number)), f"tranche {number}")  # fmt: skip

    def _found(self, rows: Any, words: str) -> Any:
        found = rows.first()
        if found is None:
            raise CommandError(f"no {words}")
        return found

    def _day(self, text: str) -> Any:
        day = parse_date(text) if text else timezone.localdate()
        if day is None:
            raise CommandError(f"{text} is no day")
        return day

    def _contract(self, project: Project, number: str) -> Contract:
        rows = Contract.objects.select_related("project__area").filter(project=project, number=number)
        return self._found(rows, f"contract {number}")

    def do_show(self, user: Any, project: Project, words: list[str], options: dict[str, Any]) -> Any:
        return money_answer(project)

    def do_curve(self, user: Any, project: Project, words: list[str], options: dict[str, Any]) -> Any:
        return curve_answer(money_curve.curve(project))

    def do_schedule(self, user: Any, project: Project, words: list[str], options: dict[str, Any]) -> Any:
        return {"rows": schedule.answer(schedule.of_project(project))}

    def do_lines(self, user: Any, project: Project, words: list[str], options: dict[str, Any]) -> Any:
        lines = []
        for word in words:
            year, source, yuan = word.split(":")
            lines.append((int(year), source, amounts.fen_of(yuan)))
        money.set_lines(user=user, project=project, lines=lines)
        return money_answer(Project.objects.get(pk=project.pk))

    def do_ask(self, user: Any, project: Project, words: list[str], options: dict[str, Any]) -> Any:
        case = cases.ask_release(user=user, tranche=self._tranche(project, words[0]))
        return {"case": case.ref, "tranche": int(words[0]), "state": case.state}

    def do_contract(self, user: Any, project: Project, words: list[str], options: dict[str, Any]) -> Any:
        made = contracts.sign(
            user=user, project=project, number=words[0], payee=options["payee"], payee_code=options["code"],
            amount_fen=amounts.fen_of(options["yuan"]), signed_on=self._day(options["on"]), note=options["note"],
        )  # fmt: skip
        return ContractSerializer(made).data

    def do_supplement(self, user: Any, project: Project, words: list[str], options: dict[str, Any]) -> Any:
        contract, yuan = self._contract(project, words[0]), options["yuan"]
        fen = -amounts.fen_of(yuan[1:]) if yuan.startswith("-") else amounts.fen_of(yuan)
        contracts.supplement(
            user=user, contract=contract, number=words[1], amount_fen=fen, signed_on=self._day(options["on"]),
            reason=options["reason"],
        )  # fmt: skip
        return ContractSerializer(Contract.objects.get(pk=contract.pk)).data

    def do_pay(self, user: Any, project: Project, words: list[str], options: dict[str, Any]) -> Any:
        if not options["key"] or not options["on"]:
            raise CommandError("pay needs --on and --key: the same key again is the same payment")
        made = money.pay(
            user=user, tranche=self._tranche(project, words[0]), amount_fen=amounts.fen_of(options["yuan"]),
            payee=options["payee"], paid_on=self._day(options["on"]), key=options["key"], note=options["note"],
            contract=self._contract(project, options["contract"]) if options["contract"] else None,
        )  # fmt: skip
        return PaymentSerializer(made).data

    def do_take_back(self, user: Any, project: Project, words: list[str], options: dict[str, Any]) -> Any:
        rows = Payment.objects.select_related("project__area", "tranche", "contract")
        payment = self._found(rows.filter(pk=int(words[0]), project=project), f"payment {words[0]}")
        made = money.take_back(
            user=user, payment=payment, key=options["key"] or str(uuid.uuid4()), reason=options["reason"],
            amount_fen=amounts.fen_of(options["yuan"]) if options["yuan"] else None,
        )  # fmt: skip
        return PaymentSerializer(made).data

    def do_tie(self, user: Any, project: Project, words: list[str], options: dict[str, Any]) -> Any:
        ties.tie_more(
            user=user, tranche=self._tranche(project, words[0]),
            conditions=[self._condition(project, pk) for pk in options["condition"]],
            milestones=[self._found(Milestone.objects.filter(project=project, number=one), f"milestone {one}") for one in options["milestone"]],
        )  # fmt: skip
        return money_answer(project)

    def _condition(self, project: Project, pk: int) -> Condition:
        rows = Condition.objects.select_related("project__area").filter(project=project, pk=pk)
        return self._found(rows, f"condition {pk}")

    def do_move(self, user: Any, project: Project, words: list[str], options: dict[str, Any]) -> Any:
        move = ties.ask_move(
            user=user, condition=self._condition(project, int(words[0])), from_tranche=self._tranche(project, words[1]),
            to_tranche=self._tranche(project, words[2]), reason=options["reason"],
        )  # fmt: skip
        return MoveSerializer(move).data

    def do_agree(self, user: Any, project: Project, words: list[str], options: dict[str, Any]) -> Any:
        return self._answer(user, project, words, options, agree=True)

    def do_refuse(self, user: Any, project: Project, words: list[str], options: dict[str, Any]) -> Any:
        return self._answer(user, project, words, options, agree=False)

    def _answer(self, user: Any, project: Project, words: list[str], options: dict[str, Any], agree: bool) -> Any:  # fmt: skip
        rows = ConditionMove.objects.select_related("condition__project__area", "from_tranche", "to_tranche")
        move = self._found(rows.filter(pk=int(words[0]), condition__project=project), f"move {words[0]}")
        return MoveSerializer(
            ties.answer_move(user=user, move=move, agree=agree, words=options["reason"])
        ).data
