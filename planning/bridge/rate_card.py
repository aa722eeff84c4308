"""What an intervention costs to make and to keep when the place itself names no price, and the sizes it may be taken in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from planning.models import CostRate


class Rate(NamedTuple):
    """One row of the card. Money in fen; running cost and peacetime value a unit and year. `steps`: shares of the whole.

    Of the kind retire: fixed and per unit are the cost of closing, `running_fen_unit` is what is saved every year.
    """

    fixed_fen: int = 0
    per_unit_fen: int = 0
    max_share: float | None = None
    hours: float | None = None
    lead_months: int = 3
    steps: tuple[float, ...] = ()
    running_fen_unit: int = 0
    peacetime_fen_unit: int = 0

    def cost_of(self, units: int) -> int:
        return self.fixed_fen + self.per_unit_fen * units


# Of a place that names its own price and stands on no card: nothing is known of what it costs to keep.
UNKNOWN_RATE = Rate()


@dataclass(frozen=True)
class RateCard:
    """Cost rates by (service, kind, peacetime use or "")."""

    rows: dict[tuple[str, str, str], Rate]

    @classmethod
    def now(cls) -> RateCard:
        listed = CostRate.objects.values_list("service__code", "kind", "use__code", *Rate._fields)
        rows = {(service, kind, use or ""): Rate(*rest) for service, kind, use, *rest in listed}
        return cls({key: rate._replace(steps=sizes_of(rate.steps)) for key, rate in rows.items()})

    @classmethod
    def kept(cls, rows: Sequence[Sequence[Any]]) -> RateCard:
        """The card that `frozen` told, so that what was worked out from it can be worked out again."""
        rates = {(row[0], row[1], row[2]): Rate(*row[3:]) for row in rows}
        return cls({key: rate._replace(steps=tuple(rate.steps)) for key, rate in rates.items()})

    def of(self, service: str, kind: str, use: str = "") -> Rate | None:
        return self.rows.get((service, kind, use)) or self.rows.get((service, kind, ""))

    def frozen(self) -> list[list[object]]:
        """As plain data, in a fixed order, to be kept with what was worked out from it."""
        return [
            [*key, *rate._replace(steps=list(rate.steps))]  # type: ignore[arg-type]
            for key, rate in sorted(self.rows.items())
        ]


def sizes_of(steps: Sequence[object]) -> tuple[float, ...]:
    """Shares above 0 and at most 1, smallest first; what a card holds beside them is no size."""
    return tuple(
        sorted({float(one) for one in steps if isinstance(one, int | float) and 0 < float(one) <= 1})
    )
