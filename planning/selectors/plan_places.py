"""Options of plans by name: which keys a city has, which places bear them, and a search among them.

A key is `kind:c<id of a role>` or `kind:o<id of what an idle asset offers>`, with `@share` for one of its sizes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from core import policies
from core.models import City
from facilities.choices import CapabilityStatus
from facilities.models import Capability, ServiceType
from inventory.choices import AssetStatus, InterventionKind
from inventory.models import AssetOption

_KEY = re.compile(r"^([a-z]+):([co])(\d{1,18})(?:@(0?\.\d+|1|0))?$")
_OF_ROLE = {
    CapabilityStatus.POSSIBLE: (InterventionKind.CONVERT,),
    CapabilityStatus.ACTIVE: (
        InterventionKind.EXTEND, InterventionKind.STOCK, InterventionKind.UPGRADE, InterventionKind.RETIRE,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class NamedOption:
    """One key with the place that bears it. `share`: of the whole, None for the whole itself."""

    key: str
    kind: str
    service: ServiceType
    name: str
    name_en: str
    area: Any
    place_ref: str
    at_facility: bool
    share: float | None = None

    @property
    def kind_label(self) -> str:
        return str(InterventionKind(self.kind).label)


def known_keys(city: City, keys: Collection[str]) -> set[str]:
    """Those of `keys` that name something the city could do: the kind fits the role's status or the asset's offer. What is
    possible in the scenarios looked at is another question."""
    return {key for key, _row in _rows_of(keys, *_of_city(city))}


def named_options(city: City, keys: Iterable[str], *, user: Any) -> list[NamedOption]:
    """The places behind keys, in the order of the keys; only those the person may see."""
    order = list(dict.fromkeys(keys))
    roles, offers = _of_city(city)
    roles = roles.filter(policies.visible(user, area="facility__area", city="facility__city"))
    offers = offers.filter(policies.visible(user, area="asset__area", city="asset__city"))
    found = dict(_rows_of(order, roles, offers))
    return [_named(key, found[key]) for key in order if key in found]


def find_options(
    city: City, words: str, *, user: Any, retire: bool = False, limit: int = 30
) -> list[NamedOption]:
    """Options at places whose name, English name or reference holds the words, by name; only what the person may see."""
    words = words.strip()
    if not words:
        return []
    roles, offers = _of_city(city)
    seen_roles = roles.filter(
        policies.visible(user, area="facility__area", city="facility__city"),
        Q(facility__name__icontains=words) | Q(facility__name_en__icontains=words) | Q(facility__ref__iexact=words),
    ).order_by("facility__name", "service__sort_order")  # fmt: skip
    seen_offers = offers.filter(
        policies.visible(user, area="asset__area", city="asset__city"),
        Q(asset__name__icontains=words) | Q(asset__name_en__icontains=words) | Q(asset__ref__iexact=words),
    ).order_by("asset__name", "service__sort_order")  # fmt: skip
    found = [_named(f"{row.kind}:o{row.pk}", row) for row in seen_offers[:limit]]
    for role in seen_roles[:limit]:
        for kind in _OF_ROLE[CapabilityStatus(role.status)]:
            if retire or kind != InterventionKind.RETIRE:
                found.append(_named(f"{kind}:c{role.pk}", role))
    return found[:limit]


def _of_city(city: City) -> tuple[Any, Any]:
    roles = Capability.objects.filter(facility__city=city, status__in=list(_OF_ROLE)).select_related(
        "facility__area", "service"
    )
    offers = AssetOption.objects.filter(
        asset__city=city,
        asset__status=AssetStatus.IDLE,
        kind__in=[InterventionKind.BUILD, InterventionKind.CONVERT],
    ).select_related("asset__area", "service")
    return roles, offers


def _rows_of(keys: Iterable[str], roles: Any, offers: Any) -> list[tuple[str, Any]]:
    """[(key, role or offer)] of the keys that are sound and there; two statements for any number of keys."""
    parts = {key: match.groups() for key in keys if (match := _KEY.match(key))}
    by_id = {
        "c": roles.in_bulk(
            [int(number) for _kind, letter, number, _share in parts.values() if letter == "c"]
        ),
        "o": offers.in_bulk(
            [int(number) for _kind, letter, number, _share in parts.values() if letter == "o"]
        ),
    }
    found = []
    for key, (kind, letter, number, _share) in parts.items():
        row = by_id[letter].get(int(number))
        if row is None:
            continue
        kinds = (row.kind,) if letter == "o" else _OF_ROLE[CapabilityStatus(row.status)]
        if kind in kinds:
            found.append((key, row))
    return found


def _named(key: str, row: Any) -> NamedOption:
    kind, _colon, rest = key.partition(":")
    place = row.facility if isinstance(row, Capability) else row.asset
    share = float(rest.partition("@")[2]) if "@" in rest else None
    return NamedOption(
        key, kind, row.service, place.name, place.name_en, place.area, place.ref, isinstance(row, Capability), share
    )  # fmt: skip
