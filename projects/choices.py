"""Closed lists of projects, their routes, money and works."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Origin(TextChoices):
    PLAN = "plan", _("From a plan")
    HAND = "hand", _("Entered by hand")
    IMPORT = "import", _("Imported")


class ProjectState(TextChoices):
    DRAFT = "draft", _("Draft")
    REVIEW = "review", _("In approval")
    RETURNED = "returned", _("Returned for changes")
    APPROVED = "approved", _("Approved")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    WORKS = "works", _("In works")
    COMMISSIONED = "commissioned", _("Commissioned")


class RouteKind(TextChoices):
    """How the state looks at an investment (Investment Project Administration regulations, 2016, articles 3 to 4)."""

    APPROVAL = "approval", _("Approval, government invested")
    VERIFICATION = "verification", _("Verification")
    FILING = "filing", _("Filing")


class RouteState(TextChoices):
    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    RETIRED = "retired", _("Retired")


class TaskKind(TextChoices):
    PROVIDE = "provide", _("Provide")
    CHECK = "check", _("Check")
    COUNTERSIGN = "countersign", _("Countersign")
    RECOMMEND = "recommend", _("Recommend")
    DECIDE = "decide", _("Decide")


class CaseState(TextChoices):
    OPEN = "open", _("Open")
    RETURNED = "returned", _("Returned for changes")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    APPROVED = "approved", _("Approved")
    CONDITIONAL = "conditional", _("Approved with conditions")
    REFUSED = "refused", _("Refused")


class StepState(TextChoices):
    WAITING = "waiting", _("Cannot start yet")
    OPEN = "open", _("To do")
    DONE = "done", _("Completed")
    SKIPPED = "skipped", _("Not needed")
    STOPPED = "stopped", _("Stopped")


class Outcome(TextChoices):
    DONE = "done", _("Done")
    AGREE = "agree", _("Agrees")
    APPROVE = "approve", _("Approve")
    CONDITIONS = "conditions", _("Approve with conditions")
    RETURN = "return", _("Return for changes")
    REFUSE = "refuse", _("Refuse")


# What may be said to a task of each kind.
OUTCOMES: dict[str, tuple[str, ...]] = {
    TaskKind.PROVIDE: (Outcome.DONE,),
    TaskKind.CHECK: (Outcome.DONE, Outcome.RETURN),
    TaskKind.COUNTERSIGN: (Outcome.AGREE, Outcome.CONDITIONS, Outcome.RETURN),
    TaskKind.RECOMMEND: (Outcome.APPROVE, Outcome.CONDITIONS, Outcome.RETURN, Outcome.REFUSE),
    TaskKind.DECIDE: (Outcome.APPROVE, Outcome.CONDITIONS, Outcome.RETURN, Outcome.REFUSE),
}


class ConditionState(TextChoices):
    OPEN = "open", _("Open")
    MET = "met", _("Met")
    WAIVED = "waived", _("Waived")


class Severity(TextChoices):
    MINOR = "minor", _("Minor")
    MAJOR = "major", _("Major")
    SAFETY = "safety", _("Safety")


class FindingState(TextChoices):
    OPEN = "open", _("Open")
    RECTIFIED = "rectified", _("Rectified, to be checked")
    CLOSED = "closed", _("Closed")


class MilestoneAct(TextChoices):
    """What is said about a milestone."""

    REVISED = "revised", _("Date moved")
    REPORTED = "reported", _("Reported")
    SENT_BACK = "sent_back", _("Not reached yet")
    SEEN = "seen", _("Seen on site")


class AlertState(TextChoices):
    OPEN = "open", _("Needs explanation")
    EXPLAINED = "explained", _("Explained")
    CLOSED = "closed", _("Closed")


class AlertWord(TextChoices):
    EXPLAINED = "explained", _("Explained")
    SENT_BACK = "sent_back", _("Sent back")
    CLOSED = "closed", _("Closed")
    ASSIGNED = "assigned", _("Given to another")
    ESCALATED = "escalated", _("Told to the one above")


class DeliveryState(TextChoices):
    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Sent")
    DEAD = "dead", _("Given up")


class EventKind(TextChoices):
    """What webhooks are told of, and what the list of events can be narrowed by. The values are stable."""

    PROJECT_DRAFTED = "project.drafted", _("A project was drafted")
    PROJECT_CHANGED = "project.changed", _("A project's facts were changed")
    PROJECT_IMPORTED = "project.imported", _("A project was imported")
    CASE_SUBMITTED = "case.submitted", _("A case was handed in")
    CASE_PROVIDE = "case.provide", _("Something asked for was provided")
    CASE_CHECK = "case.check", _("A check was made")
    CASE_COUNTERSIGN = "case.countersign", _("A department countersigned")
    CASE_RECOMMEND = "case.recommend", _("A recommendation was made")
    CASE_DECIDE = "case.decide", _("A case was decided")
    CASE_WITHDRAWN = "case.withdrawn", _("A case was withdrawn")
    CASE_ESCALATED = "case.escalated", _("A late task was told to the one above")
    CONDITION_MET = "condition.met", _("A condition was met")
    MONEY_LINES = "money.lines", _("Budget lines were changed")
    MONEY_RELEASED = "money.released", _("A tranche was released")
    MONEY_TIED = "money.tied", _("What a tranche waits for was changed")
    MONEY_PAID = "money.paid", _("A payment was recorded")
    CONTRACT_SIGNED = "contract.signed", _("A contract was recorded")
    WORKS_STARTED = "works.started", _("Works began")
    WORKS_REPORTED = "works.reported", _("Progress was reported")
    MILESTONE_REPORTED = "milestone.reported", _("A milestone was reported")
    MILESTONE_SEEN = "milestone.seen", _("A milestone was seen on site")
    INSPECTION_DRAWN = "inspection.drawn", _("Inspections were drawn")
    INSPECTION_DONE = "inspection.done", _("An inspection was made")
    FINDING_OPENED = "finding.opened", _("A finding was opened")
    FINDING_RECTIFIED = "finding.rectified", _("A finding was rectified")
    FINDING_CLOSED = "finding.closed", _("A finding was closed")
    ALERT_RAISED = "alert.raised", _("An alert needs explanation")
    ALERT_EXPLAINED = "alert.explained", _("An alert was explained")
    ALERT_CLOSED = "alert.closed", _("An alert was closed")
    ALERT_ESCALATED = "alert.escalated", _("An overdue alert was told to the one above")
    HANDOVER_REPORTED = "handover.reported", _("A finished project was reported")
    HANDOVER_CHECKED = "handover.checked", _("A finished project was checked")
    HANDOVER_ACCEPTED = "handover.accepted", _("A finished project was accepted into the registry")
    RESPONSIBILITY_DONE = "responsibility.done", _("A responsible body did its task")
    PROJECT_PUBLISHED = "project.published", _("A project was published")
    AUDIT_ANCHOR = "audit.anchor", _("The last entry of the audit, once a day")
    WEBHOOK_PING = "webhook.ping", _("A test message")


class EvidenceKind(TextChoices):
    """What a decision stands on, in the order it is shown."""

    PLAN = "plan", _("Plan")
    RUN = "run", _("Run")
    SNAPSHOT = "snapshot", _("Snapshot")
    STANDARDS = "standards", _("Standards")
    FACILITY = "facility", _("Facility")
    IDLE = "idle", _("Idle asset")
    DUPLICATES = "duplicates", _("Built twice?")
    RESPONSIBILITIES = "responsibilities", _("Responsibility")
