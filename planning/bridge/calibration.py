"""Rates held against what was observed, worked out each time from the figures and never typed."""

from __future__ import annotations

from dataclasses import dataclass

from engine.displacement import displacement_chain, rate_of
from planning.selectors.scenario_templates import Observation, observation


@dataclass(frozen=True)
class Check:
    """Henan's rates of 2021 on the residents of Zhengzhou. Shares, people, and the observations they rest on."""

    province: Observation
    city: Observation
    rate: float
    evacuated_rate: float
    people: float
    floor_rate: float

    @property
    def times_floor(self) -> float:
        """How many times the floor the province's rate is."""
        return self.rate / self.floor_rate


def zhengzhou_check() -> Check:
    """What Henan's rate, relocated of the affected, would say of Zhengzhou if all its residents were affected, beside the
    people reported moved in the city, which is a floor: no peak of the city alone was published."""
    province, city = observation("henan_2021"), observation("zhengzhou_2021")
    rate = rate_of(province.figures["relocated"], province.figures["affected"])
    chain = displacement_chain(city.figures["residents"], 1.0, rate)
    return Check(
        province, city, rate, rate_of(province.figures["evacuated"], province.figures["affected"]),
        float(chain.displaced), rate_of(city.figures["moved"], city.figures["residents"]),
    )  # fmt: skip
