from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class FacilityStatus(TextChoices):
    ACTIVE = "active", _("In use")
    PLANNED = "planned", _("Planned")
    CLOSED = "closed", _("Closed")


class CapabilityStatus(TextChoices):
    ACTIVE = "active", _("Designated")
    POSSIBLE = "possible", _("Possible after conversion")
    RETIRED = "retired", _("Retired")


class CapacityAttribute(TextChoices):
    AREA_M2 = "area_m2", _("floor or site area, m²")
    ROOMS = "rooms", _("rooms")
    BEDS = "beds", _("beds")
    UNITS = "units", _("units")


class CapacitySource(TextChoices):
    RULE = "rule", _("Derived by rule")
    DECLARED = "declared", _("Declared")


class Hazard(TextChoices):
    FLOOD = "flood", _("Flood")
    EARTHQUAKE = "earthquake", _("Earthquake")
    EPIDEMIC = "epidemic", _("Epidemic")
    STORM = "storm", _("Storm")
    EVENT = "event", _("Mass event")
    OTHER = "other", _("Other")


class BatchState(TextChoices):
    CHECKED = "checked", _("Checked")
    APPLIED = "applied", _("Applied")
    REFUSED = "refused", _("Refused")


class ProposalState(TextChoices):
    OPEN = "open", _("Open")
    ACCEPTED = "accepted", _("Accepted")
    REJECTED = "rejected", _("Rejected")


class Readiness(TextChoices):
    """Derived, never stored: see selectors/readiness.py."""

    PROVEN = "proven", _("Proven")
    SLOWER = "slower", _("Slower than declared")
    UNTRIED = "untried", _("Never drilled")
    LAPSED = "lapsed", _("Lapsed")
