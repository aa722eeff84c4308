"""Why each place of a plan was chosen, and why the others were not."""

from __future__ import annotations

from planning.models import PlanVersion


def ask(version: PlanVersion) -> None:
    """Queue the work that explains a computed version."""
