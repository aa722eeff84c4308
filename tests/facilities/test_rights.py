"""A person with a role in one district sees nothing of the others: list, count, record, tile, export, related lists."""

import datetime
import gzip
from typing import Any

import pytest

from facilities.models import Agreement, Certificate, ImportBatch
from facilities.services.proposals import propose_change
from tests.planning.mvt import features


def tile_of(answer: Any) -> bytes:
    return (
        gzip.decompress(answer.content)
        if answer.headers.get("Content-Encoding") == "gzip"
        else answer.content
    )


@pytest.fixture
def pair(facility: Any) -> tuple[Any, Any]:
    """One place in the west, one in the east, each with papers."""
    both = (
        facility("gym", area_m2=4_000, name="西馆"),
        facility("gym", area_m2=5_000, lon=104.15, name="东馆"),
    )
    for one in both:
        Agreement.objects.create(facility=one, party="甲", valid_to=datetime.date(2030, 1, 1))
        Certificate.objects.create(facility=one, kind="fire")
    return both


def test_lists_counts_and_exports_hold_only_the_own_district(
    api: Any, client: Any, person: Any, district: Any, pair: Any
) -> None:
    west, east = pair
    chen = person("chen", "steward", area=district)
    program = api(chen)
    for noun in ("facilities", "capabilities", "certificates", "agreements"):
        answer = program.get(f"/api/v1/{noun}/").json()
        assert answer["count"] == len(answer["results"]) > 0
        assert {row.get("facility", row.get("ref")) for row in answer["results"]} == {west.ref}, noun
    for form in ("csv", "geojson"):
        text = b"".join(program.get(f"/api/v1/facilities/?format={form}").streaming_content).decode()
        assert west.ref in text and east.ref not in text
    client.force_login(chen)
    page = client.get("/facilities/")
    assert page.context["page"].paginator.count == 1
    assert east.name not in page.content.decode() and "5102" not in page.content.decode()
    assert (
        sum(
            option["count"]
            for facet in page.context["facets"]
            if facet["name"] == "use"
            for option in facet["options"]
        )
        == 1
    )


def test_a_record_of_another_district_is_not_found_for_reading_or_writing(
    api: Any, client: Any, person: Any, district: Any, pair: Any
) -> None:
    east = pair[1]
    chen = person("chen", "steward", area=district)
    program = api(chen)
    client.force_login(chen)
    address = f"/api/v1/facilities/{east.ref}/"
    assert program.get(address).status_code == 404
    assert program.patch(address, {"owner": "x"}, format="json", HTTP_IF_MATCH="*").status_code == 404
    assert (
        program.post("/api/v1/certificates/", {"facility": east.ref, "kind": "x"}, format="json").status_code
        == 404
    )
    for page in ("", "edit/", "propose/", "roles/"):
        assert client.get(f"/facilities/{east.ref}/{page}").status_code == 404


def test_filters_cannot_reach_into_another_district(api: Any, person: Any, district: Any, pair: Any) -> None:
    program = api(person("chen", "viewer", area=district))
    for query in ("area=5102", "near=104.15,30.05,500", "search=东馆", f"search={pair[1].ref}"):
        assert program.get(f"/api/v1/facilities/?{query}").json()["count"] == 0, query


def test_tiles_draw_only_the_own_district(client: Any, person: Any, district: Any, pair: Any) -> None:
    def drawn() -> set[str]:
        answer = client.get("/tiles/facilities/6/50/26.pbf?city=51")
        assert answer.status_code == 200
        return {feature["ref"] for feature in features(tile_of(answer), "facilities")}

    client.force_login(person("chen", "viewer", area=district))
    assert drawn() <= {pair[0].ref} and drawn()
    client.force_login(person("stranger"))
    assert client.get("/tiles/facilities/6/50/26.pbf?city=51").status_code == 404


def test_proposals_and_the_search_stay_within_the_own_district(
    client: Any, person: Any, district: Any, pair: Any
) -> None:
    lin, chen = person("lin", "planner"), person("chen", "steward", area=district)
    for one in pair:
        propose_change(user=lin, facility=one, version=1, fields={"owner": "甲"}, reason="核实")
    client.force_login(chen)
    assert client.get("/facilities/changes/").context["page"].paginator.count == 1
    assert "东馆" not in client.get("/search/?q=馆").content.decode()


def test_files_that_were_brought_in_are_for_stewards_of_the_whole_city(
    api: Any, person: Any, district: Any, town: Any
) -> None:
    ImportBatch.objects.create(
        ref="IM-1", city=town, file_name="a.csv", sha256="0", datum="WGS-84", state="applied"
    )
    assert api(person("chen", "steward", area=district)).get("/api/v1/imports/").json()["count"] == 0
    assert api(person("vera", "viewer")).get("/api/v1/imports/").json()["count"] == 0
    assert api(person("sun", "steward")).get("/api/v1/imports/").json()["count"] == 1


def test_a_viewer_sees_no_button_that_would_be_refused_and_is_refused(
    client: Any, person: Any, pair: Any
) -> None:
    client.force_login(person("vera", "viewer"))
    page = client.get("/facilities/").content.decode()
    assert "/facilities/new/" not in page and "/facilities/import/" not in page
    for address in ("/facilities/new/", "/facilities/import/", f"/facilities/{pair[0].ref}/edit/"):
        assert client.get(address).status_code == 403
