"""The pages of standards: read by everybody, edited as drafts, decided by two, in both languages."""

import json
from io import BytesIO, StringIO

import openpyxl
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from planning.models import MinimumNeed, Standard, StandardProfile
from planning.services import standard_rows, standards
from planning.services.reference import load_reference
from tests.planning.town import SERVICE, publish

LANGUAGES = ["en", "zh-hans"]


@pytest.fixture
def nation(town):
    StandardProfile.objects.filter(pk=town.profile.pk).update(family="worked")
    town.profile.standards.update(conversion_source="worked example", conversion_certainty="D")
    publish(town.profile)
    return town.profile


@pytest.fixture
def city(town, nation):
    """A draft that asks for 1.25 places, with water of its own."""
    made = standards.draft_profile(
        user=None, name="市标准", name_en="City rules", parent=nation, reason="local plan"
    )
    standard_rows.add_standard(
        user=None, profile=made, service=town.service, values={"ratio": 1.25, "reason": "=more room"}
    )
    standard_rows.add_need(
        user=None, profile=made,
        values={
            "code": "water", "name": "水", "name_en": "Water", "unit": "升", "unit_en": "L", "basis": "person_day", "amount": 20.0,
            "source": "city plan", "certainty": "B", "reason": "hot",
        },
    )  # fmt: skip
    return made


@pytest.fixture
def browse(person):
    def make(who="lin", role="planner", area=None, language="en"):
        client = Client()
        client.force_login(person(who, role, area))
        client.cookies["django_language"] = language
        return client

    return make


def text_of(answer):
    return answer.content.decode()


def typed(form):
    """What a browser would send back of a form as it is shown."""
    said = {}
    for name in form.fields:
        value = form[name].value()
        said[name] = "" if value is None else value
    return said


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_of_standards_opens_in_both_languages(town, nation, city, compute, browse, language):
    run = compute(town)[0]
    client = browse(language=language)
    row, need = Standard.objects.get(profile=city), MinimumNeed.objects.get(profile=city)
    for address in (
        "/standards/", "/standards/new/", "/standards/import/", "/standards/worked/", "/standards/city-rules/",
        "/standards/city-rules/deviations/", "/standards/worked/deviations/", "/standards/city-rules/what-if/",
        "/standards/city-rules/minimum-needs/?people=100&days=7&with=worked", f"/standards/city-rules/minimum-needs/?run={run.ref}",
        "/standards/city-rules/edit/", "/standards/city-rules/rows/new/", f"/standards/city-rules/rows/new/?service={SERVICE}&phase=d1_3",
        f"/standards/city-rules/rows/{row.pk}/", "/standards/city-rules/minimum-needs/new/", f"/standards/city-rules/minimum-needs/{need.pk}/",
        "/standards/city-rules/file/", "/help/standards/", f"/runs/{run.ref}/",
    ):  # fmt: skip
        answer = client.get(address)
        assert answer.status_code == 200, address
        if not address.endswith("file/"):
            assert f'<html lang="{language}"' in text_of(answer), address
    wang = browse("wang", "reviewer", language=language)
    for address in ("/standards/city-rules/publish/", "/standards/worked/retire/"):
        assert wang.get(address).status_code == 200, address


def test_a_row_is_edited_as_people_say_it_and_unchanged_numbers_stay(town, city, browse):
    client, row = browse(), Standard.objects.get(profile=city)
    address = f"/standards/city-rules/rows/{row.pk}/"
    shown = client.get(address).context["form"]
    answer = client.post(address, typed(shown) | {"amount": "25", "per_people": "10"})
    assert answer.status_code == 302
    row.refresh_from_db()
    assert (row.ratio, row.per_people, row.reach_limit) == (2.5, 10, 500)
    before = row.ratio_text_en
    shown = client.get(address).context["form"]
    client.post(address, typed(shown) | {"reason": "even more room"})
    row.refresh_from_db()
    assert (row.ratio, row.reason, row.ratio_text_en) == (2.5, "even more room", before)


def test_what_is_wrong_with_a_row_stands_beside_its_field(town, city, browse):
    client, row = browse(), Standard.objects.get(profile=city)
    address = f"/standards/city-rules/rows/{row.pk}/"
    shown = client.get(address).context["form"]
    answer = client.post(
        address, typed(shown) | {"amount": "0", "ratio_source": "", "reason": "", "amount_high": "0.5"}
    )
    assert answer.status_code == 422
    assert {"ratio_source"} <= set(answer.context["form"].errors)
    answer = client.post(address, typed(shown) | {"amount": "0", "reason": "", "amount_high": "0.5"})
    assert answer.status_code == 422 and {"amount", "reason"} <= set(answer.context["form"].errors)
    row.refresh_from_db()
    assert row.ratio == 1.25


def test_a_row_somebody_else_changed_is_not_overwritten_by_the_page(town, city, browse):
    client, row = browse(), Standard.objects.get(profile=city)
    address = f"/standards/city-rules/rows/{row.pk}/"
    stale = typed(client.get(address).context["form"])
    standard_rows.change_standard(user=None, row=row, revision=None, changes={"ratio": 3.0})
    answer = client.post(address, stale | {"amount": "9"})
    assert answer.status_code == 412
    row.refresh_from_db()
    assert row.ratio == 3.0


def test_a_new_row_takes_everything_that_was_typed(town, city, browse):
    client = browse()
    answer = client.post(
        "/standards/city-rules/rows/new/",
        {
            "service": SERVICE, "phase": "d15_plus", "driver": "displaced", "amount": "5", "per_people": "10", "ratio_source": "city plan",
            "ratio_certainty": "D", "reach_limit": "700", "reach_unit": "m", "mode": "walk", "reach_source": "city plan",
            "reach_certainty": "D", "weight": "1", "reason": "later",
        },
    )  # fmt: skip
    assert answer.status_code == 302
    row = Standard.objects.get(profile=city, phase="d15_plus")
    assert (row.ratio, row.reach_limit, row.weight) == (0.5, 700, 1)


