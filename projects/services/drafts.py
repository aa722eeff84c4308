"""Project drafts: from the interventions of a frozen plan version, or by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.contrib.gis.geos import Point
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.models import Area, City
from core.services import audit
from core.services.refs import next_ref
from facilities.models import ServiceType
from inventory.choices import InterventionKind
from planning.choices import VersionState
from planning.models import Intervention, InterventionMoney, PlanVersion
from projects.choices import Origin, ProjectState
from projects.models import BudgetLine, Milestone, Project, Tranche
from projects.services import investment_codes

EDITABLE = (ProjectState.DRAFT, ProjectState.RETURNED, ProjectState.WITHDRAWN)


def from_plan(*, user: Any, version: PlanVersion, orders: Iterable[int] = ()) -> list[Project]:
    """A draft for each chosen intervention of a frozen version (all of it when `orders` is empty). One that has its
    project already answers with it, so that a second click makes nothing twice."""
    policies.demand(user, "project.edit", version.plan.city)
    if version.state != VersionState.FROZEN:
        raise DomainError(
            "version-not-frozen", _("Projects come from a frozen version, so that what they cite stays.")
        )
    wanted = sorted(set(orders))
    chosen = version.interventions.select_related("service", "area", "facility", "idle_asset").order_by(
        "order"
    )
    if wanted:
        chosen = chosen.filter(order__in=wanted)
        if missing := sorted(set(wanted) - set(chosen.values_list("order", flat=True))):
            raise DomainError(
                "unknown-order", _("There is no intervention %(words)s.") % {"words": ", ".join(map(str, missing))}, status=422
            )  # fmt: skip
    made = []
    with transaction.atomic():
        PlanVersion.objects.select_for_update().get(pk=version.pk)
        for one in chosen:
            found = Project.objects.filter(intervention=one).first()
            made.append(found or _of_intervention(user, version, one))
    return made


def _of_intervention(user: Any, version: PlanVersion, one: Intervention) -> Project:
    city = version.plan.city
    verb = InterventionKind(one.kind).label
    project = Project.objects.create(
        city=city, ref=next_ref("PJ"), name=one.name, name_en=one.name_en, origin=Origin.PLAN, kind=one.kind,
        service=one.service, facility=one.facility, idle_asset=one.idle_asset, area=one.area, point=one.point,
        units=one.units, conversion_hours=one.hours, cost_fen=one.cost_fen, intervention=one,
        gap_promised=one.people_newly_served, need=_need(version, one), alternatives=_alternatives(version, one),
        created_by=user, description=str(verb),
    )  # fmt: skip
    paid = InterventionMoney.objects.filter(intervention=one).values_list("year", "source", "amount_fen")
    BudgetLine.objects.bulk_create(
        BudgetLine(project=project, year=year, source=source, amount_fen=amount)
        for year, source, amount in paid
    )
    audit.record(
        user=user,
        act="project.draft",
        subject=project,
        after={"plan": version.plan.ref, "version": version.number, "order": one.order},
    )
    return project


def _need(version: PlanVersion, one: Intervention) -> dict[str, Any]:
    """What the plan said when the draft was made, so that it can be read without the plan."""
    closed = (version.facts or {}).get("newly_served_by_run") or {}
    return {
        "plan": version.plan.ref, "version": version.number, "order": one.order, "runs": [
            {
                "run": run.ref, "scenario": run.scenario.name, "scenario_en": run.scenario.name_en,
                "time_of_day": run.time_of_day, "snapshot": run.snapshot.sha256 if run.snapshot else "",
                "newly_served": (closed.get(run.ref) or [None] * one.order)[one.order - 1],
            }
            for run in version.baseline_runs.select_related("scenario", "snapshot")
        ],
    }  # fmt: skip


def _alternatives(version: PlanVersion, one: Intervention) -> list[dict[str, Any]]:
    """The places not chosen that come nearest: of the same service, best first, as the plan's explanation has them."""
    explanation = getattr(version, "explanation", None)
    rows = explanation.rejected if explanation is not None else []
    same = [row for row in rows if row.get("service") == one.service.code]
    return same[:5]


def draft(
    *,
    user: Any,
    city: City,
    name: str,
    kind: str,
    service: ServiceType,
    longitude: float,
    latitude: float,
    units: int,
    cost_fen: int,
    name_en: str = "",
    description: str = "",
    investment_code: str = "",
    conversion_hours: float | None = None,
    starts_on: date | None = None,
    ends_on: date | None = None,
) -> Project:
    """A project that no plan asked for."""
    policies.demand(user, "project.edit", city)
    point = Point(float(longitude), float(latitude), srid=4326)
    said = _checked(
        name=name, kind=kind, units=units, cost_fen=cost_fen, starts_on=starts_on, ends_on=ends_on
    )
    code = investment_codes.clean(investment_code) if investment_code.strip() else ""
    area = Area.objects.filter(city=city, geometry__contains=point).order_by("-level").first()
    if area is None:
        raise DomainError("outside-city", _("The position lies outside every area of the city."), status=422)
    policies.demand(user, "project.edit", area)
    try:
        with transaction.atomic():
            project = Project.objects.create(
                city=city, ref=next_ref("PJ"), name_en=name_en.strip(), description=description.strip(),
                investment_code=code, service=service, area=area, point=point, conversion_hours=conversion_hours,
                created_by=user, **said,
            )  # fmt: skip
            audit.record(
                user=user,
                act="project.draft",
                subject=project,
                after={"name": project.name, "cost_fen": project.cost_fen},
            )
    except IntegrityError:
        raise DomainError(
            "investment-code-used", _("Another project has this investment code."), status=422
        ) from None
    return project


