"""The card of one place of a plan, chosen or not: what is done, what for, and why it is in the plan or not."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from core import policies
from core.errors import DomainError
from core.templatetags.pingji import local_name, num, unit, yuan
from core.views.pages import page
from facilities.models import ServiceType
from inventory.choices import InterventionKind
from planning.choices import VersionState
from planning.models import Intervention, PlanVersion, Run
from planning.selectors import change_sets
from planning.selectors.explanations import Told, told_to
from planning.services import explanations, plan_edits
from planning.services.explanation_answers import COMPUTING, FAILED, NONE, state_of
from planning.services.explanation_words import reason_words
from planning.services.plan_facts import places_of_keys
from planning.views import plan_basket as baskets
from planning.views.plan_pages import version_asked


def card_context(
    request: HttpRequest, version: PlanVersion, *, order: int | None = None, key: str = ""
) -> dict[str, Any] | None:
    """What the card of an intervention (by order) or of an option (by key) says; None for one the person may not see."""
    told = told_to(version, user=request.user)
    context: dict[str, Any] = {
        "plan": version.plan, "version": version, "told": told, "state": state_of(version, told), "COMPUTING": COMPUTING, "NONE": NONE,
        "may_edit": policies.allows(request.user, "plan.edit", version.plan.city), "card": None,
        "may_ask": policies.holds(request.user, "plan.comment", version.plan.city_id), "explain_job": None,
        "here_again": _here(request, version),
    }  # fmt: skip
    if context["state"] in (COMPUTING, FAILED):
        context["explain_job"] = explanations.job_of(version)
    basket = basket_seen(request, version)
    runs = list(version.baseline_runs.select_related("scenario").order_by("scenario_id", "time_of_day"))
    mine = change_sets.interventions_of(version, user=request.user)
    one = next((one for one in mine if one.order == order), None) if order is not None else None
    row = None
    if one is None and key and told is not None:
        row = next((row for row in told.rejected if row["key"] == key), None)
    if one is not None:
        key = one.key or (basket_keys(basket).get(one.order) or "")
        context |= {"one": one, "rows": _work_rows(one), "why": _kept_rows(one, told, runs, version)}
    elif row is not None and told is not None:
        service = ServiceType.objects.filter(code=row["service"]).first()
        context |= {
            "row": row, "service": service, "kind": dict(InterventionKind.choices).get(row["kind"], row["kind"]),
            "rows": [
                {"term": _("Would add"), "value": f"+{num(row['units'])} {unit(service)}"},
                {"term": _("Cost"), "value": yuan(row["cost_fen"])},
                {"term": _("Lead time"), "value": _months(row["lead_months"])},
            ],
            "why": _rejected_rows(row, told, runs), "words": reason_words(row, told.names, aim=version.aim),
        }  # fmt: skip
    else:
        return None
    return context | {
        "key": key,
        "order": one.order if one else None,
        "says": basket.says(key),
        "basket": basket,
    }


def _work_rows(one: Intervention) -> list[dict[str, Any]]:
    sign = "−" if one.kind == InterventionKind.RETIRE else "+"
    rows: list[dict[str, Any]] = [
        {"term": _("Capacity"), "value": f"{sign}{num(one.units)} {unit(one.service)}", "note": _("%(count)s newly served") % {"count": num(one.people_newly_served)}},
        {"term": _("Cost"), "value": yuan(one.cost_fen)},
    ]  # fmt: skip
    if one.running_fen_year:
        rows.append({"term": _("Running cost a year"), "value": yuan(one.running_fen_year)})
    if one.peacetime_fen_year:
        rows.append({"term": _("Peacetime value a year"), "value": yuan(one.peacetime_fen_year)})
    ready = _months(one.lead_months)
    rows.append(
        {
            "term": _("Lead time"),
            "value": ready,
            "note": _("in %(year)s") % {"year": one.year} if one.year else "",
        }
    )
    money = [f"{part.get_source_display()} {yuan(part.amount_fen)}" for part in one.money.all()]
    if money:
        rows.append({"term": _("Paid from"), "value": _(", ").join(money)})
    return rows


def _months(count: int) -> str:
    return ngettext("%(months)s month", "%(months)s months", count) % {"months": count}


def _run_words(runs: list[Run]) -> dict[str, str]:
    """What a run is called where there are several."""
    if len(runs) < 2:
        return {}
    several = len({run.scenario_id for run in runs}) > 1
    return {
        run.ref: _(", ").join([local_name(run.scenario)] * several + [str(run.get_time_of_day_display())]) for run in runs
    }  # fmt: skip


def _by_run(values: dict[str, Any], runs: list[Run], what: str = "") -> tuple[str, str]:
    """(the largest value, where several runs have one: each of them in words)."""
    known = {ref: value for ref, value in values.items() if value}
    words = _run_words(runs)
    largest = max(known.values(), key=abs, default=0)
    note = _("; ").join(f"{words[ref]} {num(known[ref])}" for ref in words if ref in known)
    return num(largest) + (f" {what}" if what else ""), note


def _kept_rows(
    one: Intervention, told: Told | None, runs: list[Run], version: PlanVersion
) -> list[dict[str, Any]]:
    said = told.chosen.get(one.order) if told is not None else None
    if said is None or told is None:
        return []
    need, need_by = _by_run(said["only_need"], runs, unit(one.service))
    people = max((value or 0 for value in said["only_people"].values()), default=0)
    lost, lost_by = _by_run(said["lost_units"], runs, unit(one.service))
    rows = [
        {
            "term": _("Only here"), "value": need,
            "note": _("need in reach of no other open place; %(people)s people live there") % {"people": num(people)} + (f" ({need_by})" if need_by else ""),
        },
        {
            "term": _("Lost without it"), "value": lost,
            "note": _("best possible assignment of the rest") + (f" ({lost_by})" if lost_by else ""),
        },
    ]  # fmt: skip
    if said["keeps_target"]:
        rows.append({"term": _("Target"), "value": _("kept without it too"), "note": ""})
    after = said["next"]
    if after is not None:
        href = reverse("plan", args=[version.plan.ref]) + f"?version={version.number}&option={after['key']}"
        lost_still = max(said["value_without"] + said["lost"] - after["value"], 0)
        rows.append(
            {
                "term": _("Next best"), "value": local_name(after), "href": href, "key": after["key"],
                "note": _("%(cost)s; the plan would then serve %(less)s less (weighted)") % {"cost": yuan(after["cost_fen"]), "less": num(lost_still)},
            }
        )  # fmt: skip
    elif said.get("next_elsewhere"):
        rows.append({"term": _("Next best"), "value": _("a place outside your areas"), "note": ""})
    else:
        rows.append({"term": _("Next best"), "value": _("none"), "note": _("no other place fits the budget and the limits")})  # fmt: skip
    if told.whole:
        rows.append(
            {
                "term": _("Value for money"), "value": _("%(rank)s of %(count)s") % {"rank": said["rank"], "count": len(told.chosen)},
                "note": _("%(worth)s lost for each 10,000 yuan it costs (weighted)") % {"worth": num((said["per_yuan"] or 0) * 10_000, 1)},
            }
        )  # fmt: skip
    return rows


def _rejected_rows(row: dict[str, Any], told: Told, runs: list[Run]) -> list[dict[str, Any]]:
    gain, by_run = _by_run(row["gain_units"], runs)
    rows = [{"term": _("On top of the plan"), "value": f"+{gain}", "note": by_run}]
    if row["per_yuan"] is not None and told.facts.get("worst_per_yuan") is not None:
        rows.append(
            {
                "term": _("For 10,000 yuan"), "value": num(row["per_yuan"] * 10_000, 1),
                "note": _("the weakest place of the plan: %(worth)s (weighted)") % {"worth": num(told.facts["worst_per_yuan"] * 10_000, 1)},
            }
        )  # fmt: skip
    return rows


def basket_keys(basket: baskets.Basket) -> dict[int, str]:
    return {order: key for key, order in basket.orders.items()}


def basket_seen(request: HttpRequest, version: PlanVersion) -> baskets.Basket:
    """The person's basket with the names of what lies in it."""
    basket = baskets.basket_of(request, version)
    if basket:
        known = places_of_keys(list(basket.verbs))
        basket.names = {key: known[key][0] if key in known else None for key in basket.verbs}
    return basket


