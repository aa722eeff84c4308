"""The trace between plans and projects: from an intervention to its project, from a project to what the plan said."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from planning.models import PlanVersion
from projects.selectors import pages


def projects_of_version(user: Any, version: PlanVersion) -> dict[int, dict[str, str]]:
    """{order: {"label": reference and state, "href"}} of the interventions that became projects; one statement."""
    rows = pages.projects_visible_to(user).filter(intervention__version=version).select_related(None)
    return {
        row.intervention.order: {
            "label": _("%(ref)s, %(state)s") % {"ref": row.ref, "state": row.get_state_display()},
            "href": reverse("project", args=[row.ref]),
        }
        for row in rows.select_related("intervention")
        if row.intervention is not None
    }
