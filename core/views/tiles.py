"""Tiles of the base map, and how any app answers with a tile."""

import gzip
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from core import policies
from core.api.authentication import ApiTokenAuthentication
from core.api.problems import plain_problem
from core.choices import MapFeatureKind
from core.errors import DomainError
from core.models import City
from core.selectors.tiles import Tile, area_tile, base_tile, on_grid

MEDIA_TYPE = "application/vnd.mapbox-vector-tile"
KINDS = {"roads": MapFeatureKind.ROAD, "water": MapFeatureKind.WATER, "green": MapFeatureKind.GREEN}


def tile_access(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For views of `<z>/<x>/<y>`: a signed-in person or a token (QGIS), numbers on the grid, refusals as problems."""

    @wraps(view)
    @require_safe
    def guarded(request: HttpRequest, *args: Any, z: int, x: int, y: int, **kwargs: Any) -> HttpResponse:
        try:
            if not request.user.is_authenticated and (
                found := ApiTokenAuthentication().authenticate(Request(request))
            ):
                request.user = found[0]
            if not request.user.is_authenticated:
                response = plain_problem(401, "not-authenticated", _("Sign in, or send a token."))
                response["WWW-Authenticate"] = "Bearer"
                return response
            if not on_grid(z, x, y):
                return plain_problem(404, "not-found", _("There is no such tile."))
            return view(request, *args, z=z, x=x, y=y, **kwargs)
        except APIException as error:
            return plain_problem(
                error.status_code, str(error.get_codes()).replace("_", "-"), str(error.detail)
            )
        except DomainError as error:
            return plain_problem(error.status, error.code, str(error.message), **error.extra)

    return guarded


def tile_response(request: HttpRequest, tile: Tile) -> HttpResponse:
    """The tile, or 304, or 204 when nothing lies in it. Private: what it shows depends on who asks."""
    if request.headers.get("If-None-Match", "").removeprefix("W/") == tile.etag:
        response = HttpResponse(status=304)
    elif tile.empty:
        response = HttpResponse(status=204)
    elif "gzip" in request.headers.get("Accept-Encoding", ""):
        response = HttpResponse(tile.gzipped, content_type=MEDIA_TYPE, headers={"Content-Encoding": "gzip"})
    else:
        response = HttpResponse(gzip.decompress(tile.gzipped), content_type=MEDIA_TYPE)
    response["ETag"] = tile.etag
    response["Cache-Control"] = "private, max-age=60"
    patch_vary_headers(response, ["Accept-Encoding", "Cookie", "Authorization"])
    return response


def tile_city(request: HttpRequest) -> City:
    """The city of `?city=CODE`, or the one in view; refused as not found when the person has no role in it."""
    code = request.GET.get("city", "").replace("\x00", "")
    visible = City.objects.filter(policies.visible_cities(request.user))
    found = visible.filter(code=code).first() if code else (request.city or None)
    if found is None:
        raise DomainError("not-found", _("There is no such city here for you."), status=404)
    return found


@tile_access
def base_map(request: HttpRequest, layer: str, z: int, x: int, y: int) -> HttpResponse:
    city = tile_city(request)
    if layer == "areas":
        return tile_response(request, area_tile(user=request.user, city=city, z=z, x=x, y=y))
    return tile_response(request, base_tile(kind=KINDS[layer], city=city, z=z, x=x, y=y))
