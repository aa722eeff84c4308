"""What other apps say on the record of a facility. They know facilities; facilities must not know them.

    @record_panel(order=40)
    def taken_in_latest_run(facility, user) -> Panel | None: ...

registered from the app's `ready()`. A panel may bring one of the four numbers at the top, a section, or both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from facilities.models import Facility


@dataclass(frozen=True)
class Panel:
    """`stat` is {label, value, unit, note}; `template` is shown with `context` under the capabilities.
    `ring_m` is the reach drawn on the small map, with `ring_words` for its label."""

    stat: dict[str, Any] | None = None
    template: str = ""
    context: dict[str, Any] = field(default_factory=dict)
    ring_m: float | None = None
    ring_words: str = ""


Say = Callable[[Facility, Any], Panel | None]
_PANELS: list[tuple[int, Say]] = []


def record_panel(*, order: int) -> Callable[[Say], Say]:
    def register(say: Say) -> Say:
        _PANELS.append((order, say))
        _PANELS.sort(key=lambda pair: pair[0])
        return say

    return register


def panels_of(facility: Facility, user: Any) -> list[Panel]:
    said = (say(facility, user) for _order, say in _PANELS)
    return [panel for panel in said if panel is not None]
