"""The words of the platform: one word per idea, in both languages, on every page and in the API."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override


@dataclass(frozen=True)
class Term:
    word: Any
    meaning: Any
    code: str = ""

    def in_language(self, language: str) -> str:
        with override(language):
            return str(self.word)

    @property
    def english(self) -> str:
        return self.in_language("en")

    @property
    def chinese(self) -> str:
        return self.in_language("zh-hans")


TERMS = (
    Term(
        _("dual-use facility"), _("A place with a peacetime use that can take emergency roles."), "facility"
    ),
    Term(
        _("capability"),
        _("What a facility can give in one emergency role: capacity, conversion hours, conditions."),
        "capability",
    ),
    Term(_("peacetime use"), _("What a place does today."), "use"),
    Term(_("emergency role"), _("What a place becomes in an emergency."), "service"),
    Term(
        _("conversion"),
        _(
            "Making a place ready for its emergency role. The hours are declared by the operator and observed in drills; observed hours count first."
        ),
        "conversion_hours",
    ),
    Term(
        _("service type"),
        _(
            "A kind of help: emergency shelter, short fixed shelter, isolation lodging, medical point, supply warehouse."
        ),
        "service",
    ),
    Term(
        _("capacity"),
        _("How many units one role can give. It belongs to the role, never to the place."),
        "capacity",
    ),
    Term(
        _("standard"),
        _("How much of a service people need, how near and how soon, with source, clause and certainty."),
        "standard",
    ),
    Term(_("demand cell"), _("A small area that holds people."), "cell"),
    Term(
        _("people inside"),
        _("Everybody on the ground that a scenario strikes, at a time of day: the people exposed."),
        "exposed",
    ),
    Term(
        _("affected"),
        _("Of the people inside, those whose life the event disturbs; the share comes from the scenario."),
        "affected",
    ),
    Term(
        _("displaced"),
        _("Of the affected, those who leave home or cannot stay there, wherever they go."),
        "displaced",
    ),
    Term(
        _("seeking shelter"),
        _(
            "Of the displaced, those who come to a public place; the others stay with family or pay for lodging."
        ),
        "seeking",
    ),
    Term(
        _("base of a rate"),
        _(
            "The people a published rate is a share of. Rates on different bases are not compared and not mixed."
        ),
        "base",
    ),
    Term(
        _("scenario template"),
        _(
            "Where a scenario may begin: rates with range, source and certainty, or a model that works them out."
        ),
        "template",
    ),
    Term(
        _("attendance"),
        _("People who come to an event; the event's population layer is scaled to it on the ground."),
        "attendance",
    ),
    Term(
        _("reproduction number"),
        _("People whom one case infects on average while nobody is isolated and nothing is controlled."),
        "reproduction_number",
    ),
    Term(
        _("home isolation"),
        _("Cases or contacts who isolate at home and need no isolation place; a decision, set as a share."),
        "home_isolation_share",
    ),
    Term(
        _("scenario"),
        _(
            "A hazard, where it strikes, how many people it affects and how many leave home, by day and by night."
        ),
        "scenario",
    ),
    Term(
        _("need"),
        _(
            "Units of a service that people require in a scenario: people × share affected or displaced × units a person."
        ),
        "need",
    ),
    Term(_("reach"), _("The travel limit in the standard, in metres or minutes."), "reach_limit"),
    Term(_("catchment"), _("The cells a facility reaches within the standard."), "cells_in_reach"),
    Term(_("served"), _("Within reach, capacity assigned, ready in time."), "served"),
    Term(
        _("late"),
        _("Within reach, capacity assigned, but the place converts later than the standard allows."),
        "late",
    ),
    Term(_("no room"), _("Within reach of some usable facility, but all of them are full."), "no_room"),
    Term(_("out of reach"), _("No usable facility within reach."), "out_of_reach"),
    Term(_("gap"), _("Unmet need: late + no room + out of reach."), "gap"),
    Term(_("coverage"), _("Share of the need that is served."), "coverage"),
    Term(_("idle asset"), _("Vacant premises or land that may become a facility."), "idle_asset"),
    Term(
        _("intervention"),
        _("Build, convert, upgrade, extend, stock or retire: with size, cost and lead time."),
        "intervention",
    ),
    Term(
        _("plan, plan version"),
        _("Ordered interventions on a frozen baseline. A frozen version never changes."),
        "plan",
    ),
    Term(_("snapshot"), _("Frozen inputs of a city, named by the hash of what is in them."), "snapshot"),
    Term(
        _("run"),
        _(
            "One call of the engine on one snapshot. The same snapshot, settings and engine answer the same run."
        ),
        "run",
    ),
    Term(
        _("bound"), _("A proven limit: no plan within the same budget and options can serve more."), "bound"
    ),
    Term(
        _("project"),
        _("An intervention that somebody carries out, from the draft to the facility in the registry."),
        "project",
    ),
    Term(
        _("route"),
        _("The way a case goes: stages, tasks, who does them and by when. A running case keeps its version."),
        "route",
    ),
    Term(
        _("countersigning"),
        _("Departments read the same case side by side; each agrees, sets conditions or returns it."),
        "countersign",
    ),
    Term(
        _("recommend, decide"),
        _("Two acts of two people, neither of whom drafted the project. The database refuses otherwise."),
        "decide",
    ),
    Term(
        _("condition"),
        _("What must be met after an approval. Money tied to it is not released before."),
        "condition",
    ),
    Term(
        _("tranche"),
        _("A part of the money, released as a whole once its milestones are seen and its conditions met."),
        "tranche",
    ),
    Term(
        _("milestone"),
        _("A point of the works: reported by the builder's side, reached when somebody else has seen it."),
        "milestone",
    ),
    Term(
        _("supervision alert"),
        _("A figure that a rule finds unusual. It needs an explanation; it accuses nobody."),
        "supervision_alert",
    ),
    Term(
        _("commissioning"),
        _(
            "As built, tried and accepted, the finished place enters the registry, and the next run counts it."
        ),
        "commissioning",
    ),
    Term(
        _("certainty"),
        _("A read in the text itself, B in a copy or report, C not confirmed, D our own proposal."),
        "certainty",
    ),
)


def terms() -> tuple[Term, ...]:
    return TERMS
