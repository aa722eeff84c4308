"""Idle assets: what they may become, who may see and change them."""

import gzip
from typing import Any

import pytest

from core.errors import Forbidden, InvalidInput
from facilities.errors import ChangedMeanwhile
from facilities.models import ServiceType
from inventory.models import AssetOption, IdleAsset
from inventory.selectors.idle_assets import option_rows
from inventory.services.idle_assets import create_asset, set_option, update_asset
from tests.planning.mvt import features

PLOT = {
    "name": "空地",
    "kind": "land",
    "land_m2": 5_000.0,
    "original_x": 104.05,
    "original_y": 30.05,
    "datum": "WGS-84",
}
URL = "/api/v1/idle-assets/"


@pytest.fixture
def lin(person: Any, town: Any) -> Any:
    return person("lin", "planner")


@pytest.fixture
def pair(lin: Any, town: Any) -> tuple[IdleAsset, IdleAsset]:
    """One plot in the west, one in the east, each may become a shelter."""
    made = []
    for lon, name, cost in ((104.05, "西地", 300), (104.15, "东地", 100)):
        asset = create_asset(user=lin, city=town, fields={**PLOT, "original_x": lon, "name": name})
        shelter = ServiceType.objects.get(code="short_fixed_shelter")
        set_option(
            user=lin, asset=asset, service=shelter, kind="build", capacity=400, cost_fen=cost * 10_000_00
        )
        made.append(asset)
    return made[0], made[1]


def test_an_asset_finds_its_district_and_its_options_feed_the_siting(
    pair: Any, town: Any, django_assert_num_queries: Any
) -> None:
    assert [asset.area.code for asset in pair] == ["5101", "5102"]
    with django_assert_num_queries(1):
        rows = option_rows(town)
    assert [(row.name, row.service, row.kind, row.capacity, row.cost_fen, row.area_path) for row in rows] == [
        ("西地", "short_fixed_shelter", "build", 400, 300_000_000, "51/5101/"),
        ("东地", "short_fixed_shelter", "build", 400, 100_000_000, "51/5102/"),
    ]


def test_an_asset_in_use_again_is_no_candidate(pair: Any, town: Any, lin: Any) -> None:
    update_asset(user=lin, asset=pair[0], version=1, fields={"status": "used"})
    assert [row.name for row in option_rows(town)] == ["东地"]


def test_the_same_option_once_more_changes_it(pair: Any, lin: Any) -> None:
    shelter = ServiceType.objects.get(code="short_fixed_shelter")
    set_option(user=lin, asset=pair[0], service=shelter, kind="build", capacity=500, cost_fen=5)
    assert AssetOption.objects.get(asset=pair[0]).capacity == 500
    with pytest.raises(InvalidInput):
        set_option(user=lin, asset=pair[0], service=shelter, kind="magic", capacity=-1, cost_fen=5)


def test_the_second_of_two_editors_is_stopped(pair: Any, lin: Any) -> None:
    update_asset(user=lin, asset=pair[0], version=1, fields={"tenure": "public"})
    with pytest.raises(ChangedMeanwhile):
        update_asset(user=lin, asset=pair[0], version=1, fields={"tenure": "private"})


def test_a_planner_of_one_district_changes_nothing_elsewhere(pair: Any, person: Any, district: Any) -> None:
    with pytest.raises(Forbidden):
        update_asset(
            user=person("chen", "planner", area=district),
            asset=pair[1],
            version=1,
            fields={"tenure": "public"},
        )


def test_a_person_of_one_district_sees_nothing_of_the_other(
    api: Any, client: Any, person: Any, district: Any, pair: Any
) -> None:
    west, east = pair
    chen = person("chen", "viewer", area=district)
    program = api(chen)
    assert [row["ref"] for row in program.get(URL).json()["results"]] == [west.ref]
    assert program.get(f"{URL}{east.ref}/").status_code == 404
    assert program.get("/api/v1/asset-options/").json()["count"] == 1
    text = b"".join(program.get(f"{URL}?format=csv").streaming_content).decode()
    assert west.ref in text and east.ref not in text
    client.force_login(chen)
    assert client.get("/inventory/idle/").context["page"].paginator.count == 1
    assert client.get(f"/inventory/idle/{east.ref}/").status_code == 404
    answer = client.get("/tiles/idle-assets/6/50/26.pbf?city=51")
    tile = (
        gzip.decompress(answer.content)
        if answer.headers.get("Content-Encoding") == "gzip"
        else answer.content
    )
    assert {feature["ref"] for feature in features(tile, "idle-assets")} == {west.ref}
    assert "东地" not in client.get("/search/?q=地").content.decode()


def test_page_and_api_filter_alike(api: Any, client: Any, lin: Any, pair: Any) -> None:
    program = api(lin)
    client.force_login(lin)
    west, east = pair[0].ref, pair[1].ref
    cases = {
        "": {west, east}, "area=5102": {east}, "service=isolation_lodging": set(), "kind=land": {west, east}, "status=used": set(),
        "cost_max=200000000": {east}, "search=西": {west}, "near=104.15,30.05,300": {east},
    }  # fmt: skip
    for query, expected in cases.items():
        assert {row["ref"] for row in program.get(f"{URL}?{query}").json()["results"]} == expected, query
        assert client.get(f"/inventory/idle/?{query}").context["page"].paginator.count == len(expected), query
    assert [row["ref"] for row in program.get(f"{URL}?ordering=cost").json()["results"]] == [east, west]


def test_assets_and_options_are_written_over_the_api(api: Any, lin: Any) -> None:
    program = api(lin)
    made = program.post(URL, {"city": "51", **PLOT}, format="json")
    assert made.status_code == 201, made.content
    body = {
        "asset": made.json()["ref"],
        "service": "isolation_lodging",
        "kind": "build",
        "capacity": 60,
        "cost_fen": 7_000,
    }
    assert program.post("/api/v1/asset-options/", body, format="json").status_code == 201
    changed = program.patch(made["Location"], {"tenure": "public"}, format="json", HTTP_IF_MATCH=made["ETag"])
    assert (
        changed.status_code == 200 and changed.json()["version"] == 2 and len(changed.json()["options"]) == 1
    )
    swapped = program.post(
        URL, {"city": "51", **PLOT, "original_x": 30.05, "original_y": 104.05}, format="json"
    )
    assert swapped.status_code == 422


def test_the_pages_add_edit_and_show_an_asset(client: Any, lin: Any) -> None:
    client.force_login(lin)
    body = {**PLOT, "status": "idle", "tenure": "unknown"}
    assert client.post("/inventory/idle/new/", body).status_code == 302
    asset = IdleAsset.objects.get()
    option = {
        "service": "short_fixed_shelter",
        "kind": "build",
        "capacity": "200",
        "cost_yuan": "1000000",
        "lead_months": "9",
    }
    assert client.post(f"/inventory/idle/{asset.ref}/options/", option).status_code == 302
    text = client.get(f"/inventory/idle/{asset.ref}/").content.decode()
    assert "空地" in text and "¥1.00 M" in text
    edit = {**body, "version": "1", "name": "改名"}
    assert client.post(f"/inventory/idle/{asset.ref}/edit/", edit).status_code == 302
    late = client.post(f"/inventory/idle/{asset.ref}/edit/", {**edit, "name": "又改"})
    assert late.status_code == 409 and "又改" in late.content.decode()
