"""What a person asks of a plan, checked before anything is stored: every problem at once, each with its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, InvalidInput, Problem
from core.models import Area, City
from facilities.models import ServiceType
from planning.bridge.siting_question import MOST_FEN, Known, budget_of, clean_question
from planning.choices import RunState
from planning.models import Plan, Run
from planning.selectors import plan_places
from planning.services import siting

LONGEST_SECONDS = 1800


def checked(
    *, city: City, runs: Sequence[Run], budget_fen: int | None, services: Sequence[ServiceType], weights: dict[str, Any],
    kinds: Sequence[str], seconds: int, plan: Plan | None, name: str, aim: str, rule: str, question: Any, parent: Any,
) -> tuple[dict[str, float], dict[str, Any], int | None]:  # fmt: skip
    """(weights as numbers, the question in its one form, the budget that holds or None). Raises DomainError."""
    _runs(city, runs)
    _frame(city, budget_fen, seconds, plan, name, kinds, parent)
    clean_weights = _weights(runs, services, weights)
    areas = dict(Area.objects.filter(city=city).values_list("code", "level"))
    known = Known(
        runs=[run.ref for run in runs], areas=areas, options=lambda keys: plan_places.known_keys(city, keys)
    )
    clean = clean_question(question or {}, aim=aim, rule=rule, budget_fen=budget_fen, known=known)
    budget = budget_of(clean, None if budget_fen is None else int(budget_fen))
    if clean.get("years") and budget_fen is not None and int(budget_fen) != budget:
        problem = Problem(
            "budgets-differ",
            _("The budgets by year do not add up to the budget; give the years alone."),
            column="years",
        )
        raise InvalidInput(_("The question cannot be asked like this."), [problem], code="bad-question")
    return clean_weights, clean, budget


def _runs(city: City, runs: Sequence[Run]) -> None:
    if not runs:
        raise DomainError("no-runs", _("Choose at least one finished run as the baseline."), status=422)
    if any(run.city_id != city.pk or run.state != RunState.DONE or run.plan_version_id for run in runs):
        raise DomainError(
            "runs-not-baseline", _("Only finished runs of today's registry can be a baseline."), status=422
        )
    if len({run.snapshot_id for run in runs}) > 1:
        raise DomainError(
            "runs-differ", _("The runs stand on different snapshots; run them again together."), status=422
        )


def _frame(
    city: City, budget_fen: int | None, seconds: int, plan: Plan | None, name: str, kinds: Sequence[str], parent: Any
) -> None:  # fmt: skip
    if budget_fen is not None and not 0 < int(budget_fen) <= MOST_FEN:
        raise DomainError("budget-out-of-range", _("The budget must be above 0."), status=422)
    if not 1 <= int(seconds) <= LONGEST_SECONDS:
        raise DomainError(
            "time-out-of-range", _("The time limit must lie between 1 and 1800 seconds."), status=422
        )
    if wrong := [kind for kind in kinds if kind not in siting.KINDS]:
        raise DomainError(
            "unknown-kind", _("%(words)s is not an intervention.") % {"words": ", ".join(wrong)}, status=422
        )
    if plan is not None and plan.city_id != city.pk:
        raise DomainError("other-city", _("The plan belongs to another city."), status=422)
    if plan is None and not name.strip():
        raise DomainError("no-name", _("Give the plan a name."), status=422)
    if parent is not None and (plan is None or parent.plan_id != plan.pk):
        raise DomainError(
            "other-plan", _("A version can only be made from a version of the same plan."), status=422
        )


def _weights(
    runs: Sequence[Run], services: Sequence[ServiceType], weights: dict[str, Any]
) -> dict[str, float]:
    known = {row["service"] for run in runs for row in run.standards_frozen}
    if missing := sorted({row.code for row in services} - known):
        raise DomainError(
            "unknown-service",
            _("No chosen run counts the service %(words)s.") % {"words": ", ".join(missing)},
            status=422,
        )
    clean: dict[str, float] = {}
    for code, weight in sorted(weights.items()):
        if code not in known or not isinstance(weight, int | float) or not 0 <= weight < 1e9:
            raise DomainError(
                "bad-weight",
                _("A weight must be a number of 0 or more for a service of the runs."),
                status=422,
            )
        clean[code] = float(weight)
    return clean
