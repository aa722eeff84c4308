"""From finished works to the registry: reported, checked, accepted by three people; the next run counts what was accepted."""

from __future__ import annotations

import threading
from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from core.choices import Role
from core.errors import DomainError, Forbidden, InvalidInput
from core.models import AuditEntry, Membership, User
from core.services.audit_chain import verify_chain
from facilities.models import Agreement, Capability, Facility
from inventory.models import ItemType, StockMovement
from planning.models import Run
from projects.models import (
    Commissioning,
    ConversionCheck,
    Finding,
    Inspection,
    OutboxEvent,
    Project,
)
from projects.selectors import handover as read
from projects.services import handover
from tests.projects.handover.steps import TODAY, handed_over, report, tried, triggers_asleep, yes_to_all

pytestmark = pytest.mark.django_db


def served(run: Run) -> dict[str, int]:
    return {name: run.totals[0][name] for name in ("need", "served", "late", "no_room", "out_of_reach")}


# --- each kind, into the registry, and counted by the next run ---------------------------------------------


def test_a_conversion_designates_the_role_with_what_was_built_and_the_next_run_serves_with_it(
    town, crew, in_works, compute
):
    before = compute(town)[0]
    found = handed_over(in_works("convert", units=15, facility=town.places[3]), crew, 12, 20)
    role = town.roles[3]
    role.refresh_from_db()
    assert (role.status, role.capacity, role.capacity_source) == ("active", 12, "declared")
    assert (role.conversion_hours_declared, role.conversion_hours_observed) == (20, 20)
    assert (found.facility, found.capability, found.project.state) == (town.places[3], role, "commissioned")
    after = compute(town)[0]
    # c4: 15 were out of reach, D now gives 12; 3 find no room.
    assert served(before) == {"need": 115, "served": 60, "late": 20, "no_room": 20, "out_of_reach": 15}
    assert served(after) == {"need": 115, "served": 72, "late": 20, "no_room": 23, "out_of_reach": 0}


def test_an_extension_adds_what_was_built_to_what_was_there(town, crew, in_works, compute):
    handed_over(in_works("extend", units=30, facility=town.places[0]), crew, 20)
    town.roles[0].refresh_from_db()
    assert town.roles[0].capacity == pytest.approx(80.9)
    assert served(compute(town)[0])["served"] == 80


def test_stocking_makes_a_late_role_ready_and_its_goods_are_in_the_ledger(town, crew, in_works, compute):
    ItemType.objects.create(code="bed", name="床", name_en="Bed", unit="pieces")
    goods = [{"item": "bed", "quantity": 30, "lot_number": "L1", "expires_on": "2035-01-01"}]
    found = handed_over(in_works("stock", units=30, facility=town.places[1]), crew, 30, 24, goods=goods)
    town.roles[1].refresh_from_db()
    assert (town.roles[1].capacity, town.roles[1].conversion_hours) == (30, 24)
    line = StockMovement.objects.get()
    assert (line.quantity, line.lot.facility, line.lot.number, line.reason) == (
        30,
        town.places[1],
        "L1",
        f"Project {found.project.ref} was accepted.",
    )
    assert served(compute(town)[0])["late"] == 0


def test_an_upgrade_brings_its_new_agreement_and_the_lapsed_place_counts_again(town, crew, in_works, compute):
    paper = {"party": "场馆公司", "valid_from": TODAY.isoformat(), "valid_to": "2040-01-01"}
    handed_over(in_works("upgrade", units=40, facility=town.places[2]), crew, 40, agreements=[paper])
    assert Agreement.objects.filter(facility=town.places[2]).count() == 2
    assert served(compute(town)[0])["out_of_reach"] == 0


def test_building_on_idle_land_enters_a_facility_and_the_land_is_idle_no_more(town, crew, in_works, compute):
    found = handed_over(
        in_works("build", units=25, idle_asset=town.yard),
        crew,
        22,
        use="park",
        name="新馆",
        area_m2="2200",
        barrier_free_units=22,
    )
    made = found.facility
    town.yard.refresh_from_db()
    assert (made.name, made.area_m2, made.point.coords) == ("新馆", 2200, town.yard.point.coords)
    assert (town.yard.status, found.capability.capacity, found.capability.barrier_free_capacity) == (
        "used",
        22,
        22,
    )
    assert found.project.facility is None or found.project.facility == made
    # c2's 30: 22 in the yard, 8 at A; A's other two places stay empty.
    assert served(compute(town)[0])["served"] == 80


