"""What anybody needs in a run when its uncertain inputs take other values.

The document is worked out anew for each draw, by hazard class, district and local ratio; the cells only look up theirs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.draws import DrawnNeed
from planning.bridge.people_groups import group_people
from planning.bridge.scenario_rules import number_at, with_number
from planning.bridge.situation import (
    RATES_OF_DRIVER,
    counted_at,
    layer_told,
    local_factor,
    people_counted,
)
from planning.bridge.templates import worked_out
from planning.bridge.uncertain import (
    SHARES,
    Uncertain,
    district_key,
    districts_of,
    numbers_read,
    phases_of,
    rate_key,
    zone_classes,
)
from planning.bridge.world import Situation
from planning.choices import Driver, Extent, PeopleGroup

Floats = np.ndarray


def numbers_drawn(situation: Situation, uncertain: Uncertain, values: Floats) -> dict[str, Floats]:
    """(d,) every number of the document that the need is worked out from, by its place, for values (d, inputs)."""
    document, read = situation.question.scenario, numbers_read(situation)
    draws = len(values)
    model = [(n, one.key) for n, one in enumerate(uncertain.inputs) if one.key.startswith("model.")]
    found = {key: np.full(draws, number_at(document, key)) for key in read}
    for d in range(draws if model else 0):
        changed = document
        for place, key in model:
            changed = with_number(changed, key, float(values[d, place]))
        changed = worked_out(changed)
        for key in read:
            number = number_at(changed, key)
            found[key][d] = found[key][d] if number is None else number
    for key in read:
        column = uncertain.column(key)
        if column is not None:
            found[key] = values[:, column]
        if key.startswith(SHARES):
            found[key] = np.clip(found[key], 0.0, 1.0)
    return found


def needs_drawn(situation: Situation, uncertain: Uncertain, values: Floats) -> list[DrawnNeed]:
    """The need of each service for values (d, inputs) of the uncertain inputs. With every input in the middle it is the
    need of the run itself, to the unit."""
    numbers = numbers_drawn(situation, uncertain, values)
    district, codes = districts_of(situation.frozen)
    return [_need(situation, uncertain, values, numbers, row, district, codes) for row in situation.standards]


def _need(
    situation: Situation, uncertain: Uncertain, values: Floats, numbers: dict[str, Floats], row: dict[str, Any],
    district: np.ndarray, codes: list[str],
) -> DrawnNeed:  # fmt: skip
    frozen, question = situation.frozen, situation.question
    document, draws = question.scenario, len(values)
    struck, by_struck = _struck(situation, numbers, row, draws)
    local, by_local = np.unique(
        np.broadcast_to(local_factor(frozen, document, row), (frozen.cells,)), return_inverse=True
    )
    layer = layer_told(frozen.meta, *counted_at(document, row["driver"], question.time_of_day))
    code = layer["code"] if layer else ""
    # One more place at the end: cells of no district.
    own = np.ones((draws, len(codes) + 1))
    for n, area in enumerate(codes):
        column = uncertain.column(district_key(code, area))
        if column is not None:
            own[:, n] = values[:, column]
    varied = bool(np.any(own != 1.0))
    apart = np.stack([by_struck, by_local.reshape(-1), district if varied else np.zeros_like(district)])
    kinds, group = np.unique(apart, axis=1, return_inverse=True)
    share = struck[:, kinds[0]] * local[kinds[1]]
    if varied:
        share = share * own[:, kinds[2]]
    column = uncertain.column(f"population.{code}")
    if column is not None:
        share = share * values[:, column, None]
    people = people_counted(frozen, document, row, question.time_of_day)
    part = None
    if row["service"] in frozen.staying:
        part = group_people(frozen, document, row, PeopleGroup.BARRIER_FREE, question.time_of_day)
    return DrawnNeed(
        np.asarray(people, np.float64), group.reshape(-1).astype(np.int32), share,
        _ratio(uncertain, values, numbers, row, draws), None if part is None else np.asarray(part, np.float64),
    )  # fmt: skip


def _struck(
    situation: Situation, numbers: dict[str, Floats], row: dict[str, Any], draws: int
) -> tuple[Floats, np.ndarray]:
    """(d, kinds) share of the people counted who need the service, and (n,) the kind of each cell: its hazard class, or
    inside and outside."""
    document = situation.question.scenario
    rates = RATES_OF_DRIVER.get(Driver(row["driver"]), ())
    if document["extent"] == Extent.ZONES:
        classes = zone_classes(situation)
        zone = np.asarray(situation.frozen[f"cell_zone_{document['hazard_layer']}"]).astype(np.int64)
        kind = np.where(zone < 0, len(classes), zone)
    else:
        classes, kind = [""], np.where(situation.shares.inside, 0, 1)
    share = np.zeros((draws, len(classes) + 1))
    for n, klass in enumerate(classes):
        share[:, n] = 1.0
        for name in rates:
            share[:, n] = share[:, n] * numbers[rate_key(document, klass, name)]
    return share, kind


def _ratio(
    uncertain: Uncertain, values: Floats, numbers: dict[str, Floats], row: dict[str, Any], draws: int
) -> Floats:
    """(d,) units for each person: of the phases that count, the one that asks for most."""
    code, found = row["service"], np.zeros(draws)
    more = numbers.get(f"multipliers.{code}", np.ones(draws))
    override = numbers.get(f"ratio_overrides.{code}")
    column = uncertain.column(f"standard.{code}.ratio")
    for phase in phases_of(row):
        governs = phase["phase"] == row.get("phase", "")
        if override is not None and not governs:
            continue
        ratio = np.full(draws, float(phase["ratio"])) if override is None else override
        if governs and column is not None:
            ratio = values[:, column]
        stay = numbers.get(f"stay_shares.{phase['phase']}", np.full(draws, float(phase["stay_share"])))
        found = np.maximum(found, ratio * more * stay)
    return found
