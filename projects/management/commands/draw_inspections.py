"""Draws of inspections from the command line, and their recomputation by anybody."""

import json
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from core import policies
from core.errors import DomainError
from core.models import Area, City
from projects.models import InspectionDraw
from projects.services import draws


class Command(BaseCommand):
    help = """Draw inspections by risk, with a seed that is known only after the list was published.

    draw_inspections --announce 5 --city demo --event "China Sports Lottery 26136" --known-from 2026-11-24T21:00 --as gao.feng
    draw_inspections --draw D-2026-0001 --seed "03 07 12 18 25 04 11" --as gao.feng
    draw_inspections --void D-2026-0001 --reason TEXT --as gao.feng
    draw_inspections --check D-2026-0001      computes list and result again; ends with 1 when they differ
    draw_inspections --list
    """

    def add_arguments(self, parser: CommandParser) -> None:
        act = parser.add_mutually_exclusive_group(required=True)
        act.add_argument("--announce", type=int, metavar="COUNT")
        act.add_argument("--draw", metavar="DRAW")
        act.add_argument("--void", metavar="DRAW")
        act.add_argument("--check", metavar="DRAW")
        act.add_argument("--list", action="store_true")
        parser.add_argument("--city", default="")
        parser.add_argument("--area", default="")
        parser.add_argument("--event", default="")
        parser.add_argument("--known-from", default="")
        parser.add_argument("--seed", default="")
        parser.add_argument("--reason", default="")
        parser.add_argument("--as", dest="who", default="", help="user name of the person who acts")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            answer = self._answer(options)
        except DomainError as refused:
            raise CommandError(f"{refused.code}: {refused.message}") from None
        self.stdout.write(
            json.dumps(answer, ensure_ascii=False, default=str, indent=None if options["json"] else 2)
        )
        if options["check"] and not answer["same"]:
            raise CommandError("what was drawn is not what the seed makes of the list")

    def _answer(self, options: dict[str, Any]) -> Any:
        if options["check"]:
            found = draws.check(self._draw(options["check"]))
            return {
                "draw": found.draw, "same": found.same, "list_holds": found.list_holds, "chosen": found.chosen,
                "recomputed": found.recomputed,
            }  # fmt: skip
        if options["list"]:
            return list(
                InspectionDraw.objects.values(
                    "ref", "count", "seed_source", "seed", "drawn_at", "voided_at", "list_sha256"
                )
            )
        user = get_user_model().objects.filter(username=options["who"], is_active=True).first()
        if user is None:
            raise CommandError(f"no person {options['who'] or '(name one with --as)'}")
        if options["announce"] is not None:
            return self._said(self._announce(user, options))
        if options["draw"]:
            made = draws.draw(user=user, draw=self._draw(options["draw"]), seed=options["seed"])
            return self._said(made)
        return self._said(draws.void(user=user, draw=self._draw(options["void"]), reason=options["reason"]))

    def _announce(self, user: Any, options: dict[str, Any]) -> InspectionDraw:
        cities = City.objects.filter(policies.visible_cities(user))
        city = cities.filter(code=options["city"]).first() if options["city"] else cities.first()
        if city is None:
            raise CommandError(f"no city {options['city']}")
        area = None
        if options["area"]:
            area = Area.objects.filter(city=city, code=options["area"]).first()
            if area is None:
                raise CommandError(f"no area {options['area']}")
        try:
            known = parse_datetime(options["known_from"])
        except ValueError:
            known = None
        if known is None:
            raise CommandError(
                "say with --known-from when the outcome of the event is known, as 2026-11-24T21:00"
            )
        if timezone.is_naive(known):
            known = timezone.make_aware(known)
        return draws.announce(
            user=user,
            city=city,
            area=area,
            count=options["announce"],
            seed_source=options["event"],
            seed_expected_at=known,
        )

    def _draw(self, ref: str) -> InspectionDraw:
        found = InspectionDraw.objects.select_related("city", "area").filter(ref=ref).first()
        if found is None:
            raise CommandError(f"no draw {ref}")
        return found

    def _said(self, draw: InspectionDraw) -> dict[str, Any]:
        return {
            "draw": draw.ref, "projects": len(draw.weights), "count": draw.count, "list_sha256": draw.list_sha256,
            "seed_source": draw.seed_source, "seed": draw.seed, "chosen": draw.chosen,
            "inspections": list(draw.inspections.values_list("ref", flat=True)),
        }  # fmt: skip
