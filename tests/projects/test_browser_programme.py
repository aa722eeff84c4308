"""List, board, import, edit and the check against building twice in a real browser: both languages, accessible, on a phone."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest

from core.models import City
from projects.importers import project_list
from projects.models import Project
from projects.services import duplicate_rules, duplicates

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = {"width": 400, "height": 860}


def one_list() -> bytes:
    book = openpyxl.Workbook()
    book.active.append([one.zh for one in project_list.HEADINGS.values()])
    said = {
        "name": "新建应急医疗点", "service": "medical_point", "kind": "新建", "lon": 104.05, "lat": 30.05, "units": 20, "total": 300,
        "site": "二环路", "starts_on": "2027-05",
    }  # fmt: skip
    book.active.append([said.get(name) for name in project_list.HEADINGS])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_of_the_programme_are_accessible_and_fit_a_phone(
    town: City,
    project: Project,
    people: dict[str, Any],
    open_page: Callable[..., Any],
    axe: Callable[..., Any],
    language: str,
) -> None:
    duplicate_rules.load_shipped()
    Project.objects.create(
        city=town, ref="PJ-2", name="近旁的体育馆", kind="build", units=90, cost_fen=10**9, service=project.service, area=project.area,
        point=project.point, created_by=people["lin"], gap_promised=90,
    )  # fmt: skip
    duplicates.check(user=people["lin"], project=project)
    page = open_page(user=people["lin"], language=language)
    page.goto("/projects/import/")
    page.set_input_files(
        "[name=file]", {"name": "list.xlsx", "mimeType": "application/vnd.ms-excel", "buffer": one_list()}
    )
    page.select_option("[name=datum]", "CGCS2000")
    page.click("main form button.main")
    page.wait_for_url("**/projects/import/IM-*/")
    checked = page.url
    addresses = [
        "/projects/", "/projects/board/", f"/projects/{project.ref}/edit/", f"/projects/{project.ref}/duplicates/",
        "/projects/import/", checked, "/rules/duplicates/", "/projects/new/",
    ]  # fmt: skip
    for address in addresses:
        page.goto(address)
        assert axe(page) == [], address
    page.set_viewport_size(PHONE)
    for address in addresses:
        page.goto(address)
        assert page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        ), address
    page.goto(checked)
    page.click("main .page-head button.main")
    page.wait_for_url("**/projects/import/IM-*/")
    assert Project.objects.filter(name="新建应急医疗点", origin="import").count() == 1
