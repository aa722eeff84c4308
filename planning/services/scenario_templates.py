"""A scenario begun from a template, on the classes of a hazard layer of the city."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.models import City
from planning.bridge.templates import fitted_document
from planning.models import HazardLayer, HazardZone
from planning.selectors.scenario_templates import template_document


def begun_document(*, code: str, variant: str = "", layer: HazardLayer | None = None) -> dict[str, Any]:
    """Field values of a scenario that begins from a template; services by code, the layer by its own. With a layer, rates
    carry the names of its classes: those the template knows, and of a raster those its cut-offs tell."""
    if layer is None:
        return template_document(code, variant)
    zones = HazardZone.objects.filter(layer=layer).order_by("-severity", "klass")
    classes = list(dict.fromkeys(zones.values_list("klass", flat=True)))
    starts = {str(row["klass"]): float(row["from"]) for row in layer.cut_offs}
    return fitted_document(code, variant, classes, starts, layer.unit) | {"hazard_layer": layer.code}


def document_for(
    *, user: Any, code: str, variant: str = "", city: str = "", hazard_layer: str = ""
) -> dict[str, Any]:
    """The same for a person: the layer by its code, in a city the person may see."""
    if not hazard_layer:
        return begun_document(code=code, variant=variant)
    layers = HazardLayer.objects.filter(city__in=City.objects.filter(policies.visible_cities(user)))
    found = layers.filter(code=hazard_layer, **({"city__code": city} if city else {})).first()
    if found is None:
        raise DomainError(
            "no-such-layer", _('There is no hazard layer "%(cell)s".') % {"cell": hazard_layer}, status=404
        )
    return begun_document(code=code, variant=variant, layer=found)
