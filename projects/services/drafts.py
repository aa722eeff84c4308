"""Project drafts: from the interventions of a frozen plan version, or by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from django.contrib.gis.geos import Point
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
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
from projects.selectors import edits
from projects.services import events, project_fields

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
    starts_on, ends_on = _window(one)
    project = Project.objects.create(
        city=city, ref=next_ref("PJ"), name=one.name, name_en=one.name_en, origin=Origin.PLAN, kind=one.kind,
        service=one.service, facility=one.facility, idle_asset=one.idle_asset, area=one.area, point=one.point,
        units=one.units, conversion_hours=one.hours, cost_fen=one.cost_fen, intervention=one,
        gap_promised=one.people_newly_served, need=_need(version, one), alternatives=_alternatives(version, one),
        created_by=user, description=str(verb), starts_on=starts_on, ends_on=ends_on,
    )  # fmt: skip
    Milestone.objects.bulk_create(
        Milestone(project=project, number=number, name=name, name_en=name_en, planned_on=day, works_percent=percent)
        for number, (name, name_en, day, percent) in enumerate(_milestones(starts_on, ends_on), start=1)
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
    events.tell(
        project=project, kind="project.drafted", ref=project.ref,
        payload={"origin": "plan", "plan": version.plan.ref, "version": version.number, "order": one.order},
    )  # fmt: skip
    return project


def _window(one: Intervention) -> tuple[date | None, date | None]:
    """(begin, end) as the plan has them: the first day of its year, and its lead time later. None where it says neither."""
    if one.year is None or not one.lead_months:
        return (date(one.year, 1, 1), None) if one.year else (None, None)
    after = date(one.year, 1, 1).replace(
        year=one.year + one.lead_months // 12, month=one.lead_months % 12 + 1
    )
    return date(one.year, 1, 1), after - timedelta(days=1)


def _milestones(starts_on: date | None, ends_on: date | None) -> list[tuple[str, str, date, int]]:
    """Proposed from the lead time, to be changed by whoever drafts: begun, half way, finished, the works spread evenly."""
    if starts_on is None or ends_on is None:
        return []
    middle = starts_on + (ends_on - starts_on) / 2
    return [
        ("开工", "Works begun", starts_on, 0),
        ("主体过半", "Half of the works", middle, 50),
        ("竣工", "Works finished", ends_on, 100),
    ]


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
    **more: Any,
) -> Project:
    """A project that no plan asked for. `more`: any other of project_fields.EDITABLE."""
    _known(more)
    said = project_fields.checked(
        {"name": name, "kind": kind, "service": service, "longitude": longitude, "latitude": latitude, "units": units, "cost_fen": cost_fen}
        | more
    )  # fmt: skip
    area = project_fields.area_of(city, said["point"])
    policies.demand(user, "project.edit", area)
    try:
        with transaction.atomic():
            project = Project.objects.create(
                city=city, ref=next_ref("PJ"), area=area, created_by=user, **said
            )
            after = {"name": project.name, "cost_fen": project.cost_fen}
            audit.record(user=user, act="project.draft", subject=project, after=after)
            events.tell(project=project, kind="project.drafted", ref=project.ref, payload={"origin": "hand"})
    except IntegrityError as refused:
        raise _code_used(refused) from None
    return project


def _known(fields: Iterable[str]) -> None:
    if unknown := sorted(set(fields) - project_fields.EDITABLE):
        words = _("This cannot be changed: %(words)s.") % {"words": ", ".join(unknown)}
        raise DomainError("unknown-field", words, status=422)


def _code_used(refused: IntegrityError) -> Exception:
    """In words, when it was the investment code that stands already; else what the database said."""
    if "investment_code_once" in str(refused):
        return DomainError("investment-code-used", _("Another project has this investment code."), status=422)
    return refused


def edit(*, user: Any, project: Project, version: int, **fields: Any) -> Project:
    """Change a draft or a returned project. `version` is the one that was read: somebody else's change is not overwritten,
    and the refusal tells what it was (`changes`). Position, service and intervention of a project from a plan are the
    plan's."""
    policies.demand(user, "project.edit", project)
    _known(fields)
    if project.intervention_id and (fixed := sorted(set(fields) & set(project_fields.PLACE))):
        words = _("What the plan says stays: %(words)s. Make another project by hand.")
        raise DomainError("from-plan", words % {"words": ", ".join(fixed)}, status=422)
    if "longitude" in fields or "latitude" in fields:
        fields = {"longitude": project.point.x, "latitude": project.point.y} | fields
    if set(fields) & set(project_fields.DATES):
        fields = {name: getattr(project, name) for name in project_fields.DATES} | fields
    said = project_fields.checked(fields)
    if "point" in said:
        said["area"] = project_fields.area_of(project.city, said["point"])
        policies.demand(user, "project.edit", said["area"])
    before = {name: getattr(project, name) for name in said}
    said = {name: value for name, value in said.items() if value != before[name]}
    if not said and Project.objects.filter(pk=project.pk, version=version, state__in=EDITABLE).exists():
        return project
    try:
        with transaction.atomic():
            moved = Project.objects.filter(pk=project.pk, version=version, state__in=EDITABLE).update(
                **said, version=version + 1
            )
            if not moved:
                _refuse_change(project, version)
            project.refresh_from_db()
            after = {name: _plain(value) for name, value in said.items()} | {"version": project.version}
            audit.record(
                user=user, act="project.edit", subject=project, after=after,
                before={name: _plain(before[name]) for name in said},
            )  # fmt: skip
            events.tell(
                project=project, kind="project.changed", ref=project.ref,
                payload={"version": project.version, "fields": sorted(said)},
            )  # fmt: skip
    except IntegrityError as refused:
        raise _code_used(refused) from None
    return project


