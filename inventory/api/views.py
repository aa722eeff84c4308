"""Idle assets and stock on the API. Every write is one service call."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.filtering import StrictFilterBackend
from core.api.viewsets import ListViewSet, ReadViewSet
from core.models import City
from facilities.models import ServiceType
from facilities.selectors.facilities import facilities_for
from inventory import filters
from inventory.api import serializers as forms
from inventory.models import AssetOption, IdleAsset, ItemType, Lot, StockMovement
from inventory.selectors import idle_assets as selectors
from inventory.selectors import stock as stock_selectors
from inventory.services import idle_assets as writing
from inventory.services import stock

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description='The record\'s ETag, like "3".'
)


class IdleAssetViewSet(ReadViewSet):
    """Vacant premises and land, with what they may become."""

    queryset = IdleAsset.objects.select_related("area", "city")
    serializer_class = forms.IdleAssetSerializer
    filterset_class = filters.IdleAssetFilter
    filter_backends = [StrictFilterBackend]
    lookup_field = "ref"
    geometry_field = "point"

    def get_queryset(self) -> QuerySet[IdleAsset]:
        return selectors.with_options(super().get_queryset())

    def filter_queryset(self, queryset: QuerySet[IdleAsset]) -> QuerySet[IdleAsset]:
        if self.action != "list":
            return queryset
        super().filter_queryset(queryset)
        return StrictFilterBackend().get_filterset(self.request, queryset, self).ordered

    def _answer(self, ref: str, status: int = 200) -> Response:
        record = get_object_or_404(self.get_queryset(), ref=ref)
        headers = {"Location": f"/api/v1/idle-assets/{ref}/"} if status == 201 else {}
        return Response(self.get_serializer(record).data, status=status, headers=headers)

    @extend_schema(request=forms.NewAssetSerializer, responses={201: forms.IdleAssetSerializer})
    def create(self, request: Request) -> Response:
        form = forms.NewAssetSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        city = get_object_or_404(
            City.objects.filter(policies.visible_cities(request.user)), code=fields.pop("city")
        )
        made = writing.create_asset(
            user=request.user, city=city, reason=fields.pop("reason", ""), fields=fields
        )
        return self._answer(made.ref, 201)

    @extend_schema(
        request=forms.AssetChangesSerializer, responses=forms.IdleAssetSerializer, parameters=[IF_MATCH]
    )
    def partial_update(self, request: Request, ref: str) -> Response:
        """Change some fields, against the version that If-Match names."""
        asset = self.get_object()
        form = forms.AssetChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        writing.update_asset(
            user=request.user,
            asset=asset,
            version=self.expected_version(request),
            reason=fields.pop("reason", ""),
            fields=fields,
        )
        return self._answer(ref)


class AssetOptionViewSet(mixins.DestroyModelMixin, ReadViewSet):
    """What idle assets may become, one row each, with size, cost and time."""

    queryset = AssetOption.objects.select_related("asset", "asset__area", "service")
    serializer_class = forms.AssetOptionSerializer
    filterset_class = filters.OptionFilter
    ordering_fields = ["id", "capacity", "cost_fen", "lead_months"]
    area_lookup, city_lookup = "asset__area", "asset__city"
    geometry_field = "asset__point"
    lookup_value_regex = "[0-9]{1,18}"

    @extend_schema(request=forms.NewOptionSerializer, responses={201: forms.AssetOptionSerializer})
    def create(self, request: Request) -> Response:
        """Add an option; the same asset, service and kind once more changes it."""
        form = forms.NewOptionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        asset = get_object_or_404(selectors.assets_for(request.user), ref=fields.pop("asset"))
        service = get_object_or_404(ServiceType, code=fields.pop("service"))
        option = writing.set_option(user=request.user, asset=asset, service=service, **fields)
        return Response(self.get_serializer(option).data, status=201)

    def perform_destroy(self, instance: AssetOption) -> None:
        writing.remove_option(user=self.request.user, option=instance)


class ItemTypeViewSet(ReadViewSet):
    """Kinds of goods."""

    queryset = ItemType.objects.all()
    serializer_class = forms.ItemTypeSerializer
    lookup_field = "code"
    ordering_fields = ["code"]

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset


class StockLevelViewSet(ListViewSet):
    """What is on hand, by lot, derived from the ledger."""

    queryset = Lot.objects.all()
    serializer_class = forms.StockLevelSerializer
    filterset_class = filters.LotFilter
    ordering_fields = ["id", "expires_on"]

    def get_queryset(self) -> QuerySet[Lot]:
        if getattr(self, "swagger_fake_view", False):
            return Lot.objects.none()
        return stock_selectors.lots_for(self.request.user)


class StockMovementViewSet(ReadViewSet):
    """The stock ledger. Lines are added, never changed."""

    queryset = StockMovement.objects.select_related("lot__facility", "lot__item", "by")
    serializer_class = forms.StockMovementSerializer
    filterset_class = filters.MovementFilter
    ordering_fields = ["at", "id"]
    area_lookup, city_lookup = "lot__facility__area", "lot__facility__city"
    lookup_value_regex = "[0-9]{1,18}"

    @extend_schema(request=forms.NewMovementSerializer, responses={201: forms.StockMovementSerializer})
    def create(self, request: Request) -> Response:
        """Record a receipt, an issue or a correction."""
        form = forms.NewMovementSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        facility = get_object_or_404(facilities_for(request.user), ref=fields.pop("facility"))
        item = get_object_or_404(ItemType, code=fields.pop("item"))
        line = stock.record_movement(user=request.user, facility=facility, item=item, **fields)
        return Response(self.get_serializer(line).data, status=201)
