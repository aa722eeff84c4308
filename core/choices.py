"""Closed lists that code depends on. Lists that a city may change are rows, not choices."""

from django.db.models import IntegerChoices, TextChoices
from django.utils.translation import gettext_lazy as _


class AreaLevel(IntegerChoices):
    CITY = 1, _("City")
    DISTRICT = 2, _("District")
    STREET = 3, _("Street or town")
    COMMUNITY = 4, _("Community")


class MapFeatureKind(TextChoices):
    ROAD = "road", _("Road")
    WATER = "water", _("Water")
    GREEN = "green", _("Green space")


class OrganisationKind(TextChoices):
    LEADERSHIP = "leadership", _("Leadership")
    TERRITORY = "territory", _("Territory")
    DEPARTMENT = "department", _("Department")
    ENTERPRISE = "enterprise", _("Enterprise")
    COMMUNITY = "community", _("Community")


class DepartmentFunction(TextChoices):
    """What a department of a city does, whatever it is called there."""

    REFORM = "reform", _("Development and reform")
    NATURAL_RESOURCES = "natural_resources", _("Natural resources")
    HOUSING = "housing", _("Housing and construction")
    HEALTH = "health", _("Health")
    EMERGENCY = "emergency", _("Emergency management")
    FINANCE = "finance", _("Finance")


class Role(TextChoices):
    VIEWER = "viewer", _("Viewer")
    STEWARD = "steward", _("Registry steward")
    PLANNER = "planner", _("Planner")
    REVIEWER = "reviewer", _("Reviewer")
    APPROVER = "approver", _("Approver")
    AUDITOR = "auditor", _("Auditor")
    ADMIN = "admin", _("Administrator")


class JobState(TextChoices):
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Completed")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class Certainty(TextChoices):
    A = "A", _("read in the text itself")
    B = "B", _("read in a copy or report")
    C = "C", _("not confirmed")
    D = "D", _("our proposal")


class Datum(TextChoices):
    WGS84 = "WGS-84", "WGS-84"
    CGCS2000 = "CGCS2000", "CGCS2000"
    GCJ02 = "GCJ-02", "GCJ-02"
    BD09 = "BD-09", "BD-09"


class TimeOfDay(TextChoices):
    DAY = "day", _("Day")
    NIGHT = "night", _("Night")
    HOLIDAY = "holiday", _("Holiday")
    EVENT = "event", _("Event")
