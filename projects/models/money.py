from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from planning.choices import FundSource
from projects.models.cases import Condition
from projects.models.projects import Project


class BudgetLine(models.Model):
    """Approved money of one year from one source. From the approval on the lines add up to the approved total."""

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="budget_lines", verbose_name=_("project")
    )
    year = models.PositiveSmallIntegerField(_("year"))
    source = models.CharField(_("source of money"), max_length=16, choices=FundSource.choices)
    amount_fen = models.BigIntegerField(_("amount, fen"))

    class Meta:
        ordering = ["project", "year", "source"]
        verbose_name = _("budget line")
        verbose_name_plural = _("budget lines")
        constraints = [
            models.UniqueConstraint(fields=["project", "year", "source"], name="budget_line_once"),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="budget_line_above_zero"),
        ]


class Milestone(models.Model):
    """A point of the works. It is reached when somebody else than who reports it has seen it on site."""

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="milestones", verbose_name=_("project")
    )
    number = models.PositiveSmallIntegerField(_("number"))
    name = models.CharField(_("name"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120, blank=True)
    planned_on = models.DateField(_("planned"))
    works_percent = models.PositiveSmallIntegerField(_("works done by then, %"), default=0)
    reported_on = models.DateField(_("reported"), null=True, blank=True)
    reported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reached_on = models.DateField(_("seen on site"), null=True, blank=True)
    seen_in = models.ForeignKey(
        "projects.Inspection", on_delete=models.PROTECT, null=True, blank=True, related_name="milestones"
    )
    seen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["project", "number"]
        verbose_name = _("milestone")
        verbose_name_plural = _("milestones")
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="milestone_once"),
            models.CheckConstraint(
                condition=models.Q(works_percent__lte=100), name="milestone_at_most_all_works"
            ),
            models.CheckConstraint(
                condition=models.Q(seen_by=None) | ~models.Q(seen_by=models.F("reported_by")),
                name="milestone_seen_by_another",
            ),
        ]


class Tranche(models.Model):
    """Money that is released as a whole once its conditions and milestones are there."""

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="tranches", verbose_name=_("project")
    )
    number = models.PositiveSmallIntegerField(_("number"))
    name = models.CharField(_("due when"), max_length=160)
    name_en = models.CharField(_("English name"), max_length=160, blank=True)
    amount_fen = models.BigIntegerField(_("amount, fen"))
    final = models.BooleanField(
        _("last one"),
        default=False,
        help_text=_("Needs the capacity as built and a passed conversion check."),
    )
    conditions = models.ManyToManyField(
        Condition, blank=True, related_name="tranches", verbose_name=_("conditions")
    )
    milestones = models.ManyToManyField(
        Milestone, blank=True, related_name="tranches", verbose_name=_("milestones")
    )

    class Meta:
        ordering = ["project", "number"]
        verbose_name = _("tranche")
        verbose_name_plural = _("tranches")
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="tranche_once"),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="tranche_above_zero"),
        ]


class Release(models.Model):
    """A tranche is free. Append-only. Where something it waited for is still open, two officers sign and say why."""

    tranche = models.OneToOneField(
        Tranche, on_delete=models.PROTECT, related_name="release", verbose_name=_("tranche")
    )
    amount_fen = models.BigIntegerField(_("amount, fen"))
    recommended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("recommended by")
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("decided by")
    )
    override_reason = models.TextField(_("why although something is open"), blank=True)
    override_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("second officer"),
    )
    released_at = models.DateTimeField(_("released"))

    class Meta:
        ordering = ["-released_at"]
        verbose_name = _("release")
        verbose_name_plural = _("releases")
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(recommended_by=models.F("decided_by")), name="release_by_two_people"
            ),
            models.CheckConstraint(
                condition=models.Q(override_by=None, override_reason="")
                | (~models.Q(override_reason="") & ~models.Q(override_by=models.F("decided_by"))),
                name="release_override_by_another",
            ),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="release_above_zero"),
        ]


class Contract(models.Model):
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="contracts", verbose_name=_("project")
    )
    number = models.CharField(_("number"), max_length=60)
    payee = models.CharField(_("payee"), max_length=160)
    payee_code = models.CharField(_("unified social credit code"), max_length=18, blank=True)
    amount_fen = models.BigIntegerField(_("amount, fen"))
    signed_on = models.DateField(_("signed"))
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    note = models.CharField(_("note"), max_length=300, blank=True)

    class Meta:
        ordering = ["project", "signed_on"]
        verbose_name = _("contract")
        verbose_name_plural = _("contracts")
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="contract_once"),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="contract_above_zero"),
        ]


