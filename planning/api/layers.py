"""What planning stands on: people, standards, rates, frozen snapshots. Read-only."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from core import policies
from core.api.viewsets import ReadViewSet
from core.models import City
from planning.api import filters
from planning.api import serializers as forms
from planning.models import (
    CostRate,
    Snapshot,
    SpeedProfile,
)


class CityWide(ReadViewSet):
    """Records of a whole city: seen by whoever has a role there."""

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(city__in=City.objects.filter(policies.visible_cities(user)))


class ForEveryone(ReadViewSet):
    """Lists that every signed-in person may read."""

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset


class SpeedProfileViewSet(ForEveryone):
    """How fast people move: on foot, on each class of road, by time of day, each number with its source. km/h count where
    the source of a network gives none; the factor multiplies every street of the class."""

    queryset = SpeedProfile.objects.prefetch_related("rules")
    serializer_class = forms.SpeedProfileSerializer
    filterset_fields = ["is_default"]
    ordering_fields = ["code"]
    lookup_field = "code"


class CostRateViewSet(ForEveryone):
    """What an intervention costs where the place names no price. Money in fen."""

    queryset = CostRate.objects.select_related("service", "use")
    serializer_class = forms.CostRateSerializer
    filterset_class = filters.CostRateFilter
    ordering_fields = ["id"]
    lookup_value_regex = r"\d{1,18}"


class SnapshotViewSet(CityWide):
    """Frozen inputs, named by the hash of their content. A run reads only its snapshot."""

    queryset = Snapshot.objects.select_related("city", "network")
    serializer_class = forms.SnapshotSerializer
    filterset_class = filters.SnapshotFilter
    ordering_fields = ["created_at"]
    lookup_field = "sha256"
    lookup_value_regex = "[0-9a-f]{64}"
