"""What a draft would change, and what sheltered people need by two profiles."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.request import QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from core.choices import AreaLevel, TimeOfDay
from core.errors import DomainError
from core.models import Area
from core.views.pages import page
from facilities.models import ServiceType
from planning.choices import NeedBasis, ProfileStatus, RunState
from planning.forms.standards import AdoptForm, ShelteredForm
from planning.models import Run, StandardProfile
from planning.selectors import gaps
from planning.selectors.standards import effective_needs, profiles_on_offer, profiles_visible_to
from planning.services import standards_what_if
from planning.services.minimum_needs import (
    SEEKING,
    SERVED,
    NeedLine,
    Period,
    ShelteredPeople,
    Side,
    minimum_needs,
    sheltered_people,
)
from planning.services.standards_what_if import Pair
from planning.views.standards import frame, profile_seen

ROWS_SHOWN = 60


@page
def what_if(request: HttpRequest, code: str) -> HttpResponse:
    """Which need and gap a draft would bring, beside what is in force. POST starts what is not computed yet."""
    profile = profile_seen(request, code)
    if not request.city:
        return render(request, "planning/no_city.html")
    offered = profiles_on_offer(request.city).exclude(pk=profile.pk)
    form = AdoptForm(request.POST or None, city=request.city, offered=offered)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        found = standards_what_if.start_what_if(
            user=request.user, city=request.city, profile=profile, scenarios=list(data["scenario"]), times_of_day=data["time"],
            against=data["against"],
        )  # fmt: skip
        query = QueryDict(mutable=True)
        query.setlist("pair", [f"{pair.before.ref}:{pair.after.ref}" for pair in found.pairs])
        return redirect(reverse("standard_what_if", args=[code]) + "?" + query.urlencode())
    asked = _asked(request)
    try:
        pairs = asked or standards_what_if.stored_pairs(profile=profile, city=request.city)
        against = pairs[0].before.profile if pairs else standards_what_if.compared_with(profile)
    except DomainError:
        pairs, against = asked, None
    level = request.GET.get("level", "")
    chosen = int(level) if level in {"2", "3", "4"} else int(AreaLevel.DISTRICT)
    context = frame(request, profile, "what_if") | {
        "form": form, "against": against, "level": chosen, "blocks": [_block(pair, request.user, chosen) for pair in pairs],
        "jobs": list({pair_job.pk: pair_job for pair in pairs for pair_job in _jobs(pair)}.values()),
        "levels": [(one.value, one.label) for one in AreaLevel if Area.objects.filter(city=request.city, level=one).exists() and one > AreaLevel.CITY],
    }  # fmt: skip
    return render(request, "planning/standards_what_if.html", context, status=422 if form.is_bound else 200)


def _asked(request: HttpRequest) -> list[Pair]:
    """The pairs that the address names, as far as the person may see them."""
    pairs = []
    runs = gaps.runs_visible_to(request.user, request.city)
    for words in request.GET.getlist("pair")[:24]:
        before, _colon, after = words.partition(":")
        found = {run.ref: run for run in runs.filter(ref__in=[before, after])}
        if before in found and after in found:
            pairs.append(Pair(found[before], found[after]))
    return pairs


def _jobs(pair: Pair) -> list[Any]:
    return [
        run.job for run in (pair.before, pair.after) if run.state == RunState.WAITING and run.job is not None
    ]


def _block(pair: Pair, user: Any, level: int) -> dict[str, Any]:
    done = pair.state == RunState.DONE
    rows = standards_what_if.what_if_areas(pair, user=user, level=level) if done else []
    return {
        "pair": pair, "state": pair.state, "refusal": pair.refusal(), "time": TimeOfDay(pair.after.time_of_day).label,
        "outdated": standards_what_if.outdated(pair), "totals": standards_what_if.what_if_totals(pair, user=user) if done else [],
        "rows": rows[:ROWS_SHOWN], "left_out": max(len(rows) - ROWS_SHOWN, 0),
    }  # fmt: skip


# --- minimum needs -----------------------------------------------------------------------------------


@page
def needs(request: HttpRequest, code: str) -> HttpResponse:
    """Two profiles side by side for so many sheltered people, or for those of a run by district."""
    profile = profile_seen(request, code)
    offered = profiles_visible_to(request.user).exclude(pk=profile.pk).exclude(status=ProfileStatus.RETIRED)
    data = request.GET.copy()
    if "with" not in data and (beside := _beside(profile, offered)):
        data["with"] = beside.code
    data.setdefault("people", "1000")
    data.setdefault("days", "30")
    runs = gaps.runs_visible_to(request.user).filter(state=RunState.DONE)
    form = ShelteredForm(data, offered=offered.order_by("-is_default", "code"), runs=runs)
    context = frame(request, profile, "needs") | {
        "form": form, "own_rows": list(profile.minimum_needs.all()), "own_keys": set(),
        "inherited": [row for row in effective_needs(profile) if row.profile_id != profile.pk],
    }  # fmt: skip
    if form.is_valid():
        context |= _needs_shown(request, profile, form.cleaned_data)
    return render(request, "planning/minimum_needs.html", context, status=200 if form.is_valid() else 422)


def _needs_shown(request: HttpRequest, profile: StandardProfile, data: dict[str, Any]) -> dict[str, Any]:
    run: Run | None = data["run"]
    sheltered: ShelteredPeople | None = None
    stage, people = SEEKING, data["people"] or 0
    if run is not None:
        service = ServiceType.objects.filter(code=request.GET.get("service", "")).first()
        stage = SERVED if service is not None else SEEKING
        sheltered = sheltered_people(run=run, user=request.user, stage=stage, service=service)
        people = sheltered.people
    other = data["with"]
    found = []
    if people:
        found = minimum_needs(people=people, days=data["days"], profile=profile, other=other)
    rows = [
        {
            "need": one,
            "lines": [_line(line, first, len(one.lines)) for first, line in enumerate(one.lines)],
            "total": len(one.lines) > 1
            and (one.own is not None or one.other is not None)
            and _used_up(one.lines),
        }
        for one in found
    ]
    return {
        "run": run, "sheltered": sheltered, "people": people, "days": data["days"], "other": other, "rows": rows,
        "differing": sum(one.differs for one in found) if other else 0, "count": len(found), "stage": stage,
        "shelters": [one for one in gaps.services_of(run) if one.domain in ("shelter", "lodging")] if run else [],
    }  # fmt: skip


def _beside(profile: StandardProfile, offered: Any) -> StandardProfile | None:
    """What to show beside a profile when nobody says: Sphere beside others, the default beside Sphere."""
    having = offered.filter(minimum_needs__isnull=False).distinct().order_by("-is_default", "code")
    return having.filter(code="sphere-2018").first() or having.first()


def _used_up(lines: list[NeedLine]) -> bool:
    return any(
        side is not None and side.row.basis == NeedBasis.PERSON_DAY
        for line in lines
        for side in (line.own, line.other)
    )


def _line(line: NeedLine, place: int, count: int) -> dict[str, Any]:
    return {
        "line": line, "first": place == 0, "count": count, "period": period_words(line.period), "own": _shown(line.own),
        "other": _shown(line.other), "differs": line.differs,
    }  # fmt: skip


def period_words(period: Period) -> str:
    if period.first == period.last:
        return _("day %(first)s") % {"first": period.first}
    return _("days %(first)s–%(last)s") % {"first": period.first, "last": period.last}


def _shown(side: Side | None) -> dict[str, Any] | None:
    """The rule in words, and the quantity with as many digits as it deserves."""
    if side is None:
        return None
    amount = f"{side.row.amount:,.4g}"
    words = {
        NeedBasis.PERSON: _("%(amount)s a person"),
        NeedBasis.PERSON_DAY: _("%(amount)s a person and day"),
        NeedBasis.PEOPLE_PER_UNIT: _("1 for %(amount)s people"),
    }[NeedBasis(side.row.basis)] % {"amount": amount}
    digits = 0 if side.quantity >= 100 or side.quantity == int(side.quantity) else 1
    return {"side": side, "words": words, "digits": digits}
