"""What people decide about population layers: which one is in use, how wrong it may be, scaling to a census, deleting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils.translation import gettext as _

from core import policies
from core.choices import Certainty
from core.errors import DomainError
from core.models import City
from core.services import audit
from engine.reallocation import scale_to_totals
from planning.bridge.columns import fetch_columns
from planning.choices import LayerMethod
from planning.importers.population_groups import spread_groups
from planning.models import CensusTotal, PopulationLayer
from planning.selectors.population import Reconciliation, reconcile, scenarios_with
from planning.services.census import census_area_of
from planning.services.pack_population import FROM_SCALING
from planning.services.population_cells import counts_of, write_counts


def set_current(*, user: Any, layer: PopulationLayer) -> PopulationLayer:
    """Let runs use this layer at its time of day from now on; runs that are done keep the one they had."""
    _may(user, layer)
    with transaction.atomic():
        same = PopulationLayer.objects.select_for_update().filter(
            city_id=layer.city_id, time_of_day=layer.time_of_day
        )
        before = same.filter(current=True).first()
        if before is not None and before.pk == layer.pk:
            return layer
        same.update(current=False)
        same.filter(pk=layer.pk).update(current=True)
        was = {"in_use": before.code if before else None}
        audit.record(
            user=user, act="population.use", subject=layer, ref=layer.code, before=was, after={"in_use": layer.code}
        )  # fmt: skip
    layer.refresh_from_db()
    return layer


def set_errors(
    *, user: Any, layer: PopulationLayer, error_share: float | None, error_share_district: float | None, error_source: str
) -> PopulationLayer:  # fmt: skip
    """Say how far the layer may be off: the whole of it, and each district for itself. An error needs its source."""
    _may(user, layer)
    for share in (error_share, error_share_district):
        if share is not None and not 0 <= share < 1:
            raise DomainError(
                "share-invalid", _("An error is a share of at least 0 and less than 1."), status=422
            )
    told = error_share is not None or error_share_district is not None
    if told and not error_source.strip():
        raise DomainError("source-missing", _("Say where the error comes from."), status=422)
    names = ("error_share", "error_share_district", "error_source")
    with transaction.atomic():
        before = {name: getattr(layer, name) for name in names}
        layer.error_share, layer.error_share_district = error_share, error_share_district
        layer.error_source = error_source.strip()[:300] if told else ""
        layer.save(update_fields=list(names))
        after = {name: getattr(layer, name) for name in names}
        audit.record(
            user=user, act="population.error", subject=layer, ref=layer.code, before=before, after=after
        )
    return layer


def delete_layer(*, user: Any, layer: PopulationLayer) -> None:
    """Delete a layer that no run will ask for again: not in use, and named by no scenario."""
    _may(user, layer)
    if layer.current:
        raise DomainError("layer-in-use", _("This layer is in use. Take another one into use first."))
    named = scenarios_with(layer)
    if named:
        text = _("Scenarios name this layer: %(refs)s.") % {"refs": ", ".join(one.ref for one in named[:10])}
        raise DomainError("layer-in-use", text)
    if layer.facts.get("from", "pack") == "pack":
        text = _("The layer belongs to the city pack and would come back with it. Take it out of the pack.")
        raise DomainError("layer-of-pack", text)
    with transaction.atomic():
        was = {"code": layer.code, "people": layer.people, "source": layer.source, "method": layer.method}
        audit.record(user=user, act="population.delete", subject=layer, ref=layer.code, before=was)
        with connection.cursor() as cursor:
            cursor.execute("delete from planning_cellpopulation where layer_id = %s", [layer.pk])
        layer.delete()


@dataclass
class Scaling:
    """A layer scaled to a census, as it would be. `factors`: area code -> factor; `left`: people whose areas the census
    does not name, who stay as they are; `unplaced`: area codes that the census counts people in and the layer nobody."""

    reconciliation: Reconciliation
    factors: dict[str, float]
    people: float
    groups: dict[str, float]
    left: float
    unplaced: list[str]
    cells: np.ndarray
    counts: np.ndarray
    parts: dict[str, np.ndarray]

    def as_dict(self) -> dict[str, Any]:
        return {
            "layer": self.reconciliation.layer.code, "year": self.reconciliation.year, "factors": self.factors,
            "people_before": self.reconciliation.layer.people, "people": self.people, "groups": self.groups,
            "left_as_they_are": self.left, "unplaced": self.unplaced,
        }  # fmt: skip


def preview_scaling(*, user: Any, layer: PopulationLayer, year: int) -> Scaling:
    """What scaling a layer to the census of a year would give; nothing is written."""
    _may(user, layer)
    found = reconcile(layer, year)
    if found is None or not found.rows:
        text = _("There is no census of %(year)d for this city.") % {"year": year}
        raise DomainError("census-missing", text, status=422)
    held = counts_of(layer)
    area = _area_of_cells(layer, held["cell_id"])
    chosen = [row.area for row in found.rows if row.area is not None]
    number = {one.pk: n for n, one in enumerate(chosen)}
    of = census_area_of(layer.city, set(number))
    ids, back = np.unique(area, return_inverse=True)
    index = np.array([number.get(of.get(one, -1), -1) for one in ids.tolist()], dtype=np.int64)[back]
    totals = np.array([float(row.census or 0) for row in found.rows])
    people = held.pop("people")
    whole = bool((people == np.floor(people)).all())
    made = scale_to_totals(people, index, totals, whole)
    parts = _groups_scaled(held, people, made.people, index, made.factor, found, whole)
    return Scaling(
        found, {one.code: float(made.factor[n]) for n, one in enumerate(chosen) if np.isfinite(made.factor[n])},
        float(made.people.sum()), {group: float(part.sum()) for group, part in parts.items()},
        float(people[index < 0].sum()), [chosen[n].code for n in made.unplaced.tolist()], held["cell_id"], made.people, parts,
    )  # fmt: skip


def _area_of_cells(layer: PopulationLayer, cells: np.ndarray) -> np.ndarray:
    rows = fetch_columns(
        "select c.id, coalesce(c.area_id, -1) area from planning_cellpopulation p"
        " join planning_demandcell c on c.id = p.cell_id where p.layer_id = %s order by c.id",
        [layer.pk], [("id", "int8"), ("area", "int8")],
    )  # fmt: skip
    assert np.array_equal(rows["id"], cells)
    return rows["area"]


def _groups_scaled(
    held: dict[str, np.ndarray],
    before: np.ndarray,
    after: np.ndarray,
    index: np.ndarray,
    factor: np.ndarray,
    found: Reconciliation,
    whole: bool,
) -> dict[str, np.ndarray]:
    """The groups of the layer with its new people: the census's own count where it tells the group, else by the factor
    of the area. They lie as they lay before."""
    scaled = np.isfinite(factor)
    inside = (index >= 0) & scaled[np.maximum(index, 0)]
    totals: dict[str, np.ndarray] = {}
    for group in held.keys() - {"cell_id"}:
        sums = np.bincount(index[inside], held[group][inside], minlength=len(factor))
        wanted = np.nan_to_num(sums * np.where(scaled, factor, 0.0))
        told = np.array([row.census_groups.get(group, np.nan) for row in found.rows])
        wanted = np.where(np.isnan(told), np.floor(wanted + 0.5) if whole else wanted, told)
        totals[group] = np.where(scaled, wanted, 0.0)
    weights = {group: held[group][inside] for group in totals}
    parts = spread_groups(after[inside], index[inside], totals, whole, weights)
    full = {}
    for group, part in parts.items():
        full[group] = held[group].copy()
        full[group][inside] = part
    return full


def scale_layer(
    *, user: Any, layer: PopulationLayer, year: int, code: str = "", name: str = "", current: bool = False
) -> PopulationLayer:  # fmt: skip
    """A new layer with the people of `layer` brought to the census of a year, district by district; both are kept.

    `code`: of the new layer (default: that of the old one with the year); `current`: take it into use."""
    made = preview_scaling(user=user, layer=layer, year=year)
    code = code or f"{layer.code[:34]}-{year}"
    if PopulationLayer.objects.filter(city_id=layer.city_id, code=code).exists():
        text = _('There is a layer "%(code)s" already.') % {"code": code}
        raise DomainError("code-taken", text)
    found = made.reconciliation
    with transaction.atomic():
        new = PopulationLayer.objects.create(
            city_id=layer.city_id, code=code, name=name or f"{layer.name}（{year} 年普查）"[:120],
            name_en=f"{layer.name_en or layer.name}, census of {year}"[:120], time_of_day=layer.time_of_day, current=False,
            method=LayerMethod.SCALED, made_from=layer, synthetic=layer.synthetic, as_of=layer.as_of,
            # as sure as the less sure of the two
            certainty=max(layer.certainty, found.certainty or Certainty.D),
            source=f"{found.source}; {layer.source or layer.code}"[:300],
            created_by=user if getattr(user, "is_authenticated", False) else None,
            facts={
                "from": FROM_SCALING, "census": year, "factors": made.factors, "left_as_they_are": made.left,
                "unplaced": made.unplaced, "people_before": layer.people,
                "made_from_sha256": layer.facts.get("sha256", ""),
            },
        )  # fmt: skip
        with connection.cursor() as cursor:
            write_counts(cursor, new, made.cells, made.counts, made.parts)
        after = {"made_from": layer.code, "census": year, "people": new.people}
        audit.record(user=user, act="population.scale", subject=new, ref=new.code, before={"people": layer.people}, after=after)  # fmt: skip
        if current:
            set_current(user=user, layer=new)
    new.refresh_from_db()
    return new


def delete_census(*, user: Any, city: City, year: int) -> int:
    """Forget the census of a year; layers that were scaled to it stay. Returns the figures deleted."""
    if user is not None:
        policies.demand(user, "population.import", city)
    with transaction.atomic():
        count, _kinds = CensusTotal.objects.filter(city=city, year=year).delete()
        if not count:
            text = _("There is no census of %(year)d for this city.") % {"year": year}
            raise DomainError("census-missing", text, status=404)
        audit.record(user=user, act="census.delete", subject=city, ref=city.code, before={"year": year, "figures": count})  # fmt: skip
    return count


def _may(user: Any, layer: PopulationLayer) -> None:
    if user is not None:
        policies.demand(user, "population.import", layer.city)
