"""Groups of people in a population file: a count or a share for each, checked row by row and spread with the people."""

from __future__ import annotations

import numpy as np
from django.utils.translation import gettext_lazy as _

from engine.reallocation import spread_part
from facilities.importers.columns import Column, Columns
from facilities.importers.problems import Problems
from planning.choices import PeopleGroup
from planning.importers.packs import Layer

GROUPS = tuple(str(group) for group in PeopleGroup.values)
SHARE = "_share"
# every way in which a source may tell a group: a count, or a share from 0 to 1
NAMES = tuple(f"{group}{end}" for group in GROUPS for end in ("", SHARE))
# of a count that came out of a share, what rounding may have added
_HAIR = 1e-9


def group_columns(layer: Layer) -> dict[str, Column]:
    """The columns of groups that a layer names, by "field:column" so that layers may share a table."""
    return {
        f"{name}:{layer.columns[name]}": Column(layer.columns[name], "number", minimum=0)
        for name in NAMES
        if name in layer.columns
    }


def group_counts(
    layer: Layer, table: Columns, people: np.ndarray, problems: Problems
) -> dict[str, np.ndarray]:
    """Of the people (n,), those of each group that the layer tells apart. An empty field counts nobody."""
    found: dict[str, np.ndarray] = {}
    for group in GROUPS:
        for name in (group, group + SHARE):
            if name not in layer.columns or group in found:
                continue
            column = layer.columns[name]
            given = np.nan_to_num(table.number(f"{name}:{column}"))
            most = people if name == group else np.ones(len(people))
            if group == PeopleGroup.BARRIER_FREE:
                text = _("More people need barrier-free places than there are people.")
            else:
                text = _("The group has more people than there are people.")
            wrong = table.rows[given > most]
            problems.add_rows("group_too_large", text, wrong, file=table.file, column=column)
            found[group] = given if name == group else people * given
    _check_ages(layer, table, people, found, problems)
    return found


def _check_ages(
    layer: Layer, table: Columns, people: np.ndarray, found: dict[str, np.ndarray], problems: Problems
) -> None:
    young, old, older = (
        found.get(group) for group in (PeopleGroup.AGE_0_14, PeopleGroup.AGE_60_UP, PeopleGroup.AGE_65_UP)
    )
    if old is not None and older is not None:
        text = _("More people are aged 65 and over than 60 and over.")
        wrong = table.rows[older > old * (1 + _HAIR) + _HAIR]
        problems.add_rows("group_too_large", text, wrong, file=table.file, column=_named(layer, "age_65_up"))
    old = old if old is not None else older
    if young is not None and old is not None:
        text = _("The age groups together have more people than there are people.")
        wrong = table.rows[(young + old > people * (1 + _HAIR) + _HAIR) & (young <= people) & (old <= people)]
        problems.add_rows("group_too_large", text, wrong, file=table.file, column=_named(layer, "age_0_14"))


def _named(layer: Layer, group: str) -> str:
    return layer.columns.get(group) or layer.columns.get(group + SHARE, group)


def spread_groups(
    rows: np.ndarray,
    source_of: np.ndarray,
    totals: dict[str, np.ndarray],
    whole: bool = True,
    weights: dict[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Each group by overlap (m,): `rows` (m,) are the people placed there, `totals` (s,) the group's people by source.

    Groups stay within the people, old and young together too; each source keeps the total of each group. `weights`: how
    each group (m,) lay before, where that is known; otherwise it lies as the people do."""
    found: dict[str, np.ndarray] = {}
    for group in GROUPS:
        if group not in totals:
            continue
        room = rows
        if group in (PeopleGroup.AGE_60_UP, PeopleGroup.AGE_65_UP) and PeopleGroup.AGE_0_14 in found:
            room = np.maximum(rows - found[PeopleGroup.AGE_0_14], 0.0)
        if group == PeopleGroup.AGE_65_UP and PeopleGroup.AGE_60_UP in found:
            room = found[PeopleGroup.AGE_60_UP]
        held = np.bincount(source_of, room, minlength=len(totals[group]))
        # a source that could not be placed keeps its groups with it
        wanted = np.where(held > 0, np.minimum(totals[group], held), 0.0)
        found[group] = spread_part(wanted, source_of, (weights or {}).get(group, room), room, whole)
    return found
