"""Handover: reported as built, checked on site, accepted into the registry. Three acts of three people.

Acceptance writes the facility and its role through `facilities.services.taking_over` in one transaction with the project's
state, the idle asset, the goods and the audit of both sides, so that the next snapshot counts what was built or nothing of
it happened.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError, InvalidInput, Problem
from core.services import audit
from facilities.services.taking_over import ADD, END, READY, SET, Finished, Written, take_over
from inventory.choices import InterventionKind, MovementKind
from inventory.models import ItemType
from inventory.services.idle_assets import mark_used
from inventory.services.stock import enter_movement
from projects.choices import ProjectState
from projects.models import Commissioning, ConversionCheck, Project
from projects.selectors import checklist
from projects.selectors import handover as read
from projects.services import events, handover_report

# A plan's change-set and the registry change in the same way (planning.bridge.world applies it, tests compare both).
EFFECTS = {
    InterventionKind.CONVERT: SET, InterventionKind.BUILD: SET, InterventionKind.EXTEND: ADD, InterventionKind.UPGRADE: READY,
    InterventionKind.STOCK: READY, InterventionKind.RETIRE: END,
}  # fmt: skip


def report(
    *,
    user: Any,
    project: Project,
    built_units: Any,
    reported_hours: Any = None,
    barrier_free_units: Any = None,
    as_built: dict[str, Any] | None = None,
    note: str = "",
) -> Commissioning:
    """Report the works as built. Said again before the acceptance it replaces what was said, and a check that had been
    passed is to be made anew; earlier checks stay."""
    policies.demand(user, "handover.report", project)
    with transaction.atomic():
        held = _in_works(project)
        fields = handover_report.read(
            project=held, built_units=built_units, barrier_free_units=barrier_free_units, reported_hours=reported_hours,
            as_built=as_built or {},
        )  # fmt: skip
        fields |= {"note": note.strip(), "handed_by": user}
        before = Commissioning.objects.select_for_update(of=("self",)).filter(project=held).first()
        if before is not None and all(getattr(before, name) == value for name, value in fields.items()):
            return before  # the same report, sent twice
        found, _new = Commissioning.objects.update_or_create(
            project=held,
            defaults=fields
            | {
                "handed_at": timezone.now(),
                "check_passed": False,
                "checked_by": None,
                "checked_on": None,
                "conversion_hours": None,
            },
        )
        after = said(found)
        audit.record(
            user=user,
            act="handover.report",
            subject=held,
            before=said(before) if before else None,
            after=after,
            reason=found.note,
        )
        events.tell(project=held, kind="handover.reported", ref=held.ref, payload=_told(found))
    return found


def _in_works(project: Project) -> Project:
    """The project's row, locked; only works can be handed over."""
    held = (
        Project.objects.select_for_update(of=("self",))
        .select_related("service", "facility", "idle_asset", "area", "city")
        .get(pk=project.pk)
    )
    if held.state == ProjectState.COMMISSIONED:
        raise DomainError(
            "handover-accepted", _("The works have been accepted into the registry; this stays.")
        )
    if held.state != ProjectState.WORKS:
        raise DomainError(
            "not-in-works", _("Only a project in works can be handed over; begin its works first.")
        )
    return held


def said(one: Commissioning) -> dict[str, Any]:
    """What the audit and a check keep of a report."""
    return {
        "built_units": one.built_units, "barrier_free_units": one.barrier_free_units, "reported_hours": one.reported_hours,
        "as_built": one.as_built, "note": one.note,
    }  # fmt: skip


def _told(one: Commissioning) -> dict[str, Any]:
    """What leaves in an event: numbers only, no names or contacts."""
    return {
        "built_units": one.built_units,
        "approved_units": one.project.approved_units,
        "reported_hours": one.reported_hours,
    }


