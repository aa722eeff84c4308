"""Standard benchmark files of location science: OR-Library medians and warehouses, and tables of costs."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from django.utils.translation import gettext_lazy as _
from scipy.sparse.csgraph import shortest_path

from engine.location import Sites, Warehouses
from facilities.importers.problems import Problems

FORMATS = ("orlib-pmed", "orlib-cap", "matrix", "points")
_LONG = {
    "site": ("site", "name", "facility", "to", "candidate"),
    "demand": ("destinationname", "demand_name", "origin", "from", "cell", "client", "demand_id"),
    "cost": ("distance", "cost", "minutes", "metres", "time"),
    "weight": ("weight", "demand", "people", "population"),
}


def read_pmed(path: Path, problems: Problems) -> tuple[Sites, int] | None:
    """A graph as OR-Library writes it: vertices, edges, p, then edges with lengths; the shortest ways between all
    vertices, each of weight 1, and p. A repeated edge has its last length, as the library says."""
    numbers = _numbers(path, problems)
    if numbers is None:
        return None
    if len(numbers) < 3 or len(numbers) < 3 + 3 * int(numbers[1]):
        problems.add("file_cut_short", _("The file ends before all its edges."), file=path.name)
        return None
    n, edges, p = (int(value) for value in numbers[:3])
    table = numbers[3 : 3 + 3 * edges].reshape(edges, 3)
    ends = table[:, :2].astype(int) - 1
    if ends.size and (ends.min() < 0 or ends.max() >= n):
        problems.add(
            "vertex_unknown", _("An edge names a vertex above %(n)d or below 1."), file=path.name, n=n
        )
        return None
    length = np.full((n, n), np.inf)
    for (a, b), value in zip(ends.tolist(), table[:, 2].tolist(), strict=True):
        length[a, b] = length[b, a] = value
    ways = shortest_path(np.where(np.isinf(length), 0.0, length), directed=False)
    np.fill_diagonal(ways, 0.0)
    return Sites(ways, np.ones(n)), p


def read_cap(path: Path, problems: Problems, capacity: float | None = None) -> Warehouses | None:
    """Warehouses and customers as OR-Library writes them. Some files say the word "capacity" instead of a number: then
    `capacity` is needed."""
    words = path.read_text(encoding="utf-8", errors="replace").split()
    if capacity is not None:
        words = [str(capacity) if word == "capacity" else word for word in words]
    if "capacity" in words:
        text = _("The file leaves the capacity open; say it.")
        problems.add("capacity_missing", text, file=path.name)
        return None
    numbers = _numbers(path, problems, words)
    if numbers is None:
        return None
    m, n = (int(value) for value in numbers[:2]) if len(numbers) > 2 else (0, 0)
    if not m or not n or len(numbers) < 2 + 2 * m + n * (m + 1):
        text = _("The file ends before all warehouses and customers.")
        problems.add("file_cut_short", text, file=path.name)
        return None
    plants = numbers[2 : 2 + 2 * m].reshape(m, 2)
    customers = numbers[2 + 2 * m : 2 + 2 * m + n * (m + 1)].reshape(n, m + 1)
    return Warehouses(plants[:, 0], plants[:, 1], customers[:, 0], customers[:, 1:])


def read_matrix(path: Path, problems: Problems) -> tuple[Sites, list[str], list[str]] | None:
    """Costs from a CSV file: (costs and weights, names of demands, names of sites).

    Long: one line a pair, with columns for site, demand and cost, and the demand's weight if there is one. Wide: a first
    column of names, one column a site, and perhaps a column "weight". An empty cost means that the site may not serve.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    if len(rows) < 2:
        problems.add("file_empty", _("The file holds no rows."), file=path.name)
        return None
    heads = [head.strip() for head in rows[0]]
    found = {what: _column(heads, names) for what, names in _LONG.items()}
    try:
        if found["cost"] is not None and found["site"] is not None and found["demand"] is not None:
            return _long(rows[1:], found)
        return _wide(heads, rows[1:])
    except (ValueError, IndexError):
        text = _("A cost or weight is not a number, or a row is too short.")
        problems.add("not_a_number", text, file=path.name)
        return None


def _column(heads: list[str], names: tuple[str, ...]) -> int | None:
    lower = [head.lower() for head in heads]
    return next((lower.index(name) for name in names if name in lower), None)


def _long(rows: list[list[str]], column: dict[str, int | None]) -> tuple[Sites, list[str], list[str]]:
    sites = list(dict.fromkeys(row[column["site"] or 0] for row in rows))
    demands = list(dict.fromkeys(row[column["demand"] or 0] for row in rows))
    site_of = {name: place for place, name in enumerate(sites)}
    demand_of = {name: place for place, name in enumerate(demands)}
    at_demand = np.array([demand_of[row[column["demand"] or 0]] for row in rows])
    at_site = np.array([site_of[row[column["site"] or 0]] for row in rows])
    cost = np.full((len(demands), len(sites)), np.inf)
    cost[at_demand, at_site] = [_cost(row[column["cost"] or 0]) for row in rows]
    weight = np.ones(len(demands))
    if column["weight"] is not None:
        weight[at_demand] = [float(row[column["weight"]]) for row in rows]
    return Sites(cost, weight), demands, sites


def _wide(heads: list[str], rows: list[list[str]]) -> tuple[Sites, list[str], list[str]]:
    weigh = _column(heads[1:], ("weight", "people", "population"))
    weigh = None if weigh is None else weigh + 1
    columns = [place for place in range(1, len(heads)) if place != weigh]
    cost = np.array([[_cost(row[place]) for place in columns] for row in rows])
    weight = np.ones(len(rows)) if weigh is None else np.array([float(row[weigh]) for row in rows])
    return Sites(cost, weight), [row[0] for row in rows], [heads[place] for place in columns]


def _cost(text: str) -> float:
    return float(text) if text.strip() else np.inf


def _numbers(path: Path, problems: Problems, words: list[str] | None = None) -> np.ndarray | None:
    words = path.read_text(encoding="utf-8", errors="replace").split() if words is None else words
    try:
        return np.array(words, dtype=np.float64)
    except ValueError:
        problems.add("not_a_number", _("The file holds something that is not a number."), file=path.name)
        return None
