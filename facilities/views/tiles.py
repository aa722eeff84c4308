"""Facilities on any map: the page's filters that speak of roles and uses work here too."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from core.errors import DomainError
from core.views.tiles import tile_access, tile_city, tile_response
from facilities.filters import FacilityFilter
from facilities.models import Facility
from facilities.selectors.tiles import facility_tile


@tile_access
def facilities_layer(request: HttpRequest, z: int, x: int, y: int) -> HttpResponse:
    city = tile_city(request)
    filters = FacilityFilter(request.GET, queryset=Facility.objects.none(), request=request)
    if not filters.is_valid():
        raise DomainError("bad-filter", _("A filter cannot be read."), status=400, errors=filters.errors)
    uses = sorted(filters.form.cleaned_data.get("use") or [])
    return tile_response(
        request, facility_tile(user=request.user, city=city, role=filters.role, uses=uses, z=z, x=x, y=y)
    )
