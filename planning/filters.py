"""What the list pages can be narrowed by: the same names as in the API."""

from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from core.templatetags.pingji import local_name


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
