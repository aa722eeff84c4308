"""Gaps: the list of areas and services that fall short, and why one number is what it is."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from core import policies
from core.choices import AreaLevel
from core.models import Area
from core.templatetags.pingji import local_name
from core.views.pages import page, page_of
from facilities.models import ServiceType
from planning import filters, tables
from planning.models import Run
from planning.selectors import gaps
from planning.views import mapwords


def _run_in_view(request: HttpRequest) -> Run | None:
    runs = gaps.baseline_runs(user=request.user, city=request.city)
    ref = request.GET.get("run", "")
    return (runs.filter(ref=ref).first() if ref else None) or runs.first()


@page
def gap_list(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    policies.demand(request.user, "view", request.city)
    run = _run_in_view(request)
    if run is None:
        return render(request, "planning/gaps.html", {"run": None})
    ask = request.GET
    services = gaps.services_of(run)
    rows = gaps.all_area_results(run, user=request.user)
    levels = gaps.levels_in(rows)
    chosen_levels = ask.getlist("level") or ([str(min(levels))] if levels else [])
    chosen_services, causes, search = ask.getlist("service"), ask.getlist("cause"), ask.get("search", "").strip()
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
    return render(
        request, "planning/gaps.html",
        {
            "run": run, "run_group": run_group, "runs": gaps.latest_of_each(user=request.user, city=request.city),
            "groups": groups, "pills": filters.pills(ask, groups[:1] + groups[2:], search), "search": search,
            "page": page_of(request, found, 50), "summary": gaps.short_summary(rows),
        },
    )  # fmt: skip


@page
def why_page(request: HttpRequest, area_code: str, service_code: str) -> HttpResponse:
    run = _run_in_view(request)
    area = get_object_or_404(Area.objects.filter(policies.visible_areas(request.user)), city=request.city, code=area_code)
    service = get_object_or_404(ServiceType, code=service_code)
    if run is None:
        raise Http404
    row = gaps.area_results(run, service, user=request.user).filter(area=area).first()
    if row is None:
        raise Http404
    from planning.selectors import why

    answer = why.why_number(run=run, area=area, service=service, row=row, user=request.user)
    config = mapwords.base_config(request, request.city)
    west, south, east, north = area.geometry.extent
    config |= {
        "mode": "why", "show": "gap", "bounds": [[west, south], [east, north]], "area": area.code,
        "label": _("%(area)s and the facilities near it") % {"area": local_name(area)},
    }  # fmt: skip
    config |= mapwords.run_classes(run, service)
    config.pop("nothing", None)
    config["tiles"]["cells"] = mapwords.cell_tiles(run, service)
    config["tiles"]["facilities"] = mapwords.facility_tiles(request.city, service)
    context: dict[str, Any] = {"run": run, "area": area, "service": service, "row": row, "why": answer, "config": config}
    return render(request, "planning/why.html", context)
