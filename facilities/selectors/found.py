"""What the search over everything finds in the registry."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import City
from core.selectors.search import Hit, by_words, register
from core.templatetags.pingji import local_name, other_name
from facilities.selectors.facilities import facilities_for


@register("facilities", _("Facilities"), order=10)
def search_facilities(*, user: Any, city: City, words: list[str], limit: int) -> list[Hit]:
    fields = ("ref", "name", "name_en", "address", "source_id")
    rows = by_words(facilities_for(user).filter(city=city), words, fields, ref="ref")[:limit]
    return [
        Hit(
            f"/facilities/{row.ref}/", local_name(row), row.ref,
            " · ".join(filter(None, [other_name(row), local_name(row.use), local_name(row.area) if row.area else ""])),
        )
        for row in rows
    ]  # fmt: skip
