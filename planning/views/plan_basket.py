"""What a person means to change in a version, collected until they have it measured or solved again.

It lives in the session and not in the address: it must follow from the map to the list of rejected places and back, and
it is one person's intention, not a state of the plan that a link should carry. Nobody else sees it, the version never
changes by it, and two people who argue over one plan each have their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from planning.models import PlanVersion

LOCK, BAN, FREE, ADD, REMOVE = VERBS = ("lock", "ban", "free", "add", "remove")
_NAME, _REFUSED = "plan_baskets", "plan_basket_refused"
MOST_VERSIONS, MOST_KEYS = 12, 500


@dataclass
class Basket:
    """verbs: what is meant with each option, by key. Of the version: keys in the plan by order, keys its question locks and
    bans."""

    verbs: dict[str, str]
    orders: dict[str, int]
    locked: set[str]
    banned: set[str]
    names: dict[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.verbs)

    def keys(self, *verbs: str) -> list[str]:
        return [key for key, verb in self.verbs.items() if verb in verbs]

    @property
    def remove(self) -> list[int]:
        """Orders that measuring by hand takes out: a banned place does not stay."""
        return sorted(self.orders[key] for key in self.keys(REMOVE, BAN) if key in self.orders)

    @property
    def add(self) -> list[str]:
        """Keys that measuring by hand puts in: a locked place belongs in the plan."""
        return [key for key in self.keys(ADD, LOCK) if key not in self.orders]

    @property
    def must(self) -> list[str]:
        """Keys that the next search must hold; what is added by hand is wanted."""
        return self.keys(LOCK, ADD)

    @property
    def can_measure(self) -> bool:
        return bool(self.remove or self.add)

    @property
    def can_resolve(self) -> bool:
        return bool(self.keys(LOCK, BAN, FREE, ADD))

    def says(self, key: str) -> str:
        """What holds for an option after the next search: the verb chosen, or what the question says of it."""
        if key in self.verbs:
            return self.verbs[key]
        whole = key.partition("@")[0]
        if {key, whole} & self.locked:
            return "locked"
        return "banned" if {key, whole} & self.banned else ""


def basket_of(request: HttpRequest, version: PlanVersion) -> Basket:
    kept = request.session.get(_NAME, {}).get(str(version.pk), {})
    orders = {key: order for order, key in enumerate(version.facts.get("keys") or [], start=1)}
    question = version.question
    return Basket(dict(kept), orders, set(question.get("must", [])), set(question.get("banned", [])))


def put(request: HttpRequest, version: PlanVersion, key: str, verb: str) -> None:
    """Note what is meant with an option; "" takes it out again."""
    baskets = request.session.get(_NAME, {})
    mine = baskets.pop(str(version.pk), {})
    mine.pop(key, None)
    if verb in VERBS and len(mine) < MOST_KEYS:
        mine[key] = verb
    baskets[str(version.pk)] = mine
    while len(baskets) > MOST_VERSIONS:  # the version not touched for longest
        baskets.pop(next(iter(baskets)))
    request.session[_NAME] = baskets


def empty(request: HttpRequest, version: PlanVersion) -> None:
    baskets = request.session.get(_NAME, {})
    baskets.pop(str(version.pk), None)
    request.session[_NAME] = baskets


def refuse(request: HttpRequest, version: PlanVersion, words: str) -> None:
    """Keep why the changes could not be made, for the page that is shown next."""
    request.session[_REFUSED] = {"version": version.pk, "words": words}


def refused(request: HttpRequest, version: PlanVersion) -> str:
    """Why the changes could not be made, told once."""
    kept = request.session.get(_REFUSED)
    if not kept or kept["version"] != version.pk:
        return ""
    del request.session[_REFUSED]
    return str(kept["words"])
