"""The pages, the API and the commands of batches and of two runs side by side."""

import csv
import io
import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from core.models import Job
from core.services import jobs
from planning.models import Batch, Run, Scenario
from planning.selectors.batches import (
    batch_rows,
    batches_visible_to,
    services_of,
    step_values,
    worst_by_district,
)
from planning.services.batches import start_batch
from planning.services.sweeps import Sweep
from tests.planning.test_batches import done, more_scenarios
from tests.planning.test_comparisons import range_row
from tests.planning.town import SERVICE, publish

API = "/api/v1/batches/"


@pytest.fixture
def browse(person: Callable[..., Any]) -> Callable[..., Client]:
    def sign_in(name: str = "lin", role: str = "planner", area: Any = None, language: str = "en") -> Client:
        client = Client(headers={"accept-language": language})
        client.force_login(person(name, role, area))
        return client

    return sign_in


@pytest.fixture
def batch(town: SimpleNamespace) -> Batch:
    """The town as it is (115 needed by night, 55 short), with a fifth leaving home (46 needed), and without a rate."""
    two = more_scenarios(town, 3)
    Scenario.objects.filter(pk=two[1].pk).update(displaced_share=0.2)
    Scenario.objects.filter(pk=two[2].pk).update(displaced_share=None)
    return done(
        start_batch(user=None, city=town.city, scenarios=Scenario.objects.order_by("pk"), name="Three", detour_factor=1.0)
    )  # fmt: skip


def words(answer: Any) -> str:
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", answer.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text).replace("\xa0", " "))


# --- rows ------------------------------------------------------------------------------------------


def test_runs_are_ranked_by_what_falls_short(batch: Batch, person: Callable[..., Any]) -> None:
    rows = batch_rows(batch, user=person("lin", "planner"), service=SERVICE)
    told = [
        (row.rank, row.run.time_of_day, row.services[SERVICE].totals.need, row.services[SERVICE].totals.gap)
        for row in rows
        if row.services
    ]
    # Night 115, short 55. A fifth of 100, 60, 40, 30: c1 20 and c2 12 served by A, c3 8 late at B, c4 6 out of reach.
    # Day 65, short 5; a fifth of 60, 60, 0, 10: 12 + 12 served, 2 out of reach.
    assert told == [(1, "night", 115, 55), (2, "night", 46, 14), (3, "day", 65, 5), (4, "day", 26, 2)]
    assert [row.rank for row in rows if not row.services] == [None, None]


def test_ranked_by_coverage_the_least_covered_comes_first(batch: Batch) -> None:
    shares = [row.coverage for row in batch_rows(batch, user=None) if row.coverage is not None]
    assert shares == sorted(shares) and shares[0] == pytest.approx(60 / 115)


def test_equal_runs_share_a_rank(town: SimpleNamespace) -> None:
    batch = done(start_batch(user=None, city=town.city, scenarios=[town.scenario], detour_factor=1.0))
    AREA = batch.runs.first().totals[0]
    Run.objects.update(totals=[AREA])
    assert [row.rank for row in batch_rows(batch, user=None, service=SERVICE)] == [1, 1]


def test_each_row_names_its_worst_district(batch: Batch) -> None:
    first = batch_rows(batch, user=None, service=SERVICE)[0].services[SERVICE]
    # East: 20 late and 15 out of reach; west: 20 without room.
    assert first.worst is not None and (first.worst.area.code, first.worst.gap) == ("T2", 35)


def test_each_district_has_a_worst_case_of_its_own(batch: Batch, town: SimpleNamespace) -> None:
    rows = batch_rows(batch, user=None)
    worst = worst_by_district(rows, town.service, user=None)
    assert [(one.area.code, one.result.gap, one.row.run.time_of_day) for one in worst] == [
        ("T2", 35, "night"), ("T1", 20, "night"),
    ]  # fmt: skip


def test_someone_of_one_district_sees_the_numbers_of_that_alone(
    batch: Batch, town: SimpleNamespace, person: Callable[..., Any]
) -> None:
    chen = person("chen", "planner", town.left)
    first = batch_rows(batch, user=chen, service=SERVICE)[0].services[SERVICE]
    assert (first.totals.need, first.totals.gap, first.worst.area.code) == (80, 20, "T1")
    assert [
        one.area.code for one in worst_by_district(batch_rows(batch, user=chen), town.service, user=chen)
    ] == ["T1"]


def test_ranges_stand_beside_the_gap_for_those_who_see_the_city(
    batch: Batch, town: SimpleNamespace, person: Callable[..., Any]
) -> None:
    first = batch_rows(batch, user=None, service=SERVICE)[0]
    range_row(first.run, first.run.area_results.get(area=town.root), 40, 70)
    lin, chen = person("lin", "planner"), person("chen", "planner", town.left)
    assert batch_rows(batch, user=lin, service=SERVICE)[0].services[SERVICE].gap_range == (40, 55, 70)
    assert batch_rows(batch, user=chen, service=SERVICE)[0].services[SERVICE].gap_range is None