def _checked(
    *, name: str, kind: str, units: int, cost_fen: int, starts_on: date | None, ends_on: date | None
) -> dict[str, Any]:
    wrong: list[str] = []
    if not name.strip():
        wrong.append(str(_("a name is needed")))
    if kind not in InterventionKind.values:
        wrong.append(str(_("the intervention is not known")))
    if not 0 < int(units) <= 10**9:
        wrong.append(str(_("units must be whole and above 0")))
    if not 0 <= int(cost_fen) <= 10**15:
        wrong.append(str(_("the cost must be whole fen, not negative")))
    if starts_on and ends_on and ends_on < starts_on:
        wrong.append(str(_("the end lies before the start")))
    if wrong:
        raise DomainError(
            "bad-project", _("Correct this: %(words)s.") % {"words": "; ".join(wrong)}, status=422
        )
    return {
        "name": name.strip(), "kind": kind, "units": int(units), "cost_fen": int(cost_fen), "starts_on": starts_on, "ends_on": ends_on,
    }  # fmt: skip


def edit(*, user: Any, project: Project, version: int, **fields: Any) -> Project:
    """Change a draft or a returned project. `version` is the one that was read: somebody else's change is not overwritten."""
    policies.demand(user, "project.edit", project)
    allowed = {
        "name",
        "name_en",
        "description",
        "investment_code",
        "units",
        "conversion_hours",
        "cost_fen",
        "starts_on",
        "ends_on",
    }
    if unknown := sorted(set(fields) - allowed):
        raise DomainError(
            "unknown-field",
            _("This cannot be changed: %(words)s.") % {"words": ", ".join(unknown)},
            status=422,
        )
    if fields.get("investment_code"):
        fields["investment_code"] = investment_codes.clean(fields["investment_code"])
    merged = {
        name: fields.get(name, getattr(project, name))
        for name in ("name", "units", "cost_fen", "starts_on", "ends_on")
    }
    fields |= {key: value for key, value in _checked(kind=project.kind, **merged).items() if key in fields}
    before = {name: getattr(project, name) for name in fields}
    try:
        with transaction.atomic():
            moved = Project.objects.filter(pk=project.pk, version=version, state__in=EDITABLE).update(
                **fields, version=version + 1
            )
            if not moved:
                raise DomainError(
                    "project-changed",
                    _("Somebody else changed the project meanwhile, or it is being decided on."),
                )
            project.refresh_from_db()
            audit.record(user=user, act="project.edit", subject=project, before=before, after=fields)
    except IntegrityError:
        raise DomainError(
            "investment-code-used", _("Another project has this investment code."), status=422
        ) from None
    return project


def set_tranches(
    *,
    user: Any,
    project: Project,
    tranches: Sequence[tuple[str, int]],
    milestones: Sequence[tuple[str, date, int]],
) -> list[Tranche]:
    """The whole list of (when it is due, fen), the last being the final one, and of milestones (name, planned, works %).
    Tranche n waits for milestone n - 1; what they hold adds up to the cost."""
    policies.demand(user, "project.edit", project)
    if project.state not in EDITABLE:
        raise DomainError("project-in-approval", _("What is being decided on does not change."))
    if sum(amount for _name, amount in tranches) != project.cost_fen:
        raise DomainError("tranches-not-cost", _("The tranches do not add up to the cost."), status=422)
    if any(amount <= 0 for _name, amount in tranches):
        raise DomainError("bad-amount", _("The amount is whole fen above 0."), status=422)
    with transaction.atomic():
        held = Project.objects.select_for_update().get(pk=project.pk)
        held.tranches.all().delete()
        held.milestones.all().delete()
        points = [
            Milestone.objects.create(
                project=held, number=number, name=name, planned_on=day, works_percent=percent
            )
            for number, (name, day, percent) in enumerate(milestones, start=1)
        ]
        made = []
        for number, (name, amount) in enumerate(tranches, start=1):
            one = Tranche.objects.create(
                project=held,
                number=number,
                name=name,
                amount_fen=amount,
                final=number == len(tranches) and number > 1,
            )
            if 0 < number - 1 <= len(points):
                one.milestones.add(points[number - 2])
            made.append(one)
        audit.record(
            user=user,
            act="project.tranches",
            subject=held,
            after={"tranches": [list(one) for one in tranches]},
        )
    return made
