"""Ordering that ends in the primary key, so that pages never overlap."""

from typing import Any

from rest_framework.filters import OrderingFilter

from core.api.filtering import refuse_unknown_orderings


class StableOrderingFilter(OrderingFilter):
    def remove_invalid_fields(self, queryset: Any, fields: Any, view: Any, request: Any) -> list[str]:
        """An ordering that does not exist is refused, not passed over."""
        known = [name for name, _label in self.get_valid_fields(queryset, view, {"request": request})]
        refuse_unknown_orderings(fields, known)
        return list(fields)

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> list[str]:
        ordering = list(super().get_ordering(request, queryset, view) or queryset.model._meta.ordering or [])
        return (
            ordering if {"pk", "-pk", "id", "-id"} & {str(word) for word in ordering} else [*ordering, "pk"]
        )