def test_rows_take_as_many_queries_for_many_runs_as_for_few(
    batch: Batch, town: SimpleNamespace, django_assert_max_num_queries: Any
) -> None:
    wide = done(
        start_batch(user=None, city=town.city, scenarios=more_scenarios_again(town), detour_factor=1.0)
    )
    with django_assert_max_num_queries(6):
        services_of(batch_rows(wide, user=None))


def more_scenarios_again(town: SimpleNamespace) -> list[Scenario]:
    return list(Scenario.objects.filter(city=town.city, displaced_share__isnull=False))


def test_the_steps_of_a_sweep_are_equal_and_round() -> None:
    assert step_values({"from": 0.05, "to": 0.30, "steps": 6}) == [0.05, 0.1, 0.15, 0.2, 0.25, 0.3]


# --- pages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_answers_in_both_languages(
    batch: Batch, browse: Callable[..., Client], language: str
) -> None:
    lin = browse(language=language)
    runs = list(batch.runs.filter(state="done").order_by("pk"))
    for address in (
        "/batches/", "/batches/new/", f"/batches/{batch.ref}/", f"/batches/{batch.ref}/?view=services",
        f"/batches/{batch.ref}/?view=districts", f"/runs/{runs[0].ref}/compare/", f"/runs/{runs[0].ref}/compare/?with={runs[1].ref}",
    ):  # fmt: skip
        answer = lin.get(address)
        assert answer.status_code == 200, address


def test_the_record_shows_the_ranking_and_what_is_missing(
    batch: Batch, browse: Callable[..., Client]
) -> None:
    said = words(browse().get(f"/batches/{batch.ref}/"))
    assert "The share of the affected who leave home is missing." in said
    assert said.index(" 115 ") < said.index(" 46 ")
    assert "First by gap, " in said


