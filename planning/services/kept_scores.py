"""The score of a run as it was kept beside its rows: nothing is computed twice."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from engine.world import Score
from planning.bridge import artefacts
from planning.models import Run


def kept_score(run: Run) -> Score:
    """The engine's answer behind a finished run. Raises DomainError when the run keeps no arrays."""
    try:
        arrays, meta = artefacts.load(run.facts["results"])
    except (KeyError, FileNotFoundError):
        raise DomainError("no-score", _("This run keeps no details. Run it again to see why.")) from None
    held: dict[str, Any] = {one.name: arrays[one.name] for one in fields(Score) if one.name in arrays}
    told = {"travel_minimised": bool(meta["travel_minimised"]), "assignment": meta["assignment"]}
    return Score(**held, **told)
