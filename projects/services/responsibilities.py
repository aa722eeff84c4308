"""Who answers for what (四方责任): leadership, territory, department, enterprise, each with a task and a day."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core import policies
from core.choices import OrganisationKind
from core.errors import DomainError, InvalidInput, Problem
from core.models import Area, City, Organisation
from core.services import audit
from core.services.refs import next_ref
from projects.models import Project, Responsibility
from projects.selectors.responsibilities import LEVELS, may_do
from projects.services import events


def name(
    *,
    user: Any,
    project: Project,
    level: str,
    organisation: Organisation,
    task: str,
    person: Any = None,
    due_on: date | None = None,
) -> Responsibility:
    """Name who answers for a task. The same line again is the line that is there."""
    policies.demand(user, "responsibility.edit", project)
    fields = _checked(project, level, organisation, task, person, due_on)
    with transaction.atomic():
        Project.objects.select_for_update(of=("self",)).get(pk=project.pk)
        if found := Responsibility.objects.filter(project=project, done_at=None, **fields).first():
            return found
        made = Responsibility.objects.create(project=project, **fields)
        audit.record(user=user, act="responsibility.name", subject=project, after=said(made))
    return made


def change(*, user: Any, responsibility: Responsibility, **fields: Any) -> Responsibility:
    """Change an open one; only what is in `fields` (level, organisation, task, person, due_on)."""
    policies.demand(user, "responsibility.edit", responsibility.project)
    if unknown := sorted(set(fields) - {"level", "organisation", "task", "person", "due_on"}):
        raise DomainError(
            "unknown-field",
            _("This cannot be changed: %(words)s.") % {"words": ", ".join(unknown)},
            status=422,
        )
    with transaction.atomic():
        held = _open(responsibility)
        merged = {
            one: fields.get(one, getattr(held, one))
            for one in ("level", "organisation", "task", "person", "due_on")
        }
        cleaned = _checked(held.project, **merged)
        before = said(held)
        for one, value in cleaned.items():
            setattr(held, one, value)
        if said(held) != before:
            held.save()
            audit.record(
                user=user, act="responsibility.change", subject=held.project, before=before, after=said(held)
            )
    return held


def remove(*, user: Any, responsibility: Responsibility, reason: str) -> None:
    """Take out an open one; the audit keeps it. What was done stays."""
    policies.demand(user, "responsibility.edit", responsibility.project)
    if not reason.strip():
        raise DomainError("no-reason", _("Say why."), status=422)
    with transaction.atomic():
        held = _open(responsibility)
        audit.record(
            user=user,
            act="responsibility.remove",
            subject=held.project,
            before=said(held),
            reason=reason.strip(),
        )
        held.delete()


def done(*, user: Any, responsibility: Responsibility, note: str) -> Responsibility:
    """Say what was done: the named person, or whoever keeps the project's responsibilities. Said twice by the same person
    it is one act."""
    if not may_do(user, responsibility):
        policies.demand(user, "responsibility.edit", responsibility.project)
    if not note.strip():
        raise DomainError("no-note", _("Say what was done."), status=422)
    with transaction.atomic():
        held = (
            Responsibility.objects.select_for_update(of=("self",))
            .select_related("project")
            .get(pk=responsibility.pk)
        )
        if held.done_at is not None and held.done_by_id == user.pk:
            return held
        _still_open(held)
        held.done_at, held.done_by, held.note = timezone.now(), user, note.strip()
        held.save(update_fields=["done_at", "done_by", "note"])
        audit.record(
            user=user, act="responsibility.done", subject=held.project, after=said(held), reason=held.note
        )
        events.tell(
            project=held.project, kind="responsibility.done", ref=held.project.ref,
            payload={"level": held.level, "task": held.task, "due_on": held.due_on.isoformat() if held.due_on else None},
        )  # fmt: skip
    return held


def add_enterprise(
    *, user: Any, city: City, name: str, name_en: str = "", area: Area | None = None
) -> Organisation:
    """Enter an enterprise that can be named. The one of that name answers where there is one."""
    policies.demand(user, "responsibility.edit", area or city)
    cleaned = name.replace("\x00", "").strip()
    if not cleaned or len(cleaned) > 120:
        raise DomainError("bad-name", _("A name of at most 120 characters is needed."), status=422)
    with transaction.atomic():
        City.objects.select_for_update(of=("self",)).get(pk=city.pk)
        found = Organisation.objects.filter(city=city, kind=OrganisationKind.ENTERPRISE, name=cleaned).first()
        if found is not None:
            return found
        made = Organisation.objects.create(
            city=city, code=next_ref("EN").lower(), name=cleaned, name_en=name_en.strip()[:120], area=area, kind=OrganisationKind.ENTERPRISE
        )  # fmt: skip
        audit.record(
            user=user, act="organisation.add", subject=made, after={"name": made.name, "kind": made.kind}
        )
    return made


def said(one: Responsibility) -> dict[str, Any]:
    return {
        "level": one.level, "organisation": one.organisation.code, "person": one.person.username if one.person else None,
        "task": one.task, "due_on": one.due_on, "done": one.done_at is not None,
    }  # fmt: skip


def _open(responsibility: Responsibility) -> Responsibility:
    held = (
        Responsibility.objects.select_for_update(of=("self",))
        .select_related("project__area", "organisation", "person")
        .filter(pk=responsibility.pk)
        .first()
    )
    if held is None:
        raise DomainError("responsibility-gone", _("Somebody else took this out meanwhile."))
    _still_open(held)
    return held


def _still_open(held: Responsibility) -> None:
    if held.done_at is not None:
        raise DomainError("responsibility-done", _("Somebody did this already; it stays as it is."))


def _checked(
    project: Project, level: str, organisation: Organisation, task: str, person: Any, due_on: date | None
) -> dict[str, Any]:
    problems: list[Problem] = []
    text = str(task or "").replace("\x00", "").strip()
    if level not in LEVELS:
        problems.append(
            Problem(
                "unknown-level",
                _("Choose leadership, territory, department or enterprise."),
                column="level",
                value=str(level),
            )
        )
    elif organisation.kind != level:
        words = _("%(name)s is of another kind: %(kind)s.")
        problems.append(
            Problem(
                "other-kind",
                words % {"name": organisation.name, "kind": organisation.get_kind_display()},
                column="organisation",
            )
        )
    if organisation.city_id != project.city_id:
        problems.append(
            Problem("other-city", _("The organisation belongs to another city."), column="organisation")
        )
    if not text or len(text) > 200:
        problems.append(
            Problem("bad-task", _("Say the task in at most 200 characters."), column="task", value=text[:40])
        )
    if due_on is not None and not isinstance(due_on, date):
        problems.append(
            Problem(
                "bad-date", _("A date like 2026-11-20 is needed."), column="due_on", value=str(due_on)[:40]
            )
        )
    if person is not None and not person.is_active:
        problems.append(
            Problem(
                "not-active", _("This person no longer works here."), column="person", value=person.username
            )
        )
    if problems:
        raise InvalidInput(_("The responsibility cannot be saved. Correct what is listed."), problems)
    return {"level": level, "organisation": organisation, "task": text, "person": person, "due_on": due_on}


def person_named(username: str) -> Any:
    """A person by user name, None for nothing. Raises DomainError for a name that nobody has."""
    if not username.strip():
        return None
    found = get_user_model().objects.filter(username=username.strip(), is_active=True).first()
    if found is None:
        raise DomainError(
            "unknown-person", _("There is no person %(name)s.") % {"name": username.strip()}, status=422
        )
    return found
