"""The first page tells of what waits among projects, as the inbox does."""

from typing import Any

from django.test import Client

from planning.selectors.home import tasks
from projects.models import Project, Step
from projects.services import cases


def test_an_open_task_waits_on_the_first_page_of_whose_it_is(
    project: Project, people: dict[str, Any], town: Any, approval: Any, client: Client
) -> None:
    case = cases.submit(user=people["lin"], project=project, route=approval)
    assert [task.href for task in tasks(user=people["wang"], city=town)] == [
        f"/cases/{case.ref}/steps/completeness/"
    ]
    assert tasks(user=people["chen"], city=town) == []
    Step.objects.filter(case=case, state="open").update(due_on="2026-01-05")
    late = tasks(user=people["wang"], city=town)[0]
    assert late.tone == "bad" and "overdue" in late.tag
    client.force_login(people["wang"])
    page = client.get("/").content.decode()
    assert f"/cases/{case.ref}/steps/completeness/" in page and "overdue" in page
