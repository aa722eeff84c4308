"""The tabs of the whole programme, the same on each of its pages (rendered by projects/parts/programme_tabs.html)."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

# (address name, words): the list, the board, and what follows the money and the works of all projects of a city.
PROGRAMME_TABS: list[tuple[str, Any]] = [
    ("projects", _("Table")),
    ("project_board", _("Board")),
    ("programme_schedule", _("Schedule")),
    ("programme_money", _("Money")),
    ("project_results", _("Results")),
    ("responsibilities", _("Responsibilities")),
    ("publication", _("Publication")),
]


def programme_tabs(current: str) -> list[dict[str, Any]]:
    """[{label, href, current}]; `current` is the address name of the page itself."""
    return [
        {"label": label, "href": reverse(name), "current": name == current} for name, label in PROGRAMME_TABS
    ]
