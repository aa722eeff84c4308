"""Why a place is in a plan, and why another is not, in one sentence; from the version's explanation where there is one."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from core.templatetags.pingji import num, unit
from planning.models import Intervention
from planning.services.plan_facts import Alternative, PlanFacts


def chosen_reason(facts: PlanFacts, one: Intervention) -> str:
    """What the place adds: measured with the plan, in the run where it helps most."""
    if not one.people_newly_served:
        return _("Adds nothing that counts in the runs; a person keeps it in the plan.")
    said = _("Serves %(units)s %(unit)s that nobody served in time, in the run where it helps most.") % {
        "units": num(one.people_newly_served),
        "unit": unit(one.service),
    }
    why = facts.chosen_why.get(one.key) or {}
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
    """The reason of the explanation as a sentence; the code itself where a later engine tells one not known here."""
    words = {
        "banned": _("The question rules it out."),
        "closing": _("It would close a place that people need."),
        "late": _("It would not be ready within the hours of the standard."),
        "displaces": _("It would push aside another role of the same place."),
        "nobody": _("Nobody without a place is within its reach."),
        "dear": _("It costs more than the whole budget."),
        "spare": _("It would fit beside the plan: the plan is not full."),
        "swap": _("In exchange for one of the plan it would do more."),
        "size": _("The same place is in the plan in another size."),
        "excluded": _("The same place is in the plan for something else."),
        "near": _("It lies too near to a place of the plan."),
        "covered": _("All whom it could serve are served by the plan."),
        "limit": _("A limit of the question is full."),
        "value": _("What it costs does more elsewhere."),
    }
    return words.get(other.reason, other.reason)
