"""The filters of the registry: one set for page, API, export and map, so that an address works in all of them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import CharFilter, Filter, FilterSet, NumberFilter
from drf_spectacular.utils import extend_schema_field

from core.filters import AreaFilter, PlaceFilter, SharedFilter
from facilities.choices import CapabilityStatus, FacilityStatus, ProposalState, Readiness
from facilities.models import (
    Agreement,
    Capability,
    CapacityRule,
    Certificate,
    ChangeProposal,
    Facility,
    ImportBatch,
)
from facilities.selectors.facilities import RoleFilter, with_capacity, with_roles


class WordsField(forms.MultipleChoiceField):
    """Words given by repeating the name or joined by commas; only listed ones where there is a list."""

    widget = forms.SelectMultiple

    def to_python(self, value: Any) -> list[str]:
        return [word.strip() for part in value or [] for word in str(part).split(",") if word.strip()]

    def valid_value(self, value: str) -> bool:
        return "\x00" not in value and (not self.choices or super().valid_value(value))


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class WordsFilter(Filter):
    field_class = WordsField

    def filter(self, qs: QuerySet[Any], value: list[str]) -> QuerySet[Any]:
        return qs.filter(**{f"{self.field_name}__in": value}) if value else qs


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class AreasFilter(AreaFilter):
    """`area` may also be repeated, as the boxes of a page do."""

    field_class = WordsField

    def filter(self, queryset: QuerySet[Any], value: list[str]) -> QuerySet[Any]:
        return super().filter(queryset, ",".join(value or ()))


class FacilityFilter(PlaceFilter):
    """`service`, `status`, `readiness` and `capacity_min` speak of one and the same role."""

    search_fields = ("name", "name_en", "address", "ref", "source_id")
    ORDERINGS = {
        "ref": "ref", "name": "name", "name_en": "name_en", "use": "use__sort_order", "area": "area__path",
        "capacity": "capacity", "confirmed_on": "confirmed_on", "updated_at": "updated_at",
    }  # fmt: skip
    DEFAULT_ORDERING = "-capacity"

    area = AreasFilter(field_name="area", label=_("area codes, each with everything below it"))
    use = WordsFilter(field_name="use__code", label=_("peacetime use"))
    service = WordsFilter(method="later", label=_("emergency role"))
    status = WordsFilter(method="later", choices=CapabilityStatus.choices, label=_("state of the role"))
    readiness = WordsFilter(method="later", choices=Readiness.choices, label=_("readiness of the role"))
    capacity_min = NumberFilter(method="later", min_value=0, label=_("capacity of the role, at least"))
    facility_status = WordsFilter(
        field_name="status", choices=FacilityStatus.choices, label=_("state of the place")
    )
    ordering = CharFilter(
        method="later",
        label=_("ref, name, name_en, use, area, capacity, confirmed_on or updated_at; - for descending"),
    )

    class Meta:
        model = Facility
        fields: list[str] = []

    def later(self, queryset: QuerySet[Facility], name: str, value: Any) -> QuerySet[Facility]:
        """Taken together in filter_queryset."""
        return queryset

    @property
    def role(self) -> RoleFilter:
        cleaned = self.form.cleaned_data
        least = cleaned.get("capacity_min")
        return RoleFilter(
            services=tuple(cleaned.get("service") or ()),
            statuses=tuple(cleaned.get("status") or ()),
            readiness=tuple(cleaned.get("readiness") or ()),
            capacity_min=None if least is None else float(least),
        )

    @property
    def places(self) -> QuerySet[Facility]:
        """What matches before the role conditions are asked."""
        return super().filter_queryset(self.queryset.all()) if self.is_valid() else self.queryset.none()

    def filter_queryset(self, queryset: QuerySet[Facility]) -> QuerySet[Facility]:
        return with_roles(super().filter_queryset(queryset), self.role)

    @property
    def ordered(self) -> QuerySet[Facility]:
        """The matching facilities with `capacity`, in the order asked for, ending in the key so that pages never overlap."""
        if not self.is_valid():
            return self.queryset.none()
        chosen = []
        for word in (self.form.cleaned_data.get("ordering") or self.DEFAULT_ORDERING).split(","):
            column = self.ORDERINGS.get(word.strip().removeprefix("-"))
            if column:
                down = word.strip().startswith("-")
                chosen.append(F(column).desc(nulls_last=True) if down else F(column).asc(nulls_last=True))
        return with_capacity(self.qs, self.role).order_by(*chosen, "pk")


class OfFacilityFilter(SharedFilter):
    """For what belongs to a facility."""

    search_fields = ("facility__name", "facility__name_en", "facility__ref")
    city = CharFilter(field_name="facility__city__code", label=_("city code"))
    area = AreasFilter(field_name="facility__area", label=_("area codes, each with everything below it"))
    facility = WordsFilter(field_name="facility__ref", label=_("reference of the facility"))


class CapabilityFilter(OfFacilityFilter):
    service = WordsFilter(field_name="service__code", label=_("emergency role"))
    status = WordsFilter(field_name="status", choices=CapabilityStatus.choices, label=_("state of the role"))
    readiness = WordsFilter(
        field_name="readiness", choices=Readiness.choices, label=_("readiness of the role")
    )
    use = WordsFilter(field_name="facility__use__code", label=_("peacetime use"))
    capacity_min = NumberFilter(
        field_name="capacity", lookup_expr="gte", min_value=0, label=_("capacity, at least")
    )

    class Meta:
        model = Capability
        fields: list[str] = []


class CertificateFilter(OfFacilityFilter):
    class Meta:
        model = Certificate
        fields: list[str] = []


class AgreementFilter(OfFacilityFilter):
    class Meta:
        model = Agreement
        fields: list[str] = []


class ProposalFilter(OfFacilityFilter):
    state = WordsFilter(field_name="state", choices=ProposalState.choices, label=_("state"))

    class Meta:
        model = ChangeProposal
        fields: list[str] = []


class ImportFilter(SharedFilter):
    search_fields = ("ref", "file_name")

    class Meta:
        model = ImportBatch
        fields = ["state"]


class CapacityRuleFilter(FilterSet):
    service = WordsFilter(field_name="service__code", label=_("emergency role"))
    use = WordsFilter(field_name="use__code", label=_("peacetime use"))

    class Meta:
        model = CapacityRule
        fields: list[str] = []
