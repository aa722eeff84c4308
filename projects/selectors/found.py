"""What the search over everything finds among projects: by name, reference or national investment code, and cases."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from core.models import City
from core.selectors.search import Hit, by_words, register
from core.templatetags.pingji import local_name
from projects.models import Case
from projects.selectors.pages import projects_visible_to


@register("projects", _("Projects"), order=35)
def search_projects(*, user: Any, city: City, words: list[str], limit: int) -> list[Hit]:
    rows = by_words(
        projects_visible_to(user, city), words, ("name", "name_en", "ref", "investment_code"), ref="ref"
    )[:limit]
    return [
        Hit(
            reverse("project", args=[row.ref]),
            local_name(row),
            ref=row.ref,
            note=", ".join(part for part in (str(row.get_state_display()), row.investment_code) if part),
        )
        for row in rows
    ]


@register("cases", _("Cases"), order=36)
def search_cases(*, user: Any, city: City, words: list[str], limit: int) -> list[Hit]:
    rows = Case.objects.filter(project__in=projects_visible_to(user, city)).select_related("project")
    return [
        Hit(reverse("project", args=[row.project.ref]), local_name(row.project), ref=row.ref, note=str(row.get_state_display()))
        for row in by_words(rows, words, ("ref",), ref="ref")[:limit]
    ]  # fmt: skip
