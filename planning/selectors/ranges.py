"""Reads the ranges of a run: where its uncertain inputs may put need and gap, by area and service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from core import policies
from core.models import Area
from facilities.models import ServiceType
from planning.choices import AnalysisKind, Phase, RunState
from planning.models import Analysis, AreaRange, AreaResult, Run
from planning.selectors.analyses import tops


def newest_range(run: Run) -> Analysis | None:
    """The newest finished range analysis of a run; whoever may see the run may see it."""
    return (
        Analysis.objects.filter(run=run, kind=AnalysisKind.RANGE, state=RunState.DONE).order_by("-id").first()
    )


def ranges_of(
    run: Run, service: ServiceType | None = None, areas: Iterable[Area | int] | None = None
) -> dict[tuple[int, int], AreaRange]:
    """(service id, area id) -> where need and gap may lie, from the newest range analysis; empty when there is none.

    `areas`: records or ids. What a person may see is decided by the areas asked for.
    """
    newest = newest_range(run)
    if newest is None:
        return {}
    rows = AreaRange.objects.filter(analysis=newest)
    if service is not None:
        rows = rows.filter(service=service)
    if areas is not None:
        rows = rows.filter(area_id__in=[one.pk if isinstance(one, Area) else one for one in areas])
    return {(row.service_id, row.area_id): row for row in rows}


def mark_ranges(rows: Iterable[AreaResult]) -> list[AreaResult]:
    """The rows, of one run or of several, each with its `spread`: where need and gap may lie, or None. Two queries in all."""
    listed = list(rows)
    newest = (
        Analysis.objects.filter(
            run__in={row.run_id for row in listed}, kind=AnalysisKind.RANGE, state=RunState.DONE
        )
        .order_by("run_id", "-id")
        .distinct("run_id")
    )
    runs = dict(newest.values_list("pk", "run_id"))
    found = {}
    if runs:
        spreads = AreaRange.objects.filter(
            analysis__in=runs,
            service__in={row.service_id for row in listed},
            area__in={row.area_id for row in listed},
        )
        found = {(runs[one.analysis_id], one.service_id, one.area_id): one for one in spreads}
    for row in listed:
        row.spread = found.get((row.run_id, row.service_id, row.area_id))  # type: ignore[attr-defined]
    return listed


def total_ranges(run: Run, *, user: Any) -> dict[int, AreaRange]:
    """Service id -> the range of everything the person may see; empty when that is several areas, since ranges of areas do
    not add up to the range of their sum."""
    outer = tops(user, run.city_id)
    if len(outer) != 1:
        return {}
    return {service: spread for (service, _area), spread in ranges_of(run, areas=outer).items()}


def range_rows(analysis: Analysis, *, user: Any) -> QuerySet[AreaRange]:
    """Rows of the areas the person may see, by service, then in the order of the areas."""
    rows = AreaRange.objects.filter(analysis=analysis)
    rows = rows.filter(policies.visible(user, area="area", city="area__city"))
    return rows.select_related("area", "service").order_by("service__sort_order", "area__path")


# --- words for the inputs --------------------------------------------------------------------------

_LABELS = {
    "affected_share": _("Share of people affected"),
    "displaced_share": _("Share of the affected who leave home"),
    "seeking_share": _("Share of the displaced who seek shelter"),
    "affected_in_zone": _("Share of people affected, class %(what)s"),
    "displaced_in_zone": _("Share of the affected who leave home, class %(what)s"),
    "seeking_in_zone": _("Share of the displaced who seek shelter, class %(what)s"),
    "ratio": _("Units a person by the standard: %(what)s"),
    "ratio_overrides": _("Units a person set by the scenario: %(what)s"),
    "multipliers": _("Need multiplied by the scenario: %(what)s"),
    "stay_shares": _("Share still in need: %(what)s"),
    "model": _("Input of the model: %(what)s"),
    "people": _("Number of people, all districts alike: %(what)s"),
    "people_districts": _("Number of people, each district for itself: %(what)s"),
}
# Kinds that are shares and errors around 1, which people read in percent.
_IN_PERCENT = {
    "affected_share", "displaced_share", "seeking_share", "affected_in_zone", "displaced_in_zone", "seeking_in_zone",
    "stay_shares", "people", "people_districts",
}  # fmt: skip


def input_words(told: dict[str, Any]) -> str:
    """What an input of a range is, in the reader's language."""
    if told["kind"] == "stay_shares" and told["name"] in Phase.values:
        what = str(Phase(told["name"]).label)
    else:
        chinese = (get_language() or "").startswith("zh")
        what = (
            told.get("name") or told.get("name_en") if chinese else told.get("name_en") or told.get("name")
        ) or ""
    return str(_LABELS.get(told["kind"], told["key"])) % {"what": what}


def input_in_percent(told: dict[str, Any]) -> bool:
    """Is the number read in percent, rather than as it stands?"""
    return told["kind"] in _IN_PERCENT


def facts_in_words(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts of a range with a `label` for every input and driver, in the reader's language."""
    labels = {one["key"]: input_words(one) for one in [*facts["inputs"], *facts["fixed"]]}

    def named(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row | {"label": labels[row["key"]]} for row in rows]

    services = {
        code: said | {"drivers": {measure: named(rows) for measure, rows in said["drivers"].items()}}
        for code, said in facts["services"].items()
    }
    return facts | {"inputs": named(facts["inputs"]), "fixed": named(facts["fixed"]), "services": services}
