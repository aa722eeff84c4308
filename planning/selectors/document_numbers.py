"""Places of the numbers in a scenario's document, written as in `Scenario.rate_facts`.

`displaced_share`, `zone_rates.deep.displaced` (a class, or `*` for every class that has a rate of its own),
`multipliers.medical_point`, `ratio_overrides.medical_point`, `model.attack_rate`.
"""

from __future__ import annotations

from typing import Any

EVERY_CLASS = "*"


def value_at(document: dict[str, Any], path: str) -> float | None:
    """The number at a place of a document; None where there is none, or the classes differ."""
    head, middle, last = parts_of(path)
    if head == "zone_rates":
        rows = document["zone_rates"]
        wanted = rows.values() if middle == EVERY_CLASS else [rows.get(middle) or {}]
        values = {row[last] for row in wanted if row.get(last) is not None}
        return values.pop() if len(values) == 1 else None
    if last:
        value = (document.get(head) or {}).get(last, 1.0 if head == "multipliers" else None)
    else:
        value = document.get(head)
    return value if isinstance(value, int | float) else None


def parts_of(path: str) -> tuple[str, str, str]:
    """(field, class, name): a class may hold dots itself."""
    head, _dot, rest = path.partition(".")
    if head == "zone_rates":
        klass, _dot, name = rest.rpartition(".")
        return head, klass, name
    return head, "", rest
