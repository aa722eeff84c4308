"""A new version of a city's roads from tables, drawings and OpenStreetMap: written whole, or refused with everything
that is wrong."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from core.errors import Forbidden, InvalidInput
from core.models import AuditEntry, City, Job, MapFeature, User
from core.services import jobs
from engine.network import RoadGraph
from planning.bridge import artefacts
from planning.models import RoadNetwork, SpeedProfile
from planning.services.city_packs import load_city
from planning.services.network_imports import forget_upload, import_network, import_now, keep_upload
from planning.services.networks import load_full
from planning.services.reference import load_speeds

pytestmark = pytest.mark.django_db

NODES = "id,lon,lat\n1,104.01,30.05\n2,104.05,30.05\n3,104.05,30.08\n4,104.15,30.02\n5,104.16,30.02\n"
LINKS = "from,to,length_m,class,oneway\n1,2,3900,main,\n2,3,3400,lane,\n4,5,990,lane,\n"
COLUMNS = {"from": "from", "to": "to", "length": "length_m", "class": "class", "oneway": "oneway"}
OPTIONS = {"datum": "WGS-84", "columns": COLUMNS, "speeds_kmh": {"main": 50, "lane": 20}}


@pytest.fixture
def city(pack: Callable[..., Path]) -> City:
    load_city(path=pack())
    return City.objects.get(code="9001")


@pytest.fixture
def tables(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Node and link tables as arguments of an import."""

    def write(nodes: str = NODES, links: str = LINKS, **options: Any) -> dict[str, Any]:
        (tmp_path / "n.csv").write_text(nodes, encoding="utf-8")
        (tmp_path / "l.csv").write_text(links, encoding="utf-8")
        return {
            "user": None, "path": tmp_path / "n.csv", "links_path": tmp_path / "l.csv", "options": {**OPTIONS, **options},
        }  # fmt: skip

    return write


def codes(call: Callable[[], Any]) -> set[str]:
    with pytest.raises(InvalidInput) as said:
        call()
    return {problem.code for problem in said.value.problems}


def graph_of(network: RoadNetwork) -> tuple[RoadGraph, dict[str, Any]]:
    arrays, meta = artefacts.load(network.folder)
    return RoadGraph.from_arrays(arrays), meta


def test_tables_become_the_next_version_and_the_former_one_stays(city: City, tables: Any) -> None:
    first = RoadNetwork.objects.get(city=city)
    assert (first.version, first.current) == (1, True)
    done = import_now(city=city, **tables())
    network, first = done.network, RoadNetwork.objects.get(pk=first.pk)
    assert network is not None and (network.version, network.current, first.current) == (2, True, False)
    assert network.sha256 != first.sha256 and network.source == "n.csv"
    graph, meta = graph_of(network)
    assert meta["classes"] == ["lane", "main"] and graph.streets == 2
    assert dict(zip(graph.klass.tolist(), graph.speed_ab_kmh.tolist(), strict=True)) == {0: 20, 1: 50}
    assert done.facts["classes"]["main"] == {
        "streets": 1,
        "km": 3.9,
        "on_foot_only_km": 0.0,
        "mean_kmh": 50.0,
    }
    assert AuditEntry.objects.filter(act="network.import", subject_ref=network.ref).exists()
    assert MapFeature.objects.filter(city=city, kind="road").exists()
    again = import_now(city=city, **tables())
    assert again.unchanged and again.network == network and RoadNetwork.objects.count() == 2


def test_islands_are_kept_beside_the_network_in_use(city: City, tables: Any) -> None:
    network = import_now(city=city, **tables()).network
    assert network is not None and network.facts["islands"] == 1
    full, part = load_full(network)
    assert (full.nodes, full.streets, network.nodes, network.edges) == (5, 3, 3, 2)
    assert sorted(part.tolist()) == [0, 0, 0, 1, 1]
    assert network.largest_part_share == pytest.approx(0.6)


