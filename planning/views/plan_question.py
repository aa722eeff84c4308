"""The page that asks: what a plan is to do, for which runs, with what money and under which limits."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path

from core import policies
from core.choices import AreaLevel
from core.errors import DomainError
from core.models import Area
from core.templatetags.pingji import num
from core.views.pages import page
from inventory.choices import InterventionKind
from planning.choices import Aim, FundSource, Rule
from planning.forms.plan_question import KINDS, PlanQuestionForm, initial_of
from planning.models import Plan, PlanVersion
from planning.selectors import change_sets, gaps, plan_places
from planning.services import plans as services
from planning.services.siting import baseline, budget_asked

AREA_FIELDS = ("target-", "fewest-", "greatest-", "land-")


def _question(request: HttpRequest, plan: Plan | None) -> HttpResponse:
    policies.demand(request.user, "plan.edit", request.city)
    parent = _parent(request, plan)
    offered = _runs(request, parent)
    posted = request.POST.copy() if request.method == "POST" else None
    initial = _initial(request, offered, parent)
    form = PlanQuestionForm(
        posted, initial=initial, runs=offered, areas=_areas(request, posted if posted is not None else initial), needs_name=plan is None
    )  # fmt: skip
    looking = posted is not None and "find" in posted
    if posted is not None and not looking and form.is_valid():
        data = form.cleaned_data
        try:
            version = services.suggest_plan(
                user=request.user, city=request.city, plan=plan, name=data["name"], budget_fen=form.budget_fen(),
                runs=list(data["runs"]), services=list(data["services"]), kinds=_kinds(data["kinds"]),
                weights=parent.weights if parent else {}, aim=data["aim"], rule=data["rule"], question=form.document(),
                time_limit_seconds=data["time_limit_seconds"], seed=data["seed"] if data["seed"] is not None else 1, parent=parent,
            )  # fmt: skip
            return redirect(f"{plan_address(version)}")
        except DomainError as refused:
            form.say(refused)
    if looking:
        # The search for places must not judge what is only half typed.
        form.errors.clear()
    context = {"form": form, "plan": plan, "parent": parent, **_parts(request, form)}
    return render(
        request, "planning/plan_question.html", context, status=422 if form.is_bound and form.errors else 200
    )


def plan_address(version: PlanVersion) -> str:
    return f"/plans/{version.plan.ref}/?version={version.number}"


def _kinds(chosen: list[str]) -> list[str]:
    """None named stands for all: a question that allows everything is one question."""
    return [] if set(chosen) == set(KINDS) else chosen


def _parent(request: HttpRequest, plan: Plan | None) -> PlanVersion | None:
    """The version of `?from=` whose question is shown and whose change-set the search starts from."""
    number = request.POST.get("from", "") or request.GET.get("from", "")
    if plan is None or not number.isdecimal() or int(number) > 32767:
        return None
    return get_object_or_404(plan.versions.select_related("plan__city"), number=int(number))


def _runs(request: HttpRequest, parent: PlanVersion | None) -> Any:
    """Newest runs of each scenario and time of day, and those that the version asked from stands on."""
    newest = gaps.latest_of_each(user=request.user, city=request.city)
    wanted = [run.pk for run in newest] + ([run.pk for run in baseline(parent)] if parent else [])
    return gaps.registry_runs(user=request.user, city=request.city).filter(pk__in=wanted)


def _areas(request: HttpRequest, told: Any) -> list[Area]:
    """The districts, and any other area that the question names."""
    named = {name.partition("-")[2] for name in told if name.startswith(AREA_FIELDS)}
    every = Area.objects.filter(city=request.city)
    return list((every.filter(level=AreaLevel.DISTRICT) | every.filter(code__in=named)).order_by("path"))


def _initial(request: HttpRequest, offered: Any, parent: PlanVersion | None) -> dict[str, Any]:
    places = dict.fromkeys(request.GET.getlist("must"), "must") | dict.fromkeys(
        request.GET.getlist("ban"), "ban"
    )
    if parent is not None:
        found = initial_of(
            parent.question, budget_fen=budget_asked(parent), aim=parent.aim, rule=parent.rule, kinds=parent.facts.get("kinds") or [],
            seconds=parent.time_limit_seconds, seed=parent.seed,
        )  # fmt: skip
        found["runs"] = [run.ref for run in baseline(parent)]
        found["services"] = list(parent.services.values_list("code", flat=True))
        return found | {"places": found["places"] | places}
    first = offered.first()
    asked = request.GET.get("run", "")
    same = [run.ref for run in offered if first and run.scenario_id == first.scenario_id]
    services_of = [service.code for service in (gaps.services_of(first) if first else [])]
    return {
        "aim": Aim.MOST.value, "rule": Rule.EXPECTED.value, "kinds": KINDS, "runs": [asked] if asked else same, "tail": 20,
        "services": request.GET.getlist("service") or services_of, "places": places, "time_limit_seconds": 60, "seed": 1,
        "area_level": int(AreaLevel.DISTRICT), "carry_over": True,
    }  # fmt: skip


def _parts(request: HttpRequest, form: PlanQuestionForm) -> dict[str, Any]:
    """The form's fields as the page lays them out in rows."""
    chosen = form["runs"].value() or []
    places = form.places()
    named = plan_places.named_options(request.city, places, user=request.user)
    words = request.POST.get("search", "") if "find" in request.POST else ""
    return {
        "run_rows": [{"run": run, "chosen": run.ref in [str(one) for one in chosen], "weight": form[f"weight-{run.ref}"]} for run in form.run_rows],
        "kind_rows": [
            {"kind": code, "label": label, "choosable": code in KINDS, "chosen": code in (form["kinds"].value() or []),
             "least": form[f"least-{code}"], "most": form[f"most-{code}"], "apart": form[f"apart-{code}"]}
            for code, label in InterventionKind.choices
        ],
        "area_rows": [
            {"area": area, "target": form[f"target-{area.code}"], "least": form[f"fewest-{area.code}"],
             "most": form[f"greatest-{area.code}"], "land": form[f"land-{area.code}"]}
            for area in form.areas
        ],
        "year_rows": [{"year": form[f"year-{n}"], "money": form[f"money-{n}"]} for n in range(form.year_rows)],
        "fund_rows": [
            {"use": form[f"fund-{code}"], "label": label, "limit": form[f"limit-{code}"], "pays": form[f"pays-{code}"]}
            for code, label in FundSource.choices
        ],
        "places": [{"option": one, "what": places[one.key]} for one in named],
        # What the person may not see stays in the question, without a name.
        "hidden_places": [{"key": key, "what": what} for key, what in places.items() if key not in {one.key for one in named}],
        "search": words, "found": plan_places.find_options(request.city, words, user=request.user, retire=True),
        "facts": [{"label": label, "value": num(value)} for label, value in change_sets.candidate_counts(request.city)],
        "open": _open(form, bool(places)),
    }  # fmt: skip


