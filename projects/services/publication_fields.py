"""What can be published of a project, field by field: the whole catalogue a city's allow-list chooses from.

Each field is a path in OC4IDS (Open Contracting for Infrastructure Data Standard 0.9.5) with words, and where it comes from
in this platform. There is no way to publish what is not here: no person, no opinion, reason, note or address of anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

VERSION = "0.9"
# Begins every identifier of a package; a publisher gets its own from the registry of the standard.
PREFIX_FORM = r"^oc4ids-[a-z0-9]{6}$"
# For demonstrations: obviously nobody's. A real city cannot publish with it, a made-up one with no other.
ILLUSTRATIVE_PREFIX = "oc4ids-xxxxxx"


@dataclass(frozen=True)
class Field:
    """`path`: what the allow-list names. `emits`: every path below which the field writes (identifiers always)."""

    path: str
    label: Any
    source: str
    emits: tuple[str, ...] = ()
    proposed: bool = True

    @property
    def writes(self) -> tuple[str, ...]:
        return self.emits or (self.path,)


FIELDS: tuple[Field, ...] = (
    Field("title", _("Name"), "Project.name"),
    Field("title_en", _("English name (not a field of the standard)"), "Project.name_en", proposed=False),
    Field("description", _("What is done, in free words"), "Project.description", proposed=False),
    Field("identifiers", _("Reference of this platform"), "Project.ref"),
    Field("identifiers.investmentCode", _("National investment code"), "Project.investment_code", ("identifiers",)),
    Field("status", _("State"), "Project.state"),
    Field("type", _("Intervention"), "Project.kind"),
    Field("sector", _("Sector"), "ServiceType.domain"),
    Field("purpose", _("Emergency role it serves"), "ServiceType.name"),
    Field("additionalClassifications", _("Service type"), "ServiceType.code, ServiceType.name"),
    Field("period", _("Planned start and end"), "Project.starts_on, Project.ends_on"),
    Field("implementationPeriod", _("Start of the works and handover"), "Project.started_on, Commissioning.accepted_at"),
    Field("locations.address", _("City and area"), "City.name, Area.name", ("locations.description", "locations.address")),
    Field("locations.geometry", _("Position"), "Project.point"),
    Field("publicAuthority", _("Department responsible"), "Responsibility.organisation (level department)", ("publicAuthority", "parties")),
    Field("parties.administrativeEntity", _("Enterprise responsible"), "Responsibility.organisation (level enterprise)", ("parties",)),
    Field("budget.amount", _("Approved cost"), "Project.approved_fen"),
    Field("budget.requestDate", _("Handed in"), "Case.submitted_at"),
    Field("budget.approvalDate", _("Approved on"), "Case.closed_at"),
    Field("budget.budgetBreakdowns", _("Money by year and source"), "BudgetLine", ("budget.budgetBreakdowns", "parties")),
    Field("milestones.delivery", _("Milestones of the works"), "Milestone", ("milestones",)),
    Field("milestones.payment", _("Tranches and their release"), "Tranche, Release", ("milestones",)),
    Field("forecasts.capacity", _("Capacity promised"), "Project.approved_units", ("forecasts",)),
    Field("forecasts.gapClosed", _("Gap closed as promised"), "Project.gap_promised", ("forecasts",)),
    Field("forecasts.conversionHours", _("Conversion promised, hours"), "Project.conversion_hours", ("forecasts",)),
    Field("forecasts.physicalProgress", _("Works planned, %"), "Milestone.planned_on, Milestone.works_percent", ("forecasts",)),
    Field("metrics.capacity", _("Capacity as built"), "Commissioning.built_units", ("metrics",)),
    Field("metrics.gapClosed", _("Gap closed as realised"), "RealisedGap", ("metrics",)),
    Field("metrics.conversionHours", _("Conversion as tried, hours"), "Commissioning.conversion_hours", ("metrics",)),
    Field("metrics.physicalProgress", _("Works seen by inspections, %"), "Inspection.works_percent", ("metrics",)),
    Field("metrics.financialProgress", _("Money paid of what was approved, %"), "Payment", ("metrics",)),
    Field("completion", _("Completion: date, capacity, money paid"), "Commissioning, Payment"),
    Field("contractingProcesses.value", _("Contracts: number, sum, date"), "Contract", ("contractingProcesses.summary",)),
    Field("contractingProcesses.suppliers", _("Suppliers that have a social credit code"), "Contract.payee, Contract.payee_code", ("contractingProcesses.summary.suppliers", "parties")),
    Field("contractingProcesses.transactions", _("Payments by contract"), "Payment", ("contractingProcesses.summary.transactions",)),
    Field("transactions", _("Payments without a contract: date and amount"), "Payment"),
    Field("documents.approval", _("Decision of approval with the hash of what was decided on"), "Case, Submission.sha256", ("documents",)),
)  # fmt: skip
BY_PATH = {field.path: field for field in FIELDS}
PROPOSED = tuple(field.path for field in FIELDS if field.proposed)
# Written whatever the list says: without them nothing could be told apart.
ALWAYS = ("id", "language")
