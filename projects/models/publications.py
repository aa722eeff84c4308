from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class PublicationRule(models.Model):
    """What of a city's projects goes out, field by field, and in whose name. What is not listed stays inside."""

    city = models.ForeignKey(
        "core.City", on_delete=models.PROTECT, related_name="publication_rules", verbose_name=_("city")
    )
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    # Registered at the publisher of the standard; every identifier that goes out begins with it.
    prefix = models.CharField(_("prefix"), max_length=20)
    publisher = models.CharField(_("publisher"), max_length=200)
    licence = models.URLField(_("licence"), max_length=300, blank=True)
    fields = models.JSONField(_("fields that go out"), default=list)
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    drafted_at = models.DateTimeField(_("drafted"), auto_now_add=True)

    class Meta:
        ordering = ["city", "-version"]
        verbose_name = _("rule of publication")
        verbose_name_plural = _("rules of publication")
        constraints = [models.UniqueConstraint(fields=["city", "version"], name="publication_rule_once")]


class Publication(models.Model):
    """What went out, word for word."""

    city = models.ForeignKey(
        "core.City", on_delete=models.PROTECT, related_name="publications", verbose_name=_("city")
    )
    rule = models.ForeignKey(PublicationRule, on_delete=models.PROTECT, related_name="publications")
    number = models.PositiveIntegerField(_("number"))
    content = models.JSONField(_("content"))
    sha256 = models.CharField(max_length=64)
    projects = models.PositiveIntegerField(_("projects"))
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("published by")
    )
    published_at = models.DateTimeField(_("published"), auto_now_add=True)

    class Meta:
        ordering = ["city", "-number"]
        verbose_name = _("publication")
        verbose_name_plural = _("publications")
        constraints = [models.UniqueConstraint(fields=["city", "number"], name="publication_once")]
