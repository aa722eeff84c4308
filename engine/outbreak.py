"""The course of an outbreak, day by day, and the isolation places it asks for.

Compartments, shares of the population, 1 in all:

    S susceptible -> E infected, not yet infectious -> U infectious, never found -> R
                                                    \\-> D infectious, will be found -> J isolated -> R

K, the contacts in quarantine, are people of S, E, U, D or R counted a second time: quarantine of contacts fills places but
is not credited with slowing the outbreak; what it does to the spread belongs into the factor of control.

One step of h days (a day unless told otherwise), from the values at its beginning:

    infected  = S (1 - exp(-b (U + D) h))          b = reproduction number / infectious days, times the factor of control
    onset     = E h / latent days                  a share `found` of it goes to D, the rest to U
    recovered = U h / infectious days
    isolated  = D h / days until found
    released  = J h / isolation days
    K         = what is left of K after h / quarantine days went home and the newly isolated among them became cases,
                plus (1 - J - K) (1 - exp(-contacts x isolated)): contacts are drawn from those not in isolation yet

Kermack and McKendrick 1927 with two more compartments. See docs/algorithms/epidemic.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.checks import InvalidInput

Floats = NDArray[np.float64]
MOST_DAYS = 1500


@dataclass(frozen=True)
class Outbreak:
    """What goes in. Days are at least 1, shares 0…1; `control_day` None: no control."""

    reproduction_number: float
    latent_days: float
    infectious_days: float
    found_share: float
    days_until_found: float
    isolation_days: float
    contacts_per_case: float
    quarantine_days: float
    cases_at_home: float
    contacts_at_home: float
    initial_share: float
    control_day: float | None = None
    control_factor: float = 1.0
    bed_share: float = 0.0


@dataclass(frozen=True)
class Course:
    """What comes out, by day (d + 1,), beginning with day 0; shares times the population.

    compartments: (d + 1, 6) S, E, U, D, J, R. contacts: in quarantine, wherever. places: people in isolation places.
    beds: isolated cases in a hospital bed. peak: the most places on any day, first reached on `peak_day`.
    """

    compartments: Floats
    contacts: Floats
    places: Floats
    beds: Floats
    peak: float
    peak_day: int

    @property
    def rising(self) -> bool:
        """Is the last day the highest? Then the peak lies beyond it."""
        return self.peak_day == len(self.places) - 1 and self.peak > 0


def outbreak_problems(outbreak: Outbreak, days: int, population: float) -> list[str]:
    """Every reason this outbreak cannot be worked out; empty when it can."""
    problems: list[str] = []

    def within(name: str, value: float, low: float, high: float) -> None:
        if not (math.isfinite(value) and low <= value <= high):
            problems.append(f"{name}: {value:g} is outside {low:g} to {high:g}")

    for name in ("latent_days", "infectious_days", "days_until_found", "isolation_days", "quarantine_days"):
        within(name, getattr(outbreak, name), 1.0, 365.0)
    for name in (
        "found_share", "cases_at_home", "contacts_at_home", "initial_share", "control_factor", "bed_share",
    ):  # fmt: skip
        within(name, getattr(outbreak, name), 0.0, 1.0)
    within("reproduction_number", outbreak.reproduction_number, 0.0, 30.0)
    within("contacts_per_case", outbreak.contacts_per_case, 0.0, 1000.0)
    if outbreak.control_day is not None:
        within("control_day", outbreak.control_day, 0.0, math.inf)
    if outbreak.days_until_found > outbreak.infectious_days:
        problems.append("days_until_found: cases are found while they are infectious, not later")
    within("days", days, 1, MOST_DAYS)
    if not (math.isfinite(population) and population > 0):
        problems.append("population: must be above 0")
    return problems


def outbreak_course(outbreak: Outbreak, days: int, population: float = 1.0, steps_per_day: int = 1) -> Course:
    """The outbreak over `days` days. `population` 1: for each person. More steps a day come nearer to the differential
    equations. Raises InvalidInput with every problem."""
    problems = outbreak_problems(outbreak, days, population)
    if steps_per_day < 1:
        problems.append("steps_per_day: at least 1")
    if problems:
        raise InvalidInput(problems)
    control = math.inf if outbreak.control_day is None else float(outbreak.control_day)
    shares, contacts = _course(
        float(outbreak.reproduction_number), float(outbreak.latent_days), float(outbreak.infectious_days),
        float(outbreak.found_share), float(outbreak.days_until_found), float(outbreak.isolation_days),
        float(outbreak.contacts_per_case), float(outbreak.quarantine_days), float(outbreak.initial_share),
        control, float(outbreak.control_factor), int(days), int(steps_per_day),
    )  # fmt: skip
    isolated = shares[:, 4]
    beds = isolated * outbreak.bed_share
    places = (isolated - beds) * (1.0 - outbreak.cases_at_home) + contacts * (1.0 - outbreak.contacts_at_home)
    peak_day = int(np.argmax(places))
    return Course(
        shares * population, contacts * population, places * population, beds * population,
        float(places[peak_day]) * population, peak_day,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _course(
    number,
    latent,
    infectious,
    found,
    until_found,
    isolation,
    per_case,
    quarantine,
    initial,
    control,
    factor,
    days,
    steps,
):
    out, contacts = np.zeros((days + 1, 6)), np.zeros(days + 1)
    s, e, u, d, j, r, k = 1.0 - initial, initial, 0.0, 0.0, 0.0, 0.0, 0.0
    out[0, 0], out[0, 1] = s, e
    h = 1.0 / steps
    for day in range(days):
        for step in range(steps):
            spread = number / infectious
            if day + step * h >= control - 1e-9:
                spread *= factor
            infected = s * (1.0 - math.exp(-spread * (u + d) * h))
            onset, recovered = e * h / latent, u * h / infectious
            isolated, released = d * h / until_found, j * h / isolation
            outside = 1.0 - j
            if outside > 0.0:
                k *= (1.0 - h / quarantine) * (1.0 - min(isolated / outside, 1.0))
            s -= infected
            e += infected - onset
            u += (1.0 - found) * onset - recovered
            d += found * onset - isolated
            j += isolated - released
            r += recovered + released
            k += max(1.0 - j - k, 0.0) * (1.0 - math.exp(-per_case * isolated))
        out[day + 1] = np.array([s, e, u, d, j, r])
        contacts[day + 1] = k
    return out, contacts