def check(
    *,
    user: Any,
    project: Project,
    checked_on: date,
    tried_units: Any,
    tried_hours: Any,
    answers: dict[str, Any],
    passed: bool,
    notes: dict[str, str] | None = None,
    note: str = "",
) -> ConversionCheck:
    """Record a trial of the conversion. `answers`: yes, no or na by item code. `passed` is the checker's word: it is refused
    while something speaks against it, and a "not passed" names what does or says why in `note`."""
    policies.demand(user, "handover.check", project)
    with transaction.atomic():
        held = _in_works(project)
        found = Commissioning.objects.select_for_update(of=("self",)).filter(project=held).first()
        if found is None or found.handed_by_id is None:
            raise DomainError("not-reported", _("The works have not been reported as built yet."))
        if found.handed_by_id == user.pk:
            raise DomainError("two-people", _("Whoever reported the works does not check them."), status=403)
        seen = _seen(held, found, checked_on, tried_units, tried_hours, answers, notes or {})
        reasons = read.against(held, found, seen["tried_units"], seen["tried_hours"], seen["items"])
        if passed and reasons:
            words = "; ".join(read.reason_words(one) for one in reasons)
            raise DomainError(
                "check-not-passed",
                _("The check cannot be passed: %(words)s.") % {"words": words},
                status=422,
                reasons=reasons,
            )
        if not passed and not reasons and not note.strip():
            raise DomainError("no-reason", _("Say why the check is not passed."), status=422)
        last = found.checks.first()
        if last is not None and _same(last, seen, passed, note, user) and last.reported == said(found):
            return last  # sent twice
        made = ConversionCheck.objects.create(
            commissioning=found, number=(last.number if last else 0) + 1, reported=said(found), passed=passed, reasons=reasons,
            checklist=checklist.checklist_name(), note=note.strip(), checked_by=user, **seen,
        )  # fmt: skip
        Commissioning.objects.filter(pk=found.pk).update(
            check_passed=passed,
            checked_on=made.checked_on,
            checked_by=user,
            conversion_hours=made.tried_hours,
        )
        after = {
            "number": made.number, "passed": passed, "tried_units": made.tried_units, "tried_hours": made.tried_hours,
            "reasons": reasons,
        }  # fmt: skip
        audit.record(user=user, act="handover.check", subject=held, after=after, reason=made.note)
        events.tell(project=held, kind="handover.checked", ref=held.ref, payload=after)
    return made


def _same(last: ConversionCheck, seen: dict[str, Any], passed: bool, note: str, user: Any) -> bool:
    same = all(getattr(last, name) == value for name, value in seen.items())
    return same and (last.passed, last.note, last.checked_by_id) == (passed, note.strip(), user.pk)


def _seen(
    project: Project,
    found: Commissioning,
    checked_on: date,
    units: Any,
    hours: Any,
    answers: dict[str, Any],
    notes: dict[str, str],
) -> dict[str, Any]:
    """Fields of a check, or InvalidInput with everything that is wrong."""
    problems: list[Problem] = []
    today = timezone.localdate()
    if not isinstance(checked_on, date):
        problems.append(Problem("bad-date", _("A date like 2026-11-20 is needed."), column="checked_on"))
    elif checked_on > today:
        problems.append(
            Problem(
                "future", _("A check cannot lie in the future."), column="checked_on", value=str(checked_on)
            )
        )
    if not checklist.converts(project):
        units, hours = 0, 0.0
    for column, value, most in (
        ("tried_units", units, handover_report.MOST_UNITS),
        ("tried_hours", hours, handover_report.MOST_HOURS),
    ):
        try:
            good = not isinstance(value, bool) and math.isfinite(float(value)) and 0 <= float(value) <= most
        except (TypeError, ValueError):
            good = False
        if not good or (column == "tried_units" and float(value) != int(float(value))):
            words = _("A number from 0 to %(most)s is needed.") % {"most": f"{most:,.0f}"}
            problems.append(Problem("bad-number", words, column=column, value=str(value)))
    items = []
    known = checklist.items_for(project)
    for strange in sorted(set(answers) - {one.code for one in known}):
        problems.append(Problem("unknown-item", _("This is not on the checklist."), column=strange))
    for one in known:
        answer, remark = str(answers.get(one.code) or ""), str(notes.get(one.code) or "").strip()[:300]
        if answer not in checklist.ANSWERS:
            problems.append(
                Problem(
                    "not-answered", _("Answer with yes, no or not applicable."), column=one.code, value=answer
                )
            )
        elif answer == checklist.NA and one.required and not remark:
            problems.append(Problem("no-reason", _("Say why this does not apply."), column=one.code))
        items.append(
            {"code": one.code, "name": one.name, "name_en": one.name_en, "required": one.required, "source": one.source,
             "certainty": one.certainty, "answer": answer, "note": remark}
        )  # fmt: skip
    if problems:
        raise InvalidInput(_("The check cannot be recorded. Correct what is listed."), problems)
    return {
        "checked_on": checked_on,
        "tried_units": int(float(units)),
        "tried_hours": float(hours),
        "items": items,
    }


