"""What holds a tranche, which one is the last, and the four sums of a project."""

from __future__ import annotations

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from projects.choices import ConditionState
from projects.models import Commissioning, ConversionCheck, Project, Release, Tranche


def is_last(tranche: Tranche) -> bool:
    """The last one waits for the passed conversion check, whether or not it was called so: one tranche for everything
    does not go round it."""
    return (
        tranche.final
        or not Tranche.objects.filter(project_id=tranche.project_id, number__gt=tranche.number).exists()
    )


def _converts(project_id: int) -> bool:
    """Accepted as built, and the newest trial of the conversion was passed."""
    handed = Commissioning.objects.filter(
        project_id=project_id, check_passed=True, accepted_by__isnull=False, built_units__gt=0
    ).exists()
    newest = ConversionCheck.objects.filter(commissioning__project_id=project_id).order_by("-number").first()
    return handed and newest is not None and newest.passed


def open_reasons(tranche: Tranche) -> list[str]:
    """What still stands in the way of this tranche, in words; the database asks the same."""
    found = [
        str(_("condition open: %(text)s") % {"text": one.text})
        for one in tranche.conditions.filter(state=ConditionState.OPEN)
    ]
    found += [
        str(_("milestone not seen on site: %(name)s") % {"name": one.name})
        for one in tranche.milestones.filter(reached_on=None)
    ]
    if is_last(tranche) and not _converts(tranche.project_id):
        found.append(str(_("the capacity as built and a passed conversion check are missing")))
    return found


def totals(project: Project) -> dict[str, int]:
    """Approved, budgeted, released and paid, in fen."""
    return {
        "approved_fen": project.approved_fen or 0,
        "budget_fen": project.budget_lines.aggregate(sum=Sum("amount_fen"))["sum"] or 0,
        "released_fen": Release.objects.filter(tranche__project=project).aggregate(sum=Sum("amount_fen"))[
            "sum"
        ]
        or 0,
        "paid_fen": project.payments.aggregate(sum=Sum("amount_fen"))["sum"] or 0,
    }
