"""The registry part of a pack: facilities, their roles and papers, and idle assets with their options."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import City, PackLayer
from facilities.choices import BatchState, CapabilityStatus
from facilities.importers.columns import Column
from facilities.importers.problems import Problems
from facilities.importers.registry import (
    FIELDS,
    PAPER_COLUMNS,
    ROLE_COLUMNS,
    FacilityMapping,
    FacilityRows,
    PaperRows,
    RoleRows,
    facility_rows,
    mapped,
    paper_rows,
    role_rows,
)
from facilities.importers.tables import read_table
from facilities.models import Facility
from facilities.services.imports import apply_roles, record_batch, roles_by_service, write_facilities
from facilities.services.role_imports import write_papers, write_roles
from inventory.importers.idle_assets import (
    AssetRows,
    OptionRows,
    asset_columns,
    asset_rows,
    option_columns,
    option_rows,
)
from inventory.services.idle_imports import write_idle_assets, write_options
from planning.importers.layer_tables import assume, has_shapes, read_layer
from planning.importers.osm_shapes import PLACES
from planning.importers.packs import Layer, Pack

Box = tuple[float, float, float, float] | None
Lap = Callable[..., None]


@dataclass
class Registry:
    """What was read, by layer name, in the order of the pack."""

    facilities: dict[str, tuple[Layer, FacilityMapping, FacilityRows, Problems]] = field(default_factory=dict)
    roles: dict[str, tuple[Layer, RoleRows]] = field(default_factory=dict)
    papers: dict[str, tuple[Layer, PaperRows]] = field(default_factory=dict)
    assets: dict[str, tuple[Layer, AssetRows, OptionRows | None]] = field(default_factory=dict)
    shifts: dict[str, float | None] = field(default_factory=dict)


def read_registry(
    pack: Pack,
    stale: set[str],
    problems: Problems,
    *,
    city: City | None,
    inside: Box,
    uses: Collection[str],
    services: Collection[str],
    lap: Lap,
) -> Registry:
    content = Registry()
    owner: dict[str, str] = {}
    for layer in pack.of("facilities"):
        if layer.name in stale:
            _read_facilities(layer, content, owner, problems, inside, uses, services)
            lap(layer.name)
    known = set(owner)
    if city is not None:
        known |= set(Facility.objects.filter(city=city).values_list("source_id", flat=True))
    for layer in pack.of("roles", "agreements", "certificates"):
        if layer.name not in stale or layer.path is None:
            continue
        fields = ROLE_COLUMNS if layer.kind == "roles" else PAPER_COLUMNS
        table = read_table(
            layer.path,
            columns=mapped(fields, layer.columns),
            problems=problems,
            label=layer.label,
            **layer.reading(),
        )
        if table is not None and layer.kind == "roles":
            content.roles[layer.name] = layer, role_rows(table, known, services, problems)
        elif table is not None:
            content.papers[layer.name] = layer, paper_rows(table, known, problems)
        lap(layer.name)
    for layer in pack.of("idle_assets"):
        if layer.name in stale:
            _read_assets(layer, content, problems, inside, services)
            lap(layer.name)
    return content


def _read_facilities(
    layer: Layer,
    content: Registry,
    owner: dict[str, str],
    problems: Problems,
    inside: Box,
    uses: Collection[str],
    services: Collection[str],
) -> None:
    options = layer.options
    mapping = FacilityMapping(layer.columns, str(options.get("use", "")), options.get("use_values", {}))
    _check_roles(layer, services, problems)
    for unknown in sorted(layer.columns.keys() - _fields()):
        text = _("The field is not known. Known: %(known)s.")
        where: dict[str, Any] = {"file": layer.label, "column": f"{layer.name}.columns.{unknown}"}
        problems.add("key_unknown", text, **where, known=", ".join(sorted(_fields())))
    if layer.path is None or layer.datum is None:
        return
    by_geometry = "lon" not in layer.columns and has_shapes(layer)
    wanted = mapping.wanted(point_geometry=by_geometry)
    table = read_layer(layer, wanted, problems, geometry=by_geometry, kind=PLACES, inside=inside)
    if table is None:
        return
    assume(table, layer, FIELDS, problems)
    own = Problems()
    rows = facility_rows(table, mapping, layer.datum, uses, own, inside=inside)
    for source_id, row in zip(rows.source_id.tolist(), rows.rows.tolist(), strict=True):
        if source_id in owner:
            text = _('The code "%(cell)s" is already used by a facility of the layer %(other)s.')
            where = {"file": table.file, "row": row, "column": table.source("id")}
            own.add("code_twice", text, **where, cell=source_id, other=owner[source_id])
    owner.update(dict.fromkeys(rows.source_id.tolist(), layer.name))
    problems.extend(own)
    content.facilities[layer.name] = layer, mapping, rows, own
    content.shifts[layer.name] = rows.places.shift_m


def _fields() -> set[str]:
    from facilities.importers.registry import FIELDS

    return set(FIELDS)


def _check_roles(layer: Layer, services: Collection[str], problems: Problems) -> None:
    for service, terms in layer.options.get("roles", {}).items():
        where: dict[str, Any] = {"file": layer.label, "column": f"{layer.name}.roles.{service}"}
        if service not in services:
            text = _('"%(cell)s" is not one of: %(known)s.')
            problems.add("choice_unknown", text, **where, cell=service, known=", ".join(sorted(services)))
        if terms.get("status", "active") not in CapabilityStatus.values:
            text = _('"%(cell)s" is not one of: %(known)s.')
            known = ", ".join(CapabilityStatus.values)
            problems.add("choice_unknown", text, **where, cell=terms.get("status"), known=known)
        for key in ("hours", "cost_yuan", "cost_yuan_per_unit"):
            value = terms.get(key)
            if value is not None and (not isinstance(value, int | float) or value < 0):
                text = _('"%(cell)s" is not a number of 0 or more.')
                problems.add("negative", text, **{**where, "column": f"{where['column']}.{key}"}, cell=value)


def _read_assets(
    layer: Layer, content: Registry, problems: Problems, inside: Box, services: Collection[str]
) -> None:
    if layer.path is None or layer.datum is None:
        return
    table = read_table(
        layer.path,
        columns=asset_columns(layer.columns),
        problems=problems,
        label=layer.label,
        **layer.reading(),
    )
    if table is None:
        return
    rows = asset_rows(table, layer.datum, problems, inside=inside)
    options = None
    part = layer.options.get("options", {})
    if "options" in layer.extra:
        path = layer.extra["options"]
        reading = {**layer.reading(), **{k: str(part[k]) for k in ("format", "encoding") if k in part}}
        columns: dict[str, Column] = option_columns(part.get("columns", {}))
        second = read_table(path, columns=columns, problems=problems, label=path.name, **reading)
        if second is not None:
            options = option_rows(second, set(rows.source_id.tolist()), services, problems)
    content.assets[layer.name] = layer, rows, options
    content.shifts[layer.name] = rows.places.shift_m


def write_registry(
    *, city: City, content: Registry, records: dict[str, PackLayer], user: Any, lap: Lap
) -> dict[str, int]:
    """Facilities first, then what hangs on them. Rows by layer name."""
    counted = {}
    for name, (layer, mapping, rows, problems) in content.facilities.items():
        written = write_facilities(city=city, rows=rows, layer=records[name], synthetic=layer.synthetic)
        apply_roles(city=city, layer=records[name], roles=roles_by_service(layer.options.get("roles", {})))
        record_batch(
            city=city, layer=records[name], file_name=layer.label, sha256=layer.sha256, datum=layer.datum or "",
            mapping=mapping, state=BatchState.APPLIED, rows=len(rows), written=written, problems=problems,
            median_shift_m=rows.places.shift_m, user=user,
        )  # fmt: skip
        counted[name] = len(rows)
        lap(name)
    for name, (layer, roles) in content.roles.items():
        counted[name] = write_roles(city=city, rows=roles, synthetic=layer.synthetic)
        lap(name)
    for name, (layer, papers) in content.papers.items():
        counted[name] = write_papers(city=city, kind=layer.kind, rows=papers, synthetic=layer.synthetic)
        lap(name)
    for name, (layer, assets, options) in content.assets.items():
        write_idle_assets(city=city, rows=assets, layer=records[name], synthetic=layer.synthetic)
        if options is not None:
            write_options(city=city, rows=options)
        counted[name] = len(assets)
        lap(name)
    return counted
