"""An analysis as a command answers it: one object, or lines for a person."""

from __future__ import annotations

from typing import Any

from planning.choices import AccessBand, AnalysisKind
from planning.models import Analysis, AreaRange
from planning.selectors.ranges import facts_in_words


def analysis_answer(analysis: Analysis) -> dict[str, Any]:
    facts = facts_in_words(analysis.facts) if analysis.kind == AnalysisKind.RANGE else analysis.facts
    return {
        "ref": analysis.ref, "run": analysis.run.ref, "kind": analysis.kind, "params": analysis.params,
        "engine_version": analysis.engine_version, "seconds": analysis.seconds, **facts,
    }  # fmt: skip


def analysis_lines(answer: dict[str, Any]) -> list[str]:
    lines = [f"{answer['ref']}  {answer['kind']} of {answer['run']}, {answer['seconds']:.1f} s"]
    for code, said in answer["services"].items():
        if said.get("need"):
            lines += [f"  {code}", *(f"    {line}" for line in LINES[answer["kind"]](answer, said))]
    return lines


def _hours(answer: dict[str, Any], said: dict[str, Any]) -> list[str]:
    points = dict(zip(answer["points"], said["served"], strict=True))
    lines = [
        f"{hour:>6g} h  served {points[hour]:>11,}  {points[hour] / said['need']:>6.1%}"
        for hour in answer["hours"]
    ]
    reached = f"after {said['hour']:g} h" if said["hour"] is not None else f"never ({said['why_never']})"
    return [*lines, f"{answer['share']:.0%} of {said['need']:,} {reached}"]


def _loss(answer: dict[str, Any], said: dict[str, Any]) -> list[str]:
    lines = [f"{n:>3} {one['facility']}  served {one['served']:>9,}  lost {one['lost']:>9,}  {one['name']}" for n, one in enumerate(said["top"], start=1)]  # fmt: skip
    return [
        *lines,
        f"{said['critical']:,} of {said['facilities']:,} would be missed; the worst ten hold {said['top_served_share']:.1%}",
    ]


def _backup(answer: dict[str, Any], said: dict[str, Any]) -> list[str]:
    words = ("none", "one", "two", "three or more")
    return [
        f"{word:<14} {need:>11,}  {need / said['need']:>6.1%}"
        for word, need in zip(words, said["need_by_count"], strict=True)
    ]


def _access(answer: dict[str, Any], said: dict[str, Any]) -> list[str]:
    rows = zip(AccessBand.values, said["need_by_band"], strict=True)
    return [
        *(f"{band:<9} {need:>13,.0f}  {need / said['need']:>6.1%}" for band, need in rows),
        f"half of it has less than {said['median']:.2f}; mean {said['mean']:.2f}",
    ]


def _equity(answer: dict[str, Any], said: dict[str, Any]) -> list[str]:
    lines = [
        f"served {said['share']:.1%}, of the worst {answer['worst']:.0%} {said['worst_share']:.1%}",
        f"Gini {said['gini']:.3f}",
    ]
    if said["best"]:
        lines.append(
            f"best {said['best']['area']} {said['best']['share']:.1%}, last {said['last']['area']} {said['last']['share']:.1%}"
        )
    return lines


def _range(answer: dict[str, Any], said: dict[str, Any]) -> list[str]:
    lines = [
        f"{measure:<5} {said[measure]:>11,}  P10 {said[f'{measure}_p10']:>11,}  P50 {said[f'{measure}_p50']:>11,}"
        f"  P90 {said[f'{measure}_p90']:>11,}"
        for measure in ("need", "gap")
    ]
    drivers = said["drivers"]["gap"] or said["drivers"]["need"]
    if not answer["varied"]:
        lines.append("nothing this run rests on has a range: its numbers have none")
    return [
        *lines, *(f"{one['share']:>6.1%} of the spread: {one['label']} ({one['swing']:+,})" for one in drivers[:5]),
    ]  # fmt: skip


PLACES = ("p10", "p50", "p90")
LINES: dict[str, Any] = {
    AnalysisKind.HOURS: _hours, AnalysisKind.LOSS: _loss, AnalysisKind.BACKUP: _backup, AnalysisKind.ACCESS: _access,
    AnalysisKind.EQUITY: _equity, AnalysisKind.RANGE: _range,
}  # fmt: skip


def ranges_answer(analyses: list[Analysis]) -> dict[str, Any]:
    """Ranges of several runs as one object: a row for each run, area, service and measure; drivers by run, service and
    measure; seconds of all."""
    rows: list[dict[str, Any]] = []
    drivers: list[dict[str, Any]] = []
    for analysis in analyses:
        run = analysis.run
        where = {"scenario": run.scenario.ref, "time_of_day": run.time_of_day, "run": run.ref}
        rows += [
            {
                "code": row.area.code, "service": row.service.code, "measure": measure,
                "deterministic": getattr(row, measure), **{name: getattr(row, f"{measure}_{name}") for name in PLACES}, **where,
            }
            for row in _ranges(analysis)
            for measure in ("need", "gap")
        ]  # fmt: skip
        for code, said in facts_in_words(analysis.facts)["services"].items():
            for measure, found in said["drivers"].items():
                drivers += [{**one, "service": code, "measure": measure, **where} for one in found]
    return {
        "areas": rows,
        "drivers": drivers,
        "seconds": round(sum(one.seconds or 0.0 for one in analyses), 3),
    }


def _ranges(analysis: Analysis) -> Any:
    rows = AreaRange.objects.filter(analysis=analysis).select_related("area", "service")
    return rows.defer("area__geometry").order_by("service__sort_order", "area__path")
