"""The registry over the API: filters, exports, rights, writes."""

import csv
import datetime
import io
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from facilities.models import Agreement, Capability

URL = "/api/v1/facilities/"


def refs(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["ref"] for row in answer.json()["results"]]


@pytest.fixture
def three(facility: Any) -> dict[str, Any]:
    return {
        "gym": facility("gym", area_m2=4_000, name="青羊体育馆"), "hotel": facility("hotel", rooms=60, name="东大街酒店"),
        "park": facility("park", area_m2=50_000, lon=104.15, name="人民公园"),
    }  # fmt: skip


def test_each_filter_means_the_same_as_on_the_page(api: Any, person: Any, three: Any, client: Any) -> None:
    lin = person("lin", "planner")
    program = api(lin)
    client.force_login(lin)
    gym, hotel, park = three["gym"].ref, three["hotel"].ref, three["park"].ref
    Capability.objects.filter(facility=three["gym"], service__code="short_fixed_shelter").update(
        conversion_hours_observed=10
    )
    Agreement.objects.create(facility=three["hotel"], valid_to=datetime.date(2020, 1, 1))
    cases = {
        "": {gym, hotel, park}, "area=5101": {gym, hotel}, "area=5101&area=5102": {gym, hotel, park}, "area=5102,5101&use=park": {park},
        "service=isolation_lodging": {hotel}, "use=gym,hotel": {gym, hotel}, "status=active": {gym, hotel, park},
        "status=possible&service=short_fixed_shelter": set(), "readiness=lapsed": {hotel}, "readiness=proven": {gym},
        "readiness=proven&service=medical_point": set(), "capacity_min=1000": {gym, park}, "capacity_min=1000&service=medical_point": set(),
        "search=青羊": {gym}, "search=place 3": {park}, "in_bbox=104.12,30,104.2,30.2": {park}, "near=104.15,30.05,500": {park},
    }  # fmt: skip
    for query, expected in cases.items():
        assert set(refs(program.get(f"{URL}?{query}"))) == expected, query
        shown = client.get(f"/facilities/?{query}")
        assert shown.context["page"].paginator.count == len(expected), query


def test_order_is_by_the_largest_role_that_matches(api: Any, person: Any, three: Any) -> None:
    program = api(person("lin", "planner"))
    assert refs(program.get(URL)) == [three["park"].ref, three["gym"].ref, three["hotel"].ref]
    assert refs(program.get(f"{URL}?ordering=capacity&service=short_fixed_shelter")) == [
        three["hotel"].ref, three["gym"].ref, three["park"].ref,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "query", ["capacity_min=abc", "status=maybe", "in_bbox=1,2,3", "near=104,30", "readiness=ok"]
)
def test_a_filter_that_cannot_be_read_is_refused_on_the_api_and_said_on_the_page(
    api: Any, person: Any, three: Any, client: Any, query: str
) -> None:
    lin = person("lin", "planner")
    assert api(lin).get(f"{URL}?{query}").status_code == 400
    client.force_login(lin)
    page = client.get(f"/facilities/?{query}")
    assert page.status_code == 200 and page.context["errors"]
    assert page.context["page"].paginator.count == 0


def test_exports_hold_every_matching_row(api: Any, person: Any, three: Any) -> None:
    program = api(person("lin", "planner"))
    text = b"".join(program.get(f"{URL}?format=csv&use=hotel").streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["name"] for row in rows] == ["东大街酒店"]
    assert {role["service"] for role in json.loads(rows[0]["roles"])} == {
        "short_fixed_shelter",
        "isolation_lodging",
    }
    drawn = json.loads(b"".join(program.get(f"{URL}?format=geojson&area=5102").streaming_content))
    assert [feature["geometry"]["coordinates"] for feature in drawn["features"]] == [[104.15, 30.05]]


def test_queries_do_not_grow_with_the_rows(
    api: Any, person: Any, facility: Any, django_assert_max_num_queries: Any
) -> None:
    program = api(person("lin", "planner"))
    for _number in range(12):
        facility("hotel", rooms=20)
    with django_assert_max_num_queries(9):
        assert len(refs(program.get(URL))) == 12


def test_a_write_names_its_version_and_the_loser_learns_what_changed(
    api: Any, person: Any, three: Any
) -> None:
    program, address = api(person("sun", "steward")), f"{URL}{three['gym'].ref}/"
    assert program.patch(address, {"owner": "甲"}, format="json").status_code == 428
    etag = program.get(address)["ETag"]
    first = program.patch(address, {"owner": "甲"}, format="json", HTTP_IF_MATCH=etag)
    assert first.status_code == 200 and first["ETag"] == '"2"' and first.json()["owner"] == "甲"
    second = program.patch(address, {"owner": "乙"}, format="json", HTTP_IF_MATCH=etag)
    assert second.status_code == 412
    problem = second.json()
    assert problem["code"] == "changed-meanwhile" and problem["changes"][0]["theirs"] == "甲"


