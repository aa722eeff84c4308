"""Ordering that ends in the primary key, so that pages never overlap."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.filters import OrderingFilter

from core.errors import DomainError


class StableOrderingFilter(OrderingFilter):
    def remove_invalid_fields(self, queryset: Any, fields: Any, view: Any, request: Any) -> list[str]:
        """An ordering that does not exist is refused, not passed over."""
        kept = super().remove_invalid_fields(queryset, fields, view, request)
        if unknown := [name for name in fields if name not in kept]:
            words = _("This list cannot be ordered by %(names)s.") % {"names": ", ".join(unknown)}
            known = [name for name, _label in self.get_valid_fields(queryset, view, {"request": request})]
            raise DomainError("unknown-ordering", words, status=400, unknown=unknown, known=known)
        return kept

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> list[str]:
        ordering = list(super().get_ordering(request, queryset, view) or queryset.model._meta.ordering or [])
        return (
            ordering if {"pk", "-pk", "id", "-id"} & {str(word) for word in ordering} else [*ordering, "pk"]
        )
