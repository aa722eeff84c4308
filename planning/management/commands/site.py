"""manage.py site: ask what to build, how much and where, with every aim, rule and limit that the page knows."""

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.choices import JobState
from core.errors import DomainError, InvalidInput
from core.services import jobs
from facilities.models import ServiceType
from planning.choices import Aim, Rule, RunState, VersionState
from planning.management.commands.score import city_named
from planning.models import Plan, PlanVersion, Run
from planning.services import plans
from planning.services.answers import plan_answer, wait_for

YUAN = 100


class Command(BaseCommand):
    help = "Suggest a plan on finished runs: the best change-set for an aim, a rule over the runs and limits of every kind."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("--city", default="")
        add("--runs", nargs="+", required=True, metavar="REF")
        add("--budget-yuan", type=float, help="not needed for cheapest, with --year, or with --most")
        add("--aim", default=Aim.MOST.value, choices=Aim.values)
        add("--rule", default=Rule.EXPECTED.value, choices=Rule.values)
        add(
            "--question",
            metavar="FILE.json",
            help="limits and wishes as a document (docs/plans.md), - for standard input; options below come on top",
        )
        add("--run-weight", action="append", default=[], metavar="REF=VALUE")
        add("--tail", type=float, metavar="SHARE", help="of the scenarios' weight, for --rule tail")
        add("--target", type=float, metavar="SHARE", help="of the weighted need that must be served")
        add("--area-target", action="append", default=[], metavar="SHARE or CODE=SHARE")
        add("--area-level", type=int, choices=(1, 2, 3))
        add("--most", type=int, metavar="N", help="at most so many interventions")
        add("--least", type=int, metavar="N")
        add("--most-of", action="append", default=[], metavar="KIND=N")
        add("--least-of", action="append", default=[], metavar="KIND=N")
        add("--most-in", action="append", default=[], metavar="AREA=N")
        add("--least-in", action="append", default=[], metavar="AREA=N")
        add(
            "--fund",
            action="append",
            default=[],
            metavar="SOURCE=YUAN[:kind,kind]",
            help="no amount: without end; kinds it may pay",
        )
        add("--year", action="append", default=[], metavar="YEAR=YUAN", help="such as 2027=1e8")
        add("--no-carry-over", action="store_true", help="what a year leaves over is lost")
        add("--must", action="append", default=[], metavar="KEY", help="such as convert:c12")
        add("--ban", action="append", default=[], metavar="KEY")
        add("--spacing", action="append", default=[], metavar="KIND=METRES")
        add("--land", action="append", default=[], metavar="AREA=M2")
        add("--running-yuan", type=float, metavar="YUAN", help="most the plan may cost to keep, a year")
        add("--running-years", type=int, help="years of running cost that the cheapest plan counts")
        add("--peacetime-weight", type=float, help="weighted units that 10,000 yuan a year are worth")
        add("--sizes", action="store_true", help="places may be taken in size steps")
        add("--retire", action="store_true", help="roles may be closed")
        add("--price-of-robustness", action="store_true")
        add("--service", action="append", default=[], help="code; every service of the runs when not given")
        add(
            "--kind",
            action="append",
            default=[],
            help="convert, extend, upgrade, build, stock; all when not given",
        )
        add("--weight", action="append", default=[], metavar="SERVICE=VALUE")
        add("--name", default="方案")
        add("--plan", default="", metavar="REF", help="a further version of this plan")
        add("--parent", type=int, metavar="NUMBER", help="version of the plan to start from")
        add("--seconds", type=int, default=60, help="time limit of the solver")
        add("--seed", type=int, default=1)
        add(
            "--follow",
            action="store_true",
            help="print value and bound as they improve; Ctrl-C keeps the best so far",
        )
        add("--inline", action="store_true", help="compute in this process instead of a worker")
        add("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        city = city_named(options["city"])
        chosen = list(
            Run.objects.filter(city=city, ref__in=options["runs"], state=RunState.DONE).select_related("scenario")
        )  # fmt: skip
        if missing := set(options["runs"]) - {run.ref for run in chosen}:
            raise CommandError(f"no finished run {', '.join(sorted(missing))}")
        plan = Plan.objects.filter(city=city, ref=options["plan"]).first() if options["plan"] else None
        if options["plan"] and plan is None:
            raise CommandError(f"no plan {options['plan']}")
        parent = (
            plan.versions.filter(number=options["parent"]).first() if plan and options["parent"] else None
        )
        if options["parent"] and parent is None:
            raise CommandError("--parent: the number of a version of --plan")
        budget = options["budget_yuan"]
        try:
            version = plans.suggest_plan(
                user=None, city=city, runs=chosen, budget_fen=None if budget is None else round(budget * YUAN),
                name=options["name"], plan=plan, parent=parent, aim=options["aim"], rule=options["rule"],
                question=question_of(options), services=list(ServiceType.objects.filter(code__in=options["service"])),
                kinds=options["kind"], weights=_numbers("--weight", options["weight"]),
                time_limit_seconds=options["seconds"], seed=options["seed"],
            )  # fmt: skip
            if version.state == VersionState.COMPUTING:
                if options["inline"]:
                    jobs.perform(version.job.ref)
                elif options["follow"]:
                    self.follow(version)
                wait_for(version.job, self.stderr.write)
                version.refresh_from_db()
        except InvalidInput as refused:
            lines = [f"  {one.column}: {one.message}" for one in refused.problems]
            raise CommandError("\n".join([str(refused.message), *lines])) from None
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        answer = plan_answer(version)
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
        else:
            self.tell(version, answer)

    def follow(self, version: PlanVersion) -> None:
        """One line each time value or bound improve. The first Ctrl-C asks for the best so far, the second stops."""
        told = 0
        while True:
            try:
                while True:
                    version.refresh_from_db(fields=["trail", "state"])
                    version.job.refresh_from_db()
                    for seconds, value, bound in version.trail[told:]:
                        self.stderr.write(
                            f"  {seconds:8.1f} s  value {_figure(value)}  bound {_figure(bound)}  gap {_gap(value, bound)}"
                        )
                    told = max(told, len(version.trail))
                    if version.job.over:
                        return
                    jobs.look_after()
                    time.sleep(0.3)
            except KeyboardInterrupt:
                version.refresh_from_db()
                if version.finish_requested:
                    jobs.cancel(user=None, job=version.job)
                    self.stderr.write("stopping")
                    return
                if version.job.state not in (JobState.QUEUED, JobState.RUNNING):
                    return
                plans.finish_version(user=None, version=version)
                self.stderr.write("keeping the best so far; Ctrl-C again stops without a plan")

    def tell(self, version: PlanVersion, answer: dict[str, Any]) -> None:
        if version.state == VersionState.NO_PLAN:
            self.stdout.write(f"{answer['ref']}  no plan exists under these limits (proved)")
            for number, one in enumerate(answer["relaxations"]):
                people = "" if one["units"] is None else f", {one['units']:,.0f} weighted units of need"
                joint = "  (together)" if one["together"] else ""
                self.stdout.write(
                    f"  {number}: {one['name']}  {_figure(one['now'])} -> {_figure(one['needed'])}{people}{joint}"
                )
            return
        gap = "no bound" if answer["gap"] is None else f"gap {answer['gap']:.4%}"
        self.stdout.write(
            f"{answer['ref']}  version {version.number}  {len(answer['interventions'])} interventions  ¥{answer['cost_fen'] / YUAN:,.0f} of ¥{answer['budget_fen'] / YUAN:,.0f}"
            f"  value {answer['value']:,.1f}  {answer['aim']} {_figure(answer['aim_value'])}  bound {_figure(answer['aim_bound'])}  {gap}  {answer['status']}"
        )
        for row in answer["interventions"]:
            self.stdout.write(
                f"  {row['kind']:<8} {row['service']:<22} {row['units']:>8,} +{row['people_newly_served']:>7,}  ¥{row['cost_fen'] / YUAN:>12,.0f}  {row['year'] or '':>4}  {row['key']}  {row['name']}"
            )


def question_of(options: dict[str, Any]) -> dict[str, Any]:
    """The document of --question with the single options on top. Amounts in yuan become fen."""
    found = _document(options["question"])
    for name in ("tail", "target", "area_level", "running_years", "peacetime_weight"):
        if options[name] is not None:
            found[name] = options[name]
    for name in ("sizes", "retire", "price_of_robustness"):
        if options[name]:
            found[name] = True
    if options["no_carry_over"]:
        found["carry_over"] = False
    if options["running_yuan"] is not None:
        found["running_limit_fen_year"] = round(options["running_yuan"] * YUAN)
    if targets := options["area_target"]:
        plain = len(targets) == 1 and "=" not in targets[0]
        found["area_target"] = (
            _number("--area-target", targets[0]) if plain else _numbers("--area-target", targets)
        )
    for flag, name in (("run_weight", "run_weights"), ("spacing", "spacing_m"), ("land", "land_m2_by_area")):
        if options[flag]:
            found[name] = {**found.get(name, {}), **_numbers(f"--{flag.replace('_', '-')}", options[flag])}
    number = {name: options[name] for name in ("most", "least") if options[name] is not None}
    if number:
        found["number"] = {**found.get("number", {}), **number}
    for flag, name in (("of", "number_by_kind"), ("in", "number_by_area")):
        for side in ("most", "least"):
            for key, value in _numbers(f"--{side}-{flag}", options[f"{side}_{flag}"]).items():
                found.setdefault(name, {}).setdefault(key, {})[side] = value
    if options["fund"]:
        found["funds"] = {**found.get("funds", {}), **dict(_fund(part) for part in options["fund"])}
    if options["year"]:
        years = _numbers("--year", options["year"])
        if wrong := [year for year in years if not year.isdecimal()]:
            raise CommandError(f"--year reads YEAR=YUAN, not {', '.join(wrong)}")
        found["years"] = [
            {"year": int(year), "budget_fen": round(yuan * YUAN)} for year, yuan in years.items()
        ]
    for flag, name in (("must", "must"), ("ban", "banned")):
        if options[flag]:
            found[name] = [*found.get(name, []), *options[flag]]
    return found


def _document(path: str | None) -> dict[str, Any]:
    if not path:
        return {}
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CommandError(f"--question: {error}") from None
    if not isinstance(found, dict):
        raise CommandError("--question: the file holds no document of keys and values")
    return found


def _number(flag: str, text: str) -> float:
    try:
        return float(text.removesuffix("yuan"))
    except ValueError:
        raise CommandError(f"{flag}: {text} is no number") from None


def _numbers(flag: str, parts: list[str]) -> dict[str, float]:
    found = {}
    for part in parts:
        name, equals, text = part.rpartition("=")
        if not equals or not name:
            raise CommandError(f"{flag} reads NAME=VALUE, not {part}")
        found[name] = _number(flag, text)
    return found


def _fund(part: str) -> tuple[str, dict[str, Any]]:
    source, _equals, rest = part.partition("=")
    amount, _colon, kinds = rest.partition(":")
    fund: dict[str, Any] = {"limit_fen": round(_number("--fund", amount) * YUAN) if amount else None}
    return source, fund | ({"kinds": kinds.split(",")} if kinds else {})


def _figure(value: float | None) -> str:
    return "—" if value is None else f"{value:,.4g}" if abs(value) < 10 else f"{value:,.1f}"


def _gap(value: float | None, bound: float | None) -> str:
    if value is None or bound is None:
        return "—"
    most = max(abs(value), abs(bound))
    return f"{abs(bound - value) / most:.2%}" if most else "0.00%"
