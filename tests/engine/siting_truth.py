"""The definition of a siting question, by brute force: every subset of the options, every limit read off the question,
people assigned on the raw cells by scipy. Shares nothing with the solvers but apply_options and what capacity counts."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import maximum_flow

from engine.coverage import role_ready, role_supply
from engine.interventions import apply_options
from engine.siting.question import Limit, Question
from engine.world import CLOSING_KINDS, READYING_KINDS, Demand, Option, World
from tests.engine.towns import random_options, random_town


def blocks_of(worlds):
    """[(world, service, pair_cell, pair_role, need, capacity in time)]."""
    out = []
    for w, world in enumerate(worlds):
        capacity = np.where(role_ready(world), role_supply(world)[0], 0)
        for k in range(world.services):
            roles = np.flatnonzero((world.supply.role_service == k) & (capacity > 0))
            reach = world.reach[k].take(world.supply.role_site[roles])
            role = np.repeat(np.arange(len(roles)), np.diff(reach.indptr))
            out.append((w, k, reach.cell.astype(int), role, world.demand.need[k], capacity[roles]))
    return out


def most_served(worlds):
    """(w, k) units, by scipy's maximal flow."""
    served = np.zeros((len(worlds), worlds[0].services), np.int64)
    for w, k, cell, role, need, capacity in blocks_of(worlds):
        n, m = len(need), len(capacity)
        if not len(cell):
            continue
        graph = csr_array(
            (np.concatenate([need, np.full(len(cell), need.sum() + 1), capacity]).astype(np.int32),
             (np.concatenate([np.zeros(n, int), 1 + cell, 1 + n + np.arange(m)]),
              np.concatenate([1 + np.arange(n), 1 + n + role, np.full(m, 1 + n + m)]))),
            shape=(n + m + 2, n + m + 2),
        )  # fmt: skip
        served[w, k] = maximum_flow(graph, 0, n + m + 1).flow_value
    return served


