"""The one question about rights: may this person do this act on this record? Role x area.

An act is `noun.verb`. `GRANTS` is the whole matrix; superusers may do everything except what two people
must do. A role counts in its area and everything below it (paths share the prefix).
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q
from django.utils import timezone

from core.choices import Role
from core.errors import Forbidden

V, S, P, R, A, U, X = (
    Role.VIEWER, Role.STEWARD, Role.PLANNER, Role.REVIEWER, Role.APPROVER, Role.AUDITOR, Role.ADMIN,
)  # fmt: skip
EVERYONE = frozenset(Role)
GRANTS: dict[str, frozenset[Role]] = {
    "view": EVERYONE,
    "facility.edit": frozenset({S, X}),
    "facility.propose": frozenset({S, P, R, A, X}),
    "facility.import": frozenset({S, X}),
    "idle_asset.edit": frozenset({S, P, X}),
    "stock.move": frozenset({S, X}),
    "scenario.edit": frozenset({P, X}),
    "standard.edit": frozenset({P, X}),
    "standard.publish": frozenset({R, A, X}),
    "population.import": frozenset({S, P, X}),
    "hazard.import": frozenset({S, P, X}),
    "network.import": frozenset({S, P, X}),
    "run.start": frozenset({P, R, X}),
    "plan.edit": frozenset({P, X}),
    "plan.comment": frozenset({P, R, A, X}),
    "project.edit": frozenset({P, X}),
    "project.submit": frozenset({P}),
    "condition.settle": frozenset({R, A}),
    "route.edit": frozenset({X}),
    "route.publish": frozenset({A}),
    "calendar.edit": frozenset({X}),
    "deputy.edit": frozenset({A, X}),
    "money.edit": frozenset({R}),
    "money.pay": frozenset({R}),
    # an open condition goes to another tranche: asked by one (money.edit), agreed to by the one who approves
    "money.agree": frozenset({A}),
    "contract.edit": frozenset({P, R}),
    "project.import": frozenset({P, X}),
    "duplicate_rule.edit": frozenset({P, X}),
    "duplicate_rule.publish": frozenset({A}),
    "responsibility.edit": frozenset({P, X}),
    "works.report": frozenset({S, P}),
    "works.inspect": frozenset({R, U}),
    "inspection.draw": frozenset({A, U}),
    "alert.explain": frozenset({S, P, R}),
    "alert.close": frozenset({R, U}),
    "alert.assign": frozenset({R, A, U}),
    "alert.run": frozenset({R, A, U, X}),
    "alert_rule.edit": frozenset({U, X}),
    "alert_rule.publish": frozenset({A}),
    "handover.report": frozenset({S, P}),
    "handover.check": frozenset({R, U}),
    "handover.accept": frozenset({A}),
    "webhook.edit": frozenset({X}),
    "publication.edit": frozenset({P, X}),
    "publication.publish": frozenset({A}),
    "job.view": frozenset({P, R, U, X}),
    "job.cancel": frozenset({X}),
    "audit.view": frozenset({U, X}),
    "people.edit": frozenset({X}),
    "city.load": frozenset({X}),
}


def memberships(user: Any) -> list[tuple[str, str, int]]:
    """`(role, area path, city id)` of every membership in force; kept on the user for the request."""
    if not getattr(user, "is_authenticated", False):
        return []
    kept = getattr(user, "_memberships_in_force", None)
    if kept is None:
        today = timezone.localdate()
        rows = user.memberships.filter(valid_from__lte=today).filter(
            Q(valid_to=None) | Q(valid_to__gte=today)
        )
        kept = user._memberships_in_force = list(rows.values_list("role", "area__path", "area__city_id"))
    return kept


def roles_at(user: Any, path: str, city_id: int) -> set[str]:
    return {role for role, top, city in memberships(user) if city == city_id and path.startswith(top)}


def _place(subject: Any) -> tuple[str, int | None] | None:
    """`(area path, city id)` of a record; the whole city where it has no area of its own, no city where it has none."""
    from core.models import Area, City

    if subject is None:
        return None
    if isinstance(subject, Area):
        return subject.path, subject.city_id
    if isinstance(subject, City):
        return "", subject.pk
    area = getattr(subject, "area", None)
    city_id = getattr(subject, "city_id", None) or (area.city_id if area is not None else None)
    return (area.path if area is not None else ""), city_id


def place_of(subject: Any) -> tuple[str, int | None]:
    """`(area path, city id)` of any record; ("", None) for one that belongs to no city."""
    return _place(subject) or ("", None)


def allows(user: Any, act: str, subject: Any = None) -> bool:
    """True when one of the person's roles grants `act` at the place of `subject` (anywhere when None).

    A city-wide subject (no area) needs a role at any level of that city to view, and a role held for the
    whole city to change it.
    """
    if not getattr(user, "is_active", False):
        return False
    if user.is_superuser:
        return True
    granted = GRANTS[act]
    place = _place(subject)
    for role, top, city_id in memberships(user):
        if role not in granted:
            continue
        if place is None:
            return True
        path, city = place
        if city is not None and city != city_id:
            continue
        if path.startswith(top) or (not path and (act == "view" or city_wide(top))):
            return True
    return False


def holds(user: Any, act: str, city_id: int) -> bool:
    """Does one of the person's roles grant `act` anywhere in the city? For what concerns everybody who works on it."""
    if not getattr(user, "is_active", False):
        return False
    return user.is_superuser or any(
        city == city_id and role in GRANTS[act] for role, _top, city in memberships(user)
    )


