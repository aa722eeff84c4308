"""Draws of inspections: worked by hand, drawn again by others, frozen before the seed is known."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import time
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from core.errors import DomainError, Forbidden
from core.models import AuditEntry
from projects.models import Inspection, InspectionDraw, Project, WorksRule
from projects.selectors import draws as drawn
from projects.selectors.works_rules import limits_of, shipped
from projects.services import draws, works, works_rules
from tests.projects.site_pictures import approved_on

pytestmark = pytest.mark.django_db
EXAMPLE = {"PJ-A": 0.8252, "PJ-B": 0.8131, "PJ-C": 0.9183}
FACTS = {
    "cost_fen": 24_600_000_00, "alerts_open": 2, "findings_overdue": 1, "paid_percent": 60.0, "seen_percent": 35.0, "days_unseen": 75,
}  # fmt: skip


# --- the method ------------------------------------------------------------------------------------


def test_the_example_of_the_page_of_the_method():
    """docs/algorithms/inspection-draw.md: three projects, weights 1, 2 and 5, two drawn with the seed "03 07 12"."""
    digest = hashlib.sha256(b"03 07 12|PJ-A").hexdigest()
    assert draws.uniform("03 07 12", "PJ-A") == (int(digest[:13], 16) + 0.5) / 4503599627370496
    weighted = [("PJ-A", 1.0), ("PJ-B", 2.0), ("PJ-C", 5.0)]
    keys = {ref: draws.uniform("03 07 12", ref) ** (1 / weight) for ref, weight in weighted}
    assert {ref: round(key, 4) for ref, key in keys.items()} == EXAMPLE
    assert draws.draw_refs("03 07 12", weighted, 2) == ["PJ-C", "PJ-A"]


def test_the_weight_is_worked_by_hand():
    """1 + 1 x 2 alerts + 1 x 1 overdue + 0.1 x 25 points + 0.5 x 75/30 months + 1 x log10(24.6) = 9.1409."""
    limits = limits_of(shipped())
    assert draws.weight_of(FACTS, limits) == pytest.approx(
        1 + 2 + 1 + 2.5 + 1.25 + math.log10(24.6), abs=5e-5
    )
    most = FACTS | {
        "alerts_open": 99,
        "findings_overdue": 99,
        "paid_percent": 100,
        "seen_percent": 0,
        "days_unseen": 9999,
    }
    assert draws.weight_of(most | {"cost_fen": 10**15}, limits) == 1 + 5 + 5 + 3 + 3 + 3
    least = {
        "cost_fen": 0,
        "alerts_open": 0,
        "findings_overdue": 0,
        "paid_percent": 0,
        "seen_percent": 90,
        "days_unseen": 0,
    }
    assert draws.weight_of(least, limits) == 1


def exact_inclusion(weights: list[float], count: int) -> list[float]:
    """Chance of each to be among `count` drawn one after the other in proportion to weight, by every order there is."""
    chances = [0.0] * len(weights)
    for order in itertools.permutations(range(len(weights)), count):
        chance, left = 1.0, sum(weights)
        for one in order:
            chance *= weights[one] / left
            left -= weights[one]
        for one in order:
            chances[one] += chance
    return chances


def test_over_many_seeds_each_is_drawn_as_often_as_drawing_one_after_the_other_would():
    weights, count, seeds = [1.0, 2.0, 3.0, 5.0, 8.0, 1.5], 3, 6000
    weighted = [(f"PJ-{n}", weight) for n, weight in enumerate(weights)]
    often = dict.fromkeys([ref for ref, _weight in weighted], 0)
    urn = [0] * len(weights)
    random = Random(11)
    for seed in range(seeds):
        for ref in draws.draw_refs(f"lottery {seed}", weighted, count):
            often[ref] += 1
        left = list(range(len(weights)))  # a second way: an urn, one ball after the other
        for _ in range(count):
            one = random.choices(left, [weights[n] for n in left])[0]
            left.remove(one)
            urn[one] += 1
    for n, chance in enumerate(exact_inclusion(weights, count)):
        spread = 4 * math.sqrt(chance * (1 - chance) / seeds)
        assert often[f"PJ-{n}"] / seeds == pytest.approx(chance, abs=spread)
        assert urn[n] / seeds == pytest.approx(chance, abs=spread)


def test_the_database_draws_the_same_in_its_own_way():
    random = Random(3)
    for seed in range(60):
        weighted = [
            (f"PJ-2026-{n:04d}", round(random.uniform(0.01, 20), 4)) for n in range(random.randint(1, 40))
        ]
        count = random.randint(1, len(weighted))
        listed = [{"ref": ref, "weight": weight} for ref, weight in weighted]
        with connection.cursor() as cursor:
            cursor.execute(
                "select projects_draw(%s, %s::jsonb, %s)", [f"期 {seed}", json.dumps(listed), count]
            )
            found = cursor.fetchone()[0]
        assert (found if isinstance(found, list) else json.loads(found)) == draws.draw_refs(
            f"期 {seed}", weighted, count
        )


def test_the_order_of_the_list_changes_nothing():
    weighted = [(f"PJ-{n}", 1.0 + n) for n in range(12)]
    turned = list(reversed(weighted))
    assert draws.draw_refs("x", weighted, 5) == draws.draw_refs("x", turned, 5)


# --- announced, drawn, kept ------------------------------------------------------------------------


@pytest.fixture
def auditor(person: Any) -> Any:
    return person("gao.feng", "auditor")


@pytest.fixture
def city_in_works(project: Project, people: dict[str, Any]) -> Project:
    approved = approved_on(datetime(2026, 8, 3, 2, tzinfo=UTC), project, people)
    return works.start(user=people["lin"], project=approved, started_on=date(2026, 8, 12), reason="自行施工")


def announced(user: Any, project: Project, seconds: float = 1.0) -> InspectionDraw:
    return draws.announce(
        user=user, city=project.city, count=1, seed_source="双色球第 2026136 期",
        seed_expected_at=timezone.now() + timedelta(seconds=seconds),
    )  # fmt: skip


def test_a_draw_is_announced_first_and_drawn_once_with_what_comes_later(city_in_works, auditor, people):
    with pytest.raises(Forbidden):
        announced(people["lin"], city_in_works)
    with pytest.raises(DomainError) as refused:
        announced(auditor, city_in_works, seconds=-1)
    assert refused.value.code == "seed-known"
    draw = announced(auditor, city_in_works)
    assert [one["ref"] for one in draw.weights] == ["PJ-1"]
    assert hashlib.sha256(drawn.list_text(draw).encode()).hexdigest() == draw.list_sha256
    with pytest.raises(DomainError) as refused:
        announced(auditor, city_in_works)
    assert refused.value.code == "draw-announced"
    with pytest.raises(DomainError) as refused:
        draws.draw(user=auditor, draw=draw, seed="01 02")
    assert refused.value.code == "seed-early"
    time.sleep(1.1)
    draws.draw(user=auditor, draw=draw, seed=" 01  02 ")
    assert (draw.seed, draw.chosen) == ("01 02", ["PJ-1"])
    made = Inspection.objects.get(drawn=draw)
    assert made.project == city_in_works
    assert draws.check(draw).same
    with pytest.raises(DomainError) as refused:
        draws.draw(user=auditor, draw=draw, seed="09 09")
    assert refused.value.code == "draw-over"
    assert set(AuditEntry.objects.filter(act__startswith="inspection.").values_list("act", flat=True)) == {
        "inspection.announce", "inspection.draw", "inspection.plan",
    }  # fmt: skip


def test_nobody_draws_again_or_changes_what_was_announced(city_in_works, auditor):
    draw = announced(auditor, city_in_works)
    rows = InspectionDraw.objects.filter(pk=draw.pk)
    said = {"seed": "x", "drawn_by": auditor, "drawn_at": timezone.now()}
    for change in (
        lambda: rows.update(weights=[{"ref": "PJ-1", "weight": 9}]),
        lambda: rows.update(seed_source="another"),
        lambda: rows.update(count=2),
        lambda: rows.update(**said, chosen=["PJ-1"]),  # before the event took place
        lambda: rows.delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    time.sleep(1.1)
    with pytest.raises(DatabaseError, match="not what the seed makes"), transaction.atomic():
        rows.update(**said, chosen=["PJ-7"])
    draws.draw(user=auditor, draw=draw, seed="x")
    for change in (lambda: rows.update(seed="y"), lambda: rows.update(chosen=[]), lambda: rows.delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_a_draw_whose_event_failed_stays_with_its_reason_and_another_is_announced(city_in_works, auditor):
    draw = announced(auditor, city_in_works, seconds=3600)
    with pytest.raises(DomainError) as refused:
        draws.void(user=auditor, draw=draw, reason="")
    assert refused.value.code == "no-reason"
    draws.void(user=auditor, draw=draw, reason="开奖取消")
    with pytest.raises(DomainError) as refused:
        draws.draw(user=auditor, draw=draw, seed="x")
    assert refused.value.code in ("draw-over", "seed-early")
    announced(auditor, city_in_works, seconds=3600)
    assert InspectionDraw.objects.count() == 2


def test_whoever_announced_a_draw_does_not_call_it_off_once_the_outcome_may_be_known(
    city_in_works, auditor, people
):
    draw = announced(auditor, city_in_works)
    time.sleep(1.1)
    with pytest.raises(Forbidden) as refused:
        draws.void(user=auditor, draw=draw, reason="不合意")
    assert refused.value.code == "two-people"
    with pytest.raises(DatabaseError, match="somebody else"), transaction.atomic():
        InspectionDraw.objects.filter(pk=draw.pk).update(
            voided_at=timezone.now(), voided_by=auditor, void_reason="不合意"
        )
    draws.void(user=people["zhao"], draw=draw, reason="开奖取消")
    assert InspectionDraw.objects.get().voided_by == people["zhao"]


def test_the_command_announces_draws_and_checks(city_in_works, auditor, capsys):
    known = (timezone.now() + timedelta(seconds=1)).isoformat()
    call_command(
        "draw_inspections",
        announce=1,
        city="town",
        event="双色球",
        known_from=known,
        who="gao.feng",
        json=True,
    )
    said = json.loads(capsys.readouterr().out)
    time.sleep(1.1)
    call_command("draw_inspections", draw=said["draw"], seed="07 08", who="gao.feng", json=True)
    assert json.loads(capsys.readouterr().out)["chosen"] == ["PJ-1"]
    call_command("draw_inspections", check=said["draw"], json=True)
    assert json.loads(capsys.readouterr().out)["same"] is True
    with pytest.raises(CommandError, match="no draw"):
        call_command("draw_inspections", check="D-1900-0001")
    with connection.cursor() as cursor:  # somebody with the keys of the database
        cursor.execute("set constraints all immediate")
        cursor.execute("alter table projects_inspectiondraw disable trigger draw_moves")
        cursor.execute("update projects_inspectiondraw set seed = 'other', chosen = '[\"PJ-9\"]'")
        cursor.execute("alter table projects_inspectiondraw enable trigger draw_moves")
    with pytest.raises(CommandError, match="not what the seed makes"):
        call_command("draw_inspections", check=said["draw"], json=True)


# --- limits ----------------------------------------------------------------------------------------


def test_limits_are_drafted_by_one_published_by_another_and_never_change(people, person):
    drafter, zhao = person("tang.lei", "admin"), people["zhao"]
    with pytest.raises(DomainError) as refused:
        works_rules.draft(
            user=drafter, values={"photo_distance_m": "far"}, source="", certainty="Z", reason=""
        )
    assert len(refused.value.problems) == 4
    rule = works_rules.draft(
        user=drafter,
        values={"photo_distance_m": "300"},
        source="本市办法",
        certainty="B",
        reason="城区工地小",
    )
    assert works_rules.current().photo_distance_m == 500
    with pytest.raises(DomainError):
        works_rules.publish(user=drafter, rule=rule)
    works_rules.publish(user=zhao, rule=rule)
    assert works_rules.current().photo_distance_m == 300
    assert [(one.version, one.state) for one in WorksRule.objects.order_by("version")] == [
        (1, "retired"),
        (2, "published"),
    ]
    with pytest.raises(DatabaseError), transaction.atomic():
        WorksRule.objects.update(values={})
