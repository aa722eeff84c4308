"""Adding, changing, proposing: who may, what is refused, what is kept."""

from typing import Any

import pytest

from core.errors import DomainError, Forbidden, InvalidInput
from core.models import AuditEntry
from facilities.choices import ProposalState
from facilities.errors import ChangedMeanwhile
from facilities.models import Capability, Facility
from facilities.services.facilities import close_facility, create_facility, update_facility
from facilities.services.proposals import decide_proposal, propose_change

GYM = {
    "name": "新馆",
    "use": "gym",
    "area_m2": 1_000,
    "original_x": 104.05,
    "original_y": 30.05,
    "datum": "WGS-84",
}


def columns(error: Any) -> set[str]:
    return {problem.column for problem in error.value.problems}


def test_a_new_facility_finds_its_district_gets_its_roles_and_is_on_the_record(
    town: Any, person: Any
) -> None:
    made = create_facility(user=person("sun", "steward"), city=town, fields=GYM)
    assert made.area.code == "5101" and made.ref.startswith("FA-")
    assert set(Capability.objects.filter(facility=made).values_list("service__code", flat=True)) == {
        "short_fixed_shelter", "emergency_shelter", "medical_point",
    }  # fmt: skip
    entry = AuditEntry.objects.get(act="facility.add", subject_ref=made.ref)
    assert entry.after["name"] == "新馆"


def test_a_shifted_position_is_converted_and_kept_as_it_was_declared(town: Any, person: Any) -> None:
    made = create_facility(user=person("sun", "steward"), city=town, fields={**GYM, "datum": "gcj02"})
    assert (made.original_x, made.original_y, made.datum) == (104.05, 30.05, "GCJ-02")
    assert 0.001 < abs(made.point.x - 104.05) < 0.01


def test_a_place_just_beside_the_border_belongs_to_the_nearest_district_and_a_far_one_to_none(
    town: Any, person: Any
) -> None:
    sun = person("sun", "steward")
    beside = create_facility(user=sun, city=town, fields={**GYM, "original_x": 103.998})
    far = create_facility(user=sun, city=town, fields={**GYM, "original_x": 103.9})
    assert beside.area.code == "5101" and far.area is None


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"datum": ""}, "datum"),
        ({"datum": "my own"}, "datum"),
        ({"original_x": 30.05, "original_y": 104.05}, "original_x"),
        ({"original_x": 10.0, "original_y": 10.0}, "original_x"),
        ({"original_x": float("nan")}, "original_x"),
        ({"name": "  "}, "name"),
        ({"use": "castle"}, "use"),
        ({"area_m2": -1}, "area_m2"),
        ({"rooms": 1.5}, "rooms"),
        (
            {
                "footprint": {
                    "type": "Polygon",
                    "coordinates": [[[104, 30], [104.1, 30.1], [104.1, 30], [104, 30.1], [104, 30]]],
                }
            },
            "footprint",
        ),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_input_is_refused_with_the_field_it_is_in(
    town: Any, person: Any, change: Any, column: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        create_facility(user=person("sun", "steward"), city=town, fields={**GYM, **change})
    assert column in columns(refused)
    assert not Facility.objects.exists()


def test_several_problems_are_said_at_once(town: Any, person: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        create_facility(
            user=person("sun", "steward"), city=town, fields={**GYM, "name": "", "use": "x", "beds": -2}
        )
    assert columns(refused) == {"name", "use", "beds"}


def test_a_steward_of_one_district_cannot_add_or_move_anything_into_another(
    town: Any, person: Any, district: Any, facility: Any
) -> None:
    west = person("west", "steward", area=district)
    with pytest.raises(Forbidden):
        create_facility(user=west, city=town, fields={**GYM, "original_x": 104.15})
    mine = facility("gym", area_m2=900)
    with pytest.raises(Forbidden):
        update_facility(
            user=west,
            facility=mine,
            version=1,
            fields={"original_x": 104.15, "original_y": 30.05, "datum": "WGS-84"},
        )
    mine.refresh_from_db()
    assert mine.original_x == 104.05


def test_the_second_of_two_editors_is_told_what_the_first_changed(facility: Any, person: Any) -> None:
    gym, sun, xu = facility("gym", area_m2=900), person("sun", "steward"), person("xu", "steward")
    update_facility(user=sun, facility=gym, version=1, fields={"owner": "体育局"})
    with pytest.raises(ChangedMeanwhile) as refused:
        update_facility(user=xu, facility=gym, version=1, fields={"operator": "公司"})
    assert refused.value.version == 2
    assert [(row["field"], row["base"], row["theirs"], row["who"]) for row in refused.value.changes] == [
        ("owner", "", "体育局", "Sun")
    ]
    gym.refresh_from_db()
    assert gym.operator == ""


def test_saving_without_a_change_writes_nothing(facility: Any, person: Any) -> None:
    gym = facility("gym", area_m2=900)
    update_facility(user=person("sun", "steward"), facility=gym, version=1, fields={"area_m2": 900})
    gym.refresh_from_db()
    assert gym.version == 1 and not AuditEntry.objects.exists()


def test_closing_needs_a_reason_and_stays_on_record(facility: Any, person: Any) -> None:
    gym, sun = facility("gym", area_m2=900), person("sun", "steward")
    with pytest.raises(DomainError):
        close_facility(user=sun, facility=gym, version=1, reason=" ")
    assert close_facility(user=sun, facility=gym, version=1, reason="拆除").status == "closed"
    assert AuditEntry.objects.get(act="facility.close").reason == "拆除"


def test_a_proposal_keeps_only_what_differs_and_changes_nothing_until_accepted(
    facility: Any, person: Any
) -> None:
    gym, lin, sun = (
        facility("gym", area_m2=900, owner="甲"),
        person("lin", "planner"),
        person("sun", "steward"),
    )
    proposal = propose_change(
        user=lin, facility=gym, version=1, fields={"owner": "乙", "area_m2": 900}, reason="变更"
    )
    assert proposal.changes == {"owner": "乙"}
    with pytest.raises(Forbidden):
        decide_proposal(user=lin, proposal=proposal, accept=True)
    decide_proposal(user=sun, proposal=proposal, accept=True)
    gym.refresh_from_db()
    assert (gym.owner, gym.version) == ("乙", 2)
    with pytest.raises(DomainError):
        decide_proposal(user=sun, proposal=proposal, accept=False, answer="no")


def test_rejecting_owes_an_answer(facility: Any, person: Any) -> None:
    gym, lin, sun = facility("gym", area_m2=900), person("lin", "planner"), person("sun", "steward")
    proposal = propose_change(user=lin, facility=gym, version=1, fields={"rooms": 3}, reason="变更")
    with pytest.raises(DomainError):
        decide_proposal(user=sun, proposal=proposal, accept=False)
    assert (
        decide_proposal(user=sun, proposal=proposal, accept=False, answer="没有房间").state
        == ProposalState.REJECTED
    )
    with pytest.raises(DomainError):
        propose_change(user=lin, facility=gym, version=1, fields={"rooms": None}, reason="变更")
