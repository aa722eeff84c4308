"""The range of need and gap: what is uncertain, what the draws say, by area, and the same by another way."""

import json
import re
from dataclasses import replace
from io import StringIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.contrib.gis.geos import MultiPolygon
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from core.errors import DomainError
from core.models import Job
from core.services import jobs
from engine.coverage import score_world
from engine.uncertainty import draw
from planning.bridge.asked import frozen_of, question_of
from planning.bridge.uncertain import uncertain_inputs
from planning.bridge.world import build_situation
from planning.models import (
    Analysis,
    AreaRange,
    AreaResult,
    HazardLayer,
    HazardZone,
    PopulationLayer,
    Run,
    Standard,
)
from planning.selectors.ranges import newest_range, ranges_of
from planning.services import plans
from planning.services.analyses import start_analysis
from planning.services.runs import situation_of
from tests.planning.test_groups import told_apart
from tests.planning.town import box

__all__ = ["told_apart"]

DISPLACED = {"displaced_share": {"low": 0.3, "high": 0.8, "source": "worked example", "certainty": "C"}}


def ranged(run: Run, **params: Any) -> Analysis:
    """The range of a run, computed here."""
    analysis, job = start_analysis(user=None, run=run, kind="range", params=params)
    if job is not None:
        jobs.perform(job.ref)
        job.refresh_from_db()
        assert job.state == "done", job.error
    analysis.refresh_from_db()
    return analysis


def uncertain(town: SimpleNamespace, **facts: Any) -> None:
    town.scenario.rate_facts = facts
    town.scenario.save()


@pytest.fixture
def shaky(town: SimpleNamespace) -> SimpleNamespace:
    """The town with a range on the share that leaves home, on the ratio, and on how many people there are."""
    uncertain(town, **DISPLACED)
    Standard.objects.update(ratio_low=0.9, ratio_high=1.2)
    PopulationLayer.objects.filter(code="night").update(error_share=0.1, error_share_district=0.05)
    return town


def test_the_middle_of_the_range_is_the_run_itself_in_every_area(shaky, compute):
    (run,) = compute(shaky)
    ranged(run, draws=200)
    results = {row.area_id: row for row in AreaResult.objects.filter(run=run)}
    rows = ranges_of(run)
    assert len(rows) == len(results) == 3
    for (service, area), row in rows.items():
        assert service == shaky.service.pk
        assert (row.need, row.gap) == (results[area].need, results[area].gap)
    city = rows[shaky.service.pk, shaky.root.pk]
    assert (city.need, city.gap) == (115, 55)
    assert city.need_p10 < 115 < city.need_p90
    assert city.gap_p10 < 55 < city.gap_p90


def test_every_percentile_is_that_of_towns_scored_one_by_one(town, compute):
    """The second way: the scenario is changed by hand, a world is built and scored for each draw."""
    uncertain(town, **DISPLACED)
    Standard.objects.update(ratio_low=0.9, ratio_high=1.2)
    (run,) = compute(town)
    analysis = ranged(run, draws=100, seed=7)
    values = draw(uncertain_inputs(situation_of(run)).inputs, 100, 7)
    assert [one["key"] for one in analysis.facts["inputs"]] == [
        "displaced_share",
        f"standard.{town.service.code}.ratio",
    ]
    question, west = question_of(run), {cell.pk for cell in town.cells[:2]}
    need, gap = np.zeros((2, 100, 3), np.int64)
    for d, (share, ratio) in enumerate(values):
        scenario = question.scenario | {"displaced_share": share}
        standards = [row | {"ratio": ratio, "phases": []} for row in question.standards]
        world = build_situation(
            frozen_of(run), replace(question, scenario=scenario, standards=standards)
        ).world
        score = score_world(world)
        in_west = np.isin(frozen_of(run)["cell_id"], list(west))
        for at, held in enumerate((np.ones(4, bool), in_west, ~in_west)):
            need[d, at], gap[d, at] = score.need[0, held].sum(), score.gap[0, held].sum()
    rows = ranges_of(run)
    for at, area in enumerate((town.root, town.left, town.right)):
        row = rows[town.service.pk, area.pk]
        wanted = [np.percentile(need[:, at], q, method="inverted_cdf") for q in (10, 50, 90)]
        assert [row.need_p10, row.need_p50, row.need_p90] == wanted
        wanted = [np.percentile(gap[:, at], q, method="inverted_cdf") for q in (10, 50, 90)]
        assert [row.gap_p10, row.gap_p50, row.gap_p90] == wanted


