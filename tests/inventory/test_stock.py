"""The stock ledger: lines are added, levels derived, nothing below zero."""

import datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from core.errors import DomainError, Forbidden, InvalidInput
from inventory.models import ItemType, Lot, StockMovement
from inventory.selectors.stock import levels_for
from inventory.services.stock import record_movement, record_stocktake


@pytest.fixture
def beds(db: None) -> ItemType:
    return ItemType.objects.create(code="bed", name="折叠床", name_en="Folding beds", unit="件", per_place=1)


@pytest.fixture
def sun(person: Any, town: Any) -> Any:
    return person("sun", "steward")


def on_hand(user: Any) -> dict[str, int]:
    return {row["facility__ref"]: row["on_hand"] for row in levels_for(user)}


def test_the_level_is_the_sum_of_the_lines(facility: Any, beds: Any, sun: Any) -> None:
    gym = facility("gym", area_m2=900)
    record_movement(user=sun, facility=gym, item=beds, kind="receipt", quantity=100)
    record_movement(
        user=sun,
        facility=gym,
        item=beds,
        kind="receipt",
        quantity=20,
        lot_number="B",
        expires_on=datetime.date(2030, 1, 1),
    )
    record_movement(user=sun, facility=gym, item=beds, kind="issue", quantity=30)
    record_movement(user=sun, facility=gym, item=beds, kind="correction", quantity=-5, reason="坏")
    assert on_hand(sun) == {gym.ref: 85}
    assert levels_for(sun)[0]["next_expiry"] == datetime.date(2030, 1, 1)


def test_no_more_leaves_than_is_there(facility: Any, beds: Any, sun: Any) -> None:
    gym = facility("gym", area_m2=900)
    record_movement(user=sun, facility=gym, item=beds, kind="receipt", quantity=10)
    with pytest.raises(DomainError) as refused:
        record_movement(user=sun, facility=gym, item=beds, kind="issue", quantity=11)
    assert refused.value.code == "not-enough" and on_hand(sun) == {gym.ref: 10}


@pytest.mark.parametrize(
    ("kind", "quantity", "column"),
    [("receipt", 0, "quantity"), ("issue", -3, "quantity"), ("correction", 2, "reason"), ("gift", 2, "kind")],
)
def test_a_line_that_makes_no_sense_is_refused(
    facility: Any, beds: Any, sun: Any, kind: str, quantity: int, column: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        record_movement(
            user=sun, facility=facility("gym", area_m2=900), item=beds, kind=kind, quantity=quantity
        )
    assert [problem.column for problem in refused.value.problems] == [column]


def test_the_database_refuses_to_rewrite_the_ledger(facility: Any, beds: Any, sun: Any) -> None:
    line = record_movement(
        user=sun, facility=facility("gym", area_m2=900), item=beds, kind="receipt", quantity=5
    )
    for attempt in (lambda: StockMovement.objects.filter(pk=line.pk).update(quantity=9), line.delete):
        with pytest.raises(IntegrityError), transaction.atomic():
            attempt()


def test_a_stocktake_becomes_corrections(facility: Any, beds: Any, sun: Any) -> None:
    gym = facility("gym", area_m2=900)
    record_movement(user=sun, facility=gym, item=beds, kind="receipt", quantity=10)
    lot = Lot.objects.get()
    record_stocktake(user=sun, facility=gym, counted_on=datetime.date(2026, 11, 2), counts={lot.pk: 8})
    assert on_hand(sun) == {gym.ref: 8}
    assert StockMovement.objects.filter(kind="correction").get().quantity == -2


def test_stock_of_another_district_is_neither_seen_nor_moved(
    api: Any, client: Any, person: Any, district: Any, facility: Any, beds: Any, sun: Any
) -> None:
    west, east = facility("gym", area_m2=900), facility("gym", area_m2=900, lon=104.15, name="东馆")
    for one in (west, east):
        record_movement(user=sun, facility=one, item=beds, kind="receipt", quantity=10)
    chen = person("chen", "steward", area=district)
    assert on_hand(chen) == {west.ref: 10}
    program = api(chen)
    assert program.get("/api/v1/stock-levels/").json()["count"] == 1
    assert program.get("/api/v1/stock-movements/").json()["count"] == 1
    body = {"facility": east.ref, "item": "bed", "kind": "issue", "quantity": 1}
    assert program.post("/api/v1/stock-movements/", body, format="json").status_code == 404
    assert (
        program.post("/api/v1/stock-movements/", {**body, "facility": west.ref}, format="json").status_code
        == 201
    )
    with pytest.raises(Forbidden):
        record_movement(user=chen, facility=east, item=beds, kind="issue", quantity=1)
    client.force_login(chen)
    assert "东馆" not in client.get("/inventory/stock/").content.decode()


def test_the_record_of_a_facility_shows_its_stock_against_what_its_shelter_needs(
    client: Any, facility: Any, beds: Any, sun: Any
) -> None:
    gym = facility("gym", area_m2=1_000)  # 325 places
    record_movement(user=sun, facility=gym, item=beds, kind="receipt", quantity=130)
    client.force_login(sun)
    page = client.get(f"/facilities/{gym.ref}/")
    stats = {stat["label"]: stat for stat in page.context["stats"]}
    assert stats["Stock on hand"]["value"] == "40"
    assert "Folding beds" in page.content.decode()


def test_the_page_records_a_movement_and_says_when_there_is_not_enough(
    client: Any, facility: Any, beds: Any, sun: Any
) -> None:
    gym = facility("gym", area_m2=900)
    client.force_login(sun)
    body = {"facility": gym.ref, "item": "bed", "kind": "receipt", "quantity": "5"}
    assert client.post("/inventory/stock/move/", body).status_code == 302
    refused = client.post("/inventory/stock/move/", {**body, "kind": "issue", "quantity": "6"})
    assert refused.status_code == 422 and "Only 5" in refused.content.decode()
