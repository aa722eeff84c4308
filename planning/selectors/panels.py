"""What planning says on the record of a facility: what the newest run took from it, and how far it reaches."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from core.templatetags.pingji import joined, local_name, num, reach, unit
from facilities.models import Facility
from facilities.selectors.record_panels import Panel, record_panel
from planning.choices import ReachUnit, SupplyReason
from planning.models import FacilityResult
from planning.selectors.gaps import baseline_runs


@record_panel(order=10)
def taken_in_newest_run(facility: Facility, user: Any) -> Panel | None:
    """The facility's first designated role, in the newest finished run that asked for it."""
    results = (
        FacilityResult.objects.filter(facility=facility, run__in=baseline_runs(user=user, city=facility.city))
        .select_related("run__scenario", "service")
        .order_by("-run_id", "service__sort_order")
    )
    counting = results.filter(reason=SupplyReason.COUNTS).first()
    result = counting or results.exclude(reason=SupplyReason.NOT_DESIGNATED).first()
    if result is None:
        return None
    run = result.run
    standard = next((row for row in run.standards_frozen if row["service"] == result.service.code), None)
    where = [local_name(run.scenario), run.get_time_of_day_display()]
    note = joined(where if counting else [result.get_reason_display(), *where])
    stat = {
        "label": _("Taken in run %(ref)s") % {"ref": run.ref},
        "value": num(result.served + result.late),
        "unit": _("of %(capacity)s %(unit)s")
        % {"capacity": num(result.capacity), "unit": unit(result.service)},
        "note": note,
    }
    limit = run.reach_overrides.get(result.service.code) or (standard or {}).get("reach_limit")
    # Only metres can be drawn as a ring; it is the straight line, never what is counted.
    in_metres = standard is not None and standard["reach_unit"] == ReachUnit.METRES and limit
    return Panel(
        stat=stat,
        ring_m=float(limit) if in_metres else None,
        ring_words=_("%(name)s with a ring of %(reach)s, straight line")
        % {"name": local_name(facility), "reach": reach(limit)}
        if in_metres
        else "",
    )
