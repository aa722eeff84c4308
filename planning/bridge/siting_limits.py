"""A question's document in the engine's terms: limits by option, areas of cells, sets of options too near each other.

Names of limits, given back by the engine where a limit cannot be kept: number | number:<kind> | area-number:<code> |
fund:<sources> | land:<code> | running | must:<key>. `told` turns what the engine calls by position into keys and codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _
from scipy.spatial import cKDTree

from core.errors import DomainError
from engine.siting.funding import fund_limits
from engine.siting.question import Limit, Question, Relaxation
from planning.bridge.frozen import Frozen
from planning.bridge.options import Candidate
from planning.bridge.siting_question import asked, budget_of
from planning.bridge.world import Situation
from planning.choices import Aim

FEN_OF_10000_YUAN = 1_000_000
MOST_PAIRS = 400_000
Ints = np.ndarray


@dataclass(frozen=True)
class Asked:
    """The engine's question with what is needed to read its answer: `areas` codes by area number, `keys` by option,
    `left_out` how many options fell away for a limit that nobody can check (land that is not measured)."""

    question: Question
    areas: list[str]
    keys: list[str]
    left_out: dict[str, int]


def build_question(
    document: Mapping[str, Any],
    *,
    aim: str,
    rule: str,
    budget_fen: int | None,
    situations: Sequence[Situation],
    runs: Sequence[str],
    listed: Sequence[Candidate],
) -> Asked:
    """`runs`: references in the order of `situations`. Raises DomainError where a must is not possible here, land is not
    known, or places lie too close together for the spacing asked."""
    frozen = situations[0].frozen
    must, limits = _musts(document, listed)
    banned, unmeasured = _banned(document, listed)
    limits += _numbers(document, listed)
    limits += _land(document, frozen, listed)
    if "running_limit_fen_year" in document:
        limits.append(
            Limit("running", _column(listed, "running_fen_year"), most=document["running_limit_fen_year"])
        )
    limits += _funds(document, listed)
    areas, area = areas_of_cells(frozen, int(asked(document, "area_level")))
    by_area = aim == Aim.FAIREST or "area_target" in document
    question = Question(
        budget_fen=budget_of(document, budget_fen),
        aim=aim,
        rule=rule,
        weights=run_weights(document, runs),
        tail=float(asked(document, "tail")),
        target=document.get("target"),
        area_target=_area_target(document, areas),
        limits=tuple(limits),
        must=tuple(must),
        banned=tuple(sorted(set(banned) | set(unmeasured))),
        apart=tuple(_apart(document, frozen, listed)),
        merit=_merit(document, listed),
        charge=_column(listed, "cost_fen")
        + asked(document, "running_years") * _column(listed, "running_fen_year"),
        area=area if by_area else None,
        areas=len(areas) if by_area else 0,
    )
    left_out = {"land_unknown": len(unmeasured)} if unmeasured else {}
    return Asked(question, areas, [one.key for one in listed], left_out)


def run_weights(document: Mapping[str, Any], runs: Sequence[str]) -> tuple[float, ...]:
    """(w,) shares of 1, in the order of the runs."""
    wanted = document.get("run_weights", {})
    weights = np.array([float(wanted.get(run, 1.0)) for run in runs])
    return tuple((weights / weights.sum()).tolist())


def areas_of_cells(frozen: Frozen, level: int) -> tuple[list[str], Ints]:
    """(codes of the areas of a level, (n,) number of each cell's area among them, -1 outside all of them)."""
    levels, parent = np.asarray(frozen["area_level"]).tolist(), np.asarray(frozen["area_parent"]).tolist()
    codes: list[str] = []
    number: list[int] = []
    for position, code in enumerate(frozen.meta["areas"]):
        if levels[position] == level:
            number.append(len(codes))
            codes.append(code)
        else:
            # Areas are in path order, so a parent's number is known before its children's.
            number.append(
                number[parent[position]] if parent[position] >= 0 and levels[position] > level else -1
            )
    smallest = np.asarray(frozen["cell_area"])
    return codes, np.array([*number, -1], np.int64)[smallest]


def positions_of(key: str, listed: Sequence[Candidate]) -> list[int]:
    """Positions of the option of that key, or of all sizes of it where the key names the whole."""
    if "@" in key:
        return [number for number, one in enumerate(listed) if one.key == key]
    return [number for number, one in enumerate(listed) if one.whole_key == key]


def _column(listed: Sequence[Candidate], name: str) -> Ints:
    return np.array([getattr(one, name) for one in listed], np.int64)


def _by_whole_key(listed: Sequence[Candidate]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, one in enumerate(listed):
        found.setdefault(one.whole_key, []).append(number)
        if one.key != one.whole_key:
            found.setdefault(one.key, []).append(number)
    return found


def _musts(document: Mapping[str, Any], listed: Sequence[Candidate]) -> tuple[list[int], list[Limit]]:
    """Options done in any case, and a limit for each place of which any size must be taken."""
    if not document.get("must"):
        return [], []
    at = _by_whole_key(listed)
    if gone := [key for key in document["must"] if key not in at]:
        raise DomainError(
            "must-not-possible",
            _("These must be done but are not possible here (closed or inside the hazard zone in one of the scenarios, without a price, or not among what may be done): %(words)s.")
            % {"words": ", ".join(gone)},
            status=422,
            keys=gone,
        )  # fmt: skip
    must, limits = [], []
    for key in document["must"]:
        if len(at[key]) == 1:
            must.append(at[key][0])
        else:
            amount = np.zeros(len(listed), np.int64)
            amount[at[key]] = 1
            limits.append(Limit(f"must:{key}", amount, least=1))
    return must, limits


def _banned(document: Mapping[str, Any], listed: Sequence[Candidate]) -> tuple[list[int], list[int]]:
    """Options banned by name, and those whose land nobody has measured where land is limited."""
    at = _by_whole_key(listed) if document.get("banned") else {}
    banned = [number for key in document.get("banned", []) for number in at.get(key, [])]
    limited = set(document.get("land_m2_by_area", {}))
    unmeasured = [
        number for number, one in enumerate(listed) if one.land_m2 is None and not limited.isdisjoint(one.area)
    ]  # fmt: skip
    return banned, unmeasured


def _numbers(document: Mapping[str, Any], listed: Sequence[Candidate]) -> list[Limit]:
    limits = []
    if part := document.get("number"):
        limits.append(_limit("number", np.ones(len(listed), np.int64), part))
    for kind, part in document.get("number_by_kind", {}).items():
        limits.append(
            _limit(f"number:{kind}", np.array([one.kind == kind for one in listed], np.int64), part)
        )
    for code, part in document.get("number_by_area", {}).items():
        limits.append(_limit(f"area-number:{code}", _inside(listed, code), part))
    return limits


def _limit(name: str, amount: Ints, part: Mapping[str, int]) -> Limit:
    return Limit(name, amount.astype(np.int64), most=part.get("most"), least=part.get("least"))


def _inside(listed: Sequence[Candidate], code: str) -> Ints:
    return np.array([code in one.area for one in listed], np.int64)


def _land(document: Mapping[str, Any], frozen: Frozen, listed: Sequence[Candidate]) -> list[Limit]:
    wanted = document.get("land_m2_by_area", {})
    if wanted and "site_land_m2" not in frozen.arrays:
        raise DomainError(
            "land-not-frozen",
            _(
                "These runs stand on a snapshot from before land was kept; run the scenarios again to limit land."
            ),
            status=422,
        )
    land = np.array([one.land_m2 or 0 for one in listed], np.int64)
    return [Limit(f"land:{code}", land * _inside(listed, code), most=most) for code, most in wanted.items()]


def _funds(document: Mapping[str, Any], listed: Sequence[Candidate]) -> list[Limit]:
    funds = document.get("funds", {})
    if not funds:
        return []
    allowed = np.array(
        [[not fund.get("kinds") or one.kind in fund["kinds"] for fund in funds.values()] for one in listed], bool
    ).reshape(len(listed), len(funds))  # fmt: skip
    limit_fen = [fund["limit_fen"] for fund in funds.values()]
    return fund_limits(_column(listed, "cost_fen"), allowed, limit_fen, list(funds))


def _area_target(document: Mapping[str, Any], areas: Sequence[str]) -> np.ndarray | None:
    wanted = document.get("area_target")
    if wanted is None:
        return None
    if not isinstance(wanted, Mapping):
        return np.full(len(areas), float(wanted))
    return np.array([wanted.get(code, np.nan) for code in areas], np.float64)


def _merit(document: Mapping[str, Any], listed: Sequence[Candidate]) -> np.ndarray | None:
    """(o,) weighted units that peacetime value less running cost is worth, at the rate the question names."""
    weight = float(asked(document, "peacetime_weight"))
    if not weight:
        return None
    return (
        weight
        * (_column(listed, "peacetime_fen_year") - _column(listed, "running_fen_year"))
        / FEN_OF_10000_YUAN
    )


# --- spacing ---------------------------------------------------------------------------------------


def _apart(document: Mapping[str, Any], frozen: Frozen, listed: Sequence[Candidate]) -> list[Ints]:
    found: list[Ints] = []
    for kind, metres in document.get("spacing_m", {}).items():
        found += spaced(frozen, listed, kind, float(metres))
    return found


def spaced(frozen: Frozen, listed: Sequence[Candidate], kind: str, metres: float) -> list[Ints]:
    """Sets of options of a kind of which at most one may be done, so that places lie at least `metres` apart.

    Options that exclude each other anyway are one knot; two knots at different places nearer than `metres` are joined, and
    the joints are covered by sets of knots all joined with each other (cliques): one row each instead of one a pair, and a
    tighter one for the solver. Options of one place are not held apart from each other: a place is one place.
    """
    knots: dict[tuple[int, int], list[int]] = {}
    for number, one in enumerate(listed):
        if one.kind == kind:
            knots.setdefault((one.site, one.exclusive_key), []).append(number)
    names = list(knots)
    if len(names) < 2:
        return []
    site = np.array([name[0] for name in names])
    at = np.column_stack([np.asarray(frozen["site_x"])[site], np.asarray(frozen["site_y"])[site]])
    tree = cKDTree(at)
    # Strictly nearer: exactly `metres` apart is far enough.
    near = np.nextafter(metres, 0)
    if tree.count_neighbors(tree, near) > 2 * MOST_PAIRS + len(names):
        raise DomainError(
            "spacing-too-wide",
            _(
                "So many places lie closer than %(metres)s m to each other that the spacing cannot be held; give a smaller one."
            )
            % {"metres": f"{metres:,.0f}"},
            status=422,
        )
    pairs = tree.query_pairs(near, output_type="ndarray")
    pairs = pairs[site[pairs[:, 0]] != site[pairs[:, 1]]]
    return [
        np.array(sorted(number for knot in clique for number in knots[names[knot]]), np.int64)
        for clique in cliques(len(names), pairs)
    ]


def cliques(knots: int, pairs: np.ndarray) -> list[list[int]]:
    """Sets of knots, all joined with each other, that together hold every pair (p, 2); greedy, largest first at each pair."""
    joined: list[set[int]] = [set() for _knot in range(knots)]
    for first, second in pairs.tolist():
        joined[first].add(second)
        joined[second].add(first)
    left = {(min(a, b), max(a, b)) for a, b in pairs.tolist()}
    found = []
    for pair in sorted(left):
        if pair not in left:
            continue
        clique = list(pair)
        common = joined[pair[0]] & joined[pair[1]]
        while common:
            # The one that leaves most others to choose from; ties by number, so that the answer is always the same.
            best = max(sorted(common), key=lambda one: len(joined[one] & common))
            clique.append(best)
            common &= joined[best]
        clique.sort()
        left.difference_update((a, b) for i, a in enumerate(clique) for b in clique[i + 1 :])
        found.append(clique)
    return found


# --- reading the answer ----------------------------------------------------------------------------


def told(relaxation: Relaxation, asked_for: Asked) -> dict[str, Any]:
    """A Relaxation as plain data, areas by code and options by key."""
    name, _colon, rest = relaxation.name.partition(":")
    if name == "area" and rest.isdigit():
        rest = asked_for.areas[int(rest)]
        name = "area_target"
    elif name == "must" and rest.isdigit():
        rest = asked_for.keys[int(rest)]
    return {
        "name": f"{name}:{rest}" if rest else name,
        "now": _number(relaxation.now),
        "needed": _number(relaxation.needed),
        "units": None if relaxation.units is None else _number(relaxation.units),
        "together": relaxation.together,
    }


def _number(value: float) -> float | int | None:
    if not np.isfinite(value):
        return None
    return int(value) if float(value) == int(value) else float(value)
