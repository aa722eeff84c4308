"""Standards over the API: drafted, changed against what was seen, published by somebody else, compared, carried."""

import pytest
from rest_framework.test import APIClient

from core.services import jobs
from planning.models import Standard, StandardProfile
from tests.planning.town import SERVICE, publish

CHANGE = {"ratio": 1.25, "ratio_source": "city plan", "reason": "more room"}


@pytest.fixture
def nation(town):
    StandardProfile.objects.filter(pk=town.profile.pk).update(family="worked")
    town.profile.standards.update(conversion_source="worked example", conversion_certainty="D")
    publish(town.profile)
    return town.profile


@pytest.fixture
def program(person):
    def make(*who):
        client = APIClient()
        client.force_authenticate(person(*who))
        return client

    return make


def test_a_profile_is_drafted_changed_and_published_by_somebody_else(town, nation, program):
    lin, wang = program("lin", "planner"), program("wang", "reviewer")
    made = lin.post(
        "/api/v1/standard-profiles/",
        {
            "name": "市",
            "name_en": "City rules",
            "parent": "worked",
            "city": "town",
            "area": "T",
            "reason": "local plan",
        },
        format="json",
    )
    assert (made.status_code, made["Location"]) == (201, "/api/v1/standard-profiles/city-rules/")
    row = lin.post(
        "/api/v1/standards/", {"profile": "city-rules", "service": SERVICE, **CHANGE}, format="json"
    )
    assert (row.status_code, row.json()["ratio"], row.json()["reach_limit"], row.json()["changed_by"]) == (
        201,
        1.25,
        500,
        "lin",
    )
    address = f"/api/v1/standards/{row.json()['id']}/"
    again = lin.patch(address, {"ratio": 1.5}, format="json", HTTP_IF_MATCH=row["ETag"])
    assert (again.status_code, again.json()["ratio"]) == (200, 1.5)
    assert (
        lin.patch(address, {"ratio": 9}, format="json", HTTP_IF_MATCH=row["ETag"]).json()["code"]
        == "changed-meanwhile"
    )
    assert lin.patch(address, {"ratio": 9}, format="json").status_code == 428
    need = lin.post(
        "/api/v1/minimum-needs/",
        {"profile": "city-rules", "code": "water", "name": "水", "name_en": "Water", "unit": "升", "unit_en": "L", "basis": "person_day", "amount": 20, "source": "city plan", "certainty": "B", "reason": "hot"},
        format="json",
    )  # fmt: skip
    assert need.status_code == 201
    profile = wang.get("/api/v1/standard-profiles/city-rules/")
    assert profile["ETag"] != made["ETag"]
    publish_at = "/api/v1/standard-profiles/city-rules/publish/"
    assert wang.post(publish_at, {}, format="json", HTTP_IF_MATCH=made["ETag"]).status_code == 412
    assert lin.post(publish_at, {}, format="json", HTTP_IF_MATCH=profile["ETag"]).status_code == 403
    done = wang.post(publish_at, {"make_default": True}, format="json", HTTP_IF_MATCH=profile["ETag"])
    assert (done.json()["status"], done.json()["is_default"], done.json()["reviewed_by"]) == (
        "published",
        True,
        "wang",
    )
    found = lin.get("/api/v1/standard-profiles/city-rules/deviations/").json()
    assert [(one["parameter"], one["own"], one["above"], one["reviewed_by"]) for one in found] == [
        ("ratio", 1.5, 1.0, "wang"), ("amount", 20, None, "wang"),
    ]  # fmt: skip
    assert [one["profile"] for one in lin.get("/api/v1/standard-profiles/city-rules/effective/").json()] == [
        "city-rules"
    ]