def test_everything_wrong_with_a_table_is_said_at_once_and_the_roads_in_use_stay(
    city: City, tables: Any
) -> None:
    nodes = NODES + "6,0,0\n2,104.02,30.02\n"
    links = "from,to,length_m,class,oneway,kmh\n1,2,3900,main,,0\n2,3,-5,lane,,900\n4,9,100,lane,,30\n4,5,0,lane,,30\n"
    columns = {**COLUMNS, "speed_kmh": "kmh"}
    wrong = tables(nodes, links, columns=columns, speeds_kmh={"default": 30}, datum="Mars")
    found = codes(lambda: import_now(city=city, **wrong))
    assert found >= {
        "datum_unknown", "zero_place", "code_twice", "id_unknown", "negative", "speed_out_of_range",
    }  # fmt: skip
    wrong["options"]["datum"] = "WGS-84"
    found = codes(lambda: import_now(city=city, **wrong))
    assert found >= {
        "zero_place",
        "code_twice",
        "id_unknown",
        "negative",
        "speed_out_of_range",
        "length_zero",
    }
    assert RoadNetwork.objects.get(current=True).version == 1


def test_speeds_the_pack_declares_are_checked_too(city: City, tables: Any) -> None:
    for kmh in (0, 900, "fast"):
        assert codes(lambda kmh=kmh: import_now(city=city, **tables(speeds_kmh={"default": kmh}))) == {
            "speed_out_of_range"
        }


def test_without_speeds_of_its_own_a_class_takes_those_of_the_profile(city: City, tables: Any) -> None:
    links = LINKS.replace("main", "primary").replace("lane", "residential")
    network = import_now(city=city, **tables(links=links, speeds_kmh={})).network
    assert network is not None
    graph, meta = graph_of(network)
    kmh = {
        meta["classes"][k]: v for k, v in zip(graph.klass.tolist(), graph.speed_ab_kmh.tolist(), strict=True)
    }
    assert kmh == {"primary": 40, "residential": 20}
    assert artefacts.load(network.folder)[0]["speed_assumed"].all()
    named = import_now(city=city, **tables(links=links, speeds_kmh={}, profile="open-road")).network
    assert named is not None and named.facts["classes"]["primary"]["mean_kmh"] == 65
    assert not artefacts.load(named.folder)[0]["speed_assumed"].any()
    assert codes(lambda: import_now(city=city, **tables(speeds_kmh={}, profile="warp"))) == {"choice_unknown"}
    bare = {name: column for name, column in COLUMNS.items() if name != "class"}
    assert codes(lambda: import_now(city=city, **tables(speeds_kmh={}, columns=bare))) == {"speed_missing"}


def test_repeated_links_and_loops_are_merged_and_counted(city: City, tables: Any) -> None:
    done = import_now(city=city, **tables(links=LINKS + "1,2,3900,main,\n2,1,3900,main,\n3,3,10,lane,\n"))
    assert done.facts["repeated_links"] == 2 and done.facts["loops"] == 1
    assert done.facts["streets"] == 2
    assert {warning.code for warning in done.warnings} >= {"repeated", "islands"}


def test_a_network_of_one_node_is_refused(city: City, tables: Any) -> None:
    one = tables("id,lon,lat\n1,104.01,30.05\n", "from,to,length_m,class,oneway\n1,1,10,main,\n")
    assert codes(lambda: import_now(city=city, **one)) == {"roads_missing"}


def test_classes_for_walkers_only_are_footpaths_and_classes_without_walkers_are_not_walked(
    city: City, tables: Any
) -> None:
    links = "from,to,length_m,class,oneway\n1,2,3900,main,\n2,3,3400,steps,\n1,3,5000,lane,\n"
    walk = {"only": ["steps"], "never": ["main"]}
    network = import_now(city=city, **tables(links=links, walk=walk)).network
    assert network is not None
    graph, meta = graph_of(network)
    klass = np.array(meta["classes"])[graph.klass]
    assert dict(zip(klass.tolist(), graph.walk.tolist(), strict=True)) == {
        "main": False,
        "steps": True,
        "lane": True,
    }
    assert graph.speed_ab_kmh[klass == "steps"].tolist() == [0.0]
    assert codes(lambda: import_now(city=city, **tables(walk="some"))) == {"choice_unknown"}


