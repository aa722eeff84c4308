from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class AssetKind(TextChoices):
    PREMISES = "premises", _("Vacant premises")
    LAND = "land", _("Idle land")


class Tenure(TextChoices):
    PUBLIC = "public", _("Public")
    COLLECTIVE = "collective", _("Collective")
    PRIVATE = "private", _("Private")
    UNKNOWN = "unknown", _("Unknown")


class AssetStatus(TextChoices):
    IDLE = "idle", _("Idle")
    RESERVED = "reserved", _("Reserved for a project")
    USED = "used", _("In use again")


class InterventionKind(TextChoices):
    """What can be done at a place. The words of the plan, kept here so that idle assets can offer them."""

    CONVERT = "convert", _("Convert")
    EXTEND = "extend", _("Extend")
    UPGRADE = "upgrade", _("Upgrade")
    BUILD = "build", _("Build")
    STOCK = "stock", _("Stock and drill")
    RETIRE = "retire", _("Retire")


class MovementKind(TextChoices):
    RECEIPT = "receipt", _("Receipt")
    ISSUE = "issue", _("Issue")
    CORRECTION = "correction", _("Correction after a count")
