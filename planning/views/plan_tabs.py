"""The tabs of one plan version, the same on each of its pages (rendered by planning/parts/run_tabs.html)."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from planning.models import PlanVersion

# (address name, words), in the order a planner works through them. Each address takes the plan's reference.
TABS: list[tuple[str, Any]] = [
    ("plan", _("Change set")),
]


def plan_tabs(version: PlanVersion, current: str) -> list[dict[str, Any]]:
    return [
        {
            "label": label,
            "href": f"{reverse(name, args=[version.plan.ref])}?version={version.number}",
            "current": name == current,
        }
        for name, label in TABS
    ]
