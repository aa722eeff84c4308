"""A frozen version never changes: the database refuses raw SQL too, and its hash tells what was frozen."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from core.errors import DomainError
from core.models import AuditEntry
from planning.models import (
    Intervention,
    InterventionMoney,
    PlanComment,
    PlanExplanation,
    PlanVersion,
)
from planning.services.plan_comments import add_comment
from planning.services.plan_freeze import content_sha256, freeze_version
from tests.planning.test_plans import suggested


@pytest.fixture
def frozen(priced: SimpleNamespace, compute: Any, person: Any) -> PlanVersion:
    version = suggested(priced, compute(priced), 70_000)
    first = version.interventions.first()
    InterventionMoney.objects.create(intervention=first, year=2027, source="local", amount_fen=first.cost_fen)
    return freeze_version(user=person("lin", "planner"), version=version)


def refused(sql: str, params: list[Any]) -> str:
    """What the database says to raw SQL, at once or when the transaction ends."""
    with pytest.raises(IntegrityError) as told, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        assert cursor.rowcount == 1, "the statement met no row"
        cursor.execute("set constraints all immediate")
    return str(told.value)


def done(*statements: tuple[str, list[Any]]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for sql, params in statements:
            cursor.execute(sql, params)
        cursor.execute("set constraints all immediate")


def test_who_froze_it_when_and_what_is_kept_and_audited(frozen: PlanVersion) -> None:
    assert frozen.state == "frozen" and frozen.frozen_by.username == "lin" and frozen.frozen_at is not None
    assert len(frozen.content_sha256) == 64 and frozen.content_sha256 == content_sha256(frozen)
    entry = AuditEntry.objects.get(act="plan.freeze")
    assert entry.after["content_sha256"] == frozen.content_sha256 and entry.user == frozen.frozen_by
    with pytest.raises(DomainError):
        freeze_version(user=None, version=frozen)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("value", 1.0), ("budget_fen", 10**9), ("cost_fen", 1), ("state", "draft"), ("number", 99), ("facts", "{}"), ("content_sha256", "x"),
        ("question", '{"target": 1}'), ("frozen_at", None), ("status", "optimal?"), ("weights", '{"a": 2}'),
    ],
)  # fmt: skip
def test_raw_sql_changes_nothing_of_a_frozen_version(frozen: PlanVersion, column: str, value: Any) -> None:
    said = refused(f"update planning_planversion set {column} = %s where id = %s", [value, frozen.pk])
    assert "is frozen" in said


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("planning_intervention", "cost_fen", 1), ("planning_intervention", "units", 1), ("planning_intervention", "year", 2030),
        ("planning_interventionmoney", "amount_fen", 1), ("planning_interventionmoney", "source", "private"),
    ],
)  # fmt: skip
def test_raw_sql_changes_no_part_of_a_frozen_version(
    frozen: PlanVersion, table: str, column: str, value: Any
) -> None:
    row = (Intervention if table == "planning_intervention" else InterventionMoney).objects.first()
    assert "keeps its" in refused(f"update {table} set {column} = %s where id = %s", [value, row.pk])


def test_raw_sql_takes_nothing_from_a_frozen_version(frozen: PlanVersion) -> None:
    pk = frozen.pk
    one = frozen.interventions.last()
    for sql, params in (
        (
            "delete from planning_interventionmoney where intervention_id = %s",
            [frozen.interventions.first().pk],
        ),
        ("delete from planning_planversion_baseline_runs where planversion_id = %s", [pk]),
    ):
        assert "keeps its" in refused(sql, params)
    with (
        pytest.raises(IntegrityError, match="keeps its"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("delete from planning_facilityresult where intervention_id = %s", [one.pk])
        cursor.execute("delete from planning_interventionmoney where intervention_id = %s", [one.pk])
        cursor.execute("delete from planning_intervention where id = %s", [one.pk])
        cursor.execute("set constraints all immediate")
    assert Intervention.objects.filter(version=pk).count() == 3


def test_raw_sql_adds_nothing_to_a_frozen_version(frozen: PlanVersion, town: SimpleNamespace) -> None:
    one = frozen.interventions.last()
    said = refused(
        "insert into planning_interventionmoney (intervention_id, year, source, amount_fen) values (%s, 2028, 'local', 5)",
        [one.pk],
    )
    assert "keeps its" in said
    one.pk, one.order = None, 77
    with pytest.raises(IntegrityError, match="keeps its"), transaction.atomic():
        one.save()
    with pytest.raises(IntegrityError, match="keeps its"), transaction.atomic():
        frozen.services.add(town.service)


def test_a_frozen_version_and_its_plan_cannot_be_deleted_while_their_city_stands(frozen: PlanVersion) -> None:
    pk = frozen.pk
    for record in (PlanVersion.objects.get(pk=pk), frozen.plan):
        with pytest.raises(IntegrityError, match="goes only with its city"), transaction.atomic():
            record.delete()
            with connection.cursor() as cursor:
                cursor.execute("set constraints all immediate")
    assert PlanVersion.objects.filter(pk=pk).exists()


@pytest.mark.parametrize("first", ["children", "city"])
def test_a_whole_city_can_still_be_removed_with_its_frozen_versions(frozen: PlanVersion, first: str) -> None:
    """In whatever order the rows go within one transaction. Only the city's own row and its plans are removed here; what
    else hangs on a city is no part of the promise."""
    city, plan, version = frozen.plan.city_id, frozen.plan_id, frozen.pk
    one = [("delete from core_city where id = %s", [city])]
    rest = [
        ("delete from planning_interventionmoney", []),
        ("delete from planning_facilityresult", []),
        ("delete from planning_intervention where version_id = %s", [version]),
        ("delete from planning_planversion_baseline_runs where planversion_id = %s", [version]),
        ("delete from planning_planversion where id = %s", [version]),
        ("delete from planning_plan where id = %s", [plan]),
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        for sql, params in one + rest if first == "city" else rest + one:
            cursor.execute(sql, params)
        # the promises of this migration, not the foreign keys of everything else in the city
        cursor.execute("set constraints frozen_version_left, frozen_part_left immediate")
        assert not PlanVersion.objects.filter(pk=version).exists()
        transaction.set_rollback(True)


def test_comments_and_explanations_stay_possible(frozen: PlanVersion) -> None:
    add_comment(user=None, version=frozen, text="Later, too", order=1)
    PlanExplanation.objects.create(version=frozen, chosen=[], rejected=[])
    PlanExplanation.objects.filter(version=frozen).update(rejected=[{"key": "build:o1"}])
    assert PlanComment.objects.filter(version=frozen).count() == 1
    assert content_sha256(frozen) == frozen.content_sha256


def test_what_people_and_jobs_leave_behind_may_become_nothing(frozen: PlanVersion) -> None:
    who = frozen.frozen_by
    done(("update planning_planversion set frozen_by_id = null, job_id = null where id = %s", [frozen.pk]))
    frozen.refresh_from_db()
    assert frozen.frozen_by is None and frozen.job is None
    assert "is frozen" in refused(
        "update planning_planversion set frozen_by_id = %s where id = %s", [who.pk, frozen.pk]
    )


def test_drafts_change_as_before_and_their_hash_with_them(priced: SimpleNamespace, compute: Any) -> None:
    version = suggested(priced, compute(priced), 70_000)
    before = content_sha256(version)
    one = version.interventions.first()
    Intervention.objects.filter(pk=one.pk).update(year=2027)
    assert content_sha256(version) != before
    InterventionMoney.objects.create(intervention=one, year=2027, source="local", amount_fen=5)
    with_money = content_sha256(version)
    Intervention.objects.filter(pk=one.pk).update(year=None)
    InterventionMoney.objects.all().delete()
    assert content_sha256(version) == before != with_money
    version.delete()
    assert not PlanVersion.objects.filter(pk=version.pk).exists()