class SupplementaryAgreement(models.Model):
    """What changes the sum of a contract after it was signed. The contract itself stays as it was signed."""

    contract = models.ForeignKey(
        Contract, on_delete=models.PROTECT, related_name="supplements", verbose_name=_("contract")
    )
    number = models.CharField(_("number"), max_length=60)
    amount_fen = models.BigIntegerField(
        _("more or less, fen"), help_text=_("Negative: the contract holds less.")
    )
    signed_on = models.DateField(_("signed"))
    reason = models.CharField(_("reason"), max_length=300)
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    recorded_at = models.DateTimeField(_("recorded"), auto_now_add=True)

    class Meta:
        ordering = ["contract", "signed_on", "id"]
        verbose_name = _("supplementary agreement")
        verbose_name_plural = _("supplementary agreements")
        constraints = [
            models.UniqueConstraint(fields=["contract", "number"], name="supplement_once"),
            models.CheckConstraint(
                condition=~models.Q(amount_fen=0) & ~models.Q(reason=""),
                name="supplement_changes_with_a_reason",
            ),
        ]


class ConditionMove(models.Model):
    """An open condition is to hold another tranche instead. One officer asks and says why, another agrees or refuses;
    only then the tie goes, and the condition is never without a tranche."""

    condition = models.ForeignKey(
        Condition, on_delete=models.PROTECT, related_name="moves", verbose_name=_("condition")
    )
    # The row of the tie that goes: a later tie to the same tranche is another one.
    tie = models.BigIntegerField()
    from_tranche = models.ForeignKey(
        Tranche, on_delete=models.PROTECT, related_name="+", verbose_name=_("from tranche")
    )
    to_tranche = models.ForeignKey(
        Tranche, on_delete=models.PROTECT, related_name="+", verbose_name=_("to tranche")
    )
    reason = models.TextField(_("reason"))
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(_("asked"), auto_now_add=True)
    agreed = models.BooleanField(_("agreed"), null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    answer = models.TextField(_("answer"), blank=True)

    class Meta:
        ordering = ["-asked_at", "-id"]
        verbose_name = _("move of a condition")
        verbose_name_plural = _("moves of conditions")
        constraints = [
            models.UniqueConstraint(
                fields=["tie"], condition=models.Q(agreed=None), name="condition_move_once_at_a_time"
            ),
            models.CheckConstraint(
                condition=models.Q(answered_by=None) | ~models.Q(answered_by=models.F("asked_by")),
                name="condition_move_by_two_people",
            ),
            models.CheckConstraint(
                condition=models.Q(agreed=None, answered_by=None, answered_at=None)
                | models.Q(agreed__isnull=False, answered_by__isnull=False, answered_at__isnull=False),
                name="condition_move_answered_by_somebody",
            ),
            models.CheckConstraint(
                condition=~models.Q(from_tranche=models.F("to_tranche")) & ~models.Q(reason=""),
                name="condition_move_elsewhere_with_a_reason",
            ),
        ]


class Payment(models.Model):
    """Money that went out. Append-only: a mistake is corrected by a second row that points to the first."""

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="payments", verbose_name=_("project")
    )
    contract = models.ForeignKey(
        Contract,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="payments",
        verbose_name=_("contract"),
    )
    tranche = models.ForeignKey(
        Tranche, on_delete=models.PROTECT, related_name="payments", verbose_name=_("tranche")
    )
    payee = models.CharField(_("payee"), max_length=160)
    amount_fen = models.BigIntegerField(_("amount, fen"), help_text=_("Negative: taken back."))
    paid_on = models.DateField(_("paid"))
    corrects = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="corrections",
        verbose_name=_("corrects"),
    )
    note = models.CharField(_("note"), max_length=300, blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    recorded_at = models.DateTimeField(_("recorded"), auto_now_add=True)
    # The same payment sent twice by a program or a double click is one payment.
    key = models.CharField(_("key of the sender"), max_length=80, unique=True)

    class Meta:
        ordering = ["project", "paid_on", "id"]
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(amount_fen__gt=0) | models.Q(corrects__isnull=False, amount_fen__lt=0),
                name="payment_taken_back_points_to_the_first",
            )
        ]
