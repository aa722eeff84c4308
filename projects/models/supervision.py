"""Alerts: the rules as versioned data, what was found by them, every word said about it, and every run of the rules."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty, OrganisationKind
from projects.choices import AlertState, AlertWord, RouteState
from projects.models.projects import Project


class AlertRule(models.Model):
    """A rule of supervision with its thresholds, as versioned data. A published version never changes (a trigger
    refuses); what it means is in docs/algorithms/supervision-alerts.md."""

    code = models.SlugField(_("code"), max_length=40)
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    name = models.CharField(_("name"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=RouteState.choices, default=RouteState.DRAFT)
    # Whole numbers; the unit is the end of each key's name (_days, _points, _percent, _m …).
    thresholds = models.JSONField(_("thresholds"), default=dict)
    answer_working_days = models.PositiveSmallIntegerField(_("to be answered in working days"), default=10)
    escalate_working_days = models.PositiveSmallIntegerField(
        _("told to the one above after further working days"), default=5
    )
    owner_level = models.CharField(
        _("explained by"),
        max_length=12,
        choices=OrganisationKind.choices,
        default=OrganisationKind.DEPARTMENT,
        help_text=_("Whose responsibility for the project it is."),
    )
    source = models.CharField(_("source"), max_length=300, blank=True)
    certainty = models.CharField(_("certainty"), max_length=1, choices=Certainty.choices, default=Certainty.D)
    reason = models.TextField(_("why it was changed"), blank=True)
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    published_at = models.DateTimeField(_("published"), null=True, blank=True)

    class Meta:
        ordering = ["code", "-version"]
        verbose_name = _("alert rule")
        verbose_name_plural = _("alert rules")
        constraints = [
            models.UniqueConstraint(fields=["code", "version"], name="alert_rule_once"),
            models.UniqueConstraint(
                fields=["code"], condition=models.Q(state="published"), name="alert_rule_one_in_force"
            ),
            models.UniqueConstraint(
                fields=["code"], condition=models.Q(state="draft"), name="alert_rule_one_draft"
            ),
            models.CheckConstraint(
                condition=models.Q(published_by=None) | ~models.Q(published_by=models.F("drafted_by")),
                name="alert_rule_by_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} v{self.version}"


class SupervisionAlert(models.Model):
    """Something that needs an explanation. It never says that anybody did wrong."""

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="alerts", verbose_name=_("project")
    )
    rule = models.ForeignKey(AlertRule, on_delete=models.PROTECT, related_name="alerts")
    # Of the rule, whatever its version: a new version does not raise the same occasion again.
    code = models.SlugField(_("rule"), max_length=40)
    # What of the project it is about where a rule looks at several things (a tranche, a milestone, a payment).
    thing = models.CharField(_("about"), max_length=60, blank=True)
    # Which occasion: the same one is raised once, however often the rules are run.
    occasion = models.CharField(_("occasion"), max_length=80)
    facts = models.JSONField(_("facts"), default=dict)
    state = models.CharField(_("state"), max_length=10, choices=AlertState.choices, default=AlertState.OPEN)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="alerts",
        verbose_name=_("to be explained by"),
    )
    raised_on = models.DateField(_("raised"))
    due_on = models.DateField(_("due"))
    # The day of the first run that did not find it any more; it still needs its explanation.
    ended_on = models.DateField(_("no longer so since"), null=True, blank=True)
    escalated_at = models.DateTimeField(_("told to the one above"), null=True, blank=True)
    explanation = models.TextField(_("explanation"), blank=True)
    explained_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    explained_at = models.DateTimeField(_("explained"), null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    # The day it was closed on at its place; a matter that goes on is asked about again counted from here.
    closed_on = models.DateField(_("closed on"), null=True, blank=True)
    closing_note = models.TextField(_("what was found"), blank=True)

    class Meta:
        ordering = ["due_on", "id"]
        verbose_name = _("supervision alert")
        verbose_name_plural = _("supervision alerts")
        constraints = [
            models.UniqueConstraint(fields=["project", "code", "occasion"], name="alert_once_an_occasion"),
            models.CheckConstraint(
                condition=models.Q(closed_by=None) | ~models.Q(closed_by=models.F("explained_by")),
                name="alert_closed_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(state="open", explanation="", explained_by=None, explained_at=None)
                | (
                    ~models.Q(state="open")
                    & ~models.Q(explanation="")
                    & models.Q(explained_by__isnull=False, explained_at__isnull=False)
                ),
                name="alert_explained_by_somebody",
            ),
            models.CheckConstraint(
                condition=models.Q(closed_by=None, closed_at=None, closed_on=None, closing_note="")
                & ~models.Q(state="closed")
                | models.Q(
                    state="closed", closed_by__isnull=False, closed_at__isnull=False, closed_on__isnull=False
                )
                & ~models.Q(closing_note=""),
                name="alert_closed_with_a_note",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "due_on"], name="alert_state_due"),
            models.Index(fields=["code", "project", "thing"], name="alert_matter"),
        ]


class AlertAnswer(models.Model):
    """One word said about an alert: explained, sent back, closed, given to another, told to the one above. They stay."""

    alert = models.ForeignKey(
        SupervisionAlert, on_delete=models.PROTECT, related_name="answers", verbose_name=_("alert")
    )
    kind = models.CharField(_("what was done"), max_length=10, choices=AlertWord.choices)
    text = models.TextField(_("words"), blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )
    done_for = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("as deputy of"),
    )
    at = models.DateTimeField(_("at"), auto_now_add=True)

    class Meta:
        ordering = ["alert", "id"]
        verbose_name = _("word on an alert")
        verbose_name_plural = _("words on alerts")


class SupervisionRun(models.Model):
    """The rules were run over a city's programme for one day: what they found, by which versions, how long it took."""

    city = models.ForeignKey(
        "core.City", on_delete=models.PROTECT, related_name="supervision_runs", verbose_name=_("city")
    )
    day = models.DateField(_("day"))
    # {rule: {"version", "raised", "standing"}}: alerts raised, and matters that are there on the day.
    found = models.JSONField(_("found"), default=dict)
    projects = models.PositiveIntegerField(_("projects looked at"), default=0)
    raised = models.PositiveIntegerField(_("alerts raised"), default=0)
    ended = models.PositiveIntegerField(_("no longer so"), default=0)
    escalated = models.PositiveIntegerField(_("alerts told to the one above"), default=0)
    seconds = models.FloatField(_("took, s"), default=0)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ran_at = models.DateTimeField(_("run"), auto_now_add=True)

    class Meta:
        ordering = ["-day", "-id"]
        verbose_name = _("run of the alert rules")
        verbose_name_plural = _("runs of the alert rules")
        indexes = [models.Index(fields=["city", "-day"], name="supervision_run_day")]