def test_an_ended_role_gives_nothing_from_then_on(town, crew, in_works, compute):
    handed_over(in_works("retire", units=60, facility=town.places[0]), crew, 60)
    town.roles[0].refresh_from_db()
    assert (town.roles[0].status, town.roles[0].capacity) == ("retired", 60.9)
    assert served(compute(town)[0])["served"] == 0


def test_a_project_by_hand_without_a_place_enters_a_new_one_or_names_the_one_there_is(town, crew, in_works):
    project = in_works("convert", units=10)
    with pytest.raises(InvalidInput) as refused:
        report(project, crew, 10)
    assert [one.code for one in refused.value.problems] == ["required"]
    found = handed_over(project, crew, 10, facility="FA-90004")
    assert found.facility == town.places[3]
    made = handed_over(in_works("build", units=5), crew, 5, use="hotel")
    assert made.facility.name == "工程" and made.facility.point.x == pytest.approx(town.places[0].point.x)


def test_a_planned_facility_is_in_use_once_it_is_accepted(town, crew, in_works):
    Facility.objects.filter(pk=town.places[3].pk).update(status="planned")
    handed_over(in_works("convert", units=15, facility=town.places[3]), crew, 15)
    town.places[3].refresh_from_db()
    assert town.places[3].status == "active"


@pytest.mark.parametrize(
    ("kind", "number", "units"), [("convert", 3, 15), ("extend", 0, 30), ("stock", 1, 30), ("upgrade", 2, 40)]
)
def test_what_is_accepted_as_planned_scores_like_the_plans_change_set(
    town, crew, in_works, compute, priced, kind, number, units
):
    """The second way: the plan's own change-set on the registry from before."""
    from engine.coverage import score_world
    from planning.bridge.options import RateCard, candidates
    from planning.bridge.world import build_situation
    from planning.services.runs import frozen_of, question_of

    run = compute(town)[0]
    situation = build_situation(frozen_of(run), question_of(run))
    listed, _left = candidates([situation], RateCard.now(), [town.service.code], [kind])
    one = next(row for row in listed if row.key == f"{kind}:c{town.roles[number].pk}")
    assert one.units == units
    planned = score_world(build_situation(frozen_of(run), question_of(run), [one.change(1)]).world, "nearest")
    papers = [{"party": "业主", "valid_from": TODAY.isoformat()}] if kind == "upgrade" else []
    handed_over(
        in_works(kind, units=units, facility=town.places[number]), crew, units, one.hours, agreements=papers
    )
    after = served(compute(town)[0])
    totals = {
        name: int(getattr(planned, name).sum()) for name in ("served", "late", "no_room", "out_of_reach")
    }
    assert {name: after[name] for name in totals} == totals


# --- three people, in order ---------------------------------------------------------------------------------


def test_reporting_checking_and_accepting_are_three_people(town, crew, in_works):
    project = in_works("extend", units=15, facility=town.places[0])
    report(project, crew, 15, user=crew.both)
    with pytest.raises(DomainError) as refused:
        tried(project, crew, 15, user=crew.both)
    assert (refused.value.code, refused.value.status) == ("two-people", 403)
    tried(project, crew, 15, passed=False, note="门打不开", user=crew.tang)
    tried(project, crew, 15)
    with pytest.raises(DomainError) as refused:
        handover.accept(user=crew.both, project=project)
    assert refused.value.code == "two-people"
    for stranger in (crew.chen, crew.lin, crew.wang, crew.wu):
        with pytest.raises(Forbidden):
            handover.accept(user=stranger, project=project)
    handover.accept(user=crew.zhao, project=project)


def test_who_made_an_earlier_check_does_not_accept_either(town, crew, in_works):
    Membership.objects.create(user=crew.zhao, organisation=crew.office, role=Role.REVIEWER, area=town.root)
    zhao = User.objects.get(pk=crew.zhao.pk)
    project = in_works("convert", units=15, facility=town.places[3])
    report(project, crew, 15)
    tried(project, crew, 15, passed=False, note="第一次未过", user=zhao)
    tried(project, crew, 15)
    with pytest.raises(DomainError, match="does not accept"):
        handover.accept(user=zhao, project=project)


