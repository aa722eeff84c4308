from projects.models.calendar import CalendarDay, CalendarYear
from projects.models.cases import Case, Condition, Deputy, Evidence, ReturnItem, Step, Submission
from projects.models.money import BudgetLine, Contract, Milestone, Payment, Release, Tranche
from projects.models.outbox import Delivery, DeliveryAttempt, OutboxEvent, Webhook
from projects.models.projects import DuplicateCheck, DuplicateRule, Project, Responsibility
from projects.models.publications import Publication, PublicationRule
from projects.models.routes import Route, RouteStage, RouteTask
from projects.models.works import (
    AlertRule,
    Commissioning,
    Finding,
    Inspection,
    InspectionDraw,
    Photo,
    ProgressReport,
    RealisedGap,
    SupervisionAlert,
)

__all__ = [
    "AlertRule", "BudgetLine", "CalendarDay", "CalendarYear", "Case", "Commissioning", "Condition", "Contract",
    "Delivery", "DeliveryAttempt", "Deputy", "DuplicateCheck", "DuplicateRule", "Evidence", "Finding", "Inspection",
    "InspectionDraw", "Milestone", "OutboxEvent", "Payment", "Photo", "ProgressReport", "Project", "Publication",
    "PublicationRule", "RealisedGap", "Release", "Responsibility", "ReturnItem", "Route", "RouteStage", "RouteTask",
    "Step", "Submission", "SupervisionAlert", "Tranche", "Webhook",
]  # fmt: skip
