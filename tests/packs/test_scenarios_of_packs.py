"""Scenarios that a pack brings: every field, every problem."""

from collections.abc import Callable
from pathlib import Path

import pytest

from planning.models import Scenario
from planning.services.city_packs import load_city
from tests.packs.conftest import features, square

pytestmark = pytest.mark.django_db
AFTER = 'times_of_day = ["night"]\n'
MORE = """seeking_share = 0.4
duration_hours = 96
stay_shares = { d4_15 = 0.6 }
multipliers = { short_fixed_shelter = 1.5 }
population_layers = { night = "night" }
close_from_severity = 2
template = "flood"
model = { table = "inasafe_depth" }
[scenarios.rate_facts]
"zone_rates.deep.displaced" = { low = 0.3, high = 0.6, source = "a report", clause = "3", certainty = "B" }
seeking_share = { low = 0.2, high = 0.6 }
"""


def problems_of(refused, path: Path) -> set[tuple[str, str]]:
    return {(problem.code, problem.column) for problem in refused(path)}


def test_a_pack_says_everything_a_scenario_can(pack: Callable[..., Path]) -> None:
    load_city(path=pack(manifest=(AFTER, AFTER + MORE)))
    made = Scenario.objects.get(code="flood")
    assert (made.template, made.model, made.seeking_share, made.duration_hours) == (
        "flood", {"table": "inasafe_depth"}, 0.4, 96,
    )  # fmt: skip
    assert made.stay_shares == {"d4_15": 0.6} and made.multipliers == {"short_fixed_shelter": 1.5}
    assert made.population_layers == {"night": "night"} and made.close_from_severity == 2
    assert made.rate_facts["zone_rates.deep.displaced"] == {
        "low": 0.3, "high": 0.6, "source": "a report", "clause": "3", "certainty": "B",
    }  # fmt: skip
    assert made.versions.get().document["seeking_share"] == 0.4


def test_a_second_reading_keeps_the_version_before(pack: Callable[..., Path]) -> None:
    load_city(path=pack())
    load_city(path=pack(manifest=("displaced = 0.5", "displaced = 0.4")))
    made = Scenario.objects.get(code="flood")
    told = {row.version: row.document["zone_rates"]["deep"]["displaced"] for row in made.versions.all()}
    assert told == {1: 0.5, 2: 0.4}


def test_every_bad_number_is_named_at_once(pack: Callable[..., Path], refused) -> None:
    bad = (
        MORE.replace("0.4\n", "1.4\n", 1)
        .replace("d4_15 = 0.6", "week = 0.6")
        .replace("low = 0.3", "low = 0.7")
        .replace('certainty = "B"', 'certainty = "Z"')
        .replace("seeking_share = { low", '"zone_rates.wet.displaced" = { low')
        .replace('"inasafe_depth"', '"noah"')
        .replace("duration_hours = 96", "duration_hours = -1")
    )
    at = "scenarios.flood."
    assert problems_of(refused, pack(manifest=(AFTER, AFTER + bad))) == {
        ("share_invalid", f"{at}seeking_share"), ("choice_unknown", f"{at}stay_shares.week"),
        ("range_turned", f"{at}rate_facts.zone_rates.deep.displaced"),
        ("choice_unknown", f"{at}rate_facts.zone_rates.deep.displaced.certainty"),
        ("place_unknown", f"{at}rate_facts.zone_rates.wet.displaced"),
        ("choice_unknown", f"{at}model.table"), ("hours_invalid", f"{at}duration_hours"),
    }  # fmt: skip
    unknown = MORE.replace('template = "flood"', 'template = "meteor"')
    assert problems_of(refused, pack(manifest=(AFTER, AFTER + unknown))) == {
        ("choice_unknown", f"{at}template")
    }


def test_a_rate_for_a_class_the_layer_does_not_have_is_named(pack: Callable[..., Path], refused) -> None:
    wrong = ("zone_rates = { deep =", "zone_rates = { abyss = { displaced = 0.1 }, deep =")
    assert problems_of(refused, pack(manifest=wrong)) == {
        ("choice_unknown", "scenarios.flood.zone_rates.abyss")
    }
    assert not Scenario.objects.exists()


DRAWN = ('extent = "zones"', 'extent = "drawn"\npath = "ground.geojson"\ndatum = "WGS-84"')


def test_drawn_ground_is_read_from_its_file(pack: Callable[..., Path]) -> None:
    path = pack(manifest=DRAWN, **{"ground.geojson": features(({}, square(104.0, 30.0, 104.1, 30.1)))})
    load_city(path=path)
    made = Scenario.objects.get(code="flood")
    assert made.extent == "drawn" and made.drawn.extent == pytest.approx((104.0, 30.0, 104.1, 30.1))


def test_drawn_ground_without_a_file_or_datum_is_refused(pack: Callable[..., Path], refused) -> None:
    without = ('extent = "zones"', 'extent = "drawn"')
    assert problems_of(refused, pack(manifest=without)) == {("key_missing", "scenarios.flood.path")}
    assert ("file_missing", "") in problems_of(refused, pack(manifest=DRAWN))
    path = pack(
        manifest=(DRAWN[0], DRAWN[1].replace('\ndatum = "WGS-84"', "")),
        **{"ground.geojson": features(({}, square(104.0, 30.0, 104.1, 30.1)))},
    )
    assert "datum_missing" in {code for code, _column in problems_of(refused, path)}
