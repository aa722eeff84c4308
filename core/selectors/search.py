"""Search over everything. Each app registers what it can find; the page knows none of them.

    @register("facilities", _("Facilities"), order=10)
    def search_facilities(*, user, city, words, limit) -> list[Hit]: ...

Register in a module that the app's AppConfig.ready() imports. `words` is never empty.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from core import policies
from core.models import Area, City

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hit:
    """One thing found: where it opens, what it is called, and one line about it."""

    url: str
    name: str
    ref: str = ""
    note: str = ""


@dataclass(frozen=True)
class Found:
    key: str
    label: Any
    hits: list[Hit]
    more: bool


Searcher = Callable[..., list[Hit]]
_SEARCHERS: dict[str, tuple[int, Any, Searcher]] = {}


def register(key: str, label: Any, *, order: int = 50) -> Callable[[Searcher], Searcher]:
    def keep(searcher: Searcher) -> Searcher:
        _SEARCHERS[key] = (order, label, searcher)
        return searcher

    return keep


def by_words(queryset: QuerySet, words: list[str], fields: tuple[str, ...], *, ref: str) -> QuerySet:
    """Rows in which every word occurs in one of `fields`; an exact `ref` comes first."""
    for word in words:
        found = Q()
        for name in fields:
            found |= Q(**{f"{name}__icontains": word})
        queryset = queryset.filter(found)
    exact = Case(
        When(**{f"{ref}__iexact": " ".join(words)}, then=Value(0)),
        default=Value(1),
        output_field=IntegerField(),
    )
    return queryset.order_by(exact, ref)


def search(*, user: Any, city: City | None, query: str, limit: int = 8) -> list[Found]:
    """What each app finds, in order; kinds with nothing are left out."""
    words = query.replace("\x00", " ").split()[:8]
    if not words or city is None:
        return []
    answers = []
    for key, (_order, label, searcher) in sorted(_SEARCHERS.items(), key=lambda each: each[1][0]):
        hits = searcher(user=user, city=city, words=words, limit=limit + 1)
        if hits:
            answers.append(Found(key, label, hits[:limit], len(hits) > limit))
    return answers


def _name(area: Area) -> str:
    return area.name if (get_language() or "").startswith("zh") else area.name_en or area.name


def _other_name(area: Area) -> str:
    """A hit may have been found by the name that the reader's language does not show."""
    return area.name_en if _name(area) == area.name else area.name


@register("areas", _("Areas"), order=30)
def search_areas(*, user: Any, city: City, words: list[str], limit: int) -> list[Hit]:
    areas = (
        Area.objects.filter(policies.visible_areas(user), city=city)
        .defer("geometry")
        .select_related("parent")
    )
    rows = by_words(areas, words, ("code", "name", "name_en"), ref="code")[:limit]
    return [
        Hit(
            f"/map/?area={area.code}",
            _name(area),
            area.code,
            " · ".join(filter(None, [_other_name(area), _name(area.parent) if area.parent else ""])),
        )
        for area in rows
    ]