def test_only_works_are_handed_over_and_in_this_order(town, crew, in_works):
    draft = Project.objects.create(
        city=town.city, ref="PJ-D", name="草稿", kind="convert", service=town.service, units=1, cost_fen=0, area=town.left, point=town.places[3].point, facility=town.places[3],
    )  # fmt: skip
    with pytest.raises(DomainError) as refused:
        report(draft, crew, 1)
    assert refused.value.code == "not-in-works"
    project = in_works("convert", units=15, facility=town.places[3])
    with pytest.raises(DomainError) as refused:
        tried(project, crew, 15)
    assert refused.value.code == "not-reported"
    with pytest.raises(DomainError) as refused:
        handover.accept(user=crew.zhao, project=project)
    assert refused.value.code == "not-checked"


def test_a_report_tells_everything_that_is_wrong_at_once(town, crew, in_works):
    project = in_works("build", units=25, idle_asset=town.yard)
    with pytest.raises(InvalidInput) as refused:
        handover.report(
            user=crew.sun, project=project, built_units="-3", reported_hours="soon", barrier_free_units=1.5,
            as_built={
                "use": "castle", "facility": "FA-1", "colour": "red", "rooms": "1.5", "agreements": [{"party": "", "valid_from": "2027-01-01", "valid_to": "2026-01-01"}],
                "goods": [{"item": "none", "quantity": "x"}],
            },
        )  # fmt: skip
    columns = {one.column for one in refused.value.problems}
    assert columns >= {
        "built_units", "reported_hours", "barrier_free_units", "use", "facility", "colour", "rooms", "agreements[1].party",
        "agreements[1].valid_to", "goods[1].item", "goods[1].quantity",
    }  # fmt: skip
    assert not Commissioning.objects.exists()


def test_a_failed_check_stays_and_a_new_report_asks_for_a_new_one(town, crew, in_works):
    project = in_works("convert", units=15, facility=town.places[3])
    report(project, crew, 15)
    answers = yes_to_all(project) | {"plan": "no"}
    first = tried(project, crew, 12, 90, answers=answers, passed=False)
    assert [one["code"] for one in first.reasons] == ["too-slow", "too-few", "item"]
    assert read.summary(project).stage == "failed"
    second = tried(project, crew, 15, 24)
    assert (second.number, read.summary(project).stage) == (2, "accept")
    assert tried(project, crew, 15, 24).pk == second.pk  # sent twice
    report(project, crew, 14)
    found = Commissioning.objects.get()
    assert (found.check_passed, found.checked_by, read.summary(project).stage) == (False, None, "check")
    assert [
        (one.number, one.passed, one.reported["built_units"]) for one in found.checks.order_by("number")
    ] == [(1, False, 15), (2, True, 15)]
    with pytest.raises(DomainError) as refused:
        handover.accept(user=crew.zhao, project=project)
    assert refused.value.code == "not-checked"


def test_nobody_passes_what_is_too_slow_too_small_or_missing(town, crew, in_works):
    project = in_works("convert", units=15, facility=town.places[3])
    report(project, crew, 15)
    with pytest.raises(DomainError) as refused:
        tried(project, crew, 15, 72.5)
    assert refused.value.code == "check-not-passed" and "72" in str(refused.value.message)
    with pytest.raises(DomainError):
        tried(project, crew, 14, 24)
    with pytest.raises(DomainError):
        tried(project, crew, 15, 24, answers=yes_to_all(project) | {"capacity": "no"})
    with pytest.raises(InvalidInput) as refused:
        tried(
            project, crew, 15, 24, answers={"capacity": "perhaps", "moon": "yes"}, checked_on=date(2100, 1, 1)
        )
    codes = {one.code for one in refused.value.problems}
    assert codes == {"unknown-item", "not-answered", "future"}
    with pytest.raises(DomainError) as refused:
        tried(project, crew, 15, 24, passed=False)
    assert refused.value.code == "no-reason"
    assert not ConversionCheck.objects.exists()


# --- what keeps a place from being counted -------------------------------------------------------------------


def test_a_lapsed_agreement_is_told_and_accepted_only_with_a_reason(town, crew, in_works):
    project = in_works("upgrade", units=40, facility=town.places[2])
    report(project, crew, 40)
    tried(project, crew, 40)
    assert "lapsed-agreement" in {
        one.code
        for one in read.before_acceptance(project, Commissioning.objects.get())
        if one.supplies_nothing
    }
    with pytest.raises(DomainError) as refused:
        handover.accept(user=crew.zhao, project=project)
    assert (refused.value.code, refused.value.extra["reasons"]) == ("supplies-nothing", ["lapsed-agreement"])
    found = handover.accept(user=crew.zhao, project=project, although="协议本周续签")
    assert found.written["although"] == "协议本周续签"