def mark_of(says: str) -> str:
    """What is meant with an intervention, or what the question says of it, in a word."""
    words = {
        "lock": _("to lock"), "ban": _("to ban"), "free": _("to free"), "remove": _("to remove"), "locked": _("locked"), "banned": _("banned"),
    }  # fmt: skip
    return words.get(says, "")


def basket_context(request: HttpRequest, version: PlanVersion) -> dict[str, Any]:
    basket = basket_seen(request, version)
    words = {
        baskets.LOCK: _("lock"), baskets.BAN: _("ban"), baskets.FREE: _("free"), baskets.ADD: _("add"), baskets.REMOVE: _("remove")
    }  # fmt: skip
    entries = [
        {
            "key": key,
            "verb": words[verb],
            "name": local_name(basket.names[key]) if basket.names.get(key) else key,
        }
        for key, verb in basket.verbs.items()
    ]
    return {
        "basket": basket, "entries": entries, "plan": version.plan, "version": version, "here_again": _here(request, version),
        "basket_refused": baskets.refused(request, version),
    }  # fmt: skip


# --- the parts that htmx asks for --------------------------------------------------------------------


@page
def plan_card(request: HttpRequest, ref: str) -> HttpResponse:
    version = version_asked(request, ref)
    context = card_context(request, version, order=_order(request), key=request.GET.get("option", ""))
    if context is None:
        raise Http404
    return render(request, "planning/parts/plan_card.html", context)


