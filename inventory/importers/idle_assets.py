"""Idle assets and what they may become, out of two tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from facilities.importers.columns import Column, Columns
from facilities.importers.geometry import Places, place_points
from facilities.importers.problems import Problems
from facilities.importers.registry import known_codes, known_facilities, mapped, repeated_codes
from inventory.choices import AssetKind, InterventionKind, Tenure

ASSET_COLUMNS: dict[str, Column] = {
    "id": Column("id", required=True),
    "name": Column("name", required=True),
    "name_en": Column("name_en"),
    "kind": Column("kind", required=True),
    "former_use": Column("former_use"),
    "tenure": Column("tenure"),
    "address": Column("address"),
    "lon": Column("lon", "number", required=True),
    "lat": Column("lat", "number", required=True),
    "floor_m2": Column("floor_m2", "number", minimum=0, maximum=1e8),
    "land_m2": Column("land_m2", "number", minimum=0, maximum=1e9),
    "constraints": Column("constraints"),
}
OPTION_COLUMNS: dict[str, Column] = {
    "asset": Column("asset", required=True),
    "service": Column("service", required=True),
    "kind": Column("kind", required=True),
    "capacity": Column("capacity", "number", required=True, minimum=0, maximum=1e9),
    "cost_yuan": Column("cost_yuan", "number", required=True, minimum=0, maximum=1e12),
    "hours": Column("hours", "number", minimum=0, maximum=100_000),
    "lead_months": Column("lead_months", "whole", minimum=0, maximum=600),
}
LONGEST = {"name": 200, "name_en": 200, "former_use": 80, "address": 300, "constraints": 300}


@dataclass(frozen=True)
class AssetRows:
    """Checked idle assets, (n,); areas are nan where unknown."""

    source_id: np.ndarray
    kind: np.ndarray
    tenure: np.ndarray
    places: Places
    texts: dict[str, np.ndarray]
    floor_m2: np.ndarray
    land_m2: np.ndarray

    def __len__(self) -> int:
        return len(self.source_id)


@dataclass(frozen=True)
class OptionRows:
    asset: np.ndarray
    service: np.ndarray
    kind: np.ndarray
    capacity: np.ndarray
    cost_yuan: np.ndarray
    hours: np.ndarray
    lead_months: np.ndarray


def asset_columns(given: Mapping[str, str]) -> dict[str, Column]:
    return mapped(ASSET_COLUMNS, given)


def option_columns(given: Mapping[str, str]) -> dict[str, Column]:
    return mapped(OPTION_COLUMNS, given)


def asset_rows(
    table: Columns, datum: str, problems: Problems, *, inside: tuple[float, float, float, float] | None = None
) -> AssetRows:
    repeated_codes(table["id"], table, problems, column=table.source("id"))
    known_codes(table, "kind", AssetKind.values, problems)
    tenure = table.text("tenure").copy()
    if "tenure" in table:
        known_codes(table, "tenure", Tenure.values, problems)
    tenure[tenure == ""] = Tenure.UNKNOWN
    texts = {name: table.text(name) for name in LONGEST}
    for name, longest in LONGEST.items():
        too_long = np.flatnonzero([len(value) > longest for value in texts[name]])
        text = _("The text is longer than %(longest)d characters.")
        where: dict[str, Any] = {"file": table.file, "column": table.source(name), "longest": longest}
        problems.add_rows("text_too_long", text, table.rows[too_long], **where)
    places = place_points(table["lon"], table["lat"], datum, table, problems, inside=inside)
    return AssetRows(
        table["id"], table["kind"], tenure, places, texts, table.number("floor_m2"), table.number("land_m2")
    )


def option_rows(
    table: Columns, known_ids: Collection[str], known_services: Collection[str], problems: Problems
) -> OptionRows:
    known_facilities(table, known_ids, problems, name="asset")
    known_codes(table, "service", known_services, problems)
    known_codes(table, "kind", InterventionKind.values, problems)
    keys = zip(table["asset"], table["service"], table["kind"], strict=True)
    triples = np.array(["|".join(key) for key in keys], dtype=object)
    repeated_codes(triples, table, problems, column=table.source("asset"))
    months = table.number("lead_months")
    return OptionRows(
        table["asset"], table["service"], table["kind"], table["capacity"], table["cost_yuan"], table.number("hours"),
        np.where(np.isnan(months), 6, months).astype(int),
    )  # fmt: skip