class Truth:
    """worth(chosen) of each aim and rule, and which subsets keep the limits."""

    def __init__(self, worlds, options, question: Question, left_out=()):
        self.worlds, self.options, self.q = worlds, options, question
        self.left_out = set(left_out)
        self.weights = question.world_weights(len(worlds))
        self.service = np.array([[s.weight for s in world.standards] for world in worlds])
        self.need = np.array([w.demand.need.sum(axis=1) for w in worlds])
        self.today = most_served(worlds)
        self.known: dict = {}

    def allowed(self, chosen) -> bool:
        q, picked = self.q, [self.options[i] for i in chosen]
        roles = self.worlds[0].supply
        acted = [o.role for o in picked if o.kind in READYING_KINDS + CLOSING_KINDS]
        keys = [o.exclusive_key for o in picked if o.exclusive_key >= 0]
        places = [o.site for o in picked if o.kind in READYING_KINDS and roles.role_exclusive[o.role]]
        if any(len(set(items)) < len(items) for items in (acted, keys, places)):
            return False
        ended = {o.site for o in picked if o.kind in CLOSING_KINDS and roles.role_exclusive[o.role]}
        if ended & set(places):  # a change of use
            return False
        if self.left_out & set(chosen) or not set(q.must) <= set(chosen) or set(q.banned) & set(chosen):
            return False
        if q.budget_fen is not None and sum(o.cost_fen for o in picked) > q.budget_fen:
            return False
        for limit in q.limits:
            total = sum(int(limit.amount[i]) for i in chosen)
            if (limit.most is not None and total > limit.most) or (
                limit.least is not None and total < limit.least
            ):
                return False
        return all(len(set(s.tolist()) & set(chosen)) <= 1 for s in q.apart)

    def served(self, chosen):
        key = tuple(chosen)
        if key not in self.known:
            self.known[key] = most_served([apply_options(w, self.options, chosen) for w in self.worlds])
        return self.known[key]

    def spread(self, chosen, goal):
        """The best of goal over all assignments, by a linear program; None where a target cannot be kept. goal: None, or
        "expected" | "worst" | a world's number (smallest share of any area) | "tail" | an array (regret against it)."""
        q, weights = self.q, self.weights
        worlds = [apply_options(w, self.options, chosen) for w in self.worlds]
        columns, rows, cols, vals, upper = 0, [], [], [], []
        serving = {}  # (world, area) -> [(column, value)]
        row = 0
        whole = np.zeros((len(worlds), q.areas + 1))
        for w, k, cell, role, need, capacity in blocks_of(worlds):
            value = self.service[w, k]
            for a in range(-1, q.areas):
                whole[w, a] += value * need[q.area == a].sum()
            for limits, index in ((need, cell), (capacity, role)):
                rows += (row + index).tolist()
                cols += (columns + np.arange(len(cell))).tolist()
                vals += [1.0] * len(cell)
                upper += limits.tolist()
                row += len(limits)
            for e, c in enumerate(cell):
                serving.setdefault((w, int(q.area[c])), []).append((columns + e, value))
            columns += len(cell)
        flows = columns
        live = [w for w in range(len(worlds)) if weights[w] > 0]

        def add(entries, most):
            nonlocal row
            for column, coefficient in entries:
                rows.append(row)
                cols.append(column)
                vals.append(coefficient)
            upper.append(most)
            row += 1

        def share(a, over):  # entries and whole of an area over worlds with factors
            entries = [(c, v * f) for w, f in over for c, v in serving.get((w, a), [])]
            return entries, sum(f * whole[w, a] for w, f in over)

        each = [[(w, 1.0)] for w in live] if q.rule == "worst" else [[(w, weights[w]) for w in live]]
        for over in each:
            if q.target is not None:
                parts = [share(a, over) for a in range(-1, q.areas)]
                total = sum(p[1] for p in parts)
                add([(c, -v) for p in parts for c, v in p[0]], -(q.target - 1e-9) * total)
            if q.area_target is not None:
                for a in range(q.areas):
                    if np.isfinite(q.area_target[a]):
                        entries, total = share(a, over)
                        add([(c, -v) for c, v in entries], -(q.area_target[a] - 1e-9) * total)
        cost, low, high = [0.0] * flows, [0.0] * flows, [None] * flows

        def column(coefficient, lo, hi):
            nonlocal columns
            cost.append(coefficient)
            low.append(lo)
            high.append(hi)
            columns += 1
            return columns - 1

        if isinstance(goal, str) and goal == "expected":
            t = column(-1.0, None, 1.0)
            for a in range(q.areas):
                entries, total = share(a, [(w, weights[w]) for w in live])
                if total > 0:
                    add([(t, total), *((c, -v) for c, v in entries)], 0.0)
        elif goal is not None:
            if isinstance(goal, int):
                final = {goal: column(-1.0, None, 1.0)}
            else:
                final = {w: column(0.0, None, 1.0) for w in live}
            for w, m in final.items():
                for a in range(q.areas):
                    if whole[w, a] > 0:
                        add([(m, whole[w, a]), *((c, -v) for c, v in serving.get((w, a), []))], 0.0)
            if isinstance(goal, np.ndarray):
                t = column(-1.0, None, None)
                for w, m in final.items():
                    add([(t, 1.0), (m, -1.0)], -goal[w])
            elif goal == "worst":
                t = column(-1.0, None, None)
                for m in final.values():
                    add([(t, 1.0), (m, -1.0)], 0.0)
            elif goal == "tail":
                level = column(-1.0, None, None)
                for w, m in final.items():
                    z = column(weights[w] / sum(weights) / q.tail, 0.0, None)
                    add([(level, 1.0), (z, -1.0), (m, -1.0)], 0.0)
        if not columns:
            return 0.0 if all(u >= -1e-12 for u in upper) else None
        matrix = coo_array((vals, (rows, cols)), shape=(row, columns)).tocsr()
        found = linprog(
            cost, A_ub=matrix, b_ub=upper, bounds=list(zip(low, high, strict=True)), method="highs"
        )
        return None if found.status == 2 else -found.fun

    def best_alone(self, feasible):
        live = np.flatnonzero(self.weights > 0)
        out = np.zeros(len(self.worlds))
        for w in live:
            if self.q.aim == "fairest":
                out[w] = max(self.spread(c, int(w)) for c in feasible)
            else:
                out[w] = max(self.newly(c)[w] for c in feasible)
        return out

    def newly(self, chosen):
        return ((self.served(chosen) - self.today) * self.service).sum(axis=1)

    def worth(self, chosen, best=None):
        q, live = self.q, self.weights > 0
        if q.aim == "cheapest":
            charge = [o.cost_fen for o in self.options] if q.charge is None else q.charge
            return sum(int(charge[i]) for i in chosen)
        if q.aim == "fairest":
            return self.spread(chosen, best if q.rule == "regret" else q.rule)
        merit = 0.0 if q.merit is None else sum(q.merit[i] for i in chosen)
        if q.rule == "expected":
            return float(self.weights @ self.newly(chosen)) + merit
        gap = ((self.need - self.served(chosen)) * self.service).sum(axis=1)[live]
        if q.rule == "worst":
            return -gap.max() + merit
        if q.rule == "regret":
            return -(best - self.newly(chosen))[live].max() + merit
        # By definition: the mean over the worst `tail` of the weight, by levels of loss.
        share = (self.weights / self.weights.sum())[live]
        return -min(eta + share @ np.maximum(gap - eta, 0) / q.tail for eta in gap) + merit

    def solve(self):
        """(best worth or None, the subsets that keep the limits and targets, best alone)."""
        q, feasible = self.q, []
        need = (self.need * self.service).sum(axis=1)
        live = self.weights > 0
        for size in range(len(self.options) + 1):
            for chosen in combinations(range(len(self.options)), size):
                if not self.allowed(chosen):
                    continue
                if q.area_target is not None:
                    if self.spread(chosen, None) is None:
                        continue
                elif q.target is not None:
                    served = (self.served(chosen) * self.service).sum(axis=1)
                    if q.rule == "worst":
                        short = (served < (q.target - 1e-9) * need)[live].any()
                    else:
                        short = self.weights @ served < (q.target - 1e-9) * (self.weights @ need)
                    if short:
                        continue
                feasible.append(chosen)
        if not feasible:
            return None, [], None
        best = self.best_alone(feasible) if q.rule == "regret" and q.aim != "cheapest" else None
        worths = [self.worth(c, best) for c in feasible]
        return (min(worths) if q.aim == "cheapest" else max(worths)), feasible, best