def _order(request: HttpRequest) -> int | None:
    words = request.POST.get("order", "") or request.GET.get("order", "")
    return int(words) if words.isdigit() and len(words) < 6 else None


@require_POST
@page
def plan_note(request: HttpRequest, ref: str) -> HttpResponse:
    """Put an option into the person's basket, or take it out."""
    version = version_asked(request, ref)
    policies.demand(request.user, "plan.edit", version.plan.city)
    key, verb = request.POST.get("key", "")[:60], request.POST.get("verb", "")
    if key and (key in (version.facts.get("keys") or []) or places_of_keys([key]) or not verb):
        baskets.put(request, version, key, verb)
    if not request.htmx:
        return redirect(_next(request, version))
    context = basket_context(request, version) | {"swapped": True}
    if request.POST.get("from") == "list":
        return render(
            request,
            "planning/parts/plan_verbs_and_basket.html",
            context | {"key": key, "says": context["basket"].says(key)},
        )
    found = card_context(request, version, order=_order(request), key=key)
    if found is None:
        raise Http404
    return render(
        request,
        "planning/parts/plan_card_and_basket.html",
        context | found | {"mark": mark_of(found["says"])},
    )


@require_POST
@page
def plan_notes_clear(request: HttpRequest, ref: str) -> HttpResponse:
    version = version_asked(request, ref)
    baskets.empty(request, version)
    return redirect(_next(request, version))


@require_POST
@page
def plan_change(request: HttpRequest, ref: str) -> HttpResponse:
    """Have the basket measured as a change by hand (`do` measure), or the question solved again around it (resolve)."""
    version = version_asked(request, ref)
    basket = baskets.basket_of(request, version)
    try:
        budget = _budget(request)
        if request.POST.get("do") == "resolve":
            new = plan_edits.resolve_version(
                user=request.user, version=version, must=basket.must, banned=basket.keys(baskets.BAN),
                free=basket.keys(baskets.FREE), budget_fen=budget,
            )  # fmt: skip
        else:
            new = plan_edits.edit_version(
                user=request.user, version=version, remove=basket.remove, add=basket.add, budget_fen=budget
            )
    except DomainError as refused:
        if refused.status != 422:
            raise
        # nothing is lost: the changes stay, with the reason above them
        baskets.refuse(request, version, str(refused.message))
        return redirect(_next(request, version))
    baskets.empty(request, version)
    return redirect(reverse("plan", args=[ref]) + f"?version={new.number}")


def _budget(request: HttpRequest) -> int | None:
    """Another budget in yuan, where one is given."""
    words = request.POST.get("budget_yuan", "").replace(",", "").strip()
    if not words:
        return None
    try:
        fen = round(float(words) * 100)
    except (ValueError, OverflowError):
        fen = 0
    if not 0 < fen <= 10**15:
        raise DomainError("budget-out-of-range", _("The budget must be above 0."), status=422)
    return fen


@require_POST
@page
def plan_explain(request: HttpRequest, ref: str) -> HttpResponse:
    """Have a version explained that is not yet."""
    version = version_asked(request, ref)
    if version.state in (VersionState.DRAFT, VersionState.FROZEN):
        explanations.start(user=request.user, version=version)
    return redirect(_next(request, version))


def _here(request: HttpRequest, version: PlanVersion) -> str:
    """Where a form leads back to: the page itself, also from a part of it that htmx asked for."""
    if request.method == "POST":
        return _next(request, version)
    if request.headers.get("HX-Request"):
        query = request.GET.copy()
        query["version"] = str(version.number)
        return reverse("plan", args=[version.plan.ref]) + f"?{query.urlencode()}"
    return request.get_full_path()


def _next(request: HttpRequest, version: PlanVersion) -> str:
    asked = request.POST.get("next", "")
    if asked and url_has_allowed_host_and_scheme(asked, allowed_hosts={request.get_host()}):
        return asked
    return reverse("plan", args=[version.plan.ref]) + f"?version={version.number}"


urlpatterns: list[URLPattern] = [
    path("plans/<str:ref>/card/", plan_card, name="plan_card"),
    path("plans/<str:ref>/note/", plan_note, name="plan_note"),
    path("plans/<str:ref>/note/clear/", plan_notes_clear, name="plan_notes_clear"),
    path("plans/<str:ref>/change/", plan_change, name="plan_change"),
    path("plans/<str:ref>/explain/", plan_explain, name="plan_explain"),
]
