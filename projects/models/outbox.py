import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from projects.choices import DeliveryState


class Webhook(models.Model):
    """An address that wants to know. What is sent is signed with its secret."""

    city = models.ForeignKey("core.City", on_delete=models.CASCADE, related_name="webhooks")
    name = models.CharField(_("name"), max_length=80)
    url = models.URLField(_("address"), max_length=300)
    secret = models.CharField(_("secret"), max_length=80)
    kinds = models.JSONField(_("events"), default=list, blank=True, help_text=_("Empty: all."))
    active = models.BooleanField(_("active"), default=True)
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
    city = models.ForeignKey("core.City", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(_("event"), max_length=60)
    subject_ref = models.CharField(_("record"), max_length=80)
    payload = models.JSONField(_("payload"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True, db_index=True)

    class Meta:
        ordering = ["created_at"]
        verbose_name = _("event")
        verbose_name_plural = _("events")


class Delivery(models.Model):
    """One event for one address. Sent again with the same id until it is taken or given up."""

    event = models.ForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="deliveries")
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(
        _("state"), max_length=8, choices=DeliveryState.choices, default=DeliveryState.WAITING
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_at = models.DateTimeField(_("next attempt"))
    # While a hand sends it, nobody else does; a hand that died lets go after this.
    held_until = models.DateTimeField(_("held until"), null=True, blank=True)
    status = models.PositiveSmallIntegerField(_("answer"), null=True, blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    class Meta:
        ordering = ["event__created_at"]
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [models.UniqueConstraint(fields=["event", "webhook"], name="delivery_once")]
        indexes = [models.Index(fields=["state", "next_at"])]


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