def test_a_district_s_editor_shows_ratios_only(town, nation, browse):
    west = standards.draft_profile(
        user=None,
        name="西",
        code="west",
        level="district",
        parent=nation,
        area=town.left,
        reason="old houses",
    )
    client = browse("chen", "planner", town.left)
    address = f"/standards/west/rows/new/?service={SERVICE}&phase="
    shown = client.get(address).context["form"]
    assert "reach_limit" not in shown.fields and "amount" in shown.fields
    assert client.post(address, typed(shown) | {"amount": "2", "reason": "old houses"}).status_code == 302
    assert Standard.objects.get(profile=west).ratio == 2.0


def test_a_draft_goes_from_the_page_of_a_published_profile_to_force(town, nation, browse):
    lin, wang = browse(), browse("wang", "reviewer")
    assert lin.post("/standards/worked/next-version/").status_code == 302
    draft = StandardProfile.objects.get(code="worked-2")
    assert lin.get("/standards/worked-2/publish/").status_code == 403
    shown = wang.get("/standards/worked-2/publish/")
    assert "It becomes the default" in text_of(shown)
    stale = wang.post("/standards/worked-2/publish/", {"revision": "5"})
    assert stale.status_code == 412
    done = wang.post("/standards/worked-2/publish/", {"revision": str(shown.context["revision"])})
    assert done.status_code == 302
    draft.refresh_from_db()
    assert draft.status == "published" and draft.is_default
    assert wang.post("/standards/worked-2/retire/", {}).status_code == 409


def test_deviations_are_exported_as_csv_and_xlsx(town, city, browse):
    client = browse()
    page = text_of(client.get("/standards/city-rules/deviations/"))
    assert "differs from Worked example in 2 numbers" in page and "+0.25" in page and "=more room" in page
    lines = (
        client.get("/standards/city-rules/deviations/?format=csv").content.decode("utf-8-sig").splitlines()
    )
    assert len(lines) == 3 and "'=more room" in lines[1]
    book = openpyxl.load_workbook(
        BytesIO(client.get("/standards/city-rules/deviations/?format=xlsx").content)
    )
    rows = list(book.active.iter_rows(values_only=True))
    assert rows[4][3] == 1.25 and rows[4][5] == 1 and rows[4][7] == 0.25 and rows[4][9] == "=more room"


def test_minimum_needs_of_a_run_are_shown_by_district(town, nation, compute, browse):
    load_reference()
    run = compute(town)[0]
    page = browse().get(f"/standards/cn-default/minimum-needs/?run={run.ref}&days=10&with=sphere-2018")
    assert page.status_code == 200 and page.context["people"] == 115
    text = text_of(page)
    assert "What 115 sheltered people need in 10 days" in text and "People displaced in the run" in text
    assert [(one.area.code, one.people) for one in page.context["sheltered"].areas] == [
        ("T1", 80),
        ("T2", 35),
    ]
    assert page.context["differing"] == 3
    wrong = browse("ada", "viewer").get("/standards/cn-default/minimum-needs/?people=0")
    assert wrong.status_code == 422


def test_a_wrong_file_is_refused_with_every_reason(town, nation, browse):
    from django.core.files.uploadedfile import SimpleUploadedFile

    client = browse()
    bad = SimpleUploadedFile("a.toml", b'[profile]\ncode="z"\nname="z"\n[[standard]]\nservice="nope"\n')
    answer = client.post("/standards/import/", {"file": bad})
    assert answer.status_code == 422 and "[[standard]] 1" in text_of(answer)
    good = SimpleUploadedFile("a.toml", client.get("/standards/worked/file/").content)
    assert client.post("/standards/import/", {"file": good}).status_code == 302
    assert StandardProfile.objects.filter(code="worked-2", status="draft").exists()


def test_who_may_not_edit_sees_no_editor(town, nation, city, browse):
    vera = browse("vera", "viewer")
    page = text_of(vera.get("/standards/city-rules/"))
    assert "Add a standard" not in page and "Set otherwise" not in page
    for address in (
        "/standards/new/",
        "/standards/city-rules/edit/",
        "/standards/city-rules/rows/new/",
        "/standards/city-rules/publish/",
    ):
        assert vera.get(address).status_code == 403, address
    assert vera.get("/standards/no-such/").status_code == 404


def test_the_command_lists_shows_compares_and_carries(town, nation, city, tmp_path):
    def told(*words):
        out = StringIO()
        call_command("standards", *words, "--json", stdout=out)
        return json.loads(out.getvalue())

    assert {row["code"]: row["deviations"] for row in told("--list")} == {"worked": 0, "city-rules": 2}
    assert told("--show", "city-rules")["standards"][0]["ratio"] == 1.25
    assert len(told("--deviations", "city-rules")["deviations"]) == 2
    path = tmp_path / "city.toml"
    path.write_text(told("--export", "city-rules")["toml"], encoding="utf-8")
    with pytest.raises(CommandError, match="draft already"):
        told("--import", str(path))
    assert told("--publish", "city-rules")["status"] == "published"
    assert told("--import", str(path))["code"] == "city-rules-2"
    with pytest.raises(CommandError):
        told("--retire", "worked")
    for words in (
        ("--list",),
        ("--show", "city-rules"),
        ("--deviations", "city-rules"),
        ("--export", "city-rules"),
    ):
        out = StringIO()
        call_command("standards", *words, stdout=out)
        assert "city-rules" in out.getvalue() or "short_fixed_shelter" in out.getvalue()