def test_a_facility_is_added_closed_and_its_role_declared(api: Any, person: Any, town: Any) -> None:
    program = api(person("sun", "steward"))
    body = {
        "city": "51",
        "name": "新馆",
        "use": "gym",
        "area_m2": 2_000,
        "original_x": 104.05,
        "original_y": 30.05,
        "datum": "WGS-84",
    }
    made = program.post(URL, body, format="json")
    assert made.status_code == 201, made.content
    address = made["Location"]
    assert program.post(URL, {**body, "colour": 1}, format="json").status_code == 400
    role = program.put(f"{address}roles/medical_point/", {"capacity": 40, "status": "active"}, format="json")
    assert {one["service"]: one["capacity"] for one in role.json()["roles"]}["medical_point"] == 40
    closed = program.post(f"{address}close/", {"reason": "拆除"}, format="json", HTTP_IF_MATCH="*")
    assert closed.status_code == 200 and closed.json()["status"] == "closed"


def test_problems_of_a_write_come_with_their_fields(api: Any, person: Any, town: Any) -> None:
    body = {
        "city": "51",
        "name": "x",
        "use": "castle",
        "original_x": 30.05,
        "original_y": 104.05,
        "datum": "WGS-84",
    }
    answer = api(person("sun", "steward")).post(URL, body, format="json")
    assert answer.status_code == 422 and answer["Content-Type"].startswith("application/problem+json")
    assert [problem["column"] for problem in answer.json()["problems"]] == ["use"]


def test_papers_are_added_and_taken_out(api: Any, person: Any, three: Any) -> None:
    program = api(person("sun", "steward"))
    body = {"facility": three["gym"].ref, "kind": "fire", "valid_to": "2020-01-01"}
    made = program.post("/api/v1/certificates/", body, format="json")
    assert made.status_code == 201
    assert three["gym"].ref in refs(program.get(f"{URL}?readiness=lapsed"))
    bad = program.post(
        "/api/v1/agreements/",
        {"facility": three["gym"].ref, "valid_from": "2026-01-02", "valid_to": "2026-01-01"},
        format="json",
    )
    assert bad.status_code == 422
    assert program.delete(f"/api/v1/certificates/{made.json()['id']}/").status_code == 204
    assert refs(program.get(f"{URL}?readiness=lapsed")) == []


def test_a_proposal_goes_from_one_program_to_another(api: Any, person: Any, three: Any) -> None:
    asks, decides = api(person("lin", "planner")), api(person("sun", "steward"))
    body = {
        "facility": three["gym"].ref,
        "base_version": 1,
        "changes": {"owner": "甲", "confirmed_on": "2026-11-01"},
        "reason": "核实",
    }
    made = asks.post("/api/v1/change-proposals/", body, format="json")
    assert made.status_code == 201, made.content
    address = f"/api/v1/change-proposals/{made.json()['ref']}/"
    assert asks.post(f"{address}accept/", {}, format="json").status_code == 403
    assert decides.post(f"{address}accept/", {}, format="json").json()["state"] == "accepted"
    assert asks.get(f"{URL}{three['gym'].ref}/").json()["owner"] == "甲"


def test_a_program_brings_a_file_in_or_learns_every_problem(api: Any, person: Any, town: Any) -> None:
    program = api(person("sun", "steward"))

    def send(text: str, **more: Any) -> Any:
        file = SimpleUploadedFile("gyms.csv", text.encode())
        body = {"city": "51", "file": file, "datum": "WGS-84", "use": "gym", **more}
        return program.post("/api/v1/imports/", body, format="multipart")

    rows = "name,lon,lat,size\n甲馆,104.05,30.05,1000\n"
    refused = send(rows + "乙馆,here,30.05,1\n", columns=json.dumps({"area_m2": "size"}))
    assert refused.status_code == 422 and refused.json()["problems"][0]["row"] == 3
    assert program.get(f"/api/v1/imports/{refused.json()['ref']}/").json()["state"] == "refused"
    checked = send(rows, apply=False)
    assert checked.status_code == 201 and checked.json()["state"] == "checked"
    assert refs(program.get(URL)) == []
    applied = send(rows, columns=json.dumps({"area_m2": "size"}))
    assert applied.status_code == 201 and applied.json()["added"] == 1
    (row,) = program.get(URL).json()["results"]
    assert row["capacity"] == pytest.approx(650) and row["area"] == "5101"
    assert send(rows, columns=json.dumps({"area_m2": "size"})).json()["unchanged"] == 1
    assert api(person("lin", "planner")).post("/api/v1/imports/", {}, format="multipart").status_code == 400
    assert send("").status_code == 400
