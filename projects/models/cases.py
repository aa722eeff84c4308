from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from projects.choices import CaseState, ConditionState, Outcome, StepState
from projects.models.projects import Project
from projects.models.routes import Route, RouteTask


class Case(models.Model):
    """One question put to officials: approve this project, or release this tranche. It goes the way of one route version
    and keeps it. `round` counts the submissions; who drafted it may neither recommend nor decide."""

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="cases", verbose_name=_("project")
    )
    tranche = models.ForeignKey(
        "projects.Tranche",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="cases",
        verbose_name=_("tranche"),
    )
    route = models.ForeignKey(Route, on_delete=models.PROTECT, related_name="cases", verbose_name=_("route"))
    ref = models.CharField(_("reference"), max_length=24, unique=True)
    state = models.CharField(_("state"), max_length=12, choices=CaseState.choices, default=CaseState.OPEN)
    round = models.PositiveSmallIntegerField(_("round"), default=1)
    drafter = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("drafted by")
    )
    submitted_at = models.DateTimeField(_("submitted"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        constraints = [
            # One question at a time: a project under approval is not submitted twice, nor a tranche.
            models.UniqueConstraint(
                fields=["project"],
                condition=models.Q(state__in=["open", "returned"], tranche=None),
                name="project_case_once_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["tranche"],
                condition=models.Q(state__in=["open", "returned"]),
                name="tranche_case_once_at_a_time",
            ),
        ]


class Submission(models.Model):
    """What was handed in with one round, word for word: what changed between rounds is read from here."""

    case = models.ForeignKey(
        Case, on_delete=models.PROTECT, related_name="submissions", verbose_name=_("case")
    )
    round = models.PositiveSmallIntegerField(_("round"))
    content = models.JSONField(_("content"))
    sha256 = models.CharField(max_length=64)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("by")
    )
    submitted_at = models.DateTimeField(_("submitted"))

    class Meta:
        ordering = ["case", "round"]
        verbose_name = _("submission")
        verbose_name_plural = _("submissions")
        constraints = [models.UniqueConstraint(fields=["case", "round"], name="submission_once_a_round")]


class Evidence(models.Model):
    """What a decision stands on, frozen at submission with its hash. Newer data never changes it."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="evidence", verbose_name=_("case"))
    round = models.PositiveSmallIntegerField(_("round"))
    kind = models.CharField(_("kind"), max_length=20)
    title = models.CharField(_("title"), max_length=200)
    title_en = models.CharField(_("English title"), max_length=200, blank=True)
    link = models.CharField(_("link"), max_length=200, blank=True)
    content = models.JSONField(_("content"))
    sha256 = models.CharField(max_length=64)
    run = models.ForeignKey(
        "planning.Run",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("run"),
    )

    class Meta:
        ordering = ["case", "round", "id"]
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")


class Step(models.Model):
    """A task of the route in one round. Once over it never changes (a trigger refuses)."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="steps", verbose_name=_("case"))
    task = models.ForeignKey(RouteTask, on_delete=models.PROTECT, related_name="+", verbose_name=_("task"))
    round = models.PositiveSmallIntegerField(_("round"))
    state = models.CharField(_("state"), max_length=8, choices=StepState.choices, default=StepState.WAITING)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    # [[text, due day or null], …]: what a recommendation proposes binds nobody until the decision takes it up.
    proposed = models.JSONField(_("conditions proposed"), default=list, blank=True)
    opened_at = models.DateTimeField(_("opened"), null=True, blank=True)
    due_on = models.DateField(_("due"), null=True, blank=True)
    escalated_at = models.DateTimeField(_("told to the one above"), null=True, blank=True)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("done by"),
    )
    done_for = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("as deputy of"),
    )

    class Meta:
        ordering = ["case", "round", "task__stage__order", "task__order", "task__code"]
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        constraints = [
            models.UniqueConstraint(fields=["case", "task", "round"], name="step_once_a_round"),
            models.CheckConstraint(
                condition=~models.Q(state="done")
                | (models.Q(done_at__isnull=False, done_by__isnull=False) & ~models.Q(outcome="")),
                name="step_done_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["state", "due_on"])]


class ReturnItem(models.Model):
    """One change that was asked for. A case is handed in again when every item is answered."""

    step = models.ForeignKey(
        Step, on_delete=models.PROTECT, related_name="return_items", verbose_name=_("step")
    )
    text = models.TextField(_("what to change"))
    answer = models.TextField(_("answer"), blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("answered by"),
    )
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)

    class Meta:
        ordering = ["step", "id"]
        verbose_name = _("change asked for")
        verbose_name_plural = _("changes asked for")


class Condition(models.Model):
    """What must be met after an approval. Money tied to it stays where it is until then."""

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="conditions", verbose_name=_("project")
    )
    step = models.ForeignKey(
        Step, on_delete=models.PROTECT, related_name="conditions", verbose_name=_("asked at")
    )
    text = models.TextField(_("condition"))
    due_on = models.DateField(_("due"), null=True, blank=True)
    state = models.CharField(
        _("state"), max_length=8, choices=ConditionState.choices, default=ConditionState.OPEN
    )
    note = models.TextField(_("how it was met"), blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("settled by"),
    )
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)

    class Meta:
        ordering = ["project", "due_on", "id"]
        verbose_name = _("condition")
        verbose_name_plural = _("conditions")


class Deputy(models.Model):
    """Who acts for whom, and how long. A deputy stands under the same rule of two people as the one represented. One that
    is ended early gets a `valid_to` in the past, so whoever asks for the day needs to ask nothing else."""

    principal = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="deputies", verbose_name=_("for")
    )
    deputy = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="deputy_of", verbose_name=_("deputy")
    )
    valid_from = models.DateField(_("from"))
    valid_to = models.DateField(_("until"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    named_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("named by"),
    )
    ended_at = models.DateTimeField(_("ended early"), null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("ended by"),
    )

    class Meta:
        ordering = ["-valid_from"]
        verbose_name = _("deputy")
        verbose_name_plural = _("deputies")
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(principal=models.F("deputy")), name="deputy_is_somebody_else"
            ),
            models.CheckConstraint(
                condition=models.Q(valid_to__gte=models.F("valid_from")) | models.Q(ended_at__isnull=False),
                name="deputy_until_after_from",
            ),
            # Nobody lends themselves the rights of another.
            models.CheckConstraint(
                condition=models.Q(named_by=None) | ~models.Q(named_by=models.F("deputy")),
                name="deputy_named_by_another",
            ),
        ]
