"""From a template's inputs to the rates of a scenario. The document keeps both, so that a reader can follow.

Working a document out twice changes nothing: what a template sets is set from `model` alone. `document["worked"]` holds
what a reader may want to know beside the rates (the day of a peak, the people counted on a ground).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from core.errors import InvalidInput as Refused
from engine.checks import InvalidInput
from engine.displacement import (
    dwelling_damage,
    isolation_places,
    rates_at,
    seeking_by_income,
    surge_beds,
)
from engine.outbreak import Course, Outbreak, outbreak_course
from facilities.importers.problems import Problems
from planning.bridge.model_rules import ALL_PLACES, check_model
from planning.choices import ScenarioTemplate
from planning.selectors.scenario_templates import class_named, template_document, template_of

Document = dict[str, Any]


def worked_out(document: Document) -> Document:
    """The document with the rates its template works out; as it is where they were set by hand. Raises DomainError with
    everything that is wrong with the inputs."""
    work = WORK.get(document.get("template", ""))
    if not work or not document.get("model"):
        return document
    try:
        return work(document)
    except (InvalidInput, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as wrong:
        raise _refusal(document, wrong) from wrong


def _refusal(document: Document, wrong: Exception) -> DomainError:
    """What is wrong with the inputs, in words: by the rules of the fields, else as the engine says it."""
    problems = Problems()

    def bad(code: str, text: Any, place: str, **params: Any) -> None:
        problems.add(code, text, column=f"model.{place}" if place else "model", **params)

    check_model(document, document["model"], bad)
    text = _("The inputs of the scenario's template cannot be used.")
    if problems.has_errors:
        return Refused(text, list(problems), code="bad-model")
    words = "; ".join(wrong.problems) if isinstance(wrong, InvalidInput) else str(wrong)
    return DomainError("bad-model", f"{text} {words}", status=422)


# --- one function for each template ---------------------------------------------------------------


def _earthquake_damage(document: Document) -> Document:
    """Affected: in a dwelling at least moderately damaged. Displaced, of those: in one that cannot be lived in. Seeking:
    as told, or from incomes; with neither, the scenario's own share counts."""
    model, rates = document["model"], dict(document["zone_rates"])
    classes = list(model["damage"])
    states = ("moderate", "extensive", "complete")
    dwellings = model["dwellings"]
    found = dwelling_damage(
        dwellings.get("single_family", 0.0), dwellings.get("multi_family", 0.0),
        [[model["damage"][klass][state] for state in states] for klass in classes],
    )  # fmt: skip
    done: Document = {"worked": {"lost": dict(zip(classes, found.lost.tolist(), strict=True))}}
    for number, klass in enumerate(classes):
        affected, displaced = float(found.affected[number]), float(found.displaced[number])
        if klass == ALL_PLACES:
            done |= {"affected_share": affected, "displaced_share": displaced}
        else:
            rates[klass] = {**(rates.get(klass) or {}), "affected": affected, "displaced": displaced}
    if model.get("income"):
        income = [model["income"].get(band, 0.0) for band in _INCOME]
        done["seeking_share"] = seeking_by_income(income)
    elif model.get("alpha") is not None:
        done["seeking_share"] = float(model["alpha"])
    return document | done | {"zone_rates": rates}


# Bands of income as the template names them, lowest first: the order of engine.displacement.SEEKING_BY_INCOME.
_INCOME = ("under_10k", "10k_20k", "20k_30k", "30k_40k", "over_40k")


def _epidemic_tier(document: Document) -> Document:
    model = document["model"]
    ratio = isolation_places(model["places_per_10000"], model["home_isolation_share"])
    return _with_ratio(document, model["service"], ratio)


def _epidemic_curve(document: Document) -> Document:
    """Places at the peak, for each resident."""
    model, course = document["model"], outbreak_of(document["model"])
    worked = {
        "peak_per_10000": course.peak * 10_000,
        "peak_day": course.peak_day,
        "still_rising": course.rising,
    }
    done = _with_ratio(document, model["service"], course.peak)
    if model.get("bed_service") and model.get("bed_share") is not None:
        beds = float(course.beds.max())
        done = _with_ratio(done, model["bed_service"], beds)
        worked["beds_per_10000"] = beds * 10_000
    return done | {"worked": worked}


