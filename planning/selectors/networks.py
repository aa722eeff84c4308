"""Road networks for reading: versions of a city, what the report found in words, islands, places far from streets."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from core import policies
from core.models import City
from core.templatetags.pingji import num, pct
from facilities.models import Facility
from planning.models import NetworkIsland, RoadNetwork

# Each with the figures of the warning; what is a share of the people is never said to who sees only a part of them.
WORDS = {
    "datum_of_facilities": gettext_noop(
        "The layer %(layer)s, declared as %(declared)s, lies clearly better on the roads when read as %(suspect)s:"
        " half of its places lie within %(to_m)s m of a street instead of %(from_m)s m. Check its datum."
    ),
    "datum_of_roads": gettext_noop(
        "The roads, declared as %(declared)s, lie clearly better under the places when read as %(suspect)s: half of"
        " the places lie within %(to_m)s m of a street instead of %(from_m)s m. Check their datum."
    ),
    "no_people": gettext_noop("The city has no people yet: distances and islands are counted without them."),
    "people_off_the_map": gettext_noop("%(share)s of the people live more than 500 m from every street."),
    "people_on_islands": gettext_noop(
        "%(people)s people live on streets that the largest part of the roads cannot reach and be reached from."
    ),
    "unreached": gettext_noop("%(people)s people live on streets from which no facility can be driven to."),
    "far_places": gettext_noop(
        "%(far_count)s of %(count)s facilities lie more than %(far_m)s m from every street."
    ),
    "lengths": gettext_noop("%(streets)s streets have a doubtful length."),
    "speeds": gettext_noop("%(streets)s streets have a doubtful speed."),
    "detours": gettext_noop(
        "%(share)s of the trips looked at are more than 3 times as long as the straight line."
    ),
}


def networks_visible_to(user: Any, city: City | None = None) -> QuerySet[RoadNetwork]:
    """Versions of the roads of a city, or of all cities the person has a role in; the newest first."""
    found = RoadNetwork.objects.filter(city__in=City.objects.filter(policies.visible_cities(user)))
    return (found.filter(city=city) if city else found).select_related("city", "layer")


def islands_of(network: RoadNetwork, user: Any) -> QuerySet[NetworkIsland]:
    """Islands a person may see, those with most people first."""
    mine = policies.visible(user, area="area", city="network__city")
    return NetworkIsland.objects.filter(mine, network=network).select_related("area")


def far_places(network: RoadNetwork, user: Any) -> list[dict[str, Any]]:
    """`{"facility", "metres"}` of the places far from every street that a person may see, the farthest first."""
    metres = {row["id"]: row["metres"] for row in (network.report.get("facilities") or {}).get("far", [])}
    mine = Facility.objects.filter(policies.visible(user), pk__in=list(metres)).select_related("area", "use")
    places = mine.in_bulk()
    return [{"facility": places[pk], "metres": value} for pk, value in metres.items() if pk in places]


def warning_words(warning: dict[str, Any]) -> str:
    """A warning of a report, in the reader's language."""
    facts = {
        name: num(value) if isinstance(value, (int, float)) else value for name, value in warning.items()
    }
    if "people" in warning and warning.get("of"):
        facts["share"] = pct(warning["people"] / warning["of"])
    if warning.get("pairs"):
        facts["share"] = pct(warning["above_3"] / warning["pairs"])
    facts["layer"] = warning.get("layer") or _("entered by hand")
    words = WORDS.get(warning["code"])
    return _(words) % facts if words else warning["code"]


def warnings_of(network: RoadNetwork, user: Any) -> list[dict[str, str]]:
    """`{"code", "words"}`; those that count people only for who may see the whole city."""
    whole = policies.sees_whole_city(user, network.city_id)
    return [
        {"code": row["code"], "words": warning_words(row)}
        for row in network.report.get("warnings", [])
        if whole or "people" not in row
    ]


def nearly_all(part: float, whole: float) -> str:
    """A share in words that never rounds up to all."""
    return pct(part / whole if part >= whole else min(part / whole, 0.999))


def sentence(network: RoadNetwork, user: Any) -> str:
    """The finding in one line."""
    report = network.report
    if not report:
        return _("This network has not been measured yet.")
    near = report["distances"]
    count = report["islands"]["count"]
    if near["people"] and policies.sees_whole_city(user, network.city_id):
        within = next(row["people"] for row in near["within"] if row["metres"] == 200)
        first = _("%(share)s of the people live within 200 m of a mapped street")
        words = first % {"share": nearly_all(within, near["people"])}
        if not count:
            return _("%(words)s; all streets hang together.") % {"words": words}
        islands = ngettext(
            "%(words)s; %(count)s island with %(people)s people.",
            "%(words)s; %(count)s islands with %(people)s people.",
            count,
        )
        return islands % {"words": words, "count": num(count), "people": num(report["islands"]["people"])}
    if not count:
        return _("All streets hang together.")
    return ngettext(
        "%(count)s patch of streets is cut off from the rest.",
        "%(count)s patches of streets are cut off from the rest.",
        count,
    ) % {"count": num(count)}
