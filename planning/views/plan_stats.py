"""The figures above a plan's map, true for whatever the plan was asked to do, and its small charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from core.templatetags.pingji import is_chinese, local_name, money_unit, num, pct, unit, yuan
from planning.choices import Aim, Rule
from planning.models import AreaRange, Intervention, PlanVersion
from planning.selectors import change_sets, gaps


def stats(
    version: PlanVersion, interventions: Sequence[Intervention], pair: change_sets.Pair | None, outcome: change_sets.Outcome | None,
    whole_city: bool, spread: AreaRange | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    found = [_cost(version, interventions, whole_city)]
    if pair is not None and outcome is not None and outcome.after is not None:
        service, before, after = outcome.service, outcome.before, outcome.after
        best = change_sets.best_closed(version, list(interventions), pair.before, service)
        found += [
            {
                "label": _("Gap closed, %(service)s") % {"service": local_name(service)},
                "value": num(outcome.closed),
                "unit": unit(service),
                "spread": {
                    "words": _("gap before"),
                    "low": spread.gap_p10,
                    "high": spread.gap_p90,
                    "href": reverse("analysis", args=[pair.before.ref, "range"]) + f"?service={service.code}",
                }
                if spread
                else None,
                "note": _("%(before)s → %(after)s, %(assignment)s; best possible assignment closes %(best)s")
                % {
                    "before": num(before.gap),
                    "after": num(after.gap),
                    "assignment": str(pair.before.get_assignment_display()).lower(),
                    "best": num(best),
                },
            },
            {
                "label": _("Coverage"),
                "value": f"{_percent(before)} → {_percent(after)}",
                "unit": "%",
                "note": _("served of %(need)s %(unit)s in need")
                % {"need": num(before.need), "unit": unit(service)},
            },
        ]
    found.append(_proof(version, whole_city))
    return found


def _cost(version: PlanVersion, interventions: Sequence[Intervention], whole_city: bool) -> dict[str, Any]:
    """What the plan costs; where it was to be the cheapest, against the proved floor."""
    asked = version.facts.get("budget_asked", version.budget_fen)
    note = _("proposed prices; see the rate card")
    running = version.question.get("running_years") or 0
    if version.aim == Aim.CHEAPEST and whole_city and version.aim_bound is not None:
        words = (
            _(
                "no plan that keeps the targets costs less than %(floor)s, %(years)s years of running it included"
            )
            if running
            else _("no plan that keeps the targets costs less than %(floor)s")
        )
        note = words % {"floor": yuan(round(version.aim_bound)), "years": running}
    return {
        "label": _("Cost, %(count)s interventions") % {"count": num(len(interventions))},
        "value": yuan(sum(one.cost_fen for one in interventions)),
        "unit": _("of %(budget)s") % {"budget": yuan(asked)} if asked else "",
        "note": note,
    }


def _proof(version: PlanVersion, whole_city: bool) -> dict[str, Any]:
    """How far from the best possible the plan is, in the words of its aim and rule."""
    return {
        "label": _("Against the best possible"), "value": proof_words(version), "unit": "",
        "note": _proof_note(version, whole_city),
    }  # fmt: skip


def proof_words(version: PlanVersion) -> str:
    """How far from the best: rounded up, so that only a closed proof reads as the optimum."""
    if version.gap is None:
        return "—"
    if version.status == "optimal":
        return _("proved optimal")
    return _("within %(share)s") % {"share": pct(math.ceil(version.gap * 1000) / 1000)}


def _proof_note(version: PlanVersion, whole_city: bool) -> str:
    edited = version.facts.get("origin") == "edited"
    if edited and version.gap is None:
        return _("changed by hand and measured; no bound holds for it")
    if version.gap is None:
        return _("the search gave no bound")
    if not whole_city:
        return ""
    value, bound = version.aim_value, version.aim_bound
    if version.aim == Aim.CHEAPEST:
        return _("of the least cost at which the targets can be kept")
    if version.aim == Aim.FAIREST and value is not None and bound is not None:
        return _("the worst served area gets %(value)s; no plan lifts it above %(bound)s") % {
            "value": pct(value), "bound": pct(math.ceil(bound * 1000) / 1000),
        }  # fmt: skip
    if version.rule != Rule.EXPECTED and value is not None and bound is not None:
        words = {
            Rule.WORST: _("largest gap left in any scenario %(value)s; no plan leaves less than %(bound)s (weighted)"),
            Rule.TAIL: _("mean gap left in the worst scenarios %(value)s; no plan leaves less than %(bound)s (weighted)"),
            Rule.REGRET: _("largest regret %(value)s; no plan has less than %(bound)s (weighted)"),
        }  # fmt: skip
        return words[Rule(version.rule)] % {"value": num(-value), "bound": num(max(-bound, 0))}
    if version.bound is not None:
        return _("no plan in this budget can close more than %(bound)s (weighted)") % {
            "bound": num(version.bound)
        }
    if bound is not None:
        return _(
            "no plan within the limits is worth more than %(bound)s, peacetime value included (weighted)"
        ) % {"bound": num(bound)}
    return ""


def _percent(totals: gaps.Totals) -> str:
    return f"{totals.served / totals.need * 100:.1f}" if totals.need else "—"


def curve(version: PlanVersion, interventions: Sequence[Intervention]) -> dict[str, Any]:
    """What more money buys, with the bound."""
    scale = 1e6 if is_chinese() else 1e8
    points: list[dict[str, Any]] = [
        {
            "x": point["cost_fen"] / scale, "y": point["served"], "order": point["order"],
            "label": f"{yuan(int(point['cost_fen']))}: {num(point['served'])}",
        }
        for point in change_sets.money_curve(version, list(interventions))
    ]  # fmt: skip
    if version.value and version.bound and points[-1]["y"]:
        # For who sees the whole city this is the bound itself; for others it stands in proportion to what they see.
        points[0]["bound"] = points[-1]["bound"] = points[-1]["y"] * version.bound / version.value
    return {
        "points": points if len(points) > 1 else [], "this": len(points) - 1,
        "thisLabel": _("This plan: %(served)s") % {"served": num(points[-1]["y"])},
        "xTitle": _("Cost, %(unit)s") % {"unit": money_unit()}, "yTitle": _("Weighted need newly served, best possible assignment"),
        "label": _("Need newly served against cost; the change set holds every value"),
    }  # fmt: skip


def bars(interventions: Sequence[Intervention]) -> dict[str, Any]:
    """Work by year where years are known, else by how long it takes until it is ready: title and bars of cost by kind."""
    years = any(one.year for one in interventions)
    groups: list[tuple[str, list[tuple[str, int]], int, int]] = []
    if years:
        for year in sorted({one.year or 9999 for one in interventions}):
            inside = [one for one in interventions if (one.year or 9999) == year]
            kinds: dict[str, int] = {}
            for one in inside:
                kinds[one.kind] = kinds.get(one.kind, 0) + one.cost_fen
            label = str(year) if year < 9999 else _("no year")
            groups.append(
                (label, sorted(kinds.items()), sum(kinds.values()), sum(one.units for one in inside))
            )
    else:
        for group in change_sets.lead_groups(list(interventions)):
            label = _("%(months)s months") % {"months": group.up_to} if group.up_to else _("longer")
            groups.append((label, group.kinds, group.cost_fen, group.units))
    most = max((cost for _label, _kinds, cost, _units in groups), default=1) or 1
    rows = []
    for label, kinds_cost, cost, units in groups:
        parts, left = [], 0.0
        for kind, part in kinds_cost:
            width = part / most * 100
            parts.append({"kind": kind, "left": f"{left:.2f}", "width": f"{width:.2f}"})
            left += width
        rows.append({"label": label, "parts": parts, "cost_fen": cost, "units": units})
    return {"title": _("By year") if years else _("Ready within"), "rows": rows}


def by_year(interventions: Sequence[Intervention]) -> list[dict[str, Any]]:
    """The change-set under the years of the work; one group without a head where no year is known."""
    if not any(one.year for one in interventions):
        return [{"year": None, "rows": list(interventions), "cost_fen": 0}]
    groups = []
    for year in sorted({one.year or 9999 for one in interventions}):
        rows = [one for one in interventions if (one.year or 9999) == year]
        head = str(year) if year < 9999 else _("no year")
        groups.append({"year": head, "rows": rows, "cost_fen": sum(one.cost_fen for one in rows)})
    return groups