def test_a_batch_is_started_on_the_page_and_followed_there(
    town: SimpleNamespace, browse: Callable[..., Client]
) -> None:
    publish(town.profile)
    lin = browse()
    answer = lin.post(
        "/batches/new/",
        {"kind": "scenarios", "scenarios": [town.scenario.ref], "times_of_day": ["night"], "profile": "worked", "assignment": "nearest"},
    )  # fmt: skip
    batch = Batch.objects.get()
    assert answer.status_code == 302 and answer["Location"] == f"/batches/{batch.ref}/"
    page = lin.get(f"/batches/{batch.ref}/").content.decode()
    assert "data-follow" in page and 'hx-trigger="every 4s"' in page
    jobs.perform(batch.job.ref)
    part = lin.get(f"/batches/{batch.ref}/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part and "every 4s" not in part and 'id="found"' in part


def test_a_sweep_is_typed_in_per_cent(town: SimpleNamespace, browse: Callable[..., Client]) -> None:
    publish(town.profile)
    lin = browse()
    numbers = lin.get("/batches/new/numbers/", {"scenario": town.scenario.ref}).content.decode()
    assert 'value="displaced_share"' in numbers and "now 50.0" in numbers.replace("\xa0", " ")
    form = {
        "kind": "sweep", "scenario": town.scenario.ref, "path": "displaced_share", "low": "5", "high": "30", "steps": "6",
        "profile": "worked", "assignment": "nearest",
    }  # fmt: skip
    assert lin.post("/batches/new/", form).status_code == 302
    assert Batch.objects.get().sweep["from"] == 0.05 and Batch.objects.get().sweep["to"] == 0.3
    wrong = lin.post("/batches/new/", form | {"high": "130"})
    assert wrong.status_code == 422 and "1 at most" in words(wrong)
    assert (
        lin.post("/batches/new/", {"kind": "sweep", "profile": "worked", "assignment": "nearest"}).status_code
        == 422
    )


def test_only_those_who_may_run_are_offered_a_batch(batch: Batch, browse: Callable[..., Client]) -> None:
    vera = browse("vera", "viewer")
    assert "Run a batch" not in words(vera.get("/batches/"))
    assert vera.get("/batches/new/").status_code == 403
    assert vera.get(f"/batches/{batch.ref}/").status_code == 200


def test_a_batch_of_another_city_is_not_there(batch: Batch, browse: Callable[..., Client]) -> None:
    stranger = browse("mo", "")
    assert stranger.get(f"/batches/{batch.ref}/").status_code in (302, 404)
    assert stranger.get(f"{API}{batch.ref}/").status_code == 404
    assert not batches_visible_to(Client().get("/").wsgi_request.user).exists()


def test_two_ticked_runs_open_side_by_side(batch: Batch, browse: Callable[..., Client]) -> None:
    one, two = batch.runs.filter(state="done").order_by("pk")[:2]
    answer = browse().get(f"/batches/{batch.ref}/", {"a": one.ref, "b": two.ref})
    assert answer["Location"] == f"/runs/{one.ref}/compare/?with={two.ref}"


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_table_is_a_file(batch: Batch, browse: Callable[..., Client], form: str) -> None:
    answer = browse().get(f"/batches/{batch.ref}/table.{form}", {"service": SERVICE})
    assert answer.status_code == 200
    if form == "csv":
        lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    else:
        sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
        heads, *rows = sheet.iter_rows(values_only=True)
        lines = [dict(zip(heads, row, strict=True)) for row in rows]
    assert len(lines) == 6 and [int(line["need"]) for line in lines[:4]] == [115, 46, 65, 26]
    assert all(int(line["gap"]) == int(line["need"]) - int(line["served"]) for line in lines[:4])
    assert "missing" in lines[4]["missing"]
    assert browse("mo", "viewer").get(f"/batches/{batch.ref}/table.pdf").status_code == 404


def test_the_comparison_says_in_a_sentence_what_changes(
    town: SimpleNamespace, compute: Callable[..., Any], browse: Callable[..., Client]
) -> None:
    night, day = compute(town, ["night", "day"])
    lin = browse()
    said = words(lin.get(f"/runs/{night.ref}/compare/", {"with": day.ref}))
    assert "B falls short by 50 places less than A (need −50). Of 2 areas, 0 are worse and 2 better." in said
    assert "Time of day" in said and "−30" in said and "−20" in said
    assert "same run" in words(lin.get(f"/runs/{night.ref}/compare/", {"with": night.ref}))
    assert lin.get(f"/runs/{night.ref}/compare/", {"with": "R-0"}).status_code == 404
    chen = words(browse("chen", "viewer", town.left).get(f"/runs/{night.ref}/compare/", {"with": day.ref}))
    assert "B falls short by 20 places less than A" in chen and "−30" not in chen


def test_the_comparison_notes_ranges_that_overlap(
    town: SimpleNamespace, compute: Callable[..., Any], browse: Callable[..., Client]
) -> None:
    night, day = compute(town, ["night", "day"])
    range_row(night, night.area_results.get(area=town.left), 0, 30)
    range_row(day, day.area_results.get(area=town.left), 0, 12)
    said = words(browse().get(f"/runs/{night.ref}/compare/", {"with": day.ref}))
    assert "In 1 area the ranges overlap" in said and "overlap" in said and "P10–P90" in said


def test_a_varied_run_says_what_was_varied(town: SimpleNamespace, browse: Callable[..., Client]) -> None:
    batch = done(
        start_batch(user=None, city=town.city, sweep=Sweep(town.scenario, "displaced_share", 0.1, 0.2, 2), times_of_day=["night"])
    )  # fmt: skip
    run = batch.runs.get(entries__position=1)
    lin = browse()
    assert "share of the affected who leave home: 10.0 % varied for this run" in words(
        lin.get(f"/runs/{run.ref}/")
    )
    assert "10.0 %" in words(lin.get(f"/batches/{batch.ref}/"))
    assert lin.get("/map/", {"run": run.ref}).context["run"] == run


# --- API and commands ------------------------------------------------------------------------------


def test_a_batch_is_posted_followed_and_read(town: SimpleNamespace, browse: Callable[..., Client]) -> None:
    lin = browse()
    answer = lin.post(API, {"city": "town", "times_of_day": ["night"]}, content_type="application/json")
    assert answer.status_code == 202 and answer["Location"].startswith("/api/v1/jobs/")
    ref = answer.json()["batch"]
    jobs.perform(answer.json()["job"]["ref"])
    told = lin.get(f"{API}{ref}/", {"service": SERVICE}).json()
    assert (told["runs"], told["done"], told["waiting"]) == (1, 1, 0)
    row = told["rows"][0]
    assert (row["rank"], row["scenario"], row["time_of_day"]) == (1, town.scenario.ref, "night")
    assert sum(row["services"][0][name] for name in ("served", "late", "no_room", "out_of_reach")) == 115
    again = lin.post(API, {"city": "town", "times_of_day": ["night"]}, content_type="application/json")
    assert again.status_code == 201 and again.json()["done"] == 1
    assert lin.get(API, {"city": "town"}).json()["results"][0]["ref"] == again.json()["ref"]
    assert lin.get(f"{API}{ref}/", {"measure": "beauty"}).status_code == 400


def test_a_sweep_is_posted(town: SimpleNamespace, browse: Callable[..., Client]) -> None:
    lin = browse()
    sweep = {"scenario": town.scenario.ref, "path": "displaced_share", "from": 0.1, "to": 0.2, "steps": 2}
    body = {"city": "town", "sweep": sweep, "times_of_day": ["night"]}
    answer = lin.post(API, body, content_type="application/json")
    assert answer.status_code == 202
    jobs.perform(answer.json()["job"]["ref"])
    rows = lin.get(f"{API}{answer.json()['batch']}/").json()["rows"]
    assert sorted(row["value"] for row in rows) == [0.1, 0.2]
    wrong = lin.post(API, body | {"sweep": sweep | {"path": "notes"}}, content_type="application/json")
    assert wrong.status_code == 422 and wrong.json()["code"] == "unknown-number"
    both = lin.post(API, body | {"scenarios": [town.scenario.ref]}, content_type="application/json")
    assert both.status_code == 422
    unknown = lin.post(API, {"city": "town", "scenarios": ["S-0"]}, content_type="application/json")
    assert unknown.status_code == 422 and "S-0" in unknown.content.decode()


def test_a_viewer_may_not_post_one(town: SimpleNamespace, browse: Callable[..., Client]) -> None:
    vera = browse("vera", "viewer")
    assert vera.post(API, {"city": "town"}, content_type="application/json").status_code == 403


def test_two_runs_are_compared_on_the_api(
    town: SimpleNamespace, compute: Callable[..., Any], browse: Callable[..., Client]
) -> None:
    night, day = compute(town, ["night", "day"])
    lin = browse()
    told = lin.get(f"/api/v1/runs/{night.ref}/compare/", {"with": day.ref, "level": 2}).json()
    assert [one["code"] for one in told["differences"]] == ["time_of_day"]
    assert [one["gap_change"] for one in told["totals"]] == [-50]
    assert {one["area"]: one["gap_change"] for one in told["areas"]} == {"T1": -20, "T2": -30}
    assert lin.get(f"/api/v1/runs/{night.ref}/compare/", {"with": night.ref}).status_code == 422
    assert lin.get(f"/api/v1/runs/{night.ref}/compare/").status_code == 404
    assert lin.get(f"/api/v1/runs/{night.ref}/compare/", {"with": day.ref, "level": 9}).status_code == 400


def test_a_job_of_a_batch_is_cancelled_by_the_job(
    town: SimpleNamespace, browse: Callable[..., Client]
) -> None:
    lin = browse()
    told = lin.post(API, {"city": "town"}, content_type="application/json").json()
    assert lin.post(f"/api/v1/jobs/{told['job']['ref']}/cancel/").status_code in (200, 202)
    assert Job.objects.get().state == "cancelled"
    assert lin.get(f"{API}{told['batch']}/").json()["failed"] == 2


def test_commands_tell_the_same(town: SimpleNamespace) -> None:
    def said(*words: str) -> Any:
        out = io.StringIO()
        call_command(*words, "--json", stdout=out, stderr=io.StringIO())
        return json.loads(out.getvalue())

    told = said("batch", "--city", "town", "--all", "--times", "night,day", "--service", SERVICE, "--inline")
    assert told["counts"] == {"done": 2, "waiting": 0, "refused": 0, "failed": 0}
    assert [row["rank"] for row in told["rows"]] == [1, 2]
    night, day = (
        next(row["run"] for row in told["rows"] if row["time_of_day"] == at) for at in ("night", "day")
    )
    assert said("compare_runs", night, day)["totals"][0]["need_change"] == -50
    swept = said(
        "batch", "--sweep", f"{town.scenario.ref}:displaced_share:0.1:0.2:2", "--times", "night", "--inline"
    )
    assert {row["value"] for row in swept["rows"]} == {0.1, 0.2}
    for words_ in (
        ["batch", "--scenarios", "S-0"], ["batch", "--times", "noon"], ["batch", "--sweep", f"{town.scenario.ref}:x"],
        ["compare_runs", night, "R-0"], ["compare_runs", night, night],
    ):  # fmt: skip
        with pytest.raises(CommandError):
            call_command(*words_, stdout=io.StringIO())


def test_commands_say_it_in_lines(town: SimpleNamespace, capsys: Any) -> None:
    Scenario.objects.update(displaced_share=None)
    call_command("batch", "--times", "night", "--inline")
    assert "refused: The share of the affected who leave home is missing." in capsys.readouterr().out
    Scenario.objects.update(displaced_share=0.5)
    call_command("batch", "--inline")
    assert "115" in capsys.readouterr().out
    refs = list(Run.objects.filter(state="done").order_by("pk").values_list("ref", flat=True))
    call_command("compare_runs", *refs)
    assert "time_of_day" in capsys.readouterr().out
