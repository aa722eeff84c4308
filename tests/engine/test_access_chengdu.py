"""The Gaussian score of the Chengdu study: the engine against a second program, and both against what was published."""

from pathlib import Path

import numpy as np
import pytest

from engine.access import Decay, two_step, two_step_straight
from engine.crs import LocalMetric, great_circle_m, to_wgs84
from engine.equity import gini, worst_share
from engine.world import Reach
from tests.engine import chengdu_gaussian as second

# Of the study's own result files (github zwy12341/chengdu-hotel-shelter-integration@499d1e3): the mean over the 4,857
# hexes of Ai_A (shelters) and of Ai_improve (what hotels add at 0.7), and the people in each band with both.
PUBLISHED = {
    "day": (1.3014187758379077, 0.03670863653331317),
    "night": (1.4060174744804759, 0.0631608542302073),
}
PUBLISHED_BANDS = {
    "day": [0.028045672969435876, 0.20402734938118747, 0.3958908784776553, 0.37203609917172137],
    "night": [0.09209092259948677, 0.23808601898578638, 0.27266835454613, 0.39715470386859686],
}


@pytest.fixture
def folder(shared_data_dir: Path) -> Path:
    return shared_data_dir / "chengdu"


def layers(folder: Path, datum_right: bool):
    """lon, lat, places, limit of shelters and of hotels; hotels shifted by the engine where they should be."""
    lon, lat, places = second.hotels(folder)
    if datum_right:
        lon, lat = to_wgs84(lon, lat, "GCJ-02")
    return (*second.shelters(folder), second.SHELTER_M), (lon, lat, places, second.HOTEL_M)


@pytest.mark.parametrize("time_of_day", ["day", "night"])
@pytest.mark.parametrize("to_zero", [False, True])
@pytest.mark.parametrize("datum_right", [False, True])
def test_both_programs_give_every_hex_the_same_score(folder, time_of_day, to_zero, datum_right):
    lon, lat, people = second.hexes(folder, time_of_day)
    assert len(people) == 4_857
    *wanted, _people = second.score(folder, time_of_day, second.on_plane, to_zero, datum_right)
    for (x, y, places, limit), theirs in zip(layers(folder, datum_right), wanted, strict=True):
        decay = Decay.gaussian(limit, second.BETA, to_zero=to_zero)
        ours, _ratio = two_step_straight(
            x * second.EAST_M,
            y * second.NORTH_M,
            lon * second.EAST_M,
            lat * second.NORTH_M,
            people,
            places,
            decay,
        )
        # The last term: places that two programs shift from GCJ-02 are equal to a thousandth of a millimetre.
        assert np.allclose(ours, theirs, rtol=1e-9, atol=1e-9 * theirs.mean() if datum_right else 0)


@pytest.mark.parametrize("time_of_day", ["day", "night"])
def test_the_published_scores_come_out_again(folder, time_of_day):
    base, extra, people = second.published(folder, time_of_day)
    assert (base.mean(), extra.mean()) == pytest.approx(PUBLISHED[time_of_day], rel=1e-12)
    shares = list(second.bands(base + extra, people).values())
    assert shares == pytest.approx(PUBLISHED_BANDS[time_of_day], abs=1e-12)
    # and from the engine, on great circles held as float32 metres
    lon, lat, _people = second.hexes(folder, time_of_day)
    ours = np.zeros(len(people))
    for x, y, places, limit in layers(folder, datum_right=False):
        far = great_circle_m(x[:, None], y[:, None], lon, lat) * (second.SPHERE_M / 6_371_008.8)
        near = far <= limit
        reach = Reach(np.concatenate([[0], near.sum(axis=1).cumsum()]), np.nonzero(near)[1], far[near])
        ours += two_step(reach, people, places, Decay.gaussian(limit, second.BETA))[0]
    assert np.allclose(ours, base + extra, rtol=1e-5)
    assert list(second.bands(ours, people).values()) == pytest.approx(shares, abs=1e-12)


@pytest.mark.parametrize("time_of_day", ["day", "night"])
def test_on_the_plane_of_the_platform_the_bands_hold(folder, time_of_day):
    """Where the platform measures, transverse Mercator around the city, bands move by less than 0.1 % of the people."""
    lon, lat, people = second.hexes(folder, time_of_day)
    *theirs, _people = second.score(folder, time_of_day, second.on_sphere, to_zero=False)
    plane = LocalMetric(104.1, 30.7)
    ours = np.zeros(len(people))
    for x, y, places, limit in layers(folder, datum_right=True):
        given = *plane.forward(x, y), *plane.forward(lon, lat), people, places, Decay.gaussian(limit)
        ours += two_step_straight(*given)[0]
    told, wanted = (list(second.bands(score, people).values()) for score in (ours, sum(theirs)))
    assert told == pytest.approx(wanted, abs=0.005)
    assert people @ ours == pytest.approx(9_474_161 + 290_393.6, rel=0.01)
    assert 0.2 < gini(ours, people) < 0.5
    assert worst_share(ours, people) < 0.6
