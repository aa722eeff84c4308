"""The list of projects as a page shows it: rows, facets with counts, pills, the sentence above."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from core.filters import ordered
from core.models import City
from core.templatetags.pingji import joined, local_name, num, yuan
from facilities.models import ServiceType
from facilities.selectors.facilities import areas_of, count_by_area
from inventory.choices import InterventionKind
from projects.choices import Origin, ProjectState
from projects.filters import ProjectFilter
from projects.models import Payment, Project, Release
from projects.selectors import pages, programme

PAGE_SIZE = 50
# The same names order the API's list.
ORDERINGS = [
    "ref", "name", "name_en", "state", "kind", "units", "cost_fen", "gap_promised", "starts_on", "ends_on", "created_at",
]  # fmt: skip
DEFAULT_ORDERING = "-created_at"
CHOICES = {"state": ProjectState, "kind": InterventionKind, "origin": Origin}


def without(params: QueryDict, *names: str) -> QueryDict:
    rest = params.copy()
    for name in (*names, "page"):
        rest.pop(name, None)
    return rest


class ProjectTable:
    """The projects of a city that match a query string, for one person."""

    def __init__(self, *, request: HttpRequest, city: City) -> None:
        self.request, self.params, self.city = request, request.GET, city
        self.base = pages.projects_visible_to(request.user).filter(city=city)
        self.filter = self._filtered(self.params)
        self.valid = self.filter.is_valid()

    def _filtered(self, params: QueryDict) -> ProjectFilter:
        return ProjectFilter(params, queryset=self.base, request=self.request)

    @property
    def rows(self) -> QuerySet[Project]:
        """Every matching project, in the order asked for."""
        found = self.filter.qs if self.valid else self.base.none()
        return ordered(found, self.params.get("ordering"), ORDERINGS, DEFAULT_ORDERING)

    def page(self) -> Any:
        released = Release.objects.filter(tranche__project=OuterRef("pk")).values("tranche__project")
        paid = Payment.objects.filter(project=OuterRef("pk")).values("project")
        rows = self.rows.annotate(
            released_fen=Subquery(released.annotate(sum=Sum("amount_fen")).values("sum")),
            paid_fen=Subquery(paid.annotate(sum=Sum("amount_fen")).values("sum")),
        )
        return Paginator(rows, PAGE_SIZE).get_page(self.params.get("page"))

    def sentence(self, matching: int) -> str:
        everything = self.base.count() if self.params else matching
        cost = self.rows.order_by().aggregate(sum=Sum("cost_fen"))["sum"] or 0
        late = self.rows.order_by().filter(programme.overdue()).count()
        values = {"matching": num(matching), "all": num(everything), "cost": yuan(cost), "late": num(late)}
        if not matching:
            return _("None of %(all)s projects match") % values
        if matching == everything:
            return _("%(all)s projects for %(cost)s, %(late)s overdue") % values
        return _("%(matching)s of %(all)s match, for %(cost)s, %(late)s overdue") % values

    def _rest(self, facet: str) -> QuerySet[Project]:
        rest = self._filtered(without(self.params, facet, "ordering"))
        return rest.qs if rest.is_valid() else self.base.none()

    def _chosen(self, name: str) -> list[str]:
        return list((self.filter.form.cleaned_data.get(name) if self.valid else None) or [])

    def facets(self) -> list[dict[str, Any]]:
        """Each counted with every filter but its own: a count says what a tick adds."""
        found = [self._choices("state", _("State"))]
        areas, chosen = count_by_area(self._rest("area")), self._chosen("area")
        options = [
            {"value": area.code, "label": local_name(area), "count": areas.get(area.path, 0), "checked": area.code in chosen}
            for area in areas_of(self.city, self.request.user)
            if (area.path.count("/") == 2 and areas.get(area.path)) or area.code in chosen
        ]  # fmt: skip
        found.append({"legend": _("Area"), "name": "area", "options": options})
        counted, chosen = self._counts("service", "service__code"), self._chosen("service")
        options = [
            {
                "value": one.code, "label": local_name(one), "shape": one.shape, "count": counted.get(one.code, 0),
                "checked": one.code in chosen,
            }
            for one in ServiceType.objects.all()
            if counted.get(one.code) or one.code in chosen
        ]  # fmt: skip
        found.append({"legend": _("Service"), "name": "service", "options": options})
        found.append(self._choices("kind", _("Intervention")))
        found.append(self._choices("origin", _("Origin")))
        late = self._rest("overdue").filter(programme.overdue()).order_by().count()
        on = self.params.get("overdue") == "true"
        option = {"value": "true", "label": _("Overdue"), "count": late, "checked": on}
        found.append({"legend": _("Days that were set"), "name": "overdue", "options": [option]})
        return found

    def _counts(self, facet: str, path: str) -> dict[str, int]:
        rows = self._rest(facet).order_by().values_list(path).annotate(n=Count("pk"))
        return dict(rows)

    def _choices(self, name: str, legend: str) -> dict[str, Any]:
        counted, chosen = self._counts(name, name), self._chosen(name)
        options = [
            {"value": value, "label": label, "count": counted.get(value, 0), "checked": value in chosen}
            for value, label in CHOICES[name].choices
            if counted.get(value) or value in chosen
        ]
        return {"legend": legend, "name": name, "options": options}

    def pills(self, facets: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = []
        for facet in facets:
            labels = [str(option["label"]) for option in facet["options"] if option["checked"]]
            # A code that names nothing here filters all the same: it must be seen to be taken away.
            listed = {option["value"] for option in facet["options"]}
            chosen = self._chosen(facet["name"]) if facet["name"] != "overdue" else []
            labels += [value for value in chosen if value not in listed]
            if labels:
                query = without(self.params, facet["name"]).urlencode()
                found.append({"label": facet["legend"], "value": joined(labels), "query": query})
        plain = {
            "plan": _("Plan"), "search": _("Search"), "near": _("Within"), "in_bbox": _("Box"),
            "cost_min": _("Cost at least, fen"), "cost_max": _("Cost at most, fen"),
        }  # fmt: skip
        for name, label in plain.items():
            if self.params.get(name):
                query = without(self.params, name).urlencode()
                found.append({"label": label, "value": self.params[name], "query": query})
        return found
