import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from projects.choices import DeliveryState, EventKind


class Webhook(models.Model):
    """An address that wants to know. What is sent is signed with its secret."""

    city = models.ForeignKey("core.City", on_delete=models.CASCADE, related_name="webhooks")
    name = models.CharField(_("name"), max_length=80)
    url = models.URLField(_("address"), max_length=300)
    secret = models.CharField(_("secret"), max_length=80)
    # After a change of the secret both sign, until the receiver knows the new one.
    secret_before = models.CharField(max_length=80, blank=True)
    secret_before_until = models.DateTimeField(_("the secret before signs until"), null=True, blank=True)
    kinds = models.JSONField(_("events"), default=list, blank=True, help_text=_("Empty: all."))
    active = models.BooleanField(_("active"), default=True)
    # Set where the platform itself switched it off, after too many deliveries that nobody took.
    off_at = models.DateTimeField(_("switched off"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["city", "name"]
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")


class OutboxEvent(models.Model):
    """Written in the transaction of the act it tells of: what happened is told, what did not is not."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Drawn from a sequence under the lock that audited acts queue for, so numbers become visible in their order:
    # whoever reads on after the last number seen misses nothing.
    number = models.BigIntegerField(_("number"), unique=True)
    city = models.ForeignKey("core.City", on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(
        "projects.Project",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="events",
        verbose_name=_("project"),
    )
    kind = models.CharField(_("event"), max_length=60)
    subject_ref = models.CharField(_("record"), max_length=80)
    payload = models.JSONField(_("payload"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True, db_index=True)

    class Meta:
        ordering = ["number"]
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def get_kind_words(self) -> str:
        """The kind in words; one that is not told any more keeps its code."""
        return str(dict(EventKind.choices).get(self.kind, self.kind))


class Delivery(models.Model):
    """One event for one address. Sent again with the same id until it is taken or given up. Of one `stream` (a project)
    an address gets one event after the other."""

    event = models.ForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="deliveries")
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    number = models.BigIntegerField(_("number"))
    stream = models.CharField(max_length=80)
    state = models.CharField(
        _("state"), max_length=8, choices=DeliveryState.choices, default=DeliveryState.WAITING
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    # Attempts that were made before the last replay: they do not count towards giving up.
    replayed_at_attempt = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(_("next attempt"))
    # While a hand sends it, nobody else does; a hand that died lets go after this.
    held_until = models.DateTimeField(_("held until"), null=True, blank=True)
    status = models.PositiveSmallIntegerField(_("answer"), null=True, blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    class Meta:
        ordering = ["number"]
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [models.UniqueConstraint(fields=["event", "webhook"], name="delivery_once")]
        indexes = [
            models.Index(fields=["state", "next_at"]),
            models.Index(
                fields=["webhook", "stream", "number"],
                condition=models.Q(state="waiting"),
                name="delivery_waits_in_stream",
            ),
            models.Index(fields=["webhook", "state", "number"]),
        ]


class DeliveryAttempt(models.Model):
    """One try: what the other side said, and how long it took."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    at = models.DateTimeField(_("at"), auto_now_add=True)
    status = models.PositiveSmallIntegerField(_("answer"), null=True, blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True)
    milliseconds = models.PositiveIntegerField(_("took, ms"), default=0)

    class Meta:
        ordering = ["delivery", "at"]
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
