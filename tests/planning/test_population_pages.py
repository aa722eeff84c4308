"""Pages and API of people: what each role sees of layers, census and differences, and what it may do."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from core.models import Job
from core.services import jobs
from planning.models import CensusTotal, PopulationLayer
from tests.planning.town import at

pytestmark = pytest.mark.django_db
CENSUS = b"code,people\nT1,200\nT2,35\n"


@pytest.fixture
def client_of(person: Callable[..., Any]) -> Callable[..., Client]:
    def make(name: str, role: str, area: Any = None) -> Client:
        client = Client()
        client.force_login(person(name, role, area))
        return client

    return make


@pytest.fixture
def counted(town: SimpleNamespace) -> SimpleNamespace:
    for area, people in ((town.left, 200), (town.right, 35)):
        CensusTotal.objects.create(
            city=town.city, area=area, year=2020, people=people, source="worked census"
        )
    return town


def text_of(answer: Any) -> str:
    return answer.content.decode().replace("\u00a0", " ").replace("&nbsp;", " ").replace("\u202f", " ")


def points(*rows: tuple[float, float]) -> SimpleUploadedFile:
    lines = [f"{at(x).x:.7f},{at(x).y:.7f},{people:g}" for x, people in rows]
    return SimpleUploadedFile("p.csv", "\n".join(["lon,lat,people", *lines]).encode())


def test_the_list_tells_layers_by_time_with_their_difference_to_the_census(
    counted: SimpleNamespace, client_of: Callable[..., Client]
) -> None:
    page = text_of(client_of("lin", "planner").get("/population/"))
    assert "Import people" in page and 'href="/population/night/"' in page
    assert "230" in page and "−2.1 %" in page


def test_the_record_tells_districts_and_offers_scaling(
    counted: SimpleNamespace, client_of: Callable[..., Client]
) -> None:
    page = text_of(client_of("lin", "planner").get("/population/night/"))
    assert "2.1 % fewer people than the census of 2020" in page
    assert "+100.0 %" in page and "−20.0 %" in page and "Scale to the census" in page
    assert "worked census" in page and "Delete the layer" not in page


def test_who_sees_one_district_sees_no_sum_of_the_city(
    counted: SimpleNamespace, client_of: Callable[..., Client]
) -> None:
    client = client_of("chen", "viewer", counted.right)
    assert "230" not in client.get("/population/").content.decode()
    page = client.get("/population/night/").content.decode()
    assert "East" in page and "West" not in page and "230" not in page and "Scale to the census" not in page
    told = client.get(f"/api/v1/population-layers/{counted.layers['night'].pk}/").json()
    assert told["people"] is None and told["facts"] is None and told["groups"] is None
    told = client.get(
        f"/api/v1/population-layers/{counted.layers['night'].pk}/reconciliation/?year=2020"
    ).json()
    assert (
        [row["area"] for row in told["areas"]] == ["T2"] and told["total"] is None and told["people"] is None
    )
    rows = client.get("/api/v1/census-totals/").json()["results"]
    assert [row["area"] for row in rows] == ["T2"]


def test_people_of_another_city_are_not_found(counted: SimpleNamespace, person: Callable[..., Any]) -> None:
    client = Client()
    client.force_login(person("nobody", ""))
    assert client.get("/population/night/?city=town").status_code == 404
    assert client.get("/api/v1/population-layers/").json()["results"] == []
    pk = counted.layers["night"].pk
    assert client.get(f"/api/v1/population-layers/{pk}/reconciliation/?year=2020").status_code == 404


def test_a_file_goes_through_check_and_apply_on_the_pages(
    counted: SimpleNamespace, client_of: Callable[..., Client], settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    client = client_of("lin", "planner")
    form = {
        "kind": "points", "code": "fair", "time_of_day": "event", "datum": "WGS-84", "name": "集会", "name_en": "Fair",
        "source": "tickets", "certainty": "C", "grid": "city", "columns": "",
    }  # fmt: skip
    answer = client.post("/population/import/", form)
    assert answer.status_code == 422 and "required" in answer.content.decode()
    answer = client.post("/population/import/", form | {"file": points((0, 7), (1000, 20))})
    assert answer.status_code == 302, answer.content.decode()[:2000]
    job = Job.objects.latest("id")
    assert "being checked" in client.get(answer["Location"]).content.decode()
    jobs.perform(job.ref)
    page = client.get(answer["Location"]).content.decode()
    assert "Import 27 people as fair?" in page and "East" in page
    answer = client.post(answer["Location"])
    jobs.perform(Job.objects.latest("id").ref)
    answer = client.get(answer["Location"])
    assert answer.status_code == 302 and answer["Location"].startswith("/population/fair/")
    page = client.get(answer["Location"]).content.decode()
    assert "Fair" in page and "points put into cells" in page and "tickets" in page


def test_problems_of_a_file_are_listed_and_cannot_be_applied(
    counted: SimpleNamespace, client_of: Callable[..., Client], settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    client = client_of("lin", "planner")
    form = {
        "kind": "points", "code": "fair", "time_of_day": "event", "datum": "WGS-84", "name": "集会", "source": "tickets",
        "certainty": "C", "grid": "city", "file": points((0, -7), (99_000, 20)),
    }  # fmt: skip
    answer = client.post("/population/import/", form)
    jobs.perform(Job.objects.latest("id").ref)
    page = client.get(answer["Location"]).content.decode()
    assert "cannot be imported as it is" in page and "Choose the file again" in page
    assert client.post(answer["Location"]).status_code == 409
    assert not PopulationLayer.objects.filter(code="fair").exists()


def test_scaling_and_errors_on_the_pages(counted: SimpleNamespace, client_of: Callable[..., Client]) -> None:
    client = client_of("lin", "planner")
    page = client.get("/population/night/scale/?year=2020").content.decode()
    assert "× 1.250" in page and "× 0.500" in page and "235" in page
    answer = client.post("/population/night/scale/", {"year": 2020, "code": "fit", "current": "on"})
    assert answer["Location"] == "/population/fit/"
    fit = PopulationLayer.objects.get(code="fit")
    assert fit.current and fit.people == 235 and not PopulationLayer.objects.get(code="night").current
    assert client.post("/population/night/scale/", {"year": 2020, "code": "fit"}).status_code == 422
    answer = client.post("/population/fit/errors/", {"total_percent": "10"})
    assert answer.status_code == 422 and "Say where the error comes from" in answer.content.decode()
    client.post("/population/fit/errors/", {"total_percent": "10", "error_source": "worked census"})
    fit.refresh_from_db()
    assert fit.error_share == 0.1
    client.post("/population/night/use/")
    client.post("/population/fit/delete/")
    assert not PopulationLayer.objects.filter(code="fit").exists()


def test_a_census_comes_by_its_page(town: SimpleNamespace, client_of: Callable[..., Client]) -> None:
    client = client_of("lin", "planner")
    form = {
        "year": "2020",
        "columns": "code=code, people=people",
        "source": "worked census",
        "certainty": "B",
    }
    answer = client.post(
        "/population/census/", form | {"file": SimpleUploadedFile("c.csv", b"code,people\nT1,-1\n")}
    )
    assert answer.status_code == 422 and "below 0" in answer.content.decode()
    assert (
        client.post("/population/census/", form | {"file": SimpleUploadedFile("c.csv", CENSUS)}).status_code
        == 302
    )
    assert "235 people of 2 areas" in client.get("/population/census/").content.decode()
    client.post("/population/census/2020/delete/")
    assert not CensusTotal.objects.exists()


def test_who_may_not_import_gets_no_page_and_no_write(
    counted: SimpleNamespace, client_of: Callable[..., Client]
) -> None:
    client = client_of("he", "viewer")
    for address in ("import/", "census/", "night/scale/", "night/errors/"):
        assert client.get(f"/population/{address}").status_code == 403, address
    pk = counted.layers["day"].pk
    for method, address, told in (
        ("patch", f"{pk}/", {"current": True}), ("post", f"{pk}/scale/", {"year": 2020}), ("delete", f"{pk}/", None)
    ):  # fmt: skip
        answer = getattr(client, method)(
            f"/api/v1/population-layers/{address}", json.dumps(told), content_type="application/json"
        )
        assert answer.status_code == 403, address
    form = {"city": "town", "code": "x", "time_of_day": "night", "datum": "WGS-84", "file": points((0, 7))}
    assert client.post("/api/v1/population-layers/", form).status_code == 403


def test_the_api_imports_scales_and_deletes(
    town: SimpleNamespace, client_of: Callable[..., Client], settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    client = client_of("lin", "planner")
    form = {
        "city": "town", "columns": json.dumps({"code": "code", "people": "people"}), "year": 2020, "source": "worked census",
        "file": SimpleUploadedFile("c.csv", CENSUS),
    }  # fmt: skip
    answer = client.post("/api/v1/census-totals/", form)
    assert answer.status_code == 201 and answer.json()["people"] == 235
    form = {
        "city": "town",
        "code": "new",
        "time_of_day": "night",
        "datum": "WGS-84",
        "file": points((0, 50), (1000, 70)),
    }
    answer = client.post("/api/v1/population-layers/", form)
    assert answer.status_code == 202
    ref = answer.json()["job"]["ref"]
    jobs.perform(ref)
    told = client.get(f"/api/v1/jobs/{ref}/").json()
    pk = told["result"]["id"]
    assert told["state"] == "done" and told["result"]["people"] == 120
    rows = client.get("/api/v1/population-layers/?city=town&method=points").json()["results"]
    assert [(row["code"], row["current"]) for row in rows] == [("new", False)]
    told = client.get(f"/api/v1/population-layers/{pk}/reconciliation/?year=2020").json()
    assert [row["difference"] for row in told["areas"]] == [-150, 35] and told["total"]["census"] == 235
    assert client.get(f"/api/v1/population-layers/{pk}/reconciliation/?year=1999").status_code == 404

    def send(method: str, address: str, told: Any = None) -> Any:
        return getattr(client, method)(
            f"/api/v1/population-layers/{address}", json.dumps(told), content_type="application/json"
        )

    told = send("post", f"{pk}/scale/", {"year": 2020, "dry_run": True}).json()
    assert told["factors"] == {"T1": 4.0, "T2": 0.5} and PopulationLayer.objects.count() == 3
    answer = send("post", f"{pk}/scale/", {"year": 2020, "code": "fit"})
    assert (
        answer.status_code == 201 and answer.json()["people"] == 235 and answer.json()["made_from"] == "new"
    )
    fit = answer.json()["id"]
    answer = send("patch", f"{fit}/", {"current": True, "error_share": 0.1, "error_source": "worked census"})
    assert answer.json()["current"] and answer.json()["error_share"] == 0.1
    assert send("patch", f"{fit}/", {"current": False}).status_code == 422
    assert send("patch", f"{fit}/", {"colour": 1}).status_code == 400
    assert send("delete", f"{fit}/").status_code == 409
    assert send("delete", f"{pk}/").status_code == 204
