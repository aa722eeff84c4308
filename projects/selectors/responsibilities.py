"""Responsibilities, read: those of a project, those of a city with the overdue first, what waits for a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, F, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.choices import OrganisationKind
from core.models import City, Organisation
from projects.choices import ProjectState
from projects.models import Project, Responsibility

# The four that a project names (四方责任), in the order of the rule.
LEVELS: dict[str, Any] = {
    level: OrganisationKind(level).label
    for level in (
        OrganisationKind.LEADERSHIP,
        OrganisationKind.TERRITORY,
        OrganisationKind.DEPARTMENT,
        OrganisationKind.ENTERPRISE,
    )
}
NO_ORGANISATION = _("Choose the organisation that answers.")
OVER = (ProjectState.REFUSED, ProjectState.WITHDRAWN)


def of_project(project: Project) -> QuerySet[Responsibility]:
    """Open ones first, soonest due first; what is done at the end."""
    rows = project.responsibilities.select_related("organisation", "person", "done_by")
    return rows.order_by(F("done_at").asc(nulls_first=True), F("due_on").asc(nulls_last=True), "id")


def missing_levels(project: Project) -> list[str]:
    """Levels for which nobody is named yet."""
    named = set(project.responsibilities.values_list("level", flat=True))
    return [level for level in LEVELS if level not in named]


def missing_words(project: Project) -> list[str]:
    return [str(LEVELS[level]) for level in missing_levels(project)]


def may_do(user: Any, one: Responsibility) -> bool:
    """The named person, or who keeps the project's responsibilities."""
    if one.person_id is not None and one.person_id == getattr(user, "pk", None) and user.is_active:
        return True
    return policies.allows(user, "responsibility.edit", one.project)


def visible_to(user: Any, city: City | None = None) -> QuerySet[Responsibility]:
    """Those of projects the person may see, and their own, overdue first, then soonest due."""
    seen = policies.visible(user, area="project__area", city="project__city") | Q(person_id=user.pk)
    rows = Responsibility.objects.filter(seen).select_related(
        "project__area", "project__city", "organisation", "person", "done_by"
    )
    rows = rows.filter(project__city=city) if city is not None else rows
    return rows.order_by(
        F("done_at").asc(nulls_first=True), F("due_on").asc(nulls_last=True), "project__ref", "id"
    )


@dataclass(frozen=True)
class Choice:
    value: str
    name: Any
    name_en: Any
    count: int


@dataclass
class Listing:
    """The list of a city after its filters. Each choice counts what choosing it shows."""

    rows: QuerySet[Responsibility]
    total: int
    overdue: int
    chosen: dict[str, str]
    levels: list[Choice] = field(default_factory=list)
    organisations: list[Choice] = field(default_factory=list)
    people: list[Choice] = field(default_factory=list)
    dues: list[Choice] = field(default_factory=list)


FILTERS = ("level", "organisation", "person", "due")


def narrowed(rows: QuerySet[Responsibility], chosen: dict[str, str]) -> QuerySet[Responsibility]:
    """`due`: overdue, open (the default), done or all."""
    today = timezone.localdate()
    due = chosen.get("due") or "open"
    if due == "done":
        rows = rows.filter(done_at__isnull=False)
    elif due != "all":
        rows = rows.filter(done_at=None)
        rows = rows.filter(due_on__lt=today) if due == "overdue" else rows
    if chosen.get("level") in LEVELS:
        rows = rows.filter(level=chosen["level"])
    if chosen.get("organisation"):
        rows = rows.filter(organisation__code=chosen["organisation"])
    if chosen.get("person"):
        rows = rows.filter(person__username=chosen["person"])
    return rows


def listing(user: Any, city: City, asked: dict[str, str]) -> Listing:
    """Four counting statements, however many projects there are."""
    chosen = {name: str(asked.get(name, "")) for name in FILTERS if asked.get(name)}
    every = visible_to(user, city)
    rows = narrowed(every, chosen)

    def without(name: str) -> QuerySet[Responsibility]:
        return narrowed(every, {key: value for key, value in chosen.items() if key != name}).order_by()

    found = Listing(
        rows, rows.count(), rows.filter(done_at=None, due_on__lt=timezone.localdate()).count(), chosen
    )
    counts = dict(without("level").values_list("level").annotate(count=Count("pk")))
    found.levels = [Choice(level, words, words, counts.get(level, 0)) for level, words in LEVELS.items()]
    found.organisations = [
        Choice(*row)
        for row in without("organisation")
        .values_list("organisation__code", "organisation__name", "organisation__name_en")
        .annotate(count=Count("pk"))
        .order_by("organisation__name")
    ]
    found.people = [
        Choice(*row)
        for row in without("person")
        .exclude(person=None)
        .values_list("person__username", "person__name", "person__name_en")
        .annotate(count=Count("pk"))
        .order_by("person__name")
    ]
    found.dues = [
        Choice(value, value, value, narrowed(every, {**chosen, "due": value}).count())
        for value in ("open", "overdue", "done", "all")
    ]
    return found


def organisations(city: City) -> QuerySet[Organisation]:
    """Those that may be named, by kind and name."""
    return Organisation.objects.filter(city=city, kind__in=LEVELS).order_by("kind", "name")


def people_of(city: City) -> Any:
    """People with a role in the city."""
    return (
        get_user_model()
        .objects.filter(memberships__area__city=city, is_active=True)
        .distinct()
        .order_by("username")
    )


def waiting_for(user: Any, city: City | None) -> list[dict[str, Any]]:
    """Open tasks of this person, soonest due first."""
    rows = (
        Responsibility.objects.filter(person=user, done_at=None)
        .exclude(project__state__in=OVER)
        .select_related("project__area", "project__city", "organisation")
        .order_by(F("due_on").asc(nulls_last=True), "id")
    )
    rows = rows.filter(project__city=city) if city is not None else rows
    return [
        {
            "kind": "responsibility", "title": one.task, "href": reverse("project_responsibilities", args=[one.project.ref]),
            "due_on": one.due_on, "project": one.project, "detail": one.organisation.name, "detail_en": one.organisation.name_en,
        }
        for one in rows
    ]  # fmt: skip
