"""What a run's need is made of: people, the chain, phases and groups by area, and what every number stands on."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from core import policies
from core.choices import AreaLevel
from core.templatetags.pingji import is_chinese, joined, local_name, num, unit
from core.views.pages import page, page_of
from planning import filters
from planning.choices import Driver, RunState
from planning.models import Run
from planning.selectors import gaps
from planning.selectors.batches import batches_visible_to
from planning.selectors.official_tables import times_of_question
from planning.services import tables_export
from planning.services.demand import (
    Asked,
    DemandRow,
    DemandRows,
    areas_seen,
    group_label,
    layers_used,
    phase_label,
)
from planning.views.analyses import tabs_of
from planning.views.readings import Reading

ROWS_A_PAGE = 50
EVERY_PART = Asked(parts=frozenset({"whole", "phase", "group"}))


def _run(request: HttpRequest, ref: str) -> Run:
    run = get_object_or_404(
        gaps.runs_visible_to(request.user).select_related("city"), ref=ref, state=RunState.DONE
    )
    request.city = run.city
    return run


@page
def demand_page(request: HttpRequest, ref: str) -> HttpResponse:
    run = _run(request, ref)
    seen = areas_seen(run, request.user)
    ask = filters.DemandFilter(request.GET, queryset=seen, request=request)
    services = gaps.services_of(run)
    chosen = ask.chosen("service") or {one.code for one in services[:1]}
    wanted = Asked(frozenset(chosen), ask.chosen("phase"), ask.chosen("group"), ask.chosen("part"))
    # The level is chosen among those inside the area asked for, and totals are of all of them.
    anywhere = request.GET.copy()
    anywhere.pop("level", None)
    inside = list(filters.DemandFilter(anywhere, queryset=seen, request=request).rows())
    levels = sorted({area.level for area in inside})
    shown = _shown_levels(levels, request.GET.getlist("level"))
    ordering = request.GET.get("ordering", "")
    rows = DemandRows(run, [area for area in inside if area.level in shown], wanted, ordering)
    found = page_of(request, rows, ROWS_A_PAGE)
    every = DemandRows(run, inside)
    total = every.total(Asked(frozenset(chosen), parts=EVERY_PART.parts))
    others = [one for one in times_of_question(run) if one.pk != run.pk]
    groups = _groups(request, services, levels, total, ask, chosen, shown)
    whole = [row for row in total if row.part == "whole"]
    context: dict[str, Any] = {
        "run": run, "tabs": tabs_of(run, "demand", min(chosen) if len(chosen) == 1 else ""), "groups": groups,
        "areas": [area for area in seen if area.level == AreaLevel.DISTRICT], "area_code": request.GET.get("area", ""),
        "pills": filters.pills(request.GET, [group for group in groups if group.name in request.GET]), "page": found, "rows": _with_others(found, others, wanted),
        "others": others, "whole": whole, "total": _with_others(every.total(wanted), others, wanted, every),
        "phases": [row for row in total if row.part == "phase" and row.phase], "by_group": [row for row in total if row.part == "group"],
        "seeking": any(row.seeking is not None for row in whole), "many": len(chosen) > 1, "by_phase_shown": any(row.part == "phase" for row in found), "by_group_shown": any(row.part == "group" for row in found),
        "reading": _reading(run, whole), "layers": layers_used(run), "standards": _standards(whole), "told": _told(run),
        "unknown": any(None in (row.affected, row.displaced) for row in found), "single": whole[0].service if len(whole) == 1 else None,
        "known": any(row.spread for row in found), "may_run": policies.allows(request.user, "run.start", run.city),
        "api_url": f"/api/v1/runs/{run.ref}/demand/?{_address(request, chosen, shown)}",
    }  # fmt: skip
    return render(request, "planning/demand.html", context)


def _shown_levels(levels: list[int], asked: list[str]) -> set[int]:
    """The levels asked for, else the widest below the city, else what there is."""
    wanted = {int(level) for level in asked if level.isdigit()} & set(levels)
    below = [level for level in levels if level > AreaLevel.CITY]
    return wanted or set(below[:1] or levels[:1])


def _address(request: HttpRequest, chosen: Any, shown: set[int]) -> str:
    """The same rows in the API: what the page takes by itself is spelt out."""
    query = request.GET.copy()
    query.pop("page", None)
    query.setlist("service", sorted(chosen))
    query.setlist("level", [str(level) for level in sorted(shown)])
    return query.urlencode()


def _groups(
    request: HttpRequest,
    services: list[Any],
    levels: list[int],
    total: list[DemandRow],
    ask: filters.DemandFilter,
    chosen: Any,
    shown: set[int],
) -> list[filters.Group]:
    level_group = filters.Group("level", _("Level"))
    for level in levels:
        level_group.add(level, str(AreaLevel(level).label), None, [str(one) for one in shown])
    phase_group = filters.Group("phase", _("Phase"))
    people_group = filters.Group("group", _("Group"))
    for code in dict.fromkeys(row.phase for row in total if row.part == "phase" and row.phase):
        phase_group.add(code, phase_label(code), None, list(ask.chosen("phase")))
    for code in dict.fromkeys(row.group for row in total if row.part == "group"):
        people_group.add(code, group_label(code).capitalize(), None, list(ask.chosen("group")))
    listed = [filters.service_group(services, list(chosen)), level_group, phase_group, people_group]
    return [group for group in listed if group.options]


def _with_others(
    rows: Any, others: list[Run], wanted: Asked, table: DemandRows | None = None
) -> list[dict[str, Any]]:
    """Each row with the same need at other times of day, and the district's own ratio where it has one."""
    listed = list(rows)
    found = []
    if table is not None:
        found = [
            {row.key: row.need for row in DemandRows(one, table.areas, wanted).total(wanted)}
            for one in others
        ]
        return [{"row": row, "others": [held.get(row.key) for held in found], "own": None} for row in listed]
    areas = list({row.area.pk: row.area for row in listed}.values())
    found = [DemandRows(one, areas, wanted).lookup() for one in others]
    return [
        {
            "row": row,
            "others": [held.get((*row.key, row.area.pk)) for held in found],
            "own": row.own,
        }
        for row in listed
    ]


