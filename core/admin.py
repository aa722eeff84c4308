"""Django's admin: people, organisations and roles to change; the audit and jobs to look at."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from core.models import ApiToken, Area, AuditEntry, City, Job, Membership, Organisation, PackLayer, User
from core.services import audit


class Audited(admin.ModelAdmin):
    """What is changed here leaves an audit entry, inlines included."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        audit.record(user=request.user, act="admin.add", subject=obj, ref=str(obj), after={"said": message})
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        audit.record(
            user=request.user, act="admin.change", subject=obj, ref=str(obj), after={"said": message}
        )
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            audit.record(user=request.user, act="admin.delete", subject=obj, ref=str(obj))
        return super().log_deletions(request, queryset)


class ReadOnly(admin.ModelAdmin):
    """For what services write: looking only."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ["organisation", "area"]


@admin.register(User)
class PersonAdmin(Audited, UserAdmin):
    list_display = ["username", "name", "name_en", "is_active", "is_staff", "last_login"]
    search_fields = ["username", "name", "name_en", "email"]
    inlines = [MembershipInline]
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("name", "name_en", "email")}),
        (_("Rights"), {"fields": ("is_active", "is_staff", "is_superuser")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    list_filter = ["is_active", "is_staff", "memberships__role"]


@admin.register(Organisation)
class OrganisationAdmin(Audited):
    list_display = ["code", "name", "name_en", "kind", "city", "area"]
    list_filter = ["kind", "city"]
    search_fields = ["code", "name", "name_en"]
    autocomplete_fields = ["area"]


@admin.register(Membership)
class MembershipAdmin(Audited):
    list_display = ["user", "role", "area", "organisation", "valid_from", "valid_to"]
    list_filter = ["role", "organisation"]
    list_select_related = ["user", "area", "organisation"]
    search_fields = ["user__username", "user__name", "organisation__name"]
    autocomplete_fields = ["user", "organisation", "area"]


@admin.register(Area)
class AreaAdmin(ReadOnly):
    list_display = ["code", "name", "name_en", "level", "city"]
    list_filter = ["city", "level"]
    search_fields = ["code", "name", "name_en"]
    fields = [
        "city",
        "code",
        "name",
        "name_en",
        "level",
        "parent",
        "path",
        "area_km2",
        "synthetic",
        "valid_from",
        "valid_to",
    ]


@admin.register(City)
class CityAdmin(ReadOnly):
    list_display = ["code", "name", "name_en", "synthetic", "loaded_at"]
    exclude = ["bounds"]


@admin.register(PackLayer)
class PackLayerAdmin(ReadOnly):
    list_display = ["city", "name", "kind", "file_name", "datum", "rows", "loaded_at"]
    list_filter = ["city", "kind"]


@admin.register(Job)
class JobAdmin(ReadOnly):
    list_display = ["ref", "kind", "state", "attempts", "created_by", "created_at", "finished_at"]
    list_filter = ["state", "kind", "queue"]
    search_fields = ["ref", "title", "title_en"]
    list_select_related = ["created_by"]


@admin.register(AuditEntry)
class AuditAdmin(ReadOnly):
    list_display = ["at", "user", "act", "subject_type", "subject_ref", "area_path"]
    list_filter = ["act"]
    search_fields = ["subject_ref", "act", "user__username"]
    list_select_related = ["user"]
    show_full_result_count = False


@admin.register(ApiToken)
class TokenAdmin(ReadOnly):
    list_display = [
        "prefix",
        "name",
        "user",
        "can_write",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
    ]
    list_select_related = ["user"]
    exclude = ["token_sha256"]
