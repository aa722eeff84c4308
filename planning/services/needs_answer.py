"""Minimum needs as the API and the command answer them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planning.models import StandardProfile
from planning.services.minimum_needs import NeedOf, ShelteredPeople, Side


def needs_answer(
    found: Sequence[NeedOf],
    *,
    people: int,
    days: int,
    profile: StandardProfile,
    other: StandardProfile | None,
    sheltered: ShelteredPeople | None = None,
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "people": people, "days": days, "profile": profile.code, "with": other.code if other else None,
        "needs": [_told(one, other is not None) for one in found],
    }  # fmt: skip
    if sheltered is not None:
        said |= {
            "run": sheltered.run.ref, "counted": sheltered.stage,
            "areas": [{"area": one.area.code, "people": one.people} for one in sheltered.areas],
        }  # fmt: skip
    return said


def needs_lines(answer: dict[str, Any]) -> list[str]:
    """For a person at a terminal."""
    lines = [f"{answer['people']:,} people, {answer['days']} days: {answer['profile']}" + (f" beside {answer['with']}" if answer["with"] else "")]  # fmt: skip
    for need in answer["needs"]:
        for row in need["periods"]:
            sides = [_line(row[name]) for name in ("own", "other") if name in row]
            mark = "  *" if row.get("differs") else ""
            lines.append(
                f"  {need['name_en'] or need['code']:<24} days {row['first_day']:>3}-{row['last_day']:<4} "
                + "   ".join(sides)
                + mark
            )
    return lines


def _line(side: dict[str, Any] | None) -> str:
    return (
        f"{'-':>28}" if side is None else f"{side['quantity']:>16,.1f} {side['unit']:<8} {side['certainty']}"
    )


def _told(one: NeedOf, two: bool) -> dict[str, Any]:
    periods = []
    for line in one.lines:
        row: dict[str, Any] = {
            "first_day": line.period.first,
            "last_day": line.period.last,
            "own": _side(line.own),
        }
        if two:
            row |= {"other": _side(line.other), "differs": line.differs, "share": line.share}
        periods.append(row)
    told = {
        "code": one.code,
        "name": one.named.name,
        "name_en": one.named.name_en,
        "periods": periods,
        "whole_stay": one.own,
    }
    return told | ({"whole_stay_other": one.other} if two else {})


def _side(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    row = side.row
    return {
        "amount": row.amount, "basis": row.basis, "unit": row.unit_en or row.unit, "quantity": side.quantity, "daily": side.daily,
        "source": row.source, "clause": row.clause, "certainty": row.certainty, "profile": row.profile.code,
    }  # fmt: skip
