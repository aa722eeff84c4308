"""Every address of the platform. The API lives in config/api.py."""

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import include, path

from core.views.language import set_language

urlpatterns = [
    path("login/", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("language/", set_language, name="set_language"),
    path("admin/", admin.site.urls),
    path("api/", include("config.api")),
    path("", include("core.urls")),
    path("", include("facilities.urls")),
    path("", include("inventory.urls")),
    path("", include("planning.urls")),
]
