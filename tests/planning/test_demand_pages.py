"""What a need is made of, on pages and the API: what it says, whom it says it to, in both languages; ranges on pages."""

import csv
import io
import re

import pytest
from django.test import Client
from rest_framework.test import APIClient

from planning.models import Scenario, Standard
from tests.planning.test_demand import ranged, told  # noqa: F401
from tests.planning.town import SERVICE, publish, standard


@pytest.fixture
def run(told, compute):  # noqa: F811
    """Two phases, groups, a range, and the same question by day."""
    Standard.objects.filter(profile=told.profile).update(phase="h0_24")
    standard(told.profile, told.service, phase="d4_15", ratio=0.5)
    publish(told.profile)
    Scenario.objects.update(seeking_share=0.8, rate_certainty="B")
    told.scenario.refresh_from_db()
    told.run, told.day = compute(told, ["night", "day"])
    ranged(told.run, told)
    return told


@pytest.fixture
def browse(person):
    def sign_in(name="lin", role="planner", area=None, language="en"):
        client = Client(headers={"accept-language": language})
        client.force_login(person(name, role, area))
        return client

    return sign_in


def words(answer):
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", answer.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)).replace("\xa0", " ")


def test_the_page_tells_the_need_and_what_it_is_made_of(run, browse):
    page = browse().get(f"/runs/{run.run.ref}/demand/")
    said = words(page)
    assert page.status_code == 200
    assert "Short fixed shelter, night: 115 places are needed." in said
    assert "Of 230 people counted, 230 are inside the scenario." in said
    assert "230 are affected, 115 leave home, 92 seek shelter" in said
    assert re.search(r"West 160 160 160 80 64 80 60–110", said)
    # by phase, by group, and whose numbers they are
    assert "0–24 h 1 115 decides" in said and "4–15 days 0.5 58" in said
    assert "Aged 15–59" in said and "The population layer tells apart: aged 0–14" in said
    assert "worked example" in said and "version 1" in said
    assert f"/gaps/T1/{SERVICE}/?run={run.run.ref}" in page.content.decode()
    assert "/standards/worked/" in page.content.decode()


def test_day_and_night_stand_side_by_side(run, browse):
    rows = browse().get(f"/runs/{run.run.ref}/demand/").context["rows"]
    # by day 60 + 60 people in the West and 10 in the East, half of whom leave home
    assert {one["row"].area.code: (one["row"].need, one["others"]) for one in rows} == {
        "T1": (80, [60]), "T2": (35, [5]),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("group=age_60_up", {("T1", "age_60_up"), ("T2", "age_60_up")}),
        ("phase=d4_15&level=1", {("T", "d4_15")}),
        ("area=T2", {("T2", "")}),
        ("level=1&level=2", {("T", ""), ("T1", ""), ("T2", "")}),
        ("group=nonsense", set()),
    ],
)
def test_filters_of_the_page_mean_the_same_on_the_api(run, browse, query, found):
    client = browse()
    page = client.get(f"/runs/{run.run.ref}/demand/?{query}")
    assert page.status_code == 200
    if query != "group=nonsense":
        shown = {(one["row"].area.code, one["row"].phase or one["row"].group) for one in page.context["rows"]}
        assert shown == found
    answer = client.get(f"/api/v1/runs/{run.run.ref}/demand/?{query}")
    if query == "group=nonsense":
        assert answer.status_code == 400
        return
    wanted = (
        found if "level" in query else {("T", code) for _area, code in found if "area" not in query} | found
    )
    assert {(row["code"], row["phase"] or row["group"]) for row in answer.json()["results"]} == wanted


