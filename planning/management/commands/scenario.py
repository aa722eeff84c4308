"""manage.py scenario: list, show, write, change, preview and restore scenarios. A file holds what the API takes, as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError, InvalidInput
from core.models import City
from planning.models import Scenario
from planning.selectors.scenarios import versions_of
from planning.services import scenarios as services
from planning.services.scenario_preview import Preview, preview_scenario, preview_told
from planning.services.scenario_versions import compare_versions, version_document, version_of


class Command(BaseCommand):
    help = "Scenarios: list, show, write, change, preview, compare and restore."

    def add_arguments(self, parser: ArgumentParser) -> None:
        act = parser.add_mutually_exclusive_group(required=True)
        act.add_argument("--list", action="store_true", help="every scenario of the city")
        act.add_argument("--show", metavar="REF", help="the document, and the people inside")
        act.add_argument("--create", metavar="FILE.json", help="write a new scenario")
        act.add_argument(
            "--change", nargs=2, metavar=("REF", "FILE.json"), help="change the fields in the file"
        )
        act.add_argument("--copy", metavar="REF", help="a scenario of one's own to change")
        act.add_argument(
            "--preview", metavar="FILE.json", help="people inside, chain and need; nothing is stored"
        )
        act.add_argument("--versions", metavar="REF", help="its versions, and what each changed")
        act.add_argument(
            "--restore", nargs=2, metavar=("REF", "VERSION"), help="what a version said, as a new one"
        )
        parser.add_argument("--city", default="", help="code; needed where there are several cities")
        parser.add_argument("--note", default="", help="what changed and why, kept with the version")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        self.plain = not options["json"]
        try:
            self._act(options)
        except InvalidInput as refused:
            lines = [f"  {one.column + ': ' if one.column else ''}{one.message}" for one in refused.problems]
            raise CommandError("\n".join([str(refused.message), *lines])) from None
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None

    def _act(self, options: dict[str, Any]) -> None:
        note = options["note"]
        if options["list"]:
            rows = Scenario.objects.filter(city=self._city(options["city"])).select_related("hazard_layer")
            return self._tell([_row(one) for one in rows.order_by("ref")], _listed)
        if options["create"]:
            told = self._read(options["create"])
            city = self._city(options["city"] or str(told.pop("city", "")))
            made = services.create_told(user=None, city=city, told=told, note=note)
            return self._tell(_row(made), lambda row: f"{row['ref']}  {row['name']}: written")
        if options["preview"]:
            told = self._read(options["preview"])
            city = self._city(options["city"] or str(told.pop("city", "")))
            return self._tell(preview_told(user=None, city=city, told=told).as_dict(), _previewed)
        if options["show"]:
            return self._show(self._scenario(options["show"]))
        if options["copy"]:
            made = services.copy_scenario(user=None, scenario=self._scenario(options["copy"]))
            return self._tell(_row(made), lambda row: f"{row['ref']}  {row['name']}: copied")
        if options["versions"]:
            return self._versions(self._scenario(options["versions"]))
        ref, word = options["change"] or options["restore"]
        scenario = self._scenario(ref)
        if options["change"]:
            changed = services.update_told(
                user=None, scenario=scenario, version=None, told=self._read(word), note=note
            )
        else:
            if not word.isdecimal():
                raise CommandError("a version is a whole number")
            changed = services.restore_version(user=None, scenario=scenario, number=int(word), note=note)
        return self._tell(_row(changed), lambda row: f"{row['ref']}  {row['name']}: version {row['version']}")

    def _show(self, scenario: Scenario) -> None:
        found: Preview = preview_scenario(user=None, scenario=scenario)
        told = _row(scenario) | {"document": version_document(scenario), "preview": found.as_dict()}
        self._tell(
            told,
            lambda one: "\n".join(
                [
                    f"{one['ref']}  {one['name']}  version {one['version']}",
                    json.dumps(one["document"], ensure_ascii=False, indent=2),
                    _previewed(one["preview"]),
                ]
            ),
        )

    def _versions(self, scenario: Scenario) -> None:
        rows = versions_of(scenario)
        told = []
        for place, row in enumerate(rows):
            before = rows[place + 1]["number"] if place + 1 < len(rows) else None
            changes = compare_versions(scenario=scenario, older=before, newer=row["number"]) if before else []
            kept = version_of(scenario=scenario, number=row["number"])
            told.append(
                {
                    "version": row["number"], "note": row["note"], "by": row["by"].username if row["by"] else None,
                    "at": row["at"].isoformat() if row["at"] else None, "changes": changes, "document": kept.document,
                }
            )  # fmt: skip
        self._tell(told, _versions_told)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            told = json.loads(Path(name).read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise CommandError(f"{name} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise CommandError(f"{name} is not JSON: {error}") from None
        if not isinstance(told, dict):
            raise CommandError(f"{name} must hold one object")
        return told

    def _city(self, code: str) -> City:
        cities = City.objects.filter(code=code) if code else City.objects.order_by("id")
        found = list(cities[:2])
        if len(found) != 1:
            raise CommandError(f"there is no city {code}" if code else "name the city with --city")
        return found[0]

    def _scenario(self, ref: str) -> Scenario:
        found = Scenario.objects.select_related("city", "hazard_layer", "created_by").filter(ref=ref).first()
        if found is None:
            raise CommandError(f"there is no scenario {ref}")
        return found

    def _tell(self, told: Any, words: Any) -> None:
        self.stdout.write(words(told) if self.plain else json.dumps(told, ensure_ascii=False, default=str))


def _row(scenario: Scenario) -> dict[str, Any]:
    return {
        "ref": scenario.ref, "name": scenario.name_en or scenario.name, "city": scenario.city.code, "hazard": scenario.hazard,
        "template": scenario.template, "extent": scenario.extent, "version": scenario.version,
    }  # fmt: skip


def _listed(rows: list[dict[str, Any]]) -> str:
    lines = [
        f"{row['ref']}  {row['hazard']:<10}  {row['template']:<18}  {row['extent']:<10}  v{row['version']}  {row['name']}"
        for row in rows
    ]
    return "\n".join(lines) or "no scenario"


def _previewed(found: dict[str, Any]) -> str:
    lines = []
    for row in found["chains"]:
        words = [f"{row['time_of_day']:<8} inside {row['inside']:>12,.0f}"]
        for link in ("affected", "displaced", "seeking"):
            told = row[link]
            words.append(f"{link} {told['mid']:>12,.0f}" if told else f"{link} {'—':>12}")
        lines.append("  ".join(words))
    lines += [
        f"  {row['code']:<12} " + "  ".join(f"{time} {people:,.0f}" for time, people in row["inside"].items())
        for row in found["districts"]
    ]
    for row in found["need"]:
        numbers = "  ".join(
            f"{time} {'—' if units is None else format(units, ',')}" for time, units in row["by_time"].items()
        )
        lines.append(f"need {row['service']:<22} {numbers} {row['unit']}")
        lines += [f"  {words}" for words in row["missing"]]
    lines += [f"! {one['message']}" for one in found["problems"]]
    return "\n".join(lines) or "nobody can be counted yet"


def _versions_told(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        lines.append(
            f"version {row['version']}  {row['at'] or ''}  {row['by'] or ''}  {row['note']}".rstrip()
        )
        lines += [
            f"  {one['field']}: {json.dumps(one['before'], ensure_ascii=False)} -> {json.dumps(one['after'], ensure_ascii=False)}"[
                :200
            ]
            for one in row["changes"]
        ]
    return "\n".join(lines)
