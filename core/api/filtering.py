"""Filters of lists. A filter that does not exist is refused: the whole list must not pass for an answer."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import DjangoFilterBackend

from core.errors import DomainError

# What every list understands besides its own filters; a view adds its own in `list_params`.
COMMON = frozenset({"city", "format", "geometry", "ordering", "page", "page_size"})


class StrictFilterBackend(DjangoFilterBackend):
    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        filters = self.get_filterset_class(view, queryset)
        if filters is not None and getattr(view, "action", None) == "list":
            known = COMMON | set(filters.base_filters) | set(getattr(view, "list_params", ()))
            unknown = sorted(set(request.query_params) - known)
            if unknown:
                words = _("This list has no filter %(names)s.") % {"names": ", ".join(unknown)}
                raise DomainError("unknown-filter", words, status=400, unknown=unknown, known=sorted(known))
        return super().filter_queryset(request, queryset, view)
