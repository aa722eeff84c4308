"""The search in the bar: facilities, idle assets, areas, plans, runs and scenarios by name or reference."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from core import policies
from core.models import Area, City
from core.templatetags.pingji import local_name
from facilities.models import Facility
from inventory.models import IdleAsset
from planning.models import Plan, Scenario
from planning.selectors.gaps import runs_visible_to

EACH = 12


@dataclass(frozen=True)
class Hit:
    kind: str
    ref: str
    name: str
    note: str
    href: str


def hits(*, user: Any, city: City, words: str) -> list[Hit]:
    """At most a dozen of each kind, only what the person may see; empty words find nothing."""
    words = words.strip()
    if not words or not policies.allows(user, "view", city):
        return []
    named = Q(name__icontains=words) | Q(name_en__icontains=words)
    mine = policies.visible(user)
    found: list[Hit] = []
    for area in Area.objects.filter(named | Q(code=words), policies.visible_areas(user), city=city).order_by("level", "path")[:EACH]:
        href = reverse("map") + f"?area={area.code}&tab=level{area.level}"
        found.append(Hit(_("Area"), area.code, local_name(area), str(area.get_level_display()), href))
    for one in Facility.objects.filter(named | Q(ref__iexact=words), mine, city=city).select_related("use", "area")[:EACH]:
        note = f"{local_name(one.use)}, {local_name(one.area)}"
        found.append(Hit(_("Facility"), one.ref, local_name(one), note, f"/facilities/{one.ref}/"))
    for asset in IdleAsset.objects.filter(named | Q(ref__iexact=words), mine, city=city).select_related("area")[:EACH]:
        note = f"{asset.get_kind_display()}, {local_name(asset.area)}"
        found.append(Hit(_("Idle asset"), asset.ref, local_name(asset), note, f"/inventory/idle/{asset.ref}/"))
    for scenario in Scenario.objects.filter(named | Q(ref__iexact=words), city=city)[:EACH]:
        found.append(Hit(_("Scenario"), scenario.ref, local_name(scenario), str(scenario.get_hazard_display()), reverse("scenario", args=[scenario.ref])))
    for plan in Plan.objects.filter(named | Q(ref__iexact=words), city=city)[:EACH]:
        found.append(Hit(_("Plan"), plan.ref, local_name(plan), "", reverse("plan", args=[plan.ref])))
    for run in runs_visible_to(user, city).filter(ref__iexact=words)[:EACH]:
        found.append(Hit(_("Run"), run.ref, local_name(run.scenario), str(run.get_time_of_day_display()), reverse("run", args=[run.ref])))
    return found
