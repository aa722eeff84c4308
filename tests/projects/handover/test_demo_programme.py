"""The demonstration programme is played through the same services as anybody's, and leaves sums, rules and audit whole."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from core.errors import DomainError
from core.services import jobs
from core.services.audit_chain import verify_chain
from core.services.demo import create_demo_accounts
from planning.services import plans
from planning.services.reference import load_reference
from projects.models import Project, SupervisionAlert
from projects.services import (
    alert_rules,
    demo_programme,
    duplicate_rules,
    money,
    routes,
    working_days,
    works_rules,
)
from projects.services.demo_programme import Story


@pytest.fixture
def planned(town: Any, priced: Any, compute: Any, settings: Any) -> Any:
    settings.DEBUG = True
    load_reference()
    working_days.load_calendar(until=timezone.localdate().year + 2)
    for rules in (routes, duplicate_rules, works_rules, alert_rules):
        rules.load_shipped()
    create_demo_accounts(town.city)
    version = plans.suggest_plan(
        user=None, city=town.city, runs=compute(town, ["night"]), budget_fen=160_000, name="方案", time_limit_seconds=5
    )  # fmt: skip
    jobs.perform(version.job.ref)
    version.refresh_from_db()
    assert version.interventions.count() >= 3
    return town.city


def test_projects_of_every_kind_of_story_stand_where_the_story_says(planned: Any) -> None:
    stories = (Story("commissioned", 520), Story("silent", 400), Story("returned", 40))
    made = demo_programme.play(city=planned, stories=stories)
    assert [one.state for one in made] == ["commissioned", "works", "returned"]
    finished, silent, returned = made
    assert finished.commissioning.facility is not None and finished.tranches.filter(release=None).count() == 0
    sums = money.totals(finished)
    assert sums["approved_fen"] == sums["budget_fen"] == sums["released_fen"] == finished.cost_fen
    assert 0 < sums["paid_fen"] < sums["released_fen"]
    assert returned.cases.get().steps.filter(outcome="return").exists()
    assert SupervisionAlert.objects.filter(project=silent, rule__code="silence").exists()
    assert verify_chain().broken is None
    # what is there stays: played again it only takes what has no project yet
    again = demo_programme.play(city=planned, stories=stories)
    assert not {one.pk for one in made} & {one.pk for one in again}
    assert Project.objects.count() == len(made) + len(again)


def test_no_programme_is_played_in_a_real_city(planned: Any) -> None:
    planned.synthetic = False
    with pytest.raises(DomainError) as refused:
        demo_programme.play(city=planned)
    assert refused.value.code == "demo-needs-debug"
