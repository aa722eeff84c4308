"""What a siting is asked: the aim, the rule over scenarios, and every limit. And what it answers.

Letters in shapes: o options (positions in the list given with the question), w worlds (one per scenario and time of
day, over the same cells and sites), a areas, k services.

With V(w, x) = sum over services of Standard.weight x units newly served in time in world w when the options x are done,
and G(w) = today's weighted gap of world w, the aims are

    most      the rule's value, plus the merit of x, is as large as can be
    cheapest  the charge of x is as small as can be while the targets are kept
    fairest   the smallest share served of any area is as large as can be; among such plans the one that serves most

and the rules over worlds, with shares p(w) = weights / their sum,

    expected  sum of weights(w) V(w, x)                        (the value; without weights the plain mean)
    worst     - the largest gap left, G(w) - V(w, x), of any world
    tail      - the mean gap left over the worst `tail` of the worlds by p (conditional value at risk;
              Rockafellar, Uryasev 2000)
    regret    - the largest regret V*(w) - V(w, x), V*(w) being the best any plan within the limits does for w alone

For the fairest, "expected" looks at each area's share of the weighted sum over worlds; the other rules at the smallest
share of any area in each world: its smallest, its mean over the worst `tail`, and its largest regret. For the cheapest
only the targets know rules: "worst" asks for them in every world, the others of the weighted sum. Worlds of weight 0
count under no rule. docs/algorithms/siting-aims.md has the formulas and worked examples.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import ENGINE_VERSION
from engine.checks import InvalidInput

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST, CHEAPEST, FAIREST = AIMS = ("most", "cheapest", "fairest")
EXPECTED, WORST, TAIL, REGRET = RULES = ("expected", "worst", "tail", "regret")


@dataclass(frozen=True, slots=True)
class Limit:
    """least <= sum of amount (o,) over the options done <= most. Whole numbers of any unit: fen, pieces, m2.

    name: the caller's own, given back when the limit cannot be kept ("number", "fund:central,local",
    "district-least:510104", "land:S-12" …).
    """

    name: str
    amount: Ints
    most: int | None = None
    least: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """budget_fen: limit on the sum of Option.cost_fen, None for none. weights (w,): of the worlds, equal shares of 1
    when empty. tail: share of the worlds' weight the rule "tail" looks at. target: share of the weighted need that must
    be served (under the rule "worst" in every world, otherwise of the weighted sum); area_target (a,): the same in each
    area, NaN where none. limits: see Limit. must, banned: options that are done, or not, in any case. apart: sets of
    options of which at most one may be done, beside their exclusive keys (spacing). merit (o,): worth of doing an option
    beside the people it serves, in weighted units (peacetime value less running cost, at the caller's rate of
    exchange); negative allowed. charge (o,): what "cheapest" adds up, by default cost_fen. area (n,): area of each cell,
    -1 none, needed by "fairest" and area_target; areas are any partition: districts, streets, deciles of today's cover.
    """

    budget_fen: int | None = None
    aim: str = MOST
    rule: str = EXPECTED
    weights: tuple[float, ...] = ()
    tail: float = 0.2
    target: float | None = None
    area_target: Floats | None = None
    limits: tuple[Limit, ...] = ()
    must: tuple[int, ...] = ()
    banned: tuple[int, ...] = ()
    apart: tuple[Ints, ...] = ()
    merit: Floats | None = None
    charge: Ints | None = None
    area: Ints | None = None
    areas: int = 0

    def world_weights(self, worlds: int) -> Floats:
        """(w,) float64."""
        return np.asarray(self.weights, np.float64) if self.weights else np.full(worlds, 1.0 / max(worlds, 1))

    @property
    def plain(self) -> bool:
        """Nothing but a budget, exclusive keys and an expected value: what suggest_sites answers."""
        return (
            self.aim == MOST
            and self.rule == EXPECTED
            and not (self.limits or self.must or self.apart)
            and self.merit is None
            and self.target is None
            and self.area_target is None
        )


def check_question(question: Question, worlds: int, options: int, cells: int) -> None:
    """Raise InvalidInput with every problem of the question itself."""
    q, problems = question, []
    if q.aim not in AIMS:
        problems.append(f"aim {q.aim!r} is not one of {', '.join(AIMS)}")
    if q.rule not in RULES:
        problems.append(f"rule {q.rule!r} is not one of {', '.join(RULES)}")
    if q.budget_fen is not None and (int(q.budget_fen) != q.budget_fen or q.budget_fen < 0):
        problems.append("budget_fen: whole fen, not negative")
    if q.weights and (
        len(q.weights) != worlds
        or not all(np.isfinite(x) and x >= 0 for x in q.weights)
        or sum(q.weights) <= 0
    ):
        problems.append("weights: one finite number per world, none negative, not all 0")
    if not 0 < q.tail <= 1:
        problems.append("tail: above 0, at most 1")
    if q.target is not None and not 0 <= q.target <= 1:
        problems.append("target: a share from 0 to 1")
    if q.aim == CHEAPEST and q.target is None and q.area_target is None:
        problems.append("target: the cheapest plan needs a share to reach")
    if q.area is None:
        if q.aim == FAIREST or q.area_target is not None:
            problems.append("area: the area of each cell is needed")
    elif np.shape(q.area) != (cells,) or (cells and (np.min(q.area) < -1 or np.max(q.area) >= q.areas)):
        problems.append(f"area: one number from -1 to {q.areas - 1} per cell")
    if q.area_target is not None:
        wanted = np.asarray(q.area_target, np.float64)
        if wanted.shape != (q.areas,) or ((wanted < 0) | (wanted > 1)).any():
            problems.append("area_target: a share from 0 to 1, or NaN, per area")
    for limit in q.limits:
        if np.shape(limit.amount) != (options,):
            problems.append(f"limit {limit.name}: one amount per option")
        if limit.most is None and limit.least is None:
            problems.append(f"limit {limit.name}: neither most nor least")
    for name, listed in (("must", q.must), ("banned", q.banned), *(("apart", tuple(s)) for s in q.apart)):
        if wrong := sorted({int(i) for i in listed if not 0 <= i < options}):
            problems.append(f"{name}: no option {', '.join(map(str, wrong))}")
    if both := sorted(set(q.must) & set(q.banned)):
        problems.append(f"must and banned: option {', '.join(map(str, both))} is in both")
    if q.merit is not None and (np.shape(q.merit) != (options,) or not np.isfinite(q.merit).all()):
        problems.append("merit: one finite number per option")
    if q.charge is not None and np.shape(q.charge) != (options,):
        problems.append("charge: one whole number per option")
    if problems:
        raise InvalidInput(problems)


@dataclass(frozen=True, slots=True)
class Relaxation:
    """One limit that, changed alone as little as possible, lets a plan exist (or the nearest that changes of several
    together reach, then `together` is true).

    name: budget | target | area:<number> | a Limit's name | must:<option> | banned (needed: how many of them must be let in)
    | apart (needed: how many of one set). now, needed: the limit as asked and as
    it would have to be, in its own unit. units: weighted units of need in question where the limit speaks of people (for
    a target: what it asks for and no plan within the other limits serves).
    """

    name: str
    now: float
    needed: float
    units: float | None = None
    together: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What siting answers to a Question.

    chosen (c,): options done, best worth for money first ("must" ones too). value, bound, gap, status: of the aim, in its
    sense (`most` and `fairest`: bound >= value; `cheapest`: bound <= value). status: optimal (gap <= 1e-6) | within |
    feasible (no bound) | infeasible (proved) | unknown (stopped before any plan was found) | cancelled.
    newly (w,): V(w, x). worth (c,): each option's share of the expected newly served in that order; units (c, w): the same
    in whole units per world. served_before, served_after: (w, k) units in time. area_share_before, area_share_after: (a,)
    share of the weighted need served, NaN where no need (None without areas). relaxations: where infeasible. trail:
    (seconds, value, bound) as they improved; inf or -inf where not known yet.
    """

    aim: str
    rule: str
    chosen: Ints
    value: float
    bound: float
    gap: float
    status: str
    cost_fen: int
    charge: int
    newly: Floats
    worth: Floats
    units: Ints
    served_before: Ints
    served_after: Ints
    bound_source: str
    seed: int
    seconds: float
    area_share_before: Floats | None = None
    area_share_after: Floats | None = None
    relaxations: tuple[Relaxation, ...] = ()
    trail: tuple[tuple[float, float, float], ...] = ()
    engine_version: str = ENGINE_VERSION
    notes: dict[str, Any] = field(default_factory=dict)