def _reading(run: Run, whole: list[DemandRow]) -> Reading:
    """The need of the first service in words, and who they are."""
    if not whole:
        return Reading(_("This run holds no result for the service."))
    row = whole[0]
    facts = {
        "need": num(row.need), "unit": unit(row.service), "service": local_name(row.service), "when": str(run.get_time_of_day_display()).lower(),
        "people": num(row.people), "inside": num(row.inside), "affected": num(row.affected), "displaced": num(row.displaced),
        "seeking": num(row.seeking),
    }  # fmt: skip
    sentence = _("%(service)s, %(when)s: %(need)s %(unit)s are needed.") % facts
    tail = [_("Of %(people)s people counted, %(inside)s are inside the scenario.") % facts]
    links = [
        (row.affected, _("%(affected)s are affected") % facts),
        (row.displaced, _("%(displaced)s leave home") % facts),
        (row.seeking, _("%(seeking)s seek shelter") % facts),
    ]
    known = [words for value, words in links if value is not None]
    if known:
        tail.append(_("Of these, %(links)s.") % {"links": _(", ").join(known)})
    return Reading(sentence, ("" if is_chinese() else " ").join(tail))


def _standards(whole: list[DemandRow]) -> list[dict[str, Any]]:
    """The rule behind each service's need, with the ratios of districts that differ."""
    return [
        {
            "service": row.service, "standard": row.standard, "rule": row.rule, "counts": Driver(row.standard["driver"]).label,
            "local": [one for one in row.standard.get("local") or [] if row.rule.profile and one["ratio"] != row.standard["ratio"]],
        }
        for row in whole
    ]  # fmt: skip


def _told(run: Run) -> str:
    """Which groups the layers tell apart, in words."""
    told = list(dict.fromkeys(group for layer in layers_used(run) for group in layer.groups))
    if not told:
        return _("The population layer does not tell groups of people apart.")
    names = joined([group_label(code) for code in told])
    return _("The population layer tells apart: %(groups)s.") % {"groups": names}


@page
def run_tables(request: HttpRequest, ref: str) -> HttpResponse:
    """The official tables of the run as a workbook, in the language of the page."""
    book = tables_export.tables_of_run(user=request.user, run=_run(request, ref))
    return _answer(book)


@page
def batch_tables(request: HttpRequest, ref: str) -> HttpResponse:
    """The same of every finished run of a batch."""
    batch = get_object_or_404(batches_visible_to(request.user), ref=ref)
    return _answer(tables_export.tables_of_batch(user=request.user, batch=batch))


def _answer(book: tables_export.Book) -> HttpResponse:
    return HttpResponse(
        book.content,
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        headers={
            "Content-Disposition": f'attachment; filename="{book.name}"',
            "Cache-Control": "private, no-store",
        },
    )
