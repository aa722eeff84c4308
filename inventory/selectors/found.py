"""What the search over everything finds among idle assets."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import City
from core.selectors.search import Hit, by_words, register
from core.templatetags.pingji import local_name, other_name
from inventory.selectors.idle_assets import assets_for


@register("idle-assets", _("Idle assets"), order=20)
def search_idle_assets(*, user: Any, city: City, words: list[str], limit: int) -> list[Hit]:
    rows = by_words(
        assets_for(user).filter(city=city),
        words,
        ("ref", "name", "name_en", "address", "source_id"),
        ref="ref",
    )[:limit]
    return [
        Hit(
            f"/inventory/idle/{row.ref}/", local_name(row), row.ref,
            " · ".join(filter(None, [other_name(row), str(row.get_kind_display()), local_name(row.area) if row.area else ""])),
        )
        for row in rows
    ]  # fmt: skip
