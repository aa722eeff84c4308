from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditEntry(models.Model):
    """Who did what to which record. Append-only: a trigger refuses update and delete; each hash covers the one before."""

    at = models.DateTimeField(_("when"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("who"),
    )
    act = models.CharField(_("act"), max_length=60)
    subject_type = models.CharField(_("kind of record"), max_length=60)
    subject_ref = models.CharField(_("record"), max_length=80)
    # Codes, not keys: an entry outlives the city and the area it is about.
    city_code = models.CharField(_("city"), max_length=20, blank=True)
    area_path = models.CharField(_("area"), max_length=160, blank=True)
    before = models.JSONField(_("before"), null=True, blank=True)
    after = models.JSONField(_("after"), null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    request_id = models.CharField(_("request"), max_length=40, blank=True)
    # The reference of what the record belongs to (a project), so that one trail shows all that was done about it.
    trail_ref = models.CharField(_("belongs to"), max_length=40, blank=True)
    # Place in the chain, without gaps; empty in entries from before they were sealed.
    number = models.BigIntegerField(_("number"), null=True, blank=True)
    previous_sha256 = models.CharField(max_length=64, blank=True)
    sha256 = models.CharField(max_length=64, unique=True)
    # HMAC over number and hash, by a key that is not in the database, and the fingerprint of that key.
    seal = models.CharField(max_length=64, blank=True)
    key_id = models.CharField(max_length=12, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes = [
            models.Index(fields=["subject_type", "subject_ref"]),
            models.Index(fields=["city_code", "area_path"]),
            models.Index(fields=["trail_ref"]),
        ]


class AuditHead(models.Model):
    """How long the chain is and how it ends, sealed: one row, written with every entry. Without it a cut-off end would
    look like a shorter chain. `legacy_*` seal the entries that were there before seals were."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    count = models.BigIntegerField(default=0)
    last_id = models.BigIntegerField(default=0)
    last_sha256 = models.CharField(max_length=64, blank=True)
    legacy_count = models.BigIntegerField(default=0)
    legacy_sha256 = models.CharField(max_length=64, blank=True)
    seal = models.CharField(max_length=64)
    key_id = models.CharField(max_length=12)

    class Meta:
        verbose_name = _("end of the audit")
        verbose_name_plural = _("end of the audit")
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="audit_has_one_end")]


class AuditCheck(models.Model):
    """One verification of the whole chain: when, how long it was, and the first break where there was one."""

    at = models.DateTimeField(_("when"))
    entries = models.BigIntegerField(_("entries"))
    last_sha256 = models.CharField(max_length=64, blank=True)
    kind = models.CharField(_("kind of break"), max_length=20, blank=True)
    entry = models.BigIntegerField(_("entry"), null=True, blank=True)
    number = models.BigIntegerField(_("number"), null=True, blank=True)
    missing = models.BigIntegerField(_("missing"), null=True, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name = _("check of the audit")
        verbose_name_plural = _("checks of the audit")
