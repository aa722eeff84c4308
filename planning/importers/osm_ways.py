"""What the tags of an OpenStreetMap way say about driving and walking on it.

Meanings follow the OpenStreetMap wiki: "Key:access" (the more special key wins), "Key:oneway" (implied by
motorways and roundabouts), "Key:maxspeed" (implicit values name a country and a kind of road), "Key:barrier".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

DRIVEN = frozenset(
    "motorway motorway_link trunk trunk_link primary primary_link secondary secondary_link tertiary tertiary_link"
    " unclassified residential living_street service road".split()
)
WALKED = frozenset("footway path pedestrian steps track cycleway bridleway platform corridor".split())
NOT_BUILT = frozenset("construction proposed planned abandoned disused razed".split())
FOR_CARS_ONLY = frozenset(("motorway", "motorway_link"))
# the tags that decide; ways with the same values of all of them are judged once
KEYS = (
    "highway", "route", "oneway", "junction", "maxspeed", "maxspeed:forward", "maxspeed:backward", "access", "vehicle",
    "motor_vehicle", "motorcar", "foot", "motorroad", "tracktype",
)  # fmt: skip
CAR_KEYS = ("motorcar", "motor_vehicle", "vehicle", "access")
FOOT_KEYS = ("foot", "access")
CLOSED = frozenset(
    "no private agricultural forestry agricultural;forestry forestry;agricultural delivery emergency military permit"
    " employees psv bus".split()
)
INVITED = frozenset("yes permissive designated official".split())
# barriers that no car passes unless a tag says so; gates and the like are open unless a tag says otherwise
STOPS_CARS = frozenset(
    "block bollard bus_trap chain cycle_barrier debris full-height_turnstile horse_stile jersey_barrier kissing_gate"
    " log motorcycle_barrier planter rope spikes stile sump_buster turnstile".split()
)
PASSES = frozenset(
    "border_control bump_gate cattle_grid entrance gate height_restrictor lift_gate sally_port swing_gate"
    " hampshire_gate sliding_gate toll_booth wicket_gate".split()
)

NO, UNKNOWN = 0.0, math.nan
KMH_OF_UNIT = {"": 1.0, "km/h": 1.0, "kmh": 1.0, "kph": 1.0, "mph": 1.609344, "knots": 1.852}
WALKING_KMH = 5.0
FASTEST_KMH = 200.0
_SPEED = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([a-z/]*)\s*$")


@dataclass(frozen=True)
class WayRule:
    """What may be done on a way. Speeds in km/h along and against it: 0 = not driven, nan = that of its class.

    left_out: why the way is no street at all ("" = it is one): "not_built", "ferry", "closed", "not_a_road".
    """

    klass: str = ""
    along_kmh: float = NO
    against_kmh: float = NO
    walk: bool = False
    left_out: str = ""


def way_rule(tags: Mapping[str, str]) -> WayRule:
    """The rule of one combination of tags (absent tags are missing or empty)."""
    klass = tags.get("highway", "")
    if not klass:
        return WayRule(left_out="ferry" if tags.get("route") == "ferry" else "not_a_road")
    if klass in NOT_BUILT:
        return WayRule(left_out="not_built")
    if klass not in DRIVEN and klass not in WALKED:
        return WayRule(left_out="not_a_road")
    drive, walk = _driven(klass, tags), _walked(klass, tags)
    if not drive and not walk:
        return WayRule(klass, left_out="closed")
    if not drive:
        return WayRule(klass, walk=True)
    both = speed_of(tags.get("maxspeed", ""))
    along, against = (_either(tags.get(f"maxspeed:{way}", ""), both) for way in ("forward", "backward"))
    direction = _direction(klass, tags)
    return WayRule(klass, along if direction >= 0 else NO, against if direction <= 0 else NO, walk)


def _driven(klass: str, tags: Mapping[str, str]) -> bool:
    said = next((tags[key] for key in CAR_KEYS if tags.get(key)), "")
    own = next((tags[key] for key in CAR_KEYS[:2] if tags.get(key)), "")
    if said in CLOSED:
        return False
    if klass in DRIVEN:
        return True
    # a paved track is a small road; everything else made for walkers carries cars only where a sign says so
    return own in INVITED or (
        klass == "track" and (tags.get("tracktype") == "grade1" or own == "destination")
    )


def _walked(klass: str, tags: Mapping[str, str]) -> bool:
    said = next((tags[key] for key in FOOT_KEYS if tags.get(key)), "")
    if klass in FOR_CARS_ONLY or tags.get("motorroad") == "yes":
        return tags.get("foot", "") in INVITED
    if said in ("no", "private", "use_sidepath", "military", "emergency"):
        # who is sent to the pavement beside the road still walks along it
        return said == "use_sidepath"
    return True


def _direction(klass: str, tags: Mapping[str, str]) -> int:
    """1 driven along the way only, -1 against it only, 0 both."""
    said = tags.get("oneway", "")
    if said in ("yes", "true", "1"):
        return 1
    if said in ("-1", "reverse"):
        return -1
    if said in ("no", "false", "0", "reversible", "alternating"):
        return 0
    return 1 if klass in FOR_CARS_ONLY or tags.get("junction") in ("roundabout", "circular") else 0


def _either(own: str, both: float) -> float:
    return speed_of(own) if own else both


def speed_of(text: str) -> float:
    """km/h of a maxspeed tag, the lowest of several; nan where the class decides ("none", "signals", "CN:urban")."""
    speeds = [_one_speed(part) for part in re.split(r"[;|,]", text.lower())] if text else []
    known = [speed for speed in speeds if not math.isnan(speed)]
    return min(known) if known else UNKNOWN


def _one_speed(text: str) -> float:
    if text.strip() == "walk" or text.strip().endswith(":walk"):
        return WALKING_KMH
    found = _SPEED.match(text)
    if not found or found[2] not in KMH_OF_UNIT:
        return UNKNOWN
    speed = float(found[1]) * KMH_OF_UNIT[found[2]]
    return speed if 0 < speed <= FASTEST_KMH else UNKNOWN


def barrier_stops(tags: Mapping[str, str]) -> tuple[bool, bool]:
    """(cars, walkers) that a barrier on a street keeps out."""
    kind = tags.get("barrier", "")
    if kind not in STOPS_CARS and kind not in PASSES:
        return False, False
    car = next((tags[key] for key in CAR_KEYS if tags.get(key)), "")
    foot = next((tags[key] for key in FOOT_KEYS if tags.get(key)), "")
    stops_cars = car in CLOSED or (kind in STOPS_CARS and car not in INVITED)
    return stops_cars, foot in ("no", "private", "military")
