"""The search over everything finds projects by name, reference and investment code, and cases by reference."""

from typing import Any

from core.selectors.search import search
from projects.models import Project
from projects.services import cases


def found(user: Any, city: Any, words: str) -> dict[str, list[str]]:
    return {one.key: [hit.ref for hit in one.hits] for one in search(user=user, city=city, query=words)}


def test_a_project_is_found_by_name_reference_and_investment_code(
    project: Project, people: dict[str, Any], town: Any, approval: Any
) -> None:
    Project.objects.filter(pk=project.pk).update(investment_code="2603-510104-04-01-482917")
    lin = people["lin"]
    for words in ("文轩", project.ref.lower(), "482917"):
        assert found(lin, town, words)["projects"] == [project.ref], words
    case = cases.submit(user=lin, project=project, route=approval)
    assert found(people["wang"], town, case.ref) == {"cases": [case.ref]}


def test_who_may_not_see_a_project_does_not_find_it(
    project: Project, people: dict[str, Any], town: Any
) -> None:
    assert found(people["chen"], town, project.ref) == {}
