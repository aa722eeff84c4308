"""manage.py serve_main_job: load a city if needed, run need -> gap -> plan through the workers, print the answer."""

import json
import os
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from core.errors import DomainError, InvalidInput
from core.models import City
from core.selectors.cities import latest_city
from core.services.demo import create_demo_accounts
from planning.services.answers import main_answer, plan_default, readable, run_defaults, wait_for
from planning.services.city_packs import load_city
from planning.services.reference import load_reference
from planning.services.synthetic_city import make_city

SYNTHETIC_PEOPLE, SYNTHETIC_SEED = 3_000_000, 7


class Command(BaseCommand):
    help = "Load a city pack (the synthetic city when none is named and none is loaded), score it, plan, print the answer."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--pack",
            default="",
            help="city pack to load; empty: the city in the database, else the synthetic one",
        )
        parser.add_argument(
            "--json", action="store_true", help="print the answer as one JSON object, the last line"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.say = self.stderr.write if options["json"] else self.stdout.write
        seconds = _earlier_stages()
        began = time.monotonic()
        try:
            city = self._city(options["pack"], seconds)
            mark = time.monotonic()
            made = run_defaults(city=city, say=self.say, finish=lambda job: wait_for(job, self.say))
            seconds["score"] = time.monotonic() - mark
            mark = time.monotonic()
            version = plan_default(
                city=city, made=made, say=self.say, finish=lambda job: wait_for(job, self.say)
            )
            seconds["site"] = time.monotonic() - mark
        except InvalidInput as refused:
            raise CommandError(
                "\n".join(
                    [str(refused.message), *(f"  {one.place()}: {one.message}" for one in refused.problems)]
                )
            ) from None
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        seconds["main_job"] = time.monotonic() - began
        answer = main_answer(city=city, runs=made, version=version, seconds=seconds)
        for line in readable(answer):
            self.say(line)
        self._accounts(city)
        self.say(", ".join(f"{name} {value:.1f} s" for name, value in answer["seconds"].items()))
        if url := os.environ.get("PINGJI_URL"):
            self.say(url)
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))

    def _city(self, pack: str, seconds: dict[str, float]) -> City:
        mark = time.monotonic()
        load_reference()
        seconds["reference"] = time.monotonic() - mark
        mark = time.monotonic()
        if not pack:
            if city := latest_city():
                return city
            folder = Path(settings.VAR_DIR) / "cities" / f"synthetic-{SYNTHETIC_PEOPLE}-{SYNTHETIC_SEED}"
            if not (folder / "city.toml").is_file():
                self.say(_("Making the synthetic city in %(folder)s") % {"folder": folder})
                make_city(folder=folder, people=SYNTHETIC_PEOPLE, seed=SYNTHETIC_SEED)
                seconds["make_city"] = time.monotonic() - mark
                mark = time.monotonic()
            pack = str(folder)
        report = load_city(path=pack, say=self.say)
        seconds["load_city"] = time.monotonic() - mark
        self.say(f"{report.city.name}: {report.message}")
        return report.city

    def _accounts(self, city: City) -> None:
        """Demonstration accounts, only in debug mode; their passwords are shown this once."""
        if not settings.DEBUG:
            return
        made = create_demo_accounts(city)
        if made:
            self.say(_("Demonstration accounts (these passwords are shown only now):"))
        for account in made:
            self.say(f"  {account.username:<10} {account.role:<10} {account.password}")


def _earlier_stages() -> dict[str, float]:
    """What the script that calls this spent before: PINGJI_STAGE_SECONDS=bootstrap=1.2,services=0.4."""
    pairs = (
        part.partition("=") for part in os.environ.get("PINGJI_STAGE_SECONDS", "").split(",") if "=" in part
    )
    return {name: float(value) for name, _equals, value in pairs}
