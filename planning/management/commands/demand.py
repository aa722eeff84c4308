"""manage.py demand: what a run's need is made of, by area and service, phase and group."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.choices import AreaLevel
from core.errors import DomainError
from planning.choices import RunState
from planning.models import Run
from planning.services.demand import Asked, DemandRow, DemandRows, areas_seen


class Command(BaseCommand):
    help = "Tell what the need of a finished run is made of: people, the chain from affected to seeking shelter, phases and groups."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help="reference of a finished run")
        parser.add_argument(
            "--level", type=int, choices=AreaLevel.values, default=AreaLevel.DISTRICT, help="2 when not given"
        )
        parser.add_argument(
            "--service", action="append", default=[], help="code; every service when not given"
        )
        parser.add_argument(
            "--part",
            action="append",
            choices=["whole", "phase", "group"],
            default=[],
            help="all when not given",
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        run = Run.objects.filter(ref=options["run"], state=RunState.DONE).select_related("snapshot").first()
        if run is None:
            raise CommandError(f"no finished run {options['run']}")
        parts = frozenset(options["part"] or ["whole", "phase", "group"])
        asked = Asked(services=frozenset(options["service"]), parts=parts)
        try:
            rows = DemandRows(run, areas_seen(run, None).filter(level=options["level"]), asked)
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        if options["json"]:
            told = {"run": run.ref, "time_of_day": run.time_of_day, "rows": [_said(row) for row in rows]}
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        for row in rows:
            name = (row.area.name_en or row.area.name) if row.area else ""
            what = row.phase or row.group or "all"
            chain = "  ".join(
                f"{value:>12,.0f}" if value is not None else f"{'—':>12}"
                for value in (row.people, row.inside, row.affected, row.displaced, row.seeking)
            )
            self.stdout.write(
                f"{name:<20} {row.service.code:<22} {what:<12} {chain}  need {row.need:>12,} {row.service.unit}"
            )


def _said(row: DemandRow) -> dict[str, Any]:
    assert row.area is not None
    return {
        "code": row.area.code, "service": row.service.code, "unit": row.service.unit, "part": row.part, "phase": row.phase, "group": row.group,
        "governs": row.governs, "people": row.people, "inside": row.inside, "affected": row.affected, "displaced": row.displaced,
        "seeking": row.seeking, "ratio": row.ratio, "need": row.need, "need_p10": row.need_p10, "need_p50": row.need_p50,
        "need_p90": row.need_p90,
    }  # fmt: skip
