"""Roles: derived by rule, declared by hand, and how ready they are."""

import datetime
from typing import Any

import pytest

from core.errors import Forbidden, InvalidInput
from facilities.choices import CapabilityStatus, Readiness
from facilities.models import Agreement, Capability, Certificate, ServiceType
from facilities.selectors.capacity import capacity_table
from facilities.selectors.readiness import capabilities_now
from facilities.selectors.supply import supply_columns, supply_rows
from facilities.services.capabilities import derive_capabilities, set_capability
from facilities.services.facilities import update_facility

TODAY = datetime.date(2026, 11, 20)


def role(place: Any, service: str) -> Capability:
    return Capability.objects.get(facility=place, service__code=service)


def readiness(place: Any, service: str) -> str:
    return capabilities_now(TODAY).get(facility=place, service__code=service).readiness


def test_capacity_follows_the_rule_of_the_peacetime_use(facility: Any) -> None:
    park = facility("park", area_m2=10_000)
    hotel = facility("hotel", rooms=101)
    assert role(park, "short_fixed_shelter").capacity == pytest.approx(3_000)
    assert role(park, "emergency_shelter").capacity == pytest.approx(6_000)
    assert role(hotel, "short_fixed_shelter").capacity == pytest.approx(141.4)
    assert role(hotel, "isolation_lodging").capacity == pytest.approx(101)


def test_a_place_whose_size_is_unknown_gets_no_role(facility: Any) -> None:
    assert not Capability.objects.filter(facility=facility("park")).exists()


def test_deriving_twice_changes_nothing(facility: Any, town: Any) -> None:
    facility("gym", area_m2=2_000)
    assert derive_capabilities(city=town) == {"added": 0, "changed": 0, "retired": 0}


def test_a_declared_capacity_survives_the_rule_and_can_be_handed_back(
    facility: Any, town: Any, person: Any
) -> None:
    gym, sun = facility("gym", area_m2=2_000), person("sun", "steward")
    shelter = ServiceType.objects.get(code="short_fixed_shelter")
    set_capability(user=sun, facility=gym, service=shelter, changes={"capacity": 500.0})
    derive_capabilities(city=town)
    assert role(gym, "short_fixed_shelter").capacity == 500
    set_capability(user=sun, facility=gym, service=shelter, changes={"capacity_source": "rule"})
    assert role(gym, "short_fixed_shelter").capacity == pytest.approx(650)


def test_a_role_without_ground_is_retired_and_comes_back_with_it(facility: Any, person: Any) -> None:
    gym, sun = facility("gym", area_m2=2_000), person("sun", "steward")
    changed = update_facility(user=sun, facility=gym, version=1, fields={"area_m2": None})
    assert role(gym, "medical_point").status == CapabilityStatus.RETIRED
    assert role(gym, "medical_point").capacity == 0
    update_facility(user=sun, facility=changed, version=2, fields={"area_m2": 4_000})
    assert role(gym, "medical_point").status == CapabilityStatus.POSSIBLE
    assert role(gym, "medical_point").capacity == pytest.approx(325)


def test_a_changed_size_adds_no_role_that_was_left_out_but_another_use_does(
    facility: Any, person: Any
) -> None:
    gym, sun = facility("gym", area_m2=2_000), person("sun", "steward")
    Capability.objects.filter(facility=gym).exclude(service__code="short_fixed_shelter").delete()
    changed = update_facility(user=sun, facility=gym, version=1, fields={"area_m2": 4_000})
    assert [role.capacity for role in Capability.objects.filter(facility=gym)] == pytest.approx([1_300])
    update_facility(user=sun, facility=changed, version=2, fields={"use": "school"})
    assert set(Capability.objects.filter(facility=gym).values_list("service__code", flat=True)) == {
        "short_fixed_shelter", "emergency_shelter",
    }  # fmt: skip


