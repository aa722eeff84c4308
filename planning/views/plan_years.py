"""Years and money of a plan: cost by year and source, the coverage curve, who pays what; and phasing it anew."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from core import policies
from core.errors import DomainError, InvalidInput
from core.templatetags.pingji import is_chinese, money_unit, num, pct, yuan
from core.views.pages import page
from planning.choices import FundSource, VersionState
from planning.forms.plan_years import YearsForm
from planning.selectors.plan_money import PlanMoney, plan_money
from planning.services import plan_years as services
from planning.views.plan_pages import version_asked, version_context


@page
def plan_years(request: HttpRequest, ref: str) -> HttpResponse:
    version = version_asked(request, ref)
    return _rendered(request, version, YearsForm(start=version.question))


def _rendered(
    request: HttpRequest, version: Any, form: YearsForm, refusal: DomainError | None = None, status: int = 200
) -> HttpResponse:
    context = version_context(request, version, "plan_years")
    if not context["ready"]:
        return render(request, "planning/plan_years.html", context)
    money = plan_money(version, user=request.user)
    may = context["may_edit"] and version.state == VersionState.DRAFT
    context |= {
        "money": money, "reading": _reading(money), "form": form if may else None, "refusal": refusal,
        "problems": refusal.problems if isinstance(refusal, InvalidInput) else [],
        "running": services.phasing_job(version) if context["may_edit"] else None,
        "frozen": version.state == VersionState.FROZEN,
        "stack": _stack(money), "curve": _curve(money), "table": _table(money), "proof": _proof(money),
        "pool": _pool(money), "short": _short(money),
        "works": [(row, [row.paid.get(code) for code, _label in money.sources]) for row in money.rows],
        "left": [row for row in money.rows if row.why], "open_form": bool(refusal or form.is_bound),
        "api": f"/api/v1/plans/{version.plan.ref}/versions/{version.number}/money/",
    }  # fmt: skip
    return render(request, "planning/plan_years.html", context, status=status)


def _reading(money: PlanMoney) -> str:
    """The sentence above: how much is done by when."""
    if not money.rows:
        return _("This version does nothing, so there is nothing to pay.")
    if not money.years:
        return _("This plan has no years yet: its budget is one sum.")
    done = [row for row in money.rows if row.year is not None]
    if not done:
        return _("No year's budget is enough for any intervention of this plan.")
    facts = {
        "done": num(len(done)), "all": num(len(money.rows)), "last": max(row.year for row in done if row.year),
        "cost": yuan(sum(row.intervention.cost_fen for row in done)),
    }  # fmt: skip
    if len(done) == len(money.rows):
        return (
            ngettext(
                "The intervention is begun by %(last)s, for %(cost)s.",
                "All %(done)s interventions are begun by %(last)s, for %(cost)s.",
                len(done),
            )
            % facts
        )
    return (
        _(
            "%(done)s of %(all)s interventions find a year, for %(cost)s; the others do not fit the yearly budgets."
        )
        % facts
    )


def _proof(money: PlanMoney) -> str:
    facts = money.facts
    if not money.whole or not facts.get("years"):
        return ""
    if facts["status"] == "optimal":
        return _("proved: no other order of years serves more people-years within these budgets")
    return _("no other order of years can serve over %(share)s more within these budgets") % {
        "share": pct(facts["bound"] / facts["area"] - 1 if facts["area"] else None)
    }


def _scale() -> float:
    return 1e6 if is_chinese() else 1e8


def _words(money: PlanMoney, source: str) -> str:
    return str(dict(money.sources).get(source) or _("Source not named"))


def _used(money: PlanMoney) -> list[str]:
    """Sources that pay anything, the unnamed one last."""
    named = [code for code, _label in money.sources]
    return [*named, ""] if any("" in row.by_source for row in money.years) else named


def _stack(money: PlanMoney) -> dict[str, Any]:
    return {
        "years": [
            {
                "label": str(row.year), "budget": None if row.budget_fen is None else row.budget_fen / _scale(),
                "parts": [
                    {"kind": number, "value": row.by_source.get(source, 0) / _scale(),
                     "words": f"{row.year}, {_words(money, source)}: {yuan(row.by_source.get(source, 0))}"}
                    for number, source in enumerate(_used(money))
                ],
            }
            for row in money.years
        ],
        "keys": [{"kind": number, "label": _words(money, source)} for number, source in enumerate(_used(money))],
        "yTitle": _("Cost, %(unit)s") % {"unit": money_unit()}, "budgetWords": _("budget of the year"),
        "label": _("Cost by year and source; the table below holds every value"),
    }  # fmt: skip


def _curve(money: PlanMoney) -> dict[str, Any]:
    facts = money.facts
    if not money.whole or not facts.get("curve_years") or not facts.get("steps"):
        return {}
    return {
        "from": facts["curve_years"][0], "months": facts["horizon_months"], "steps": facts["steps"], "greedy": facts["greedy_steps"],
        "planWords": _("this plan"), "greedyWords": _("greedy order"), "yTitle": _("Weighted need newly served"),
        "label": _("Weighted need newly served over the years; the table below holds every value"),
    }  # fmt: skip


def _table(money: PlanMoney) -> list[dict[str, Any]]:
    """Years as rows: budget, cost by source, what is left, and people newly served at the year's end."""
    facts = money.facts
    curve = (
        dict(zip(facts.get("curve_years", []), facts.get("curve", []), strict=False)) if money.whole else {}
    )
    greedy = (
        dict(zip(facts.get("curve_years", []), facts.get("greedy_curve", []), strict=False))
        if money.whole
        else {}
    )
    known = {row.year: row for row in money.years}
    rows = []
    for year in sorted({*known, *curve}):
        row = known.get(year)
        rows.append(
            {
                "year": year, "row": row, "parts": [row.by_source.get(source, 0) if row else 0 for source in _used(money)],
                "served": curve.get(year), "greedy": greedy.get(year),
            }
        )  # fmt: skip
    return rows


