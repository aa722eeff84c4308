from django.urls import URLPattern
from rest_framework.routers import BaseRouter

from inventory.api import views

urlpatterns: list[URLPattern] = []


def register(router: BaseRouter) -> None:
    """Put this app's nouns on the API."""
    router.register("idle-assets", views.IdleAssetViewSet, basename="idle-asset")
    router.register("asset-options", views.AssetOptionViewSet, basename="asset-option")
    router.register("items", views.ItemTypeViewSet, basename="item")
    router.register("stock-levels", views.StockLevelViewSet, basename="stock-level")
    router.register("stock-movements", views.StockMovementViewSet, basename="stock-movement")
