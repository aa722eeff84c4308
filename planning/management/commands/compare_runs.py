"""manage.py compare_runs: two runs side by side, by service and area."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.choices import AreaLevel
from core.errors import DomainError
from planning.models import Run
from planning.services.batch_answers import comparison_answer


class Command(BaseCommand):
    help = (
        "Compare two finished runs of a city: what was asked differently, need and gap by service and area."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("before", metavar="RUN", help="reference of a finished run")
        parser.add_argument("after", metavar="OTHER", help="reference of the run to compare it with")
        parser.add_argument(
            "--level",
            type=int,
            choices=[int(one) for one in AreaLevel.values],
            help="only areas of this level",
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        runs = Run.objects.select_related("city", "scenario", "profile", "snapshot", "plan_version__plan")
        found = {run.ref: run for run in runs.filter(ref__in=[options["before"], options["after"]])}
        if missing := [ref for ref in (options["before"], options["after"]) if ref not in found]:
            raise CommandError(f"there is no run {', '.join(missing)}")
        try:
            answer = comparison_answer(
                found[options["before"]], found[options["after"]], user=None, level=options["level"]
            )
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        self.stdout.write(f"{answer['before']} -> {answer['after']}")
        for one in answer["differences"]:
            self.stdout.write(f"  {one['code']}: {one['before']} -> {one['after']}")
        for row in [*answer["totals"], *answer["areas"]]:
            self.stdout.write(_line(row))


def _line(row: dict[str, Any]) -> str:
    def told(side: str, name: str) -> str:
        return "—" if row[side] is None else f"{row[side][name]:,}"

    change = "—" if row["gap_change"] is None else f"{row['gap_change']:+,}"
    overlap = "  (ranges overlap)" if row.get("ranges_overlap") else ""
    where = f"{row['area']} {row['name_en'] or row['name']}" if "area" in row else "total"
    return (
        f"  {row['service']:<22} {where:<32} need {told('before', 'need'):>10} -> {told('after', 'need'):>10}"
        f"  gap {told('before', 'gap'):>10} -> {told('after', 'gap'):>10}  {change:>9}{overlap}"
    )
