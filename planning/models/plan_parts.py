"""What hangs on a plan's versions: money by year and source, explanations, comments, trade-off fronts."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from planning.choices import FundSource, VersionState
from planning.models.plans import Intervention, Plan, PlanVersion


class InterventionMoney(models.Model):
    """What one intervention takes from one source in one year. The parts of an intervention add up to its cost."""

    intervention = models.ForeignKey(
        Intervention, on_delete=models.CASCADE, related_name="money", verbose_name=_("intervention")
    )
    year = models.PositiveSmallIntegerField(_("year"))
    source = models.CharField(_("source of money"), max_length=16, choices=FundSource.choices)
    amount_fen = models.BigIntegerField(_("amount, fen"))

    class Meta:
        ordering = ["intervention", "year", "source"]
        verbose_name = _("money of an intervention")
        verbose_name_plural = _("money of interventions")
        constraints = [
            models.UniqueConstraint(
                fields=["intervention", "year", "source"], name="intervention_money_once"
            ),
            models.CheckConstraint(
                condition=models.Q(amount_fen__gt=0), name="intervention_money_above_zero"
            ),
        ]


class PlanExplanation(models.Model):
    """Why each place was chosen and each other one was not, worked out with the version it explains."""

    version = models.OneToOneField(
        PlanVersion, on_delete=models.CASCADE, related_name="explanation", verbose_name=_("version")
    )
    chosen = models.JSONField(_("chosen places"), default=list)
    rejected = models.JSONField(_("places not chosen"), default=list)
    facts = models.JSONField(_("facts"), default=dict, blank=True)

    class Meta:
        verbose_name = _("explanation of a plan")
        verbose_name_plural = _("explanations of plans")


class PlanComment(models.Model):
    """What somebody says about a version or one of its interventions. Words stay; they can be marked as answered."""

    version = models.ForeignKey(
        PlanVersion, on_delete=models.CASCADE, related_name="comments", verbose_name=_("version")
    )
    intervention = models.ForeignKey(
        Intervention,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="comments",
        verbose_name=_("intervention"),
    )
    text = models.TextField(_("comment"), max_length=4000)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("by"),
    )
    created_at = models.DateTimeField(_("written"), auto_now_add=True)
    resolved_at = models.DateTimeField(_("answered"), null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("answered by"),
    )

    class Meta:
        ordering = ["created_at", "id"]
        verbose_name = _("comment on a plan")
        verbose_name_plural = _("comments on plans")


class Front(models.Model):
    """Plans between cost, coverage, fairness and peacetime value, none better than another in all. Each point can become
    a version."""

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="fronts", verbose_name=_("plan"))
    version = models.ForeignKey(
        PlanVersion,
        on_delete=models.CASCADE,
        related_name="fronts",
        verbose_name=_("version whose question it asks"),
    )
    ref = models.CharField(_("reference"), max_length=24, unique=True)
    state = models.CharField(
        _("state"), max_length=10, choices=VersionState.choices, default=VersionState.COMPUTING
    )
    points = models.JSONField(_("plans"), default=list)
    facts = models.JSONField(_("facts"), default=dict, blank=True)
    seed = models.BigIntegerField(_("seed"), default=1)
    time_limit_seconds = models.PositiveIntegerField(_("time limit, s"), default=120)
    seconds = models.FloatField(_("seconds"), null=True, blank=True)
    engine_version = models.CharField(_("engine"), max_length=20, blank=True)
    params_sha256 = models.CharField(max_length=64, blank=True)
    job = models.ForeignKey(
        "core.Job",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="fronts",
        verbose_name=_("job"),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("trade-off front")
        verbose_name_plural = _("trade-off fronts")
