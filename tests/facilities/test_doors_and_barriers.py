"""Minutes at the gate and the barrier-free part of a role: who sets them, what is refused, where they are read."""

from typing import Any

import pytest

from core.errors import InvalidInput
from facilities.models import Capability, Facility, ServiceType
from facilities.services.capabilities import set_capability
from facilities.services.facilities import update_facility


@pytest.fixture
def gym(facility: Any) -> Facility:
    return facility("gym", area_m2=4_000)


def role_of(place: Facility, code: str = "short_fixed_shelter") -> Capability:
    return Capability.objects.get(facility=place, service__code=code)


def test_minutes_are_kept_with_their_history_and_have_a_range(gym: Any, person: Any) -> None:
    sun = person("sun", "steward")
    changed = update_facility(
        user=sun, facility=gym, version=1, fields={"entry_minutes": 2.5, "readiness_minutes": 45}
    )
    assert (changed.entry_minutes, changed.readiness_minutes, changed.version) == (2.5, 45, 2)
    with pytest.raises(InvalidInput) as refused:
        update_facility(
            user=sun, facility=gym, version=2, fields={"entry_minutes": 241, "readiness_minutes": -1}
        )
    assert {problem.column for problem in refused.value.problems} == {"entry_minutes", "readiness_minutes"}
    emptied = update_facility(user=sun, facility=gym, version=2, fields={"entry_minutes": None})
    assert emptied.entry_minutes == 0


def test_the_form_the_record_and_the_exports_tell_the_minutes(gym: Any, person: Any, client: Any) -> None:
    client.force_login(person("sun", "steward"))
    sent = {
        "version": "1", "name": gym.name, "use": "gym", "status": "active", "datum": "WGS-84", "original_x": "104.05",
        "original_y": "30.05", "area_m2": "4000", "entry_minutes": "3", "readiness_minutes": "20",
    }  # fmt: skip
    assert client.post(f"/facilities/{gym.ref}/edit/", sent).status_code == 302
    record = client.get(f"/facilities/{gym.ref}/").content.decode()
    assert "3 min" in record and "20 min" in record
    told = client.get(f"/api/v1/facilities/{gym.ref}/").json()
    assert (told["entry_minutes"], told["readiness_minutes"]) == (3, 20)
    table = b"".join(client.get("/api/v1/facilities/?format=csv").streaming_content).decode()
    assert "entry_minutes" in table.splitlines()[0]
    shapes = b"".join(client.get("/api/v1/facilities/?format=geojson").streaming_content).decode()
    assert '"entry_minutes":3' in shapes.replace(" ", "")


def test_the_barrier_free_part_is_never_more_than_the_role(gym: Any, person: Any) -> None:
    sun, service = person("sun", "steward"), ServiceType.objects.get(code="short_fixed_shelter")
    capacity = role_of(gym).capacity
    set_capability(user=sun, facility=gym, service=service, changes={"barrier_free_capacity": 40})
    assert role_of(gym).barrier_free_capacity == 40 and role_of(gym).capacity == capacity
    for changes in ({"barrier_free_capacity": capacity + 1}, {"capacity": 30}):
        with pytest.raises(InvalidInput) as refused:
            set_capability(user=sun, facility=gym, service=service, changes=changes)
        assert [problem.column for problem in refused.value.problems] == ["barrier_free_capacity"]
    set_capability(
        user=sun, facility=gym, service=service, changes={"capacity": 30, "barrier_free_capacity": 30}
    )
    assert role_of(gym).barrier_free_capacity == 30
    set_capability(user=sun, facility=gym, service=service, changes={"barrier_free_capacity": None})
    assert role_of(gym).barrier_free_capacity is None


def test_a_place_that_shrinks_keeps_no_more_barrier_free_places_than_it_has(gym: Any, person: Any) -> None:
    sun, service = person("sun", "steward"), ServiceType.objects.get(code="short_fixed_shelter")
    set_capability(user=sun, facility=gym, service=service, changes={"barrier_free_capacity": 500})
    update_facility(user=sun, facility=gym, version=1, fields={"area_m2": 400})
    role = role_of(gym)
    assert role.capacity < 500 and role.barrier_free_capacity == role.capacity
    update_facility(user=sun, facility=gym, version=2, fields={"area_m2": None})
    assert role_of(gym).capacity == role_of(gym).barrier_free_capacity == 0


def test_the_role_form_and_the_api_set_the_barrier_free_part(gym: Any, person: Any, client: Any) -> None:
    client.force_login(person("sun", "steward"))
    page = f"/facilities/{gym.ref}/roles/short_fixed_shelter/"
    sent = {"status": "active", "capacity": "300", "barrier_free_capacity": "60", "exclusive": "on"}
    assert client.post(page, sent).status_code == 302
    assert "60 barrier-free" in client.get(f"/facilities/{gym.ref}/").content.decode()
    refused = client.post(page, {**sent, "barrier_free_capacity": "301"})
    assert refused.status_code == 422 and "barrier-free than there are" in refused.content.decode()
    roles = client.get(f"/api/v1/facilities/{gym.ref}/").json()["roles"]
    told = next(role for role in roles if role["service"] == "short_fixed_shelter")
    assert told["barrier_free_capacity"] == 60
