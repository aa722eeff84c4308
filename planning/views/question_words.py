"""A plan's question, its answer by run and the limits that stand in its way, told in words from the model's own records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from core.models import Area
from core.templatetags.pingji import joined, local_name, num, pct, yuan
from inventory.choices import InterventionKind
from planning.bridge.siting_relaxed import can_relax
from planning.choices import Aim, FundSource, Rule
from planning.models import PlanVersion, Run
from planning.selectors.plan_places import named_options
from planning.services.siting import budget_asked


def question_body(version: PlanVersion) -> dict[str, Any]:
    """The whole question as the API takes it for a further version of the plan."""
    return {
        "runs": [run.ref for run in version.baseline_runs.order_by("scenario_id", "time_of_day", "pk")],
        "aim": version.aim,
        "rule": version.rule,
        "budget_fen": None if version.question.get("years") else budget_asked(version),
        "services": sorted(version.services.values_list("code", flat=True)),
        "weights": version.weights,
        "kinds": version.facts.get("kinds") or [],
        "question": version.question,
        "time_limit_seconds": version.time_limit_seconds,
        "seed": version.seed,
    }


def kind_label(code: str) -> str:
    return str(InterventionKind(code).label) if code in InterventionKind.values else code


def aim_figure(version: PlanVersion, value: float | None) -> str:
    """A value or bound of the version's aim: money, a share, or weighted units; a loss under a rule told as what is left."""
    if value is None:
        return "—"
    if version.aim == Aim.CHEAPEST:
        return yuan(round(value))
    if version.aim == Aim.FAIREST:
        return pct(value)
    return num(value if version.rule == Rule.EXPECTED else -value)


def aim_name(version: PlanVersion) -> str:
    """What the figure of the aim counts."""
    if version.aim == Aim.CHEAPEST:
        return _("Cost to be counted")
    if version.aim == Aim.FAIREST:
        return _("Served in the worst served area")
    return {
        Rule.EXPECTED: _("Weighted need newly served"), Rule.WORST: _("Weighted gap left in the worst run"),
        Rule.TAIL: _("Weighted gap left in the worst runs"), Rule.REGRET: _("Largest regret, weighted need"),
    }[Rule(version.rule)]  # fmt: skip


def _range(part: Mapping[str, int]) -> str:
    if "least" in part and "most" in part:
        return _("%(least)s to %(most)s") % {"least": num(part["least"]), "most": num(part["most"])}
    if "least" in part:
        return _("at least %(number)s") % {"number": num(part["least"])}
    return _("at most %(number)s") % {"number": num(part["most"])}


def _area_names(version: PlanVersion) -> dict[str, str]:
    return {area.code: local_name(area) for area in Area.objects.filter(city=version.plan.city)}