def outbreak_of(model: Document) -> Course:
    """The course of the outbreak that a model's inputs describe, for each resident."""
    control_day, factor = model.get("control_day"), model.get("control_factor")
    outbreak = Outbreak(
        reproduction_number=model["reproduction_number"], latent_days=model["latent_days"],
        infectious_days=model["infectious_days"], found_share=model["found_share"],
        days_until_found=model["days_until_found"], isolation_days=model["isolation_days"],
        contacts_per_case=model["contacts_per_case"], quarantine_days=model["quarantine_days"],
        cases_at_home=model["cases_at_home_share"], contacts_at_home=model["contacts_at_home_share"],
        initial_share=model["initial_per_10000"] / 10_000, control_day=control_day,
        control_factor=1.0 if factor is None else factor, bed_share=model.get("bed_share") or 0.0,
    )  # fmt: skip
    return outbreak_course(outbreak, round(model["horizon_days"]))


def _mass_event(document: Document) -> Document:
    """Beds for everybody present, and every need scaled from the people the layer counts on the ground to those who
    attend. `document["present"]` is put there by planning.bridge.attendance."""
    model = document["model"]
    done = _with_ratio(document, model["service"], surge_beds(1.0, model["beds_per_1000"]).needed)
    if model.get("attendance") is None:
        return done
    present = document.get("present")
    if not present:
        raise DomainError(
            "nobody-inside",
            _("An attendance is given, but the population layer of the event has nobody on the ground."),
            status=422,
        )
    # What the planner wrote, whether this document was worked out before or not.
    told = (document.get("worked") or {}).get("multipliers")
    written: Document = (document.get("multipliers") or {}) if told is None else told
    times = model["attendance"] / present
    beds = surge_beds(model["attendance"], model["beds_per_1000"], model.get("staffed_beds"))
    return done | {
        "multipliers": {code: written.get(code, 1.0) * times for code in document["services"]},
        "worked": {"multipliers": written, "times": times, "beds": beds.needed, "beds_freed": beds.freed},
    }


def _with_ratio(document: Document, service: str, ratio: float) -> Document:
    return document | {"ratio_overrides": {**document["ratio_overrides"], service: ratio}}


# Template -> the document with its rates worked out from `document["model"]`. The rates of the others are written by hand
# or taken from a table when the scenario is begun; their model only says from which.
WORK: dict[str, Callable[[Document], Document]] = {
    ScenarioTemplate.EARTHQUAKE_DAMAGE: _earthquake_damage,
    ScenarioTemplate.EPIDEMIC_TIER: _epidemic_tier,
    ScenarioTemplate.EPIDEMIC_CURVE: _epidemic_curve,
    ScenarioTemplate.MASS_EVENT: _mass_event,
}


# --- a template on the classes of a hazard layer ----------------------------------------------------


def fitted_document(code: str, variant: str, classes: list[str], starts: dict[str, float] | None = None, unit: str = "") -> Document:  # fmt: skip
    """Field values of a scenario that begins from a template, with rates by the names of a hazard layer's classes.

    A class whose name the template does not know gets the displaced rate of the number it begins at (`starts`, of rasters
    with cut-offs, in `unit`). One that neither tells has no rate: the run will ask for it.
    """
    document = template_document(code, variant, classes)
    template = template_of(code)
    rates, facts = template.variant(variant).zone_rates, template.variant(variant).rate_facts
    known = sorted(
        (
            (one.starts_at, one.code)
            for one in template.classes
            if one.starts_at is not None and one.unit == unit and one.code in rates
        ),
    )
    for klass in classes:
        start = (starts or {}).get(klass)
        if class_named(template, klass) or start is None or not known or start < known[0][0]:
            continue
        edges = [edge for edge, _code in known]
        by_class = {
            name: [rates[one].get(name, 0.0) for _edge, one in known] for name in ("affected", "displaced")
        }
        document["zone_rates"][klass] = {
            name: float(rates_at(start, edges, row)) for name, row in by_class.items()
        }
        own = next(one for edge, one in reversed(known) if start >= edge)
        if fact := facts.get(f"zone_rates.{own}.displaced"):
            document["rate_facts"][f"zone_rates.{klass}.displaced"] = dict(fact)
    return document
