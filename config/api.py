"""The REST API: each app registers its own nouns, this page puts them together."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.routers import DefaultRouter

import core.api.urls
import facilities.api.urls
import inventory.api.urls
import planning.api.urls
import projects.api.urls
from core.api.problems import nothing_here

router = DefaultRouter()
router.include_format_suffixes = False
APPS = (core.api.urls, facilities.api.urls, inventory.api.urls, planning.api.urls, projects.api.urls)
for app in APPS:
    app.register(router)

urlpatterns = [
    *(path("v1/", include(app.urlpatterns)) for app in APPS if getattr(app, "urlpatterns", None)),
    path("v1/", include(router.urls)),
    path("schema/", SpectacularAPIView.as_view(permission_classes=[AllowAny]), name="schema"),
    # The split view keeps its script at an address of its own, so that our policy need allow no inline script.
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", permission_classes=[AllowAny]),
        name="api-docs",
    ),
    re_path(r"^.*$", nothing_here),
]
