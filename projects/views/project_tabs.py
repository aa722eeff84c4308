"""The tabs of one project, the same on each of its pages (rendered by planning/parts/run_tabs.html)."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from projects.models import Project

# (address name, words), in the order a project goes. Each address takes the project's reference.
TABS: list[tuple[str, Any]] = [
    ("project", _("Case")),
    ("project_money", _("Money")),
    ("project_schedule", _("Schedule")),
    ("project_works", _("Works")),
    ("project_responsibilities", _("Responsibility")),
    ("project_handover", _("Handover")),
    ("project_files", _("Files")),
]


def project_tabs(project: Project, current: str) -> list[dict[str, Any]]:
    return [
        {"label": label, "href": reverse(name, args=[project.ref]), "current": name == current}
        for name, label in TABS
    ]
