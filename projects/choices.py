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


class AlertState(TextChoices):
    OPEN = "open", _("Needs explanation")
    EXPLAINED = "explained", _("Explained")
    CLOSED = "closed", _("Closed")


class DeliveryState(TextChoices):
    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Sent")
    DEAD = "dead", _("Given up")
