"""What the stock says on the record of a facility."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from core import policies
from core.templatetags.pingji import day, local_name, num
from facilities.models import Facility
from facilities.selectors.record_panels import Panel, record_panel
from inventory.selectors.stock import last_stocktake, shelves


@record_panel(order=20)
def stock_panel(facility: Facility, user: Any) -> Panel | None:
    rows = shelves(facility)
    may_move = policies.allows(user, "stock.move", facility)
    if not rows and not may_move:
        return None
    counted = last_stocktake(facility)
    known = [row for row in rows if row["needed"]]
    stat = None
    if known:
        worst = min(known, key=lambda row: row["on_hand"] / row["needed"])
        note = _("%(item)s %(on_hand)s of %(needed)s") % {
            "item": local_name(worst), "on_hand": num(worst["on_hand"]), "needed": num(worst["needed"]),
        }  # fmt: skip
        if counted:
            note = _("%(note)s; stocktake of %(day)s") % {"note": note, "day": day(counted.counted_on)}
        stat = {
            "label": _("Stock on hand"),
            "value": num(100 * worst["on_hand"] / worst["needed"]),
            "unit": "%",
            "note": note,
        }
    context = {"rows": rows, "counted": counted, "may_move": may_move, "ref": facility.ref}
    return Panel(stat=stat, template="inventory/parts/stock_panel.html", context=context)
