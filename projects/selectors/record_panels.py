"""What projects say on the record of a facility: the works that made it what it is."""

from __future__ import annotations

from typing import Any

from facilities.models import Facility
from facilities.selectors.record_panels import Panel, record_panel
from projects.models import Commissioning
from projects.selectors.pages import projects_visible_to


@record_panel(order=30)
def works_that_were_accepted(facility: Facility, user: Any) -> Panel | None:
    """Accepted works at this place, newest first, as far as the person may see their projects."""
    rows = list(
        Commissioning.objects.filter(
            facility=facility, accepted_at__isnull=False, project__in=projects_visible_to(user).values("pk")
        )
        .select_related("project__service", "accepted_by")
        .order_by("-accepted_at")
    )
    if not rows:
        return None
    return Panel(template="projects/parts/facility_works.html", context={"accepted_works": rows})