def demand(user: Any, act: str, subject: Any = None) -> None:
    """Raise Forbidden, in words, unless `allows`."""
    if not allows(user, act, subject):
        from django.utils.translation import gettext as _

        raise Forbidden(_("Your roles do not allow this here."), act=act)


def visible(user: Any, *, area: str = "area", city: str = "city", shared: bool = False) -> Q:
    """The filter for what a person may see. `area` and `city` are the lookups of those fields.

    A place outside every area may be in anybody's district, so only those with a role for the whole city see it.
    `shared`: rows without an area concern everyone in the city, and everyone there sees them.
    """
    if getattr(user, "is_superuser", False):
        return Q()
    query = Q(pk__in=[])
    for _role, top, city_id in memberships(user):
        places = Q(**{f"{area}__path__startswith": top})
        if shared or city_wide(top):
            places |= Q(**{f"{area}__isnull": True})
        query |= Q(**{f"{city}_id" if not city.endswith("__id") else city: city_id}) & places
    return query


def visible_areas(user: Any) -> Q:
    """The filter on Area itself: what lies inside the person's areas, and what contains them."""
    if getattr(user, "is_superuser", False):
        return Q()
    query = Q(pk__in=[])
    for _role, top, city_id in memberships(user):
        codes = top.strip("/").split("/")
        above = ["/".join(codes[: n + 1]) + "/" for n in range(len(codes) - 1)]
        query |= Q(city_id=city_id) & (Q(path__startswith=top) | Q(path__in=above))
    return query


def visible_paths(user: Any, city_id: int) -> list[str] | None:
    """Path prefixes for hand-written SQL; None means everything."""
    if getattr(user, "is_superuser", False):
        return None
    return sorted({top for _role, top, city in memberships(user) if city == city_id})


def visible_cities(user: Any) -> Q:
    if getattr(user, "is_superuser", False):
        return Q()
    return Q(pk__in={city for _role, _top, city in memberships(user)})


def city_wide(top: str) -> bool:
    """Is this area path that of a whole city?"""
    return top.count("/") == 1


def sees_whole_city(user: Any, city_id: int) -> bool:
    """Counts and sums of a whole city are for those who may see all of it."""
    paths = visible_paths(user, city_id)
    return paths is None or any(city_wide(path) for path in paths)


def cities_with(user: Any, act: str) -> set[int]:
    """Ids of the cities where the person holds, for the whole city, a role that grants `act`."""
    return {city for role, top, city in memberships(user) if role in GRANTS[act] and city_wide(top)}


def has_role(user: Any, roles: Iterable[str]) -> bool:
    return getattr(user, "is_superuser", False) or any(
        role in set(roles) for role, _top, _city in memberships(user)
    )
