"""Why a place is in a plan, and why another is not, in one sentence; from the version's explanation where there is one."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from core.templatetags.pingji import num, unit
from planning.models import Intervention
from planning.services.explanation_words import reason_words
from planning.services.plan_facts import Alternative, PlanFacts


def chosen_reason(facts: PlanFacts, one: Intervention) -> str:
    """What the place adds: measured with the plan, in the run where it helps most."""
    if not one.people_newly_served:
        return _("Adds nothing that counts in the runs; a person keeps it in the plan.")
    said = _("Serves %(units)s %(unit)s that nobody served in time, in the run where it helps most.") % {
        "units": num(one.people_newly_served),
        "unit": unit(one.service),
    }
    why = (facts.told.chosen if facts.told else {}).get(one.order) or {}
    lost, only = _most(why.get("lost_units")), _most(why.get("only_people"))
    more = []
    if lost:
        more.append(_("Without it %(units)s are lost.") % {"units": num(lost)})
    if only:
        more.append(_("Only it reaches %(people)s people.") % {"people": num(only)})
    for words in more:
        said = _("%(first)s %(second)s") % {"first": said, "second": words}
    return said


def _most(by_run: Any) -> float:
    """The largest number of any run; 0 where none is told."""
    return max((value or 0 for value in by_run.values()), default=0) if isinstance(by_run, dict) else 0


def alternative_reason(facts: PlanFacts, other: Alternative) -> str:
    """The same words as on the page of rejected places."""
    seen = facts.told.names if facts.told else {}
    return reason_words(other.row, seen, aim=facts.version.aim)
