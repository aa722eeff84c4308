"""Which city a request is about."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from core import policies
from core.models import City

SESSION_KEY = "city"
# What programs and map tiles ask for must not change what the person's pages show.
NO_MEMORY = ("/api/", "/tiles/")


def cities_of(user: Any) -> list[City]:
    """The cities a person has a role in, the one loaded last first."""
    return list(City.objects.filter(policies.visible_cities(user)).order_by("-loaded_at", "-id"))


def latest_city() -> City | None:
    return City.objects.order_by("-loaded_at", "-id").first()


def city_of(request: HttpRequest) -> City | None:
    """Asked for by `?city=CODE`, else the one seen last, else the one loaded last: among those the person has a role in."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    visible = City.objects.filter(policies.visible_cities(user))
    asked = request.GET.get("city", "").replace("\x00", "")
    code = asked or request.session.get(SESSION_KEY)
    found = visible.filter(code=code).first() if code else None
    if (
        found
        and asked
        and request.session.get(SESSION_KEY) != asked
        and not request.path.startswith(NO_MEMORY)
    ):
        request.session[SESSION_KEY] = found.code
    return found or visible.order_by("-loaded_at", "-id").first()


class LazyCity(SimpleLazyObject):
    """The city in view, looked up on first use. Falsy when nothing is loaded yet."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(lambda: city_of(request))
