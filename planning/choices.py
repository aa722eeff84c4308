from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Driver(TextChoices):
    """Whose number a standard multiplies."""

    RESIDENTS = "residents", _("residents")
    PRESENT = "present", _("people present")
    AFFECTED = "affected", _("people affected")
    DISPLACED = "displaced", _("people displaced")
    SHELTERED = "sheltered", _("people who seek shelter")


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
    DRAWN = "drawn", _("Drawn ground")


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
    NO_PLAN = "no_plan", _("No plan exists")


class ProfileLevel(TextChoices):
    """How far a profile applies; a lower level is derived from a higher one."""

    INTERNATIONAL = "world", _("International")
    NATION = "nation", _("Nation")
    PROVINCE = "province", _("Province")
    CITY = "city", _("City")
    DISTRICT = "district", _("District")
    STUDY = "study", _("Study")


class Phase(TextChoices):
    """Time since the event in which a standard holds. Empty: from the beginning to the end."""

    FIRST_DAY = "h0_24", _("0–24 h")
    DAYS_1_3 = "d1_3", _("1–3 days")
    DAYS_4_15 = "d4_15", _("4–15 days")
    LATER = "d15_plus", _("over 15 days")


PHASE_BEGINS_HOURS = {Phase.FIRST_DAY: 0, Phase.DAYS_1_3: 24, Phase.DAYS_4_15: 72, Phase.LATER: 360}


class NeedBasis(TextChoices):
    """What one unit of a minimum need is counted by."""

    PERSON = "person", _("for each person")
    PERSON_DAY = "person_day", _("for each person and day")
    PEOPLE_PER_UNIT = "people_per_unit", _("people to one unit")


class ScenarioTemplate(TextChoices):
    """How the rates of a scenario come about."""

    CUSTOM = "custom", _("Rates set by hand")
    FLOOD = "flood", _("Flood by depth")
    EARTHQUAKE_LADDER = "earthquake_ladder", _("Earthquake by intensity")
    EARTHQUAKE_DAMAGE = "earthquake_damage", _("Earthquake by damage to dwellings")
    EPIDEMIC_TIER = "epidemic_tier", _("Epidemic, places for 10,000 residents")
    EPIDEMIC_CURVE = "epidemic_curve", _("Epidemic, course of an outbreak")
    MASS_EVENT = "mass_event", _("Mass event")


class LayerMethod(TextChoices):
    """How a population layer came to the cells."""

    CELLS = "cells", _("counted by cell")
    POINTS = "points", _("points put into cells")
    POLYGONS = "polygons", _("areas spread onto cells")
    RASTER = "raster", _("raster put into cells")
    SCALED = "scaled", _("another layer scaled to a census")


class PeopleGroup(TextChoices):
    """Groups of people that are told apart. Some capacity can serve only those who need no barrier-free place."""

    AGE_0_14 = "age_0_14", _("aged 0–14")
    AGE_60_UP = "age_60_up", _("aged 60 and over")
    AGE_65_UP = "age_65_up", _("aged 65 and over")
    BARRIER_FREE = "barrier_free", _("need barrier-free places")


class AnalysisKind(TextChoices):
    """What is asked of a finished run beyond its four states."""

    HOURS = "hours", _("Coverage after activation")
    LOSS = "loss", _("Loss of each facility")
    BACKUP = "backup", _("Backup coverage")
    ACCESS = "access", _("Accessibility")
    EQUITY = "equity", _("Fairness")
    RANGE = "range", _("Range of need and gap")


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
    RETIRED = "retired", _("retired by the plan")


class Aim(TextChoices):
    """What a plan is to do best. The words are the engine's (engine.siting.question)."""

    MOST = "most", _("Serve the most within the budget")
    CHEAPEST = "cheapest", _("Reach a coverage at the least cost")
    FAIREST = "fairest", _("Lift the worst served area")


class Rule(TextChoices):
    """How several scenarios count together."""

    EXPECTED = "expected", _("Weighted mean of the scenarios")
    WORST = "worst", _("Worst scenario")
    TAIL = "tail", _("Mean of the worst scenarios (CVaR)")
    REGRET = "regret", _("Least regret")


class FundSource(TextChoices):
    CENTRAL = "central", _("Central budget")
    SPECIAL_BOND = "special_bond", _("Special bond")
    LOCAL = "local", _("Local budget")
    POLICY_BANK = "policy_bank", _("Policy bank")
    COMMERCIAL_BANK = "commercial_bank", _("Commercial bank")
    PRIVATE = "private", _("Private capital")
