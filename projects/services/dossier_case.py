"""The dossier of one case: what was decided on, as it was frozen, and the way to the decision.

Of a case that is over it reads only rows that cannot change any more: submissions, evidence, steps, returns and answers. So
it is built again word for word, whatever happens to the project later. Names of people, areas and services are read now.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from core.models import AuditEntry
from core.templatetags.pingji import local_name, num
from projects.choices import CaseState, EvidenceKind, StepState
from projects.models import Case, Step, Submission
from projects.services import dossier_parts as parts
from projects.services.dossier_content import (
    Column,
    Dossier,
    Paragraph,
    Section,
    Sources,
    Span,
    Table,
    money,
    pairs,
    t,
    when,
)
from projects.services.dossier_parts import Basis


def case_dossier(case: Case, *, user: Any, language: str) -> Dossier:
    """The case as its newest round has it. `user` None: a command of this machine."""
    project = case.project
    frozen = case.submissions.get(round=case.round)
    basis = Basis(frozen.content, project.city, user, Sources())
    basis.main = cite_submission(basis.sources, case, frozen)
    evidence = list(case.evidence.filter(round=case.round))
    basis.plan = _cite_plan(basis.sources, evidence)
    run_tables = parts.cite_runs(
        basis, {row.content["run"]: row.content for row in evidence if row.kind == "run"}, [row.content for row in evidence if row.kind == "standards"],
    )  # fmt: skip
    check = next((row.content | {"sha256": row.sha256} for row in evidence if row.kind == "duplicates"), None)
    lead = [_asked(case, basis), *parts.lead(basis)] if case.tranche_id else [*parts.lead(basis)]
    sections = parts.listed(
        [
            parts.section(_("In three lines"), *lead),
            parts.section(_("What was decided on"), parts.facts(basis)),
            parts.section(_("Need and runs"), *run_tables) if run_tables else None,
            parts.section(_("Alternatives rejected"), *parts.alternatives(basis)),
            parts.section(_("Check against building twice"), *parts.duplicates(basis, check, f"/projects/{project.ref}/files/#{case.ref}")),
            parts.section(_("Money"), parts.money_by_year(basis), parts.tranches(basis)),
            parts.section(_("Milestones"), parts.milestones(basis)),
            parts.section(_("Responsibilities"), parts.responsibilities(basis)),
            way(case),
            parts.section(_("Evidence"), evidence_table(case)),
            audit_section([case.ref], acts_of_case=True),
        ]
    )  # fmt: skip
    state = f"{case.get_state_display()}{_(', ')}" if case.state != CaseState.OPEN else ""
    return Dossier(
        ref=case.ref,
        title=_("Dossier of case %(ref)s") % {"ref": case.ref},
        subtitle=parts.name_of(frozen.content),
        lead=(
            t(
                _("%(state)sround %(round)s, handed in on %(day)s, route %(route)s version %(version)s")
                % {
                    "state": state, "round": case.round, "day": when(frozen.submitted_at).text, "route": local_name(case.route),
                    "version": case.route.version,
                }
            ),
        ),
        sections=sections, sources=basis.sources.all(), synthetic=project.city.synthetic, language=language,
        as_of=case.closed_at or frozen.submitted_at,
    )  # fmt: skip


def cite_submission(sources: Sources, case: Case, frozen: Submission) -> int:
    return sources.cite(
        f"submission:{case.ref}:{frozen.round}", _("What was handed in"), f"/projects/{case.project.ref}/files/#{case.ref}",
        ref=_("%(case)s, round %(round)s") % {"case": case.ref, "round": frozen.round}, sha256=frozen.sha256,
    )  # fmt: skip


def _cite_plan(sources: Sources, evidence: list[Any]) -> int:
    row = next((one for one in evidence if one.kind == "plan"), None)
    if row is None:
        return 0
    return sources.cite(
        f"plan:{row.content['plan']}:{row.content['version']}", _("Plan version"), row.link,
        ref=f"{row.content['plan']} · {row.content['version']}", sha256=row.sha256, engine=row.content.get("engine", ""),
    )  # fmt: skip


def _asked(case: Case, basis: Basis) -> Paragraph:
    tranche = basis.content.get("tranche") or {}
    return Paragraph(
        (
            t(_("Release of tranche %(number)s: ") % {"number": tranche.get("number", "")}, strong=True),
            money(tranche.get("amount_fen"), basis.main), t(_(" yuan, ")), t(tranche.get("name")),
        )
    )  # fmt: skip


# --- the way of a case -----------------------------------------------------------------------------


def way(case: Case) -> Section:
    """Round by round: what was handed in, every opinion with its reason, what was asked to change and how it was answered."""
    blocks: list[Any] = []
    steps = list(
        case.steps.select_related("task__stage", "done_by", "done_for").prefetch_related("return_items__answered_by", "conditions")
    )  # fmt: skip
    for submission in case.submissions.select_related("submitted_by").order_by("round"):
        mine = [one for one in steps if one.round == submission.round]
        blocks.append(
            Paragraph(
                (
                    t(_("Round %(round)s") % {"round": num(submission.round)}, strong=True),
                    t(
                        _(", handed in by %(name)s on %(day)s, SHA-256 %(hash)s")
                        % {"name": parts.people(submission.submitted_by), "day": when(submission.submitted_at).text, "hash": submission.sha256}
                    ),
                )
            )
        )  # fmt: skip
        blocks += [_steps(case, submission.round, mine), *_returns(mine), *_conditions(mine)]
    return Section(
        _("The way of case %(ref)s: %(state)s") % {"ref": case.ref, "state": case.get_state_display()},
        tuple(parts.shown(one) for one in blocks),
    )


def _steps(case: Case, number: int, steps: list[Step]) -> Table:
    columns = (
        Column(_("Stage")), Column(_("Task"), width=2), Column(_("Who"), width=2), Column(_("When")), Column(_("Says")),
        Column(_("Reason"), width=4),
    )  # fmt: skip
    rows = tuple(
        (
            t(local_name(one.task.stage)), t(local_name(one.task)), t(_who(one)), when(one.done_at),
            t(one.get_outcome_display() if one.state == StepState.DONE else one.get_state_display()), t(one.reason),
        )
        for one in steps
    )  # fmt: skip
    caption = _("%(case)s, round %(round)s: opinions") % {"case": case.ref, "round": number}
    return Table(caption, columns, rows, _("Opinions"))


def _who(step: Step) -> str:
    if step.done_by is None:
        return ""
    name = parts.people(step.done_by)
    if step.done_for is None:
        return name
    return _("%(name)s for %(principal)s") % {"name": name, "principal": parts.people(step.done_for)}


def _returns(steps: list[Step]) -> list[Table]:
    rows = tuple(
        (t(local_name(one.task)), t(item.text), t(item.answer), t(parts.people(item.answered_by)), when(item.answered_at))
        for one in steps
        for item in sorted(one.return_items.all(), key=lambda row: row.pk)
    )  # fmt: skip
    columns = (Column(_("Asked by")), Column(_("What to change"), width=3), Column(_("Answer"), width=3), Column(_("Who")), Column(_("When")))  # fmt: skip
    return [Table(_("Changes asked for, and answers"), columns, rows, _("Returns"))] if rows else []


def _conditions(steps: list[Step]) -> list[Table]:
    """As they were asked; whether they are met since is in the dossier of the project."""
    rows = tuple(
        (t(local_name(one.task)), t(condition.text), when(condition.due_on))
        for one in steps
        for condition in sorted(one.conditions.all(), key=lambda row: row.pk)
    )
    columns = (Column(_("Asked by")), Column(_("Condition"), width=5), Column(_("Due")))
    return [Table(_("Conditions asked for"), columns, rows, _("Conditions asked for"))] if rows else []


def evidence_table(case: Case) -> Table:
    columns = (
        Column(_("Round")),
        Column(_("Kind")),
        Column(_("Evidence"), width=3),
        Column("SHA-256", width=5),
    )
    rows = tuple(
        (
            t(one.round),
            t(parts.label(EvidenceKind.choices, one.kind)),
            t(local_name(one, "title"), href=one.link),
            t(one.sha256),
        )
        for one in case.evidence.all()
    )
    handed = tuple(
        (t(one.round), t(_("submission")), t(_("What was handed in"), href=f"/projects/{case.project.ref}/files/#{case.ref}"), t(one.sha256))
        for one in case.submissions.all()
    )  # fmt: skip
    return Table(_("Evidence of %(ref)s, frozen with its hash") % {"ref": case.ref}, columns, (*handed, *rows), _("Evidence"))  # fmt: skip


def audit_section(refs: list[str], *, acts_of_case: bool = False) -> Section | None:
    """The newest entry of the audit about these records, by its number and hash in the chain; of a case only what was done
    in it, so that nothing later changes its dossier."""
    rows = AuditEntry.objects.filter(subject_type="projects.project", subject_ref__in=refs)
    if acts_of_case:
        rows = rows.filter(act__startswith="case.")
    entries = list(rows.order_by("-id").select_related("user")[:1])
    if not entries:
        return None
    last = entries[0]
    table = pairs(
        _("Audit"),
        [
            (_("Newest entry"), Span(str(last.number or last.pk), value=last.number or last.pk, kind="number")), (_("Act"), t(last.act)), (_("Who"), t(parts.people(last.user))),
            (_("When"), when(last.at)), (_("Hash in the chain"), t(last.sha256)),
        ],
        _("Audit"),
    )  # fmt: skip
    note = Paragraph(
        (t(_("manage.py verify_audit recomputes the whole chain; this entry must carry this hash.")),),
        note=True,
    )
    return Section(_("Audit reference"), (table, note))