def limits_told(version: PlanVersion, *, user: Any) -> list[dict[str, Any]]:
    """[{label, lines}]: the whole question, one entry for each thing that is asked; what is left out holds no limit."""
    told: list[dict[str, Any]] = []
    document = version.question
    areas = _area_names(version)

    def say(label: Any, *lines: str) -> None:
        told.append({"label": str(label), "lines": [line for line in lines if line]})

    say(_("Aim"), version.get_aim_display())
    weights = document.get("run_weights", {})
    runs = [
        _("%(run)s: weight %(weight)s") % {"run": _run(run), "weight": num(weights[run.ref], 2)} if run.ref in weights else _run(run)
        for run in version.baseline_runs.select_related("scenario").order_by("scenario_id", "time_of_day", "pk")
    ]  # fmt: skip
    say(_("Runs"), *runs)
    if len(runs) > 1:
        tail = (
            _("worst %(share)s") % {"share": pct(document.get("tail", 0.2), 0)}
            if version.rule == Rule.TAIL
            else ""
        )
        say(_("How the runs count together"), version.get_rule_display(), tail)
    if named := [local_name(one) for one in version.services.all()]:
        say(_("Services"), joined(named))
    budget = budget_asked(version)
    say(_("Budget"), yuan(budget) if budget is not None else _("not limited"))
    if years := document.get("years"):
        rows = [
            _("%(year)s: %(money)s") % {"year": row["year"], "money": yuan(row["budget_fen"])}
            for row in years
        ]
        carried = (
            _("what is left over goes to the next year")
            if document.get("carry_over", True)
            else _("what is left over is lost")
        )
        say(_("Budget by year"), *rows, carried)
    if funds := document.get("funds"):
        say(_("Sources of money"), *(_fund(source, fund) for source, fund in funds.items()))
    if "target" in document:
        say(_("Coverage of the whole need"), _("at least %(number)s") % {"number": pct(document["target"])})
    if (wanted := document.get("area_target")) is not None:
        if isinstance(wanted, Mapping):
            say(
                _("Coverage by area"),
                *(
                    _("%(area)s: at least %(number)s") % {"area": areas.get(code, code), "number": pct(share)}
                    for code, share in wanted.items()
                ),
            )
        else:
            level = {1: _("the whole city"), 2: _("every district"), 3: _("every street")}[
                document.get("area_level", 2)
            ]
            say(
                _("Coverage by area"),
                _("%(area)s: at least %(number)s") % {"area": level, "number": pct(wanted)},
            )
    if kinds := version.facts.get("kinds"):
        say(_("What may be done"), joined([kind_label(kind) for kind in kinds]))
    if part := document.get("number"):
        say(_("Interventions"), _range(part))
    if parts := document.get("number_by_kind"):
        say(
            _("Interventions by kind"),
            *(_named(kind_label(kind), _range(part)) for kind, part in parts.items()),
        )
    if parts := document.get("number_by_area"):
        say(
            _("Interventions by area"),
            *(_named(areas.get(code, code), _range(part)) for code, part in parts.items()),
        )
    for key, label in (("must", _("Must be done")), ("banned", _("Must not be done"))):
        if document.get(key):
            say(label, *_places(version, document[key], user))
    if spacing := document.get("spacing_m"):
        say(
            _("Distance from each other"),
            *(
                _named(kind_label(kind), _("at least %(number)s m") % {"number": num(metres)})
                for kind, metres in spacing.items()
            ),
        )
    if land := document.get("land_m2_by_area"):
        say(
            _("Idle land that may be taken"),
            *(
                _named(areas.get(code, code), _("at most %(number)s m²") % {"number": num(most)})
                for code, most in land.items()
            ),
        )
    if "running_limit_fen_year" in document:
        say(
            _("Running cost a year"),
            _("at most %(number)s") % {"number": yuan(document["running_limit_fen_year"])},
        )
    if document.get("running_years"):
        say(
            _("Running cost in what is cheapest"),
            _("%(number)s years") % {"number": num(document["running_years"])},
        )
    if document.get("peacetime_weight"):
        say(
            _("Peacetime value less running cost"),
            _("10,000 yuan a year are worth %(number)s units of need")
            % {"number": num(document["peacetime_weight"], 2)},
        )
    if document.get("sizes"):
        say(_("Sizes"), _("in the steps of the rate card"))
    if document.get("retire"):
        say(_("Retiring"), _("designated roles may be closed"))
    say(
        _("Search"),
        _("at most %(seconds)s s, seed %(seed)s")
        % {"seconds": num(version.time_limit_seconds), "seed": version.seed},
    )
    return told


def _named(name: str, words: str) -> str:
    return pgettext("a name and what is said of it", "%(name)s: %(words)s") % {"name": name, "words": words}


def _run(run: Run) -> str:
    return _("%(scenario)s, %(time)s") % {
        "scenario": local_name(run.scenario),
        "time": str(run.get_time_of_day_display()).lower(),
    }


def _fund(source: str, fund: Mapping[str, Any]) -> str:
    limit = fund.get("limit_fen")
    words = _("without end") if limit is None else _("at most %(number)s") % {"number": yuan(limit)}
    if fund.get("kinds"):
        words = _("%(limit)s, only for %(kinds)s") % {
            "limit": words,
            "kinds": joined([kind_label(kind) for kind in fund["kinds"]]),
        }
    return _named(str(FundSource(source).label), words)


def _places(version: PlanVersion, keys: list[str], user: Any) -> list[str]:
    """Places by name; of those that the person may not see only how many there are."""
    named = named_options(version.plan.city, keys, user=user)
    lines = [place_words(one) for one in named]
    if missing := len(keys) - len(named):
        lines.append(_("%(count)s more outside what you may see") % {"count": num(missing)})
    return lines


def place_words(one: Any) -> str:
    words = _("%(kind)s %(place)s, %(service)s") % {
        "kind": one.kind_label,
        "place": local_name(one),
        "service": local_name(one.service),
    }
    return (
        words
        if one.share is None
        else _("%(words)s, size %(share)s") % {"words": words, "share": pct(one.share, 0)}
    )


# --- no plan exists --------------------------------------------------------------------------------