def _refuse_change(project: Project, version: int) -> None:
    now = Project.objects.filter(pk=project.pk).values_list("version", "state").first()
    if now is None:
        raise DomainError("project-gone", _("Somebody has deleted this draft."), status=404)
    if now[1] not in EDITABLE:
        raise DomainError("project-in-approval", _("What is being decided on does not change."))
    raise DomainError(
        "project-changed", _("Somebody else changed the project meanwhile. Look at what changed, then save again."),
        version=now[0], changes=edits.since(project, version),
    )  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, Point):
        return f"{value.x:.6f}, {value.y:.6f}"
    if isinstance(value, ServiceType | Area):
        return value.code
    return value.isoformat() if isinstance(value, date) else value


def delete_draft(*, user: Any, project: Project, version: int) -> None:
    """Take away a draft that was never handed in, with its lines, tranches and milestones. Everything else is kept."""
    policies.demand(user, "project.edit", project)
    with transaction.atomic():
        held = Project.objects.select_for_update().filter(pk=project.pk).first()
        if held is None:
            return
        if held.state != ProjectState.DRAFT or held.cases.exists():
            raise DomainError("project-handed-in", _("Only a draft that was never handed in can be deleted."))
        if held.version != version:
            _refuse_change(held, version)
        before = {"name": held.name, "cost_fen": held.cost_fen, "investment_code": held.investment_code}
        try:
            with transaction.atomic():
                held.events.update(project=None)
                for rows in (held.tranches, held.milestones, held.budget_lines, held.responsibilities, held.duplicate_checks):  # fmt: skip
                    rows.all().delete()
                held.delete()
        except (ProtectedError, IntegrityError):
            raise DomainError(
                "project-in-use", _("Something hangs on this draft already, so it is kept.")
            ) from None
        audit.record(user=user, act="project.delete", subject=project, before=before)
        events.tell_city(
            city_id=project.city_id, kind="project.changed", ref=project.ref, payload={"project": project.ref, "deleted": True}
        )  # fmt: skip


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
                final=number == len(tranches),
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
