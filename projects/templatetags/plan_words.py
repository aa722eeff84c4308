"""What a plan said of places it did not choose, in the reader's language, from what a project keeps of it."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import gettext

from inventory.choices import InterventionKind
from planning.services.explanation_words import reason_words

register = template.Library()


@register.filter
def why_not(row: dict[str, Any]) -> str:
    """The reason a rejected place was not chosen. Places it names are named by their order in the plan."""
    of_plan = {"name": gettext("of the plan")}
    named = [row[key] for key in ("by", "swap_out", "saves_out") if row.get(key) is not None]
    return reason_words(row, dict.fromkeys(named, of_plan))


@register.filter
def verb(kind: str) -> str:
    return str(dict(InterventionKind.choices).get(kind, kind))
