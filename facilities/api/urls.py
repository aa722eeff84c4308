from django.urls import URLPattern
from rest_framework.routers import BaseRouter

from facilities.api import views

urlpatterns: list[URLPattern] = []


def register(router: BaseRouter) -> None:
    """Put this app's nouns on the API."""
    router.register("service-types", views.ServiceTypeViewSet, basename="service-type")
    router.register("peacetime-uses", views.PeacetimeUseViewSet, basename="peacetime-use")
    router.register("capacity-rules", views.CapacityRuleViewSet, basename="capacity-rule")
    router.register("facilities", views.FacilityViewSet, basename="facility")
    router.register("capabilities", views.CapabilityViewSet, basename="capability")
    router.register("certificates", views.CertificateViewSet, basename="certificate")
    router.register("agreements", views.AgreementViewSet, basename="agreement")
    router.register("change-proposals", views.ChangeProposalViewSet, basename="change-proposal")
    router.register("imports", views.ImportViewSet, basename="import")