def relaxed(question: Question, changes, tighter: float = 0.0) -> Question:
    """The question with these Relaxations granted; less one step (a fen, a piece, `tighter` of a share) where tighter."""
    q = question
    step = 1 if tighter else 0
    for change in changes:
        name = change.name
        if name == "budget":
            q = replace(q, budget_fen=int(change.needed) - step)
        elif name == "target":
            q = replace(q, target=max(change.needed - 2e-7, 0.0) + tighter)
        elif name.startswith("area:"):
            wanted = np.array(q.area_target, float)
            wanted[int(name[5:])] = max(change.needed - 2e-7, 0.0) + tighter
            q = replace(q, area_target=wanted)
        elif name.startswith("must:"):
            q = replace(q, must=tuple(i for i in q.must if i != int(name[5:])))
        elif name == "apart":
            q = replace(q, apart=())
        elif name == "banned":
            q = replace(q, banned=())
        else:
            q = replace(q, limits=tuple(
                limit if limit.name != name
                else replace(limit, most=int(change.needed) - step) if limit.most is not None
                else replace(limit, least=int(change.needed) + step) for limit in q.limits
            ))  # fmt: skip
    return q


def each_limit_gone(question: Question):
    """(name, the question without that limit) for every single limit."""
    q = question
    if q.budget_fen is not None:
        yield "budget", replace(q, budget_fen=None)
    if q.target is not None:
        yield "target", replace(q, target=0.0)
    for a in [] if q.area_target is None else np.flatnonzero(np.isfinite(q.area_target)):
        wanted = np.array(q.area_target, float)
        wanted[a] = np.nan
        yield f"area:{a}", replace(q, area_target=wanted)
    for limit in q.limits:
        yield limit.name, replace(q, limits=tuple(other for other in q.limits if other is not limit))
    for number in q.must:
        yield f"must:{number}", replace(q, must=tuple(i for i in q.must if i != number))
    if q.apart:
        yield "apart", replace(q, apart=())
    if q.banned:
        yield "banned", replace(q, banned=())


