"""The official tables as a workbook: every figure is the database's, in both languages, only as far as one may see."""

import io

import openpyxl
import pytest
from django.contrib.gis.geos import MultiPolygon
from django.core.management import call_command
from django.utils import translation
from rest_framework.test import APIClient

from core.models import User
from planning.models import (
    AreaResult,
    Batch,
    BatchRun,
    FacilityResult,
    HazardLayer,
    HazardZone,
    Scenario,
    Standard,
    StandardProfile,
)
from planning.services.demand import Asked, DemandRows, areas_seen
from planning.services.tables_export import HEAD_ROW, tables_of_batch, tables_of_run
from tests.planning.test_demand import ranged, told  # noqa: F401
from tests.planning.town import SERVICE, box, standard


@pytest.fixture(autouse=True)
def in_english():
    """A request before leaves its own language behind."""
    with translation.override("en"):
        yield


@pytest.fixture
def run(told, compute):  # noqa: F811
    told.run, told.day = compute(told, ["night", "day"])
    ranged(told.run, told)
    return told


def sheets(content):
    """{"T4": [{head: value}]}, by the code that a sheet's name begins with."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    found = {}
    for sheet in book:
        rows = list(sheet.iter_rows(values_only=True))
        if not sheet.title.startswith("T"):
            found["notes"] = rows
            continue
        heads = rows[HEAD_ROW]
        found[sheet.title.split()[0]] = [dict(zip(heads, row, strict=True)) for row in rows[HEAD_ROW + 2 :]]
        assert sheet.freeze_panes and sheet.auto_filter.ref
    return found


def test_every_figure_of_demand_and_gaps_is_the_databases(run):
    found = sheets(tables_of_run(user=None, run=run.run).content)
    assert {row["Run"] for row in found["T4"]} == {run.run.ref, run.day.ref}
    for one in (run.run, run.day):
        held = {row.area.code: row for row in AreaResult.objects.filter(run=one).select_related("area")}
        t4 = {row["Area code"]: row for row in found["T4"] if row["Run"] == one.ref}
        t5 = {row["Area code"]: row for row in found["T5"] if row["Run"] == one.ref}
        assert set(t4) == set(t5) == set(held)
        for code, row in held.items():
            assert (t4[code]["Need"], t4[code]["People counted"]) == (row.need, row.people)
            assert [t5[code][name] for name in ("Demand", "Served", "Late", "No room", "Out of reach", "Gap")] == [
                row.need, row.served, row.late, row.no_room, row.out_of_reach, row.gap,
            ]  # fmt: skip
            assert t5[code]["Coverage"] == (pytest.approx(row.served / row.need) if row.need else None)
    rows = DemandRows(run.run, areas_seen(run.run, None), Asked(parts=frozenset({"group"})))
    night = {row["Area code"]: row for row in found["T4"] if row["Run"] == run.run.ref}
    heads = {
        "age_0_14": "Need, aged 0–14", "age_15_59": "Need, aged 15–59", "age_60_up": "Need, aged 60 and over",
        "age_65_up": "Need, aged 65 and over", "barrier_free": "Need, barrier-free",
    }  # fmt: skip
    assert len(rows) == 15
    for row in rows:
        assert night[row.area.code][heads[row.group]] == row.need


def test_supply_rank_range_and_coverage_are_worked_out_by_hand(run):
    rows = {
        row["Area code"]: row
        for row in sheets(tables_of_run(user=None, run=run.run).content)["T5"]
        if row["Run"] == run.run.ref
    }
    # A 60 in the West; B 30 in the East, late but usable; C's agreement has lapsed
    assert {code: row["Supply"] for code, row in rows.items()} == {"T": 90, "T1": 60, "T2": 30}
    counts = sum(
        FacilityResult.objects.filter(run=run.run, reason="counts").values_list("capacity", flat=True)
    )
    assert rows["T"]["Supply"] == counts
    assert {code: row["Rank"] for code, row in rows.items()} == {"T": 1, "T1": 2, "T2": 1}
    assert (rows["T1"]["Gap, low (P10)"], rows["T1"]["Gap, high (P90)"]) == (15, 27)
    assert rows["T1"]["Coverage"] == 0.75


def test_scenarios_have_a_row_for_each_class_of_ground(told, compute):  # noqa: F811
    layer = HazardLayer.objects.create(
        city=told.city,
        code="flood",
        name="洪水",
        hazard="flood",
        return_period_years=100,
        source="worked example",
    )
    HazardZone.objects.create(
        layer=layer, klass="deep", severity=3, geometry=MultiPolygon(box(-100, -100, 100, 100))
    )
    HazardZone.objects.create(
        layer=layer, klass="shallow", severity=1, geometry=MultiPolygon(box(300, -100, 1100, 100))
    )
    Scenario.objects.update(
        extent="zones", hazard_layer=layer, affected_share=None, displaced_share=None, duration_hours=48,
        zone_rates={"deep": {"affected": 1, "displaced": 0.6}, "shallow": {"affected": 0.5, "displaced": 0.1}},
        rate_facts={"zone_rates.deep.displaced": {"low": 0.4, "high": 0.8, "source": "field survey", "clause": "p. 3", "certainty": "B"}},
    )  # fmt: skip
    told.scenario.refresh_from_db()
    rows = {
        row["Level or class"]: row
        for row in sheets(tables_of_run(user=None, run=compute(told)[0]).content)["T3"]
    }
    assert set(rows) == {"deep", "shallow"}
    deep, shallow = rows["deep"], rows["shallow"]
    assert (deep["Severity"], deep["Return period"], deep["Lasts"]) == (3, 100, 48)
    assert deep["Affected area"] == pytest.approx(0.04, rel=0.01) and shallow[
        "Affected area"
    ] == pytest.approx(0.16, rel=0.01)
    assert (deep["Population base"], shallow["Population base"]) == (100, 100)
    assert (deep["People who leave home"], shallow["People who leave home"]) == (60, 5)
    assert [deep[name] for name in ("Leave home", "Lowest", "Highest", "Source", "Certainty")] == [
        0.6, 0.4, 0.8, "field survey", "B",
    ]  # fmt: skip
    assert shallow["Source"] == "worked example" and shallow["Lowest"] is None


def test_assumptions_name_local_overrides_and_who_approved_them(told, compute):  # noqa: F811
    wang = User.objects.create_user(username="wang", password="not-a-secret", name="王俊", name_en="Wang Jun")
    StandardProfile.objects.filter(pk=told.profile.pk).update(status="published")
    city = StandardProfile.objects.create(code="city", name="本市", name_en="Our city", parent=told.profile)
    standard(
        city, told.service, ratio=1.5, reason="older houses", reviewed_by=wang, ratio_source="city decree"
    )
    StandardProfile.objects.filter(pk=city.pk).update(status="published", reviewed_by=wang)
    east = StandardProfile.objects.create(
        code="east", name="东区", name_en="East", level="district", parent=city, area=told.right
    )
    standard(east, told.service, ratio=2.0, reason="no family near", ratio_source="district survey")
    StandardProfile.objects.filter(pk=east.pk).update(status="published", reviewed_by=wang)
    city.refresh_from_db()
    rows = sheets(tables_of_run(user=None, run=compute(told, profile=city)[0]).content)["T13"]
    ratio = next(row for row in rows if row["What"].startswith("Ratio, "))
    assert (ratio["Value"], ratio["Value above"], ratio["Local override"], ratio["Reason"]) == (
        1.5,
        1,
        "yes",
        "older houses",
    )
    assert (ratio["Approved by"], ratio["Source"]) == ("Wang Jun", "city decree")
    own = next(row for row in rows if row["What"] == "Ratio of a district")
    assert (own["Value"], own["Value above"], own["Reason"], own["Source"]) == (
        2,
        1.5,
        "no family near",
        "district survey",
    )
    assert own["Approved by"] == "Wang Jun"
    shares = {row["What"]: row["Value"] for row in rows}
    assert (shares["Share affected"], shares["Share of the affected who leave home"]) == (1, 0.5)
    assert [row["Value"] for row in rows if row["What"] == "Reach"] == [500]


def test_notes_name_run_snapshot_and_engine(run):
    notes = sheets(tables_of_run(user=None, run=run.run).content)["notes"]
    said = [str(value) for row in notes for value in row if value is not None]
    for wanted in (
        run.run.ref,
        run.day.ref,
        run.run.snapshot.sha256[:12],
        run.run.engine_version,
        "AN-9",
        "The whole city.",
    ):
        assert wanted in said, wanted
    assert any("synthetic" in words for words in said)


def test_a_name_that_looks_like_a_formula_stays_words(run):
    run.left.name_en = run.left.name = "=1+1"
    run.left.save()
    book = openpyxl.load_workbook(io.BytesIO(tables_of_run(user=None, run=run.run).content))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value == "=1+1"]
    assert cells and all(cell.data_type == "s" for cell in cells)


def test_one_districts_workbook_holds_nothing_else(run, person, client):
    client.force_login(person("chen", "viewer", run.left))
    answer = client.get(f"/runs/{run.run.ref}/tables.xlsx")
    assert answer.status_code == 200 and run.run.ref in answer["Content-Disposition"]
    found = sheets(answer.content)
    assert {row["Area code"] for name in ("T4", "T5") for row in found[name]} == {"T1"}
    assert found["T3"][1]["Population base"] == 160 and found["T5"][0]["Rank"] == 1
    said = [str(value) for row in found["notes"] for value in row if value]
    assert "Only these areas: West." in said


def test_the_workbook_speaks_the_readers_language_on_page_api_and_command(run, person, client, tmp_path):
    client.force_login(person("lin", "planner"))
    for answer in (
        client.get(f"/runs/{run.run.ref}/tables.xlsx", headers={"accept-language": "zh-hans"}),
        client.get(f"/api/v1/runs/{run.run.ref}/tables/?format=xlsx", headers={"accept-language": "zh-hans"}),
    ):
        assert answer.status_code == 200
        book = openpyxl.load_workbook(io.BytesIO(answer.content))
        values = {str(cell.value) for row in book.worksheets[2].iter_rows() for cell in row if cell.value}
        assert "短期固定避难场所" in values and "Short fixed shelter" not in values
    call_command("export_tables", run.run.ref, str(tmp_path / "t.xlsx"), "--language", "en")
    assert len(sheets((tmp_path / "t.xlsx").read_bytes())["T4"]) == 6


def test_a_batch_of_runs_is_one_workbook_in_its_order(run, person, client):
    batch = Batch.objects.create(city=run.city, ref="B-1", name="两次", profile=run.profile)
    for position, one in enumerate([run.day, run.run]):
        BatchRun.objects.create(batch=batch, run=one, position=position)
    book = tables_of_batch(user=None, batch=batch)
    rows = sheets(book.content)["T4"]
    assert (
        book.name.startswith("B-1") and [row["Run"] for row in rows] == [run.day.ref] * 3 + [run.run.ref] * 3
    )
    client.force_login(person("lin", "planner"))
    for address in ("/batches/B-1/tables.xlsx", "/api/v1/batches/B-1/tables/?format=xlsx"):
        assert sheets(client.get(address).content)["T4"] == rows
    client.force_login(person("eve", ""))
    for address in ("/batches/B-1/tables.xlsx", "/api/v1/batches/B-1/tables/"):
        assert client.get(address).status_code == 404
    # what both share is told once
    reach = [row for row in sheets(book.content)["T13"] if row["What"] == "Reach"]
    assert len(reach) == 1 and Standard.objects.filter(service__code=SERVICE).count() == 1


def test_a_refused_run_has_no_tables(town, compute):
    Scenario.objects.update(displaced_share=None)
    town.scenario.refresh_from_db()
    refused = compute(town)[0]
    from core.errors import DomainError

    with pytest.raises(DomainError, match="finished run"):
        tables_of_run(user=None, run=refused)


def test_the_api_answers_problems_as_problems(run, person):
    program = APIClient()
    program.force_authenticate(person("lin", "planner"))
    answer = program.get("/api/v1/runs/R-0000/tables/?format=xlsx")
    assert answer.status_code == 404 and answer["Content-Type"].startswith("application/problem+json")