def test_where_everything_is_in_proportion_the_middle_draw_is_the_run_within_one_percent(town, compute):
    for layer in town.layers.values():
        for count in layer.counts.all():
            count.people *= 1000
            count.save()
    uncertain(town, displaced_share={"low": 0.2, "high": 0.8})
    (run,) = compute(town)
    ranged(run)
    city = ranges_of(run)[town.service.pk, town.root.pk]
    assert city.need == 115_000
    assert city.need_p50 == pytest.approx(city.need, rel=0.01)
    # A tenth of the draws lies below 0.2 + 0.3 x sqrt(0.2) = 0.334, a tenth above 0.8 - 0.3 x sqrt(0.2) = 0.666.
    assert city.need_p10 == pytest.approx(230_000 * 0.33416, rel=0.005)
    assert city.need_p90 == pytest.approx(230_000 * 0.66584, rel=0.005)


def test_the_same_seed_gives_the_same_answer_and_another_gives_another(shaky, compute):
    (run,) = compute(shaky)
    first = ranged(run, draws=200, seed=3)
    told = first.facts["services"]
    assert ranged(run, draws=200, seed=3).pk == first.pk
    Analysis.objects.all().delete()
    assert ranged(run, draws=200, seed=3).facts["services"] == told
    assert ranged(run, draws=200, seed=4).facts["services"] != told


def test_drivers_say_what_moves_the_gap_and_how_far(shaky, compute):
    (run,) = compute(shaky)
    said = ranged(run, draws=400).facts["services"][shaky.service.code]
    first, *others = said["drivers"]["need"]
    assert first["key"] == "displaced_share"
    # 230 people x 0.3 and x 0.8, all else in the middle.
    assert (first["low"], first["high"], first["swing"]) == (69, 184, 115)
    assert {one["key"] for one in others} == {
        f"standard.{shaky.service.code}.ratio", "population.night", "population.night.districts",
    }  # fmt: skip
    assert sum(one["share"] for one in said["drivers"]["need"]) == pytest.approx(1, abs=0.06)
    assert first["share"] > 0.8
    gap = said["drivers"]["gap"][0]
    assert gap["key"] == "displaced_share"
    assert gap["low"] < said["gap"] < gap["high"]


def test_what_has_no_range_is_listed_and_not_varied(town, compute):
    uncertain(town, **DISPLACED)
    (run,) = compute(town)
    facts = ranged(run, draws=100).facts
    assert [one["key"] for one in facts["inputs"]] == ["displaced_share"]
    assert {one["key"]: one["value"] for one in facts["fixed"]} == {
        "affected_share": 1.0, f"standard.{town.service.code}.ratio": 1.0, "population.night": 1.0,
    }  # fmt: skip


def test_where_nothing_is_uncertain_the_range_is_the_number(town, compute):
    (run,) = compute(town)
    analysis = ranged(run)
    assert analysis.facts["varied"] is False
    for row in ranges_of(run).values():
        assert row.need == row.need_p10 == row.need_p50 == row.need_p90
        assert row.gap == row.gap_p10 == row.gap_p50 == row.gap_p90
    assert analysis.facts["services"][town.service.code]["drivers"] == {"need": [], "gap": []}


def test_a_share_is_never_drawn_beyond_everybody(town, compute):
    uncertain(town, affected_share={"low": 0.9, "high": 1.4})
    (run,) = compute(town)
    ranged(run, draws=200)
    assert ranges_of(run)[town.service.pk, town.root.pk].need_p90 == 115