def test_published_standards_answer_409_and_everything_wrong_at_once(town, nation, program):
    lin = program("lin", "planner")
    row = Standard.objects.get()
    seen = lin.get(f"/api/v1/standards/{row.pk}/")["ETag"]
    for answer in (
        lin.patch(f"/api/v1/standards/{row.pk}/", {"ratio": 2}, format="json", HTTP_IF_MATCH=seen),
        lin.delete(f"/api/v1/standards/{row.pk}/", HTTP_IF_MATCH="*"),
        lin.patch("/api/v1/standard-profiles/worked/", {"name": "x"}, format="json", HTTP_IF_MATCH="*"),
        lin.delete("/api/v1/standard-profiles/worked/", HTTP_IF_MATCH="*"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "profile-published")
    made = lin.post("/api/v1/standard-profiles/worked/next-version/", {}, format="json")
    assert (made.status_code, made.json()["code"], made["Location"]) == (
        201,
        "worked-2",
        "/api/v1/standard-profiles/worked-2/",
    )
    mine = made.json()["standards"][0]
    bad = lin.patch(
        f"/api/v1/standards/{mine['id']}/",
        {"ratio": 0, "reach_limit": -3, "ratio_source": " "},
        format="json",
        HTTP_IF_MATCH="*",
    )
    assert bad.status_code == 422
    assert {one["column"] for one in bad.json()["problems"]} == {"ratio", "reach_limit", "ratio_source"}


def test_what_a_draft_would_change_is_started_and_then_read(town, nation, program):
    lin = program("lin", "planner")
    made = lin.post("/api/v1/standard-profiles/worked/next-version/", {}, format="json").json()
    lin.patch(
        f"/api/v1/standards/{made['standards'][0]['id']}/", {"ratio": 2}, format="json", HTTP_IF_MATCH="*"
    )
    ask = {"scenarios": [town.scenario.ref], "times_of_day": ["night"], "detour_factor": 1}
    first = lin.post("/api/v1/standard-profiles/worked-2/what-if/", ask, format="json")
    assert first.status_code == 202 and first["Location"].startswith("/api/v1/jobs/")
    for ref in first.json()["jobs"]:
        jobs.perform(ref)
    answer = lin.post("/api/v1/standard-profiles/worked-2/what-if/", ask, format="json")
    assert answer.status_code == 200
    pair = answer.json()["pairs"][0]
    assert {row["area"]: row["need_change"] for row in pair["areas"]} == {"T1": 80, "T2": 35}
    assert pair["services"][0]["need_change"] == 115
    assert (
        lin.post(
            "/api/v1/standard-profiles/worked-2/what-if/", {"scenarios": ["S-404"]}, format="json"
        ).status_code
        == 400
    )


def test_a_profile_is_carried_as_a_file(town, nation, program):
    lin = program("lin", "planner")
    text = lin.get("/api/v1/standard-profiles/worked/file/").json()["toml"]
    made = lin.post("/api/v1/standard-profiles/import/", {"toml": text}, format="json")
    assert (made.status_code, made.json()["code"]) == (201, "worked-2")
    bad = lin.post("/api/v1/standard-profiles/import/", {"toml": "x = ["}, format="json")
    assert (bad.status_code, bad.json()["code"]) == (422, "file-unreadable")


def test_standards_of_another_city_are_not_there(town, nation, program, person):
    from core.models import Area, City

    other = City.objects.create(code="else", name="他", name_en="Else", synthetic=True)
    there = Area.objects.create(
        city=other,
        code="E",
        name="他",
        level=1,
        path="E/",
        geometry=town.root.geometry,
        label_point=town.root.label_point,
    )
    StandardProfile.objects.create(
        code="theirs", family="theirs", name="他", name_en="Theirs", area=there, parent=nation
    )
    lin = program("lin", "planner")
    assert lin.get("/api/v1/standard-profiles/theirs/").status_code == 404
    assert "theirs" not in {one["code"] for one in lin.get("/api/v1/standard-profiles/").json()["results"]}
    assert lin.get("/api/v1/minimum-needs/calculate/", {"profile": "theirs", "people": 5}).status_code == 404
    assert lin.get("/api/v1/standard-profiles/worked/deviations/", {"against": "theirs"}).status_code == 404


def test_a_viewer_reads_and_writes_nothing(town, nation, program):
    vera = program("vera", "viewer")
    assert vera.get("/api/v1/standard-profiles/").json()["count"] == 1
    assert vera.get("/api/v1/minimum-needs/").status_code == 200
    assert (
        vera.post("/api/v1/standard-profiles/", {"name": "x", "code": "x"}, format="json").status_code == 403
    )
    assert vera.post("/api/v1/standard-profiles/worked/next-version/", {}, format="json").status_code == 403
    assert vera.post("/api/v1/standard-profiles/worked/retire/", {}, format="json").status_code == 403
    assert vera.post("/api/v1/standard-profiles/worked/make-default/", {}, format="json").status_code == 403
