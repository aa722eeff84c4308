"""A number of a scenario in words: what it is and how large."""

from typing import Any

from django.utils.translation import gettext as _

from core.templatetags.pingji import local_name, num, pct
from facilities.models import ServiceType
from planning.bridge.variations import EVERY_CLASS, is_share


def _links() -> dict[str, str]:
    return {
        "affected": _("share of people affected"),
        "displaced": _("share of the affected who leave home"),
        "seeking": _("share of the displaced who seek shelter"),
    }


def number_name(place: str) -> str:
    """`zone_rates.deep.displaced` -> "share of the affected who leave home, class deep"."""
    head, _dot, rest = place.partition(".")
    if head == "zone_rates":
        klass, _dot, name = rest.rpartition(".")
        link = _links().get(name, name)
        if place.startswith(EVERY_CLASS):
            return _("%(number)s, every class") % {"number": link}
        return _("%(number)s, class %(name)s") % {"number": link, "name": klass}
    if head in ("multipliers", "ratio_overrides"):
        service = ServiceType.objects.filter(code=rest).first()
        facts = {"service": local_name(service) if service else rest}
        if head == "multipliers":
            return _("%(service)s, need multiplied by") % facts
        return _("%(service)s, units a person") % facts
    if head == "model":
        return _("model of the template: %(name)s") % {"name": rest}
    return _links().get(head.removesuffix("_share"), place)


def value_words(place: str, value: Any) -> str:
    """A share in per cent, another number as it is."""
    if value is None:
        return "—"
    return pct(value) if is_share(place) else f"{value:g}" if abs(value) < 1000 else num(value)
