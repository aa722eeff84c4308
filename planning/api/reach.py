"""How far people get, and what a facility that is not there would serve. Both answer at once and write nothing."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.renderers import GeoJsonRenderer
from core.api.viewsets import PlainViewSet
from core.errors import DomainError
from core.selectors.cities import cities_of
from facilities.api.serializers import StrictSerializer
from facilities.models import ServiceType
from planning.api.runs import runs_seen
from planning.api.scenarios import city_seen
from planning.choices import RunState
from planning.services.reach import DIRECTIONS, MODES, MOST_LIMITS, MOST_MINUTES, Reached, reach_from
from planning.services.what_if import what_if
from planning.services.what_if_answers import drawn, gain_said

KNOWN = ("from", "minutes", "metres", "mode", "direction", "run", "city", "format")


class ReachJson(GeoJsonRenderer):
    """GeoJSON without asking for it: there is no other form."""


def numbers(text: str, name: str) -> list[float]:
    """Comma-separated numbers of a query; 400 for anything else."""
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        words = _("%(name)s must be numbers, separated by commas.") % {"name": name}
        raise DomainError("number-unreadable", words, status=400, field=name) from None


def said(found: Reached) -> dict[str, Any]:
    """A FeatureCollection: the widest ring first, so that the smaller ones lie on top where they are drawn."""
    features = [
        {
            "type": "Feature",
            "geometry": drawn(ring.shape),
            "properties": {
                "limit": ring.limit, "unit": found.unit, "people": ring.people, "cells": ring.cells,
                "facilities": ring.facilities,
            },
        }
        for ring in reversed(found.rings)
    ]  # fmt: skip
    return {
        "type": "FeatureCollection", "features": features, "from": [found.lon, found.lat], "unit": found.unit,
        "mode": found.mode, "direction": found.direction, "method": found.method,
        "method_words": str(_method(found)), "time_of_day": found.time_of_day, "city": found.city.code,
        "run": found.run.ref if found.run else None, "network": found.network_sha, "closed_km": round(found.closed_km, 3),
        "counted": "people and cells at the travel times of the cells; the polygons are for drawing",
        "facilities": [
            {"ref": one.facility.ref, "name": one.facility.name, "name_en": one.facility.name_en, "cost": round(one.cost, 2)}
            for one in found.facilities
        ],
    }  # fmt: skip


def _method(found: Reached) -> Any:
    if found.method == "roads":
        return _("along streets")
    return _("no roads loaded: straight line × %(factor)s") % {"factor": found.detour}


class ReachViewSet(PlainViewSet):
    """How far people get within a time or a distance."""

    renderer_classes = [ReachJson]

    @extend_schema(
        parameters=[
            OpenApiParameter("from", str, required=True, description="longitude,latitude (WGS-84)"),
            OpenApiParameter(
                "minutes", str, description=f"Up to {MOST_LIMITS} limits, comma-separated, each at most {MOST_MINUTES:g}."
            ),
            OpenApiParameter("metres", str, description="The same in metres, instead of minutes."),
            OpenApiParameter("mode", str, enum=MODES, description="walk when not given"),
            OpenApiParameter(
                "direction", str, enum=DIRECTIONS, description="to: who gets here (when not given); from: where one gets"
            ),
            OpenApiParameter("run", str, description="On the roads, closures and people of this run."),
            OpenApiParameter("city", str, description="Else on the newest of this city; yours if there is only one."),
        ],
        responses={(200, "application/geo+json"): OpenApiTypes.OBJECT},
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Nested polygons with the people, cells and facilities within each limit. People are counted at the travel
        times of their cells, never by the polygons."""
        ask = request.query_params
        if unknown := sorted(set(ask) - set(KNOWN)):
            words = _("This address has no parameter %(names)s.") % {"names": ", ".join(unknown)}
            raise DomainError("unknown-filter", words, status=400, unknown=unknown, known=sorted(KNOWN))
        place = numbers(ask.get("from", ""), "from")
        if len(place) != 2:
            raise DomainError("place-unreadable", _("from must be longitude,latitude."), status=400)
        if ("minutes" in ask) == ("metres" in ask):
            raise DomainError("reach-limits", _("Give minutes or metres, one of them."), status=400)
        unit = "min" if "minutes" in ask else "m"
        limits = numbers(ask.get("minutes", ask.get("metres", "")), "minutes" if unit == "min" else "metres")
        run = None
        if ask.get("run"):
            runs = runs_seen(request.user).select_related("city", "snapshot", "plan_version")
            run = get_object_or_404(runs.exclude(state=RunState.REFUSED), ref=ask["run"])
            city = run.city
        else:
            mine = cities_of(request.user)
            if not ask.get("city") and len(mine) != 1:
                raise DomainError("city-needed", _("Name the run or the city."), status=400)
            city = city_seen(request.user, ask["city"]) if ask.get("city") else mine[0]
        found = reach_from(
            user=request.user, city=city, run=run, lon=place[0], lat=place[1], limits=limits, unit=unit,
            mode=ask.get("mode", "walk"), direction=ask.get("direction", "to"),
        )  # fmt: skip
        return Response(said(found))


class WhatIfSerializer(StrictSerializer):
    service = serializers.CharField(help_text="Code of a service that the run counts.")
    lon = serializers.FloatField()
    lat = serializers.FloatField()
    capacity = serializers.IntegerField(min_value=1)
    barrier_free_capacity = serializers.IntegerField(min_value=0, default=0, help_text="The part of it.")
    hours = serializers.FloatField(min_value=0, default=0, help_text="Hours after activation until it opens.")
    cells = serializers.BooleanField(default=False, help_text="Also the cells that gain, as GeoJSON points.")
    shape = serializers.BooleanField(default=False, help_text="Also the ground within reach, for drawing.")


@extend_schema(parameters=[OpenApiParameter("run_ref", str, OpenApiParameter.PATH)])
class WhatIfViewSet(PlainViewSet):
    """What if there were a facility here."""

    @extend_schema(request=WhatIfSerializer, responses=OpenApiTypes.OBJECT)
    def create(self, request: Request, run_ref: str) -> Response:
        """Who would be newly served, by area, if a facility of this capacity stood here. Exact, and not stored."""
        runs = runs_seen(request.user).filter(state=RunState.DONE)
        run = get_object_or_404(runs.select_related("city", "snapshot", "plan_version"), ref=run_ref)
        form = WhatIfSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        service = get_object_or_404(ServiceType, code=fields.pop("service"))
        cells, shape = fields.pop("cells"), fields.pop("shape")
        found = what_if(user=request.user, run=run, service=service, with_shape=shape, **fields)
        return Response(gain_said(found, cells))
