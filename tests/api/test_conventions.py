"""What holds for every address of the API."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import get_resolver
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate

from core.api import fields, viewsets
from core.errors import DomainError
from core.models import Area, Job, Membership
from core.services import jobs


def told(response: Any) -> dict[str, Any]:
    assert response["Content-Type"] == "application/problem+json", response.content[:300]
    body = json.loads(response.content)
    assert body["status"] == response.status_code
    assert body["code"] and body["title"]
    return body


def list_addresses() -> list[str]:
    from config.api import router

    # What hangs below one record has no address of its own; its tests are with that record.
    return [f"/api/v1/{prefix}/" for prefix, _viewset, _name in router.registry if "(?P<" not in prefix]


def test_the_schema_is_valid_and_has_no_warning() -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file="/dev/null")


@pytest.mark.django_db
def test_nobody_gets_anything_without_signing_in() -> None:
    for address in list_addresses():
        response = APIClient().get(address)
        assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer"), address
        assert told(response)["code"] == "not-authenticated"


@pytest.mark.django_db
def test_a_token_is_refused_when_it_is_wrong_revoked_or_only_reads(
    api: Callable[..., APIClient], person: Any, city: Any
) -> None:
    lin = person("lin", "admin")
    wrong = APIClient()
    wrong.credentials(HTTP_AUTHORIZATION="Bearer pj_wrong")
    assert told(wrong.get("/api/v1/areas/"))["code"] == "authentication-failed"
    reader = api(lin, can_write=False)
    assert reader.get("/api/v1/areas/").status_code == 200
    assert told(reader.post("/api/v1/memberships/", {}))["code"] == "token-reads-only"
    token = lin.tokens.get()
    assert api(lin).delete(f"/api/v1/tokens/{token.pk}/").status_code == 204
    assert reader.get("/api/v1/areas/").status_code == 401


@pytest.mark.django_db
def test_a_token_makes_no_tokens_and_a_session_is_told_the_key_once(
    api: Callable[..., APIClient], person: Any, city: Any, client: Any
) -> None:
    lin = person("lin", "viewer")
    assert (
        told(api(lin).post("/api/v1/tokens/", {"name": "more"}, format="json"))["code"]
        == "token-needs-person"
    )
    client.force_login(lin)
    made = client.post("/api/v1/tokens/", {"name": "qgis", "days": 30}, content_type="application/json")
    assert (made.status_code, made.json()["key"][:3]) == (201, "pj_")
    assert "key" not in client.get(f"/api/v1/tokens/{made.json()['id']}/").json()


@pytest.mark.django_db
def test_unknown_addresses_methods_and_forms_are_problems_too(
    api: Callable[..., APIClient], person: Any, city: Any
) -> None:
    program = api(person("lin", "viewer"))
    assert told(program.get("/api/v1/nonsense/"))["code"] == "not-found"
    assert told(program.get("/api/v1/areas/999999/"))["status"] == 404
    assert told(program.delete("/api/v1/areas/"))["status"] == 405
    assert told(program.get("/api/v1/areas/?format=shp"))["status"] == 406
    assert told(program.get("/api/v1/areas/?format=csv&level=x"))["status"] == 400
    assert told(program.post("/api/v1/memberships/", "{", content_type="application/json"))["status"] in {
        400,
        403,
    }


@pytest.mark.django_db
def test_a_missing_slash_is_put_right_without_losing_the_method(
    api: Callable[..., APIClient], person: Any, city: Any
) -> None:
    response = api(person("lin", "viewer")).get("/api/v1/areas?level=2")
    assert (response.status_code, response["Location"]) == (308, "/api/v1/areas/?level=2")


@pytest.mark.django_db
def test_what_breaks_inside_is_a_problem_that_tells_nothing_of_the_inside(
    api: Callable[..., APIClient], person: Any, city: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr("core.api.areas.AreaViewSet.visible_to", broken)
    response = api(person("lin", "viewer")).get("/api/v1/areas/?format=csv")
    body = told(response)
    assert (body["code"], "secret" in str(body)) == ("internal", False)
    assert body["request_id"] == response["X-Request-Id"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("level=2", ["5101", "5102"]),
        ("parent=51&search=District+02", ["5102"]),
        ("area=5101", ["5101"]),
        ("in_bbox=104.11,30.0,104.19,30.05&level=2", ["5102"]),
        ("near=104.05,30.05,3000&level=2", ["5101"]),
        ("level=2&ordering=-code", ["5102", "5101"]),
    ],
)
def test_areas_are_found_by_the_shared_filters(
    api: Callable[..., APIClient], person: Any, city: Any, query: str, codes: list[str]
) -> None:
    answer = api(person("lin", "viewer")).get(f"/api/v1/areas/?{query}").json()
    assert [area["code"] for area in answer["results"]] == codes
    assert "geometry" not in answer["results"][0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    [
        "in_bbox=1,2,3",
        "in_bbox=104.2,30,104.1,31",
        "in_bbox=nan,1,2,3",
        "near=104,30",
        "near=30.6,104.1,100",
        "near=104,30,-5",
        "search=%00",
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_never_ignored(
    api: Callable[..., APIClient], person: Any, city: Any, query: str
) -> None:
    body = told(api(person("lin", "viewer")).get(f"/api/v1/areas/?{query}"))
    assert (body["status"], list(body["errors"])) == (400, [query.split("=")[0]])


@pytest.mark.django_db
def test_exports_hold_every_row_that_matches_and_geometry_only_when_asked(
    api: Callable[..., APIClient], person: Any, city: Any
) -> None:
    program = api(person("lin", "viewer"))
    answer = program.get("/api/v1/areas/?format=csv&level=2")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert [row["code"] for row in csv.DictReader(io.StringIO(text))] == ["5101", "5102"]
    kinds = []
    for query in ("", "&geometry=1"):
        answer = program.get(f"/api/v1/areas/?format=geojson&level=2{query}")
        assert answer["Content-Type"].startswith("application/geo+json")
        features = json.loads(b"".join(answer.streaming_content))["features"]
        assert [feature["properties"]["name_en"] for feature in features] == ["District 01", "District 02"]
        kinds.append(features[0]["geometry"]["type"])
    assert kinds == ["Point", "MultiPolygon"]


@pytest.mark.django_db
def test_a_spreadsheet_runs_nothing_that_someone_wrote_as_a_name(
    api: Callable[..., APIClient], person: Any, city: Any
) -> None:
    Area.objects.filter(code="5101").update(name="=HYPERLINK(1)")
    answer = api(person("lin", "viewer")).get("/api/v1/areas/?format=csv&level=2")
    assert "'=HYPERLINK(1)" in b"".join(answer.streaming_content).decode()


@pytest.mark.django_db
def test_the_number_of_queries_of_a_list_does_not_grow_with_its_rows(
    api: Callable[..., APIClient],
    person: Any,
    city: Any,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    lin = person("lin", "admin")
    for number in range(30):
        jobs.submit(kind="nobody", params={"number": number}, user=lin, city=city)
        person(f"p{number}", "viewer")
    program = api(lin)
    for address in (
        "areas",
        "jobs",
        "memberships",
        "organisations",
        "audit",
        "cities",
        "pack-layers",
        "tokens",
    ):
        with django_assert_max_num_queries(8):
            assert program.get(f"/api/v1/{address}/").status_code == 200


@pytest.mark.django_db
def test_the_same_idempotency_key_answers_what_the_first_call_answered(
    api: Callable[..., APIClient], person: Any, city: Any
) -> None:
    program, _viewer = api(person("lin", "admin")), person("he")
    body = {
        "user": "he",
        "organisation": "51-bureau",
        "role": "viewer",
        "area": Area.objects.get(code="5101").pk,
    }
    first, second = (
        program.post("/api/v1/memberships/", body, format="json", headers={"Idempotency-Key": "k1"})
        for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (201, 201), first.content
    assert first.content == second.content
    assert second["Idempotent-Replayed"] == "true"
    assert Membership.objects.filter(user__username="he").count() == 1
    other = program.post(
        "/api/v1/memberships/", {**body, "role": "planner"}, format="json", headers={"Idempotency-Key": "k1"}
    )
    assert told(other)["code"] == "idempotency-key-reused"
    assert program.post("/api/v1/memberships/", body, format="json").status_code == 409


@pytest.mark.django_db
def test_a_job_is_seen_and_stopped_over_the_api(
    api: Callable[..., APIClient], person: Any, city: Any
) -> None:
    lin = person("lin", "planner")
    job, _created = jobs.submit(kind="nobody", params={}, user=lin, city=city, title="Runs of tonight")
    program = api(lin)
    assert program.get(f"/api/v1/jobs/{job.ref}/").json()["state"] == "queued"
    stopped = program.post(f"/api/v1/jobs/{job.ref}/cancel/")
    assert (stopped.status_code, stopped.json()["over"]) == (200, True)
    assert told(program.post(f"/api/v1/jobs/{job.ref}/cancel/"))["code"] == "job-over"


@pytest.mark.django_db
def test_accepted_work_says_where_to_ask(person: Any, city: Any, rf: Any) -> None:
    from core.api.responses import accepted

    job, _created = jobs.submit(kind="nobody", params={}, city=city)
    response = accepted(job, run="R-1")
    assert (response.status_code, response["Location"], response.data["run"]) == (
        202,
        f"/api/v1/jobs/{job.ref}/",
        "R-1",
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "if-match-needed"),
        ('"2"', "changed-meanwhile"),
        ("three", "if-match-unreadable"),
        ('W/"3"', ""),
        ("*", ""),
    ],
)
def test_a_write_names_the_version_it_was_made_against(
    person: Any, city: Any, header: str | None, code: str
) -> None:
    class Record:
        version = 3

    request = APIRequestFactory().patch("/", headers={"If-Match": header} if header else {})
    force_authenticate(request, person("lin", "viewer"))
    view = viewsets.ReadViewSet()
    if not code:
        view.demand_version(request, Record())
        return
    with pytest.raises(DomainError) as refused:
        view.demand_version(request, Record())
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"type": "Point", "coordinates": [500, 900]}, "coordinates-out-of-range"),
        ({"type": "Point", "coordinates": [30.6, 104.1]}, "coordinates-out-of-range"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}, "geometry-invalid"),
        ({"type": "MultiPolygon", "coordinates": []}, "geometry-empty"),
        ({"type": "Point"}, "geometry-unreadable"),
        ("POINT(1", "geometry-unreadable"),
        ({"type": "LineString", "coordinates": [[0, 0], [1, 1]]}, "geometry-kind"),
    ],
)
def test_geometry_off_the_globe_or_crossing_itself_is_refused(value: Any, code: str) -> None:
    field = fields.GeometryField(kinds=("Point", "MultiPolygon"))
    with pytest.raises(fields.serializers.ValidationError) as refused:
        field.to_internal_value(value)
    assert refused.value.get_codes() == [code]


@pytest.mark.django_db
def test_the_documentation_loads_nothing_from_elsewhere_and_no_inline_script(client: Any) -> None:
    page = client.get("/api/docs/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "http://" not in text and "https://" not in text
    assert "<script>" not in text
    assert "script-src 'self';" in page["Content-Security-Policy"]
    assert b"SwaggerUIBundle" in client.get("/api/docs/?script").content


assert Job
assert get_resolver


def test_a_filter_or_ordering_that_does_not_exist_is_refused_not_ignored(
    api: Any, person: Any, city: Any
) -> None:
    client = api(person("lin", "viewer"))
    for query, code, known in (
        ("bbox=1,2,3,4", "unknown-filter", "in_bbox"),
        ("ordering=nonsense", "unknown-ordering", "name"),
    ):
        answer = client.get(f"/api/v1/areas/?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert known in answer.json()["known"]
    assert client.get("/api/v1/areas/?ordering=-name&page_size=5&geometry=1").status_code == 200


def test_no_list_of_the_api_takes_a_filter_or_an_ordering_it_does_not_have(
    api: Any, person: Any, city: Any
) -> None:
    client = api(person("tang", "admin"))
    own_rules = {"/api/v1/tokens/"}  # shown whole: a handful of rows that belong to the asker
    for address in set(list_addresses()) - own_rules:
        for query in ("nonsense=1", "ordering=nonsense"):
            answer = client.get(f"{address}?{query}")
            assert answer.status_code == 400, (address, query)
            assert answer.json()["unknown"] == ["nonsense"]
