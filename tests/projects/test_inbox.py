"""The inbox: who may do what, in few statements however much there is; its counts equal what each filter shows."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.gis.geos import Point
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from core.models import Area
from facilities.models import ServiceType
from projects.choices import StepState
from projects.models import Case, Deputy, Project, Step
from projects.selectors import officers
from projects.selectors.inbox import inbox
from projects.services import cases, routes

pytestmark = pytest.mark.django_db


@pytest.fixture
def programme(town: Any, people: dict[str, Any]) -> list[Case]:
    """Six cases in different states: three routes, two areas, some late, one already recommended."""
    made = []
    for number in range(6):
        area = Area.objects.get(code="510104" if number % 2 else "510100")
        project = Project.objects.create(
            city=town, ref=f"PJ-{number}", name=f"P{number}", kind="convert", units=10, cost_fen=0, area=area,
            service=ServiceType.objects.get(code="short_fixed_shelter"), point=Point(104.05, 30.05, srid=4326),
            created_by=people["lin"], investment_code=f"2603-510104-04-01-00000{number}", duplicate_reason="another quarter",
        )  # fmt: skip
        code = ("approval", "verification", "filing")[number % 3]
        made.append(cases.submit(user=people["lin"], project=project, route=routes.current(code=code)))
    filing = made[2]
    cases.act(
        user=people["reform"], step=filing.steps.get(task__code="recommend"), outcome="approve", reason="fine"
    )
    today = timezone.localdate()
    Step.objects.filter(case=made[0], state=StepState.OPEN).update(due_on=today - timedelta(days=3))
    Step.objects.filter(case=made[3], state=StepState.OPEN).update(due_on=today + timedelta(days=30))
    return made


def by_rule(user: Any) -> list[tuple[int, int | None]]:
    """The second way: the rule of one step, asked step by step."""
    found = []
    for step in Step.objects.filter(state=StepState.OPEN).order_by("due_on", "id"):
        stand = officers.standing(user, step)
        if stand.may:
            found.append((step.pk, stand.principal.pk if stand.principal else None))
    return found


def test_one_statement_finds_the_same_steps_as_the_rule_asked_of_each(programme, people, person):
    today = timezone.localdate()
    person("officer.reform", "approver")
    person("village", "reviewer", area="510104")
    person("sun.li")
    gone = person("gone", "reviewer")
    gone.memberships.update(valid_to=today - timedelta(days=1))
    for principal, deputy in (
        ("zhao", "sun.li"),
        ("wang", "sun.li"),
        ("zhao", "officer.reform"),
        ("zhao", "lin.wei"),
    ):
        Deputy.objects.create(
            principal=people[principal], deputy=get_user_model().objects.get(username=deputy),
            valid_from=today, valid_to=today,
        )  # fmt: skip
    some = 0
    for user in get_user_model().objects.all():
        found = [
            (step.pk, stand.principal.pk if stand.principal else None)
            for step, stand in officers.open_steps_for(user)
        ]
        assert found == by_rule(user), user.username
        assert officers.count_open_steps(user) == len(found)
        some += len(found)
    assert some > 20
    # Deciding what one recommended is nobody's, deputy or not.
    decided = programme[2].steps.get(task__code="decide").pk
    assert decided not in [step.pk for step, _stand in officers.open_steps_for(people["reform"])]
    assert decided in [step.pk for step, _stand in officers.open_steps_for(people["zhao"])]


def test_the_number_of_statements_does_not_grow_with_the_programme(programme, people, town):
    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            found = inbox(people["wang"], town)
        assert found.total == len(found.rows)
        return len(seen)

    first, waiting = statements(), inbox(people["wang"], town).total
    for number in range(10, 16):
        area = Area.objects.get(code="510104")
        project = Project.objects.create(
            city=town, ref=f"PJ-{number}", name=f"P{number}", kind="convert", units=10, cost_fen=0, area=area,
            service=ServiceType.objects.get(code="short_fixed_shelter"), point=Point(104.05, 30.05, srid=4326),
            created_by=people["lin"], duplicate_reason="another quarter",
        )  # fmt: skip
        cases.submit(user=people["lin"], project=project, route=routes.current(code="approval"))
    assert inbox(people["wang"], town).total >= waiting + 6
    assert statements() <= first


def test_each_count_equals_what_its_filter_shows_alone_and_with_the_others(programme, people, town):
    whole = inbox(people["wang"], town)
    assert whole.total == 2 and whole.overdue == 1
    for key, facets in (("kind", whole.kinds), ("due", whole.dues), ("area", whole.areas)):
        for one in facets:
            shown = inbox(people["wang"], town, {key: one.value})
            assert len(shown.rows) == one.count, (key, one.value)
            for other, choices in (("kind", shown.kinds), ("due", shown.dues), ("area", shown.areas)):
                for two in choices:
                    narrowed = inbox(people["wang"], town, {key: one.value, other: two.value})
                    assert len(narrowed.rows) == two.count, (key, one.value, other, two.value)
    assert inbox(people["wang"], town, {"kind": "no-such"}).rows == []
    assert inbox(people["wang"], town, {"due": "whenever"}).total == whole.total


def test_page_api_and_command_say_the_same(programme, people, capsys):
    client = Client()
    client.force_login(people["wang"])
    page = client.get(reverse("inbox"), {"due": "overdue"})
    shown = [row.case_ref for row in page.context["page"].object_list]
    api = APIClient()
    api.force_authenticate(people["wang"])
    said = api.get("/api/v1/inbox/", {"due": "overdue"}).json()
    assert [row["case"] for row in said["results"]] == shown == [programme[0].ref]
    assert said["overdue"] == said["count"] == 1
    assert said["results"][0]["overdue_days"] == 3
    call_command("project", "inbox", "--as", "wang.jun", "--due", "overdue", "--json")
    assert json.loads(capsys.readouterr().out) == said
    assert f'<b class="waits">{officers.count_open_steps(people["wang"])}<' in page.content.decode()


def test_a_returned_case_and_a_condition_come_to_whom_they_concern(programme, people, town):
    filing = programme[2]
    cases.act(
        user=people["zhao"], step=filing.steps.get(task__code="decide"), outcome="conditions", reason="yes",
        conditions=[("a second water source", timezone.localdate() - timedelta(days=2))],
    )  # fmt: skip
    mine = inbox(people["zhao"], town, {"kind": "condition"}).rows
    assert [(row.title, row.overdue_days) for row in mine] == [("a second water source", 2)]
    assert [row.kind for row in inbox(people["lin"], town).rows] == ["condition-due"]
    back = programme[5]
    cases.act(
        user=people["reform"], step=back.steps.get(task__code="recommend"), outcome="approve", reason="fine"
    )
    cases.act(
        user=people["zhao"], step=back.steps.get(task__code="decide"), outcome="return", reason="no", items=["exits"]
    )  # fmt: skip
    assert {row.kind for row in inbox(people["lin"], town).rows} == {"condition-due", "returned"}


def test_a_deputy_sees_the_case_of_the_one_represented(programme, people, person):
    """A deputy from another quarter would otherwise be asked to decide on what the page does not show."""
    today = timezone.localdate()
    sun = person("sun.li")
    client = Client()
    client.force_login(sun)
    address = reverse("case_step", args=[programme[2].ref, "decide"])
    assert client.get(address).status_code == 404
    Deputy.objects.create(principal=people["zhao"], deputy=sun, valid_from=today, valid_to=today)
    page = client.get(address)
    assert page.status_code == 200 and "deputy of zhao.min" in page.content.decode()