def test_open_findings_on_safety_and_a_used_asset_block_the_acceptance(town, crew, in_works):
    project = in_works("build", units=25, idle_asset=town.yard)
    report(project, crew, 25, as_built={"use": "park"})
    tried(project, crew, 25)
    visit = Inspection.objects.create(project=project, ref="IN-1", planned_on=TODAY)
    finding = Finding.objects.create(
        inspection=visit, ref="F-1", text="楼梯", severity="safety", due_on=TODAY
    )
    type(town.yard).objects.filter(pk=town.yard.pk).update(status="used")
    with pytest.raises(DomainError) as refused:
        handover.accept(user=crew.zhao, project=project)
    assert refused.value.extra["reasons"] == ["safety-finding", "asset-used"]
    with triggers_asleep():
        Finding.objects.filter(pk=finding.pk).update(state="closed")
    type(town.yard).objects.filter(pk=town.yard.pk).update(status="idle")
    assert handover.accept(user=crew.zhao, project=project).accepted_by == crew.zhao


def test_smaller_and_slower_than_approved_is_told_and_allowed(town, crew, in_works):
    project = in_works("convert", units=15, facility=town.places[3], conversion_hours=10)
    report(project, crew, 9)
    tried(project, crew, 9, 24)
    told = {one.code: one.words for one in read.before_acceptance(project, Commissioning.objects.get())}
    assert "9 units were built, 15 approved" in told["below-approved"] and "slower" in told
    handover.accept(user=crew.zhao, project=project)


# --- trace, twice, at once ------------------------------------------------------------------------------------


def test_the_audit_and_the_events_lead_both_ways_and_hold(town, crew, in_works):
    project = in_works("convert", units=15, facility=town.places[3])
    handed_over(project, crew, 15)
    of_place = AuditEntry.objects.filter(subject_type="facilities.facility", subject_ref=town.places[3].ref)
    assert {"capability.change", "facility.commission"} <= set(of_place.values_list("act", flat=True))
    assert all(project.ref in one.reason for one in of_place)
    of_project = AuditEntry.objects.get(
        subject_type="projects.project", subject_ref=project.ref, act="handover.accept"
    )
    assert of_project.after["facility"] == town.places[3].ref
    assert verify_chain().broken is None
    kinds = sorted(OutboxEvent.objects.values_list("kind", flat=True))
    assert kinds == ["handover.accepted", "handover.checked", "handover.reported"]


def test_a_second_click_changes_nothing_and_another_approver_is_told(town, crew, in_works):
    project = in_works("extend", units=30, facility=town.places[0])
    found = handed_over(project, crew, 30)
    again = handover.accept(user=crew.zhao, project=project)
    assert again.pk == found.pk
    town.roles[0].refresh_from_db()
    assert town.roles[0].capacity == pytest.approx(90.9)
    with pytest.raises(DomainError) as refused:
        handover.accept(user=crew.qian, project=project)
    assert refused.value.code == "handover-accepted"
    with pytest.raises(DomainError) as refused:
        report(project, crew, 31)
    assert refused.value.code == "handover-accepted"


def test_nobody_accepts_a_check_that_was_not_read(town, crew, in_works):
    project = in_works("convert", units=15, facility=town.places[3])
    report(project, crew, 15)
    tried(project, crew, 15, passed=False, note="一次")
    tried(project, crew, 15)
    with pytest.raises(DomainError) as refused:
        handover.accept(user=crew.zhao, project=project, check_number=1)
    assert refused.value.code == "handover-changed"
    assert handover.accept(user=crew.zhao, project=project, check_number=2).accepted_at is not None