LINES = [
    ([(104.01, 30.05), (104.03, 30.06), (104.05, 30.05)], "main", 7),
    ([(104.05, 30.05), (104.05, 30.08)], "lane", 8),
    ([(104.02, 30.02), (104.02, 30.09)], "lane", 9),  # crosses the first without a corner there
]


@pytest.mark.parametrize("ending", ["gpkg", "shp", "geojson"])
def test_drawn_lines_keep_their_corners_and_meet_only_where_they_share_one(
    city: City, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"lines.{ending}"
    shapes = shapely.to_wkb([shapely.LineString(line) for line, _class, _id in LINES])
    values = [np.array([row[1] for row in LINES], object), np.array([row[2] for row in LINES])]
    pyogrio.raw.write(path, shapes, values, ["class", "osm"], geometry_type="LineString", crs="EPSG:4326")
    options = {**OPTIONS, "columns": {"class": "class", "id": "osm"}}
    network = import_now(user=None, city=city, path=path, options=options).network
    assert network is not None and network.facts["islands"] == 1
    graph, meta = graph_of(network)
    first = int(np.flatnonzero(np.array(meta["classes"])[graph.klass] == "main")[0])
    assert graph.line_ptr[first + 1] - graph.line_ptr[first] == 1
    assert graph.length_m[first] > np.hypot(
        graph.node_x[graph.a[first]] - graph.node_x[graph.b[first]],
        graph.node_y[graph.a[first]] - graph.node_y[graph.b[first]],
    )
    assert sorted(graph.source_id.tolist()) == [7, 8]


def test_openstreetmap_needs_no_datum_and_refuses_a_false_one(city: City, shared_data_dir: Path) -> None:
    path = shared_data_dir / "osm" / "liechtenstein-latest.osm.pbf"
    assert codes(lambda: import_now(user=None, city=city, path=path, options={"datum": "GCJ-02"})) >= {
        "datum_wrong"
    }
    # read, but nothing of it lies in this town
    assert codes(lambda: import_now(user=None, city=city, path=path)) == {"roads_missing"}


def test_a_dry_run_counts_and_writes_nothing(city: City, tables: Any) -> None:
    done = import_now(city=city, dry_run=True, **tables())
    assert done.network is None and done.facts["streets"] == 2
    assert RoadNetwork.objects.count() == 1


def test_the_command_imports_and_lists_what_is_wrong(city: City, tables: Any) -> None:
    given = tables()
    out = StringIO()
    words = ["9001", str(given["path"]), "--links", str(given["links_path"]), "--datum", "WGS-84", "--json"]
    words += [
        "--columns",
        *(f"{name}={column}" for name, column in COLUMNS.items()),
        "--speeds",
        "default=30",
    ]
    call_command("import_network", *words, stdout=out)
    said = json.loads(out.getvalue())
    assert said["version"] == 2 and said["streets"] == 2 and said["nodes"] == 3
    call_command(
        "import_network",
        *words[:-1][:6],
        "--columns",
        "from=from",
        "to=to",
        "--speeds",
        "default=30",
        "--dry-run",
        stdout=out,
    )
    given["links_path"].write_text("from,to\n1,77\n", encoding="utf-8")
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("import_network", *words[:6], "--speeds", "default=30", "--json", stdout=out)
    assert [p["code"] for p in json.loads(out.getvalue())["problems"]] == ["id_unknown"]
    with pytest.raises(CommandError):
        call_command("import_network", "none", "x.osm")


def test_unknown_options_and_a_table_without_its_links_are_refused(city: City, tables: Any) -> None:
    given = tables()
    assert codes(lambda: import_now(city=city, user=None, path=given["path"], options={"shape": 1, "format": "x"})) == {
        "key_unknown", "choice_unknown",
    }  # fmt: skip
    assert "links_missing" in codes(
        lambda: import_now(city=city, user=None, path=given["path"], options={"datum": "WGS-84"})
    )


def test_an_upload_is_imported_by_a_job_and_then_forgotten(
    city: City, tables: Any, settings: Any, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    nodes, links = (
        keep_upload(SimpleUploadedFile(name, text.encode()))
        for name, text in (("n.csv", NODES), ("l.csv", LINKS))
    )
    job = import_network(user=None, city=city, path=nodes, links_path=links, options=OPTIONS)
    assert job.kind == "import_network"
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert job.state == "done", job.error
    assert job.result["version"] == 2 and job.result_url.endswith(
        f"/{RoadNetwork.objects.get(current=True).ref}/"
    )
    assert not nodes.exists() and not links.exists()
    broken = keep_upload(SimpleUploadedFile("roads.pbf", b"nothing of the kind"))
    job = import_network(user=None, city=city, path=broken)
    jobs.perform(job.ref)
    job = Job.objects.get(pk=job.pk)
    assert (job.state, job.error_code) == ("failed", "network-refused")
    assert "roads.pbf" in job.error and not broken.exists()
    assert RoadNetwork.objects.get(current=True).version == 2


def test_files_that_nobody_uploaded_are_never_removed(tables: Any) -> None:
    path = tables()["path"]
    forget_upload(str(path))
    assert path.exists()


def test_who_may_not_change_roads_may_not_import_them(city: City, tables: Any) -> None:
    chen = User.objects.create_user("chen")
    with pytest.raises(Forbidden):
        import_now(city=city, **{**tables(), "user": chen})
    given = tables()
    with pytest.raises(Forbidden):
        import_network(user=chen, city=city, path=given["path"])


SECOND = """
[[roads]]
name = "lanes"
datum = "WGS-84"
nodes = { path = "nodes2.csv" }
links = { path = "links2.csv", columns = { from = "from", to = "to" } }
speeds_kmh = { default = 15 }
join_m = 30

[[hazards]]"""
NODES2 = "id,lon,lat\n1,104.1001,30.0501\n2,104.1001,30.054\n3,104.103,30.054\n"
LINKS2 = "from,to\n1,2\n2,3\n"


def test_two_sets_of_roads_in_a_pack_are_joined_into_one_network(
    pack: Callable[..., Path], refused: Any
) -> None:
    files = {"nodes2.csv": NODES2, "links2.csv": LINKS2}
    load_city(path=pack(manifest=("\n[[hazards]]", SECOND), **files))
    network = RoadNetwork.objects.get()
    assert network.facts["joins"]["on_nodes"] == 1 and network.facts["islands"] == 0
    assert network.largest_part_share == 1
    load_city(path=pack(manifest=("\n[[hazards]]", SECOND.replace("join_m = 30", "")), **files))
    apart = RoadNetwork.objects.get(current=True)
    assert apart.version == 2 and apart.facts["islands"] == 1 and "joins" not in apart.facts
    load_city(path=pack())
    assert RoadNetwork.objects.get(current=True).facts["layers"][0]["name"] == "roads"
    assert len(RoadNetwork.objects.get(current=True).facts["layers"]) == 1
    problems = refused(pack(manifest=("\n[[hazards]]", SECOND.replace("30", "9000")), **files))
    assert [problem.code for problem in problems] == ["join_invalid"]


def test_speed_profiles_come_with_the_platform_and_keep_what_somebody_changed() -> None:
    assert load_speeds()["speed_profiles"] + SpeedProfile.objects.count() >= 3
    default = SpeedProfile.objects.get(is_default=True)
    assert default.code == "cn-city" and default.walk_m_per_min == 75
    assert not default.rules.filter(source="").exists()
    default.rules.filter(road_class="primary").update(kmh=33)
    assert load_speeds() == {"speed_profiles": 0}
    assert default.rules.get(road_class="primary").kmh == 33
    load_speeds(overwrite=True)
    assert default.rules.get(road_class="primary").kmh == 40
