"""The list of idle assets as a page shows it."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from core.models import City
from core.templatetags.pingji import joined, local_name, num, unit
from facilities.models import ServiceType
from facilities.selectors.facilities import areas_of, count_by_area
from inventory.choices import AssetKind, AssetStatus, Tenure
from inventory.filters import IdleAssetFilter
from inventory.models import AssetOption
from inventory.selectors import idle_assets as selectors

PAGE_SIZE = 50
CHOICES = {"kind": AssetKind, "status": AssetStatus, "tenure": Tenure}


def without(params: QueryDict, *names: str) -> QueryDict:
    rest = params.copy()
    for name in (*names, "page"):
        rest.pop(name, None)
    return rest


class IdleAssetTable:
    def __init__(self, *, request: HttpRequest, city: City) -> None:
        self.request, self.params, self.city = request, request.GET, city
        self.base = selectors.assets_for(request.user).filter(city=city)
        self.filter = self._filtered(self.params)
        self.valid = self.filter.is_valid()

    def _filtered(self, params: QueryDict) -> IdleAssetFilter:
        return IdleAssetFilter(params, queryset=self.base, request=self.request)

    def page(self) -> Any:
        page = Paginator(self.filter.ordered, PAGE_SIZE).get_page(self.params.get("page"))
        page.object_list = selectors.with_options(page.object_list)
        return page

    def sentence(self, matching: int) -> str:
        everything = self.base.count() if self.params else matching
        sums = selectors.sums_by_service(self.filter.qs) if self.valid and matching else []
        could = joined([f"{local_name(row)} {num(row['capacity'])} {unit(row)}" for row in sums])
        values = {"matching": num(matching), "all": num(everything), "sums": could}
        if not matching:
            return _("None of %(all)s idle assets match") % values
        if matching == everything:
            return _("%(all)s idle assets could give: %(sums)s") % values
        return _("%(matching)s of %(all)s match and could give: %(sums)s") % values

    def _rest(self, facet: str) -> Any:
        rest = self._filtered(without(self.params, facet, "ordering"))
        return rest.qs if rest.is_valid() else self.base.none()

    def _chosen(self, name: str) -> list[str]:
        return list((self.filter.form.cleaned_data.get(name) if self.valid else None) or [])

    def facets(self) -> list[dict[str, Any]]:
        areas, chosen = count_by_area(self._rest("area")), self._chosen("area")
        found = [
            {
                "legend": _("Area"), "name": "area",
                "options": [
                    {"value": area.code, "label": local_name(area), "count": areas.get(area.path, 0), "checked": area.code in chosen}
                    for area in areas_of(self.city, self.request.user)
                    if area.path.count("/") == 2 or area.code in chosen
                ],
            }
        ]  # fmt: skip
        options = AssetOption.objects.filter(
            asset__in=self._rest("service").order_by().values("pk")
        ).order_by()
        could = dict(options.values_list("service__code").annotate(n=selectors.Count("asset", distinct=True)))
        chosen = self._chosen("service")
        rows = [
            {
                "value": one.code,
                "label": local_name(one),
                "shape": one.shape,
                "count": could.get(one.code, 0),
                "checked": one.code in chosen,
            }
            for one in ServiceType.objects.all()
            if could.get(one.code) or one.code in chosen
        ]
        found.append({"legend": _("Could give"), "name": "service", "options": rows})
        for name, choices in CHOICES.items():
            counted, chosen = selectors.counts(self._rest(name), name), self._chosen(name)
            rows = [
                {"value": value, "label": label, "count": counted.get(value, 0), "checked": value in chosen}
                for value, label in choices.choices
                if counted.get(value) or value in chosen
            ]
            legend = {"kind": _("Kind"), "status": _("State"), "tenure": _("Tenure")}[name]
            found.append({"legend": legend, "name": name, "options": rows})
        return found

    def pills(self, facets: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = []
        for facet in facets:
            labels = [str(option["label"]) for option in facet["options"] if option["checked"]]
            if labels:
                found.append(
                    {
                        "label": facet["legend"],
                        "value": joined(labels),
                        "query": without(self.params, facet["name"]).urlencode(),
                    }
                )
        plain = {
            "cost_max": _("Cost at most, fen"),
            "search": _("Search"),
            "near": _("Within"),
            "in_bbox": _("Box"),
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
