"""Filters that pages and API share, so that one query string means the same in both.

`in_bbox=west,south,east,north` · `near=lon,lat,metres` · `area=CODE` (with everything below) · `city=CODE` ·
`search=words` · `ordering=-name`. A page reads them through the same FilterSet:

    class FacilityFilter(PlaceFilter):
        search_fields = ("ref", "name", "name_en")
        class Meta: model = Facility; fields = ["status"]

    filters = FacilityFilter(request.GET, queryset=facilities, request=request)
    rows = filters.rows()      # nothing when a filter cannot be read; `filters.errors` says why
"""

import math
from typing import Any

import django_filters
from django import forms
from django.contrib.gis.geos import Point, Polygon
from django.contrib.gis.measure import D
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field

from core import policies
from core.choices import AreaLevel, JobState
from core.models import Area, AuditEntry, Job, Membership, Organisation, PackLayer

NEAR_LIMIT_M = 300_000
DEGREE_M = 110_000


def numbers(text: str, count: int, shape: str) -> list[float]:
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = []
    if len(found) != count or not all(map(math.isfinite, found)):
        raise forms.ValidationError(
            _("Write it as %(shape)s, numbers with a decimal point."), code="invalid", params={"shape": shape}
        )
    return found


def on_globe(lon: float, lat: float) -> None:
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise forms.ValidationError(
            _("Longitude (from -180 to 180) comes first, then latitude (from -90 to 90)."),
            code="out-of-range",
        )


class BboxField(forms.CharField):
    def clean(self, value: Any) -> Polygon | None:
        text = super().clean(value)
        if not text:
            return None
        west, south, east, north = numbers(text, 4, "west,south,east,north")
        on_globe(west, south)
        on_globe(east, north)
        if west >= east or south >= north:
            raise forms.ValidationError(_("The box is empty: write west,south,east,north."), code="empty-box")
        return Polygon.from_bbox((west, south, east, north))


class NearField(forms.CharField):
    def clean(self, value: Any) -> tuple[Point, float] | None:
        text = super().clean(value)
        if not text:
            return None
        lon, lat, metres = numbers(text, 3, "longitude,latitude,metres")
        on_globe(lon, lat)
        if not 0 < metres <= NEAR_LIMIT_M:
            raise forms.ValidationError(
                _("The distance must be from 0 to 300,000 metres."), code="out-of-range"
            )
        return Point(lon, lat, srid=4326), metres


@extend_schema_field({"type": "string", "example": "103.9,30.5,104.2,30.8"})
class BboxFilter(django_filters.Filter):
    field_class = BboxField

    def filter(self, queryset: QuerySet, value: Polygon | None) -> QuerySet:
        if not value:
            return queryset
        value.srid = 4326
        return queryset.filter(**{f"{self.field_name}__intersects": value})


@extend_schema_field({"type": "string", "example": "104.06,30.66,2000"})
class NearFilter(django_filters.Filter):
    field_class = NearField

    def filter(self, queryset: QuerySet, value: tuple[Point, float] | None) -> QuerySet:
        return near(queryset, self.field_name, *value) if value else queryset


def near(queryset: QuerySet, field: str, point: Point, metres: float) -> QuerySet:
    """Rows within `metres` of `point`: a box that the index knows first, then the true distance."""
    high = metres / DEGREE_M
    wide = min(180.0, high / max(0.01, math.cos(math.radians(min(89.0, abs(point.y) + high)))))
    box = Polygon.from_bbox((point.x - wide, point.y - high, point.x + wide, point.y + high))
    box.srid = 4326
    return queryset.filter(**{f"{field}__bboverlaps": box, f"{field}__distance_lte": (point, D(m=metres))})


@extend_schema_field({"type": "string"})
class SearchFilter(django_filters.CharFilter):
    """Every word must occur in one of the fields."""

    def __init__(self, *, fields: tuple[str, ...] = (), **options: Any) -> None:
        self.fields = fields
        super().__init__(**options)

    def filter(self, queryset: QuerySet, value: str) -> QuerySet:
        fields = self.fields or self.parent.search_fields
        for word in (value or "").split()[:8]:
            found = Q()
            for field in fields:
                found |= Q(**{f"{field}__icontains": word})
            queryset = queryset.filter(found)
        return queryset


