"""manage.py plan_phase: years and money of a plan version; with --year, a draft is phased anew."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError, InvalidInput
from core.services import jobs
from planning.models import PlanVersion
from planning.selectors.plan_money import plan_money
from planning.services.answers import wait_for
from planning.services.plan_money_answers import money_answer
from planning.services.plan_years import phase_again


def version_named(ref: str, number: int | None) -> PlanVersion:
    """A version of a plan, the newest where no number is given. Raises CommandError."""
    versions = (
        PlanVersion.objects.filter(plan__ref=ref).select_related("plan__city", "job").order_by("-number")
    )
    found = versions.filter(number=number).first() if number else versions.first()
    if found is None:
        raise CommandError(f"no plan {ref}" + (f" version {number}" if number else ""))
    return found


def fen(text: str) -> int:
    return round(float(text) * 100)


class Command(BaseCommand):
    help = (
        "Years and money of a plan version. With --year, give a draft other yearly budgets and sources first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plan", metavar="REF")
        parser.add_argument("--number", type=int, help="version; the newest when not given")
        parser.add_argument(
            "--year", action="append", default=[], metavar="YEAR=YUAN", help="budget of a year; repeat"
        )
        parser.add_argument("--no-carry-over", action="store_true", help="what a year leaves over is lost")
        parser.add_argument(
            "--fund", action="append", default=[], metavar="SOURCE[=YUAN][:KIND,KIND]",
            help="a source of money, its limit (none: without end) and what it pays for (none: everything); repeat",
        )  # fmt: skip
        parser.add_argument(
            "--inline", action="store_true", help="compute in this process instead of a worker"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        version = version_named(options["plan"], options["number"])
        try:
            if options["year"]:
                job = phase_again(
                    user=None, version=version, years=[self._year(one) for one in options["year"]],
                    carry_over=not options["no_carry_over"], funds=dict(self._fund(one) for one in options["fund"]),
                )  # fmt: skip
                if options["inline"]:
                    jobs.perform(job.ref)
                wait_for(job, self.stderr.write)
                version.refresh_from_db()
            elif options["fund"] or options["no_carry_over"]:
                raise CommandError("--fund and --no-carry-over go with --year")
        except InvalidInput as refused:
            told = "; ".join(f"{one.column}: {one.message}" for one in refused.problems)
            raise CommandError(f"{refused.message} {told}") from None
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        answer = money_answer(version, plan_money(version, user=None))
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        for year in answer["years"]:
            sources = "  ".join(
                f"{name} ¥{amount / 100:,.0f}" for name, amount in year["by_source_fen"].items()
            )
            self.stdout.write(
                f"{year['year']}  {year['interventions']:>3}  ¥{year['cost_fen'] / 100:>14,.2f}  {sources}"
            )
        for row in answer["interventions"]:
            self.stdout.write(
                f"  {row['order']:>3}  {row['year'] or row['not_done'] or '-':>8}  {row['kind']:<8} ¥{row['cost_fen'] / 100:>14,.2f}  {row['name']}"
            )

    def _year(self, text: str) -> dict[str, int]:
        try:
            year, _, budget = text.partition("=")
            return {"year": int(year), "budget_fen": fen(budget)}
        except ValueError:
            raise CommandError("--year reads YEAR=YUAN") from None

    def _fund(self, text: str) -> tuple[str, dict[str, Any]]:
        rest, _, kinds = text.partition(":")
        source, _, limit = rest.partition("=")
        try:
            return source, {
                "limit_fen": fen(limit) if limit else None,
                "kinds": [one for one in kinds.split(",") if one],
            }
        except ValueError:
            raise CommandError("--fund reads SOURCE[=YUAN][:KIND,KIND]") from None
