"""What happened on site, kept as it was said: dates that moved, reports that were corrected, rounds of rectification."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty
from projects.choices import MilestoneAct, RouteState
from projects.models.money import Milestone
from projects.models.works import Finding, ProgressReport


class WorksRule(models.Model):
    """Limits for photos, periods for reports and findings, and weights of the draw, as versioned data."""

    version = models.PositiveSmallIntegerField(_("version"), unique=True)
    state = models.CharField(_("state"), max_length=10, choices=RouteState.choices, default=RouteState.DRAFT)
    # The values, and for each of them where it comes from and how certain that is.
    values = models.JSONField(_("values"), default=dict)
    source = models.CharField(_("source"), max_length=300, blank=True)
    certainty = models.CharField(_("certainty"), max_length=1, choices=Certainty.choices, default=Certainty.D)
    reason = models.TextField(_("reason"), blank=True)
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    drafted_at = models.DateTimeField(_("drafted"), auto_now_add=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    published_at = models.DateTimeField(_("published"), null=True, blank=True)

    class Meta:
        ordering = ["-version"]
        verbose_name = _("rule of the works")
        verbose_name_plural = _("rules of the works")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(published_by=None) | ~models.Q(published_by=models.F("drafted_by")),
                name="works_rule_by_two_people",
            ),
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="published"), name="works_rule_one_in_force"
            ),
        ]


class MilestoneChange(models.Model):
    """One thing said about a milestone: its date moved, it was reported, sent back, seen. Append-only."""

    milestone = models.ForeignKey(Milestone, on_delete=models.PROTECT, related_name="changes")
    act = models.CharField(_("act"), max_length=9, choices=MilestoneAct.choices)
    from_on = models.DateField(_("from"), null=True, blank=True)
    to_on = models.DateField(_("to"), null=True, blank=True)
    text = models.TextField(_("reason"), blank=True)
    said_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    said_at = models.DateTimeField(_("said"), auto_now_add=True)

    class Meta:
        ordering = ["milestone", "id"]
        verbose_name = _("change of a milestone")
        verbose_name_plural = _("changes of milestones")
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(act__in=["revised", "sent_back"]) | ~models.Q(text=""),
                name="milestone_change_has_a_reason",
            )
        ]


class ReportVersion(models.Model):
    """A progress report as it stood before it was corrected. The database writes it; nobody changes it."""

    report = models.ForeignKey(ProgressReport, on_delete=models.PROTECT, related_name="versions")
    version = models.PositiveSmallIntegerField(_("version"))
    works_percent = models.FloatField(_("works done, %"))
    text = models.TextField(_("what was done"), blank=True)
    reason = models.TextField(_("reason"), blank=True)
    reported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reported_at = models.DateTimeField(_("reported"))

    class Meta:
        ordering = ["report", "-version"]
        verbose_name = _("earlier version of a report")
        verbose_name_plural = _("earlier versions of reports")
        constraints = [
            models.UniqueConstraint(fields=["report", "version"], name="report_version_once"),
        ]


class Rectification(models.Model):
    """One round of putting a finding right: what the builder did by when, and whether it was accepted."""

    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="rectifications")
    number = models.PositiveSmallIntegerField(_("round"))
    due_on = models.DateField(_("due"))
    text = models.TextField(_("what was done"))
    done_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    done_at = models.DateTimeField(_("done"), auto_now_add=True)
    accepted = models.BooleanField(_("accepted"), null=True)
    answer = models.TextField(_("what was found"), blank=True)
    checked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    checked_at = models.DateTimeField(_("checked"), null=True, blank=True)

    class Meta:
        ordering = ["finding", "number"]
        verbose_name = _("rectification")
        verbose_name_plural = _("rectifications")
        constraints = [
            models.UniqueConstraint(fields=["finding", "number"], name="rectification_once"),
            models.CheckConstraint(
                condition=models.Q(checked_by=None) | ~models.Q(checked_by=models.F("done_by")),
                name="rectification_checked_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted=None)
                | (models.Q(checked_by__isnull=False) & ~models.Q(answer="")),
                name="rectification_checked_by_somebody",
            ),
        ]
