"""One number of a scenario in equal steps: each step is a run of the scenario with that number varied.

No copies of the scenario are made. A run carries what was varied (`Run.variation`) beside the whole document it was
computed from; the newest run of a scenario is looked for among those without a variation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from planning.bridge.variations import MODEL, most_of, numbers_of
from planning.models import Scenario
from planning.selectors.batches import step_values

MOST_STEPS = 50


@dataclass(frozen=True)
class Sweep:
    """`path`: the number's place in the scenario, like `displaced_share`; `steps` values from `low` to `high`."""

    scenario: Scenario
    path: str
    low: float
    high: float
    steps: int

    def told(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario.ref, "path": self.path, "from": self.low, "to": self.high, "steps": self.steps,
        }  # fmt: skip


def steps_of(sweep: Sweep) -> list[dict[str, float]]:
    """What each step varies, lowest first. Raises DomainError for a number that no run of the scenario reads, or values
    that make no sense there."""
    known = numbers_of(sweep.scenario)
    if sweep.path not in known:
        unknown = _("The scenario has no number %(path)s that a run reads. It has: %(known)s.")
        facts = {"path": sweep.path, "known": ", ".join(known)}
        raise DomainError("unknown-number", unknown % facts, status=422, known=list(known))
    if not 2 <= sweep.steps <= MOST_STEPS:
        words = _("Choose 2 to %(most)d steps.") % {"most": MOST_STEPS}
        raise DomainError("steps-out-of-range", words, status=422)
    most = most_of(sweep.path)
    # A share may be 0; what multiplies a need must not make it vanish.
    least = sweep.low >= 0 if most == 1 or sweep.path.startswith(MODEL) else sweep.low > 0
    if not (least and sweep.low < sweep.high <= most):
        told = (
            _("The steps must rise from 0 or more to 1 at most.")
            if most == 1
            else _("The steps must rise from above 0.")
        )
        raise DomainError("steps-do-not-rise", told, status=422)
    return [{sweep.path: value} for value in step_values(sweep.told())]


def sweep_named(scenario: Scenario, words: str) -> Sweep:
    """From `displaced_share:0.05:0.30:6` (place, from, to, steps). Raises DomainError."""
    try:
        path, low, high, steps = words.rsplit(":", 3)
        return Sweep(scenario, path, float(low), float(high), int(steps))
    except ValueError:
        text = _("A sweep is written as number:from:to:steps, like displaced_share:0.05:0.30:6.")
        raise DomainError("sweep-unreadable", text, status=422) from None