def test_the_error_of_a_layer_moves_all_districts_alike_and_that_of_a_district_only_its_own(town, compute):
    PopulationLayer.objects.filter(code="night").update(error_share=0.5)
    (run,) = compute(town)
    ranged(run, draws=400)
    alike = ranges_of(run)
    spread = lambda row: row.need_p90 - row.need_p10  # noqa: E731
    left, right, city = (alike[town.service.pk, area.pk] for area in (town.left, town.right, town.root))
    assert spread(city) == pytest.approx(spread(left) + spread(right), abs=2)
    PopulationLayer.objects.filter(code="night").update(error_share=None, error_share_district=0.5)
    (run,) = compute(town)
    ranged(run, draws=400)
    apart = ranges_of(run)
    left, right, city = (apart[town.service.pk, area.pk] for area in (town.left, town.right, town.root))
    assert spread(city) < spread(left) + spread(right) - 5


def test_rates_of_a_zone_class_are_varied_class_by_class(town, compute):
    """c1 lies in the shallow zone, c2 in the deep one, the rest is dry."""
    layer = HazardLayer.objects.create(city=town.city, code="flood100", name="洪水", hazard="flood")
    for klass, severity, ground in (
        ("shallow", 1, box(-60, -60, 60, 60)),
        ("0.5 m", 2, box(340, -60, 470, 60)),
    ):
        HazardZone.objects.create(
            layer=layer, klass=klass, severity=severity, geometry=MultiPolygon(ground, srid=4326)
        )
    town.scenario.extent, town.scenario.hazard_layer, town.scenario.hazard = "zones", layer, "flood"
    town.scenario.close_inside_zone = False
    town.scenario.displaced_share = 0.4
    town.scenario.zone_rates = {"0.5 m": {"affected": 1, "displaced": 0.5}}
    uncertain(town, **{"zone_rates.0.5 m.displaced": {"low": 0.2, "high": 0.9}})
    (run,) = compute(town)
    facts = ranged(run, draws=100).facts
    assert [one["key"] for one in facts["inputs"]] == ["zone_rates.0.5 m.displaced"]
    assert {"affected_share", "displaced_share"} < {one["key"] for one in facts["fixed"]}
    (driver,) = facts["services"][town.service.code]["drivers"]["need"]
    assert (driver["low"], driver["high"]) == (40 + 12, 40 + 54)


def test_multipliers_and_shares_of_phases_are_varied(town, compute):
    Standard.objects.update(phase="d4_15")
    town.scenario.multipliers = {town.service.code: 2.0}
    town.scenario.stay_shares = {"d4_15": 0.5}
    uncertain(
        town,
        **{
            f"multipliers.{town.service.code}": {"low": 1, "high": 3},
            "stay_shares.d4_15": {"low": 0.2, "high": 1},
        },
    )
    (run,) = compute(town)
    said = ranged(run, draws=200).facts["services"][town.service.code]
    assert said["need"] == 115
    assert {(one["key"], one["low"], one["high"]) for one in said["drivers"]["need"]} == {
        (f"multipliers.{town.service.code}", 58, 173), ("stay_shares.d4_15", 46, 230),
    }  # fmt: skip


def test_best_assignments_are_scored_draw_by_draw(shaky, compute):
    (run,) = compute(shaky, assignment="best")
    ranged(run, draws=100)
    city = ranges_of(run)[shaky.service.pk, shaky.root.pk]
    assert (city.need, city.gap) == (115, AreaResult.objects.get(run=run, area=shaky.root).gap)


def test_inputs_of_a_templates_model_are_varied_and_what_it_works_out_only_through_them(town, compute):
    """20 to 130 places for 10,000 residents, 60 in the middle: 230 residents x 1,000 make 1,380 places."""
    for layer in town.layers.values():
        for count in layer.counts.all():
            count.people *= 1000
            count.save()
    Standard.objects.update(driver="residents")
    town.scenario.template, code = "epidemic_tier", town.service.code
    town.scenario.model = {"places_per_10000": 60.0, "home_isolation_share": 0.0, "service": code}
    uncertain(
        town,
        **{
            "model.places_per_10000": {"low": 20, "high": 130, "certainty": "B"},
            f"ratio_overrides.{code}": {"low": 0.001, "high": 0.5},
        },
    )
    (run,) = compute(town)
    facts = ranged(run, draws=200).facts
    assert [one["key"] for one in facts["inputs"]] == ["model.places_per_10000"]
    assert {one["key"] for one in facts["fixed"]} == {"model.home_isolation_share", "population.night"}
    said = facts["services"][code]
    (driver,) = said["drivers"]["need"]
    assert (driver["low"], said["need"], driver["high"]) == (460, 1380, 2990)
    assert said["need_p50"] == pytest.approx(1380, rel=0.01)