def accept(
    *, user: Any, project: Project, check_number: int | None = None, although: str = "", note: str = ""
) -> Commissioning:
    """Accept the works into the registry. `check_number`: the check that was read, so that nobody accepts what changed
    meanwhile. `although`: why it is accepted while the registry would count nothing of it. Sent twice by the same person it
    answers what is there."""
    policies.demand(user, "handover.accept", project)
    with transaction.atomic():
        found = (
            Commissioning.objects.select_for_update(of=("self",))
            .filter(project_id=project.pk)
            .select_related("project__service", "accepted_by")
            .first()
        )
        if found is not None and found.accepted_by_id == user.pk:
            return found
        held = _in_works(project)
        if found is None or not found.check_passed:
            raise DomainError("not-checked", _("A passed check of the conversion is missing."))
        _by_a_third(found, user)
        last = found.checks.first()
        if check_number is not None and (last is None or last.number != int(check_number)):
            raise DomainError(
                "handover-changed", _("The works were reported or checked anew meanwhile; look again.")
            )
        remarks = read.before_acceptance(held, found)
        if blocked := [one for one in remarks if one.blocks]:
            words = "; ".join(one.words for one in blocked)
            raise DomainError(
                "handover-blocked", _("The works cannot be accepted yet: %(words)s.") % {"words": words},
                reasons=[one.code for one in blocked],
            )  # fmt: skip
        if (nothing := [one for one in remarks if one.supplies_nothing]) and not although.strip():
            words = "; ".join(one.words for one in nothing)
            raise DomainError(
                "supplies-nothing", _("The registry would count nothing of it: %(words)s. Put this right, or say why it is accepted all the same.") % {"words": words},
                status=422, reasons=[one.code for one in nothing],
            )  # fmt: skip
        reason = _("Project %(ref)s was accepted.") % {"ref": held.ref}
        written = _write(user, held, found, reason)
        _finish(user, held, found, written, note=note, although=although)
    return found


def _by_a_third(found: Commissioning, user: Any) -> None:
    said_by = {found.handed_by_id, found.checked_by_id, *found.checks.values_list("checked_by_id", flat=True)}
    if user.pk in said_by:
        raise DomainError(
            "two-people", _("Whoever reported or checked the works does not accept them."), status=403
        )


def _write(user: Any, project: Project, found: Commissioning, reason: str) -> Written:
    """The registry as it is with the works done."""
    kept, place = found.as_built, read.place_of(project, found)
    fields = {name: kept[name] for name in handover_report.SIZES if name in kept}
    if place is None:
        fields |= _new_place(project, kept)
    finished = Finished(
        effect=EFFECTS[InterventionKind(project.kind)], units=found.built_units, barrier_free=found.barrier_free_units,
        declared_hours=found.reported_hours, tried_hours=found.conversion_hours, place=fields,
        agreements=kept.get("agreements", []), certificates=kept.get("certificates", []),
    )  # fmt: skip
    written = take_over(
        user=user,
        city=project.city,
        facility=place,
        service=project.service,
        finished=finished,
        reason=reason,
    )
    for row in kept.get("goods", []):
        enter_movement(
            user=user, facility=written.facility, item=ItemType.objects.get(code=row["item"]), kind=MovementKind.RECEIPT,
            quantity=row["quantity"], lot_number=row["lot_number"], reason=reason,
            expires_on=date.fromisoformat(row["expires_on"]) if row["expires_on"] else None,
        )  # fmt: skip
    if project.idle_asset is not None:
        mark_used(user=user, asset=project.idle_asset, reason=reason)
    return written


def _new_place(project: Project, kept: dict[str, Any]) -> dict[str, Any]:
    """Fields of a facility that was not on record: what was reported, else what is known of project and idle asset."""
    asset, point = project.idle_asset, project.point
    known = {
        "name": project.name,
        "name_en": project.name_en,
        "datum": "WGS-84",
        "original_x": point.x,
        "original_y": point.y,
    }
    if asset is not None:
        known |= {
            "name": asset.name, "name_en": asset.name_en, "address": asset.address, "datum": asset.datum,
            "original_x": asset.original_x, "original_y": asset.original_y,
        }  # fmt: skip
    texts = (*handover_report.TEXTS, "use")
    return known | {name: kept[name] for name in texts if kept.get(name)}


def _finish(
    user: Any, project: Project, found: Commissioning, written: Written, *, note: str, although: str
) -> None:
    found.accepted_by, found.accepted_at = user, timezone.now()
    found.facility, found.capability = written.facility, written.capability
    found.written = {"place": written.place, "roles": written.roles, "although": although.strip()}
    if note.strip():
        found.note = "\n".join(filter(None, [found.note, note.strip()]))
    found.save()
    moved = Project.objects.filter(pk=project.pk, state=ProjectState.WORKS).update(
        state=ProjectState.COMMISSIONED, version=project.version + 1, facility=written.facility
    )
    if not moved:
        raise DomainError("project-changed", _("Somebody else changed the project meanwhile."))
    project.refresh_from_db(fields=["state", "version", "facility"])
    found.project = project
    after = {
        "facility": written.facility.ref, "service": project.service.code, "built_units": found.built_units,
        "approved_units": project.approved_units, "conversion_hours": found.conversion_hours,
    }  # fmt: skip
    audit.record(
        user=user, act="handover.accept", subject=project, before={"state": ProjectState.WORKS},
        after=after | {"state": ProjectState.COMMISSIONED, "roles": written.roles}, reason=although.strip() or note.strip(),
    )  # fmt: skip
    events.tell(project=project, kind="handover.accepted", ref=project.ref, payload=after)
