"""Ordering that ends in the primary key, so that pages never overlap."""

from typing import Any

from rest_framework.filters import OrderingFilter


class StableOrderingFilter(OrderingFilter):
    def get_ordering(self, request: Any, queryset: Any, view: Any) -> list[str]:
        ordering = list(super().get_ordering(request, queryset, view) or queryset.model._meta.ordering or [])
        return (
            ordering if {"pk", "-pk", "id", "-id"} & {str(word) for word in ordering} else [*ordering, "pk"]
        )
