"""Which city a request is about."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from core.models import City

SESSION_KEY = "city"


def latest_city() -> City | None:
    return City.objects.order_by("-loaded_at", "-id").first()


def city_of(request: HttpRequest) -> City | None:
    asked = request.GET.get("city")
    code = asked or request.session.get(SESSION_KEY)
    found = City.objects.filter(code=code).first() if code else None
    if found and asked:
        request.session[SESSION_KEY] = found.code
    return found or latest_city()


class LazyCity(SimpleLazyObject):
    """The city in view, looked up on first use. Falsy when nothing is loaded yet."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(lambda: city_of(request))