@pytest.mark.django_db(transaction=True)
def test_of_two_approvers_at_once_one_writes_the_registry_and_the_other_is_told(town, crew, in_works):
    project = in_works("extend", units=30, facility=town.places[0])
    report(project, crew, 30)
    tried(project, crew, 30)
    gate, said = threading.Barrier(2), []

    def accept(user: User) -> None:
        try:
            gate.wait()
            handover.accept(user=User.objects.get(pk=user.pk), project=Project.objects.get(pk=project.pk))
            said.append("accepted")
        except DomainError as refused:
            said.append(refused.code)
        finally:
            connection.close()

    hands = [threading.Thread(target=accept, args=(user,)) for user in (crew.zhao, crew.qian)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert sorted(said) == ["accepted", "handover-accepted"]
    assert Capability.objects.get(pk=town.roles[0].pk).capacity == pytest.approx(90.9)


def test_when_the_registry_refuses_nothing_of_the_acceptance_stays(town, crew, in_works, monkeypatch):
    project = in_works("build", units=25, idle_asset=town.yard)
    report(project, crew, 25, as_built={"use": "park"})
    tried(project, crew, 25)

    def broken(**_: Any) -> None:
        raise DomainError("broken", "no")

    monkeypatch.setattr(handover, "mark_used", broken)
    with pytest.raises(DomainError, match="no"):
        handover.accept(user=crew.zhao, project=project)
    project.refresh_from_db()
    assert (project.state, Facility.objects.count(), Commissioning.objects.get().accepted_by) == (
        "works",
        4,
        None,
    )


# --- what the database refuses ---------------------------------------------------------------------------------


def refused_by_database(statement: str, *values: Any) -> str:
    with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
    return str(refused.value)


def test_raw_statements_do_not_go_round_the_three_people(town, crew, in_works):
    project = in_works("convert", units=15, facility=town.places[3])
    found = report(project, crew, 15)
    change = "update projects_commissioning set {} where id = %s"
    assert "commissioning_checked_by_another" in refused_by_database(
        change.format("checked_by_id = handed_by_id"), found.pk
    )
    assert "once_passed" in refused_by_database(
        change.format("accepted_by_id = %s, accepted_at = now()"), crew.zhao.pk, found.pk
    )
    insert = (
        "insert into projects_conversioncheck (commissioning_id, number, reported, checklist, checked_on, tried_units, tried_hours, items, passed, reasons, note, checked_by_id, recorded_at)"
        " values (%s, 9, '{}', '', current_date, 15, 1, '[]', true, '[]', '', %s, now())"
    )
    assert "does not check" in refused_by_database(insert, found.pk, crew.sun.pk)
    made = tried(project, crew, 15)
    assert refused_by_database("update projects_conversioncheck set passed = false where id = %s", made.pk)
    assert refused_by_database("delete from projects_conversioncheck where id = %s", made.pk)
    assert "accepted_by_another" in refused_by_database(
        change.format("accepted_by_id = handed_by_id, accepted_at = now()"), found.pk
    )
    assert "two_people" in refused_by_database(
        change.format("accepted_by_id = checked_by_id, accepted_at = now()"), found.pk
    )
    assert refused_by_database("update projects_project set state = 'commissioned' where id = %s", project.pk)
    handover.accept(user=crew.zhao, project=project)
    for what in ("built_units = 99", "accepted_by_id = null", "facility_id = null"):
        assert "stays" in refused_by_database(change.format(what), found.pk)
    assert "stays" in refused_by_database("delete from projects_commissioning where id = %s", found.pk)
    assert "not checked again" in refused_by_database(insert, found.pk, crew.wang.pk)


def test_what_waits_for_whom(town, crew, in_works):
    project = in_works("convert", units=15, facility=town.places[3])

    def kinds() -> dict[str, list[str]]:
        people = {
            "sun": crew.sun,
            "wang": crew.wang,
            "zhao": crew.zhao,
            "wu": crew.wu,
            "chen": crew.chen,
            "both": crew.both,
        }
        found = {
            name: [row["kind"] for row in read.waiting_for(User.objects.get(pk=user.pk), town.city)]
            for name, user in people.items()
        }
        return {name: rows for name, rows in found.items() if rows}

    assert kinds() == {}
    report(project, crew, 15)
    assert kinds() == {"wang": ["handover-check"], "both": ["handover-check"]}
    tried(project, crew, 15, passed=False, note="未过")
    assert kinds() == {"sun": ["handover"]}
    tried(project, crew, 15, user=crew.tang)
    assert kinds() == {"zhao": ["handover-accept"], "wu": ["handover-accept"], "both": ["handover-accept"]}
    handover.accept(user=crew.zhao, project=project)
    assert kinds() == {}
    assert timezone.now() >= Commissioning.objects.get().accepted_at
