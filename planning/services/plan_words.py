"""A plan's version in words: its question and limits, how good it is known to be, and what every figure stands on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Area
from core.templatetags.pingji import day, dt, joined, local_name, num, pct, yuan
from facilities.models import ServiceType
from inventory.choices import InterventionKind
from planning.choices import Aim, FundSource, VersionState
from planning.models import CostRate, PlanVersion
from planning.services.official_tables import scenario_label, source_words, time_label
from planning.services.plan_facts import PlanFacts, places_of_keys


def proof_words(facts: PlanFacts) -> str:
    """How good the plan is known to be, and no better."""
    version = facts.version
    if version.status == "optimal" and version.gap is not None:
        return _("Proved optimal: no plan within the same limits does better (to one in a million).")
    if version.gap is None:
        return _("No bound is known: how far the plan is from the best possible has not been proved.")
    share = pct(math.ceil(version.gap * 1000) / 1000)
    said = _("Within %(share)s of the best possible, proved by a bound.") % {"share": share}
    if not facts.whole:
        return said
    more = ""
    if version.aim == Aim.MOST and version.value is not None and version.bound is not None:
        more = _(
            "Weighted need newly served: %(value)s; no plan within the same limits serves more than %(bound)s."
        ) % {"value": num(version.value), "bound": num(version.bound)}
    elif version.aim == Aim.CHEAPEST and version.aim_value is not None and version.aim_bound is not None:
        more = _("It costs %(value)s; no plan that keeps the targets costs less than %(bound)s.") % {
            "value": yuan(int(version.aim_value)),
            "bound": yuan(int(version.aim_bound)),
        }
    elif version.aim == Aim.FAIREST and version.aim_value is not None and version.aim_bound is not None:
        more = _("The worst served area reaches %(value)s; no plan lifts it above %(bound)s.") % {
            "value": pct(version.aim_value),
            "bound": pct(version.aim_bound),
        }
    return _("%(first)s %(second)s") % {"first": said, "second": more} if more else said


def price_words(facts: PlanFacts) -> str:
    """Where the prices come from."""
    sources = sorted(
        {
            source_words(one)
            for one in CostRate.objects.order_by().values_list("source", flat=True).distinct()
            if one
        }
    )
    words = _("Prices named by the place itself, else the rate card of proposed prices (%(sources)s).")
    return words % {"sources": joined(sources) or _("no source named")}


def question_lines(version: PlanVersion) -> list[tuple[str, str]]:
    """The question and its limits in words; nothing where nothing was limited."""
    question = version.question or {}
    found = [
        (_("Aim"), str(version.get_aim_display())),
        (_("Rule over scenarios"), str(version.get_rule_display())),
        (_("Budget"), yuan(version.budget_fen)),
    ]
    services = list(version.services.all())
    found.append(
        (
            _("Services"),
            joined([local_name(one) for one in services]) or _("all services of the runs"),
        )
    )
    kinds = dict(InterventionKind.choices)
    if allowed := version.facts.get("kinds"):
        found.append(
            (_("Interventions allowed"), joined([str(kinds.get(one, one)).lower() for one in allowed]))
        )
    if version.weights:
        names = {one.code: local_name(one) for one in ServiceType.objects.filter(code__in=version.weights)}
        words = [f"{names.get(code, code)} × {weight:g}" for code, weight in sorted(version.weights.items())]
        found.append((_("Weights by service"), joined(words)))
    return found + [line for name, value in question.items() for line in _limit_lines(version, name, value)]


def _limit_lines(version: PlanVersion, name: str, value: Any) -> Iterable[tuple[str, str]]:
    kinds, sources = dict(InterventionKind.choices), dict(FundSource.choices)

    def span(limit: dict[str, Any]) -> str:
        parts = []
        if limit.get("least") is not None:
            parts.append(_("at least %(count)s") % {"count": num(limit["least"])})
        if limit.get("most") is not None:
            parts.append(_("at most %(count)s") % {"count": num(limit["most"])})
        return joined(parts)

    def area(code: str) -> str:
        found = Area.objects.filter(city=version.plan.city_id, code=code).defer("geometry").first()
        return local_name(found) if found else code

    if name == "target":
        yield _("Share to be served"), pct(value)
    elif name == "area_target":
        if isinstance(value, dict):
            yield (
                _("Share to be served by area"),
                joined([f"{area(code)} {pct(one)}" for code, one in value.items()]),
            )
        else:
            yield _("Share to be served in each area"), pct(value)
    elif name == "tail":
        yield _("Worst share of the scenarios"), pct(value)
    elif name == "run_weights":
        yield _("Weights of the runs"), joined([f"{ref} × {one:g}" for ref, one in value.items()])
    elif name == "number":
        yield _("Number of interventions"), span(value)
    elif name == "number_by_kind":
        yield (
            _("Number by kind"),
            joined([f"{kinds.get(code, code)}: {span(one)}" for code, one in value.items()]),
        )
    elif name == "number_by_area":
        yield _("Number by area"), joined([f"{area(code)}: {span(one)}" for code, one in value.items()])
    elif name == "funds":
        for code, fund in value.items():
            limit = (
                yuan(fund["limit_fen"])
                if fund.get("limit_fen") is not None
                else _("without a limit of its own")
            )
            only = joined([str(kinds.get(one, one)).lower() for one in fund.get("kinds") or []])
            yield (
                str(sources.get(code, code)),
                limit + (_(", only for %(kinds)s") % {"kinds": only} if only else ""),
            )
    elif name == "years":
        yield (
            _("Budget by year"),
            joined([f"{row['year']}: {yuan(row['budget_fen'])}" for row in value]),
        )
    elif name in ("must", "banned"):
        yield (
            (_("Places that must be in") if name == "must" else _("Places that may not be in")),
            joined(place_names(value)),
        )
    elif name == "spacing_m":
        yield (
            _("Least distance"),
            joined([f"{kinds.get(code, code)} {num(one)} m" for code, one in value.items()]),
        )
    elif name == "land_m2_by_area":
        yield _("Idle land by area"), joined([f"{area(code)} {num(one)} m²" for code, one in value.items()])
    elif name == "running_limit_fen_year":
        yield _("Running cost a year, at most"), yuan(value)
    elif name == "running_years":
        yield _("Years of running cost counted"), num(value)
    elif name == "peacetime_weight":
        yield _("Weighted need that ¥10,000 a year of peacetime value is worth"), f"{value:g}"
    elif name == "area_level":
        yield _("Areas that targets speak of"), _("level %(level)s") % {"level": value}
    else:
        labels = {
            "carry_over": _("Money left over goes to the next year"), "sizes": _("Size steps"), "retire": _("Roles may be closed"),
            "price_of_robustness": _("Price of robustness"),
        }  # fmt: skip
        if name in labels:
            yield labels[name], _("yes") if value else _("no")


def place_names(keys: Iterable[str]) -> list[str]:
    """Names of the places that option keys mean, in their order; a key whose place is gone stands for itself."""
    known = places_of_keys(keys)
    return [local_name(known[key][0]) if key in known else key for key in keys]


def basis_lines(facts: PlanFacts) -> list[tuple[str, str]]:
    """What every figure stands on, for the foot of every file."""
    version = facts.version
    state = str(version.get_state_display())
    if version.state == VersionState.FROZEN:
        state = _("frozen on %(when)s by %(who)s") % {
            "when": dt(version.frozen_at),
            "who": local_name(version.frozen_by) if version.frozen_by else _("a command"),
        }
    found = [
        (_("Plan"), f"{local_name(facts.plan)} ({facts.plan.ref})"),
        (_("Version"), f"{version.number}, {state}"),
        (_("Content, SHA-256"), facts.digest),
        (_("Engine"), version.engine_version),
        (_("Seed"), str(version.seed)),
        (_("Proof"), proof_words(facts)),
        (_("Prices"), price_words(facts)),
    ]
    for pair in facts.pairs:
        run = pair.before
        snapshot = run.snapshot
        words = _(
            "%(before)s before, %(after)s with the plan; %(scenario)s version %(number)s, %(time)s; standards %(profile)s; snapshot %(snapshot)s of %(day)s; engine %(engine)s; %(assignment)s"
        ) % {
            "before": run.ref, "after": pair.after.ref if pair.after else "—", "scenario": scenario_label(run), "number": run.scenario_version,
            "time": time_label(run.time_of_day).lower(), "profile": local_name(run.profile), "snapshot": snapshot.short if snapshot else "—",
            "day": day(snapshot.as_of) if snapshot else "—", "engine": run.engine_version,
            "assignment": str(run.get_assignment_display()).lower(),
        }  # fmt: skip
        found.append((_("Baseline"), words))
    if facts.city.synthetic:
        found.append((_("Note"), _("Every number is made up: this is a synthetic city.")))
    found.append((_("Printed"), dt(timezone.now())))
    return found
