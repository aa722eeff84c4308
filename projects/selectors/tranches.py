"""What holds a tranche, which one is the last, and the four sums of a project."""

from __future__ import annotations

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from projects.choices import ConditionState
from projects.models import Project, Release, Tranche


def is_last(tranche: Tranche) -> bool:
    """The last one waits for the passed conversion check, whether or not it was called so: one tranche for everything
    does not go round it."""
    return (
        tranche.final
        or not Tranche.objects.filter(project_id=tranche.project_id, number__gt=tranche.number).exists()
    )


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
    if (
        is_last(tranche)
        and not Tranche.objects.filter(
            pk=tranche.pk,
            project__commissioning__check_passed=True,
            project__commissioning__built_units__gt=0,
            project__commissioning__accepted_by__isnull=False,
        ).exists()
    ):
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
