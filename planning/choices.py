from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Driver(TextChoices):
    """Whose number a standard multiplies."""

    RESIDENTS = "residents", _("residents")
    PRESENT = "present", _("people present")
    AFFECTED = "affected", _("people affected")
    DISPLACED = "displaced", _("people displaced")


class ReachUnit(TextChoices):
    METRES = "m", _("m")
    MINUTES = "min", _("min")


class TravelMode(TextChoices):
    WALK = "walk", _("on foot")
    DRIVE = "drive", _("by car")


class ReachMethod(TextChoices):
    ROADS = "roads", _("by road")
    STRAIGHT = "straight", _("straight line with detour factor")


class Assignment(TextChoices):
    NEAREST = "nearest", _("Nearest with room")
    BEST = "best", _("Best possible")


class Extent(TextChoices):
    EVERYWHERE = "everywhere", _("Everywhere")
    AREAS = "areas", _("Chosen areas")
    ZONES = "zones", _("Zones of a hazard layer")


class ProfileStatus(TextChoices):
    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    RETIRED = "retired", _("Retired")


class RunState(TextChoices):
    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Completed")
    REFUSED = "refused", _("Refused")
    FAILED = "failed", _("Stopped before the end")


class VersionState(TextChoices):
    COMPUTING = "computing", _("Being computed")
    DRAFT = "draft", _("Draft")
    FROZEN = "frozen", _("Frozen")
    FAILED = "failed", _("Failed")


class PeopleGroup(TextChoices):
    """People whose need only some capacity can serve."""

    BARRIER_FREE = "barrier_free", _("need barrier-free places")


class AnalysisKind(TextChoices):
    """What is asked of a finished run beyond its four states."""

    HOURS = "hours", _("Coverage after activation")
    LOSS = "loss", _("Loss of each facility")
    BACKUP = "backup", _("Backup coverage")
    ACCESS = "access", _("Accessibility")
    EQUITY = "equity", _("Fairness")


class AccessBand(TextChoices):
    """Usable places in reach for each one needed, from the scarcest."""

    SEVERE = "severe", _("Severely short")
    SHORT = "short", _("Short")
    BALANCED = "balanced", _("Balanced")
    AMPLE = "ample", _("Ample")


class NeverServed(TextChoices):
    """Why a place is never served to the share; the first that holds."""

    REACH = "reach", _("too much is out of reach")
    UNKNOWN = "hours_unknown", _("conversion hours are unknown")
    CAPACITY = "capacity", _("not enough room in reach")


class SupplyReason(TextChoices):
    """Why a role supplies what it supplies in a run."""

    COUNTS = "counts", _("counts")
    LAPSED_AGREEMENT = "lapsed_agreement", _("agreement lapsed")
    LAPSED_CERTIFICATE = "lapsed_certificate", _("certificate lapsed")
    INSIDE_HAZARD = "inside_hazard", _("inside the hazard zone")
    CLOSED = "closed", _("closed in this scenario")
    OTHER_ROLE = "other_role", _("taken by its other role")
    WRONG_HAZARD = "wrong_hazard", _("not suited to this hazard")
    NOT_DESIGNATED = "not_designated", _("not designated yet")
