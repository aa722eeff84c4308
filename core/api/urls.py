from django.urls import URLPattern
from rest_framework.routers import BaseRouter

urlpatterns: list[URLPattern] = []


def register(router: BaseRouter) -> None:
    """Put this app's nouns on the API."""
