"""manage.py plan_explain: why each place of a plan is in it, and why the others are not."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import DomainError
from core.services import jobs
from planning.models import PlanVersion
from planning.selectors.explanations import REASONS, Wanted, listed, told_to
from planning.services import explanations
from planning.services.answers import wait_for
from planning.services.explanation_answers import explanation_answer, rejected_answer


def version_named(ref: str, number: int | None) -> PlanVersion:
    """The version of that number, else the newest one that is computed."""
    versions = PlanVersion.objects.filter(plan__ref=ref).select_related("plan__city", "job")
    if number is not None:
        version = versions.filter(number=number).first()
    else:
        version = versions.filter(state__in=explanations.COMPUTED).order_by("-number").first()
    if version is None:
        raise CommandError(
            f"there is no computed version of {ref}"
            if number is None
            else f"there is no version {number} of {ref}"
        )
    return version


class Command(BaseCommand):
    help = "Explain a plan's version: who has no other place, what is lost without each, and why other places are not in it."

    def create_parser(self, prog_name: str, subcommand: str, **more: Any) -> CommandParser:
        # --version is the plan's here, not Django's
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **more)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ref", help="reference of the plan")
        parser.add_argument(
            "--version",
            dest="number",
            type=int,
            default=None,
            help="number of the version; the newest when not given",
        )
        parser.add_argument(
            "--reason",
            action="append",
            default=[],
            choices=REASONS,
            help="only rejected places for this reason",
        )
        parser.add_argument("--kind", action="append", default=[])
        parser.add_argument("--service", action="append", default=[])
        parser.add_argument("--area", default="", help="code; the area and all inside it")
        parser.add_argument("--search", default="")
        parser.add_argument(
            "--ordering",
            default="",
            help="gain, per_yuan, swap_net, cost_fen, units, name; - for the largest first",
        )
        parser.add_argument("--most", type=int, default=20, help="rejected places to tell; 0 for all")
        parser.add_argument(
            "--inline", action="store_true", help="compute in this process instead of a worker"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        version = version_named(options["ref"], options["number"])
        try:
            job = explanations.start(user=None, version=version)
            if job is not None:
                if options["inline"]:
                    jobs.perform(job.ref)
                wait_for(job, self.stderr.write)
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        told = told_to(version, user=None)
        if told is None:
            raise CommandError("the plan changed meanwhile; try again")
        wanted = Wanted(
            kind=options["kind"], service=options["service"], area=[options["area"]] if options["area"] else (), reason=options["reason"], search=options["search"],
            ordering=options["ordering"],
        )  # fmt: skip
        rows = listed(told.rejected, wanted)
        shown = [
            rejected_answer(row, told) for row in (rows[: options["most"]] if options["most"] > 0 else rows)
        ]
        answer = explanation_answer(version, user=None)
        if options["json"]:
            answer["rejected"] |= {"matching": len(rows), "results": shown}
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        facts = answer["facts"]
        proved = "no exchange of one for one helps" if facts["no_swap_helps"] else "an exchange may help"
        self.stdout.write(
            f"{version.plan.ref} version {version.number}  value {facts['value']:,.1f}  {proved}"
        )
        for row in answer["chosen"]:
            one, after = told.names[row["order"]], row["next"]
            best = f"; next {after['name_en'] or after['name']} ({after['value']:,.1f})" if after else ""
            need = max(row["only_need"].values(), default=0)
            self.stdout.write(
                f"  {row['order']:>3} {one.name_en or one.name:<32} without it -{row['lost']:,.1f}  only here {need:,}{best}"
            )
        self.stdout.write(f"  {answer['rejected']['count']:,} not in the plan, {len(rows):,} match:")
        for row in shown:
            self.stdout.write(
                f"      {row['name_en'] or row['name']:<32} {row['key']:<16} +{row['gain']:,.1f}  {row['words']}"
            )
