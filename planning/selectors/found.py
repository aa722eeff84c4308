"""What the search over everything finds in planning: scenarios, plans and runs."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from core.models import City
from core.selectors.search import Hit, by_words, register
from core.templatetags.pingji import dt, local_name
from planning.selectors.change_sets import plans_visible_to
from planning.selectors.gaps import runs_visible_to
from planning.selectors.scenarios import scenarios_visible_to


@register("plans", _("Plans"), order=40)
def search_plans(*, user: Any, city: City, words: list[str], limit: int) -> list[Hit]:
    rows = by_words(plans_visible_to(user, city), words, ("ref", "name", "name_en"), ref="ref")[:limit]
    return [Hit(reverse("plan", args=[row.ref]), local_name(row), row.ref) for row in rows]


@register("scenarios", _("Scenarios"), order=50)
def search_scenarios(*, user: Any, city: City, words: list[str], limit: int) -> list[Hit]:
    rows = by_words(scenarios_visible_to(user, city), words, ("ref", "name", "name_en"), ref="ref")[:limit]
    return [
        Hit(reverse("scenario", args=[row.ref]), local_name(row), row.ref, str(row.get_hazard_display()))
        for row in rows
    ]


@register("runs", _("Runs"), order=60)
def search_runs(*, user: Any, city: City, words: list[str], limit: int) -> list[Hit]:
    rows = by_words(runs_visible_to(user, city), words, ("ref",), ref="ref")[:limit]
    return [
        Hit(
            reverse("run", args=[row.ref]),
            f"{local_name(row.scenario)}, {row.get_time_of_day_display()}",
            row.ref,
            dt(row.finished_at),
        )
        for row in rows
    ]
