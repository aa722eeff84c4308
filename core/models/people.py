from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.choices import DepartmentFunction, OrganisationKind, Role


class User(AbstractUser):
    name = models.CharField(_("full name"), max_length=80, blank=True)
    name_en = models.CharField(_("English name"), max_length=80, blank=True)

    class Meta(AbstractUser.Meta):
        ordering = ["username"]

    def __str__(self) -> str:
        return self.name or self.username


class Organisation(models.Model):
    city = models.ForeignKey(
        "core.City", on_delete=models.PROTECT, related_name="organisations", verbose_name=_("city")
    )
    code = models.CharField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120, blank=True)
    kind = models.CharField(_("kind"), max_length=12, choices=OrganisationKind.choices)
    function = models.CharField(_("function"), max_length=20, choices=DepartmentFunction.choices, blank=True)
    area = models.ForeignKey(
        "core.Area", on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("area")
    )

    class Meta:
        ordering = ["name"]
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A role that a person holds for an organisation in an area and everything below it."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("person")
    )
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="memberships", verbose_name=_("organisation")
    )
    role = models.CharField(_("role"), max_length=12, choices=Role.choices)
    area = models.ForeignKey(
        "core.Area", on_delete=models.PROTECT, related_name="memberships", verbose_name=_("area")
    )
    valid_from = models.DateField(_("from"), default=timezone.localdate)
    valid_to = models.DateField(_("until"), null=True, blank=True)

    class Meta:
        ordering = ["user", "role"]
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["user", "organisation", "role", "area"], name="membership_once")
        ]


class ApiToken(models.Model):
    """A key for a program. Only its hash is kept; the key is shown once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens", verbose_name=_("person"))
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(_("first letters"), max_length=12)
    token_sha256 = models.CharField(max_length=64, unique=True)
    can_write = models.BooleanField(_("may write"), default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
