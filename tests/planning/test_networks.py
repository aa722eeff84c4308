"""The quality report of a road network: what it counts on a hand-worked map, and what it warns of on real cities."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from core.models import Area, City, Job
from core.models.areas import AreaPart
from core.services import jobs
from engine.network import RoadGraph
from planning.bridge import road_quality
from planning.importers.road_rows import RoadRows
from planning.models import NetworkIsland, RoadNetwork
from planning.services import networks
from planning.services.city_packs import load_city
from planning.services.network_reports import make_report, request_report
from tests.planning.town import PLANE

# One line of streets from 0 to 1000 m both ways; a one-way spur from 1000 m; 2 km farther an island of its own.
X = [0.0, 500.0, 1000.0, 1000.0, 2800.0, 3200.0]
Y = [0.0, 0.0, 0.0, 400.0, 0.0, 0.0]
LINKS = [(0, 1, 500.0, False), (1, 2, 500.0, False), (2, 3, 400.0, True), (4, 5, 400.0, False)]


def graph_of() -> RoadGraph:
    tail, head, length, oneway = (np.array(column) for column in zip(*LINKS, strict=True))
    return RoadGraph.build(X, Y, tail, head, length, 30.0, oneway, "all")


def rows() -> RoadRows:
    """The same as a reader hands them over."""
    tail, head, length, oneway = (np.array(column) for column in zip(*LINKS, strict=True))
    lon, lat = PLANE.inverse(np.array(X), np.array(Y))
    every = np.ones(len(LINKS), bool)
    return RoadRows(
        lon, lat, tail, head, length, np.full(len(LINKS), 30.0), ~every, oneway, ~every, np.zeros(len(LINKS), np.int64),
        np.full(len(LINKS), 3), np.arange(len(LINKS)), ("street",), len(LINKS),
    )  # fmt: skip


@pytest.fixture
def network(town: SimpleNamespace) -> RoadNetwork:
    """The roads above under the hand-worked town."""
    for area in Area.objects.filter(city=town.city):
        AreaPart.objects.create(area=area, level=area.level, geometry=area.geometry[0])
    streets = networks.make_streets(city=town.city, parts=[("roads", rows())])
    found = networks.write_network(
        city=town.city, streets=streets, layer=None, source="worked example", synthetic=True
    )
    RoadNetwork.objects.filter(pk=found.pk).update(ref="N-90001")
    return RoadNetwork.objects.get(pk=found.pk)


def test_a_one_way_spur_and_a_patch_of_its_own_are_islands() -> None:
    graph = graph_of()
    islands = road_quality.islands_of(graph, networks.island_of(graph))
    lengths = [float(graph.length_m[islands.street == number].sum()) for number in range(islands.count)]
    assert sorted(lengths) == [400.0, 400.0]
    assert graph.length_m[islands.street == -1].sum() == 1000.0


def test_people_of_an_island_are_those_whose_nearest_street_lies_on_it(network: RoadNetwork) -> None:
    report = make_report(network=network)
    assert report["islands"]["count"] == 2
    island = NetworkIsland.objects.get(people__gt=0)
    assert (island.people, island.cells, island.nodes, island.area.code) == (30, 1, 2, "T2")
    assert island.facilities == 2 and island.length_km == pytest.approx(0.4)
    assert island.number == 1 and island.geometry.num_geom == 1
    assert [row["code"] for row in report["warnings"]] == ["people_on_islands"]


def test_distances_count_people_and_not_cells(network: RoadNetwork) -> None:
    near = make_report(network=network)["distances"]
    assert near["people"] == 230 and near["cells"] == 4
    assert [row["people"] for row in near["within"]] == [230, 230, 230, 230]
    assert near["max_m"] == pytest.approx(0, abs=0.5)
    assert sum(near["histogram"]["people"]) == 230


def test_quantiles_weigh_people() -> None:
    values, people = np.array([10.0, 20.0, 300.0]), np.array([1.0, 98.0, 1.0])
    assert road_quality.weighted_quantiles(values, people, (0.005, 0.5, 0.999)) == [10.0, 20.0, 300.0]
    assert road_quality.weighted_quantiles(values, np.zeros(3), (0.5,)) == []


def test_who_cannot_drive_to_any_place_is_counted_as_unreached() -> None:
    graph = graph_of()
    at = graph.snap([0.0, 1000.0, 3000.0], [0.0, 390.0, 0.0], mode="drive").street
    places = graph.snap([500.0], [0.0], mode="drive").street
    off = np.zeros(3, bool)
    # The spur leads out only: nobody on it can come to the place; nor can the island.
    assert road_quality.cut_off(graph, at, off, places).tolist() == [False, True, True]
    spur = graph.snap([1000.0], [390.0], mode="drive").street
    assert road_quality.cut_off(graph, at, off, spur).tolist() == [False, False, True]


def test_a_place_in_a_lake_is_named_with_its_distance(town: SimpleNamespace, network: RoadNetwork) -> None:
    from tests.planning.town import at

    town.places[0].point = at(100, 900)
    town.places[0].save(update_fields=["point"])
    report = make_report(network=network)
    assert report["facilities"]["far_count"] == 1
    assert report["facilities"]["far"] == [{"id": town.places[0].pk, "metres": pytest.approx(900, abs=1)}]
    assert "far_places" in {row["code"] for row in report["warnings"]}


def test_doubtful_lengths_and_speeds_are_counted() -> None:
    graph = RoadGraph.build(
        [0.0, 100.0, 200.0, 300.0], [0.0] * 4, [0, 1, 2], [1, 2, 3], [100.0, 900.0, 100.0], [30.0, 30.0, 180.0], None, "all"
    )  # fmt: skip
    found = road_quality.street_facts(graph, [])
    assert found["lengths"] == {"zero": 0, "below_straight": 0, "above_5_times": 1}
    assert found["speeds"] == {"below_5_kmh": 0, "above_130_kmh": 1}
    assert found["dead_ends"] == 2 and found["oneway_streets"] == 0


def test_the_report_is_a_job_that_may_be_asked_for_twice(network: RoadNetwork, person: Any) -> None:
    lin = person("lin", "planner")
    job = request_report(user=lin, network=network)
    assert request_report(user=lin, network=network) == job
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert job.state == "done", job.error
    assert job.result_url == "/networks/N-90001/"
    network.refresh_from_db()
    assert network.report["islands"]["count"] == 2 and network.reported_at
    again = request_report(user=lin, network=network)
    jobs.perform(again.ref)
    assert NetworkIsland.objects.filter(network=network).count() == 2


def test_the_api_tells_the_report_and_draws_the_islands(network: RoadNetwork, person: Any) -> None:
    make_report(network=network)
    client = APIClient()
    client.force_authenticate(person("lin", "planner"))
    listed = client.get("/api/v1/networks/?current=true").json()["results"]
    assert [(row["ref"], row["warnings"], "report" in row) for row in listed] == [("N-90001", 1, False)]
    told = client.get("/api/v1/networks/N-90001/").json()
    assert told["report"]["islands"]["people"] == 30 and told["facts"]["links"] == 4
    assert told["warnings"][0]["code"] == "people_on_islands"
    drawn = client.get("/api/v1/networks/N-90001/islands/?format=geojson")
    features = json.loads(b"".join(drawn.streaming_content))["features"]
    assert [feature["properties"]["people"] for feature in features] == [30, 0]
    assert features[0]["geometry"]["type"] == "MultiLineString"
    assert client.get("/api/v1/networks/N-90001/islands/?nonsense=1").status_code == 400
    started = client.post("/api/v1/networks/N-90001/report/")
    assert started.status_code == 202 and started["Location"].startswith("/api/v1/jobs/J-")


def test_a_districts_viewer_sees_the_islands_of_the_district_and_no_sums_of_the_city(
    town: SimpleNamespace, network: RoadNetwork, person: Any
) -> None:
    make_report(network=network)
    client = APIClient()
    client.force_authenticate(person("he", "viewer", town.left))
    assert client.get("/api/v1/networks/N-90001/islands/").json()["count"] == 0
    told = client.get("/api/v1/networks/N-90001/").json()
    assert told["report"] is None and told["warnings"] == []
    assert client.post("/api/v1/networks/N-90001/report/").status_code == 403
    browser = Client()
    browser.force_login(person("wu", "viewer", town.left))
    page = browser.get("/networks/N-90001/").content.decode()
    assert "30 people" not in page and "None in the areas you may see" in page


LINES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {},
            "geometry": {"type": "LineString", "coordinates": [[104.0, 30.6], [104.0104, 30.6]]},
        }
    ],
}


def test_roads_are_imported_over_the_api_and_measured(
    town: SimpleNamespace, person: Any, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    client = APIClient()
    client.force_authenticate(person("lin", "planner"))
    body = {"city": "town", "datum": "WGS-84", "speeds_kmh": '{"default": 30}', "source": "drawn by hand"}
    upload = SimpleUploadedFile("roads.geojson", json.dumps(LINES).encode())
    answer = client.post("/api/v1/networks/", {**body, "file": upload})
    assert answer.status_code == 202, answer.content
    job = Job.objects.get(ref=answer.json()["job"]["ref"])
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert job.state == "done", job.error
    network = RoadNetwork.objects.get(current=True)
    assert (network.source, network.edges) == ("drawn by hand", 1)
    jobs.perform(Job.objects.get(kind="network_report").ref)
    network.refresh_from_db()
    assert network.report["distances"]["people"] == 230
    assert not list((tmp_path / "uploads").rglob("*.geojson"))


def test_a_steward_imports_roads_on_a_page(
    town: SimpleNamespace, person: Any, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    browser = Client()
    browser.force_login(person("sun", "steward"))
    assert b'name="links"' in browser.get("/networks/import/").content
    upload = SimpleUploadedFile("roads.geojson", json.dumps(LINES).encode())
    wrong = browser.post("/networks/import/", {"file": upload, "datum": "WGS-84", "columns": "nonsense"})
    assert wrong.status_code == 422 and b"field=column" in wrong.content
    upload = SimpleUploadedFile("roads.geojson", json.dumps(LINES).encode())
    sent = browser.post("/networks/import/", {"file": upload, "datum": "WGS-84", "speed": "30"})
    job = Job.objects.get(kind="import_network")
    assert (sent.status_code, sent["Location"]) == (302, f"/jobs/{job.ref}/")
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert job.state == "done", job.error
    assert job.result_url == f"/networks/{RoadNetwork.objects.get(current=True).ref}/"


def test_an_import_that_cannot_be_read_is_refused_at_once(
    town: SimpleNamespace, person: Any, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    client = APIClient()
    client.force_authenticate(person("lin", "planner"))
    upload = SimpleUploadedFile("roads.geojson", b"{}")
    unknown = client.post("/api/v1/networks/", {"city": "town", "colour": "red", "file": upload})
    assert unknown.status_code == 400 and "colour" in unknown.json()["errors"]
    viewer = APIClient()
    viewer.force_authenticate(person("he", "viewer"))
    upload = SimpleUploadedFile("roads.geojson", b"{}")
    assert (
        viewer.post("/api/v1/networks/", {"city": "town", "datum": "WGS-84", "file": upload}).status_code
        == 403
    )
    assert not list(tmp_path.rglob("*.geojson")) and not Job.objects.exists()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_open_before_and_after_the_report(network: RoadNetwork, person: Any, language: str) -> None:
    browser = Client(headers={"accept-language": language})
    browser.force_login(person("lin", "planner"))
    before = browser.get("/networks/N-90001/")
    assert before.status_code == 200 and b"N-90001" in browser.get("/networks/").content
    make_report(network=network)
    after = browser.get("/networks/N-90001/").content.decode()
    if language == "en":
        assert (
            "100.0\u00a0% of the people live within 200 m of a mapped street; 2 islands with 30 people."
            in after
        )
    assert browser.post("/networks/N-90001/report/").status_code == 302
    assert Job.objects.filter(kind="network_report").count() == 1


def test_the_command_prints_the_same_report(network: RoadNetwork, capsys: Any) -> None:
    call_command("network_report", "town", "--json")
    said = json.loads(capsys.readouterr().out)
    network.refresh_from_db()
    assert (said["network"], said["report"]["islands"]) == ("N-90001", network.report["islands"])
    call_command("network_report", "town")
    assert "islands 2 with 30 people" in capsys.readouterr().out


# --- real cities ----------------------------------------------------------------------------------


def chengdu_pack(folder: Path, hotels_datum: str) -> Path:
    """The pack of Chengdu as it stands, or with the datum of the hotels declared wrongly."""
    source = settings.BASE_DIR / "cases" / "chengdu"
    pack = folder / "chengdu"
    shutil.copytree(source, pack)
    text = (pack / "city.toml").read_text(encoding="utf-8")
    head, mark, rest = text.partition('name = "hotels"')
    rest = rest.replace('datum = "GCJ-02"', f'datum = "{hotels_datum}"', 1)
    root = (source / "../../../shared/data/chengdu").resolve()
    text = (head + mark + rest).replace('root = "../../../shared/data/chengdu"', f'root = "{root}"')
    (pack / "city.toml").write_text(text, encoding="utf-8")
    return pack


@pytest.mark.django_db
@pytest.mark.parametrize(("declared", "suspect"), [("GCJ-02", None), ("WGS-84", "GCJ-02")])
def test_hotels_of_chengdu_read_in_the_wrong_datum_are_found_out(
    shared_data_dir: Path, tmp_path: Path, declared: str, suspect: str | None
) -> None:
    load_city(path=chengdu_pack(tmp_path, declared))
    network = RoadNetwork.objects.get(current=True)
    jobs.perform(Job.objects.get(kind="network_report").ref)
    network.refresh_from_db()
    report = network.report
    fits = {row["layer"]: row for row in report["datum"] if row["what"] == "facilities"}
    assert fits["hotels"]["suspect"] == suspect
    assert fits["shelters"]["suspect"] is None
    # the worked example of docs/algorithms/road-quality.md
    assert round(fits["hotels"]["median_m"]) == (76 if suspect else 46)
    tried = {row["datum"]: row for row in fits["shelters"]["tried"]}["GCJ-02"]
    found = (fits["shelters"]["median_m"], tried["median_m"], tried["turned_low_m"])
    assert tuple(map(round, found)) == (101, 79, 77)
    assert [row["suspect"] for row in report["datum"] if row["what"] == "roads"] == [None]
    warned = {row["layer"] for row in report["warnings"] if row["code"].startswith("datum_of")}
    assert warned == ({"hotels"} if suspect else set())
    assert 1.1 < report["detours"]["ratio"]["p50"] < 1.8
    assert report["distances"]["people"] == pytest.approx(6_998_920)
    assert City.objects.get() and Area.objects.filter(level=2).count() == 5
