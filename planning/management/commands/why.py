"""manage.py why: why a number of a run is what it is, or why a facility serves what it serves."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from core.errors import DomainError
from core.models import Area
from facilities.models import Facility, ServiceType
from planning.choices import RunState
from planning.models import DemandCell, Run
from planning.services.why_answers import why_area_answer, why_cell_answer, why_facility_answer


class Command(BaseCommand):
    help = (
        "Explain one number of a run: the sum behind the need, what binds, the facilities in reach with what stops them,"
        " and what would help; or why a facility serves what it serves."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help="reference of a finished run")
        parser.add_argument("service", metavar="SERVICE", help="code of the service")
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--area", help="code of an area")
        where.add_argument("--cell", help="code of a cell")
        where.add_argument("--facility", help="reference of a facility")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        run = Run.objects.filter(ref=options["run"], state=RunState.DONE).select_related("city").first()
        service = ServiceType.objects.filter(code=options["service"]).first()
        if run is None or service is None:
            raise CommandError(f"no finished run {options['run']}, or no service {options['service']}")
        try:
            answer = self._answer(run, service, options)
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        for line in _facility_lines(answer) if "facility" in answer else _place_lines(answer):
            self.stdout.write(line)

    def _answer(self, run: Run, service: ServiceType, options: dict[str, Any]) -> dict[str, Any]:
        def found(rows: Any, what: str) -> Any:
            if (one := rows.first()) is None:
                raise CommandError(f"the city has no {what}")
            return one

        if options["facility"]:
            rows = Facility.objects.filter(city=run.city_id, ref=options["facility"])
            facility = found(rows, f"facility {options['facility']}")
            return why_facility_answer(run=run, facility=facility, service=service, seen=Q())
        if options["cell"]:
            cells = DemandCell.objects.filter(city=run.city_id, code=options["cell"]).select_related("area")
            cell = found(cells, f"cell {options['cell']}")
            return why_cell_answer(run=run, cell=cell, service=service, mine=Q())
        area = found(Area.objects.filter(city=run.city_id, code=options["area"]), f"area {options['area']}")
        return why_area_answer(run=run, area=area, service=service, mine=Q())


def _place_lines(answer: dict[str, Any]) -> list[str]:
    place, rule = answer.get("cell") or answer["area"], answer["standard"]
    lines = [
        f"{answer['run']}  {answer['service']} in {place}",
        f"  {answer['people']:,.0f} people x {answer['share']:.4f} x {answer['ratio']:g}"
        f" = need {answer['need']:,} {answer['unit']}",
        f"  served {answer['served']:,}  late {answer['late']:,}  no room {answer['no_room']:,}"
        f"  out of reach {answer['out_of_reach']:,}",
        f"  binds: {answer['binds']}; reach {answer['reach_limit']:g} {rule['reach_unit']},"
        f" {rule['reach_source']} {rule['reach_clause']}".rstrip(),
    ]
    lines += [
        f"  {role['facility']}  nearest {role['nearest']:>8.1f}  capacity {role['capacity']:>8,}"
        f"  taken {role['taken']:>8,}  here {role['taken_here']:>8,}  {role['reason']}"
        for role in answer["roles"][:20]
    ]
    lines += [
        f"  could help: {one['kind']} {one['facility'] or one['idle_asset']}"
        f"  -{one['here']:,} here, -{one['everywhere']:,} in all"
        for one in answer["helps"]
    ]
    return lines


def _facility_lines(answer: dict[str, Any]) -> list[str]:
    lost = "not analysed" if answer["lost_if_fails"] is None else f"{answer['lost_if_fails']:,}"
    lines = [
        f"{answer['run']}  {answer['facility']} as {answer['service']}: {answer['binds']}",
        f"  capacity {answer['capacity']:,}, counts {answer['supply']:,}; served {answer['served']:,},"
        f" late {answer['late']:,}; lost if it fails: {lost}",
        f"  in reach: {answer['cells_in_reach']:,} cells, need {answer['need_in_reach']:,} {answer['unit']};"
        f" taken here {answer['taken']:,}, by others {answer['taken_by_others']:,},"
        f" left without {answer['left_over']:,}; {answer['rivals']:,} others reach the same cells",
    ]
    lines += [
        f"  from {one['area']}: {one['units']:,}, mean trip {one['mean_cost']:g}" for one in answer["areas"]
    ]
    return lines
