"""What the list pages can be narrowed by: the same names as in the API."""

from dataclasses import dataclass, field
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field

from core.choices import AreaLevel
from core.filters import AreaFilter, PageFilter
from core.models import Area
from core.templatetags.pingji import local_name
from planning.choices import PeopleGroup, Phase


@dataclass
class Group:
    """One fieldset of the filter column."""

    name: str
    legend: str
    options: list[dict[str, Any]] = field(default_factory=list)

    def add(self, value: Any, label: str, count: int | None, chosen: list[str], shape: str = "") -> None:
        self.options.append(
            {"value": value, "label": label, "count": count, "shape": shape, "checked": str(value) in chosen}
        )


def pills(query: QueryDict, groups: list[Group], search: str = "") -> list[dict[str, str]]:
    """Applied filters with the query string that is left when one is taken away."""
    found = []
    for group in groups:
        for option in group.options:
            if option["checked"]:
                rest = query.copy()
                rest.setlist(
                    group.name,
                    [value for value in query.getlist(group.name) if value != str(option["value"])],
                )
                rest.pop("page", None)
                found.append({"label": group.legend, "value": option["label"], "query": rest.urlencode()})
    if search:
        rest = query.copy()
        rest.pop("search", None)
        rest.pop("page", None)
        found.append({"label": _("Search"), "value": search, "query": rest.urlencode()})
    return found


def service_group(services: list[Any], chosen: list[str], counts: dict[str, int] | None = None) -> Group:
    group = Group("service", _("Service"))
    for service in services:
        group.add(service.code, local_name(service), (counts or {}).get(service.code), chosen, service.shape)
    return group


class CodesField(forms.MultipleChoiceField):
    """Codes that are rows, not choices: what no row has is simply not found."""

    def valid_value(self, value: str) -> bool:
        return bool(value)


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class CodesFilter(django_filters.MultipleChoiceFilter):
    field_class = CodesField


PARTS = (
    ("whole", gettext_lazy("the whole need")),
    ("phase", gettext_lazy("every phase")),
    ("group", gettext_lazy("every group")),
)
# The names of those whom no other group of a row holds, whatever ages the layer tells apart.
REST_GROUPS = [(code, code) for code in ("age_15_59", "age_15_64", "age_15_up", "age_0_59", "age_0_64")]


class DemandFilter(PageFilter):
    """Areas of a run, and which parts of their need: without `part`, `phase` or `group` the whole need alone."""

    area = AreaFilter(field_name="", label=gettext_lazy("area code, with everything below it"))
    level = django_filters.MultipleChoiceFilter(choices=AreaLevel.choices, label=gettext_lazy("level"))
    service = CodesFilter(method="kept", label=gettext_lazy("code of the service"))
    part = django_filters.MultipleChoiceFilter(
        choices=PARTS, method="kept", label=gettext_lazy("parts of the need")
    )
    phase = django_filters.MultipleChoiceFilter(
        choices=Phase.choices, method="kept", label=gettext_lazy("phase whose need is told")
    )
    group = django_filters.MultipleChoiceFilter(
        choices=[*PeopleGroup.choices, *REST_GROUPS],
        method="kept",
        label=gettext_lazy("group of people whose need is told"),
    )

    class Meta:
        model = Area
        fields: list[str] = []

    def kept(self, queryset: QuerySet, _name: str, _value: list[str]) -> QuerySet:
        """Rows are made from areas; what is told of them is chosen afterwards."""
        return queryset

    def chosen(self, name: str) -> frozenset[str]:
        """The codes given for `service`, `part`, `phase` or `group`; none when a filter cannot be read."""
        return frozenset(self.form.cleaned_data.get(name) or []) if self.is_valid() else frozenset()
