"""The tabs of supervision, the same on each of its city-wide pages (rendered by planning/parts/run_tabs.html)."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

# (address name, words)
SUPERVISION_TABS: list[tuple[str, Any]] = [
    ("supervision", _("Alerts")),
    ("supervision_risk", _("Risk")),
    ("draws", _("Draws of inspections")),
    ("alert_rules", _("Rules")),
]


def supervision_tabs(current: str) -> list[dict[str, Any]]:
    """[{label, href, current}]; `current` is the address name of the page itself."""
    return [
        {"label": label, "href": reverse(name), "current": name == current}
        for name, label in SUPERVISION_TABS
    ]
