"""manage.py plan_compare: two versions of plans side by side."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from planning.models import PlanVersion
from planning.selectors.plan_comparisons import compare_versions, named_version
from planning.services.plan_answers import comparison_told


def version_named(words: str) -> PlanVersion:
    found = named_version(words, user=None)
    if found is None:
        raise CommandError(f"there is no version {words}")
    return found


class Command(BaseCommand):
    help = "Compare two versions of a city's plans: what they stand on, figures with differences, interventions they share."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "a", metavar="A", help="like P-2026-0001:1; the newest version when no number stands"
        )
        parser.add_argument("b", metavar="B", help="the version beside it")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        a, b = version_named(options["a"]), version_named(options["b"])
        try:
            told = comparison_told(compare_versions(a, b, user=None))
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        if options["json"]:
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        self.stdout.write(f"A {a.plan.ref}:{a.number}   B {b.plan.ref}:{b.number}")
        for one in told["stands_on"]:
            self.stdout.write(
                f"  {one['label']}: {one['a']} | {one['b']}{'' if one['weighty'] else '  (as asked)'}"
            )
        for one in [*told["figures"], *told["money"]]:
            place = f"{one['service']} {one['run']}" if one["service"] else ""
            self.stdout.write(
                f"  {place:<40} {one['label']:<30} {_number(one['a']):>18} {_number(one['b']):>18} {_number(one['change']):>18}"
            )
        counts = told["counts"]
        self.stdout.write(
            f"  only in A {counts['only_a']}, only in B {counts['only_b']}, other size or price {counts['size']}, in both {counts['both']}"
        )


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:,.4g}" if abs(value) < 1 and value else f"{value:,.0f}"
