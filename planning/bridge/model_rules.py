"""What the inputs of a template's model must keep to: the limits of its fields, and what ties them together."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.choices import TimeOfDay
from planning.choices import Extent, ScenarioTemplate
from planning.selectors.scenario_templates import Field, find_template

Bad = Callable[..., None]  # bad(code, text, place, **params)
ALL_PLACES = "*"
# Shares typed with a few decimals still make 1 in all.
SLACK = 1e-6


def check_model(
    fields: Mapping[str, Any], model: Mapping[str, Any], bad: Bad, classes: Collection[str] | None = None
) -> None:
    """Tell `bad` everything that is wrong with `model` under the scenario's template; `fields` as in scenario_rules.
    `classes`: of the scenario's hazard layer, where they are known."""
    template = find_template(str(fields.get("template") or ScenarioTemplate.CUSTOM))
    if template is None:
        return
    known = {field.path: field for field in template.fields}
    for name in model:
        if name not in known:
            text = _('"%(cell)s" is not one of: %(known)s.')
            bad("key_unknown", text, name, cell=name, known=", ".join(known) or "—")
    # A scenario may use a template's defaults with rates set by hand: an empty model works nothing out.
    if not model:
        return
    for field in template.fields:
        value = model.get(field.path)
        if value is None:
            if field.required:
                bad("key_missing", _("This input of the template is missing."), field.path)
        else:
            _KINDS[field.kind](field, value, bad, fields)
        if field.kind == "by_class" and classes is not None and isinstance(value, Mapping):
            for klass in value:
                if klass not in (ALL_PLACES, *classes):
                    text = _('"%(cell)s" is not one of: %(known)s.')
                    bad("choice_unknown", text, f"{field.path}.{klass}", cell=klass, known=", ".join(classes))
    if rule := _RULES.get(template.code):
        rule(fields, model, bad)


def model_limits(template_code: str, place: str) -> tuple[float, float] | None:
    """Least and most that a number of the model may be; None where it cannot vary by itself."""
    template = find_template(template_code)
    for field in template.fields if template else ():
        if place == field.path and field.kind in ("number", "share"):
            return _limits(field)
        if place.startswith(f"{field.path}.") and field.kind == "by_class":
            return _limits(field)
    return None


def _limits(field: Field) -> tuple[float, float]:
    low, high = (0.0, 1.0) if field.kind == "share" else (field.low, field.high)
    return (0.0 if low is None else low, math.inf if high is None else high)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(field: Field, value: Any, bad: Bad, place: str = "") -> bool:
    low, high = _limits(field)
    if _is_number(value) and low <= value <= high:
        return True
    if (low, high) == (0.0, 1.0):
        bad("share_invalid", _('"%(cell)s" is not a share from 0 to 1.'), place or field.path, cell=value)
    else:
        text = _('"%(cell)s" is not a number from %(low)s to %(high)s.')
        bad("number_invalid", text, place or field.path, cell=value, low=f"{low:g}", high=f"{high:g}")
    return False


def _one(field: Field, value: Any, bad: Bad, fields: Mapping[str, Any]) -> None:
    _number(field, value, bad)


def _options(field: Field, value: Any, bad: Bad, place: str) -> bool:
    """Is `value` a mapping that names options of the field only?"""
    if not isinstance(value, Mapping):
        bad("not_an_object", _("Write this as names with their values."), place)
        return False
    codes = [option.code for option in field.options]
    for name in value:
        if name not in codes:
            text = _('"%(cell)s" is not one of: %(known)s.')
            bad("choice_unknown", text, f"{place}.{name}", cell=name, known=", ".join(codes))
    return all(name in codes for name in value)


def _shares(field: Field, value: Any, bad: Bad, fields: Mapping[str, Any]) -> None:
    if not _options(field, value, bad, field.path):
        return
    wrong = [name for name, share in value.items() if not (_is_number(share) and 0 <= share <= 1)]
    for name in wrong:
        text = _('"%(cell)s" is not a share from 0 to 1.')
        bad("share_invalid", text, f"{field.path}.{name}", cell=value[name])
    if not wrong and abs(sum(value.values()) - 1.0) > SLACK:
        text = _("These shares make %(cell)s in all, not 1.")
        bad("shares_not_one", text, field.path, cell=f"{sum(value.values()):g}")


def _by_class(field: Field, value: Any, bad: Bad, fields: Mapping[str, Any]) -> None:
    if not isinstance(value, Mapping) or not value:
        bad("not_an_object", _("Give one row of numbers for each class."), field.path)
        return
    if fields.get("extent", Extent.ZONES) != Extent.ZONES and ALL_PLACES not in value:
        text = _("The scenario has no zones: give one row, called *.")
        bad("class_missing", text, field.path)
    for klass, row in value.items():
        place = f"{field.path}.{klass}"
        if not _options(field, row, bad, place):
            continue
        sound = True
        for option in field.options:
            if option.code not in row:
                bad("key_missing", _("This input of the template is missing."), f"{place}.{option.code}")
                sound = False
            else:
                sound &= _number(field, row[option.code], bad, f"{place}.{option.code}")
        if sound and sum(row.values()) > 1.0 + SLACK:
            text = _("These chances make %(cell)s in all, more than 1.")
            bad("chances_above_one", text, place, cell=f"{sum(row.values()):g}")


