"""Census tables: people by area and year, with groups as counts or shares. A table of the whole country is fine: rows of
other places are counted and left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty
from facilities.importers.columns import Column, Columns
from facilities.importers.problems import Problems
from facilities.importers.tables import read_table
from planning.importers.packs import Layer
from planning.importers.population_groups import GROUPS, NAMES, SHARE

FIRST_YEAR, LAST_YEAR = 1900, 2100
Key = tuple[str, int]


@dataclass
class CensusRows:
    """What one table says. people: (area code, year) -> people; groups: (area code, year, group) -> people; shares: the
    same -> share of the people, for a table that gives no people itself."""

    layer: Layer
    people: dict[Key, int] = field(default_factory=dict)
    groups: dict[tuple[str, int, str], int] = field(default_factory=dict)
    shares: dict[tuple[str, int, str], float] = field(default_factory=dict)
    others: int = 0

    def __len__(self) -> int:
        return len(self.people) + len(self.groups)


def read_census(
    layers: list[Layer],
    areas: Mapping[str, str],
    problems: Problems,
    known: Mapping[Key, int] | None = None,
) -> list[CensusRows]:
    """Every census table of a city. `areas`: code -> name; `known`: people that are stored already, for tables of shares
    only. Tables are taken together: shares of one may belong to the people of another."""
    read = [_read(layer, areas, problems) for layer in layers]
    found = [rows for rows in read if rows is not None]
    people = dict(known or {})
    for rows in found:
        people |= rows.people
    for rows in found:
        missing = sorted({code for code, year, _group in rows.shares if (code, year) not in people})
        if missing:
            text = _("The table gives shares, and no table gives the people of: %(areas)s.")
            names = ", ".join(missing[:10])
            problems.add("value_missing", text, file=rows.layer.label, column="people", areas=names)
        for (code, year, group), share in rows.shares.items():
            if (code, year) in people:
                rows.groups[code, year, group] = int(np.floor(people[code, year] * share + 0.5))
        too_many = [
            f"{code} {group}" for (code, year, group), count in rows.groups.items() if count > people.get((code, year), count)
        ]  # fmt: skip
        if too_many:
            text = _("A group has more people than the area: %(areas)s.")
            problems.add("group_too_large", text, file=rows.layer.label, areas=", ".join(too_many[:10]))
    return found


def _read(layer: Layer, areas: Mapping[str, str], problems: Problems) -> CensusRows | None:
    if layer.path is None:
        return None
    wanted, sums = _wanted(layer)
    where: dict[str, Any] = {"file": layer.label}
    year = layer.options.get("year")
    if "year" not in layer.columns and not _is_year(year):
        text = _("Say the year of the census, or the column that holds it.")
        problems.add("key_missing", text, **where, column=f"{layer.name}.year")
    if layer.options.get("certainty", "B") not in Certainty.values:
        text, known = _('"%(cell)s" is not one of: %(known)s.'), ", ".join(Certainty.values)
        problems.add(
            "choice_unknown", text, **where, column=f"{layer.name}.certainty", cell=layer.options["certainty"], known=known
        )  # fmt: skip
    if not sums:
        text = _("Name the column of the people, or those of the groups: %(known)s.")
        problems.add("key_missing", text, **where, column=f"{layer.name}.columns", known=", ".join(NAMES))
    before = problems.count("error")
    table = read_table(layer.path, columns=wanted, problems=problems, label=layer.label, **layer.reading())
    if table is None or problems.count("error") > before or not sums:
        return None
    return _rows(layer, table, sums, areas, problems)


def _is_year(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and FIRST_YEAR <= value <= LAST_YEAR


def _wanted(layer: Layer) -> tuple[dict[str, Column], dict[str, list[str]]]:
    """The columns to read, and of which of them each field is the sum: "AGES_60-64 + AGES_65P". All as text: what is
    wrong with the rows of other places does not matter."""
    given = layer.columns
    wanted = {"area": Column(given.get("code") or given.get("name", "code"), required=True)}
    if "year" in given:
        wanted["year"] = Column(given["year"])
    sums: dict[str, list[str]] = {}
    for name in ("people", *NAMES):
        if name not in given:
            continue
        for number, part in enumerate(given[name].split(" + ")):
            wanted[f"{name}:{number}"] = Column(part.strip())
            sums.setdefault(name, []).append(f"{name}:{number}")
    return wanted, sums


def _rows(
    layer: Layer, table: Columns, sums: dict[str, list[str]], areas: Mapping[str, str], problems: Problems
) -> CensusRows | None:
    by_name = "code" not in layer.columns and "name" in layer.columns
    told = [str(word).strip() for word in table["area"].tolist()]
    code_of = {name: code for code, name in areas.items()} if by_name else {code: code for code in areas}
    code = np.array([code_of.get(word, "") for word in told], dtype=object)
    here = np.flatnonzero(code != "")
    where: dict[str, Any] = {"file": table.file, "column": table.source("area")}
    if not len(here):
        text = _("No row belongs to an area of this city.")
        problems.add("area_unknown", text, **where)
        return None
    found = CensusRows(layer, others=len(code) - len(here))
    if found.others and found.others <= len(here):
        text = _('"%(cell)s" is no area of this city.')
        for i in np.flatnonzero(code == "")[:20]:
            problems.warn("area_unknown", text, **where, row=table.rows[i], cell=told[i])
    mine = table.keep(code != "")
    code = code[here]
    values = {
        name: np.sum([_numbers(mine, part, name, problems) for part in parts], axis=0)
        for name, parts in sums.items()
    }
    year = np.full(len(mine), float(layer.options.get("year") or 0))
    if "year" in mine:
        year = _numbers(mine, "year", "year", problems)
        wrong = mine.rows[~np.isnan(year) & ((year < FIRST_YEAR) | (year > LAST_YEAR))]
        problems.add_rows(
            "year_invalid", _("The year is not one of a census."), wrong, file=table.file, column=table.source("year")
        )  # fmt: skip
    seen: set[Key] = set()
    # a city has some hundreds of areas
    for i in np.flatnonzero(~np.isnan(year)).tolist():
        key = (str(code[i]), int(year[i]))
        if key in seen:
            text = _('"%(cell)s" stands twice for %(year)d.')
            problems.add("code_twice", text, **where, row=mine.rows[i], cell=key[0], year=key[1])
        seen.add(key)
        _take(found, key, {name: column[i] for name, column in values.items()}, int(mine.rows[i]), problems)
    return found


def _numbers(table: Columns, name: str, field_: str, problems: Problems) -> np.ndarray:
    """A column of text as numbers of at least 0, nan where empty; shares are at most 1."""
    found = np.full(len(table), np.nan)
    where: dict[str, Any] = {"file": table.file, "column": table.source(name)}
    for i, word in enumerate(table[name].tolist()):
        word = word.strip().replace(",", "")
        if not word:
            if field_ in ("people", "year"):
                problems.add("value_missing", _("The value is missing."), **where, row=table.rows[i])
            continue
        try:
            number = float(word)
        except ValueError:
            number = float("nan")
        if not np.isfinite(number):
            problems.add(
                "not_a_number", _('"%(cell)s" is not a number.'), **where, row=table.rows[i], cell=word
            )
        elif number < 0:
            problems.add("negative", _('"%(cell)s" is below 0.'), **where, row=table.rows[i], cell=word)
        elif field_.endswith(SHARE) and number > 1:
            text = _("Shares are numbers from 0 to 1.")
            problems.add("share_invalid", text, **where, row=table.rows[i], cell=word)
        else:
            found[i] = number
    return found


def _take(found: CensusRows, key: Key, values: dict[str, float], row: int, problems: Problems) -> None:
    people = values.get("people")
    if people is not None:
        if np.isnan(people):
            return
        if people != np.floor(people):
            text = _('"%(cell)s" is not a whole number.')
            problems.add(
                "not_whole", text, file=found.layer.label, row=row, column=found.layer.columns["people"], cell=people
            )  # fmt: skip
            return
        found.people[key] = int(people)
    for group in GROUPS:
        count, share = values.get(group, np.nan), values.get(group + SHARE, np.nan)
        if not np.isnan(count):
            found.groups[*key, group] = int(np.floor(count + 0.5))
        elif not np.isnan(share):
            if share > 1 + 1e-9:
                text = _("Shares are numbers from 0 to 1.")
                column = found.layer.columns[group + SHARE]
                problems.add(
                    "share_invalid", text, file=found.layer.label, row=row, column=column, cell=share
                )
            found.shares[*key, group] = float(share)
