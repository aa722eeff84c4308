"""Rows of a list of projects against the city: whose area they lie in, which project each speaks of, what would change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib.gis.geos import Point
from django.db import connection
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.models import Area, City
from facilities.importers.columns import Columns
from facilities.importers.problems import Problems
from projects.choices import ProjectState
from projects.importers.project_list import ProjectRow
from projects.models import BudgetLine, Project
from projects.services import investment_codes

# Of a project from a plan the place, the service and the kind are the plan's; a list does not move it.
_PLANS = ("kind", "service", "point", "area")


@dataclass
class Wanted:
    """What a row would do: "new", "changed", "unchanged", or "kept" (handed in already, or the plan's)."""

    row: ProjectRow
    values: dict[str, Any]
    action: str = "new"
    project: Project | None = None
    before: dict[str, Any] = field(default_factory=dict)
    money: bool = False


def told_once(wanted: list[Wanted], table: Columns, problems: Problems) -> list[Wanted]:
    """The rows whose code can be one and that stand once in the file; the others are named."""
    return _once(_with_codes(wanted, table, problems), table, problems)


def _with_codes(wanted: list[Wanted], table: Columns, problems: Problems) -> list[Wanted]:
    good = []
    for one in wanted:
        code = one.values["investment_code"]
        try:
            one.values["investment_code"] = investment_codes.clean(code) if code else ""
            good.append(one)
        except DomainError as refused:
            problems.add(
                refused.code, refused.message, file=table.file, row=one.row.row,
                column=table.source("investment_code"), **{"cell": code[:60]} if "%" not in str(refused.message) else {},
            )  # fmt: skip
    return good


def _place_of(values: dict[str, Any], lon: float, lat: float) -> tuple[str, str]:
    """What tells projects without a code apart: the name, and the site in words or, without words, on the ground (~10 m)."""
    site = "".join(str(values["site"]).split()).lower()
    return "".join(str(values["name"]).split()).lower(), site or f"{lon:.4f},{lat:.4f}"


def _once(wanted: list[Wanted], table: Columns, problems: Problems) -> list[Wanted]:
    """A code, or a name at a site, that stands twice in the file: the second row is named with the first."""
    codes: dict[str, int] = {}
    places: dict[tuple[str, str], int] = {}
    good = []
    for one in wanted:
        code, place = one.values["investment_code"], _place_of(one.values, one.row.lon, one.row.lat)
        first = codes.get(code) if code else None
        if first is not None:
            text = _('The code "%(cell)s" is already used in row %(first)d.')
            problems.add(
                "code_twice", text, file=table.file, row=one.row.row, column=table.source("investment_code"), cell=code,
                first=first,
            )  # fmt: skip
            continue
        if place in places:
            text = _('"%(cell)s" at this site stands already in row %(first)d.')
            problems.add(
                "row_twice", text, file=table.file, row=one.row.row, column=table.source("name"),
                cell=one.values["name"][:60], first=places[place],
            )  # fmt: skip
            continue
        if code:
            codes[code] = one.row.row
        places[place] = one.row.row
        good.append(one)
    return good


def with_areas(
    user: Any, city: City, wanted: list[Wanted], table: Columns, problems: Problems
) -> list[Wanted]:
    """The smallest area of each row, in one statement; rows outside, and those of areas that are somebody else's."""
    if not wanted:
        return wanted
    with connection.cursor() as cursor:
        cursor.execute(
            "select p.n, (select a.id from core_area a where a.city_id = %s and st_covers(a.geometry, p.at)"
            " order by a.level desc, a.id limit 1) from (select n, st_setsrid(st_makepoint(x, y), 4326) as at"
            " from unnest(%s::int[], %s::float8[], %s::float8[]) as u(n, x, y)) p",
            [
                city.pk,
                list(range(len(wanted))),
                [one.row.lon for one in wanted],
                [one.row.lat for one in wanted],
            ],
        )
        found = dict(cursor.fetchall())
    areas = Area.objects.defer("geometry").in_bulk([pk for pk in found.values() if pk])
    mine = {pk: policies.allows(user, "project.import", area) for pk, area in areas.items()}
    where = {"file": table.file, "column": f"{table.source('lon')}, {table.source('lat')}"}
    good = []
    for n, one in enumerate(wanted):
        pk = found.get(n)
        if pk is None:
            text = _("The position lies outside every area of the city.")
            problems.add("outside_city", text, **where, row=one.row.row)
        elif not mine[pk]:
            text = _("The position lies in %(area)s, where your roles do not allow it.")
            problems.add("not_yours", text, **where, row=one.row.row, area=areas[pk].name)
        else:
            one.values |= {"area": areas[pk], "point": Point(one.row.lon, one.row.lat, srid=4326)}
            good.append(one)
    return good


def match(city: City, wanted: list[Wanted], table: Columns, problems: Problems) -> None:
    """Find the project each row speaks of and what would change; one statement for the projects, one for their money."""
    projects = list(
        Project.objects.filter(city=city).select_related("service", "area").defer("area__geometry")
    )
    by_code = {one.investment_code: one for one in projects if one.investment_code}
    # A code is unique over all cities; one that another city uses cannot be taken.
    codes = [one.values["investment_code"] for one in wanted if one.values["investment_code"]]
    elsewhere = set(
        Project.objects.filter(investment_code__in=codes)
        .exclude(city=city)
        .values_list("investment_code", flat=True)
    )
    by_place = {
        _place_of({"name": one.name, "site": one.site}, one.point.x, one.point.y): one
        for one in reversed(projects)
    }
    money: dict[int, dict[str, int]] = {}
    for owner, source, amount in BudgetLine.objects.filter(project__city=city).values_list(
        "project", "source", "amount_fen"
    ):
        sums = money.setdefault(owner, {})
        sums[source] = sums.get(source, 0) + amount
    taken: dict[int, int] = {}
    for one in wanted:
        code = one.values["investment_code"]
        place = _place_of(one.values, one.row.lon, one.row.lat)
        found = by_code.get(code) if code else None
        if found is None and (same := by_place.get(place)) is not None:
            # Another code at the same place is another project; a row without one, or a project without one, is this one.
            found = same if not (code and same.investment_code) else None
        if code in elsewhere:
            text = _("Another project has this investment code.")
            problems.add(
                "investment_code_used", text, file=table.file, row=one.row.row, column=table.source("investment_code"),
                value=code,
            )  # fmt: skip
        if found is None:
            continue
        if found.pk in taken:
            text = _("Row %(first)d speaks of the same project %(ref)s already.")
            where: dict[str, Any] = {"file": table.file, "row": one.row.row, "column": table.source("name")}
            problems.add("row_twice", text, **where, first=taken[found.pk], ref=found.ref)
            continue
        taken[found.pk] = one.row.row
        _compare(one, found, money.get(found.pk, {}), table, problems)


def _compare(one: Wanted, found: Project, money: dict[str, int], table: Columns, problems: Problems) -> None:
    one.project = found
    where: dict[str, Any] = {"file": table.file, "row": one.row.row, "column": table.source("name")}
    # An empty cell says nothing: what the platform knows stays.
    said = {name: value for name, value in one.values.items() if value not in ("", None)}
    if found.intervention_id and (differs := [name for name in _PLANS if _differs(name, found, said)]):
        said = {name: value for name, value in said.items() if name not in _PLANS}
        if set(differs) - {"area"}:
            text = _("%(ref)s comes from a plan: its place, service and kind stay.")
            problems.warn("plan_stays", text, **where, ref=found.ref)
    changes = {name: value for name, value in said.items() if _differs(name, found, said)}
    one.money = bool(one.row.money) and one.row.money != money
    if (changes or one.money) and found.state != ProjectState.DRAFT:
        text = _("%(ref)s has been handed in (%(state)s) and stays as it is.")
        problems.warn("handed_in", text, **where, ref=found.ref, state=found.get_state_display())
        one.action, one.values, one.money = "kept", {}, False
        return
    one.before = {name: getattr(found, name) for name in changes}
    one.values, one.action = changes, "changed" if changes or one.money else "unchanged"


def _differs(name: str, found: Project, said: dict[str, Any]) -> bool:
    if name not in said:
        return False
    now, then = said[name], getattr(found, name)
    if name == "point":
        return abs(now.x - then.x) > 1e-7 or abs(now.y - then.y) > 1e-7
    return bool(now != then)
