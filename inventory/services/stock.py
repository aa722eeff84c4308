"""The stock ledger: every change is a line, the level is their sum."""

from __future__ import annotations

import datetime
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError, InvalidInput, Problem
from core.services import audit
from facilities.models import Facility
from inventory.choices import MovementKind
from inventory.models import ItemType, Lot, StockMovement, Stocktake, StocktakeLine

LARGEST = 2_000_000_000


def _level(lot: Lot) -> int:
    return lot.movements.aggregate(total=Sum("quantity", default=0))["total"]


def _line(
    *, lot: Lot, kind: str, quantity: int, at: datetime.datetime, reason: str, user: Any
) -> StockMovement:
    by = user if getattr(user, "is_authenticated", False) else None
    return StockMovement.objects.create(lot=lot, kind=kind, quantity=quantity, at=at, reason=reason, by=by)


@transaction.atomic
def record_movement(
    *,
    user: Any,
    facility: Facility,
    item: ItemType,
    kind: str,
    quantity: int,
    lot_number: str = "",
    expires_on: datetime.date | None = None,
    at: datetime.datetime | None = None,
    reason: str = "",
) -> StockMovement:
    """Receipt and issue take a positive quantity; a correction is signed. Nothing can go below zero."""
    policies.demand(user, "stock.move", facility)
    return enter_movement(
        user=user, facility=facility, item=item, kind=kind, quantity=quantity, lot_number=lot_number, expires_on=expires_on,
        at=at, reason=reason,
    )  # fmt: skip


@transaction.atomic
def enter_movement(
    *,
    user: Any,
    facility: Facility,
    item: ItemType,
    kind: str,
    quantity: int,
    lot_number: str = "",
    expires_on: datetime.date | None = None,
    at: datetime.datetime | None = None,
    reason: str = "",
) -> StockMovement:
    """As record_movement. No policy: for a service whose own right was asked, such as the acceptance of works."""
    problems = []
    if kind not in MovementKind.values:
        problems.append(
            Problem("unknown-choice", _("Choose one of the list."), column="kind", value=str(kind))
        )
    if (
        not isinstance(quantity, int)
        or isinstance(quantity, bool)
        or quantity == 0
        or abs(quantity) > LARGEST
    ):
        problems.append(
            Problem(
                "bad-number",
                _("A whole number that is not zero is needed."),
                column="quantity",
                value=str(quantity),
            )
        )
    elif kind != MovementKind.CORRECTION and quantity < 0:
        problems.append(
            Problem(
                "negative",
                _("Write the quantity without a minus; the kind says which way it goes."),
                column="quantity",
            )
        )
    if kind == MovementKind.CORRECTION and not reason.strip():
        problems.append(Problem("required", _("A correction needs a reason."), column="reason"))
    if at is not None and at > timezone.now() + datetime.timedelta(minutes=5):
        problems.append(Problem("future", _("A movement cannot lie in the future."), column="at"))
    if problems:
        raise InvalidInput(_("The movement cannot be recorded."), problems)
    # The facility's row is the lock: two issues at once must not both take the last beds.
    Facility.objects.select_for_update().only("pk").get(pk=facility.pk)
    lot, _new = Lot.objects.get_or_create(
        facility=facility, item=item, number=lot_number.strip(), expires_on=expires_on
    )
    signed = -quantity if kind == MovementKind.ISSUE else quantity
    level = _level(lot)
    if level + signed < 0:
        words = _("Only %(level)d %(unit)s are there.") % {"level": level, "unit": item.unit}
        raise DomainError("not-enough", words, on_hand=level)
    line = _line(
        lot=lot, kind=kind, quantity=signed, at=at or timezone.now(), reason=reason.strip(), user=user
    )
    after = {
        "item": item.code,
        "lot": lot.number,
        "kind": kind,
        "quantity": signed,
        "on_hand": level + signed,
    }
    audit.record(user=user, act="stock.move", subject=facility, after=after, reason=reason)
    return line


@transaction.atomic
def record_stocktake(
    *, user: Any, facility: Facility, counted_on: datetime.date, counts: dict[int, int]
) -> Stocktake:
    """What was counted, by lot id. Differences from the ledger become corrections."""
    policies.demand(user, "stock.move", facility)
    Facility.objects.select_for_update().only("pk").get(pk=facility.pk)
    lots = {lot.pk: lot for lot in Lot.objects.filter(facility=facility, pk__in=counts)}
    if set(lots) != set(counts) or any(count < 0 for count in counts.values()):
        raise DomainError(
            "bad-count", _("A count names a lot of this facility and is not negative."), status=422
        )
    take = Stocktake.objects.create(facility=facility, counted_on=counted_on, by=user)
    differences = {}
    for pk, lot in lots.items():
        expected = _level(lot)
        StocktakeLine.objects.create(stocktake=take, lot=lot, expected=expected, counted=counts[pk])
        if counts[pk] != expected:
            differences[lot.pk] = counts[pk] - expected
            _line(
                lot=lot, kind=MovementKind.CORRECTION, quantity=counts[pk] - expected, at=timezone.now(),
                reason=_("Stocktake of %(day)s") % {"day": counted_on}, user=user,
            )  # fmt: skip
    audit.record(
        user=user, act="stock.count", subject=facility, after={"lots": len(lots), "differences": differences}
    )
    return take
