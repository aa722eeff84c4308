"""The list of facilities as a page shows it: rows, facets with counts, pills, sums. All rights are in the querysets."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from core.models import City
from core.templatetags.pingji import is_chinese, joined, local_name, num, unit
from facilities.choices import CapabilityStatus, Readiness
from facilities.filters import FacilityFilter
from facilities.models import PeacetimeUse, ServiceType
from facilities.selectors import facilities as registry

PAGE_SIZE = 50
# Shown in this order; a facet is counted with every filter applied but its own, so that a count says what a tick adds.
FACETS = ("area", "service", "use", "status", "readiness")


def without(params: QueryDict, *names: str) -> QueryDict:
    rest = params.copy()
    for name in (*names, "page"):
        rest.pop(name, None)
    return rest


class FacilityTable:
    """One page of the list for a person, a city and a query string."""

    def __init__(self, *, request: HttpRequest, city: City) -> None:
        self.request, self.params, self.user, self.city = request, request.GET, request.user, city
        user = request.user
        params = request.GET
        self.base = registry.facilities_for(user).filter(city=city)
        self.filter = self._filtered(params)
        self.valid = self.filter.is_valid()

    def _filtered(self, params: QueryDict) -> FacilityFilter:
        return FacilityFilter(params, queryset=self.base, request=self.request)

    def chosen(self, name: str) -> list[str]:
        value = self.filter.form.cleaned_data.get(name) if self.valid else None
        return list(value or [])

    def page(self) -> Any:
        rows = self.filter.ordered if self.valid else self.base.none()
        page = Paginator(rows, PAGE_SIZE).get_page(self.params.get("page"))
        page.object_list = registry.with_shown_roles(page.object_list)
        return page

    def sums(self) -> list[dict[str, Any]]:
        return registry.sums_by_service(self.filter.places, self.filter.role) if self.valid else []

    def sentence(self, matching: int) -> str:
        everything = self.base.count() if self.params else matching
        sums = joined(
            [
                _("%(service)s %(capacity)s %(unit)s")
                % {"service": local_name(row), "capacity": num(row["capacity"]), "unit": unit(row)}
                for row in self.sums()
            ]
        )
        if not matching:
            return _("None of %(all)s facilities match") % {"all": num(everything)}
        if matching == everything:
            return _("%(all)s facilities: %(sums)s") % {"all": num(everything), "sums": sums}
        return _("%(matching)s of %(all)s match: %(sums)s") % {
            "matching": num(matching), "all": num(everything), "sums": sums,
        }  # fmt: skip

    def _rest(self, facet: str) -> FacilityFilter:
        """The filters with one facet let go."""
        rest = self._filtered(without(self.params, facet, "ordering"))
        rest.is_valid()
        return rest

    def _roles(self, facet: str) -> tuple[Any, registry.RoleFilter]:
        rest = self._rest(facet)
        return rest.places, rest.role

    def facets(self) -> list[dict[str, Any]]:
        return [{"name": name, **getattr(self, f"_{name}")()} for name in FACETS]

    def _area(self) -> dict[str, Any]:
        chosen = set(self.chosen("area"))
        counts = registry.count_by_area(self._rest("area").qs)
        areas = registry.areas_of(self.city, self.user)
        open_paths = [area.path for area in areas if area.code in chosen]
        options = []
        for area in areas:
            depth = area.path.count("/")
            # Districts always; below them only the branches in use.
            in_branch = any(
                area.path.startswith(path.rsplit("/", 2)[0] + "/") or path.startswith(area.path)
                for path in open_paths
                if path.count("/") > 2
            )
            in_branch = in_branch or any(
                area.path.startswith(path) for path in open_paths if path.count("/") == 2
            )
            if depth == 2 or (depth > 2 and in_branch and counts.get(area.path)) or area.code in chosen:
                options.append(
                    {
                        "value": area.code, "label": local_name(area), "count": counts.get(area.path, 0),
                        "checked": area.code in chosen, "depth": max(depth - 2, 0),
                    }
                )  # fmt: skip
        return {"legend": _("Area"), "options": options}

    def _service(self) -> dict[str, Any]:
        counts = registry.count_by_service(*self._roles("service"))
        return self._rows(_("Emergency role"), "service", ServiceType.objects.all(), counts)

    def _use(self) -> dict[str, Any]:
        counts = registry.count_by_use(self._rest("use").qs)
        return self._rows(_("Peacetime use"), "use", PeacetimeUse.objects.all(), counts)

    def _rows(self, legend: str, name: str, rows: Any, counts: dict[str, int]) -> dict[str, Any]:
        chosen = self.chosen(name)
        options = [
            {
                "value": row.code, "label": local_name(row), "shape": getattr(row, "shape", ""),
                "count": counts.get(row.code, 0), "checked": row.code in chosen,
            }
            for row in rows
            if counts.get(row.code) or row.code in chosen
        ]  # fmt: skip
        return {"legend": legend, "options": options}

    def _status(self) -> dict[str, Any]:
        counts = registry.count_by_status(*self._roles("status"))
        return self._choices(_("Role is"), "status", CapabilityStatus, counts)

    def _readiness(self) -> dict[str, Any]:
        counts = registry.count_by_readiness(*self._roles("readiness"))
        return self._choices(_("Readiness"), "readiness", Readiness, counts)

    def _choices(self, legend: str, name: str, choices: Any, counts: dict[str, int]) -> dict[str, Any]:
        chosen = self.chosen(name)
        options = [
            {"value": value, "label": label, "count": counts.get(value, 0), "checked": value in chosen}
            for value, label in choices.choices
            if counts.get(value) or value in chosen or value != "retired"
        ]
        return {"legend": legend, "options": options}

    def pills(self, facets: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = []
        for facet in facets:
            labels = [str(option["label"]) for option in facet["options"] if option["checked"]]
            # A code that names nothing here filters all the same: it must be seen to be taken away.
            listed = {option["value"] for option in facet["options"]}
            labels += [value for value in self.chosen(facet["name"]) if value not in listed]
            if labels:
                value = joined(labels) if len(labels) <= 3 else _("%(count)d chosen") % {"count": len(labels)}
                found.append(
                    {
                        "label": facet["legend"],
                        "value": value,
                        "query": without(self.params, facet["name"]).urlencode(),
                    }
                )
        plain = {
            "capacity_min": _("Capacity at least"),
            "search": _("Search"),
            "near": _("Within"),
            "in_bbox": _("Box"),
            "facility_status": _("State"),
        }
        for name, label in plain.items():
            if self.params.get(name):
                found.append(
                    {
                        "label": label,
                        "value": self.params[name],
                        "query": without(self.params, name).urlencode(),
                    }
                )
        return found

    def name_ordering(self) -> str:
        return "name" if is_chinese() else "name_en"
