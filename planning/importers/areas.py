"""Administrative areas out of boundary files; a parent is found by containment where its code is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from django.utils.translation import gettext_lazy as _

from core.choices import AreaLevel
from facilities.importers.columns import Column, Columns
from facilities.importers.geometry import place_shapes, shapes_shift_m
from facilities.importers.problems import Problems
from planning.importers.layer_tables import read_layer
from planning.importers.osm_shapes import AREAS
from planning.importers.packs import Layer

LEVELS = {"city": AreaLevel.CITY, "district": AreaLevel.DISTRICT, "street": AreaLevel.STREET}
LEVELS["community"] = AreaLevel.COMMUNITY


@dataclass
class AreaRows:
    """Areas of one or more layers, (n,); parent is a code ("" = the city itself), path closes every code by "/"."""

    code: np.ndarray
    name: np.ndarray
    name_en: np.ndarray
    level: np.ndarray
    parent: np.ndarray
    path: np.ndarray
    shape: np.ndarray
    layer: np.ndarray
    synthetic: np.ndarray

    def __len__(self) -> int:
        return len(self.code)


def read_areas(
    layers: list[Layer], city: tuple[str, str, str], problems: Problems
) -> tuple[AreaRows | None, dict[str, float | None]]:
    """All areas of a pack and the median datum shift by layer; city = (code, name, English name)."""
    found: list[dict[str, Any]] = []
    shifts: dict[str, float | None] = {}
    for layer in layers:
        if "union_of" not in layer.options:
            shifts[layer.name] = _read_layer(layer, found, problems)
    for layer in layers:
        if "union_of" in layer.options:
            shifts[layer.name] = None
            _add_union(layer, found, city, problems)
    if problems.has_errors or not found:
        return None, shifts
    if not any(row["level"] == AreaLevel.CITY for row in found):
        # every city has one area that holds the others, whether or not its border was given
        shape = shapely.union_all([row["shape"] for row in found])
        found.append(_row(*city, AreaLevel.CITY, "", shape, layers[0], "", None))
    rows = sorted(found, key=lambda row: (row["level"], row["code"]))
    _check_codes(rows, problems)
    if problems.has_errors:
        return None, shifts
    _find_parents(rows, problems)
    if problems.has_errors:
        return None, shifts
    return _columns(rows), shifts


def _row(
    code: str,
    name: str,
    name_en: str,
    level: int,
    parent: str,
    shape: Any,
    layer: Layer,
    file: str,
    row: int | None,
) -> dict[str, Any]:
    return {
        "code": code, "name": name, "name_en": name_en, "level": int(level), "parent": parent, "shape": shape,
        "layer": layer.name, "synthetic": layer.synthetic, "file": file or layer.label, "row": row,
    }  # fmt: skip


def _read_layer(layer: Layer, found: list[dict[str, Any]], problems: Problems) -> float | None:
    given, options = layer.columns, layer.options
    wanted = {"name": Column(given.get("name", "name"), required=True)}
    for name in ("code", "name_en", "parent", "level", "group"):
        if name in given:
            wanted[name] = Column(given[name], required=name in ("code", "level", "group"))
    keep = options.get("keep")
    if keep:
        wanted["keep"] = Column(keep["column"])
    if layer.path is None or layer.datum is None:
        return None
    if "code" not in given and "code_prefix" not in options:
        text = _("Say which column holds the code, or give a code_prefix to number the areas.")
        problems.add("key_missing", text, file=layer.label, column="columns.code")
        return None
    table = read_layer(layer, wanted, problems, geometry=True, kind=AREAS)
    if table is None:
        return None
    if keep:
        table = table.keep(np.isin(table["keep"], [str(value) for value in keep["values"]]))
        if not len(table):
            problems.add("file_empty", _("No row is left after the filter."), file=layer.label, column="keep")
            return None
    shapes, bad = place_shapes(table.shapes, layer.datum, table, problems)
    levels = _levels(table, layer, problems)
    english, rename = options.get("english", {}), options.get("rename", {})
    for i in np.flatnonzero(~bad):
        name = str(table["name"][i])
        code = table["code"][i] if "code" in table else f"{options['code_prefix']}{i + 1:03d}"
        name_en = table["name_en"][i] if "name_en" in table else english.get(code, english.get(name, ""))
        parent = table["parent"][i] if "parent" in table else ""
        title, number = rename.get(name, name), int(table.rows[i])
        row = _row(code, title, name_en, levels[i], parent, shapes[i], layer, layer.label, number)
        found.append({**row, "group": table.text("group")[i]})
    return shapes_shift_m(table.shapes[~bad], layer.datum)


def _levels(table: Columns, layer: Layer, problems: Problems) -> list[int]:
    words = {
        **LEVELS,
        **{str(k): LEVELS[v] for k, v in layer.options.get("level_values", {}).items() if v in LEVELS},
    }
    words |= {str(int(level)): level for level in AreaLevel}
    if "level" in table:
        said = table["level"].tolist()
    else:
        said = [str(layer.options.get("level", ""))] * len(table)
    for i, word in enumerate(said):
        if word not in words:
            text = _('The level "%(cell)s" is not known: city, district, street or community.')
            row = int(table.rows[i]) if "level" in table else None
            column = table.source("level") if "level" in table else "level"
            problems.add("level_unknown", text, file=layer.label, row=row, column=column, cell=word)
            if "level" not in table:
                break
    return [int(words.get(word, AreaLevel.COMMUNITY)) for word in said]


def _add_union(
    layer: Layer, found: list[dict[str, Any]], city: tuple[str, str, str], problems: Problems
) -> None:
    options = layer.options
    parts = [row["shape"] for row in found if row["layer"] == options["union_of"]]
    if not parts:
        text = _('There is no layer "%(cell)s" to unite.')
        problems.add(
            "layer_unknown", text, file=layer.label, column=f"{layer.name}.union_of", cell=options["union_of"]
        )
        return
    level = LEVELS.get(options.get("level", "city"), AreaLevel.CITY)
    if "codes" not in options:
        code, name = str(options.get("code", city[0])), str(options.get("title", city[1]))
        name_en = str(options.get("title_en", city[2]))
        found.append(_row(code, name, name_en, level, "", _united(parts), layer, "", None))
        return
    # one area a group: its members name it in the column that the layer maps to `group`
    english, codes = options.get("english", {}), options["codes"]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        if row["layer"] == options["union_of"]:
            groups.setdefault(row["group"], []).append(row)
    for name, members in groups.items():
        if name not in codes:
            text = _('The group "%(cell)s" has no code in the pack.')
            where: dict[str, Any] = {"file": layer.label, "column": f"{layer.name}.codes"}
            problems.add("group_unknown", text, **where, cell=name)
            continue
        code = str(codes[name])
        for row in members:
            row["parent"] = code
        shape = _united([row["shape"] for row in members])
        found.append(_row(code, name, english.get(name, ""), level, "", shape, layer, "", None))


def _united(parts: list[Any]) -> Any:
    """Neighbours drawn separately leave hairline cracks: closed by half a metre on both sides."""
    crack = 5e-6
    whole = shapely.union_all([shapely.buffer(part, crack, quad_segs=1) for part in parts])
    return shapely.buffer(whole, -crack, quad_segs=1)


def _check_codes(rows: list[dict[str, Any]], problems: Problems) -> None:
    first: dict[str, dict[str, Any]] = {}
    for row in rows:
        code = str(row["code"])
        where: dict[str, Any] = {"file": row["file"], "row": row["row"], "column": "code"}
        if len(code) > 24 or "/" in code:
            text = _('The code "%(cell)s" is longer than 24 characters or has a slash.')
            problems.add("code_invalid", text, **where, cell=code)
        if code in first:
            text = _('The code "%(cell)s" is already used by %(other)s.')
            problems.add("code_twice", text, **where, cell=code, other=first[code]["name"])
        first.setdefault(code, row)
    cities = [row for row in rows if row["level"] == AreaLevel.CITY]
    for row in cities[1:]:
        text = _("There is more than one area of level city: %(name)s.")
        problems.add("city_twice", text, file=row["file"], row=row["row"], column="level", name=row["name"])


def _find_parents(rows: list[dict[str, Any]], problems: Problems) -> None:
    """A given parent must exist one level up or higher; else the smallest area of a higher level around a point inside."""
    by_code = {row["code"]: row for row in rows}
    for row in rows:
        if row["level"] == AreaLevel.CITY:
            row["parent"], row["path"] = "", f"{row['code']}/"
            continue
        parent = by_code.get(row["parent"]) if row["parent"] else _around(row, rows)
        if parent is None or parent["level"] >= row["level"]:
            if row["parent"]:
                text = _('The parent "%(cell)s" of %(name)s does not exist or is not of a higher level.')
            else:
                text = _("%(name)s lies in no area of a higher level.")
            where: dict[str, Any] = {"file": row["file"], "row": row["row"], "column": "parent"}
            problems.add("parent_unknown", text, **where, cell=row["parent"], name=row["name"])
            continue
        row["parent"] = parent["code"]
        row["path"] = f"{parent.get('path', '')}{row['code']}/"


def _around(row: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    inner = shapely.point_on_surface(row["shape"])
    holders = [r for r in rows if r["level"] < row["level"] and shapely.covers(r["shape"], inner)]
    return max(holders, key=lambda r: r["level"]) if holders else None


def _columns(rows: list[dict[str, Any]]) -> AreaRows:
    def texts(name: str) -> np.ndarray:
        out = np.empty(len(rows), dtype=object)
        out[:] = [row[name] for row in rows]
        return out

    shapes = texts("shape")
    shapes[:] = [s if s.geom_type == "MultiPolygon" else shapely.MultiPolygon([s]) for s in shapes]
    return AreaRows(
        texts("code"), texts("name"), texts("name_en"), np.array([row["level"] for row in rows]), texts("parent"),
        texts("path"), shapes, texts("layer"), np.array([row["synthetic"] for row in rows]),
    )  # fmt: skip