def test_what_only_barrier_free_places_may_serve_is_kept_apart_in_every_draw(told_apart, compute):
    uncertain(told_apart, **DISPLACED)
    (run,) = compute(told_apart)
    ranged(run, draws=100)
    for row in AreaResult.objects.filter(run=run):
        found = ranges_of(run)[told_apart.service.pk, row.area_id]
        assert (found.need, found.gap) == (row.need, row.gap)
    analysis = newest_range(run)
    (driver,) = analysis.facts["services"][told_apart.service.code]["drivers"]["gap"]
    question = question_of(run)
    for share, gap in ((0.3, driver["low"]), (0.8, driver["high"])):
        world = build_situation(
            frozen_of(run), replace(question, scenario=question.scenario | {"displaced_share": share})
        ).world
        assert world.grouped and score_world(world).gap.sum() == gap


def test_the_run_of_a_plan_has_a_range_with_the_plans_own_places(shaky, compute):
    runs = compute(shaky)
    version = plans.suggest_plan(
        user=None, city=shaky.city, runs=runs, budget_fen=100_000, name="方案", time_limit_seconds=5
    )
    jobs.perform(version.job.ref)
    after = Run.objects.get(plan_version=version)
    ranged(after, draws=100)
    ranged(runs[0], draws=100)
    key = (shaky.service.pk, shaky.root.pk)
    before, now = ranges_of(runs[0])[key], ranges_of(after)[key]
    assert now.gap == AreaResult.objects.get(run=after, area=shaky.root).gap < before.gap
    assert (now.need_p10, now.need_p90) == (before.need_p10, before.need_p90)
    assert now.gap_p50 < before.gap_p50


def test_too_many_draws_for_a_large_city_are_refused_in_words(shaky, compute, monkeypatch):
    (run,) = compute(shaky)
    monkeypatch.setattr("planning.services.analysis_range.MOST_WALKED", {"nearest": 100})
    _analysis, job = start_analysis(user=None, run=run, kind="range", params={})
    assert job is not None
    jobs.perform(job.ref)
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "range-too-large")
    assert newest_range(run) is None


@pytest.mark.parametrize(
    "params", [{"draws": 99}, {"draws": 10_001}, {"draws": "many"}, {"seed": -1}, {"much": 1}]
)
def test_settings_that_cannot_be_are_refused(town, compute, params):
    (run,) = compute(town)
    with pytest.raises(DomainError):
        start_analysis(user=None, run=run, kind="range", params=params)


def test_a_finished_run_gets_its_range_by_itself_once(shaky, compute, settings):
    from planning.services import auto_ranges

    settings.AUTO_RANGE_MAX_CELLS = 10
    (run,) = compute(shaky)
    waiting = Job.objects.get(kind="analyse")
    assert waiting.queue == "bulk"
    auto_ranges.queue_ranges([run.ref])
    assert Job.objects.filter(kind="analyse").count() == 1
    jobs.perform(waiting.ref)
    auto_ranges.queue_ranges([run.ref])
    assert Job.objects.filter(kind="analyse").count() == 1
    assert AreaRange.objects.count() == 3
    assert newest_range(run).params == {"draws": 1000, "seed": 1}


def test_a_large_city_gets_no_range_unasked(shaky, compute, settings):
    settings.AUTO_RANGE_MAX_CELLS = 3
    compute(shaky)
    assert not Analysis.objects.exists()


# --- page, API, command ----------------------------------------------------------------------------


@pytest.fixture
def browse(person):
    def sign_in(name="lin", role="planner", area=None, language="en"):
        client = Client(headers={"accept-language": language})
        client.force_login(person(name, role, area))
        return client

    return sign_in


