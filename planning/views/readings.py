"""The one sentence above a map or table: what falls short, by how much, and where most."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.choices import TimeOfDay
from core.templatetags.pingji import local_name, num, reach, unit


@dataclass(frozen=True)
class Reading:
    sentence: str
    tail: str = ""


def _when(time_of_day: str) -> str:
    words = {
        TimeOfDay.NIGHT: _("by night"), TimeOfDay.HOLIDAY: _("on a holiday"), TimeOfDay.EVENT: _("during an event"),
    }  # fmt: skip
    return words.get(TimeOfDay(time_of_day), _("by day"))


def read_gap(
    *,
    service: Any,
    time_of_day: str,
    limit: float | None,
    limit_unit: str,
    need: int,
    gap: int,
    rows: list[Any],
) -> Reading:
    """`rows`: the areas of one level with `.area` and `.gap`, any order."""
    facts = {
        "when": _when(time_of_day),
        "gap": num(gap),
        "unit": unit(service),
        "reach": reach(limit, limit_unit),
        "count": len(rows),
    }
    if not need:
        return Reading(_("Nobody needs this service %(when)s in this scenario.") % facts)
    if not gap:
        return Reading(_("All need is met %(when)s within %(reach)s.") % facts)
    short = sorted((row for row in rows if row.gap > 0), key=lambda row: -row.gap)
    facts["short"] = len(short)
    if not rows:
        sentence = _("The need is not met %(when)s: %(gap)s %(unit)s are not ready within %(reach)s.") % facts
    elif len(short) == len(rows) > 1:
        sentence = (
            _("All %(count)d districts fall short %(when)s: %(gap)s %(unit)s are not ready within %(reach)s.")
            % facts
        )
    else:
        sentence = (
            ngettext(
                "%(short)d of %(count)d districts falls short %(when)s: %(gap)s %(unit)s are not ready within %(reach)s.",
                "%(short)d of %(count)d districts fall short %(when)s: %(gap)s %(unit)s are not ready within %(reach)s.",
                len(short),
            )
            % facts
        )
    tail = ""
    if len(short) > 1:
        worst = short[0]
        tail = _("Worst: %(area)s, %(gap)s.") % {"area": local_name(worst.area), "gap": num(worst.gap)}
    return Reading(sentence, tail)
