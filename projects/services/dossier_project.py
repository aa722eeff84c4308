"""The dossier of a project: from the need to what became of it, with the source of every figure."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from core.models import AuditEntry
from core.templatetags.pingji import local_name, money_unit
from planning.models import PlanVersion
from planning.services.plan_maps import token
from projects.models import Project
from projects.selectors import evidence
from projects.selectors.money_curve import curve
from projects.services import dossier_parts as parts
from projects.services import dossier_site as site
from projects.services import submissions
from projects.services.dossier_case import audit_section, cite_submission, evidence_table, way
from projects.services.dossier_content import (
    MONEY,
    NUMBER,
    Column,
    Dossier,
    Figure,
    Paragraph,
    Section,
    Sources,
    Span,
    Table,
    figure,
    money,
    money_words,
    summed,
    t,
    when,
)
from projects.services.dossier_drawings import Series, money_chart, site_map
from projects.services.dossier_parts import Basis


def project_dossier(project: Project, *, user: Any, language: str) -> Dossier:
    """Everything about the project as it is now. `user` None: a command of this machine."""
    sources = Sources()
    basis = Basis(submissions.content_of(project), project.city, user, sources)
    basis.main = sources.cite(
        f"project:{project.ref}", _("Record of the project"), site.page_of(project, "project"),
        ref=_("%(ref)s, version %(version)s") % {"ref": project.ref, "version": project.version},
    )  # fmt: skip
    cases = list(project.cases.select_related("route", "tranche", "project__city").order_by("id"))
    _cite_cases(basis, cases)
    basis.plan = _cite_plan(basis)
    run_tables = parts.cite_runs(
        basis, {run.ref: evidence.of_run(run, project) for run in evidence.runs_of(project)}, []
    )
    check = parts.check_told(project.duplicate_checks.first(), project.duplicate_reason)
    sections = parts.listed(
        [
            parts.section(_("In three lines"), *parts.lead(basis), *_totals(basis, project)),
            parts.section(_("The project"), parts.facts(basis, _state(basis, project)), _map(project)),
            parts.section(_("Need and runs"), *run_tables) if run_tables else None,
            parts.section(_("Alternatives rejected"), *parts.alternatives(basis)),
            parts.section(_("Check against building twice"), *parts.duplicates(basis, check, site.page_of(project, "project_duplicates"))),
            parts.section(_("Money"), parts.money_by_year(basis), *_money(basis, project)),
            parts.section(_("Conditions"), _conditions(project)),
            parts.section(_("Responsibilities"), _responsibilities(project)),
            *[_way(case) for case in cases],
            parts.section(_("Works"), *site.works(basis, project)),
            parts.section(_("Alerts and explanations"), site.alerts(project)),
            parts.section(_("Handover: promised and realised"), *site.handover(basis, project)),
            audit_section([project.ref, *(case.ref for case in cases)]),
        ]
    )  # fmt: skip
    return Dossier(
        ref=project.ref,
        title=_("Dossier of project %(ref)s") % {"ref": project.ref},
        subtitle=local_name(project),
        lead=(t(f"{local_name(project.city)}{_(', ')}{project.get_state_display()}"),),
        sections=sections, sources=sources.all(), synthetic=project.city.synthetic, language=language,
        as_of=_newest(project, [case.ref for case in cases]),
    )  # fmt: skip


def _newest(project: Project, refs: list[str]) -> Any:
    entry = (
        AuditEntry.objects.filter(subject_type="projects.project", subject_ref__in=[project.ref, *refs])
        .order_by("-id")
        .first()
    )
    return max(entry.at, project.created_at) if entry else project.created_at


def _cite_cases(basis: Basis, cases: list[Any]) -> None:
    for case in cases:
        for row in case.submissions.order_by("round"):
            cite_submission(basis.sources, case, row)


def _cite_plan(basis: Basis) -> int:
    need = basis.content.get("need") or {}
    if not need.get("plan"):
        return 0
    version = PlanVersion.objects.filter(plan__ref=need["plan"], number=int(need["version"])).first()
    return basis.sources.cite(
        f"plan:{need['plan']}:{need.get('version')}", _("Plan version"), f"/plans/{need['plan']}/?version={need.get('version')}",
        ref=f"{need['plan']} · {need.get('version')}", sha256=version.content_sha256 if version else "",
        engine=version.engine_version if version else "",
    )  # fmt: skip


def _way(case: Any) -> Section:
    told = way(case)
    return Section(told.title, (*told.blocks, parts.shown(evidence_table(case))))


def _state(basis: Basis, project: Project) -> list[tuple[str, Span]]:
    return [
        (_("State"), t(project.get_state_display())),
        (_("Cost approved, yuan"), money(project.approved_fen, basis.main)),
        (_("Units approved"), figure(project.approved_units, basis.main, basis.unit)),
        (_("Works begun"), when(project.started_on)),
        (_("Published"), t(_("yes") if project.published else _("no"))),
    ]


def _map(project: Project) -> Figure:
    place = local_name(project)
    picture = site_map(project.city, (project.point.x, project.point.y), place)
    words = _("Map of the city with the site of %(name)s") % {"name": place}
    return Figure(_("Where it is"), picture, words)


# --- money -----------------------------------------------------------------------------------------


def _money_source(basis: Basis, project: Project) -> int:
    return basis.sources.cite(
        f"money:{project.ref}",
        _("Money of the project"),
        site.page_of(project, "project_money"),
        ref=project.ref,
    )


def _totals(basis: Basis, project: Project) -> list[Paragraph]:
    if project.approved_fen is None:
        return []
    source = _money_source(basis, project)
    released = sum(one.release.amount_fen for one in _released(project))
    paid = sum(project.payments.values_list("amount_fen", flat=True))
    return [
        Paragraph(
            (
                t(_("Money until now: ")), t(_("approved ")), money_words(project.approved_fen, source), t(_(", released ")),
                money_words(released, source), t(_(", paid ")), money_words(paid, source), t(_(". ")),
            )
        )
    ]  # fmt: skip


def _released(project: Project) -> QuerySet[Any]:
    return project.tranches.filter(release__isnull=False).select_related(
        "release__recommended_by", "release__decided_by"
    )


def _money(basis: Basis, project: Project) -> list[Any]:
    source = _money_source(basis, project)
    return [
        _tranches(source, project),
        _contracts(source, project),
        _payments(source, project),
        _chart(project),
    ]


def _tranches(source: int, project: Project) -> Table:
    columns = (
        Column(_("Tranche")), Column(_("Due when"), width=3), Column(_("Waits for"), width=3), Column(_("Amount, yuan"), MONEY, 2),
        Column(_("Released, yuan"), MONEY, 2), Column(_("Paid, yuan"), MONEY, 2), Column(_("Released on and by"), width=3),
    )  # fmt: skip
    rows = []
    for one in project.tranches.select_related("release__recommended_by", "release__decided_by").prefetch_related(
        "payments", "conditions", "milestones"
    ):  # fmt: skip
        release = getattr(one, "release", None)
        waits = [local_name(row) for row in one.milestones.all()] + [row.text for row in one.conditions.all()]
        said = ""
        if release is not None:
            said = f"{when(release.released_at).text}{_(', ')}{parts.people(release.recommended_by, release.decided_by)}"
            said += (
                f"{_('. ')}{_('Although something was open: ')}{release.override_reason}"
                if release.override_reason
                else ""
            )
        rows.append(
            (
                Span(str(one.number), value=one.number, kind=NUMBER), t(local_name(one)), t("; ".join(waits)), money(one.amount_fen, source),
                money(release.amount_fen if release else None, source), money(sum(row.amount_fen for row in one.payments.all()), source),
                t(said),
            )
        )  # fmt: skip
    caption = _("Tranches with what they wait for, released and paid")
    return Table(caption, columns, tuple(rows), _("Tranches"), summed(rows, columns, source) if rows else ())


def _contracts(source: int, project: Project) -> Table:
    columns = (
        Column(_("Contract"), width=2), Column(_("Payee"), width=3), Column(_("Signed")), Column(_("As signed, yuan"), MONEY, 2),
        Column(_("Agreed later, yuan"), MONEY, 2), Column(_("Paid, yuan"), MONEY, 2),
    )  # fmt: skip
    rows = tuple(
        (
            t(one.number), t(one.payee), when(one.signed_on), money(one.amount_fen, source),
            money(sum(row.amount_fen for row in one.supplements.all()), source),
            money(sum(row.amount_fen for row in one.payments.all()), source),
        )
        for one in project.contracts.prefetch_related("payments", "supplements")
    )  # fmt: skip
    return Table(_("Contracts"), columns, rows, _("Contracts"), summed(rows, columns, source) if rows else ())


def _payments(source: int, project: Project) -> Table:
    columns = (
        Column(_("Paid on")), Column(_("Payee"), width=3), Column(_("Contract"), width=2), Column(_("Tranche")),
        Column(_("Amount, yuan"), MONEY, 2), Column(_("Note"), width=3),
    )  # fmt: skip
    rows = tuple(
        (
            when(one.paid_on), t(one.payee), t(one.contract.number if one.contract else ""), t(one.tranche.number),
            money(one.amount_fen, source), t(" ".join(part for part in (_("Takes back an earlier payment.") if one.corrects_id else "", one.note) if part)),
        )
        for one in project.payments.select_related("contract", "tranche").order_by("paid_on", "id")
    )  # fmt: skip
    return Table(_("Payments"), columns, rows, _("Payments"), summed(rows, columns, source) if rows else ())


def _chart(project: Project) -> Figure | None:
    """The same series as on the page; drawn to the last of them, not to the day of printing."""
    told = curve(project)
    unit_fen = 10_000_00 if money_unit() == "万元" else 1_000_000_00
    series = [
        Series(pgettext("money", "Planned"), tuple(told.planned), token("stale"), broken=True),
        Series(_("Works done"), tuple(told.works_money), token("accent")),
        Series(_("Released"), _begun(told.released), token("note"), steps=True),
        Series(_("Paid"), _begun(told.paid), token("changed")),
    ]
    shown = [one for one in series if one.points]
    if not shown:
        return None
    words = "; ".join(f"{one.label} {one.points[-1][1] / 100:,.2f}" for one in shown)
    caption = _("Money planned, released and paid, and the works done at their worth")
    return Figure(
        caption,
        money_chart(shown, unit_fen, str(money_unit())),
        _("%(words)s yuan at the end of each line") % {"words": words},
    )


def _begun(points: Any) -> Any:
    """A line of sums begins at nothing on its first day."""
    return ((points[0][0], 0), *points) if points else ()


def _conditions(project: Project) -> Table:
    columns = (
        Column(_("Condition"), width=4), Column(_("Asked at"), width=2), Column(_("Due")), Column(_("State")),
        Column(_("How it was met"), width=3), Column(_("Who and when"), width=2),
    )  # fmt: skip
    rows = tuple(
        (
            t(one.text), t(f"{one.step.case.ref}{_(', ')}{local_name(one.step.task)}"), when(one.due_on), t(one.get_state_display()), t(one.note),
            t(f"{parts.people(one.settled_by)} {when(one.settled_at).text}" if one.settled_at else ""),
        )
        for one in project.conditions.select_related("step__task", "step__case", "settled_by").order_by("id")
    )  # fmt: skip
    return Table(_("Conditions of the decisions"), columns, rows, _("Conditions"))


def _responsibilities(project: Project) -> Table:
    columns = (
        Column(_("Level")), Column(_("Organisation"), width=2), Column(_("Person")), Column(_("Task"), width=3), Column(_("Due")),
        Column(_("Done")), Column(_("What was done"), width=3),
    )  # fmt: skip
    rows = tuple(
        (
            t(one.get_level_display()), t(local_name(one.organisation)), t(parts.people(one.person)), t(one.task), when(one.due_on),
            when(one.done_at), t(one.note),
        )
        for one in project.responsibilities.select_related("organisation", "person").order_by("level", "id")
    )  # fmt: skip
    return Table(_("Who answers for what"), columns, rows, _("Responsibilities"))
