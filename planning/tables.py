"""Which columns a list may be sorted by, and what each means to the database."""

from typing import Any

from django.db.models import F, FloatField, QuerySet
from django.db.models.functions import Cast, NullIf

GAP = F("late") + F("no_room") + F("out_of_reach")
GAP_ROWS = {
    "area": F("area__path"),
    "service": F("service__sort_order"),
    "need": F("need"),
    "served": F("served"),
    "late": F("late"),
    "no_room": F("no_room"),
    "out_of_reach": F("out_of_reach"),
    "gap": GAP,
    "share": Cast(GAP, FloatField()) / Cast(NullIf(F("need"), 0), FloatField()),
}


def ordered(rows: QuerySet[Any], columns: dict[str, Any], ordering: str, default: str) -> QuerySet[Any]:
    """Sort by `ordering` ("-gap") if it names a known column, else by `default`; ties keep a fixed order."""
    asked = ordering if ordering.lstrip("-") in columns else default
    expression = columns[asked.lstrip("-")]
    direction = expression.desc(nulls_last=True) if asked.startswith("-") else expression.asc(nulls_last=True)
    ties = [] if asked.lstrip("-") == "gap" or "gap" not in columns else [columns["gap"].desc()]
    return rows.order_by(direction, *ties, "pk")