@extend_schema_field({"type": "string"})
class AreaFilter(django_filters.CharFilter):
    """`area=CODE`: the area and everything below it. Several codes are separated by commas."""

    def filter(self, queryset: QuerySet, value: str) -> QuerySet:
        codes = [code.strip() for code in (value or "").split(",") if code.strip()]
        if not codes:
            return queryset
        request = getattr(self.parent, "request", None)
        areas = Area.objects.filter(code__in=codes)
        if request is not None:
            areas = areas.filter(policies.visible_areas(request.user))
        inside = Q(pk__in=[])
        for path, city_id in areas.values_list("path", "city_id"):
            # The field is "area" on most records; "" means that the record is itself an area.
            prefix = f"{self.field_name}__" if self.field_name else ""
            inside |= Q(**{f"{prefix}path__startswith": path, f"{prefix}city_id": city_id})
        return queryset.filter(inside)


class PageFilter(django_filters.FilterSet):
    """What pages need beside what the API needs."""

    def rows(self) -> QuerySet:
        """The matching rows; none when a filter cannot be read (then `errors` says why)."""
        return self.qs if self.is_valid() else self.queryset.none()


class SharedFilter(PageFilter):
    """Base of most FilterSets. `search_fields` are what `search` looks through."""

    search_fields: tuple[str, ...] = ()
    search = SearchFilter(label=_("words that all occur"))
    city = django_filters.CharFilter(field_name="city__code", label=_("city code"))


class PlaceFilter(SharedFilter):
    """For records with a `point` and an `area`; a subclass may redeclare the filters for other field names."""

    area = AreaFilter(field_name="area", label=_("area code, with everything below it"))
    in_bbox = BboxFilter(field_name="point", label=_("west,south,east,north"))
    near = NearFilter(field_name="point", label=_("longitude,latitude,metres"))


def ordered(
    queryset: QuerySet, asked: str | None, allowed: dict[str, str] | list[str], default: str
) -> QuerySet:
    """For pages: `?ordering=-key`, only by `allowed` keys (key -> field), ending in the primary key."""
    fields = allowed if isinstance(allowed, dict) else {name: name for name in allowed}
    asked = asked or default
    key = asked.lstrip("-")
    if key not in fields:
        asked, key = default, default.lstrip("-")
    sign = "-" if asked.startswith("-") else ""
    return queryset.order_by(f"{sign}{fields.get(key, key)}", "pk")


class JobFilter(SharedFilter):
    search_fields = ("ref", "title", "title_en", "kind")
    state = django_filters.MultipleChoiceFilter(choices=JobState.choices, label=_("state"))

    class Meta:
        model = Job
        fields = ["kind"]


class AreaSetFilter(PlaceFilter):
    """For the areas themselves."""

    search_fields = ("code", "name", "name_en")
    area = AreaFilter(field_name="", label=_("area code, with everything below it"))
    in_bbox = BboxFilter(field_name="geometry", label=_("west,south,east,north"))
    near = NearFilter(field_name="label_point", label=_("longitude,latitude,metres"))
    parent = django_filters.CharFilter(field_name="parent__code", label=_("code of the area above"))
    level = django_filters.MultipleChoiceFilter(choices=AreaLevel.choices, label=_("level"))

    class Meta:
        model = Area
        fields = ["synthetic"]


class OrganisationFilter(SharedFilter):
    search_fields = ("code", "name", "name_en")

    class Meta:
        model = Organisation
        fields = ["kind"]


class MembershipFilter(PageFilter):
    city = django_filters.CharFilter(field_name="area__city__code", label=_("city code"))
    user = django_filters.CharFilter(field_name="user__username", label=_("user name"))
    organisation = django_filters.CharFilter(field_name="organisation__code", label=_("organisation code"))

    class Meta:
        model = Membership
        fields = ["role"]


class PackLayerFilter(SharedFilter):
    search_fields = ("name", "file_name", "source")

    class Meta:
        model = PackLayer
        fields = ["kind", "synthetic"]


class AuditFilter(PageFilter):
    search = SearchFilter(
        fields=("subject_ref", "act", "reason", "user__username", "user__name"),
        label=_("words that all occur"),
    )
    user = django_filters.CharFilter(field_name="user__username", label=_("user name"))
    act = django_filters.CharFilter(lookup_expr="startswith", label=_("act, or its beginning"))
    record = django_filters.CharFilter(field_name="subject_ref", label=_("reference of the record"))
    project = django_filters.CharFilter(
        method="by_trail", label=_("reference of a project, with everything that belongs to it")
    )
    kind = django_filters.CharFilter(field_name="subject_type", label=_("kind of record"))
    since = django_filters.DateFilter(field_name="at", lookup_expr="date__gte", label=_("from this day"))
    until = django_filters.DateFilter(field_name="at", lookup_expr="date__lte", label=_("to this day"))

    class Meta:
        model = AuditEntry
        fields: list[str] = []

    def by_trail(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        ref = value.strip()
        return rows.filter(Q(trail_ref=ref) | Q(subject_ref=ref))