def _choice(field: Field, value: Any, bad: Bad, fields: Mapping[str, Any]) -> None:
    codes = [option.code for option in field.options]
    if value not in codes:
        text = _('"%(cell)s" is not one of: %(known)s.')
        bad("choice_unknown", text, field.path, cell=value, known=", ".join(codes))


def _service(field: Field, value: Any, bad: Bad, fields: Mapping[str, Any]) -> None:
    if "services" in fields and value not in fields["services"]:
        text = _('The scenario does not ask for the service "%(cell)s" that the template sets.')
        bad("service_unknown", text, field.path, cell=value)


_KINDS: dict[str, Callable[[Field, Any, Bad, Mapping[str, Any]], None]] = {
    "number": _one, "share": _one, "shares": _shares, "by_class": _by_class, "choice": _choice, "service": _service,
}  # fmt: skip


# --- what ties the inputs of a template together ----------------------------------------------------


def _earthquake_damage(fields: Mapping[str, Any], model: Mapping[str, Any], bad: Bad) -> None:
    if model.get("alpha") is not None and model.get("income"):
        bad(
            "told_twice",
            _("Give the share who seek shelter or the incomes it is worked out from, not both."),
            "alpha",
        )
    damage = model.get("damage")
    if not isinstance(damage, Mapping):
        return
    for klass, row in damage.items():
        if not isinstance(row, Mapping):
            continue
        ends = [_end(fields, f"damage.{klass}.{name}", row[name], "high") for name in row]
        highs = [end for end in ends if end is not None]
        own = [value for value in row.values() if _is_number(value)]
        if len(highs) == len(own) == len(row) and sum(highs) > 1.0 + SLACK >= sum(own):
            text = _("The high ends of these chances make %(cell)s in all, more than 1.")
            bad("chances_above_one", text, f"damage.{klass}", cell=f"{sum(highs):g}")


def _epidemic_curve(fields: Mapping[str, Any], model: Mapping[str, Any], bad: Bad) -> None:
    if (model.get("control_day") is None) != (model.get("control_factor") is None):
        text = _("Control needs both the day it begins and what it does to the spread.")
        bad("key_missing", text, "control_day")
    if (model.get("bed_share") is None) != (not model.get("bed_service")):
        text = _("Beds need both the share of cases and the service that gives them.")
        bad("key_missing", text, "bed_share")
    if model.get("bed_service") and model["bed_service"] == model.get("service"):
        bad("told_twice", _("Beds and isolation places are two services."), "bed_service")
    found = _end(fields, "days_until_found", model.get("days_until_found"), "high")
    infectious = _end(fields, "infectious_days", model.get("infectious_days"), "low")
    if found is not None and infectious is not None and found > infectious:
        text = _("Cases are found while they are infectious: at most %(high)s days, over the whole range.")
        bad("found_too_late", text, "days_until_found", high=f"{infectious:g}")


def _facts(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    facts = fields.get("rate_facts")
    return facts if isinstance(facts, Mapping) else {}


def _end(fields: Mapping[str, Any], place: str, number: Any, end: str) -> float | None:
    """The end of the range of a model's number, or the number itself; None where it is not a number."""
    fact = _facts(fields).get(f"model.{place}")
    told = fact.get(end) if isinstance(fact, Mapping) else None
    value: Any = number if told is None else told
    return float(value) if _is_number(value) else None


def _mass_event(fields: Mapping[str, Any], model: Mapping[str, Any], bad: Bad) -> None:
    if model.get("attendance") is None:
        return
    if fields.get("extent") == Extent.EVERYWHERE:
        text = _("An attendance belongs to a ground: draw it, or choose areas or zones.")
        bad("no_ground", text, "attendance")
    if "times_of_day" in fields and list(fields["times_of_day"] or ()) != [TimeOfDay.EVENT]:
        text = _("An attendance belongs to the time of day “event” alone.")
        bad("not_event_time", text, "attendance")
    if any(str(place).startswith("multipliers.") for place in _facts(fields)):
        text = _("An attendance sets the multipliers: give the range to the attendance, not to them.")
        bad("told_twice", text, "attendance")


_RULES: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any], Bad], None]] = {
    ScenarioTemplate.EARTHQUAKE_DAMAGE: _earthquake_damage,
    ScenarioTemplate.EPIDEMIC_CURVE: _epidemic_curve,
    ScenarioTemplate.MASS_EVENT: _mass_event,
}
