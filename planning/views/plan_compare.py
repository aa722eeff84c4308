"""Two versions side by side: what they stand on, figures with differences, the change-sets, and the map of both."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.templatetags.pingji import local_name, num, pct, signed, unit, yuan
from core.views.pages import page
from facilities.models import ServiceType
from planning.models import PlanVersion
from planning.selectors import change_sets, gaps
from planning.selectors.plan_comparisons import (
    BOTH,
    FEN,
    ONLY_A,
    ONLY_B,
    SHARE,
    SIZE,
    Base,
    Figure,
    PlanComparison,
    SharedRun,
    compare_versions,
    named_version,
)
from planning.services.difference_tiles import difference_breaks
from planning.views import mapwords
from planning.views.comparisons import title_of
from planning.views.plan_pages import version_asked, version_context

SHOWN_AT_MOST = 400


@page
def plan_compare(request: HttpRequest, ref: str) -> HttpResponse:
    version = version_asked(request, ref)
    context = version_context(request, version, "plan_compare")
    asked = request.GET.get("with", "")
    if not asked or not context["ready"]:
        return render(
            request, "planning/plan_compare_choose.html", context | {"others": _others(request, version)}
        )
    other = named_version(asked, user=request.user, city=request.city)
    if other is None:
        raise Http404
    found = compare_versions(version, other, user=request.user)
    titles = _title(version), _title(other)
    views = [
        {"key": f"{one.a.before.ref}.{service.code}", "shared": one, "service": service,
         "label": _(", ").join([local_name(service), title_of(one.a.before)])}
        for one in found.shared if one.same_cells for service in _services(one)
    ]  # fmt: skip
    view = next((one for one in views if one["key"] == request.GET.get("view")), None) or _telling(
        views, found
    )
    state = request.GET.get("show") if request.GET.get("show") in (ONLY_A, ONLY_B, BOTH, SIZE) else ""
    steps = [one for one in found.steps if not state or one.state == state]
    counts = found.counts()
    keep = {"version": version.number, "with": f"{other.plan.ref}:{other.number}"}
    context |= {
        "a": version, "b": other, "sides": [("A", version, titles[0]), ("B", other, titles[1])], "found": found, "reading": _reading(found),
        "bases": [_base(one) for one in found.bases],
        "weighty": any(one.weighty for one in found.bases),
        "figures": [_figure(one) for one in found.figures if one.service is None],
        "by_run": _by_run(found), "money": [_figure(one) for one in found.money],
        "views": views, "view_key": view["key"] if view else "", "keep": keep,
        "steps": [_step(one) for one in steps[:SHOWN_AT_MOST]], "more_steps": max(len(steps) - SHOWN_AT_MOST, 0),
        "states": [
            {"code": code, "label": label, "count": num(count), "here": code == state,
             "query": urlencode(keep | ({"show": code} if code else {}))}
            for code, label, count in (
                ("", _("All"), len(found.steps)), (ONLY_A, _("Only in A"), counts[ONLY_A]),
                (ONLY_B, _("Only in B"), counts[ONLY_B]), (SIZE, _("Other size or price"), counts[SIZE]),
                (BOTH, _("In both"), counts[BOTH]),
            )
        ],
        "swap": "?" + urlencode({"version": other.number, "with": f"{version.plan.ref}:{version.number}"}),
        "query": urlencode(keep),
    }  # fmt: skip
    context["config"] = _config(request, found, view)
    return render(request, "planning/plan_compare.html", context)


def _title(version: PlanVersion) -> str:
    return _("%(plan)s, version %(number)s") % {"plan": local_name(version.plan), "number": version.number}


def _others(request: HttpRequest, version: PlanVersion) -> list[dict[str, Any]]:
    """Computed versions of the city, those of this plan first."""
    plans = change_sets.plans_visible_to(request.user, request.city)
    listed = (
        PlanVersion.objects.filter(plan__in=plans.order_by(), state__in=("draft", "frozen"))
        .exclude(pk=version.pk)
        .select_related("plan", "created_by")
        .order_by("-id")[:300]
    )
    found = [
        {"value": f"{one.plan.ref}:{one.number}", "title": _title(one), "version": one, "own": one.plan_id == version.plan_id}
        for one in listed
    ]  # fmt: skip
    return sorted(found, key=lambda one: not one["own"])


def _services(shared: SharedRun) -> list[ServiceType]:
    """What both runs with the plans count."""
    assert shared.a.after is not None and shared.b.after is not None
    codes = {row["service"] for row in shared.a.after.totals} & {
        row["service"] for row in shared.b.after.totals
    }
    return list(ServiceType.objects.filter(code__in=codes).order_by("sort_order", "code"))


def _telling(views: list[dict[str, Any]], found: PlanComparison) -> dict[str, Any] | None:
    """Open on the run and service in which the two differ most."""
    differ = {
        f"{one.run.ref}.{one.service.code}": abs(one.change or 0)
        for one in found.figures
        if one.code == "closed" and one.run is not None and one.service is not None
    }
    return max(views, key=lambda one: differ.get(one["key"], 0), default=None)


# --- words -----------------------------------------------------------------------------------------


def _reading(found: PlanComparison) -> str:
    """The sentence on top: what B costs more or less, and what it serves more or less."""
    by_code = {one.code: one for one in found.figures if one.service is None}
    cost = by_code["cost_fen"].change or 0
    counts = found.counts()
    facts: dict[str, Any] = {
        "cost": yuan(abs(int(cost))), "share": counts[BOTH], "changed": counts[SIZE], "only_a": counts[ONLY_A], "only_b": counts[ONLY_B],
    }  # fmt: skip
    if cost > 0:
        first = _("B costs %(cost)s more than A.") % facts
    elif cost < 0:
        first = _("B costs %(cost)s less than A.") % facts
    else:
        first = _("A and B cost the same.")
    value = by_code.get("value")
    if value is not None and value.change is not None:
        told = {"units": num(abs(value.change))}
        if round(value.change) > 0:
            first = _("%(first)s %(second)s") % {
                "first": first,
                "second": _("It serves %(units)s more (weighted).") % told,
            }
        elif round(value.change) < 0:
            first = _("%(first)s %(second)s") % {
                "first": first,
                "second": _("It serves %(units)s fewer (weighted).") % told,
            }
    second = (
        ngettext(
            "They share %(share)d intervention; %(changed)d in another size or at another price, %(only_a)d only in A, %(only_b)d only in B.",
            "They share %(share)d interventions; %(changed)d in another size or at another price, %(only_a)d only in A, %(only_b)d only in B.",
            counts[BOTH],
        )
        % facts
    )
    return _("%(first)s %(second)s") % {"first": first, "second": second}


def _base(one: Base) -> dict[str, Any]:
    return {
        "label": one.label,
        "a": _said(one.code, one.a),
        "b": _said(one.code, one.b),
        "weighty": one.weighty,
    }


def _said(code: str, value: Any) -> str:
    if code == "budget":
        return yuan(value)
    if isinstance(value, dict):
        if code == "scenario" or "name" in value:
            return local_name(value)
        return ", ".join(f"{key} {part}" for key, part in sorted(value.items())) or _("none")
    if isinstance(value, list):
        return ", ".join(map(str, value)) or _("all")
    return value if isinstance(value, str) else (local_name(value) or str(value or "—"))


def _figure(one: Figure) -> dict[str, Any]:
    """The two numbers and the difference as written; `better` says which way the difference speaks."""

    def written(value: float | None) -> str:
        if value is None:
            return "—"
        if one.kind == FEN:
            return yuan(int(value))
        return pct(value, 2 if one.code == "gap" else 1) if one.kind == SHARE else num(value)

    change = one.change
    if change is None:
        said = "—"
    elif one.kind == FEN:
        said = ("+" if change > 0 else "") + yuan(int(change))
    elif one.kind == SHARE:
        said = signed(change * 100, 2 if one.code == "gap" else 1)
    else:
        said = signed(change)
    return {
        "label": one.label, "code": one.code, "a": written(one.a), "b": written(one.b), "change": said,
        "note_a": local_name(one.note_a) if one.note_a else "", "note_b": local_name(one.note_b) if one.note_b else "",
        "share": one.kind == SHARE,
    }  # fmt: skip


def _by_run(found: PlanComparison) -> list[dict[str, Any]]:
    """One row for each shared run and service, with its figures by code."""
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    for one in found.figures:
        if one.service is None or one.run is None:
            continue
        row = rows.setdefault(
            (one.run.pk, one.service.pk),
            {"run": one.run, "title": title_of(one.run), "service": one.service, "unit": unit(one.service)},
        )
        row[one.code] = _figure(one)
    return list(rows.values())


def _step(one: Any) -> dict[str, Any]:
    known = one.known
    labels = {
        ONLY_A: _("only in A"),
        ONLY_B: _("only in B"),
        BOTH: _("in both"),
        SIZE: _("other size or price"),
    }
    return {
        "state": one.state, "words": labels[one.state], "known": known, "a": one.a, "b": one.b,
        "units": (one.b.units - one.a.units) if one.a and one.b else None,
        "cost": (one.b.cost_fen - one.a.cost_fen) if one.a and one.b else None,
    }  # fmt: skip


# --- the map ---------------------------------------------------------------------------------------


def _config(request: HttpRequest, found: PlanComparison, view: dict[str, Any] | None) -> dict[str, Any]:
    """Pins by membership; under them the difference of the gaps that the two plans leave, where both runs are there."""
    config = mapwords.base_config(request, found.a.plan.city)
    config |= {
        "mode": "plan", "show": "difference", "showFirst": "difference", "keepPlace": True, "area": "",
        "label": _("Where the two plans act and which of them leaves the smaller gap; the tables hold every value"),
        "pins": [
            {"order": n, "lon": one.known.point.x, "lat": one.known.point.y, "state": one.state, "name": local_name(one.known)}
            for n, one in enumerate(found.steps, start=1)
        ],
    }  # fmt: skip
    if view is None:
        return config
    shared, service = view["shared"], view["service"]
    before, after = shared.a.after, shared.b.after
    classes = mapwords.run_classes(request.user, before, service)
    breaks, wide = classes["breaks"], classes["wide"]
    breaks["noNeed"] = True
    edges = difference_breaks(before=before, after=after, service=service)["gap"]
    breaks["difference"], breaks["differenceLevels"] = edges["step"], edges["levels"]
    whole = gaps.sees_whole_city(request.user, found.a.plan.city_id)
    words = mapwords.change_ranges(edges["step"])
    near = _("Gap with B less gap with A, %(unit)s per cell") % {"unit": unit(service)}
    far = _("Gap with B less gap with A, %(unit)s per hexagon") % {"unit": unit(service)}
    wide["differenceWords"] = {key: mapwords.change_ranges(step) for key, step in edges["levels"].items()}
    wide["differenceTitle"] = far
    config |= {
        "breaks": breaks, "wide": wide,
        "legends": {"difference": mapwords.legend(near, "chg", words, edges["counts"] if whole else None)},
    }  # fmt: skip
    config["tiles"]["cells"] = (
        f"/tiles/differences/{{z}}/{{x}}/{{y}}.pbf?before={before.ref}&after={after.ref}&service={service.code}"
    )
    return config


urlpatterns: list[URLPattern] = [path("plans/<str:ref>/compare/", plan_compare, name="plan_compare")]
