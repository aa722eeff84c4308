"""Tiles of runs, people and hazard zones. Who may see a run or layer is asked first, then what of it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError
from core.models import City
from core.views.tiles import tile_access, tile_city, tile_response
from facilities.models import ServiceType
from planning.choices import RunState
from planning.models import Analysis, HazardLayer, PopulationLayer, Run
from planning.selectors.analyses import analyses_seen
from planning.selectors.comparisons import demand_comparable
from planning.services import tiles
from planning.services.analysis_tiles import drawn_of
from planning.services.difference_tiles import difference_tile


def _run(request: HttpRequest, ref: str) -> Run:
    cities = City.objects.filter(policies.visible_cities(request.user))
    run = (
        Run.objects.filter(ref=ref.replace("\x00", ""), city__in=cities, state=RunState.DONE)
        .select_related("city", "snapshot")
        .first()
    )
    if run is None:
        raise DomainError("not-found", _("There is no such finished run here for you."), status=404)
    return run


@tile_access
def cells(request: HttpRequest, z: int, x: int, y: int) -> HttpResponse:
    """`?run=REF&service=CODE`; `&before=REF` adds gap_before and gap_after (`compare=REF` names the run after instead);
    `&analysis=REF` adds the numbers of an analysis of the run, for all its hours at once."""
    ask = request.GET
    run = _run(request, ask.get("run", ""))
    service = ServiceType.objects.filter(code=ask.get("service", "").replace("\x00", "")).first()
    if service is None or service.code not in {row["service"] for row in run.totals}:
        raise DomainError("not-found", _("This run does not count the service."), status=404)
    before = _run(request, ask["before"]) if ask.get("before") else None
    if ask.get("compare"):
        run, before = _run(request, ask["compare"]), run
    if before is not None and before.city_id != run.city_id:
        raise DomainError("runs-differ", _("The runs belong to different cities."), status=422)
    more = drawn_of(_analysis(request, run), service) if ask.get("analysis") else None
    tile = tiles.cell_tile(
        user=request.user, run=run, service=service, before=before, z=z, x=x, y=y, more=more
    )
    return tile_response(request, tile)


@tile_access
def differences(request: HttpRequest, z: int, x: int, y: int) -> HttpResponse:
    """`?before=REF&after=REF&service=CODE`: need and gap of a service in two runs of one city."""
    ask = request.GET
    before, after = (_run(request, ask.get(name, "")) for name in ("before", "after"))
    code = ask.get("service", "").replace("\x00", "")
    service = next((one for one in demand_comparable(before, after) if one.code == code), None)
    if service is None:
        raise DomainError("not-found", _("The two runs do not both count the service."), status=404)
    tile = difference_tile(user=request.user, before=before, after=after, service=service, z=z, x=x, y=y)
    return tile_response(request, tile)


def _analysis(request: HttpRequest, run: Run) -> Analysis:
    ref = request.GET["analysis"].replace("\x00", "")
    found = analyses_seen(request.user).filter(run=run, ref=ref).first()
    if found is None:
        raise DomainError("not-found", _("There is no such analysis of the run."), status=404)
    return found


@tile_access
def population(request: HttpRequest, z: int, x: int, y: int) -> HttpResponse:
    """`?layer=CODE` or `?time=night`, in the city of `?city=CODE`."""
    city, ask = tile_city(request), request.GET
    layers = PopulationLayer.objects.filter(city=city).select_related("city").order_by("-current", "-id")
    layer = (
        layers.filter(code=ask["layer"].replace("\x00", "")).first()
        if ask.get("layer")
        else layers.filter(time_of_day=ask.get("time", "night")).first()
    )
    if layer is None:
        raise DomainError("not-found", _("There is no such population layer."), status=404)
    return tile_response(request, tiles.population_tile(user=request.user, layer=layer, z=z, x=x, y=y))


@tile_access
def zones(request: HttpRequest, code: str, z: int, x: int, y: int) -> HttpResponse:
    layer = HazardLayer.objects.filter(city=tile_city(request), code=code).select_related("city").first()
    if layer is None:
        raise DomainError("not-found", _("There is no such hazard layer."), status=404)
    return tile_response(request, tiles.zone_tile(layer=layer, z=z, x=x, y=y))


urlpatterns = [
    path("tiles/cells/<int:z>/<int:x>/<int:y>.pbf", cells, name="tiles_cells"),
    path("tiles/differences/<int:z>/<int:x>/<int:y>.pbf", differences, name="tiles_differences"),
    path("tiles/population/<int:z>/<int:x>/<int:y>.pbf", population, name="tiles_population"),
    path("tiles/zones/<slug:code>/<int:z>/<int:x>/<int:y>.pbf", zones, name="tiles_zones"),
]
