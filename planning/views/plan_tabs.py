"""The tabs of one plan version, the same on each of its pages (rendered by planning/parts/run_tabs.html)."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from planning.models import PlanVersion
from planning.selectors.plan_comments import open_count

# (address name, words), in the order a planner works through them. Each address takes the plan's reference.
TABS: list[tuple[str, Any]] = [
    ("plan", _("Change set")),
    ("plan_asked", _("Question")),
    ("plan_rejected", _("Not chosen")),
    ("plan_areas", _("By area")),
    ("plan_years", _("Years and money")),
    ("plan_fronts", _("Trade-offs")),
    ("plan_losses", _("If one fails")),
    ("plan_compare", _("Compare")),
    ("plan_comments", _("Comments")),
    ("plan_files", _("Files and record")),
]


def plan_tabs(version: PlanVersion, current: str, *, user: Any = None) -> list[dict[str, Any]]:
    """`user`: with the number of comments that the person sees and nobody has answered."""
    waiting = open_count(version, user=user) if user is not None else 0
    return [
        {
            "label": label,
            "href": f"{reverse(name, args=[version.plan.ref])}?version={version.number}",
            "current": name == current,
            "count": waiting if name == "plan_comments" else 0,
        }
        for name, label in TABS
    ]
