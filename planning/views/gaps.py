"""Gaps: the list of areas and services that fall short."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from core import policies
from core.choices import AreaLevel
from core.views.pages import page, page_of
from planning import filters, tables
from planning.selectors import gaps
from planning.selectors.ranges import mark_ranges, newest_range
from planning.views.places import in_the_runs_city


@page
@in_the_runs_city
def gap_list(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    policies.demand(request.user, "view", request.city)
    run = gaps.run_in_view(user=request.user, city=request.city, ref=request.GET.get("run", ""))
    if run is None:
        return render(request, "planning/gaps.html", {"run": None})
    ask = request.GET
    services = gaps.services_of(run)
    rows = gaps.all_area_results(run, user=request.user)
    levels = gaps.levels_in(rows)
    chosen_levels = ask.getlist("level") or ([str(min(levels))] if levels else [])
    chosen_services, causes, search = (
        ask.getlist("service"),
        ask.getlist("cause"),
        ask.get("search", "").strip(),
    )
    rows = gaps.narrowed(rows, levels=chosen_levels, services=chosen_services, causes=causes, search=search)
    run_group = filters.Group("run", _("Scenario and time"))
    level_group = filters.Group("level", _("Level"))
    for level, count in levels.items():
        level_group.add(level, str(AreaLevel(level).label), count, chosen_levels)
    cause_group = filters.Group("cause", _("Cause"))
    for code, label in (("late", _("Late")), ("no_room", _("No room")), ("out_of_reach", _("Out of reach"))):
        cause_group.add(code, label, None, causes)
    groups = [filters.service_group(services, chosen_services), level_group, cause_group]
    found = tables.ordered(rows, tables.GAP_ROWS, ask.get("ordering", ""), "-share")
    shown = page_of(request, found, 50)
    shown.object_list = mark_ranges(shown.object_list)
    return render(
        request, "planning/gaps.html",
        {
            "known": newest_range(run) is not None, "may_run": policies.allows(request.user, "run.start", request.city),
            "run": run, "run_group": run_group, "runs": gaps.latest_of_each(user=request.user, city=request.city),
            "groups": groups, "pills": filters.pills(ask, groups[:1] + groups[2:], search), "search": search,
            "page": shown, "summary": gaps.short_summary(rows),
        },
    )  # fmt: skip