def random_question(seed: int, aim: str, rule: str, *, options=5):
    """(worlds, options, Question) in which everything may happen: retiring, limits of both kinds, must, spacing, merit."""
    rng = np.random.default_rng([seed, 11])
    world = random_town(seed, int(rng.integers(3, 8)), int(rng.integers(2, 6)), int(rng.integers(1, 3)))
    worlds, weights = [world], [1.0]
    for _ in range(int(rng.integers(0, 3)) if rule == "expected" else int(rng.integers(1, 4))):
        need = rng.integers(0, 14, world.demand.need.shape)
        other = Demand(world.demand.x_m, world.demand.y_m, need, world.demand.people, world.demand.area)
        worlds.append(World(other, world.supply, world.standards, world.reach))
        weights.append(float(rng.choice([0.0, 0.5, 1.0, 2.0], p=[0.1, 0.3, 0.3, 0.3])))
    listed = random_options(seed, world, options)
    if rng.random() < 0.6:  # some of them retire a role
        supply = world.supply
        for _ in range(int(rng.integers(1, 3))):
            role = int(rng.integers(0, supply.roles))
            if any(option.kind == "retire" and option.role == role for option in listed):
                continue
            listed[int(rng.integers(0, options))] = Option(
                int(supply.role_site[role]), int(supply.role_service[role]), "retire", int(supply.role_capacity[role]),
                int(rng.integers(0, 10)), 0.0, int(rng.integers(-1, 3)), role,
            )  # fmt: skip
    areas = int(rng.integers(1, 4))
    area = rng.integers(-1, areas, world.demand.cells)
    limits = []
    if rng.random() < 0.3:
        limits.append(Limit("number", np.ones(options, np.int64), most=int(rng.integers(1, options))))
    if rng.random() < 0.3:
        amount = rng.integers(-5, 10, options)
        limits.append(Limit("land", amount, most=int(rng.integers(0, 15))))
    if rng.random() < 0.25:
        inside = rng.integers(0, 2, options)
        limits.append(Limit("least", inside, least=int(rng.integers(0, 2))))
    wants = aim == "cheapest"
    by_area = aim == "fairest" or rng.random() < 0.25
    question = Question(
        budget_fen=int(rng.integers(0, 140)) if rng.random() < 0.8 else None,
        aim=aim,
        rule=rule,
        weights=tuple(weights),
        tail=float(rng.choice([0.2, 0.5, 0.75, 1.0])),
        target=float(rng.choice([0.3, 0.5, 0.7])) if wants or rng.random() < 0.15 else None,
        area_target=np.where(rng.random(areas) < 0.7, rng.choice([0.1, 0.3, 0.5], areas), np.nan)
        if by_area and rng.random() < 0.5
        else None,
        limits=tuple(limits),
        must=(int(rng.integers(0, options)),) if rng.random() < 0.2 else (),
        banned=(int(rng.integers(0, options)),) if rng.random() < 0.1 else (),
        apart=(np.unique(rng.integers(0, options, 2)),) if rng.random() < 0.3 else (),
        merit=np.round(rng.normal(0, 2, options), 1) if rng.random() < 0.35 else None,
        charge=rng.integers(0, 30, options) if wants and rng.random() < 0.4 else None,
        area=area if by_area else None,
        areas=areas if by_area else 0,
    )
    return (
        worlds,
        listed,
        replace(question, banned=tuple(i for i in question.banned if i not in question.must)),
    )
