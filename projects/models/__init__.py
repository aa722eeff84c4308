from projects.models.calendar import CalendarDay, CalendarYear
from projects.models.cases import Case, Condition, Deputy, Evidence, ReturnItem, Step, Submission
from projects.models.money import (
    BudgetLine,
    ConditionMove,
    Contract,
    Milestone,
    Payment,
    Release,
    SupplementaryAgreement,
    Tranche,
)
from projects.models.outbox import Delivery, DeliveryAttempt, OutboxEvent, Webhook
from projects.models.projects import DuplicateCheck, DuplicateRule, Project, Responsibility
from projects.models.publications import Publication, PublicationRule
from projects.models.routes import Route, RouteStage, RouteTask
from projects.models.site import MilestoneChange, Rectification, ReportVersion, WorksRule
from projects.models.supervision import AlertAnswer, AlertRule, SupervisionAlert, SupervisionRun
from projects.models.works import (
    Commissioning,
    ConversionCheck,
    Finding,
    Inspection,
    InspectionDraw,
    Photo,
    ProgressReport,
    RealisedGap,
)

__all__ = [
    "AlertAnswer", "AlertRule", "BudgetLine", "CalendarDay", "CalendarYear", "Case", "Commissioning",
    "Condition", "ConditionMove", "Contract", "ConversionCheck", "Delivery", "DeliveryAttempt",
    "Deputy", "DuplicateCheck", "DuplicateRule", "Evidence", "Finding", "Inspection", "InspectionDraw",
    "Milestone", "MilestoneChange", "OutboxEvent", "Payment", "Photo", "ProgressReport", "Project",
    "Publication", "PublicationRule", "RealisedGap", "Rectification", "Release", "ReportVersion",
    "Responsibility", "ReturnItem", "Route", "RouteStage", "RouteTask", "Step", "Submission",
    "SupervisionAlert", "SupervisionRun", "SupplementaryAgreement", "Tranche", "Webhook", "WorksRule",
]  # fmt: skip
