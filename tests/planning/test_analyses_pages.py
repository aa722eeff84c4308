"""The pages of analyses: what they say, whom they say it to, in both languages."""

import re

import pytest
from django.test import Client

from core.models import Job
from core.services import jobs
from planning.services.analyses import start_analysis
from tests.planning.town import SERVICE

KINDS = ("hours", "loss", "backup", "access", "equity")


@pytest.fixture
def night(town, compute):
    return compute(town, ["night", "day"])[0]


@pytest.fixture
def browse(person):
    def sign_in(name="lin", role="planner", area=None, language="en"):
        client = Client(headers={"accept-language": language})
        client.force_login(person(name, role, area))
        return client

    return sign_in


@pytest.fixture
def analysed(night):
    for kind in KINDS:
        _analysis, job = start_analysis(user=None, run=night, kind=kind)
        jobs.perform(job.ref)
    return night


def words(answer):
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", answer.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text).replace("\xa0", " ").replace("&nbsp;", " "))


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_page_before_and_after_it_is_computed(night, browse, kind, language):
    lin = browse(language=language)
    before = lin.get(f"/runs/{night.ref}/analyses/{kind}/")
    assert before.status_code == 200 and "hx-post" in before.content.decode()
    lin.post(f"/runs/{night.ref}/analyses/{kind}/")
    jobs.perform(Job.objects.get(kind="analyse").ref)
    after = lin.get(f"/runs/{night.ref}/analyses/{kind}/")
    assert after.status_code == 200 and "<table" in after.content.decode()


def test_the_sentences_say_what_was_found(analysed, browse):
    lin = browse()
    said = {kind: words(lin.get(f"/runs/{analysed.ref}/analyses/{kind}/")) for kind in KINDS}
    assert (
        "90 % of the need is never served; it stays at 70 %. Too much of the need is out of reach."
        in said["hours"]
    )
    assert "52 % after 24 h" in said["hours"]
    assert (
        "If Place 1 fails, 60 people lose cover." in said["loss"]
        and "1 of 2 places would be missed" in said["loss"]
    )
    assert "0 % of the need has two or more usable facilities in reach." in said["backup"]
    assert "70 % hangs on a single one, 30 % has none." in said["backup"]
    assert "Nothing is served of 30 % of the need; on average 52 % is." in said["equity"]
    assert "Best: West, 75 %. Last: East, 0 %." in said["equity"]
    assert "Night" in said["equity"] and "Day" in said["equity"]


def test_the_record_of_a_run_leads_to_every_analysis_and_names_what_it_stands_on(analysed, browse):
    lin = browse()
    record = lin.get(f"/runs/{analysed.ref}/").content.decode()
    for kind in KINDS:
        assert f"/runs/{analysed.ref}/analyses/{kind}/" in record
        page = lin.get(f"/runs/{analysed.ref}/analyses/{kind}/").content.decode()
        assert "/standards/worked/" in page and f"/scenarios/{analysed.scenario.ref}/" in page
        assert f"/runs/{analysed.ref}/" in page and "worked example" in page


def test_a_viewer_is_told_that_somebody_else_must_start_it(night, browse):
    he = browse("he", "viewer")
    page = he.get(f"/runs/{night.ref}/analyses/loss/")
    assert (
        "Your role does not allow to start it" in words(page)
        and "hx-post" not in page.content.decode().split("<main")[1]
    )
    assert he.post(f"/runs/{night.ref}/analyses/loss/").status_code == 403


def test_a_person_of_one_district_reads_its_own_figures(analysed, browse, town):
    wang = browse("wang", "viewer", town.left)
    for kind in KINDS:
        page = wang.get(f"/runs/{analysed.ref}/analyses/{kind}/")
        assert page.status_code == 200 and "East" not in words(page), kind
    assert "75 % after 24 h" in words(wang.get(f"/runs/{analysed.ref}/analyses/hours/"))


def test_someone_without_a_role_finds_no_page(analysed, browse):
    chen = browse("chen", "")
    for kind in KINDS:
        assert chen.get(f"/runs/{analysed.ref}/analyses/{kind}/").status_code == 404
    assert browse("lin").get(f"/runs/{analysed.ref}/analyses/luck/").status_code == 404


def test_settings_are_read_from_the_form_and_refused_in_words(night, browse):
    lin, address = browse(), f"/runs/{night.ref}/analyses/hours/"
    lin.post(address, {"hours": "2、12，48", "share": "80"})
    assert Job.objects.get(kind="analyse").analyses.get().params == {"hours": [2, 12, 48], "share": 0.8}
    refused = lin.post(address, {"hours": "soon"}, headers={"HX-Request": "true"})
    assert "Write hours as numbers" in words(refused)
    refused = lin.post(address, {"share": "900"}, headers={"HX-Request": "true"})
    assert "The share must be a number from 0.01 to 1" in words(refused)


def test_a_facility_can_be_asked_why_it_serves_what_it_serves(analysed, browse, town):
    lin = browse()
    full = words(lin.get(f"/runs/{analysed.ref}/facilities/{town.places[0].ref}/{SERVICE}/"))
    assert (
        "Why Place 1 takes 60 places" in full
        and "All 60 places are taken; 20 in its reach are left without." in full
    )
    late = words(lin.get(f"/runs/{analysed.ref}/facilities/{town.places[1].ref}/{SERVICE}/"))
    assert "It is ready after 100 h; the standard allows 72 h." in late
    lapsed = words(lin.get(f"/runs/{analysed.ref}/facilities/{town.places[2].ref}/{SERVICE}/"))
    assert "Why Place 3 serves nobody" in lapsed and "agreement lapsed" in lapsed
    wang = browse("wang", "viewer", town.left)
    assert wang.get(f"/runs/{analysed.ref}/facilities/{town.places[1].ref}/{SERVICE}/").status_code == 404


def test_one_cell_has_its_own_why_and_the_card_of_the_map_leads_there(analysed, browse, town):
    lin = browse()
    card = lin.get("/map/card/", {"run": analysed.ref, "service": SERVICE, "area": "T1", "cell": "c2"})
    assert "Cell c2: need 30, gap 20" in words(card) and "cell=c2" in card.content.decode()
    page = words(lin.get(f"/gaps/T1/{SERVICE}/", {"run": analysed.ref, "cell": "c2"}))
    assert "Why 20 places are missing in cell c2" in page and "1 cell in West; night" in page
    wang = browse("wang", "viewer", town.left)
    assert wang.get(f"/gaps/T1/{SERVICE}/", {"run": analysed.ref, "cell": "c3"}).status_code == 404
    assert "c3" not in words(
        wang.get("/map/card/", {"run": analysed.ref, "service": SERVICE, "area": "T1", "cell": "c3"})
    )
