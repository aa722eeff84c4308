"""The limits in force for photos, reports, findings and draws (projects/rules/works.yaml until a city publishes others)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from projects.choices import RouteState
from projects.models import WorksRule

SHIPPED = Path(settings.BASE_DIR) / "projects" / "rules" / "works.yaml"


@dataclass(frozen=True)
class Limits:
    """Values of one version of the rule; `rule` is its row, None for the shipped ones before they are loaded."""

    photo_distance_m: float
    photo_days: int
    likeness_bits: int
    report_working_days: int
    minor_working_days: int
    major_working_days: int
    safety_working_days: int
    inspect_working_days: int
    draw_base: float
    draw_alert: float
    draw_alerts_most: int
    draw_overdue_finding: float
    draw_overdue_findings_most: int
    draw_paid_ahead_point: float
    draw_paid_ahead_points_most: float
    draw_unseen_month: float
    draw_unseen_months_most: float
    draw_cost_tenfold: float
    draw_cost_tenfolds_most: float
    rule: Any = None

    def finding_working_days(self, severity: str) -> int:
        return int(getattr(self, f"{severity}_working_days"))


# (words, unit, smallest, largest) of every value, in the order of the form.
VALUES: dict[str, tuple[Any, Any, float, float]] = {
    "photo_distance_m": (_("A picture is far from the site from"), "m", 10, 50_000),
    "photo_days": (_("A picture belongs to its month or day within"), _("days"), 0, 60),
    "likeness_bits": (_("Two pictures are alike up to"), _("differing bits of 64"), 0, 20),
    "report_working_days": (_("The report of a month is due after its end within"), _("working days"), 0, 60),
    "minor_working_days": (_("A minor finding is due within"), _("working days"), 0, 250),
    "major_working_days": (_("A major finding is due within"), _("working days"), 0, 250),
    "safety_working_days": (_("A safety finding is due within"), _("working days"), 0, 250),
    "inspect_working_days": (_("A drawn inspection is made within"), _("working days"), 1, 250),
    "draw_base": (_("Draw: weight of every project"), "", 0.001, 1000),
    "draw_alert": (_("Draw: for each open alert"), "", 0, 1000),
    "draw_alerts_most": (_("Draw: open alerts that count, at most"), "", 0, 1000),
    "draw_overdue_finding": (_("Draw: for each overdue finding"), "", 0, 1000),
    "draw_overdue_findings_most": (_("Draw: overdue findings that count, at most"), "", 0, 1000),
    "draw_paid_ahead_point": (_("Draw: for each point paid ahead of works seen"), "", 0, 1000),
    "draw_paid_ahead_points_most": (_("Draw: points paid ahead that count, at most"), _("points"), 0, 100),
    "draw_unseen_month": (_("Draw: for each 30 days that nobody was on site"), "", 0, 1000),
    "draw_unseen_months_most": (_("Draw: such months that count, at most"), "", 0, 1000),
    "draw_cost_tenfold": (_("Draw: for each factor of ten above 1 million yuan"), "", 0, 1000),
    "draw_cost_tenfolds_most": (_("Draw: such factors that count, at most"), "", 0, 12),
}
WHOLE = {field.name for field in fields(Limits) if field.type == "int"}


@lru_cache(maxsize=1)
def shipped() -> dict[str, dict[str, Any]]:
    """What comes with the platform: {name: {value, certainty, source}}."""
    return yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))


def limits_of(values: dict[str, dict[str, Any]], rule: WorksRule | None = None) -> Limits:
    return Limits(**{name: values[name]["value"] for name in VALUES}, rule=rule)


def in_force() -> WorksRule | None:
    return WorksRule.objects.filter(state=RouteState.PUBLISHED).first()


def limits() -> Limits:
    rule = in_force()
    return limits_of(rule.values, rule) if rule else limits_of(shipped())
