"""Draws of inspections as they are read: by everybody of the city, for a draw that few could read could not be checked."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from core import policies
from core.models import Area, City
from projects.models import Inspection, InspectionDraw, Project


def draws_seen(user: Any, city: City | None = None) -> QuerySet[InspectionDraw]:
    """Draws of the person's cities, newest first. List and weights are for all of them; facts of a project are not."""
    rows = InspectionDraw.objects.select_related(
        "city", "area", "rule", "announced_by", "drawn_by", "voided_by"
    )
    if not getattr(user, "is_superuser", False):
        rows = rows.filter(city__in={held for _role, _top, held in policies.memberships(user)})
    return rows.filter(city=city) if city is not None else rows


def areas_of(user: Any, city: City) -> QuerySet[Area]:
    """Districts where the person may draw."""
    rows = Area.objects.filter(city=city, level=2).order_by("code")
    if getattr(user, "is_superuser", False):
        return rows
    places = Q(pk__in=[])
    for role, top, held in policies.memberships(user):
        if held == city.pk and role in policies.GRANTS["inspection.draw"]:
            places |= Q(path__startswith=top)
    return rows.filter(places)


def list_text(draw: InspectionDraw) -> str:
    """What the announced hash is of: a line "reference<tab>weight" each, then the number drawn."""
    lines = [f"{one['ref']}\t{float(one['weight']):.4f}" for one in draw.weights]
    return "\n".join([*lines, str(draw.count)])


def rows_of(draw: InspectionDraw, user: Any) -> list[dict[str, Any]]:
    """The list, drawn ones first in their order. Names and facts only of projects that the reader may see."""
    refs = [one["ref"] for one in draw.weights]
    seen = {
        one.ref: one
        for one in Project.objects.filter(policies.visible(user), ref__in=refs).select_related("area")
    }
    made = {one.project.ref: one for one in Inspection.objects.filter(drawn=draw).select_related("project")}
    place = {ref: number for number, ref in enumerate(draw.chosen, start=1)}
    total = sum(float(one["weight"]) for one in draw.weights)
    rows = [
        {
            "ref": one["ref"], "weight": one["weight"], "share": float(one["weight"]) / total if total else 0.0,
            "place": place.get(one["ref"]), "project": seen.get(one["ref"]), "facts": one if one["ref"] in seen else None,
            "inspection": made.get(one["ref"]),
        }
        for one in draw.weights
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row["place"] or len(refs) + 1, -row["weight"], row["ref"]))