def relaxations_told(version: PlanVersion) -> list[dict[str, Any]]:
    """Each limit that would have to move: what it is, from what to what, and how much need it is about."""
    areas = _area_names(version)
    rows = []
    for position, one in enumerate(version.facts.get("relaxations") or []):
        label, figure = _limit_words(version, one["name"], areas)
        change = ""
        if one["needed"] is not None and figure is not None:
            more = one["needed"] > one["now"] if one["now"] is not None else True
            change = (_("%(now)s → %(needed)s: %(by)s more") if more else _("%(now)s → %(needed)s: %(by)s less")) % {
                "now": figure(one["now"]), "needed": figure(one["needed"]), "by": figure(abs(one["needed"] - (one["now"] or 0))),
            }  # fmt: skip
        people = ""
        if one["units"]:
            people = _("%(number)s weighted units of need that no plan within the other limits serves") % {
                "number": num(one["units"])
            }
        rows.append({
            "position": position, "label": label, "change": change, "people": people, "together": one["together"], "can": can_relax(one),
        })  # fmt: skip
    return rows


def _limit_words(version: PlanVersion, name: str, areas: Mapping[str, str]) -> tuple[str, Any]:
    """(what the limit is, how its figures are written; None where giving it up is all that can be done)."""
    head, _colon, rest = name.partition(":")
    if head == "budget":
        return _("Budget"), lambda value: yuan(round(value))
    if head == "target":
        return _("Coverage of the whole need"), lambda value: pct(value, 2)
    if head == "area_target":
        return _("Coverage in %(area)s") % {"area": areas.get(rest, rest)}, lambda value: pct(value, 2)
    if head == "number":
        return (
            _("Interventions of the kind %(kind)s") % {"kind": kind_label(rest)}
            if rest
            else _("Number of interventions")
        ), num
    if head == "area-number":
        return _("Interventions in %(area)s") % {"area": areas.get(rest, rest)}, num
    if head == "land":
        return _("Idle land in %(area)s") % {"area": areas.get(rest, rest)}, lambda value: f"{num(value)} m²"
    if head == "running":
        return _("Running cost a year"), lambda value: yuan(round(value))
    if head == "fund":
        sources = [str(FundSource(one).label) for one in rest.split(",") if one in FundSource.values]
        words = (
            _("What %(sources)s may pay") % {"sources": joined(sources)}
            if sources
            else _("Costs that no source may pay")
        )
        return words, lambda value: yuan(round(value))
    if head == "must":
        named = (
            named_options(version.plan.city, [rest], user=version.created_by) if version.created_by else []
        )
        return _("It must be done: %(place)s") % {"place": place_words(named[0]) if named else rest}, None
    if head == "apart":
        return _("The distance that places keep from each other"), None
    return name, num


# --- worth by run and rule -------------------------------------------------------------------------


def rows_by_run(version: PlanVersion) -> dict[str, Any] | None:
    """What the plan is worth in each run and under each rule, beside the plan that is best on the mean where that was asked.
    None for a version that does not tell."""
    told = version.facts.get("robust")
    if not told:
        return None
    other = version.facts.get("price_of_robustness")
    known = {run.ref: run for run in version.baseline_runs.select_related("scenario")}
    rows = []
    for number, row in enumerate(told["runs"]):
        mean = other["runs"][number] if other else None
        rows.append({
            "run": known.get(row["ref"]), "weight": row["weight"], "gap": row["gap_before"], "newly": row["newly"],
            "left": row["gap_before"] - row["newly"], "best": row.get("best"),
            "regret": None if row.get("best") is None else row["best"] - row["newly"], "mean_newly": mean and mean["newly"],
        })  # fmt: skip
    rules = []
    for code, label in Rule.choices:
        value, mean_value = told["rules"].get(code), other["rules"].get(code) if other else None
        sign = 1 if code == Rule.EXPECTED else -1
        rules.append({
            "label": label, "asked": code == version.rule, "counts": _counts(code, told.get("tail", 0.2)),
            "value": None if value is None else sign * value, "mean": None if mean_value is None else sign * mean_value,
        })  # fmt: skip
    price = other["rules"][Rule.EXPECTED] - told["rules"][Rule.EXPECTED] if other else None
    return {"rows": rows, "rules": rules, "price": price, "other": other}


def _counts(rule: str, tail: float) -> str:
    return {
        Rule.EXPECTED: _("weighted need newly served, mean of the runs"), Rule.WORST: _("weighted gap left in the worst run"),
        Rule.TAIL: _("mean weighted gap left in the worst %(share)s of the runs") % {"share": pct(tail, 0)},
        Rule.REGRET: _("most that a run loses against its own best plan"),
    }[Rule(rule)]  # fmt: skip