def words(answer: Any) -> str:
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", answer.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text).replace("\xa0", " ").replace("&nbsp;", " "))


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_page_shows_the_range_before_and_after_it_is_computed(shaky, compute, browse, language):
    (run,) = compute(shaky)
    lin, address = browse(language=language), f"/runs/{run.ref}/analyses/range/"
    assert "hx-post" in lin.get(address).content.decode()
    lin.post(address, {"draws": "200", "seed": "5"})
    jobs.perform(Job.objects.get(kind="analyse").ref)
    page = lin.get(address)
    assert page.status_code == 200
    city = ranges_of(run)[shaky.service.pk, shaky.root.pk]
    assert f"{city.gap_p10}–{city.gap_p90}" in words(page)
    if language == "en":
        assert "eight draws of ten" in words(page) and "The run itself says 55" in words(page)
        assert "Share of the affected who leave home" in words(page) and "no range given" in words(page)


def test_a_person_of_one_district_reads_its_own_range_and_no_total(shaky, compute, browse):
    (run,) = compute(shaky)
    ranged(run, draws=100)
    page = words(browse("wang", "viewer", shaky.left).get(f"/runs/{run.ref}/analyses/range/"))
    assert "In West the gap lies between" in page
    assert "East" not in page and "How sure" not in page


def test_the_page_says_so_when_nothing_is_uncertain(town, compute, browse):
    (run,) = compute(town)
    ranged(run)
    assert "Nothing this run rests on has a range" in words(browse().get(f"/runs/{run.ref}/analyses/range/"))


def test_ranges_are_listed_by_area_over_the_api_and_the_run_points_to_them(shaky, compute, person):
    (run,) = compute(shaky)
    client = APIClient()
    client.force_authenticate(person("lin", "planner"))
    assert client.get(f"/api/v1/runs/{run.ref}/").json()["range"] is None
    ref = ranged(run, draws=100).ref
    assert client.get(f"/api/v1/runs/{run.ref}/").json()["range"] == ref
    (row,) = client.get(
        f"/api/v1/analyses/{ref}/ranges/", {"area": "T1", "service": shaky.service.code}
    ).json()["results"]
    assert (row["code"], row["level"], row["need"]) == ("T1", 2, 80)
    assert row["gap_p10"] <= row["gap_p50"] <= row["gap_p90"]
    assert client.get(f"/api/v1/analyses/{ref}/hours/").status_code == 404
    facts = client.get(f"/api/v1/analyses/{ref}/").json()["facts"]
    assert facts["inputs"][0]["label"] == "Share of the affected who leave home"
    other = APIClient()
    other.force_authenticate(person("wang", "viewer", shaky.left))
    assert [one["code"] for one in other.get(f"/api/v1/analyses/{ref}/ranges/").json()["results"]] == ["T1"]
    assert other.get(f"/api/v1/analyses/{ref}/").json()["facts"] is None


def test_the_command_ends_with_one_line_of_rows_drivers_and_seconds(
    shaky, django_capture_on_commit_callbacks
):
    out = StringIO()
    call_command(
        "score", "--scenario", shaky.scenario.ref, "--time", "night", "--draws", "100", "--inline", "--json",
        stdout=out,
    )  # fmt: skip
    told = json.loads(out.getvalue().strip().splitlines()[-1])
    assert {row["code"] for row in told["areas"]} == {"T", "T1", "T2"}
    first = next(row for row in told["areas"] if row["code"] == "T" and row["measure"] == "need")
    assert first["deterministic"] == 115 and first["p10"] < first["p50"] < first["p90"]
    assert (first["service"], first["time_of_day"], first["scenario"]) == (
        shaky.service.code, "night", shaky.scenario.ref,
    )  # fmt: skip
    assert told["drivers"][0]["key"] == "displaced_share" and told["seconds"] >= 0
    told_people = StringIO()
    call_command(
        "score", "--scenario", shaky.scenario.ref, "--time", "night", "--draws", "100", "--inline",
        stdout=told_people,
    )  # fmt: skip
    assert "P90" in told_people.getvalue() and "of the spread" in told_people.getvalue()