def test_readiness_says_what_a_drill_showed(facility: Any) -> None:
    gym = facility("gym", area_m2=2_000)
    assert readiness(gym, "short_fixed_shelter") == Readiness.UNTRIED
    Capability.objects.filter(facility=gym).update(conversion_hours_declared=24, conversion_hours_observed=24)
    assert readiness(gym, "short_fixed_shelter") == Readiness.PROVEN
    Capability.objects.filter(facility=gym).update(conversion_hours_observed=25)
    assert readiness(gym, "short_fixed_shelter") == Readiness.SLOWER


def test_readiness_lapses_only_when_every_agreement_or_every_certificate_has_ended(facility: Any) -> None:
    gym = facility("gym", area_m2=2_000)
    past, future = datetime.date(2026, 1, 1), datetime.date(2027, 1, 1)
    Agreement.objects.create(facility=gym, valid_to=past)
    assert readiness(gym, "short_fixed_shelter") == Readiness.LAPSED
    Agreement.objects.create(facility=gym, valid_to=future)
    assert readiness(gym, "short_fixed_shelter") == Readiness.UNTRIED
    Certificate.objects.create(facility=gym, kind="fire", valid_to=past)
    assert readiness(gym, "short_fixed_shelter") == Readiness.LAPSED


def test_supply_tells_every_role_with_the_reason_it_may_give_nothing(facility: Any, town: Any) -> None:
    gym, hotel = facility("gym", area_m2=2_000), facility("hotel", rooms=50, lon=104.15)
    Agreement.objects.create(facility=hotel, valid_to=datetime.date(2026, 1, 1))
    Capability.objects.filter(facility=gym).update(conversion_hours_observed=9)
    Capability.objects.filter(facility=gym, service__code="medical_point").update(status="retired")
    rows = supply_rows(town, TODAY)
    assert [(row.facility_ref, row.service) for row in rows] == [
        (gym.ref, "short_fixed_shelter"), (gym.ref, "emergency_shelter"),
        (hotel.ref, "isolation_lodging"), (hotel.ref, "short_fixed_shelter"),
    ]  # fmt: skip
    assert rows[0].hours == 9 and rows[2].hours == 48
    assert [row.lapsed_agreement for row in rows] == [False, False, True, True]
    assert rows[3].area_path == "51/5102/" and (rows[3].lon, rows[3].lat) == (104.15, 30.05)
    columns = supply_columns(rows)
    assert columns["capacity"].tolist() == pytest.approx([650, 1_300, 50, 70])
    assert columns["cost_fen"].tolist() == [-1, -1, -1, -1]


def test_supply_is_one_statement_however_many_places(
    facility: Any, town: Any, django_assert_num_queries: Any
) -> None:
    for _number in range(5):
        facility("park", area_m2=900)
    with django_assert_num_queries(1):
        assert len(supply_rows(town, TODAY)) == 10


def test_the_capacity_table_adds_up_by_service_and_use_without_rounding(facility: Any, town: Any) -> None:
    facility("hotel", rooms=101)
    facility("hotel", rooms=2)
    facility("park", area_m2=999, status="closed")
    table = {(row["service"], row["use"]): row for row in capacity_table(town)}
    assert set(table) == {("short_fixed_shelter", "hotel"), ("isolation_lodging", "hotel")}
    assert table["short_fixed_shelter", "hotel"]["capacity"] == pytest.approx(144.2)
    assert table["short_fixed_shelter", "hotel"]["unit"] == "places"
    assert table["short_fixed_shelter", "hotel"]["places"] == 2


def test_a_role_is_changed_only_by_who_may_and_only_to_what_makes_sense(
    facility: Any, person: Any, district: Any
) -> None:
    gym = facility("gym", area_m2=2_000, lon=104.15)
    shelter = ServiceType.objects.get(code="short_fixed_shelter")
    with pytest.raises(Forbidden):
        set_capability(
            user=person("west", "steward", area=district), facility=gym, service=shelter, changes={"rank": 2}
        )
    with pytest.raises(InvalidInput) as refused:
        set_capability(
            user=person("sun", "steward"),
            facility=gym,
            service=shelter,
            changes={"capacity": -1.0, "hazards": ["meteor"], "colour": 1},
        )
    assert {problem.column for problem in refused.value.problems} == {"capacity", "hazards", "colour"}
