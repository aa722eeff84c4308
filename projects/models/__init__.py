from projects.models.calendar import CalendarDay, CalendarYear
from projects.models.cases import Case, Condition, Deputy, Evidence, ReturnItem, Step, Submission
from projects.models.money import BudgetLine, Contract, Milestone, Payment, Release, Tranche
from projects.models.outbox import Delivery, OutboxEvent, Webhook
from projects.models.projects import Project, Responsibility
from projects.models.routes import Route, RouteStage, RouteTask
from projects.models.works import (
    AlertRule,
    Commissioning,
    Finding,
    Inspection,
    InspectionDraw,
    Photo,
    ProgressReport,
    SupervisionAlert,
)

__all__ = [
    "AlertRule", "BudgetLine", "CalendarDay", "CalendarYear", "Case", "Commissioning", "Condition", "Contract",
    "Delivery", "Deputy", "Evidence", "Finding", "Inspection", "InspectionDraw", "Milestone", "OutboxEvent", "Payment",
    "Photo", "ProgressReport", "Project", "Release", "Responsibility", "ReturnItem", "Route", "RouteStage", "RouteTask",
    "Step", "Submission", "SupervisionAlert", "Tranche", "Webhook",
]  # fmt: skip
