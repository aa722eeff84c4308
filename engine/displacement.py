"""From people on struck ground to people who come to a shelter.

The chain, each link a share of the one before:

    exposed     people on the ground that the hazard strikes, at the time of day looked at
    affected    of the exposed, those to whom it does harm: in the water, in a damaged dwelling
    displaced   of the affected, those who must leave home
    seeking     of the displaced, those who come to a public shelter; the others stay with relatives or pay for a room

A published rate belongs to one link and one base. A share of the people in the water and a share of the people affected
in a whole province are not the same number, whatever both are called. Shares lie in 0…1; people are persons.
See docs/algorithms/displacement.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.checks import InvalidInput

Floats = NDArray[np.float64]

# Hazus 6.1 section 13: share of dwellings that cannot be lived in, by state of damage (moderate, extensive, complete).
SINGLE_FAMILY_LOST = (0.0, 0.0, 1.0)
MULTI_FAMILY_LOST = (0.0, 0.9, 1.0)
# Hazus: share of displaced people who seek shelter by yearly income of the household in US dollars: under 10,000, 10 to 20,
# 20 to 30, 30 to 40 thousand, over 40,000. Ethnicity, tenure and age are left out; income then has the whole weight.
SEEKING_BY_INCOME = (0.62, 0.42, 0.29, 0.22, 0.13)
# Bayram 2011: share of its staffed beds that a hospital can free.
FREED_OF_STAFFED = 0.18
# Shares typed with a few decimals still make 1 in all.
SLACK = 1e-6


def _shares(problems: list[str], name: str, values: ArrayLike) -> Floats:
    found = np.asarray(values, np.float64)
    bad = ~(np.isfinite(found) & (found >= 0) & (found <= 1))
    if np.any(bad):
        problems.append(f"{name}: {int(bad.sum())} values are not shares from 0 to 1")
    return found


def _counts(problems: list[str], name: str, values: ArrayLike) -> Floats:
    found = np.asarray(values, np.float64)
    bad = ~(np.isfinite(found) & (found >= 0))
    if np.any(bad):
        problems.append(f"{name}: {int(bad.sum())} values are negative or not finite")
    return found


@dataclass(frozen=True)
class Chain:
    """People (…,) at each link; every link is contained in the one before."""

    exposed: Floats
    affected: Floats
    displaced: Floats
    seeking: Floats


def displacement_chain(
    exposed: ArrayLike, affected: ArrayLike, displaced: ArrayLike, seeking: ArrayLike = 1.0
) -> Chain:
    """People at each link from the people exposed and three shares, each one number or an array of the same shape.
    Raises InvalidInput for people that are negative and shares outside 0…1."""
    problems: list[str] = []
    people = _counts(problems, "exposed", exposed)
    shares = [
        _shares(problems, name, value)
        for name, value in (("affected", affected), ("displaced", displaced), ("seeking", seeking))
    ]
    if problems:
        raise InvalidInput(problems)
    links = [people]
    for share in shares:
        links.append(links[-1] * share)
    return Chain(*links)


def rate_of(part: float, base: float) -> float:
    """An observed rate: people counted, of the base they belong to. Raises InvalidInput unless 0 <= part <= base."""
    problems: list[str] = []
    _counts(problems, "part", part)
    _counts(problems, "base", base)
    if not problems and not base > 0:
        problems.append("base: must be above 0")
    if not problems and part > base:
        problems.append(f"part: {part:g} is more than its base {base:g}")
    if problems:
        raise InvalidInput(problems)
    return float(part) / float(base)


def rates_at(values: ArrayLike, starts: ArrayLike, rates: ArrayLike) -> Floats:
    """Rate of each value (…,) from classes (c,) that begin at `starts` (rising) and end where the next begins; 0 below the
    first. Depth in metres with the flood classes 0.1, 0.7, 1.5 m, or intensity in degrees with a ladder. nan stays nan.
    Raises InvalidInput."""
    problems: list[str] = []
    edges, by_class = np.asarray(starts, np.float64), _shares(problems, "rates", rates)
    if edges.ndim != 1 or edges.shape != by_class.shape or not edges.size:
        problems.append(f"rates: shape {by_class.shape}, classes {edges.shape}")
    elif not np.all(np.isfinite(edges)) or np.any(np.diff(edges) <= 0):
        problems.append("starts: must be finite and rise")
    if problems:
        raise InvalidInput(problems)
    found = np.asarray(values, np.float64)
    rated = np.concatenate([[0.0], by_class])[np.searchsorted(edges, found, side="right")]
    return np.where(np.isnan(found), np.nan, rated)


@dataclass(frozen=True)
class DwellingDamage:
    """Shares by class of ground (c,): affected of the exposed, displaced of the affected, lost of the exposed (both
    together)."""

    affected: Floats
    displaced: Floats
    lost: Floats


def dwelling_damage(single_family: float, multi_family: float, damage: ArrayLike) -> DwellingDamage:
    """What damage to dwellings does to the people in them.

    `single_family`, `multi_family`: shares of the people in dwellings of one and of several families, 1 in all.
    `damage`: (c, 3) chance that a dwelling on ground of each class ends up moderately, extensively, completely damaged.
    Affected are people whose dwelling is at least moderately damaged; displaced those whose dwelling cannot be lived in:
    every completely damaged one, and 0.9 of the extensively damaged ones with several families.
    Raises InvalidInput. Source: Hazus 6.1 section 13.
    """
    problems: list[str] = []
    shares = _shares(problems, "dwellings", [single_family, multi_family])
    if not problems and abs(float(shares.sum()) - 1.0) > SLACK:
        problems.append(f"dwellings: the shares make {float(shares.sum()):g} in all, not 1")
    chances = _shares(problems, "damage", damage)
    if chances.ndim != 2 or chances.shape[1] != 3:
        problems.append(f"damage: shape {chances.shape}, expected (classes, 3)")
    elif np.any(over := chances.sum(axis=1) > 1.0 + SLACK):
        problems.append(f"damage: the chances of {int(over.sum())} classes make more than 1")
    if problems:
        raise InvalidInput(problems)
    lost_by_state = shares[0] * np.array(SINGLE_FAMILY_LOST) + shares[1] * np.array(MULTI_FAMILY_LOST)
    affected = np.minimum(chances.sum(axis=1), 1.0)
    lost = np.minimum(chances @ lost_by_state, affected)
    displaced = np.divide(lost, affected, out=np.zeros_like(lost), where=affected > 0)
    return DwellingDamage(affected, displaced, lost)


def seeking_by_income(shares: ArrayLike) -> float:
    """Share of the displaced who seek shelter from the shares (5,) of households by income, 1 in all, lowest first. Lies
    between 0.13 and 0.62. Raises InvalidInput. Source: Hazus, factor of income alone."""
    problems: list[str] = []
    found = _shares(problems, "income", shares)
    if found.shape != (len(SEEKING_BY_INCOME),):
        problems.append(f"income: {found.size} shares, expected {len(SEEKING_BY_INCOME)}")
    elif not problems and abs(float(found.sum()) - 1.0) > SLACK:
        problems.append(f"income: the shares make {float(found.sum()):g} in all, not 1")
    if problems:
        raise InvalidInput(problems)
    return float(found @ np.array(SEEKING_BY_INCOME))


def isolation_places(per_10000: float, at_home: float) -> float:
    """Isolation places for each resident, from places for 10,000 and the share who isolate at home. Raises InvalidInput."""
    problems: list[str] = []
    _counts(problems, "places for 10,000", per_10000)
    _shares(problems, "at home", at_home)
    if not problems and per_10000 > 10_000:
        problems.append("places for 10,000: more places than residents")
    if problems:
        raise InvalidInput(problems)
    return float(per_10000) / 10_000.0 * (1.0 - float(at_home))


@dataclass(frozen=True)
class SurgeBeds:
    """Beds above those in daily use: needed by the people, and freed by the hospitals (None: their beds are not told)."""

    needed: float
    freed: float | None


def surge_beds(people: float, per_1000: float, staffed_beds: float | None = None) -> SurgeBeds:
    """Beds that a crowd may need at once, beside the 18 % of their staffed beds that hospitals can free.
    Raises InvalidInput. Sources: HRSA (500 for a million people), Bayram 2011."""
    problems: list[str] = []
    _counts(problems, "people", people)
    _counts(problems, "beds for 1,000", per_1000)
    if staffed_beds is not None:
        _counts(problems, "staffed beds", staffed_beds)
    if problems:
        raise InvalidInput(problems)
    freed = None if staffed_beds is None else float(staffed_beds) * FREED_OF_STAFFED
    return SurgeBeds(float(people) * float(per_1000) / 1000.0, freed)
