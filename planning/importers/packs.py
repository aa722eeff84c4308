"""Read a city.toml: what layers a pack has, where they lie and how they are to be read. See docs/city-pack.md.

Only the manifest is read here; what is wrong in it is collected like any other problem, with the key as the column.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from facilities.importers.geometry import declared_datum
from facilities.importers.problems import Problems
from planning.importers.osm import OSM_DATUM, is_osm
from planning.importers.rasters import is_raster

MANIFEST = "city.toml"
# Reading rules belong to what was read: a new rule must not pass for the old layer.
READER_VERSION = "3"
KINDS = (
    "areas", "water", "green", "population", "census", "roads", "hazards", "facilities", "roles", "agreements",
    "certificates", "idle_assets", "scenarios",
)  # fmt: skip
WITHOUT_PLACES = {"census", "roles", "agreements", "certificates", "scenarios"}
COMMON = {
    "name", "path", "format", "encoding", "layer", "sheet", "delimiter", "datum", "licence", "source", "synthetic",
    "columns",
}  # fmt: skip
KNOWN = {
    "areas": {
        "level", "level_values", "keep", "english", "union_of", "code", "codes", "title", "title_en", "code_prefix",
        "rename", "osm",
    },
    "water": {"rank", "kind_ranks", "osm"},
    "green": {"rank", "osm"},
    "population": {
        "time_of_day", "cell", "spread", "people_total", "title", "title_en", "osm", "kind", "clip", "raster", "current",
        "as_of", "certainty", "error_share", "error_share_district", "error_source", "groups_from_census",
    },
    "census": {"year", "certainty"},
    "roads": {
        "nodes", "links", "length_unit", "speeds_kmh", "profile", "oneway", "walk", "drop", "ranks", "join_m",
    },
    "hazards": {
        "hazard", "title", "title_en", "severity", "certainty", "return_period_years", "unit", "cut_offs", "band",
        "nodata", "simplify_m",
    },
    "facilities": {"use", "use_values", "roles", "osm", "assume"},
    "roles": set(),
    "agreements": set(),
    "certificates": set(),
    "idle_assets": {"options"},
    "scenarios": {"title", "title_en", "hazard", "extent", "areas", "hazard_layer", "affected_share", "displaced_share",
                  "zone_rates", "rate_source", "rate_certainty", "services", "times_of_day", "ratio_overrides",
                  "close_inside_zone", "road_rules", "notes", "template", "model", "seeking_share", "rate_facts",
                  "duration_hours", "stay_shares", "multipliers", "population_layers", "close_from_severity"},
}  # fmt: skip


@dataclass
class Layer:
    """One layer of a pack. `options` are the keys that only its kind has; `extra` are further files it reads."""

    kind: str
    name: str
    path: Path | None
    label: str
    datum: str | None
    columns: dict[str, str]
    options: dict[str, Any]
    format: str = ""
    encoding: str = "utf-8-sig"
    layer: str = ""
    sheet: str = ""
    delimiter: str = ","
    licence: str = ""
    source: str = ""
    synthetic: bool = False
    extra: dict[str, Path] = field(default_factory=dict)
    sha256: str = ""

    def reading(self) -> dict[str, Any]:
        """Arguments of `read_table` that the manifest declares."""
        names = ("format", "encoding", "layer", "sheet", "delimiter")
        return {name: getattr(self, name) for name in names}


@dataclass
class Pack:
    """A manifest that was read. `layers` are in loading order: areas first."""

    path: Path
    code: str
    name: str
    name_en: str
    synthetic: bool
    notes: dict[str, Any]
    layers: list[Layer]
    sha256: str

    def of(self, *kinds: str) -> list[Layer]:
        return [layer for layer in self.layers if layer.kind in kinds]


def read_pack(path: str | Path, problems: Problems) -> Pack | None:
    """The pack at `path` (its folder or its city.toml); None when there is nothing to go on with."""
    path = Path(path)
    path = path / MANIFEST if path.is_dir() else path
    label = path.name
    if not path.is_file():
        problems.add("file_missing", _("There is no city.toml at %(path)s."), file=label, path=str(path))
        return None
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        problems.add("encoding_wrong", _("city.toml must be written in UTF-8."), file=label)
        return None
    except tomllib.TOMLDecodeError as error:
        problems.add(
            "manifest_broken", _("city.toml cannot be read: %(reason)s"), file=label, reason=str(error)
        )
        return None
    head = content.get("city", {})
    for key in ("code", "name"):
        if not str(head.get(key, "")).strip():
            problems.add("key_missing", _("The key is missing."), file=label, column=f"city.{key}")
    if "synthetic" not in head:
        text = _("Say whether the city is synthetic (true) or real (false).")
        problems.add("key_missing", text, file=label, column="city.synthetic")
    for key in content.keys() - set(KINDS) - {"city", "plan"}:
        text = _("The key is not known. Known: %(known)s.")
        problems.add("key_unknown", text, file=label, column=key, known=", ".join(("city", "plan", *KINDS)))
    root = (path.parent / head.get("root", ".")).resolve()
    layers = []
    for kind in KINDS:
        entries = content.get(kind, [])
        if not isinstance(entries, list):
            text = _("Write each layer as [[%(kind)s]].")
            problems.add("manifest_broken", text, file=label, column=kind, kind=kind)
            continue
        for number, entry in enumerate(entries, start=1):
            layers.append(layer_of(kind, number, entry, root, label, problems))
    seen: set[str] = set()
    for layer in layers:
        if layer.name in seen:
            text = _('The layer name "%(cell)s" is used twice.')
            problems.add("code_twice", text, file=label, column=f"{layer.kind}.name", cell=layer.name)
        seen.add(layer.name)
    notes = {
        "plan": content.get("plan", {}),
        "notes": head.get("notes", []),
        "timezone": head.get("timezone", ""),
    }
    whole = hashlib.sha256("".join([READER_VERSION, *(layer.sha256 for layer in layers)]).encode())
    whole.update(json.dumps([head, notes], sort_keys=True, ensure_ascii=False, default=str).encode())
    return Pack(
        path=path, code=str(head.get("code", "")).strip(), name=str(head.get("name", "")).strip(),
        name_en=str(head.get("name_en", "")).strip(), synthetic=bool(head.get("synthetic", False)), notes=notes,
        layers=layers, sha256=whole.hexdigest(),
    )  # fmt: skip


def layer_of(
    kind: str, number: int, entry: dict[str, Any], root: Path, label: str, problems: Problems
) -> Layer:
    """A layer out of its declaration; what is wrong with that is in `problems`, with the key as the column."""
    name = str(entry.get("name") or f"{kind}-{number}")
    key = f"{kind}.{name}"
    for unknown in sorted(entry.keys() - COMMON - KNOWN[kind]):
        known = ", ".join(sorted(COMMON | KNOWN[kind]))
        text = _("The key is not known. Known: %(known)s.")
        problems.add("key_unknown", text, file=label, column=f"{key}.{unknown}", known=known)
    extra = {}
    for part in ("nodes", "links", "options"):
        if isinstance(entry.get(part), dict) and "path" in entry[part]:
            extra[part] = root / entry[part]["path"]
    path = root / entry["path"] if "path" in entry else None
    fileless = kind == "scenarios" or (kind == "areas" and "union_of" in entry) or (kind == "roads" and extra)
    if path is None and not fileless:
        problems.add("key_missing", _("The key is missing."), file=label, column=f"{key}.path")
    datum = None
    drawn = kind == "scenarios" and path is not None
    if drawn or (kind not in WITHOUT_PLACES and not (kind == "areas" and "union_of" in entry)):
        datum = _datum(entry, path, f"{label}: {key}", problems)
    columns = entry.get("columns", {})
    layer = Layer(
        kind=kind, name=name, path=path, label=path.name if path and not drawn else label, datum=datum,
        columns={field_: str(column) for field_, column in columns.items()},
        options={option: value for option, value in entry.items() if option not in COMMON},
        format=str(entry.get("format", "")), encoding=str(entry.get("encoding", "utf-8-sig")),
        layer=str(entry.get("layer", "")), sheet=str(entry.get("sheet", "")),
        delimiter=str(entry.get("delimiter", ",")), licence=str(entry.get("licence", "")),
        source=str(entry.get("source", "")), synthetic=bool(entry.get("synthetic", False)), extra=extra,
    )  # fmt: skip
    layer.sha256 = _hash_of(layer, entry)
    return layer


def _datum(entry: dict[str, Any], path: Path | None, label: str, problems: Problems) -> str | None:
    """The declared datum. OpenStreetMap is WGS-84 by definition: it need not be declared, and nothing else is true. A
    raster may name its own; its reader holds that against the declared one."""
    said = str(entry.get("datum", ""))
    if not said and is_raster(path):
        return None
    if not is_osm(path, str(entry.get("format", ""))):
        return declared_datum(said, label, problems)
    datum = declared_datum(said, label, problems) if said else OSM_DATUM
    if datum not in (None, OSM_DATUM):
        text = _('OpenStreetMap files are in %(right)s, not in "%(cell)s".')
        problems.add("datum_wrong", text, file=label, column="datum", cell=said, right=OSM_DATUM)
        return None
    return datum


def _hash_of(layer: Layer, entry: dict[str, Any]) -> str:
    """Of the declaration and of every byte of its files: same hash, same rows."""
    digest = hashlib.sha256(READER_VERSION.encode())
    digest.update(json.dumps(entry, sort_keys=True, ensure_ascii=False, default=str).encode())
    paths = [layer.path] if layer.path else []
    if layer.path and layer.path.suffix.lower() == ".shp":
        paths += [layer.path.with_suffix(end) for end in (".dbf", ".shx", ".cpg")]
    for path in [*paths, *layer.extra.values()]:
        if path.is_file():
            with open(path, "rb") as content:
                while block := content.read(1 << 20):
                    digest.update(block)
        digest.update(b"|")
    return digest.hexdigest()