def test_the_api_tells_every_part_with_standard_and_range_and_as_a_spreadsheet(run, person):
    program = APIClient()
    program.force_authenticate(person("lin", "planner"))
    address = f"/api/v1/runs/{run.run.ref}/demand/"
    row = program.get(address, {"level": 1}).json()["results"][0]
    assert {name: row[name] for name in ("need", "need_p10", "need_p50", "need_p90", "driver", "ratio_certainty")} == {
        "need": 115, "need_p10": 90, "need_p50": 115, "need_p90": 150, "driver": "displaced", "ratio_certainty": "D",
    }  # fmt: skip
    assert (row["people"], row["affected"], row["displaced"], row["seeking"]) == (230, 230, 115, 92)
    every = program.get(address, {"part": ["phase", "group"], "level": 2, "ordering": "-need"}).json()
    assert every["count"] == 2 * (2 + 5) and every["results"][0]["need"] == 80
    text = b"".join(program.get(address, {"format": "csv", "part": ["whole", "group"]}).streaming_content)
    listed = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"))))
    assert len(listed) == 3 * 6 and {row["service"] for row in listed} == {SERVICE}
    assert program.get(address, {"ordering": "nonsense"}).json()["code"] == "unknown-ordering"
    assert program.get(address, {"nonsense": 1}).json()["code"] == "unknown-filter"


def test_one_district_sees_only_itself_on_page_and_api(run, browse):
    chen = browse("chen", "viewer", run.left)
    said = words(chen.get(f"/runs/{run.run.ref}/demand/"))
    assert "80 places are needed" in said and "East" not in said and "115" not in said
    rows = chen.get(f"/api/v1/runs/{run.run.ref}/demand/").json()
    assert rows["count"] == 1 and rows["results"][0]["code"] == "T1"
    assert chen.get(f"/api/v1/runs/{run.run.ref}/demand/?area=T2").json()["count"] == 0
    text = b"".join(chen.get(f"/api/v1/runs/{run.run.ref}/demand/?format=csv&part=group").streaming_content)
    assert b"T2" not in text


def test_somebody_elses_city_is_not_there(run, browse):
    nobody = browse("eve", "")
    for address in ("demand/", "tables.xlsx"):
        assert nobody.get(f"/runs/{run.run.ref}/{address}").status_code == 404
    for address in ("demand/", "tables/"):
        assert nobody.get(f"/api/v1/runs/{run.run.ref}/{address}").status_code == 404


def test_queries_do_not_grow_with_the_rows(run, browse, django_assert_max_num_queries):
    client = browse()
    for address in (
        f"/runs/{run.run.ref}/demand/",
        f"/runs/{run.run.ref}/demand/?level=1&level=2&part=group&part=phase",
    ):
        client.get(address)
        with django_assert_max_num_queries(40):
            assert client.get(address).status_code == 200


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_range_stands_beside_the_number_on_every_page_that_guides_a_decision(run, browse, language):
    client, ref = browse(language=language), run.run.ref
    for address, range_ in (
        (f"/runs/{ref}/", "P10–P90 90–150"),
        (f"/runs/{ref}/?service={SERVICE}", "60–110"),
        (f"/runs/{ref}/demand/", "P10–P90 90–150"),
        (f"/gaps/?run={ref}", "15–27"),
        (f"/gaps/T1/{SERVICE}/?run={ref}", "P10–P90 60–110"),
        (f"/map/?run={ref}", "P10–P90 90–150"),
        (f"/map/card/?run={ref}&service={SERVICE}&area=T1", "60–110"),
        ("/", "30–42"),
    ):
        page = client.get(address)
        assert page.status_code == 200, address
        assert range_ in words(page).replace("P10–P90  ", "P10–P90 "), (address, range_)


def test_without_a_range_the_page_says_so_and_offers_it_to_those_who_may(run, browse):
    said = words(browse().get(f"/runs/{run.day.ref}/"))
    assert "No range yet" in said and "compute it" in said
    said = words(browse("he", "viewer").get(f"/runs/{run.day.ref}/"))
    assert "No range yet" in said and "compute it" not in said


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_viewer_of_one_district_gets_the_range_of_the_district(run, browse, language):
    said = words(browse("chen", "viewer", run.left, language).get(f"/runs/{run.run.ref}/"))
    assert "P10–P90 60–110" in said and "90–150" not in said
