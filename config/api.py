"""The REST API: each app registers its own nouns, this page puts them together."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import DefaultRouter

import core.api.urls
import facilities.api.urls
import inventory.api.urls
import planning.api.urls

router = DefaultRouter()
for app in (core.api.urls, facilities.api.urls, inventory.api.urls, planning.api.urls):
    app.register(router)

urlpatterns = [
    path("v1/", include(router.urls)),
    path("v1/", include(planning.api.urls.urlpatterns)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="api-docs"),
]
