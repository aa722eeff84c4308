"""Filters of lists. What does not exist is refused: the whole list must not pass for an answer."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import DjangoFilterBackend

from core.errors import DomainError

# What every list understands besides its own filters; a view adds its own in `list_params`.
COMMON = frozenset({"city", "format", "geometry", "ordering", "page", "page_size"})


def refuse_unknown_orderings(asked: Iterable[str], known: Iterable[str]) -> None:
    """400 with what can be asked for, unless every word of `asked` (a leading minus turns it round) is known."""
    if unknown := [word for word in asked if word.removeprefix("-") not in set(known)]:
        words = _("This list cannot be ordered by %(names)s.") % {"names": ", ".join(unknown)}
        raise DomainError("unknown-ordering", words, status=400, unknown=unknown, known=sorted(known))


def refuse_unknown_filters(asked: Iterable[str], known: Iterable[str]) -> None:
    """400 with what can be asked for, unless every name of `asked` is known."""
    if unknown := sorted(set(asked) - set(known)):
        words = _("This list has no filter %(names)s.") % {"names": ", ".join(unknown)}
        raise DomainError("unknown-filter", words, status=400, unknown=unknown, known=sorted(known))


class StrictFilterBackend(DjangoFilterBackend):
    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        filters = self.get_filterset_class(view, queryset)
        if getattr(view, "action", None) == "list":
            own = set(filters.base_filters) if filters is not None else set()
            known = COMMON | own | set(getattr(view, "list_params", ()))
            refuse_unknown_filters(request.query_params, known)
            # Some filter sets order by themselves, by names of their own.
            if orderings := getattr(filters, "ORDERINGS", None):
                asked = request.query_params.get("ordering", "").split(",")
                refuse_unknown_orderings([word.strip() for word in asked if word.strip()], orderings)
        return super().filter_queryset(request, queryset, view)
