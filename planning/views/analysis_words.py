"""The sentence above each analysis, what the kind means, and its settings in words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.templatetags.pingji import hours, local_name, num, pct, unit
from planning.choices import AnalysisKind, NeverServed
from planning.models import Analysis
from planning.services.analysis_tables import EquityRow, HourRow, LossTable, ShareRow
from planning.services.answers import people_behind
from planning.views.readings import Reading

INTRO = {
    AnalysisKind.HOURS: gettext_lazy(
        "Who is served by what is ready so many hours after the order is given. A place counts from the hour its conversion"
        " ends; the limit of the standard plays no part."
    ),
    AnalysisKind.LOSS: gettext_lazy(
        "Each facility is taken away in turn and everybody is assigned anew. What is lost is what nobody else takes over in time."
    ),
    AnalysisKind.BACKUP: gettext_lazy(
        "How many usable facilities lie in reach of each place, whether they are full or not. One alone has no backup."
    ),
    AnalysisKind.ACCESS: gettext_lazy(
        "Usable places in reach for each one that is needed, shared with all who compete for them. 1 is balance."
    ),
    AnalysisKind.EQUITY: gettext_lazy(
        "How evenly the served need is spread: between places, districts, groups and times of day."
    ),
    AnalysisKind.RANGE: gettext_lazy(
        "The numbers a run rests on are only known within a range. They are drawn many times, each draw is scored as the run"
        " was, and eight draws in ten lie between P10 and P90."
    ),
}
METHODS = {
    "gaussian": gettext_lazy("Gaussian"),
    "e2sfca": gettext_lazy("Zones (E2SFCA)"),
    "2sfca": gettext_lazy("All alike (2SFCA)"),
}
NEVER = {
    NeverServed.REACH: gettext_lazy("Too much of the need is out of reach."),
    NeverServed.UNKNOWN: gettext_lazy("The conversion hours of some places are not known."),
    NeverServed.CAPACITY: gettext_lazy("The places in reach have too little room."),
}


def settings(analysis: Analysis) -> list[tuple[str, str]]:
    """(what, value) of the settings the analysis was asked with."""
    asked, found = analysis.params, []
    if "hours" in asked:
        found.append((_("Hours"), ", ".join(hours(one) for one in asked["hours"])))
    if "share" in asked:
        found.append((_("Share looked for"), pct(asked["share"], 0)))
    if "pairs" in asked:
        found.append((_("Taken in pairs"), num(asked["pairs"])))
    if "method" in asked:
        found.append((_("Method"), str(METHODS[asked["method"]])))
        found.append((_("Catchment"), _("%(share)s of the reach") % {"share": pct(asked["catchment"], 0)}))
    if "beta" in asked:
        found.append((_("Beta"), f"{asked['beta']:g}"))
    if "zones" in asked:
        found.append(
            (_("Zones"), "; ".join(f"{pct(edge, 0)}: {weight:g}" for edge, weight in asked["zones"]))
        )
    if "draws" in asked:
        found.append((_("Draws"), num(asked["draws"])))
        found.append((_("Seed"), str(asked["seed"])))
    if "worst" in asked:
        found.append((_("Worst served"), pct(asked["worst"], 0)))
    return found


def hours_reading(whole: HourRow, facts: dict[str, Any]) -> Reading:
    if not whole.need:
        return Reading(_("Nobody needs this service in this scenario."))
    kept, share = facts["hours"], pct(facts["share"], 0)
    parts = [
        _("%(share)s after %(hour)s h") % {"share": pct(value / whole.need, 0), "hour": hours(hour)}
        for hour, value in zip(kept, whole.served, strict=True)
        if hour > 0
    ]
    tail = _("Served: %(list)s.") % {"list": _(", ").join(parts)}
    if whole.hour is not None:
        words = _("%(share)s of the need is served %(hour)s h after activation.")
        if whole.hour == 0:
            words = _("%(share)s of the need is served at once.")
        return Reading(words % {"share": share, "hour": hours(whole.hour)}, tail)
    most = pct(whole.curve[-1] / whole.need, 0)
    words = _("%(share)s of the need is never served; it stays at %(most)s.") % {"share": share, "most": most}
    return Reading(f"{words} {NEVER[NeverServed(whole.why)]}", tail)


def hour_reading(whole: HourRow, at: int, hour: float, facts: dict[str, Any], service: Any) -> Reading:
    """One step of the slider on the map."""
    if not whole.need:
        return Reading(_("Nobody needs this service in this scenario."))
    told = {
        "hour": hours(hour), "served": num(whole.served[at]), "need": num(whole.need), "unit": unit(service),
        "share": pct(whole.served[at] / whole.need),
    }  # fmt: skip
    words = _("%(hour)s h after activation %(served)s of %(need)s %(unit)s are served, %(share)s.")
    if hour == 0:
        words = _("At the moment of activation %(served)s of %(need)s %(unit)s are served, %(share)s.")
    if whole.hour is not None:
        tail = _("%(share)s is reached after %(hour)s h.") % {
            "share": pct(facts["share"], 0),
            "hour": hours(whole.hour),
        }
    else:
        tail = _("%(share)s is never reached.") % {"share": pct(facts["share"], 0)}
    return Reading(words % told, tail)


def loss_reading(table: LossTable, ratio: float, service: Any) -> Reading:
    if not table.rows:
        return Reading(_("No facility serves anybody here."))
    worst = table.rows[0]
    if not worst.lost:
        return Reading(_("Whichever single place fails, the others take over all it serves in time."))
    told = {
        "place": local_name(worst.facility), "people": num(people_behind(worst.lost, ratio)),
        "top": pct(table.top_served / table.served if table.served else 0, 0), "count": num(min(10, table.count)),
        "critical": num(table.critical), "all": num(table.count),
    }  # fmt: skip
    sentence = _("If %(place)s fails, %(people)s people lose cover.") % told
    if table.count > 10:
        sentence += " " + _("The ten most critical places hold %(top)s of all that is served.") % told
    tail = _("%(critical)s of %(all)s places would be missed.") % told
    return Reading(sentence, tail)


def backup_reading(whole: ShareRow) -> Reading:
    if not whole.need:
        return Reading(_("Nobody needs this service in this scenario."))
    none, one, *more = (part / whole.need for part in whole.parts)
    told = {"two": pct(sum(more), 0), "one": pct(one, 0), "none": pct(none, 0)}
    return Reading(
        _("%(two)s of the need has two or more usable facilities in reach.") % told,
        _("%(one)s hangs on a single one, %(none)s has none.") % told,
    )


def access_reading(whole: ShareRow) -> Reading:
    if not whole.need:
        return Reading(_("Nobody needs this service in this scenario."))
    severe, short, _balanced, ample = (part / whole.need for part in whole.parts)
    told = {"short": pct(severe + short, 0), "severe": pct(severe, 0), "ample": pct(ample, 0)}
    return Reading(
        _("%(short)s of the need has fewer usable places in reach than compete for them.") % told,
        _("%(severe)s is severely short, %(ample)s has half as many again or more.") % told,
    )


def equity_reading(said: dict[str, Any], rows: list[EquityRow], worst: float) -> Reading:
    tail = ""
    if len(rows) > 1:
        first, last = rows[0], rows[-1]
        tail = _("Best: %(best)s, %(high)s. Last: %(last)s, %(low)s.") % {
            "best": local_name(last.area), "high": pct(last.share, 0), "last": local_name(first.area), "low": pct(first.share, 0),
        }  # fmt: skip
    if not said.get("need"):
        return Reading(
            _("Fairness between districts.") if rows else _("Nobody needs this service in this scenario."),
            tail,
        )
    told = {
        "worst": pct(worst, 0),
        "low": pct(said["worst_share"], 0),
        "mean": pct(said["share"], 0),
        "gini": f"{said['gini']:.2f}",
    }
    if not said["worst_share"] and said["without"]:
        told["none"] = pct(said["without"], 0)
        words = _("Nothing is served of %(none)s of the need; on average %(mean)s is.")
        return Reading(words % told, tail)
    return Reading(
        _("Of the worst-served %(worst)s of the need %(low)s is served, on average %(mean)s.") % told, tail
    )