def _pool(money: PlanMoney) -> list[dict[str, Any]]:
    """Sources with what they give and their limit."""
    funds = money.facts.get("funds") or {}
    limits = (
        dict(zip(funds.get("sources", []), funds.get("limit_fen", []), strict=False)) if money.whole else {}
    )
    codes = [code for code, _label in money.sources] or list(limits)
    return [
        {"label": _words(money, code) if dict(money.sources).get(code) else code, "given_fen": money.given_fen(code), "limit_fen": limits.get(code)}
        for code in codes
    ]  # fmt: skip


def _short(money: PlanMoney) -> list[str]:
    """In words: sets of sources that cannot pay what only they may pay."""
    labels = dict(FundSource.choices)
    told = []
    for sources, missing in (money.facts.get("funds") or {}).get("short") or []:
        if not sources:
            told.append(_("%(sum)s of the plan may be paid by no source.") % {"sum": yuan(missing)})
        else:
            names = _(", ").join(str(labels.get(one, one)) for one in sources)
            told.append(_("%(sum)s is missing from %(names)s.") % {"sum": yuan(missing), "names": names})
    return told


@require_POST
@page
def plan_phase(request: HttpRequest, ref: str) -> HttpResponse:
    version = version_asked(request, ref)
    policies.demand(request.user, "plan.edit", request.city)
    form = YearsForm(request.POST, start=version.question)
    if not form.is_valid():
        return _rendered(request, version, form, status=422)
    try:
        services.phase_again(
            user=request.user,
            version=version,
            years=form.years(),
            carry_over=form.cleaned_data["carry_over"],
            funds=form.funds(),
        )
    except DomainError as refusal:
        return _rendered(request, version, form, refusal, refusal.status)
    return redirect(reverse("plan_years", args=[ref]) + f"?version={version.number}")


urlpatterns: list[URLPattern] = [
    path("plans/<str:ref>/years/", plan_years, name="plan_years"),
    path("plans/<str:ref>/years/phase/", plan_phase, name="plan_phase"),
]