def _open(form: PlanQuestionForm, places: bool) -> dict[str, bool]:
    """Which sections say something, or have something wrong in them, and are therefore shown unfolded."""

    def told(*starts: str, calm: tuple[str, ...] = ()) -> bool:
        names = [name for name in form.fields if name.startswith(starts) and name not in calm]
        if any(name in form.errors for name in names):
            return True
        return any(form[name].value() not in (None, "", False, []) for name in names)

    return {
        "targets": told("target", "area_target"),
        "money": told("year-", "money-", "fund-", "limit-", "pays-"),
        "number": told("least", "most", "fewest-", "greatest-", "apart-", "land-") or set(form["kinds"].value() or []) != set(KINDS),
        "places": places,
        "cost": told("running_", "peacetime_", "sizes", "retire"),
        "search": told("time_limit_seconds", "seed", calm=("time_limit_seconds", "seed")),
    }  # fmt: skip


@page
def plan_new(request: HttpRequest) -> HttpResponse:
    return _question(request, None)


@page
def plan_suggest(request: HttpRequest, ref: str) -> HttpResponse:
    return _question(
        request, get_object_or_404(change_sets.plans_visible_to(request.user, request.city), ref=ref)
    )


@page
def plan_places_found(request: HttpRequest) -> HttpResponse:
    """Places that bear the words, for the page's search; nothing without words."""
    policies.demand(request.user, "plan.edit", request.city)
    words = request.GET.get("search", "")
    found = plan_places.find_options(request.city, words, user=request.user, retire=True)
    return render(request, "planning/parts/plan_places_found.html", {"found": found, "search": words})


urlpatterns: list[URLPattern] = [
    path("plans/new/", plan_new, name="plan_new"),
    path("plans/places/", plan_places_found, name="plan_places_found"),
    path("plans/<str:ref>/suggest/", plan_suggest, name="plan_suggest"),
]
