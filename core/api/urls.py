from django.urls import URLPattern
from rest_framework.routers import BaseRouter

from core.api.areas import AreaViewSet, CityViewSet, PackLayerViewSet
from core.api.jobs import JobViewSet
from core.api.people import AuditViewSet, MembershipViewSet, OrganisationViewSet, TokenViewSet

urlpatterns: list[URLPattern] = []


def register(router: BaseRouter) -> None:
    """Put this app's nouns on the API."""
    router.register("cities", CityViewSet, basename="city")
    router.register("areas", AreaViewSet, basename="area")
    router.register("pack-layers", PackLayerViewSet, basename="pack-layer")
    router.register("organisations", OrganisationViewSet, basename="organisation")
    router.register("memberships", MembershipViewSet, basename="membership")
    router.register("jobs", JobViewSet, basename="job")
    router.register("tokens", TokenViewSet, basename="token")
    router.register("audit", AuditViewSet, basename="audit")
